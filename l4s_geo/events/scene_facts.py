"""What is to be known of a scene to give it its place in an event: tile, day, extent, files.

The names of Sentinel-2's products and of STAC items tell tile and day; all else a scene's own metadata tell, without a
pixel being read.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import shapely
from pyproj import Transformer

from l4s_geo.address import is_network
from l4s_geo.bands import find_band
from l4s_geo.errors import EventError
from l4s_geo.events.event_file import EventScene
from l4s_geo.grid import Grid
from l4s_geo.output.identity import local_files
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.mosaic import mosaic_in, siblings_of
from l4s_geo.sources.safe import is_safe
from l4s_geo.sources.sensor import Sensor
from l4s_geo.sources.zarr import is_zarr
from l4s_geo.stack.input_files import files_of
from l4s_geo.stack.open import gdal_settings

__all__ = ["Bounds", "SceneFacts", "describe", "expanded", "ground_of", "named"]

Bounds = tuple[float, float, float, float]
"""West, south, east and north, in degrees; east may exceed 180."""

_TILE = re.compile(r"(?<![A-Za-z0-9])T?(\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])(?![A-Za-z0-9])")
_DAY = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?:T\d{6})?(?![A-Za-z0-9])")
_DOCUMENTS = (".dim", ".json", ".geojson")
_RASTERS = (".tif", ".tiff", ".vrt", ".jp2", ".h5")
_SIDE_POINTS = 20
_HALF = 180.0


@dataclass(frozen=True)
class SceneFacts:
    """What is known of a scene without its pixels; JSON-serialisable by `asdict`."""

    source: str
    """What the engine opens."""
    name: str
    """Its name in messages."""
    product: str = ""
    """The product's identifier, as its metadata give it; "" without."""
    tile: str = ""
    """Sentinel-2's tile, like "54TWN"; "" if nothing tells it."""
    day: str = ""
    """When it was taken, YYYY-MM-DD; "" if nothing tells it."""
    taken: str = ""
    """The time, ISO 8601, as far as it is known."""
    bounds: Bounds | None = None
    """West, south, east and north of its ground, in degrees; east may exceed 180. None if that is not known."""
    files: tuple[str, ...] = ()
    """Its files and folders on this machine."""
    clear: float | None = None
    """Share of the event's area that it shows clearly, if a search found out."""

    def facts(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> SceneFacts:
        """Take up what `facts` gave."""
        bounds = facts["bounds"]
        return cls(**{**facts, "bounds": bounds and tuple(bounds), "files": tuple(facts["files"])})


def named(text: str) -> tuple[str, str]:
    """Return the tile and the day that a name tells, each "" if it does not.

    Args:
        text: a name like ``S2A_MSIL2A_20180915T012651_N0208_R074_T54TWN_20180915T050102`` (product) or
            ``S2A_54TWN_20180915_0_L2A`` (STAC item), or the path or address of such a thing.
    """
    name = re.split(r"[?#]", text)[0].rstrip("/").rpartition("/")[2]
    tile, day = _TILE.search(name), _DAY.search(name)
    return (tile[1].zfill(5) if tile else ""), ("-".join(day.groups()) if day and _is_day(*day.groups()) else "")


def expanded(entry: EventScene, where: str) -> list[str]:
    """Return the scenes that an entry stands for.

    Args:
        entry: a scene, a pattern, or a folder of scenes.
        where: begins the messages.

    Raises:
        EventError: it stands for none.
    """
    source = entry.source
    if is_network(source) or source.startswith("/vsi") or ':"' in source:
        return [source]
    if has_magic(source) and not os.path.exists(source):
        found = sorted(glob(source))
        if not found:
            raise EventError(f"{where} names {source}, which stands for no file; correct the pattern.")
        return _without_parts(found)
    path = Path(source)
    if not path.exists():
        raise EventError(f"{where} names {source}, which does not exist; correct the path, which counts from the file.")
    return _inside(path, where) if path.is_dir() else [source]


def describe(source: str, known: Mapping[str, Any], sensor: Sensor = "auto", bands: Any = None) -> SceneFacts:
    """Find out where and when a scene was taken, and of which files it is made; no pixel is read.

    Args:
        source: the scene.
        known: what an event file says of it: tile, date and bbox make it needless to ask an address.
        sensor: as for `l4s_geo.map_scene`.
        bands: as for `l4s_geo.map_scene`.

    Raises:
        SceneError: it is no scene, damaged, or of another sensor.
    """
    tile, day = named(source)
    tile, day = str(known.get("tile") or tile).removeprefix("T"), str(known.get("date") or day)[:10]
    clear = known.get("clear")
    share = float(clear) if isinstance(clear, int | float) and not isinstance(clear, bool) else None
    bounds = _bounds_of(known.get("bbox"))
    if is_network(source) and tile and day:
        name = re.split(r"[?#]", source)[0].rstrip("/").rpartition("/")[2]
        return SceneFacts(source, name, tile=tile, day=day, bounds=bounds, clear=share)
    with gdal_settings():
        scene = open_scene(source, bands, sensor)
        taken = scene.acquisition.acquired or (scene.dated.value if scene.dated else "")
        for name in (scene.acquisition.product, scene.name):
            told = named(name)
            tile, day = tile or told[0], day or told[1]
        refs = [*scene.bands.values(), *([scene.classes] if scene.classes else [])]
        files = _files(source, [ref.path for ref in refs])
    return SceneFacts(
        source,
        scene.name,
        product=scene.acquisition.product,
        tile=tile,
        day=str(known.get("date") or taken or day)[:10],
        taken=taken,
        bounds=ground_of(scene.grid),
        files=files,
        clear=share,
    )


def ground_of(grid: Grid) -> Bounds | None:
    """Return west, south, east and north of a grid in degrees, east beyond 180 if it crosses the date line.

    Returns:
        None if the grid lies nowhere.
    """
    if grid.is_local:
        return None
    outline = shapely.segmentize(shapely.box(*grid.bounds), max(grid.bounds[2] - grid.bounds[0], 1e-9) / _SIDE_POINTS)
    forward = Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
    x, y = forward.transform(*shapely.get_coordinates(outline).T)
    if not all(map(math.isfinite, (*x, *y))):
        return None
    if max(x) - min(x) > _HALF:
        x = [lon + 2 * _HALF if lon < 0 else lon for lon in x]
    return float(min(x)), float(min(y)), float(max(x)), float(max(y))


def _bounds_of(value: Any) -> Bounds | None:
    """Return a STAC item's bbox, of which heights are left aside; None if it is none."""
    if not isinstance(value, list) or len(value) not in (4, 6):
        return None
    if any(isinstance(part, bool) or not isinstance(part, int | float) or not math.isfinite(part) for part in value):
        return None
    half = len(value) // 2
    west, south, east, north = (float(value[place]) for place in (0, 1, half, half + 1))
    return west, south, east + (2 * _HALF if east < west else 0), north


def _files(source: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files of this machine that a scene is read from; a folder that is one product stands for all in it."""
    given = local_files(source)
    if len(given) == 1 and (given[0].is_file() or is_safe(given[0])):
        beside = [] if is_safe(given[0]) else _found(paths)
        return tuple(dict.fromkeys(map(str, [*given, *beside])))
    return tuple(dict.fromkeys(map(str, _found(paths))))


def _found(paths: Iterable[str]) -> list[Path]:
    return [file for path in dict.fromkeys(paths) for file in files_of(path)]


def _without_parts(found: Iterable[str]) -> list[str]:
    """Return files, and for tiles of one export the pattern that stands for all of them."""
    wholes: dict[str, None] = {}
    for path in found:
        siblings = siblings_of(path)
        wholes[siblings[0] if siblings else path] = None
    return list(wholes)


def _inside(folder: Path, where: str) -> list[str]:
    """Return the scenes in a folder, or the folder itself if it is one.

    Raises:
        EventError: there is none.
    """
    items = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
    products = [] if folder.suffix.lower() == ".safe" else [item for item in items if _is_product(item)]
    if products:
        return list(map(str, products))
    bands = any(_band_files(folder)) or any(re.fullmatch(r"R?\d+m", item.name) for item in items)
    if bands or is_safe(folder) or is_zarr(folder) or mosaic_in(folder):
        return [str(folder)]
    kinds: tuple[Callable[[Path], bool], ...] = (
        lambda item: item.suffix.lower() in _DOCUMENTS and item.is_file(),
        lambda item: item.is_dir() and any(_band_files(item)),
        lambda item: item.suffix.lower() in _RASTERS and item.is_file(),
    )
    for kind in kinds:
        if found := [str(item) for item in items if kind(item)]:
            return _without_parts(found)
    raise EventError(
        f"{where} names the folder {folder}, which holds no scene; expected Sentinel-2 products, folders of band files "
        "or rasters in it."
    )


def _is_product(item: Path) -> bool:
    """Whether something in a folder is a product of Sentinel-2."""
    return is_safe(item) if item.is_dir() or item.suffix.lower() == ".zip" else False


def _band_files(folder: Path) -> Iterator[Path]:
    yield from (item for item in folder.iterdir() if item.suffix.lower() in _RASTERS and find_band(item.stem))


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True

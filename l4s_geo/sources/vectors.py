"""Polygons of vector files, read feature by feature: only those that meet a grid.

Files are local, and of the formats of `DRIVERS` or GeoParquet. Whatever else GDAL knows (databases, services, SQL,
documents that point to other files) is never tried. A format with a spatial index is not even read outside the grid.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from l4s_geo.address import is_network, shown
from l4s_geo.errors import L4SError, SceneError
from l4s_geo.grid import LOCAL, Grid

__all__ = ["DRIVERS", "Features", "is_elsewhere", "is_vector", "read_features", "read_polygons", "vector_file"]

PathLike = str | os.PathLike[str]
Box = tuple[float, float, float, float]

DRIVERS = ("GPKG", "GeoJSON", "ESRI Shapefile", "FlatGeobuf", "KML", "OpenFileGDB")
"""GDAL's names of the formats that are read."""

_FORMATS = "GeoPackage, GeoJSON, Shapefile or a zip of one, FlatGeobuf, KML, file geodatabase, GeoParquet"
_SUFFIXES = (".gpkg", ".geojson", ".shp", ".zip", ".fgb", ".kml", ".gdb", ".parquet")
_LAYER = "|layername="
_QGIS = re.compile(r"\|(layername|layerid|subset|geometrytype|uniquegeometrytype)=", re.IGNORECASE)
_CONNECTION = re.compile(r"[A-Za-z]\w+:")
_MOST_LAYERS = 1000
_MARGIN = 0.01
_MOST_LONGITUDE, _MOST_LATITUDE = 720.0, 91.0
_NEAR = 1.0
"""Polygons that reach farther than so many sizes of the grid beyond it are clipped before they are transformed."""
_POLYGON_TYPES = ("Polygon", "MultiPolygon")
_UNREADABLE = (OSError, ValueError, TypeError, ProjError, shapely.errors.ShapelyError, zipfile.BadZipFile)


@dataclass(frozen=True)
class _Layer:
    """A layer of an open vector file."""

    crs: pyproj.CRS | None
    """None if the file does not say where it lies."""
    shapes: Callable[[Sequence[Box]], Iterable[shapely.Geometry]]
    """Gives the geometries whose bounds meet one of some boxes in the layer's CRS; all for no box."""
    table: Callable[[Sequence[str] | None], tuple[NDArray[np.object_], Mapping[str, NDArray[Any]]]]
    """Reads all geometries at once, None where a feature has none, with those of some attributes that there are, or
    with all for None."""
    bounds: Box | None
    """The outer borders of all, in the layer's CRS; None if there is none."""


@dataclass(frozen=True)
class Features:
    """The polygons of a layer, as many as it has features with one."""

    what: str
    """The file's part in the run and its name, for messages."""
    crs: pyproj.CRS
    """The layer's CRS."""
    shapes: NDArray[np.object_]
    """(n,) valid polygons and multipolygons, without heights."""
    ids: NDArray[np.int64]
    """(n,) the attribute `id`, else the feature's place in the layer, from 1 on."""
    others: int
    """Features with another geometry, points or lines."""
    repaired: int
    """How many of the polygons were invalid."""
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """(n,) values by name of the attributes that were asked for and are there, of whatever type the file gives them."""


def vector_file(source: PathLike) -> str:
    """Return the file of a source that may name a layer: FILE of ``FILE|layername=NAME``."""
    return _split(source)[0]


def is_elsewhere(source: PathLike) -> bool:
    """Whether a source is no file of this machine, but an address on the web or the name of a database."""
    path, _ = _split(source)
    return not Path(path).exists() and (is_network(path) or _CONNECTION.match(path) is not None)


def is_vector(source: PathLike) -> bool:
    """Whether a source is a file of one of the vector formats that are read, by its suffix or else by its content."""
    path, _ = _split(source)
    if shown(path).lower().endswith(_SUFFIXES):
        return True
    try:
        with _opened(path):
            return True
    except _UNREADABLE:
        return False


def read_polygons(source: PathLike, grid: Grid, what: str, error: type[L4SError] = SceneError) -> NDArray[np.object_]:
    """Read the polygons of a vector file that meet a grid.

    Polygons inside collections, curves and surfaces count; heights and measures are left aside, invalid polygons are
    repaired, points and lines are passed over. The vertices of a polygon are brought to the grid's CRS; of one that
    reaches far beyond the grid (a country, an ocean), only what is near the grid is, with its sides bent as they must
    be.

    Args:
        source: a vector file in any CRS; ``FILE|layername=NAME``, as QGIS writes it, if the file has several layers.
        grid: the grid.
        what: the file's part in the run, for messages ("mask", "inventory").
        error: class to raise.

    Returns:
        (n,) valid shapely polygons in the grid's CRS; none if no polygon of the file meets the grid.

    Raises:
        L4SError: the file does not exist, is damaged or of no such format, has several layers of which none was
            chosen, has no CRS, or holds no polygon at all.
    """
    path, choice = _split(source)
    _require_there(path, what, error)
    with _layer(path, choice, what, error) as layer:
        boxes, forward = _way(layer.crs, grid, f"{what} {path}", error)
        _check_degrees(layer, f"{what} {path}", error)
        found = [polygon for shape in layer.shapes(boxes) for polygon in _polygons_of(shape)]
        if not found:
            _require_polygons(layer.shapes(()), f"{what} {path}", error)
    shapes = np.empty(len(found), object)
    shapes[:] = found
    try:
        return _meeting(_moved(shapes, forward, boxes) if forward else shapes, grid)
    except shapely.errors.ShapelyError as cause:
        raise error(
            f"The {what} {path} holds a polygon that makes no sense ({cause}); it seems to be damaged, so copy or "
            "download it again."
        ) from cause


def read_features(
    source: PathLike,
    what: str,
    error: type[L4SError] = SceneError,
    attributes: Sequence[str] | None = (),
    local: bool = False,
) -> Features:
    """Read all polygons of a vector file, each feature as one.

    Args:
        source: a vector file in any CRS; ``FILE|layername=NAME`` if the file has several layers.
        what: the file's part in the run, for messages.
        error: class to raise.
        attributes: names of attributes to read besides; None for all.
        local: whether a file without a CRS lies in the local coordinates of a scene that has no others
            (`l4s_geo.grid.LOCAL`).

    Raises:
        L4SError: the file does not exist, is damaged or of no such format, has several layers of which none was
            chosen, has no CRS, or holds other geometries but no polygon. A layer without features is none.
    """
    path, choice = _split(source)
    _require_there(path, what, error)
    if any(mark in path for mark in ";!"):  # pyogrio takes what follows for parameters or a place in an archive
        raise error(f"The {what} {path} has ; or ! in its path, which cannot be read whole; rename it.")
    with _layer(path, choice, what, error) as layer:
        crs = pyproj.CRS.from_wkt(LOCAL.to_wkt()) if layer.crs is None and local else layer.crs
        if crs is None:
            raise _without_crs(f"{what} {path}", error)
        _check_degrees(layer, f"{what} {path}", error)
        try:
            given, table = layer.table(None if attributes is None else ["id", *attributes])
        except _UNREADABLE as cause:
            raise error(
                f"The {what} {path} cannot be read to its end ({cause}); it seems to be damaged, so copy or download "
                "it again."
            ) from cause
    given = shapely.force_2d(given)
    there = ~(shapely.is_missing(given) | shapely.is_empty(given))
    valid = shapely.is_valid(given)
    shapes = np.array([_only_polygons(shape) for shape in np.where(valid, given, shapely.make_valid(given))], object)
    kept = there & ~shapely.is_missing(shapes)
    if there.any() and not kept.any():
        _require_polygons(given[there], f"{what} {path}", error)
    whole = "id" in table and table["id"].dtype.kind in "iu"
    return Features(
        what=f"{what} {path}",
        crs=crs,
        shapes=shapes[kept],
        ids=(table["id"].astype(np.int64) if whole else np.arange(1, len(given) + 1))[kept],
        others=int((there & ~kept).sum()),
        repaired=int((kept & ~valid).sum()),
        attributes={n: table[n][kept] for n in (table if attributes is None else attributes) if n in table},
    )


def _only_polygons(shape: shapely.Geometry | None) -> shapely.Geometry | None:
    """What is a polygon of a valid geometry; None if nothing is."""
    if shape is None or shape.geom_type in _POLYGON_TYPES:
        return shape
    parts = [part for found in _polygons_of(shape) for part in shapely.get_parts(found)]
    return shapely.MultiPolygon(parts) if parts else None


def _require_there(path: str, what: str, error: type[L4SError]) -> None:
    """Refuse a source that is no file of this machine."""
    if is_elsewhere(path):
        raise error(
            f"The {what} {path} is no file of this machine; vector files are read from disk alone, never from the "
            "web or a database, so download or export it and give its path."
        )
    if not os.path.exists(path):  # also of a name that is too long
        raise error(f"The {what} {path} does not exist; give a vector file of polygons.")


def _way(crs: pyproj.CRS | None, grid: Grid, what: str, error: type[L4SError]) -> tuple[list[Box], Transformer | None]:
    """Find the way from a file's CRS to a grid: boxes around the grid in that CRS, and the transformation if any."""
    if crs is None:
        if grid.is_local:
            return [grid.bounds], None
        raise _without_crs(what, error)
    if grid.is_local:
        raise error(
            f"The {what} is in {crs.name} and the scene has no coordinates; expected polygons without a CRS, in metres "
            "from the scene's upper left corner (10 a pixel, y negative downwards)."
        )
    target = pyproj.CRS.from_wkt(grid.crs.to_wkt())
    try:
        return _boxes(grid, target, crs), Transformer.from_crs(crs, target, always_xy=True)
    except ProjError as cause:
        raise error(
            f"The {what} is in {crs.name} and cannot be brought to {grid.crs_name} ({cause}); check its CRS."
        ) from cause


def _without_crs(what: str, error: type[L4SError]) -> L4SError:
    return error(
        f"The {what} has no coordinate reference system; expected one, so assign it first (ogr2ogr -a_srs EPSG:… "
        "placed.gpkg FILE)."
    )


def _boxes(grid: Grid, crs: pyproj.CRS, target: pyproj.CRS) -> list[Box]:
    """Boxes in a CRS that hold a grid: three, since longitudes may be counted from anywhere; none if there is none."""
    west, south, east, north = Transformer.from_crs(crs, target, always_xy=True).transform_bounds(*grid.bounds)
    if not np.isfinite([west, south, east, north]).all():
        return []
    if not target.is_geographic:
        return [_grown((west, south, east, north), _MARGIN)]
    if east < west:
        east += 360
    return [_grown((west + turn, south, east + turn, north), _MARGIN) for turn in (-360, 0, 360)]


def _grown(box: Box, share: float) -> Box:
    """A box grown on each side by a share of its longer one."""
    west, south, east, north = box
    margin = share * max(east - west, north - south)
    return west - margin, south - margin, east + margin, north + margin


def _moved(shapes: NDArray[np.object_], forward: Transformer, boxes: Sequence[Box]) -> NDArray[np.object_]:
    """Bring polygons to the grid's CRS; those that reach far beyond the boxes around the grid are clipped before."""
    if boxes:
        near = shapely.union_all([shapely.box(*_grown(box, _NEAR)) for box in boxes])
        far = ~shapely.covered_by(shapely.box(*shapely.bounds(shapes).T), near)
        clipped = shapely.intersection(shapely.make_valid(shapes[far]), near)
        west, south, east, north = boxes[0]
        shapes = shapes.copy()
        shapes[far] = shapely.segmentize(clipped, max(east - west, north - south) / 100)
    moved: NDArray[np.object_] = shapely.transform(shapes, forward.transform, interleaved=False)
    placed: NDArray[np.object_] = moved[np.isfinite(shapely.bounds(moved)).all(axis=1)]
    return placed


def _meeting(shapes: NDArray[np.object_], grid: Grid) -> NDArray[np.object_]:
    """The valid polygons of shapes that meet a grid."""
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(shapes)))
    polygons = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    box = shapely.box(*grid.bounds)
    shapely.prepare(box)
    meeting: NDArray[np.object_] = polygons[shapely.intersects(box, polygons)]
    return meeting


def _polygons_of(shape: shapely.Geometry) -> Iterator[shapely.Geometry]:
    """The polygons and multipolygons in a geometry, without heights."""
    if shape.geom_type == "GeometryCollection":
        for part in shape.geoms:
            yield from _polygons_of(part)
    elif shape.geom_type in _POLYGON_TYPES and not shape.is_empty:
        yield shapely.force_2d(shape)


def _require_polygons(shapes: Iterable[shapely.Geometry], what: str, error: type[L4SError]) -> None:
    kinds = set()
    for shape in shapes:
        if next(_polygons_of(shape), None) is not None:
            return
        kinds.add(shape.geom_type)
    raise error(f"The {what} holds no polygon but {', '.join(sorted(kinds)) or 'nothing'}; expected polygons.")


def _split(source: PathLike) -> tuple[str, dict[str, str]]:
    """Split ``FILE|layername=NAME``; QGIS adds ``|layerid=…``, ``|subset=…`` and ``|geometrytype=…``."""
    text = os.fspath(source)
    path, *rest = _QGIS.split(text)
    return (text, {}) if Path(text).exists() else (path, dict(zip(map(str.lower, rest[::2]), rest[1::2], strict=True)))


@contextmanager
def _layer(path: str, choice: Mapping[str, str], what: str, error: type[L4SError]) -> Iterator[_Layer]:
    """Open a layer of a file: the one chosen by name or number, or the only one."""
    if "subset" in choice:
        raise error(
            f"The {what} {path} is given with QGIS's filter {choice['subset']}, which is no part of the file; expected "
            "all of its polygons, so leave the filter out, or export the filtered layer."
        )
    if path.lower().endswith(".parquet"):
        yield _geoparquet(path, what, error)
        return
    with ExitStack() as files:
        try:
            collection = files.enter_context(_opened(path))
            names = _layer_names(path, collection)
            name = choice.get("layername", _numbered(path, choice.get("layerid")))
            chosen = name if name is not None else names[0] if len(names) == 1 else None
            if chosen in names and chosen != collection.name:
                collection = files.enter_context(_opened(path, chosen))
            crs = _crs(collection)
            bounds = collection.bounds if len(collection) else None
        except _UNREADABLE as cause:
            raise error(
                f"The {what} {path} cannot be read as a vector file ({cause.__cause__ or cause}); expected polygons as "
                f"{_FORMATS}."
            ) from cause
        if len(names) > 1 and name is None:
            raise error(
                f"The {what} {path} has the layers {', '.join(names)}; expected one, so choose it: "
                f"'{path}{_LAYER}{names[0]}', in quotes."
            )
        if name is not None and name not in names:
            raise error(f"The {what} {path} has no layer {name}; expected one of {', '.join(names)}.")
        yield _Layer(
            crs,
            lambda boxes: _read(collection, boxes, f"{what} {path}", error),
            lambda names: _read_table(collection, names),
            bounds,
        )


def _geoparquet(path: str, what: str, error: type[L4SError]) -> _Layer:
    """Read a GeoParquet file whole: GDAL seldom comes with its driver."""
    import geopandas as gpd

    try:
        frame = gpd.read_parquet(path)
        geometry = frame.geometry
    except _UNREADABLE as cause:
        raise error(f"The {what} {path} cannot be read as GeoParquet ({cause}); give a vector file.") from cause
    known: NDArray[np.object_] = geometry[geometry.notna()].to_numpy()

    def shapes(boxes: Sequence[Box]) -> NDArray[np.object_]:
        near = shapely.union_all([shapely.box(*box) for box in boxes])
        meeting: NDArray[np.object_] = known[shapely.intersects(near, known)] if boxes else known
        return meeting

    def table(names: Sequence[str] | None) -> tuple[NDArray[np.object_], Mapping[str, NDArray[Any]]]:
        return geometry.to_numpy(), _columns(frame, names)

    crs = geometry.crs if _is_defined(geometry.crs) else None
    return _Layer(crs, shapes, table, tuple(geometry.total_bounds) if len(geometry) else None)


def _opened(path: str, layer: str | int | None = None) -> Any:
    """Open a layer of a file with fiona, the first by default; whatever is no file of `DRIVERS` is an error."""
    import fiona

    place = Path(path).absolute()
    suffix = place.suffix.lower()
    if place.is_dir() and suffix != ".gdb":
        raise ValueError("it is a folder")
    if suffix == ".shp":
        _check_length(place)
    source = f"/vsizip/{place}/{_shapefiles(place)}" if suffix == ".zip" else place
    return fiona.open(source, layer=layer, enabled_drivers=list(DRIVERS), allow_unsupported_drivers=True)


def _shapefiles(path: Path) -> str:
    """Where in a zip its Shapefile is, or its only folder of them; the top if there is none."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".shp")]
    folders = {name.rpartition("/")[0] for name in names}
    return names[0] if len(names) == 1 else folders.pop() if len(folders) == 1 else ""


def _check_length(path: Path) -> None:
    """Check that a Shapefile is all there: GDAL passes over what is missing at its end."""
    with path.open("rb") as file:
        words = int.from_bytes(file.read(28)[24:], "big")
    if path.stat().st_size < 2 * words:
        raise ValueError(f"it has {path.stat().st_size} of {2 * words} bytes, so copy or download it again")


def _numbered(path: str, number: str | None) -> str | None:
    """Return the name of the layer of a number, counted from 0 on."""
    if number is None:
        return None
    with _opened(path, int(number)) as layer:
        return str(layer.name)


def _layer_names(path: str, first: Any) -> list[str]:
    """Names of the layers that have geometries; `first` is the first of all, open."""
    names = [first.name] if first.schema["geometry"] != "None" else []
    if first.driver == "GeoJSON":
        return names
    for index in range(1, _MOST_LAYERS):
        try:
            with _opened(path, index) as other:
                names += [other.name] if other.schema["geometry"] != "None" else []
        except ValueError:
            break
    return names


def _check_degrees(layer: _Layer, what: str, error: type[L4SError]) -> None:
    """Refuse coordinates in metres that are said to be degrees, as GeoJSON without ``crs`` says by itself."""
    if layer.bounds is None or layer.crs is None or not layer.crs.is_geographic:
        return
    west, south, east, north = layer.bounds
    if max(abs(west), abs(east)) > _MOST_LONGITUDE or max(abs(south), abs(north)) > _MOST_LATITUDE:
        raise error(
            f"The {what} reaches from {west:.0f}, {south:.0f} to {east:.0f}, {north:.0f} and says that these are "
            "degrees, as GeoJSON without crs does; expected longitudes and latitudes, so assign the CRS that they are "
            "in (ogr2ogr -a_srs EPSG:… placed.gpkg FILE)."
        )


def _crs(collection: Any) -> pyproj.CRS | None:
    wkt = collection.crs.to_wkt(version="WKT2_2019") if collection.crs else ""
    crs = pyproj.CRS.from_wkt(wkt) if wkt else None
    return crs if _is_defined(crs) else None


def _is_defined(crs: pyproj.CRS | None) -> bool:
    """Whether a CRS says where it lies; two of GeoPackage do not."""
    return crs is not None and not crs.is_engineering and not crs.name.startswith("Undefined")


def _read(collection: Any, boxes: Sequence[Box], what: str, error: type[L4SError]) -> Iterator[shapely.Geometry]:
    """Read the geometries of an open layer that meet some boxes, each once.

    GDAL goes on after most kinds of damage, so what it says of a file counts.
    """
    log = logging.getLogger("fiona")
    complaints = _Complaints()
    log.addHandler(complaints)
    seen = set()
    try:
        for box in boxes or (None,):
            for number, feature in collection.items(bbox=box):
                if feature.geometry is not None and number not in seen:
                    seen.add(number)
                    yield shapely.geometry.shape(feature.geometry)
        cause = next(iter(complaints.texts), None)
    except _UNREADABLE as damage:
        cause = str(damage)
    finally:
        log.removeHandler(complaints)
    if cause:
        raise error(
            f"The {what} cannot be read to its end ({cause}); it seems to be damaged, so copy or download it again."
        )


def _read_table(collection: Any, names: Sequence[str] | None) -> tuple[NDArray[np.object_], Mapping[str, NDArray[Any]]]:
    """Read an open layer at once, with the library that reads in bulk, from the driver that opened it."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        return _read_bulk(pyogrio, collection, names)
    except (DataSourceError, DataLayerError) as cause:
        raise ValueError(str(cause)) from cause


def _read_bulk(
    pyogrio: Any, collection: Any, names: Sequence[str] | None
) -> tuple[NDArray[np.object_], Mapping[str, NDArray[Any]]]:
    driver = pyogrio.read_info(collection.path, layer=collection.name)["driver"]
    if driver.removeprefix("LIB") != collection.driver.removeprefix("LIB"):  # KML has two drivers: KML and LIBKML
        raise ValueError(f"it is read as {collection.driver} and as {driver}")
    columns = None if names is None else [name for name in names if name in collection.schema["properties"]]
    frame = pyogrio.read_dataframe(collection.path, layer=collection.name, columns=columns)
    return frame.geometry.to_numpy(), _columns(frame, names)


def _columns(frame: Any, names: Sequence[str] | None) -> Mapping[str, NDArray[Any]]:
    """The columns of a table that have one of some names; all but the geometries for None."""
    chosen = [name for name in frame.columns if name != frame.geometry.name] if names is None else names
    return {name: frame[name].to_numpy() for name in chosen if name in frame.columns}


class _Complaints(logging.Handler):
    """Collects the errors that GDAL reports to this thread."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._thread = threading.get_ident()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(record.getMessage())

"""Results of a run as STAC items, so that a catalogue can hold them: one for each inventory and each raster.

An item (https://stacspec.org, 1.1) says where a file lies, what ground it shows, of which time, and how it came about.
It stands beside its file as ``NAME.stac.json``; those of an event are gathered by ``collection.json``, which refers to
them by relative paths, so that the folder can be moved as it is. What the STAC has no field for stands under ``l4s:``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyproj
import rasterio
import shapely
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping

from l4s_geo.address import is_url, shown_all
from l4s_geo.errors import EventError
from l4s_geo.events.area import area_of
from l4s_geo.events.event_file import Event, read_event
from l4s_geo.events.units import UNIT_RASTERS, UNITS
from l4s_geo.inventory.facts import read_facts
from l4s_geo.output.atomic import atomic_write
from l4s_geo.output.siblings import PROVENANCE, RASTERS
from l4s_geo.sources.rasters import grid_of, opened
from l4s_geo.sources.vectors import read_features

if TYPE_CHECKING:
    import pystac

__all__ = ["ITEM", "describe", "item_of", "write_collection", "write_item"]

PathLike = str | os.PathLike[str]

ITEM = ".stac.json"
"""Ends the name of a file's STAC item, after the file's own name."""

_MEDIA = {
    ".gpkg": "application/geopackage+sqlite3",
    ".geojson": "application/geo+json",
    ".fgb": "application/vnd.flatgeobuf",
    ".parquet": "application/vnd.apache.parquet",
    ".shp": "application/vnd.shp",
    **dict.fromkeys(RASTERS, "image/tiff; application=geotiff; profile=cloud-optimized"),
}
_KEPT = ("software", "scene", "bundle", "bundle_version", "bundle_sha256", "threshold", "min_area", "valid_share")


def item_of(path: PathLike, event: Event | None = None, facts: Mapping[str, Any] | None = None) -> pystac.Item:
    """Describe an inventory or a raster.

    Args:
        path: the file.
        event: the event that it is of, if there is one.
        facts: the provenance of the run; by default what the inventory says of itself.

    Returns:
        The item, with the address of its file relative to it.

    Raises:
        EventError: the file cannot be read, is of no format that is written, or lies nowhere on Earth.
    """
    import pystac

    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in _MEDIA:
        raise EventError(f"The file {file} has the suffix {suffix or '(none)'!r}; expected one of {', '.join(_MEDIA)}.")
    raster = suffix in RASTERS
    said: Mapping[str, Any] = facts if facts is not None else _raster_facts(file) if raster else read_facts(file)
    ground = _raster_ground(file) if raster else _inventory_ground(file, said, event)
    properties = {f"l4s:{name}": shown_all(said[name]) for name in _KEPT if said.get(name) not in (None, "")}
    if event is not None:
        properties |= {"l4s:event": event.name, "l4s:event_date": event.days, "l4s:trigger": event.trigger}
        properties |= {"l4s:type": event.type} if event.type else {}
    created = _time(said.get("created"))
    times = _taken(said) or [created or datetime.fromtimestamp(file.stat().st_mtime, UTC)]
    first, last = min(times), max(times)
    item = pystac.Item(
        id=file.name.replace(".", "-"),
        geometry=mapping(ground),
        bbox=list(ground.bounds),
        datetime=first if first == last else None,
        properties=properties,
        start_datetime=None if first == last else first,
        end_datetime=None if first == last else last,
    )
    item.common_metadata.title = f"{'Raster' if raster else 'Landslide inventory'} {file.name}"
    if created is not None:
        item.common_metadata.created = created
    item.add_asset("data", pystac.Asset(f"./{file.name}", media_type=_MEDIA[suffix], roles=["data"]))
    beside = file.with_name(file.name + PROVENANCE)
    if beside.is_file():
        item.add_asset(
            "provenance", pystac.Asset(f"./{beside.name}", media_type="application/json", roles=["metadata"])
        )
    for scene in (*event.before, *event.after) if event is not None else ():
        if is_url(scene.source):
            item.add_link(pystac.Link("derived_from", shown_all(scene.source), "application/geo+json"))
    return item


def write_item(path: PathLike, event: Event | None = None, facts: Mapping[str, Any] | None = None) -> Path:
    """Write the STAC item of a file beside it; see `item_of`.

    Returns:
        The item's file.

    Raises:
        EventError: see `item_of`.
        OutputError: it cannot be written.
    """
    file = Path(path)
    target = file.with_name(file.name + ITEM)
    _write(target, item_of(file, event, facts).to_dict(include_self_link=False))
    return target


def describe(event: PathLike) -> Path:
    """Write STAC items of all inventories and rasters of an event, and the collection that gathers them.

    Args:
        event: the event file; its results are those in its folder `out`.

    Returns:
        The collection's file, ``collection.json`` in that folder.

    Raises:
        EventError: the file cannot be read, or nothing was mapped yet.
        OutputError: an item cannot be written.
    """
    read = read_event(event)
    files = [path for path in sorted(read.out.rglob("*")) if path.suffix.lower() in _MEDIA and path.is_file()]
    merged = read_facts(read.out / f"{read.name}.gpkg").get("units")
    former = set() if merged is None else _units_in(read.out) - set(merged)
    return write_collection(read, [path for path in files if _is_result(path.relative_to(read.out), former)])


def _units_in(out: Path) -> set[str]:
    """Return the names of the units of which there is an inventory in a folder of results."""
    return {path.stem for path in (out / UNITS).glob("*.gpkg")}


def _is_result(path: Path, former: Collection[str]) -> bool:
    """Whether a path is no unfinished work, in a hidden folder, no ground that a unit has seen, and of no former unit.

    Units that an event has no more, since its scenes were changed, leave their files.
    """
    if path.stem.endswith("-seen") or any(part.startswith(".") for part in path.parts):
        return False
    names = {path.stem, *(path.stem.removesuffix(f"-{kind}") for kind in UNIT_RASTERS)}
    return path.parts[0] != UNITS or not names & set(former)


def write_collection(event: Event, files: Iterable[PathLike], folder: PathLike | None = None) -> Path:
    """Write the STAC items of an event's results beside them, and the collection that gathers them.

    Args:
        event: the event.
        files: inventories and rasters, in the folder or below.
        folder: where to write ``collection.json``; the event's own by default.

    Returns:
        The collection's file.

    Raises:
        EventError: there are none, one lies elsewhere, or see `item_of`.
        OutputError: it cannot be written.
    """
    import pystac

    root = Path(event.out if folder is None else folder)
    places = sorted(Path(file).resolve() for file in files)
    if not places:
        raise EventError(f"The event {event.name} has no results to describe; run it first (l4s event run).")
    if strange := [place for place in places if root.resolve() not in place.parents]:
        raise EventError(f"The result {strange[0]} lies outside of {root}; expected it there, so move it.")
    items = {place: item_of(place, event) for place in places}
    west, south, east, north = shapely.union_all([box(*item.bbox) for item in items.values() if item.bbox]).bounds
    begin, end = (datetime.combine(day, time(), UTC) for day in (event.first, event.last))
    end = max([end, *(when for item in items.values() if (when := item.datetime or item.common_metadata.end_datetime))])
    collection = pystac.Collection(
        id=event.name,
        title=f"Landslides of the event {event.name}",
        description=f"Landslides of {event.name} ({event.trigger}, {event.days}), mapped in Sentinel-2 scenes.",
        extent=pystac.Extent(pystac.SpatialExtent([[west, south, east, north]]), pystac.TemporalExtent([[begin, end]])),
        license="other",
    )
    for place, item in items.items():
        # Items may have one name in two folders; in a collection each has its own.
        relative = place.relative_to(root.resolve())
        item.id = "-".join(relative.with_name(item.id).parts)
        item.collection_id = collection.id
        up = "/".join([".."] * (len(relative.parts) - 1)) or "."
        item.add_link(pystac.Link("collection", f"{up}/collection.json", "application/json"))
        collection.add_link(pystac.Link("item", f"./{relative.as_posix()}{ITEM}", "application/geo+json"))
    documents = {
        place.with_name(place.name + ITEM): item.to_dict(include_self_link=False) for place, item in items.items()
    }
    for target, document in documents.items():
        _write(target, document)
    _write(root / "collection.json", collection.to_dict(include_self_link=False))
    return root / "collection.json"


def _write(target: Path, document: Mapping[str, Any]) -> None:
    with atomic_write(target) as part:
        part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _raster_ground(file: Path) -> shapely.Polygon:
    """Return the ground of a raster, in degrees."""
    with opened(str(file), "result", EventError) as dataset:
        grid = grid_of(dataset, "result", EventError)
        return box(*transform_bounds(grid.crs, "EPSG:4326", *dataset.bounds, densify_pts=21))


def _raster_facts(file: Path) -> dict[str, Any]:
    """Return what a raster's own tags say of the run."""
    with rasterio.open(file) as dataset:
        text = dataset.tags().get("l4s", "")
    try:
        facts = json.loads(text) if text else {}
    except ValueError:
        facts = {}
    return facts if isinstance(facts, dict) else {}


def _inventory_ground(file: Path, facts: Mapping[str, Any], event: Event | None) -> shapely.Geometry:
    """Return the mapped ground, in degrees: by the provenance, else the event's, else around the landslides."""
    given = read_features(file, "inventory", EventError, local=True)
    if given.crs.is_engineering:
        raise EventError(
            f"The {given.what} has no coordinates; expected landslides that lie on Earth, so map a georeferenced scene."
        )
    try:
        a, b, c, d, e, f = (float(number) for number in facts["transform"])
        rows, cols = (int(side) for side in facts["shape"])
        affine = rasterio.Affine(a, b, c, d, e, f)
        (west, north), (east, south) = affine @ (0, 0), affine @ (cols, rows)
    except (KeyError, TypeError, ValueError):
        if event is not None:
            return area_of(event)
        if not len(given.shapes):
            raise EventError(
                f"The {given.what} holds no landslide and does not say what ground was mapped; expected one that "
                "l4s-map wrote, so describe that."
            ) from None
        west, south, east, north = shapely.total_bounds(given.shapes)
    way = pyproj.Transformer.from_crs(given.crs, "EPSG:4326", always_xy=True)
    return box(*way.transform_bounds(west, south, east, north, densify_pts=21))


def _taken(facts: Mapping[str, Any]) -> list[datetime]:
    """Return when the scenes of a result were taken, as far as its provenance tells; of a merged one, of its units."""
    units = facts.get("units")
    said = [facts, *(units.values() if isinstance(units, dict) else ())]
    found = [_time(one.get("acquired")) or _time(one.get("day")) for one in said if isinstance(one, Mapping)]
    return [when for when in found if when is not None]


def _time(value: Any) -> datetime | None:
    """Return a time as ISO 8601 writes it; None for nothing or for what is none."""
    try:
        when = datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
    return when if when is None or when.tzinfo else when.replace(tzinfo=UTC)

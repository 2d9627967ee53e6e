"""An inventory in the fields of a landslide catalogue, as points and as outlines in longitude and latitude."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from l4s_geo.errors import EventError
from l4s_geo.events.catalogue_schemas import SCHEMAS, Record, Schema
from l4s_geo.events.event_file import Event, read_event
from l4s_geo.inventory.facts import read_facts
from l4s_geo.inventory.table import SHAPEFILE_NAMES
from l4s_geo.output.claim import claimed
from l4s_geo.output.identity import check_apart
from l4s_geo.output.staging import check_output, destination, staged
from l4s_geo.sources.vectors import Features, read_features, vector_file
from l4s_geo.stack.input_files import files_of

__all__ = ["FORMATS", "export"]

PathLike = str | os.PathLike[str]
Shown = Literal["points", "polygons", "both"]

FORMATS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".csv": "CSV"}
"""GDAL's names of the formats that are written, by suffix."""

_WORDS = ("event", "event_date", "trigger", "event_type", "confidence", "scene", "bundle", "created")
_NUMBERS = ("area_m2", "prob_mean")
_DATES = ("date_before", "date_after")
_SHORT = {**SHAPEFILE_NAMES, "event_date": "event_day"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def export(
    inventory: PathLike,
    *,
    out: PathLike,
    schema: str,
    geometry: Shown | None = None,
    event: PathLike | None = None,
    only_new: bool = False,
) -> int:
    """Write an inventory in the fields of a catalogue.

    Args:
        inventory: the inventory, of any format that is written; ``FILE|layername=NAME`` for one of several layers.
        out: the file: .gpkg, .geojson or .csv.
        schema: the catalogue: "coolr", "uglc" or "usgs", see `l4s_geo.events.catalogue_schemas`.
        geometry: "points", "polygons", or "both", which a GeoPackage holds in two layers and is its default; points
            by default in other formats.
        event: the event file, for name, date, trigger and type of an inventory that does not carry them.
        only_new: whether landslides that were there before are left out, of an inventory that compares two dates.

    Returns:
        The number of landslides.

    Raises:
        EventError: the inventory or the event file cannot be read, the schema is unknown, the landslides lie nowhere on
            Earth, or the format does not hold what is asked for.
        OutputError: the file cannot be written.
    """
    target = Path(out)
    if schema not in SCHEMAS:
        raise EventError(f"There is no catalogue {schema!r}; expected one of {', '.join(SCHEMAS)}.")
    check_output(target, tuple(FORMATS), "catalogue's file", styled=False)
    layers = _layers(geometry, target)
    told = read_event(event) if event is not None else None
    read = {"inventory": files_of(inventory), "event file": [told.path] if told else []}
    check_apart([destination(target)], read)
    records = _records(inventory, told, only_new)
    with claimed(target), staged(target) as (part,):
        if part is not None:
            for layer, shapes in layers.items():
                _write(_frame(records, shapes, SCHEMAS[schema]), part, layer, SCHEMAS[schema])
    return len(records)


def _layers(geometry: str | None, target: Path) -> dict[str, bool]:
    """Return the layers to write, each with whether it holds outlines.

    Raises:
        EventError: the format does not hold them.
    """
    packaged = target.suffix.lower() == ".gpkg"
    asked = geometry or ("both" if packaged else "points")
    if asked not in ("points", "polygons", "both"):
        raise EventError(f"The geometry {asked!r} is unknown; expected points, polygons or both.")
    if asked == "both" and not packaged:
        raise EventError(
            f"A file {target.suffix} holds one layer; expected points or polygons, so give one of them, or write a "
            ".gpkg."
        )
    wanted = ("points", "polygons") if asked == "both" else (asked,)
    return {name: name == "polygons" for name in wanted}


def _records(inventory: PathLike, event: Event | None, only_new: bool) -> list[tuple[Record, shapely.Geometry]]:
    """Read an inventory; return what is known of each landslide, and its outline in degrees."""
    names = [*_WORDS, *_NUMBERS, *_DATES, "is_new"]
    every = [*names, *(_SHORT[name] for name in names if name in _SHORT)]
    given = read_features(inventory, "inventory", EventError, every, local=True)
    if given.crs.is_engineering:
        raise EventError(
            f"The {given.what} has no coordinates; expected landslides that lie on Earth, so map a georeferenced scene."
        )
    way = pyproj.Transformer.from_crs(given.crs, "EPSG:4326", always_xy=True)
    outlines = shapely.transform(given.shapes, way.transform, interleaved=False)
    inside = shapely.transform(shapely.point_on_surface(given.shapes), way.transform, interleaved=False)
    facts, stem = read_facts(inventory), Path(vector_file(inventory)).stem
    new = _column(given, "is_new")
    if only_new and new is None:
        raise EventError(
            f"The {given.what} does not say which landslides are new; expected one of two dates (l4s-map --before), so "
            "leave --only-new out."
        )
    columns = {name: _column(given, name) for name in names}
    found = []
    for row, outline in enumerate(outlines):
        if only_new and new is not None and not bool(new[row]):
            continue
        values = {name: column[row] for name, column in columns.items() if column is not None}
        record = _record(int(given.ids[row]), inside[row], values, facts, stem, event)
        found.append((record, outline))
    return found


def _record(
    number: int,
    point: shapely.Point,
    values: Mapping[str, Any],
    facts: Mapping[str, Any],
    stem: str,
    event: Event | None,
) -> Record:
    """Return what is known of a landslide: by its own attributes, else by the event file, else by the provenance."""
    said = {name: _text(values.get(name)) for name in (*_WORDS, *_DATES)}
    if event is not None:
        own = {"event": event.name, "event_date": event.days, "trigger": event.trigger, "event_type": event.type}
        said |= {name: said[name] or value for name, value in own.items()}
    days = [day for part in said["event_date"].split("/") if (day := _day(part))]
    before, after = _day(said["date_before"]), _day(said["date_after"])
    if not days and before and after:
        days = [before, after]
    scene = said["scene"] or _text(facts.get("scene"))
    bundle = said["bundle"] or " ".join(filter(None, (_text(facts.get("bundle")), _text(facts.get("bundle_version")))))
    software = _text(facts.get("software")) or "l4s-geo"
    return Record(
        number=number,
        shape=point,
        longitude=float(point.x),
        latitude=float(point.y),
        inventory=said["event"] or stem,
        event=said["event"],
        first=days[0] if days else "",
        last=days[-1] if days else "",
        trigger=said["trigger"],
        type=said["event_type"],
        source=", ".join(filter(None, (software, bundle and f"bundle {bundle}", scene and f"scene {scene}"))),
        details=_details(values),
        created=said["created"] or _text(facts.get("created")),
    )


def _details(values: Mapping[str, Any]) -> str:
    area, probability = (_number(values.get(name)) for name in _NUMBERS)
    confidence = _text(values.get("confidence"))
    parts = [
        "" if area is None else f"area {area:.0f} m²",
        "" if probability is None else f"mean probability {probability:.2f}",
        confidence and f"confidence {confidence}",
    ]
    said = ", ".join(filter(None, parts))
    return "Mapped automatically in satellite images" + (f": {said}." if said else ".")


def _frame(records: list[tuple[Record, shapely.Geometry]], outlined: bool, schema: Schema) -> Any:
    """Return the table of a layer."""
    from dataclasses import replace

    import geopandas as gpd
    import pandas as pd

    shapes = [outline if outlined else record.shape for record, outline in records]
    placed = [replace(record, shape=shape) for (record, _), shape in zip(records, shapes, strict=True)]
    columns: dict[str, Any] = {}
    for field in schema.fields:
        values = [field.value(record) if field.value else None for record in placed]
        filled = [None if value == "" else value for value in values]
        whole = all(value is None or isinstance(value, int) for value in filled)
        columns[field.name] = pd.Series(filled, dtype=("Int64" if whole else "float64") if field.number else "str")
    return gpd.GeoDataFrame(columns, geometry=np.array(shapes, object), crs=4326)


def _write(frame: Any, path: Path, layer: str, schema: Schema) -> None:
    """Write a layer.

    Raises:
        OSError: it cannot be written.
    """
    import pyogrio
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    driver = FORMATS[path.suffix.lower()]
    if driver == "CSV":
        frame.drop(columns="geometry").to_csv(path, sep=schema.separator, index=False, encoding="utf-8")
        return
    kind = "Point" if layer == "points" else "MultiPolygon"
    options: dict[str, Any] = {"GPKG": {"VERSION": "1.3"}, "GeoJSON": {"RFC7946": "YES"}}[driver]
    try:
        pyogrio.write_dataframe(
            frame,
            path,
            driver=driver,
            layer=layer,
            geometry_type=kind,
            promote_to_multi=kind == "MultiPolygon",
            append=path.exists(),
            **options,
        )
    except (DataSourceError, FeatureError, GeometryError) as error:
        raise OSError(str(error)) from error


def _column(given: Features, name: str) -> NDArray[Any] | None:
    return given.attributes.get(name, given.attributes.get(_SHORT.get(name, "")))


def _text(value: Any) -> str:
    """Return what a file gives as text; "" for nothing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(value).strip()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _day(text: str) -> str:
    """Return the day of a time as ISO 8601 writes it; "" if it is none."""
    match = _DAY.match(text.strip())
    return match[0] if match else ""

"""The fields of the common landslide catalogues, and what of an inventory fills each.

- **coolr**: NASA's Cooperative Open Online Landslide Repository and its Global Landslide Catalog, the 31 columns of the
  latter's export (https://data.nasa.gov/Earth-Science/Global-Landslide-Catalog-Export/dd9e-wu2v), with the words that
  occur in it (Juang et al. 2019, https://doi.org/10.1371/journal.pone.0218657).
- **uglc**: the Unified Global Landslide Catalogue, the 18 columns of https://github.com/UnibaGEO/UGLC_point, whose
  README defines them and their words (https://doi.org/10.5194/essd-2025-482).
- **usgs**: Landslide Inventories across the United States, version 3.0 (USGS, 2025,
  https://www.sciencebase.gov/catalog/item/671eef1fd34ed0f827ea9f12; Mirus et al. 2020,
  https://doi.org/10.1007/s10346-020-01424-4), 12 columns.

What an inventory does not know, and what the catalogue's keepers assign, stays empty, or has the catalogue's own word
for it. ``docs/deliver.md`` has these tables, and a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import shapely

__all__ = ["SCHEMAS", "Field", "Record", "Schema"]


@dataclass(frozen=True)
class Record:
    """A landslide, with what is known of it."""

    number: int
    """Its number in the inventory."""
    shape: shapely.Geometry
    """Its point or its outline, in degrees."""
    longitude: float
    """Of a point inside it, degrees."""
    latitude: float
    """Of the same point."""
    inventory: str
    """The name of the event, or else of the inventory's file."""
    event: str
    """The name of the event; "" if none is known."""
    first: str
    """The first day on which it may have happened, YYYY-MM-DD; "" if unknown."""
    last: str
    """The last such day."""
    trigger: str
    """What set it off, in the event file's words; "" if unknown."""
    type: str
    """Its type, in the event file's words; "" if unknown."""
    source: str
    """What mapped it, and from what."""
    details: str
    """Its area, probability and the like, as a sentence."""
    created: str
    """When the inventory was made, as ISO 8601 writes it; "" if unknown."""


@dataclass(frozen=True)
class Field:
    """A column of a catalogue."""

    name: str
    """Its name there."""
    filled: str
    """What fills it, for the documentation; "" if it stays empty."""
    value: Callable[[Record], Any] | None = None
    """Returns what fills it; None if it stays empty."""
    number: bool = False
    """Whether it holds numbers."""


@dataclass(frozen=True)
class Schema:
    """The columns of a catalogue, in its order."""

    name: str
    """What the command calls it."""
    title: str
    """The catalogue's name."""
    fields: tuple[Field, ...]
    """Its columns."""
    separator: str = ","
    """What stands between the columns of its text files."""


_COOLR_TRIGGERS = {
    "earthquake": "earthquake",
    "rainfall": "rain",
    "rain": "rain",
    "snowmelt": "snowfall_snowmelt",
    "volcanic": "volcano",
    "unknown": "unknown",
    **{word: word for word in ("construction", "continuous_rain", "dam_embankment_collapse", "downpour", "flooding")},
    **{word: word for word in ("freeze_thaw", "leaking_pipe", "mining", "monsoon", "no_apparent_trigger", "other")},
    **{word: word for word in ("snowfall_snowmelt", "tropical_cyclone", "vibration", "volcano")},
}
_COOLR_TYPES = {
    **{
        word: word
        for word in ("complex", "creep", "debris_flow", "earth_flow", "lahar", "landslide", "mudslide", "other")
    },
    **{word: word for word in ("riverbank_collapse", "rock_fall", "rotational_slide", "snow_avalanche", "topple")},
    "translational_slide": "translational_slide",
    "rockfall": "rock_fall",
    "unknown": "unknown",
}
_UGLC_FACTORS = {
    "earthquake": "seismic (T)",
    "rainfall": "rainfall (T)",
    "rain": "rainfall (T)",
    "snowmelt": "climate (T,P)",
    "volcanic": "volcanic (T)",
    "human": "anthropic (T,P)",
}
_UGLC_TYPES = (
    *("complex", "soil creep", "debris flow", "earth flow", "lahar", "earth slide", "mudslide", "riverbank collapse"),
    *("rock slide", "rock fall", "rotational sliding", "translational sliding", "earth spreading", "rock spreading"),
    *("mud flow", "sinkhole"),
)
_UGLC_UNKNOWN, _UGLC_NO_NUMBER = "ND", -99999
_PIXEL = 10


def _word(text: str) -> str:
    return "_".join(text.lower().replace("-", " ").replace("_", " ").split())


def _coolr_trigger(record: Record) -> str:
    return _COOLR_TRIGGERS.get(_word(record.trigger), "")


def _coolr_type(record: Record) -> str:
    return _COOLR_TYPES.get(_word(record.type), "")


def _one_day(record: Record) -> str:
    return record.first if record.first == record.last else ""


def _uglc_factor(record: Record) -> str:
    return _UGLC_FACTORS.get(_word(record.trigger), _UGLC_UNKNOWN)


def _uglc_type(record: Record) -> str:
    kind = _word(record.type).replace("_", " ")
    return kind if kind in _UGLC_TYPES else _UGLC_UNKNOWN


def _reliability(record: Record) -> int | None:
    if not record.first:
        return None
    return 1 if record.first == record.last else 2


def _description(record: Record) -> str:
    """Return what is known beyond the catalogue's words: of trigger and type, those it has no word for."""
    said = {"trigger": record.trigger, "type": record.type}
    words = "".join(f" {key.capitalize()}: {value}." for key, value in said.items() if value)
    days = f" Between {record.first} and {record.last}." if record.first != record.last else ""
    return f"{record.details}{days}{words}"


_DETAILS = (
    "area, mean probability and class of confidence of the landslide; interval, trigger and type in the event's words"
)

COOLR = Schema(
    "coolr",
    "NASA COOLR / Global Landslide Catalog",
    (
        Field("source_name", "the software, the bundle and the scene", lambda r: r.source),
        Field("source_link", ""),
        Field("event_id", ""),
        Field("event_date", "the day, if the event or the change has one; empty for an interval", _one_day),
        Field("event_time", ""),
        Field("event_title", "name of the event", lambda r: r.event),
        Field("event_description", _DETAILS, _description),
        Field("location_description", ""),
        Field("location_accuracy", '"exact": the place is that of the outline', lambda r: "exact"),
        Field("landslide_category", "type of the event, if the catalogue has a word for it", _coolr_type),
        Field("landslide_trigger", "trigger of the event, if the catalogue has a word for it", _coolr_trigger),
        Field("landslide_size", ""),
        Field("landslide_setting", ""),
        Field("fatality_count", "", number=True),
        Field("injury_count", "", number=True),
        Field("storm_name", ""),
        Field("photo_link", ""),
        Field("notes", ""),
        Field("event_import_source", "name of the event, or of the inventory's file", lambda r: r.inventory),
        Field("event_import_id", "`id`", lambda r: r.number, number=True),
        Field("country_name", ""),
        Field("country_code", ""),
        Field("admin_division_name", ""),
        Field("admin_division_population", "", number=True),
        Field("gazeteer_closest_point", ""),
        Field("gazeteer_distance", "", number=True),
        Field("submitted_date", ""),
        Field("created_date", ""),
        Field("last_edited_date", ""),
        Field("longitude", "of a point inside the landslide", lambda r: round(r.longitude, 6), number=True),
        Field("latitude", "of the same point", lambda r: round(r.latitude, 6), number=True),
    ),
)

UGLC = Schema(
    "uglc",
    "Unified Global Landslide Catalogue",
    (
        Field("WKT_GEOM", "the point or the outline, WGS 84", lambda r: shapely.to_wkt(r.shape, rounding_precision=6)),
        Field("NEW DATASET", '"UGLC"', lambda r: "UGLC"),
        Field("ID", "", number=True),
        Field("OLD DATASET", "name of the event, or of the inventory's file", lambda r: r.inventory),
        Field("OLD ID", "`id`", lambda r: str(r.number)),
        Field("VERSION", "`created`", lambda r: r.created),
        Field("COUNTRY", ""),
        Field("ACCURACY", "10: a pixel of the mapping grid, m", lambda r: _PIXEL, number=True),
        Field("START DATE", "first day of the event, or `date_before`", lambda r: r.first.replace("-", "/")),
        Field("END DATE", "last day of the event, or `date_after`", lambda r: r.last.replace("-", "/")),
        Field("TYPE", 'type of the event, if the catalogue has a word for it; else "ND"', _uglc_type),
        Field("PHYSICAL FACTORS", 'trigger of the event, if the catalogue has a word for it; else "ND"', _uglc_factor),
        Field(
            "RELIABILITY", "1 if the event has one day, 2 if it has an interval; else empty", _reliability, number=True
        ),
        Field("RECORD TYPE", '"event", if there is one', lambda r: "event" if r.event else ""),
        Field("FATALITIES", "-99999, the catalogue's word for unknown", lambda r: _UGLC_NO_NUMBER, number=True),
        Field("INJURIES", "-99999", lambda r: _UGLC_NO_NUMBER, number=True),
        Field(
            "NOTES", f"the software, the bundle and the scene; {_DETAILS}", lambda r: f"{r.source}. {_description(r)}"
        ),
        Field("LINK", ""),
    ),
    separator="|",
)

USGS = Schema(
    "usgs",
    "USGS Landslide Inventories across the United States, version 3",
    (
        Field("USGS_ID", ""),
        Field("Date_Min", "first day of the event, or `date_before`", lambda r: r.first),
        Field("Date_Max", "last day of the event, or `date_after`", lambda r: r.last),
        Field("Fatalities", "", number=True),
        Field("Confidence", "", number=True),
        Field("LS_Type", "type of the event, in its words", lambda r: r.type),
        Field("Inventory", "name of the event, or of the inventory's file", lambda r: r.inventory),
        Field("Inv_URL", ""),
        Field("Info_Source", "the software, the bundle and the scene", lambda r: r.source),
        Field("Notes", _DETAILS, _description),
        Field("Lat_N", "of a point inside the landslide", lambda r: round(r.latitude, 6), number=True),
        Field("Lon_W", "of the same point, negative in the west", lambda r: round(r.longitude, 6), number=True),
    ),
)

SCHEMAS = {schema.name: schema for schema in (COOLR, UGLC, USGS)}
"""The catalogues by name."""

"""The event file: what happened, where and when, and which scenes show it, in YAML that people write.

    name: iburi
    area: [141.8, 42.6, 142.2, 42.9]     # west, south, east, north in degrees, or a vector file
    date: 2018-09-06                     # or [2018-09-05, 2018-09-07]
    trigger: earthquake
    scenes:
      before: [before/*.SAFE]
      after:
        - {scene: after/S2A_MSIL2A_….SAFE, date: 2018-09-15, clear: 0.93}
    dem: [dem.tif]

``docs/events.md`` explains every key. Relative paths count from the file's folder. `read_event` checks all of it, and
`change_event` writes into it, with the comments and the order that its author gave it.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from l4s_geo import defaults
from l4s_geo.address import is_network
from l4s_geo.errors import EventError
from l4s_geo.events import checks
from l4s_geo.events.object_store import ObjectStore
from l4s_geo.events.yaml_text import dumped, in_lines, loaded, plain, read_text
from l4s_geo.output.atomic import atomic_write

__all__ = [
    "OPTIONS",
    "SCENE",
    "SEARCH",
    "TRIGGERS",
    "Box",
    "Event",
    "EventScene",
    "change_event",
    "new_event",
    "read_event",
]

PathLike = str | os.PathLike[str]
Box = tuple[float, float, float, float]
"""West, south, east and north, in degrees."""

TRIGGERS = ("earthquake", "rainfall", "snowmelt", "volcanic", "human", "unknown")
"""Words for a trigger that other catalogues know too; any other text is a trigger as well."""

KEYS = ("name", "area", "date", "trigger", "type", "scenes", "search", "dem", "bundle", "options", "out")
"""Keys of an event file, in the order in which one is written."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DAY_LENGTH = len("2018-09-15")
_TILE = re.compile(r"T?(\d{1,2}[C-HJ-NP-X][A-HJ-NP-Z]{2})")
_TILE_LENGTH = len("54TWN")
_REQUIRED = ("name", "area", "date", "trigger")
_EARTH_KM2 = 510e6
MOST_KM2 = 7.7e6
"""An area of Australia's size, the smallest continent."""
_MOST_NAME = 100
_AHEAD_H = 14
"""The calendar of the easternmost time zone is so many hours ahead of UTC."""


@dataclass(frozen=True)
class EventScene:
    """One entry of an event's scenes."""

    source: str
    """A path, a pattern, a folder, an address: absolute, if it is a path."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of it besides, as a search wrote it: date, clear, cloud, tile and the like, as JSON has it."""


@dataclass(frozen=True)
class Event:
    """What an event file says."""

    path: Path
    """The file."""
    name: str
    """Name of the event and of the files that are made for it."""
    area: Box | str
    """A box, or the path of a vector file; see `l4s_geo.events.area`."""
    first: date
    """The day of the event, or the first of those in which it happened."""
    last: date
    """The last of those days."""
    trigger: str
    """What set the landslides off, in the user's words."""
    type: str = ""
    """Type of the landslides, in the user's words; "" if unknown."""
    before: tuple[EventScene, ...] = ()
    """Scenes of the ground before the event."""
    after: tuple[EventScene, ...] = ()
    """Scenes that are mapped."""
    search: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a search by the keys of `SEARCH`, of those that the file gives."""
    dem: tuple[str, ...] = ()
    """Files or STAC items of elevations."""
    bundle: str = defaults.BUNDLE
    """Name or path of the bundle."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of `l4s_geo.map_scene` with their values, of those that the file gives."""
    out: Path = Path()
    """Folder of the results, on this machine."""
    store: ObjectStore | None = None
    """Where in an object store they are copied to, if the file's `out` is there; then `out` is the default folder."""

    @property
    def days(self) -> str:
        """The date as ISO 8601 writes it: a day, or an interval of two."""
        return str(self.first) if self.first == self.last else f"{self.first}/{self.last}"

    def away(self, day: date) -> int:
        """Return the days between the event and a day; 0 within it."""
        return max((self.first - day).days, (day - self.last).days, 0)


def read_event(path: PathLike) -> Event:
    """Read an event file and check it; no scene is opened.

    Args:
        path: the file.

    Raises:
        EventError: it cannot be read, is no YAML, or says what cannot be.
    """
    file = Path(path)
    return _event(plain(loaded(read_text(file), file)), file)


def new_event(
    path: PathLike,
    *,
    area: str | Sequence[float],
    date: str | Sequence[str],
    trigger: str,
    name: str | None = None,
    type: str | None = None,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    dem: Sequence[str] = (),
    bundle: str | None = None,
) -> Event:
    """Write an event file that says what its keys mean, for its author to go on with.

    Args:
        path: the file, .yaml; it must not exist.
        area: west, south, east and north in degrees, as numbers or as one text, or the path of a vector file.
        date: the day, YYYY-MM-DD, or two: the first and the last.
        trigger: what set the landslides off.
        name: name of the event; that of the file by default.
        type: type of the landslides, if it is known.
        before: scenes of the ground before.
        after: scenes after.
        dem: elevations.
        bundle: name or path of the bundle; the default one by default.

    Raises:
        EventError: the file exists, or one of the values cannot be.
        OutputError: it cannot be written.
    """
    file = Path(path)
    if file.suffix.lower() not in (".yaml", ".yml"):
        raise EventError(f"The event file {file} has the suffix {file.suffix or '(none)'!r}; expected .yaml.")
    if file.exists():
        raise EventError(f"The event file {file} exists already; edit it, or give the new one another name.")
    days = [date] if isinstance(date, str) else list(date)
    values = {
        "name": file.stem if name is None else name,
        "area": _box_or_path(area) if isinstance(area, str) else list(area),
        "date": days[0] if len(days) == 1 else days,
        "trigger": trigger,
        "type": type or None,
        "before": list(before),
        "after": list(after),
        "dem": list(dem),
        "bundle": bundle or defaults.BUNDLE,
    }
    text = _TEMPLATE.format(**{key: _flow(value) for key, value in values.items()})
    found = _event(plain(loaded(text, file)), file)
    if not file.parent.is_dir():
        raise EventError(f"The folder {file.parent} of the event file does not exist; create it first.")
    _write(file, text)
    return found


def change_event(path: PathLike, changes: Mapping[str, Any]) -> Event:
    """Write values into an event file; comments, order and all other values stay as they are.

    Args:
        path: the file.
        changes: values by key, as JSON and dates have them, in mappings for keys inside others:
            ``{"scenes": {"after": [{"scene": "a.tif", "clear": 0.9}]}}``.

    Raises:
        EventError: the file is none, or would be none any more; then it stays as it is.
        OutputError: it cannot be written.
    """
    file = Path(path).resolve()
    document = loaded(read_text(file), file)
    _event(plain(document), file)
    _lay_over(document, changes)
    text = dumped(document)
    found = _event(plain(loaded(text, file)), file)
    _write(file, text)
    return found


def _event(values: Any, file: Path) -> Event:
    """Make an event of an event file's values.

    Raises:
        EventError: one of them cannot be; the file and the key are named.
    """
    where = f"The event file {file}"
    given = checks.mapping(values, where, KEYS)
    for key in _REQUIRED:
        if given.get(key) is None:
            raise EventError(f"{where} has no {key}; expected {', '.join(_REQUIRED)}, so add it.")
    base = file.absolute().parent
    at = {key: f"{where}: {key}" for key in KEYS}
    first, last = _days(given["date"], at["date"])
    scenes = checks.mapping(given.get("scenes") or {}, at["scenes"], ("before", "after"))
    sides = {side: _scenes(scenes.get(side), f"{at['scenes']}: {side}", base) for side in ("before", "after")}
    name = _name(given["name"], at["name"])
    out = None if given.get("out") is None else _place(checks.text(given["out"], at["out"]), base)
    store = ObjectStore.at(out, at["out"]) if out and (is_network(out) or out.startswith("/vsi")) else None
    bundle = given.get("bundle")
    return Event(
        path=file,
        name=name,
        area=_area(given["area"], at["area"], base),
        first=first,
        last=last,
        trigger=checks.text(given["trigger"], at["trigger"]),
        type="" if given.get("type") is None else checks.text(given["type"], at["type"]),
        **sides,
        search=_settings(given.get("search"), at["search"], SEARCH),
        dem=tuple(_place(checks.text(path, at["dem"]), base) for path in checks.listing(given.get("dem"), at["dem"])),
        bundle=defaults.BUNDLE if bundle is None else _bundle(checks.text(bundle, at["bundle"]), base),
        options=_options(given.get("options"), at["options"], base),
        out=base / file.stem if out is None or store else Path(out),
        store=store,
    )


def _area(value: Any, where: str, base: Path) -> Box | str:
    """Return a box, or where a vector file lies."""
    if isinstance(value, str):
        made = _box_or_path(value)
        if isinstance(made, str):
            return _place(checks.text(value, where), base)
        value = made
    if not (isinstance(value, list) and len(value) == 4):
        raise EventError(
            f"{where} is {checks.quoted(value)}; expected [west, south, east, north] in degrees, or the path of a "
            "vector file."
        )
    west, south, east, north = (checks.number(part, where) for part in value)
    box = (west, south, east, north)
    found = f"{where} is {checks.quoted(list(box))}"
    if not (all(-180 <= lon <= 180 for lon in (west, east)) and all(-90 <= lat <= 90 for lat in (south, north))):
        raise EventError(
            f"{found}; expected west, south, east, north in degrees, longitudes from -180 to 180 and latitudes from "
            "-90 to 90."
        )
    if south >= north or west == east:
        raise EventError(f"{found} and holds no ground; expected west, south, east, north, with south below north.")
    if west > east:
        raise EventError(
            f"{found} and crosses the date line, or west and east are mixed up; expected west below east, so make an "
            "event of each side of the date line."
        )
    share = (math.sin(math.radians(north)) - math.sin(math.radians(south))) / 2 * (east - west) / 360
    if (size := share * _EARTH_KM2) > MOST_KM2:
        raise EventError(
            f"{where} has {size / 1e6:.1f} million km², more than a continent; expected the ground of one event, so "
            "give a smaller area, or a vector file of the ground that matters."
        )
    return box


def _box_or_path(text: str) -> list[float] | str:
    """Return the numbers of ``west,south,east,north``, or the text if it is none."""
    try:
        return [float(part) for part in text.split(",")] if text.count(",") == 3 else text
    except ValueError:
        return text


def _days(value: Any, where: str) -> tuple[date, date]:
    """Return the first and the last day of an event."""
    days = [_day(part, where) for part in (value if isinstance(value, list) else [value])]
    if not 1 <= len(days) <= 2:
        raise EventError(f"{where} has {len(days)} days; expected one, or the first and the last.")
    first, last = days[0], days[-1]
    if last < first:
        raise EventError(f"{where} ends on {last} and begins on {first}; expected the first day first.")
    today = (datetime.now(UTC) + timedelta(hours=_AHEAD_H)).date()
    if last > today:
        raise EventError(f"{where} is {last}, which is still to come; expected the day on which it happened.")
    return first, last


def _day(value: Any, where: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) and _DAY.fullmatch(value) else "")
    except ValueError:
        raise EventError(
            f"{where} is {checks.quoted(value)}; expected a day of the calendar, YYYY-MM-DD, or [first, last]."
        ) from None


def _scenes(value: Any, where: str, base: Path) -> tuple[EventScene, ...]:
    """Return the entries of a side."""
    found = []
    for entry in checks.listing(value, where):
        facts = {}
        if isinstance(entry, Mapping):
            if "scene" not in entry:
                raise EventError(
                    f"{where} has the entry {checks.quoted(dict(entry))} without scene; expected a path or an address, "
                    "or a mapping with scene and what is known of it."
                )
            facts = _settings(entry, where, SCENE)
            entry = facts.pop("scene", None)
        found.append(EventScene(_place(checks.text(entry, where), base), facts))
    return tuple(found)


def _options(value: Any, where: str, base: Path) -> dict[str, Any]:
    """Return options of l4s-map as keywords of `l4s_geo.map_scene`."""
    given = _settings(value, where, OPTIONS)
    for name in ("mask", "slope"):
        if name in given:
            given[name] = _place(given[name], base)
    return {key.replace("-", "_"): part for key, part in given.items()}


def _settings(value: Any, where: str, known: Mapping[str, checks.Check]) -> dict[str, Any]:
    """Return the settings of a mapping that are not empty, each checked by what knows it."""
    given = checks.mapping({} if value is None else value, where, known)
    return {key: known[key](part, f"{where}: {key}") for key, part in given.items() if part is not None}


def _name(value: Any, where: str) -> str:
    name = checks.text(value, where)
    if name.startswith(".") or set(name) & set('/\\:*?"<>|') or len(name.encode()) > _MOST_NAME:
        raise EventError(
            f"{where} is {checks.quoted(name)}; expected a name that files can have, of at most {_MOST_NAME} bytes, "
            'without / \\ : * ? " < > | and not beginning with a dot.'
        )
    return name


def _place(path: str, base: Path) -> str:
    """Return a path that counts from a folder as an absolute one; addresses and GDAL's own names as they are."""
    if is_network(path) or path.startswith("/vsi") or ':"' in path:
        return path
    return os.path.normpath(base / path)


def _bundle(text: str, base: Path) -> str:
    """Return the path of a bundle, if there is one, or else its name."""
    place = _place(text, base)
    return place if os.path.exists(place) else text


def _taken(value: Any, where: str) -> str:
    """Return the day of a scene, of which a time may be given."""
    return str(_day(value[:_DAY_LENGTH] if isinstance(value, str) else value, where))


def _tile(value: Any, where: str) -> str:
    """Return a tile of Sentinel-2; "" where a search found none."""
    match = _TILE.fullmatch(value) if isinstance(value, str) else None
    if match is None and value != "":
        raise EventError(f"{where} is {checks.quoted(value)}; expected a tile of Sentinel-2, for instance 54TWN.")
    return match[1].zfill(_TILE_LENGTH) if match else ""


def _bbox(value: Any, where: str) -> list[float]:
    """Return the ground of a scene as its STAC item has it, which may have heights."""
    sides = [checks.number(part, where) for part in checks.listing(value, where)]
    if len(sides) not in (4, 6):
        raise EventError(f"{where} has {len(sides)} numbers; expected west, south, east and north in degrees.")
    return sides


SCENE: Mapping[str, checks.Check] = {
    "scene": checks.text,
    "date": _taken,
    "tile": _tile,
    "clear": checks.number,
    "cloud": checks.number,
    "bbox": _bbox,
    "by": checks.text,
}
"""Keys of a scene that is written with what is known of it, and what checks their values."""

OPTIONS: Mapping[str, checks.Check] = {
    "bands": checks.texts,
    "slope": checks.text,
    "units": checks.word,
    "offset": checks.number,
    "sensor": checks.word,
    "resampling": checks.word,
    "mask": checks.text,
    "mask-classes": checks.wholes,
    "clouds": checks.flag,
    "only-new": checks.flag,
    "composite": checks.word,
    "strict-dates": checks.flag,
    "threshold": checks.number,
    "min-area": checks.number,
    "overlap": checks.whole,
    "tta": checks.word,
    "skip-flat": checks.number,
    "crf": checks.word,
    "terrain-prior": checks.word,
    "connectivity": checks.whole,
    "fill-holes": checks.number,
    "simplify": checks.number,
    "device": checks.word,
    "precision": checks.word,
    "batch": checks.whole,
    "probability": checks.flag,
    "spread": checks.flag,
    "change": checks.flag,
}
"""Options of l4s-map that an event file may give, by their long names, and what checks their values. Of the rasters it
says whether they are written, beside each unit's inventory; what they are called is no choice."""

SEARCH: Mapping[str, checks.Check] = {
    "api": checks.text,
    "collection": checks.text,
    "dem-collection": checks.text,
    "before-days": checks.whole,
    "after-days": checks.whole,
    "cloud": checks.number,
}
"""Keys of the settings of a search, and what checks their values."""

_TEMPLATE = """\
# What happened, where and when. `l4s event search` fills in scenes and elevation, `l4s event run` maps them.
# docs/events.md of l4s explains every key.
name: {name}
area: {area}  # west, south, east, north in degrees, or a vector file
date: {date}  # the day, or [first, last]
trigger: {trigger}  # earthquake, rainfall, or in words of your own
type: {type}  # of the landslides, if you know it: shallow landslide, debris flow, …

# Sentinel-2 scenes: paths, patterns (after/*.SAFE), folders of products, addresses of STAC items.
scenes:
  before: {before}
  after: {after}

# Elevations: files or addresses of STAC items; together they are one mosaic.
dem: {dem}

bundle: {bundle}
# Options of l4s-map by their long names, for instance {{min-area: 1000, tta: flips}}.
options: {{}}
"""


def _lay_over(document: Any, changes: Mapping[str, Any]) -> None:
    """Write values into a document, mapping by mapping; entries of a list stand in a line each."""
    for key, value in changes.items():
        inside = document.get(key)
        if isinstance(value, Mapping) and isinstance(inside, Mapping):
            _lay_over(inside, value)
        else:
            document[key] = in_lines(value) if isinstance(value, list) else value


def _write(file: Path, text: str) -> None:
    with atomic_write(file) as part:
        part.write_text(text, encoding="utf-8")


def _flow(value: Any) -> str:
    """Write a value in one line of YAML, of which JSON is a part; days and plain words stand without quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if value is None or (isinstance(value, str) and (_DAY.fullmatch(value) or _is_word(value))):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _is_word(value: str) -> bool:
    """Whether a text is itself in YAML, without quotes."""
    return re.fullmatch(r"[A-Za-z][\w ./-]*\w", value) is not None and value.lower() not in ("true", "false", "null")

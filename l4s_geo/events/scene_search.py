"""Scenes before and after an event, and elevations, from a STAC API: looked for, ranked, and written into its file.

The event's own days are searched on neither side: nobody knows whether such a scene shows the ground before or after.
Of what is found on each side of a tile, the most promising by cloud cover and season are looked at: their scene
classification over the area, from its overviews. `l4s_geo.events.choice` ranks them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import shapely

from l4s_geo.errors import EventError, SceneError
from l4s_geo.events.apis import DEFAULT_API, Api, check_credentials, check_signing, find_api
from l4s_geo.events.area import area_of
from l4s_geo.events.candidate import Candidate, candidate_of, without_repeats
from l4s_geo.events.choice import LEAST_CLEAR, Look, choose, score, tiles_of
from l4s_geo.events.download import download_elevation, download_scene
from l4s_geo.events.event_file import Event, change_event, read_event
from l4s_geo.events.ground import Ground, Mask, ground_of, read_classes
from l4s_geo.events.stac_search import search_items
from l4s_geo.progress import Reporter, Silent, heard
from l4s_geo.sources.stac import Json, band_paths, check_redirects

__all__ = ["Choice", "Found", "Settings", "search", "search_scenes"]

PathLike = str | os.PathLike[str]

_LOOKED_AT = 10
_THREADS = 4
_COVERED = 0.999
_SIDES = ("before", "after")


@dataclass(frozen=True)
class Settings:
    """How to search.

    Raises:
        EventError: a number of days or a cloud cover that cannot be.
    """

    api: str = DEFAULT_API
    """Name or address of the STAC API."""
    collection: str | None = None
    """Its collection of scenes; None for the usual one."""
    dem_collection: str | None = None
    """Its collection of elevations; None for the usual one."""
    before_days: int = 365
    """Days before the event to search."""
    after_days: int = 60
    """Days after it."""
    cloud: float = 80.0
    """Highest cloud cover of a whole scene, percent."""
    most: int = 3
    """Scenes to take of a tile on each side, at most."""

    def __post_init__(self) -> None:
        for name, days in (("before", self.before_days), ("after", self.after_days)):
            if not 1 <= days <= 3660:
                raise EventError(
                    f"The search is to go {days} days {name} the event; expected 1 to 3660, so correct it."
                )
        if not 0 <= self.cloud <= 100:
            raise EventError(f"The cloud cover {self.cloud:g} is no percentage; expected 0 to 100, so correct it.")
        if self.most < 1:
            raise EventError(f"A search for {self.most} scenes of a tile finds nothing; expected 1 or more.")


@dataclass(frozen=True)
class Choice:
    """A scene that a search has looked at."""

    side: str
    """ "before" or "after"."""
    scene: str
    """Address of its STAC item, or where it was downloaded to."""
    name: str
    """The item's id."""
    date: date
    """The day on which it was taken, UTC."""
    tile: str
    """Its MGRS tile."""
    clear: float
    """Share of the area in its tile that it shows clearly, 0 to 1."""
    cloud: float | None
    """Cloud cover of the whole scene, percent."""
    score: float
    """What it was ranked by, see `l4s_geo.events.choice`."""
    by: str
    """What `clear` is counted in: "SCL", or "eo:cloud_cover" of the whole scene."""
    chosen: bool
    """Whether it is taken."""

    def entry(self) -> dict[str, Any]:
        """Return it as an event file has it."""
        return {"scene": self.scene, "date": self.date, "tile": self.tile, "clear": round(self.clear, 2), "by": self.by}


@dataclass(frozen=True)
class Found:
    """What a search has found."""

    scenes: tuple[Choice, ...]
    """Those looked at, by side and tile, the best first."""
    dem: tuple[str, ...]
    """Addresses of STAC items with elevations, or files."""
    notes: tuple[str, ...]
    """What a user should know of it, one sentence each."""

    def chosen(self, side: str) -> list[Choice]:
        """Return the scenes taken on a side, "before" or "after"."""
        return [choice for choice in self.scenes if choice.chosen and choice.side == side]


def search(
    event: PathLike,
    *,
    api: str | None = None,
    collection: str | None = None,
    dem_collection: str | None = None,
    before_days: int | None = None,
    after_days: int | None = None,
    cloud: float | None = None,
    most: int | None = None,
    replace: bool = False,
    download: PathLike | None = None,
    reporter: Reporter | None = None,
) -> Found:
    """Search a STAC API for what an event file lacks, and write the choice into it.

    Args:
        event: the event file. What it has of scenes on a side, or of elevations, stays.
        api: name of an API (earth-search, planetary-computer, cdse) or its address; the file's by default, or else
            earth-search.
        collection: its collection of Sentinel-2 scenes, if that has another name than usual.
        dem_collection: its collection of elevations, likewise.
        before_days: days before the event to search; 365 by default.
        after_days: days after it; 60 by default.
        cloud: highest cloud cover of a whole scene in percent; 80 by default.
        most: scenes to take of a tile on each side at most; 3 by default.
        replace: whether scenes and elevations of the file are replaced.
        download: a folder to copy the area's part of all that is chosen into; None to leave it where it is.
        reporter: hears how it goes.

    Returns:
        What was looked at and what was chosen.

    Raises:
        EventError: the file says what cannot be, the API cannot be reached or has nothing, or all of it is cloudy.
    """
    hears = reporter or Silent()
    read = read_event(event)
    given = {"api": api, "collection": collection, "dem_collection": dem_collection, "before_days": before_days}
    settings = _settings(read, {**given, "after_days": after_days, "cloud": cloud, "most": most})
    wanted = [name for name in (*_SIDES, "dem") if replace or not getattr(read, name)]
    if not wanted:
        raise EventError(
            f"The event file {read.path} has scenes before and after the event and elevations; expected something to "
            "search for, so leave a list empty, or replace them all (--replace)."
        )
    with heard(hears):
        found = search_scenes(area_of(read), read.first, read.last, settings, wanted, hears)
        if download is not None:
            found = _downloaded(found, area_of(read), Path(download), hears)
    _write(read, found, wanted)
    for note in found.notes:
        hears.say(f"Note: {note}.")
    return found


def search_scenes(
    area: shapely.Geometry,
    first: date,
    last: date,
    settings: Settings | None = None,
    wanted: Sequence[str] = ("before", "after", "dem"),
    reporter: Reporter | None = None,
) -> Found:
    """Search a STAC API by place and date.

    Args:
        area: the ground, a polygon or multipolygon in degrees of WGS 84.
        first: first day of the event.
        last: its last day.
        settings: how to search.
        wanted: what to search for: "before", "after", "dem".
        reporter: hears how it goes.

    Raises:
        EventError: the API cannot be reached or has no scene after the event, or all of them are cloudy.
    """
    settings, hears = settings or Settings(), reporter or Silent()
    if area.is_empty or not area.area > 0 or last < first:
        raise EventError(
            f"The area is {area.geom_type} and the days are {first} to {last}; expected ground, as a polygon in "
            "degrees, and a first day that is not after the last, so correct them."
        )
    api = find_api(settings.api, settings.collection, settings.dem_collection)
    check_signing(api)
    hears.say(f"Searching {api.name}.")
    ground, notes = ground_of(area), list[str]()
    sides = {side: _side(api, area, first, last, side, settings) for side in _SIDES if side in wanted}
    for side, candidates in sides.items():
        if not candidates:
            notes.append(_nothing(api, side, first, last, settings))
    if (sides and not any(sides.values())) or ("after" in sides and not sides["after"]):
        raise EventError(f"{notes[-1][:1].upper()}{notes[-1][1:]}; {_WIDER}.")
    tiles = tiles_of([candidate for found in sides.values() for candidate in found], ground)
    scenes: list[Choice] = []
    for side, candidates in sides.items():
        looks = _look(candidates, tiles, ground, settings, (first, last), hears, notes)
        chosen = [
            look for tile in tiles for look in choose([k for k in looks if k.candidate.tile == tile], settings.most)
        ]
        _check(side, looks, chosen, tiles, notes)
        taken = {id(look) for look in chosen}
        scenes += [_choice(side, look, id(look) in taken) for look in looks]
    dem = _elevation(api, area, notes) if "dem" in wanted else ()
    return Found(tuple(scenes), dem, tuple(dict.fromkeys(notes)))


_WIDER = (
    "search more days (--before-days, --after-days), cloudier scenes (--cloud) or another API (--api), or write scenes "
    "of your own into the event file"
)


def _settings(event: Event, given: Mapping[str, Any]) -> Settings:
    """Return the settings that are given, else those of the event file, else the usual ones."""
    stated = {key.replace("-", "_"): value for key, value in event.search.items()}
    return Settings(**{**stated, **{name: value for name, value in given.items() if value is not None}})


def _side(api: Api, area: shapely.Geometry, first: date, last: date, side: str, settings: Settings) -> list[Candidate]:
    """Find the scenes of a side."""
    begin, end = first - timedelta(settings.before_days), first - timedelta(1)
    if side == "after":
        begin, end = last + timedelta(1), last + timedelta(settings.after_days)
    interval = f"{begin}T00:00:00Z/{end}T23:59:59Z"
    items = search_items(api.url, api.scenes, area.bounds, interval, settings.cloud)
    found = filter(None, (candidate_of(item, api.url) for item in items))
    # What comes back is not always what was asked for.
    return without_repeats(
        candidate
        for candidate in found
        if begin <= candidate.when.date() <= end
        and (candidate.cloud is None or candidate.cloud <= settings.cloud)
        and candidate.footprint.intersects(area)
    )


def _nothing(api: Api, side: str, first: date, last: date, settings: Settings) -> str:
    days = f"{settings.before_days} days before {first}"
    if side == "after":
        days = f"{settings.after_days} days after {last}"
    return (
        f"no scene of the area in the {days} is in the collection {api.scenes} of {api.name} with at most "
        f"{settings.cloud:g} % of clouds"
    )


def _look(
    candidates: Sequence[Candidate],
    tiles: Mapping[str, Mask],
    ground: Ground,
    settings: Settings,
    days: tuple[date, date],
    reporter: Reporter,
    notes: list[str],
) -> list[Look]:
    """Look at the most promising scenes of each tile; return them by tile, the best first."""

    def promise(candidate: Candidate) -> float:
        share = 1 - (candidate.cloud if candidate.cloud is not None else 50.0) / 100
        return score(share, candidate.when, *days, settings.after_days)

    looked: list[Look] = []
    for tile, part in tiles.items():
        there = sorted((c for c in candidates if c.tile == tile), key=promise, reverse=True)
        if len(there) > _LOOKED_AT:
            reporter.say(f"Looking at {_LOOKED_AT} of {len(there)} scenes of tile {tile or '(unknown)'}.")
        with ThreadPoolExecutor(_THREADS) as threads:
            found = list(threads.map(lambda candidate: _seen(candidate, part, ground), there[:_LOOKED_AT]))  # noqa: B023
        unread = [reason for _, reason in found if reason]
        if unread:
            notes.append(
                f"{len(unread)} of {len(found)} scenes of tile {tile or '(unknown)'} are ranked by the cloud cover of "
                f"the whole scene ({unread[0]})"
            )
        ranked = [
            replace(look, score=score(look.share, look.candidate.when, *days, settings.after_days)) for look, _ in found
        ]
        looked += sorted(ranked, key=lambda look: (-look.score, look.candidate.name))
    return looked


def _seen(candidate: Candidate, part: Mask, ground: Ground) -> tuple[Look, str]:
    """Look at a scene; return what was seen, and why its classification was not read, if it was not."""
    reason = "they have no scene classification"
    try:
        paths = band_paths(candidate.item, candidate.href)
        for path in paths.values():
            check_credentials(path)
        if path := paths.get("SCL", ""):
            check_redirects({"SCL": path}, candidate.name, candidate.href)
            _, clear = read_classes(path, ground)
            return Look(candidate, part, clear, float((clear & part).sum()) / max(int(part.sum()), 1)), ""
    except SceneError as cause:
        reason = str(cause).rstrip(".")
    if candidate.cloud is None:
        return Look(candidate, part, None, 0.0), f"{reason}, and neither do they state one, so they are not taken"
    shown = float((ground.part(candidate.footprint) & part).sum()) / max(int(part.sum()), 1)
    return Look(candidate, part, None, shown * (1 - candidate.cloud / 100)), reason


def _check(
    side: str, looks: Sequence[Look], chosen: Sequence[Look], tiles: Mapping[str, Mask], notes: list[str]
) -> None:
    """Say what of the area no chosen scene shows.

    Raises:
        EventError: all scenes after the event are cloudy.
    """
    for tile in tiles:
        there = [look for look in looks if look.candidate.tile == tile]
        if there and not any(look.candidate.tile == tile for look in chosen):
            best = max(there, key=lambda look: look.share)
            notes.append(
                f"all {len(there)} scenes of tile {tile or '(unknown)'} {side} the event are cloudy over the area: the "
                f"clearest, {best.candidate.name}, shows {best.share:.0%} of it, less than {LEAST_CLEAR:.0%}"
            )
    if side == "after" and looks and not chosen:
        raise EventError(f"{notes[-1][:1].upper()}{notes[-1][1:]}; {_WIDER}.")


def _choice(side: str, look: Look, chosen: bool) -> Choice:
    candidate, by = look.candidate, "eo:cloud_cover" if look.clear is None else "SCL"
    return Choice(
        side=side,
        scene=candidate.href,
        name=candidate.name,
        date=candidate.when.date(),
        tile=candidate.tile,
        clear=look.share,
        cloud=candidate.cloud,
        score=look.score,
        by=by,
        chosen=chosen,
    )


def _elevation(api: Api, area: shapely.Geometry, notes: list[str]) -> tuple[str, ...]:
    """Find the elevations of an area: addresses of STAC items; none, with a note, if there are none to be had."""
    try:
        items: list[Json] = search_items(api.url, api.elevation, area.bounds)
    except EventError as cause:
        notes.append(f"no elevations were found: {str(cause).rstrip('.')}")
        return ()
    tiles = [
        tile for item in items if (tile := candidate_of(_dated(item), api.url)) and tile.footprint.intersects(area)
    ]
    known = shapely.union_all([tile.footprint for tile in tiles])
    share = known.intersection(area).area / area.area
    if not tiles:
        notes.append(
            f"the collection {api.elevation} of {api.name} has no elevations of the area; give files under dem"
        )
    elif share < _COVERED:
        notes.append(f"the elevations cover {share:.0%} of the area; there are none of the sea")
    return tuple(dict.fromkeys(tile.href for tile in tiles))


def _dated(item: Json) -> Json:
    """Return an item of elevations with some day, which those need not have."""
    stated = item.get("properties")
    return {**item, "properties": {"datetime": "2000-01-01T00:00:00Z"} | (stated if isinstance(stated, dict) else {})}


def _downloaded(found: Found, area: shapely.Geometry, folder: Path, reporter: Reporter) -> Found:
    """Copy the area's part of what was chosen; return the same with paths."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise EventError(
            f"The folder {folder} cannot be made ({cause.strerror}); choose another (--download)."
        ) from cause
    todo = sum(choice.chosen for choice in found.scenes) + len(found.dem)
    scenes: list[Choice] = []
    dem: list[str] = []
    for choice in found.scenes:
        if choice.chosen:
            choice = replace(choice, scene=str(download_scene(choice.scene, area, folder)))
            reporter.progress(sum(part.chosen for part in scenes) + 1, todo)
        scenes.append(choice)
    for address in found.dem:
        dem.append(str(download_elevation(address, area, folder)))
        reporter.progress(todo - len(found.dem) + len(dem), todo)
    return replace(found, scenes=tuple(scenes), dem=tuple(dem))


def _write(event: Event, found: Found, wanted: Sequence[str]) -> None:
    """Write a choice into its event file; paths within the file's folder count from there."""
    base = event.path.absolute().parent

    def place(scene: str) -> str:
        return os.path.relpath(scene, base) if Path(scene).is_absolute() and base in Path(scene).parents else scene

    changes: dict[str, Any] = {}
    for side in _SIDES:
        if side in wanted:
            entries = [choice.entry() for choice in found.chosen(side)]
            changes.setdefault("scenes", {})[side] = [{**entry, "scene": place(entry["scene"])} for entry in entries]
    if "dem" in wanted:
        changes["dem"] = [place(path) for path in found.dem]
    change_event(event.path, changes)

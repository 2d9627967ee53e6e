"""Mapping units: the scenes of one tile on one day, with the earlier scenes of the same ground.

A unit is a pure description, paths and options and never pixels, so that any process anywhere can map it
(`l4s_geo.events.run_unit`). Scenes are brought together by Sentinel-2's tile where something tells it, and by how far
their grounds overlap where nothing does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import shapely

from l4s_geo import defaults
from l4s_geo.address import shown, unsigned
from l4s_geo.errors import EventError, SceneError
from l4s_geo.events.area import area_of
from l4s_geo.events.elevations import elevations
from l4s_geo.events.event_file import Event, EventScene
from l4s_geo.events.object_store import ObjectStore
from l4s_geo.events.scene_facts import Bounds, SceneFacts, describe, expanded, named
from l4s_geo.events.twice import check_once, same_acquisitions

__all__ = ["UNITS", "UNIT_RASTERS", "Request", "Unit", "Units", "group", "request_of"]

UNITS = "units"
"""Folder of the units' results, in the folder of the results."""
UNIT_RASTERS = ("probability", "spread", "change")
"""Rasters that may lie beside a unit's inventory, by what ends their names and by the options that ask for them."""

_SAME_GROUND = 0.5
"""Share of two extents' union that they have in common from which they are one tile."""
_OVERLAP = 0.01
"""Share of a scene's extent from which an earlier scene counts as one of its ground."""
_REACH = 0.05
"""Degrees around a scene in which elevations count as its own."""
_TURN = 360.0

Describe = Callable[[str, Mapping[str, Any]], SceneFacts]
"""Finds out what is to be known of a scene, given what is said of it; see `l4s_geo.events.scene_facts.describe`."""


@dataclass(frozen=True)
class Request:
    """What is to be mapped: the contents of an event file, or scenes and options without one."""

    where: str
    """Begins messages: "The event file iburi.yaml"."""
    name: str
    """Name of the merged inventory."""
    out: Path
    """Folder of the results."""
    table: Path
    """The job table."""
    before: tuple[EventScene, ...] = ()
    after: tuple[EventScene, ...] = ()
    dem: tuple[str, ...] = ()
    bundle: str = defaults.BUNDLE
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of `l4s_geo.map_scene`; for rasters, whether they are written."""
    area: shapely.Geometry | None = None
    """The ground that matters, in degrees; None for all of the scenes'."""
    aoi: str | None = None
    """The same as the engine takes it."""
    store: ObjectStore | None = None
    """Where in an object store finished files are copied to; None for nowhere."""
    event: Event | None = None
    """The event, whose attributes each landslide gets; None without one."""


@dataclass(frozen=True)
class Unit:
    """What one run of the engine maps: paths and options, JSON-serialisable by `json`."""

    name: str
    """Its name, also of its files: "54TWN-2018-09-15"."""
    after: tuple[str, ...]
    """Scenes of one day, which are mapped."""
    before: tuple[str, ...]
    """Earlier scenes of the same ground; none for a map of all landslides, new and old."""
    tile: str
    """Sentinel-2's tile, or "" for ground of another extent."""
    day: str
    """When the scenes were taken, YYYY-MM-DD; "" if unknown."""
    dem: tuple[str, ...]
    """Elevations."""
    bundle: str
    """Name or path of the bundle."""
    options: Mapping[str, Any]
    """Further keywords of `l4s_geo.map_scene`."""
    out: str
    """The inventory to write."""
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Files and folders of this machine that each scene is read from."""

    def json(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Unit:
        """Take up what `json` gave."""
        tuples = {name: tuple(described[name]) for name in ("after", "before", "dem")}
        return cls(**{**described, **tuples})

    @property
    def outputs(self) -> dict[str, str]:
        """The files that it writes, by the keyword of `l4s_geo.plan.Plan.of` that asks for each."""
        rasters = [name for name in UNIT_RASTERS if self.options.get(name)]
        rasters = [name for name in rasters if name != "change" or self.before]
        base = Path(self.out).with_suffix("")
        found = {name: f"{base}-{name}.tif" for name in rasters}
        return {"out": self.out, "seen": f"{base}-seen.fgb", **found}

    def keywords(self) -> dict[str, Any]:
        """Return the keywords of `l4s_geo.plan.Plan.of` that map it."""
        options = {name: value for name, value in self.options.items() if name not in UNIT_RASTERS}
        return {
            **options,
            "scene": list(self.after),
            "before": list(self.before) or None,
            "dem": list(self.dem) or None,
            "bundle": self.bundle,
            **self.outputs,
        }


@dataclass(frozen=True)
class Units:
    """The units of a request."""

    units: tuple[Unit, ...]
    """In the order of their names."""
    notes: tuple[str, ...] = ()
    """What a user should know of how scenes were brought together."""


def request_of(event: Event) -> Request:
    """Return what an event file asks for.

    Raises:
        EventError: its area cannot be read.
    """
    area = area_of(event)
    aoi = event.area if isinstance(event.area, str) else ",".join(f"{side:.9g}" for side in event.area)
    return Request(
        where=f"The event file {event.path}",
        name=event.name,
        out=event.out,
        table=event.path.absolute().with_name(f"{event.path.stem}.jobs.sqlite"),
        before=event.before,
        after=event.after,
        dem=event.dem,
        bundle=event.bundle,
        options=event.options,
        area=area,
        aoi=aoi,
        store=event.store,
        event=event,
    )


def group(request: Request, look: Describe | None = None) -> Units:
    """Bring the scenes of a request together to mapping units.

    Args:
        request: what is to be mapped.
        look: finds out what is to be known of a scene; by default that is read from it.

    Raises:
        EventError: there is no scene, one is given twice, lies nowhere, belongs to the other side, or none meets the
            area.
        SceneError: a scene cannot be read, or is of another sensor.
    """
    options = request.options
    default: Describe = lambda source, known: describe(  # noqa: E731
        source, known, options.get("sensor", defaults.SENSOR), options.get("bands")
    )
    look = look or default
    after = _sides(request, request.after, "after", look)
    if not after:
        raise EventError(
            f"{request.where} names no scene of the time after; list some under scenes: after, or let l4s event search "
            "find them."
        )
    before = _sides(request, request.before, "before", look)
    check_once([*after, *before], request.where)
    _check_order(before, after, request)
    notes = same_acquisitions([*after, *before])
    meeting = [scene for scene in after if _meets(scene, request.area)]
    if len(meeting) < len(after):
        names = ", ".join(scene.name for scene in after if scene not in meeting)
        notes.append(f"left out, since they do not meet the area: {names}")
    if not meeting:
        raise EventError(
            f"{request.where} names {len(after)} scenes of the time after, none of which meets the area; correct area "
            "or scenes."
        )
    dem = elevations(request.dem, request.where)
    tiles = _tiles(meeting)
    days: dict[tuple[str, str], list[SceneFacts]] = {}
    for scene in meeting:
        days.setdefault((tiles[scene.source], scene.day or scene.name), []).append(scene)
    units: list[Unit] = []
    for (_, _), scenes in sorted(days.items(), key=lambda item: item[0]):
        earlier = _earlier(scenes, before)
        unit = _unit(request, scenes, earlier, {unit.name for unit in units}, dem)
        if before and not earlier:
            notes.append(
                f"no earlier scene shows the ground of {unit.name}: all its landslides are mapped, old ones too"
            )
        units.append(unit)
    return Units(tuple(sorted(units, key=lambda unit: unit.name)), tuple(map(shown, notes)))


def _sides(request: Request, entries: Sequence[EventScene], side: str, look: Describe) -> list[SceneFacts]:
    """Describe the scenes of one side, each once."""
    where = f"{request.where}: scenes: {side}"
    found: dict[str, SceneFacts] = {}
    for entry in entries:
        for source in expanded(entry, where):
            key = unsigned(os.path.realpath(source) if os.path.exists(source) else source)
            if key not in found:
                found[key] = _looked(source, entry.facts, look)
    for scene in found.values():
        if scene.bounds is None and not scene.tile:
            raise EventError(
                f"{where} names {scene.source}, which has no coordinates; expected scenes that lie on the ground, so "
                "map it alone, with l4s-map --patch."
            )
    return sorted(found.values(), key=lambda scene: (scene.day, scene.tile, scene.name, scene.source))


def _looked(source: str, known: Mapping[str, Any], look: Describe) -> SceneFacts:
    """Describe a scene; one that cannot be opened is its unit's trouble alone, if its name tells to which it belongs.

    Raises:
        SceneError: it cannot be opened, and its name tells nothing.
    """
    try:
        return look(source, known)
    except SceneError:
        tile, day = named(source)
        tile, day = str(known.get("tile") or tile), str(known.get("date") or day)[:10]
        if not (tile and day):
            raise
        return SceneFacts(source, Path(source).name, tile=tile.removeprefix("T"), day=day)


def _check_order(before: Sequence[SceneFacts], after: Sequence[SceneFacts], request: Request) -> None:
    """Refuse scenes that were taken on the other side of the event.

    Raises:
        EventError: one was.
    """
    event = request.event
    if event is None:
        return
    for scene in before:
        if scene.day and date.fromisoformat(scene.day) > event.last:
            raise EventError(
                f"{request.where}: scenes: before names {scene.source}, which was taken on {scene.day}, after the "
                f"event of {event.days}; move it to after, or correct the date."
            )
    for scene in after:
        if scene.day and date.fromisoformat(scene.day) < event.first:
            raise EventError(
                f"{request.where}: scenes: after names {scene.source}, which was taken on {scene.day}, before the "
                f"event of {event.days}; move it to before, or correct the date."
            )


def _meets(scene: SceneFacts, area: shapely.Geometry | None) -> bool:
    """Whether a scene shows some of an area; one whose ground is not known may."""
    if area is None or scene.bounds is None:
        return True
    return any(shapely.box(*_turned(scene.bounds, turn)).intersects(area) for turn in (0.0, -_TURN))


def _turned(bounds: Bounds, turn: float) -> Bounds:
    west, south, east, north = bounds
    return west + turn, south, east + turn, north


def _tiles(scenes: Iterable[SceneFacts]) -> dict[str, str]:
    """Return the tile of each scene by its source; scenes of one extent whose tile nothing tells share one."""
    tiles: dict[str, str] = {}
    others: list[tuple[str, shapely.Geometry]] = []
    for scene in scenes:
        if scene.tile or scene.bounds is None:
            tiles[scene.source] = scene.tile
            continue
        box = shapely.box(*scene.bounds)
        near = [name for name, ground in others if _shared(box, ground) >= _SAME_GROUND]
        if not near:
            others.append((scene.source, box))
        tiles[scene.source] = near[0] if near else scene.source
    return tiles


def _shared(one: shapely.Geometry, other: shapely.Geometry) -> float:
    """Return the intersection over union of two extents."""
    inside = one.intersection(other).area
    return float(inside / (one.area + other.area - inside)) if inside else 0.0


def _earlier(scenes: Sequence[SceneFacts], before: Sequence[SceneFacts]) -> list[SceneFacts]:
    """Return the earlier scenes of a unit's ground: those of its tile, or else those that overlap it."""
    tile = scenes[0].tile
    same = [scene for scene in before if tile and scene.tile == tile]
    if same:
        return same
    grounds = [shapely.box(*scene.bounds) for scene in scenes if scene.bounds]
    if not grounds:
        return []
    whole = shapely.union_all(grounds)
    return [
        scene
        for scene in before
        if scene.bounds
        and any(
            shapely.box(*_turned(scene.bounds, turn)).intersection(whole).area >= _OVERLAP * whole.area
            for turn in (0.0, _TURN, -_TURN)
        )
    ]


def _unit(
    request: Request,
    scenes: Sequence[SceneFacts],
    earlier: Sequence[SceneFacts],
    taken: set[str],
    dem: Mapping[str, Bounds | None],
) -> Unit:
    """Describe what maps the scenes of a tile and a day."""
    first = scenes[0]
    name = "-".join(filter(None, (first.tile, first.day))) if first.tile else _slug(first.name)
    free = next(n for n in (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))) if n not in taken)
    options = dict(request.options)
    if request.aoi and not _covered(scenes, request.area):
        options["aoi"] = request.aoi
    return Unit(
        name=free,
        after=tuple(scene.source for scene in scenes),
        before=tuple(scene.source for scene in earlier),
        tile=first.tile,
        day=first.day,
        dem=tuple(path for path, ground in dem.items() if _near(ground, scenes)),
        bundle=request.bundle,
        options=options,
        out=str(request.out / UNITS / f"{free}.gpkg"),
        files={scene.source: scene.files for scene in (*scenes, *earlier)},
    )


def _covered(scenes: Sequence[SceneFacts], area: shapely.Geometry | None) -> bool:
    """Whether an area holds all of some scenes' ground."""
    boxes = [shapely.box(*scene.bounds) for scene in scenes if scene.bounds]
    return area is not None and len(boxes) == len(scenes) and all(area.covers(box) for box in boxes)


def _near(dem: Bounds | None, scenes: Sequence[SceneFacts]) -> bool:
    """Whether elevations lie on, or close to, some scenes' ground; those of unknown ground may."""
    grounds = [scene.bounds for scene in scenes if scene.bounds]
    if dem is None or len(grounds) < len(scenes):
        return True
    reach = shapely.box(*dem).buffer(_REACH)
    return any(
        reach.intersects(shapely.box(*_turned(bounds, turn))) for bounds in grounds for turn in (0.0, _TURN, -_TURN)
    )


def _slug(text: str) -> str:
    """Return a name that files can have."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("._")[:80] or "scene"

"""Opens the scenes of both sides on one grid, fitted to one another.

The first scene of the later side is the *reference*: the others come to its grid, are moved onto it and take its
colours (`l4s_geo.change.fit`). The grid grows where further later scenes reach beyond it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import shapely
from affine import Affine
from rasterio.warp import transform_bounds

from l4s_geo.address import unsigned
from l4s_geo.change.composite import Composite, Observed
from l4s_geo.change.dates import Dates, SceneLike
from l4s_geo.change.fit import Fit, fit_scene
from l4s_geo.change.indices import INDEX_BANDS, Index, index_for
from l4s_geo.errors import BandError, SceneError
from l4s_geo.grid import PIXEL, Grid, mapping_grid
from l4s_geo.output.identity import Files
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.names import file_of
from l4s_geo.sources.scene import Scene
from l4s_geo.stack.assumed import assumptions_of, remarks_of
from l4s_geo.stack.input_files import input_files
from l4s_geo.stack.open import Inputs, fingerprint, gdal_settings, open_stack
from l4s_geo.stack.stack import Stack

__all__ = ["Sides", "open_sides"]

_SIDES = ("scene", "earlier scene")


@dataclass(frozen=True)
class Sides:
    """The scenes of a map, open: one side, or two to compare."""

    after: Stack
    """The later side, which is mapped: a scene, or a composite of several."""
    before: Composite | None = None
    """The earlier side; None for a map of one side."""
    after_scenes: tuple[Observed, ...] = ()
    """The scenes of the later side, the reference first."""
    before_scenes: tuple[Observed, ...] = ()
    """The scenes of the earlier side."""

    @property
    def index(self) -> Index:
        """The measure of change that both sides allow.

        Raises:
            BandError: they allow none.
        """
        if self.before is None:
            raise ValueError("one side has nothing to be compared with")
        shared = [band for band in self.after.bands if band in self.before.bands]
        index = index_for(shared)
        if index is None:
            names = f"{self.after.scene.name} and {self.before.scene.name}"
            raise BandError(
                f"The scenes {names} share {', '.join(shared) or 'no band'}; expected "
                f"{', '.join(INDEX_BANDS['greenness'])} on both dates, so add what is missing or leave --before out."
            )
        return index

    @property
    def date_before(self) -> str:
        """Time of the last earlier scene, ISO 8601; "" if some date is unknown."""
        return max(_times(self.before_scenes), default="")

    @property
    def date_after(self) -> str:
        """Time of the first later scene, ISO 8601; "" if some date is unknown."""
        return min(_times(self.after_scenes), default="")

    def files(self, inputs: Inputs, dates: Dates) -> Files:
        """Find the files that all scenes and what belongs to them are read from; see `input_files`."""
        if not dates.several:
            return input_files(inputs, self.after)
        given = ((inputs.scene, *dates.also), dates.before)
        found: dict[str, list[Path]] = {}
        for scenes, side, what in zip(given, (self.after_scenes, self.before_scenes), _SIDES, strict=True):
            for scene, observed in zip(scenes, side, strict=True):
                for name, paths in input_files(replace(inputs, scene=scene), observed.stack).items():
                    found.setdefault(what if name == "scene" else name, []).extend(paths)
        return found

    def key(self, inputs: Inputs) -> tuple[object, ...]:
        """Return all that results depend on beside the first scene: files, fits, dates."""
        every = (*self.after_scenes, *self.before_scenes)
        return tuple((fingerprint(inputs, o.stack), repr(o.fit)) for o in every)

    def lines(self) -> list[str]:
        """Return lines that say how the scenes fit, for all to read."""
        if not self.before and len(self.after_scenes) < 2:
            return []
        lines = []
        for side, scenes in (("After", self.after_scenes), ("Before", self.before_scenes)):
            lines += [f"{side}: {_described(o)}" for o in scenes]
            lines += [f"Note: {note}" for o in scenes for note in self._notes(o)]
        if self.before:
            words = {"rdndvi": "rdNDVI", "greenness": "visible greenness, since a side has no near infrared"}
            lines.append(f"Change: by {words[self.index]}")
        return lines

    def _notes(self, observed: Observed) -> list[str]:
        """Return what a user should know of a scene: how it fits and, beside the first one's, how it was understood."""
        name, notes = observed.stack.scene.name, list(observed.fit.notes)
        if not observed.counts:
            notes.append(f"{name} is not compared, since none of the ground is recognised in it")
        first = self.after_scenes[0]
        if observed is not first:
            known = remarks_of(first.stack)
            notes += [f"{name}: {remark}" for remark in remarks_of(observed.stack) if remark not in known]
        return notes

    def facts(self) -> dict[str, Any]:
        """Return what the provenance says of the scenes, JSON-serialisable."""

        def described(observed: Observed) -> dict[str, Any]:
            scene, taken = observed.stack.scene, assumptions_of(observed.stack)
            told = {"scene": scene.name, "acquired": _time(scene), "assumptions": taken.facts()}
            return told | observed.fit.facts()

        facts: dict[str, Any] = {"after_scenes": [described(o) for o in self.after_scenes]}
        if self.before:
            facts |= {"before_scenes": [described(o) for o in self.before_scenes], "change_index": self.index}
        return facts


@contextmanager
def open_sides(inputs: Inputs, dates: Dates) -> Iterator[Sides]:
    """Open all scenes that a user gave.

    Args:
        inputs: the first scene of the later side and what belongs to it; its options hold for the other scenes too.
        dates: the other scenes.

    Raises:
        L4SError: something cannot be read or does not fit, a scene was given twice, or dates contradict their side.
    """
    with gdal_settings(), ExitStack() as files:
        grid = _grid(inputs, dates.also) if dates.also else None
        ground = files.enter_context(open_stack(inputs, grid))
        if not dates.several:
            yield Sides(ground)
            return
        after = [Observed(ground), *(_fitted(files, ground, inputs, scene) for scene in dates.also)]
        before = [_fitted(files, ground, inputs, scene) for scene in dates.before]
        _check_different([*after, *before])
        before = _recognised(before, ground) if not dates.also else before
        side = Composite(after, ground, dates.composite) if dates.also else ground
        earlier = Composite(before, ground, dates.composite) if before else None
        sides = Sides(side, earlier, tuple(after), tuple(before))
        _check_order(sides, dates.strict_dates)
        yield sides


def _fitted(files: ExitStack, ground: Stack, inputs: Inputs, scene: SceneLike) -> Observed:
    """Open a further scene so that it fits the reference."""
    own = replace(inputs, scene=scene, dem=None, slope=None, aoi=None)
    with _units_named(scene), open_stack(own, ground.grid) as nominal:
        fit = Fit() if _files(nominal) == _files(ground) else fit_scene(ground, nominal)
    return Observed(files.enter_context(open_stack(own, fit.grid(ground.grid))), fit)


@contextmanager
def _units_named(scene: SceneLike) -> Iterator[None]:
    """Say of which further scene the values cannot be understood, and what to do where the others' can."""
    try:
        yield
    except SceneError as error:
        what, vague = str(error), "The scene's spectral values"
        if not what.startswith(vague):
            raise
        name = next(iter(scene.values())) if isinstance(scene, Mapping) else scene
        told = what.removeprefix(vague).rstrip(".")
        raise SceneError(
            f"The spectral values of {os.fspath(name)}{told}; --units holds for all scenes, so where they differ, "
            "state the scale in the file (gdal_edit.py -scale, what a value is multiplied by to become a reflectance)."
        ) from error


def _grid(inputs: Inputs, also: Sequence[SceneLike]) -> Grid:
    """Return the reference's mapping grid, grown to hold further scenes."""
    grid = mapping_grid(open_scene(inputs.scene, inputs.bands, inputs.sensor).grid)
    left, bottom, right, top = grid.bounds
    for scene in also:
        own = open_scene(scene, inputs.bands, inputs.sensor).grid
        bounds = own.bounds if own.crs == grid.crs else transform_bounds(own.crs, grid.crs, *own.bounds)
        if all(map(math.isfinite, bounds)) and shapely.box(*bounds).intersects(shapely.box(*grid.bounds)):
            left, bottom = min(left, bounds[0]), min(bottom, bounds[1])
            right, top = max(right, bounds[2]), max(top, bounds[3])
    step, slack = PIXEL, 1e-6
    west, north = (math.ceil(d / step - slack) for d in (grid.bounds[0] - left, top - grid.bounds[3]))
    east, south = (math.ceil(d / step - slack) for d in (right - grid.bounds[2], grid.bounds[1] - bottom))
    transform = grid.transform @ Affine.translation(-west, -north)
    return Grid(grid.crs, transform, grid.height + north + south, grid.width + west + east)


def _check_different(scenes: Sequence[Observed]) -> None:
    """Refuse a scene that is given twice.

    Raises:
        SceneError: one is.
    """
    seen: set[object] = set()
    for observed in scenes:
        files = _files(observed.stack)
        if files in seen:
            raise SceneError(
                f"The scene {observed.stack.scene.name} is given twice; a date is compared with another, so give each "
                "scene once."
            )
        seen.add(files)


def _recognised(before: Sequence[Observed], ground: Stack) -> list[Observed]:
    """Leave out earlier scenes that show nothing of the reference's ground: to them, all of it would look new.

    Raises:
        SceneError: none shows any, or one holds the very values of the reference.
    """
    for observed in before:
        if observed.fit.identical:
            raise SceneError(
                f"The earlier scene {observed.stack.scene.name} holds the very values of {ground.scene.name}, so both "
                "are one scene; give one of another date."
            )
    if before and not any(observed.fit.recognised for observed in before):
        names = ", ".join(observed.stack.scene.name for observed in before)
        raise SceneError(
            f"Nothing of the ground of {ground.scene.name} is recognised in the earlier scene {names}: neither edges "
            "nor colours agree, as under clouds or haze or at another place; give clearer scenes of one place, or mask "
            "clouds (--clouds, --mask)."
        )
    return [observed if observed.fit.recognised else replace(observed, counts=False) for observed in before]


def _check_order(sides: Sides, strict: bool) -> None:
    """Compare the dates of the two sides; a contradiction is an error if they are to be strict, or else a remark.

    Raises:
        SceneError: see above.
    """
    unknown = [o.stack.scene.name for o in (*sides.after_scenes, *sides.before_scenes) if not _time(o.stack.scene)]
    if strict and unknown:
        sides.after.remarks.append(f"--strict-dates says nothing of {', '.join(unknown)}, whose date is unknown")
    # A known date of a side contradicts the other side's, whatever the unknown ones are.
    first = min(_known_times(sides.after_scenes), default="")
    last = max(_known_times(sides.before_scenes), default="")
    if not (first and last) or last < first:
        return
    found = f"the earlier scenes reach to {last} and the later ones begin at {first}"
    if strict:
        raise SceneError(
            f"By their dates, {found}; expected all of --before earlier, so change the order or leave --strict-dates "
            "out."
        )
    sides.after.remarks.append(f"{found}, so that what is called new may be what has healed")


def _times(scenes: Sequence[Observed]) -> list[str]:
    """Return the times of scenes; none at all if one is unknown."""
    times = _known_times(scenes)
    return times if len(times) == len(scenes) else []


def _known_times(scenes: Sequence[Observed]) -> list[str]:
    """Return the times of those scenes whose time is known."""
    return [time for o in scenes if (time := _time(o.stack.scene))]


def _time(scene: Scene) -> str:
    """Return when a scene was taken, as its metadata or the names of its files tell; "" if they do not."""
    return scene.acquisition.acquired or (scene.dated.value if scene.dated else "")


def _files(stack: Stack) -> object:
    """Return what tells whether two scenes are one: their files, whatever they are called, and bands."""
    return frozenset((_place(ref.path), ref.index) for ref in stack.scene.bands.values())


def _place(path: str) -> object:
    """Return the file behind a name, and the place inside of it; the name itself where it is none of this machine."""
    file = file_of(path)
    try:
        found = os.stat(file or "")
    except OSError:
        return unsigned(path)
    return found.st_dev, found.st_ino, path.partition(str(file))[2]


def _described(observed: Observed) -> str:
    scene, fit = observed.stack.scene, observed.fit
    words = [scene.name, _time(scene), f"values {observed.stack.radiometry.stated.words()}"]
    if fit.shift:
        east, south = fit.shift.cols * PIXEL, fit.shift.rows * PIXEL
        across, along = "east" if east >= 0 else "west", "south" if south >= 0 else "north"
        size = f"{abs(east):.1f} m {across}, {abs(south):.1f} m {along}"
        done = "taken off" if fit.applied else "not taken off"
        words.append(f"lies {size} of the first ({done}; {fit.shift.agreeing} of {fit.shift.blocks} blocks agree)")
    if fit.lines:
        gains = ", ".join(f"{band} × {line.gain:.2f} {line.offset:+.0f}" for band, line in fit.lines.items())
        words.append(f"colours brought to it ({gains})")
    return ", ".join(word for word in words if word)

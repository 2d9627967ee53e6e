"""The ground that a report shows, and the scenes that show it: those given, else those that the inventory names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyproj

from l4s_geo import defaults
from l4s_geo.address import is_network, shown
from l4s_geo.change.dates import SceneLike, scenes_of
from l4s_geo.errors import L4SError, ReportError
from l4s_geo.evaluation.layers import grid_around
from l4s_geo.grid import Grid, Window
from l4s_geo.reporting.facts import Engines, Said
from l4s_geo.reporting.imagery import Camera
from l4s_geo.reporting.landslides import Landslides
from l4s_geo.sources.detect import open_scene
from l4s_geo.stack.masks import Mask
from l4s_geo.stack.open import Inputs, open_stack
from l4s_geo.stack.stack import Stack
from l4s_geo.units import UNITS, Units

__all__ = ["PathLike", "Scenes", "View", "open_view"]

PathLike = str | os.PathLike[str]

_ANY_SENSOR: Final = "sentinel-2"
"""What is only shown may come from another sensor: nothing is derived from its values."""
_MARGIN = 50
"""Pixels around landslides in a report without imagery."""
_MOST_BANDS = 1000


@dataclass(frozen=True)
class Scenes:
    """The scenes of a report, as a user gives them; `l4s_geo.reporting.report.report` explains them."""

    scene: SceneLike | Sequence[SceneLike] | None = None
    bands: Sequence[str] | None = None
    before: SceneLike | Sequence[SceneLike] | None = None
    mask: PathLike | None = None
    mask_classes: Sequence[int] = defaults.MASK_CLASSES
    units: Units | Literal["auto"] = defaults.UNITS
    offset: float | None = None


@dataclass(frozen=True)
class View:
    """The ground that a report shows."""

    grid: Grid
    """A grid of 10 m."""
    after: Camera | None = None
    """The scene; None without imagery."""
    before: Camera | None = None
    """The earlier one; None if there is none."""
    masks: tuple[Mask, ...] = ()
    """What hid pixels of the scene from the map."""
    missing: Said | None = None
    """Why there is no imagery."""

    @property
    def crs(self) -> pyproj.CRS:
        """The CRS of the grid."""
        return pyproj.CRS.from_wkt(self.grid.crs.to_wkt())


@contextmanager
def open_view(found: Landslides, facts: Mapping[str, Any], given: Scenes, folder: Path) -> Iterator[View]:
    """Open the scenes; without any, take the ground around the landslides.

    Args:
        found: the landslides.
        facts: what the inventory says of itself: it may name its scene's files. If these are gone or cannot be read,
            there is no imagery; only local files are tried.
        given: what the user gave.
        folder: the inventory's, from which relative names of files may count.

    Raises:
        ReportError: there is an earlier scene without a later one.
        L4SError: a scene that was given cannot be read.
    """
    with ExitStack() as files:
        if given.scene is not None:
            yield _opened(files, list(scenes_of(given.scene)), given.bands, given, facts)
            return
        view, missing = _named(files, facts, given, folder)
        if view is None and given.before is not None:
            raise ReportError(
                "An earlier scene was given but the scene itself was neither given nor is it where the inventory says; "
                "expected both, so give it (--scene)."
            )
        yield view or View(_ground(found), missing=missing)


def _opened(
    files: ExitStack, scenes: list[SceneLike], bands: Sequence[str] | None, given: Scenes, facts: Mapping[str, Any]
) -> View:
    known = facts.get("units")
    stack = files.enter_context(
        open_stack(
            Inputs(
                scene=scenes[0],
                bands=bands,
                mask=given.mask,
                mask_classes=given.mask_classes,
                units=known if given.units == "auto" and known in UNITS else given.units,
                offset=given.offset,
                sensor=_ANY_SENSOR,
            )
        )
    )
    masks = tuple(stack.masks)
    stack.masks.clear()  # clouds are shown, and marked
    units = None if given.units == "auto" else given.units

    def on_grid(one: SceneLike) -> Stack:
        names = None if isinstance(one, Mapping) else given.bands
        scene = open_scene(one, names, _ANY_SENSOR)
        return files.enter_context(Stack(scene, None, units, grid=stack.grid, offset=given.offset))

    later, earlier = [on_grid(one) for one in scenes[1:]], [on_grid(one) for one in scenes_of(given.before)]
    return View(stack.grid, Camera([stack, *later]), Camera(earlier) if earlier else None, masks)


def _named(files: ExitStack, facts: Mapping[str, Any], given: Scenes, folder: Path) -> tuple[View | None, Said | None]:
    """Open the scene that an inventory names; say why if that cannot be."""
    named = _named_scene(facts, folder)
    if named is None:
        return None, Said("reason_not_given")
    if gone := _gone(named[0]):
        return None, Said("reason_gone", {"path": gone})
    with ExitStack() as tried:
        try:
            view = _opened(tried, [named[0]], named[1], given, facts)
        except L4SError as error:
            if given.before is not None or given.mask is not None:
                raise
            return None, Said("reason_unreadable", {"error": Engines(str(error))})
        files.push(tried.pop_all())
    return view, None


def _named_scene(facts: Mapping[str, Any], folder: Path) -> tuple[SceneLike, Sequence[str] | None] | None:
    """The files that an inventory names: single-band files by band, or one file with the order of its bands."""
    given = facts.get("bands")
    if not isinstance(given, dict) or not given:
        return None
    split = {str(band): str(place).rpartition("#") for band, place in given.items()}
    places = {band: (_found(path, folder), index) for band, (path, _, index) in split.items()}
    files = {path for path, _ in places.values()}
    if any(not index.isdigit() or not path for path, index in places.values()):
        return None
    if len(files) > 1 or len(places) == 1:
        plain = all(index == "1" for _, index in places.values())
        return ({band: path for band, (path, _) in places.items()}, None) if plain else None
    (path,) = files
    if path.lower().endswith(".h5"):
        return path, None
    numbers = {int(index): band for band, (_, index) in places.items()}
    last = max(numbers)
    return (path, [numbers.get(number, "-") for number in range(1, last + 1)]) if last < _MOST_BANDS else None


def _found(path: str, folder: Path) -> str:
    """A file's name as it stands, or, if it is there, from a folder on."""
    beside = os.path.join(folder, path)
    return beside if path and not os.path.exists(path) and os.path.exists(beside) else path


def _gone(scene: SceneLike) -> str | None:
    """A file of a scene that is not there; None if all are. Only local files are looked for, and none is downloaded."""
    for path in scene.values() if isinstance(scene, Mapping) else [scene]:
        if is_network(os.fspath(path)) or os.fspath(path).startswith("/vsi") or not os.path.exists(path):
            return shown(os.fspath(path))
    return None


def _ground(found: Landslides) -> Grid:
    """A grid around landslides, for a report without imagery."""
    grid = grid_around(found.shapes, np.zeros(0, object), found.crs)
    return grid.part(Window(-_MARGIN, -_MARGIN, grid.height + 2 * _MARGIN, grid.width + 2 * _MARGIN))

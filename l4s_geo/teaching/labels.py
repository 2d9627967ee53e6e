"""Labels as people make them: polygons that say what is a landslide and what is not.

Three things count: an attribute of the polygons (`FIELDS`, or ``review`` of an inventory that somebody reviewed), a
layer of background of its own, and ground that was fully looked at, in which everything unmarked is background; what is
drawn beyond that ground is left aside then, since it would distort the shares. A
pixel has a label if half of it is covered. Those at outlines weigh half, since people draw crookedly; those that are
covered by both kinds have none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from scipy import ndimage

from l4s_geo.errors import TeachingError
from l4s_geo.evaluation.pixels import Cover
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.vectors import Features, read_features
from l4s_geo.stack.masks import is_box, open_area

__all__ = ["FIELDS", "Drawn", "Labels", "read_labels"]

PathLike = str | os.PathLike[str]
Shapes = NDArray[np.object_]

FIELDS = ("label", "class", "kind", "type", "landslide")
"""Attributes that may say what a polygon is, in small letters."""

_REVIEW = "review"
_NAMED = ("landslide", "landslides", "slide", "scar", "deposit", "rutschung", "hangrutschung", "erdrutsch")
_LANDSLIDE = (*_NAMED, "1", "yes", "y", "true", "t", "ja", "wahr")
_NO_LANDSLIDE = (*(f"{word} landslide" for word in ("no", "not", "non")), "keine rutschung", "kein erdrutsch")
_BACKGROUND = (*_NO_LANDSLIDE, "background", "hintergrund", "stable", "stabil", "none", "other")
_FALSE = ("0", "no", "n", "false", "f", "nein", "falsch")
_KINDS = dict.fromkeys(_LANDSLIDE, True) | dict.fromkeys((*_BACKGROUND, *_FALSE), False)
_DECISIONS: dict[str, bool | None] = {
    "accepted": True,
    "edited": True,
    "added": True,
    "rejected": False,
    "": None,
    "field check": None,
    "open": None,
}
"""What a review makes of a landslide; None for one that nobody has looked at yet."""
_MOST_LANDSLIDE = 0.5
_OUTLINE = np.float32(0.5)
_AROUND = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Drawn:
    """The labels of a window, each (rows, cols)."""

    landslide: NDArray[np.bool_]
    """Labelled landslide."""
    background: NDArray[np.bool_]
    """Labelled background."""
    weight: NDArray[np.float32]
    """How far the label is to be trusted: less at outlines."""


@dataclass(frozen=True)
class Labels:
    """Labels on the grid of a scene."""

    grid: Grid
    """The scene's mapping grid."""
    landslides: Shapes
    """(n,) polygons of landslides that meet the scene, in the grid's CRS."""
    backgrounds: Shapes
    """(n,) polygons of background."""
    looked: Shapes
    """(n,) polygons of fully looked-at ground; none if single polygons were drawn alone."""
    undecided: Shapes
    """(n,) polygons that nobody has decided on: no background, even on ground that was looked at."""
    notes: tuple[str, ...]
    """What the user should know, one sentence each."""

    @property
    def every(self) -> Shapes:
        """All polygons that label something."""
        every: Shapes = np.concatenate([self.landslides, self.backgrounds])
        return self.looked if self.has_area else every

    @property
    def has_area(self) -> bool:
        """Whether some ground was fully looked at."""
        return len(self.looked) > 0

    def reader(self) -> _Reader:
        """Return what reads the labels of windows."""
        return _Reader(self)


class _Reader:
    """Reads the labels of windows."""

    def __init__(self, labels: Labels) -> None:
        layers = (labels.landslides, labels.backgrounds, labels.looked, labels.undecided)
        self._has_area = labels.has_area
        self._covers = [Cover(shapes, labels.grid) for shapes in layers]

    def read(self, window: Window) -> Drawn:
        """Return the labels of a window."""
        around = Window(window.row - 1, window.col - 1, window.height + 2, window.width + 2)
        landslide, background, looked, undecided = (cover.read(around) for cover in self._covers)
        both = landslide & background
        if self._has_area:
            landslide, background = landslide & looked, looked & ~landslide & ~undecided
        inner = (slice(1, -1), slice(1, -1))
        outline = np.zeros_like(both)
        for kind in (landslide, background):
            outline |= kind & ~ndimage.binary_erosion(kind, _AROUND, border_value=1)
        weight = np.where(outline, _OUTLINE, np.float32(1))
        return Drawn((landslide & ~both)[inner], (background & ~both)[inner], weight[inner])

    def both(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels of a window polygons of both kinds cover."""
        return self._covers[0].read(window) & self._covers[1].read(window)


def read_labels(
    labels: PathLike,
    grid: Grid,
    background: PathLike | None = None,
    area: PathLike | None = None,
    field: str | None = None,
) -> Labels:
    """Read labels.

    Args:
        labels: polygons, in any CRS; ``FILE|layername=NAME`` for one of several layers. What each is, an attribute
            says; without one, all are landslides.
        grid: the mapping grid of the scene.
        background: polygons of background.
        area: polygons of ground that was fully looked at, or "west,south,east,north" as an area of interest has it.
        field: name of the attribute that says what a polygon is; None finds it.

    Raises:
        TeachingError: a file cannot be read, holds no polygons, lies outside the scene, says things that are not known,
            or all of it is of one kind.
    """
    given = _read(labels, "labels", (field,) if field else (_REVIEW, *FIELDS))
    kinds, how = _kinds(given, field)
    notes = [*_remarks(given), how]
    yes, no = (_placed(given, grid, np.array([k is kind for k in kinds], bool)) for kind in (True, False))
    undecided = _placed(given, grid, np.array([k is None for k in kinds], bool))
    whole = len(given.shapes)
    inside = len(yes) + len(no) + len(undecided)
    if whole and not inside:
        raise TeachingError(
            f"No polygon of the {given.what} ({_degrees(given)}) meets the scene ({_place(grid)}); expected labels on "
            "the scene, so check the file and its CRS."
        )
    if inside < whole:
        notes.append(f"{whole - inside} of {whole} polygons of the {given.what} lie outside the scene")
    if background is not None:
        no = np.concatenate([no, _layer(background, "background", grid, notes)])
    looked = _looked(area, grid, notes) if area is not None else no[:0]
    if area is not None:
        yes, no = _inside(yes, looked, notes), _inside(no, looked, [])
    _check(yes, no, looked, grid, given.what)
    found = Labels(grid, yes, no, looked, undecided, tuple(note for note in notes if note))
    clash = _clash(found)
    return found if not clash else Labels(grid, yes, no, looked, undecided, (*found.notes, clash))


def _read(path: PathLike, what: str, attributes: Sequence[str] = ()) -> Features:
    spelt = [spelling for name in attributes for spelling in (name, name.lower(), name.capitalize(), name.upper())]
    given = read_features(path, what, TeachingError, spelt)
    return replace(given, attributes={name.lower(): values for name, values in given.attributes.items()})


def _layer(path: PathLike, what: str, grid: Grid, notes: list[str]) -> Shapes:
    """Read a layer all of whose polygons mean the same; an error if none of them meets the scene."""
    given = _read(path, what, FIELDS)
    shapes = _placed(given, grid, np.ones(len(given.shapes), bool))
    if not len(shapes):
        raise TeachingError(
            f"No polygon of the {given.what} ({_degrees(given)}) meets the scene ({_place(grid)}); expected some of "
            "it on the scene, so check the file and its CRS."
        )
    notes += _remarks(given)
    for name, values in given.attributes.items():
        if strangers := sum(_word(value) in _NAMED for value in values):
            notes.append(
                f"{strangers} polygons of the {given.what} say landslide ({name}) and count as {what} all the same"
            )
    return shapes


def _looked(area: PathLike, grid: Grid, notes: list[str]) -> Shapes:
    """Read the ground that was fully looked at: a layer, or a box."""
    if not is_box(area):
        return _layer(area, "area", grid, notes)
    box: Shapes = np.empty(1, object)
    box[0] = open_area(area, grid).shape
    return box


def _inside(shapes: Shapes, looked: Shapes, notes: list[str]) -> Shapes:
    """The polygons that meet the ground that was looked at."""
    met: Shapes = shapes[np.unique(shapely.STRtree(shapes).query(looked, predicate="intersects")[1])]
    if len(met) < len(shapes):
        notes.append(f"{len(shapes) - len(met)} landslides lie beyond the ground that was looked at and are left aside")
    return met


def _remarks(given: Features) -> list[str]:
    return [
        *(
            [f"{given.others} points or lines of the {given.what} are left aside: they have no area"]
            * bool(given.others)
        ),
        *([f"{given.repaired} invalid polygons of the {given.what} were repaired"] * bool(given.repaired)),
    ]


def _kinds(given: Features, field: str | None) -> tuple[list[bool | None], str]:
    """Tell what each polygon is: True for landslide, False for background, None if nobody decided; and how it is told.

    Raises:
        TeachingError: several attributes could say it, the one named is not there, or it says something unknown.
    """
    names = list(given.attributes)
    if field and not names:
        raise TeachingError(f"The {given.what} has no attribute {field}; name the one that says what a polygon is.")
    # Attributes like "type" are common; one without any value says nothing.
    filled = [name for name in names if any(_word(value) for value in given.attributes[name])]
    if _REVIEW in names and not filled:
        raise TeachingError(
            f"The attribute review of the {given.what} is empty for all {len(given.shapes)} polygons; expected "
            "accepted, edited, added or rejected, so review some, or leave the attribute out if all are landslides."
        )
    if not filled:
        return [True] * len(given.shapes), f"all polygons of the {given.what} are taken for landslides"
    if _REVIEW in filled:
        filled = [_REVIEW]
    if len(filled) > 1:
        raise TeachingError(
            f"The {given.what} has the attributes {' and '.join(filled)}, and either could say what a polygon is; "
            f"choose one, for instance --field {filled[0]}."
        )
    name = filled[0]
    words = [_word(value) for value in given.attributes[name]]
    known: Mapping[str, bool | None] = _DECISIONS if name == _REVIEW else _KINDS
    if unknown := sorted({word for word in words if word not in known}):
        expected = "accepted, edited, added or rejected" if name == _REVIEW else "landslide or background, or 1 or 0"
        said = ", ".join(repr(word) if word else "nothing" for word in unknown[:5])
        raise TeachingError(
            f"The attribute {name} of the {given.what} says {said}; expected {expected}, so correct it, or choose "
            "another attribute (--field)."
        )
    kinds = [known[word] for word in words]
    left = sum(kind is None for kind in kinds)
    return kinds, f"{left} of {len(kinds)} polygons of the {given.what} are not reviewed and say nothing" * bool(left)


def _word(value: object) -> str:
    """What an attribute says, in small letters; whole numbers without their fraction, "" for nothing."""
    if value is None or value != value:  # a column of numbers has NaN where there is nothing
        return ""
    return " ".join(str(value).lower().replace("-", " ").replace("_", " ").split()).removesuffix(".0")


def _placed(given: Features, grid: Grid, chosen: NDArray[np.bool_]) -> Shapes:
    """Bring chosen polygons to a grid; those that do not meet it are left out."""
    crs = pyproj.CRS.from_wkt(grid.crs.to_wkt())
    shapes = given.shapes[chosen]
    if not given.crs.equals(crs, ignore_axis_order=True):
        way = pyproj.Transformer.from_crs(given.crs, crs, always_xy=True)
        shapes = shapely.transform(shapes, way.transform, interleaved=False)
        shapes = shapely.make_valid(shapes[np.isfinite(shapely.bounds(shapes)).all(axis=1)])
    met: Shapes = shapes[shapely.intersects(shapely.box(*grid.bounds), shapes)]
    return met


def _check(yes: Shapes, no: Shapes, looked: Shapes, grid: Grid, what: str) -> None:
    """Check that there are labels of both kinds, and that they are not larger than what they are to teach."""
    if not len(yes):
        raise TeachingError(
            f"The {what} holds no landslide that meets the scene, or the ground that was looked at; expected some of "
            "landslides and some of background."
        )
    if not len(no) and not len(looked):
        raise TeachingError(
            f"The {what} holds landslides alone; expected background too, so draw some (an attribute that says "
            "background, or --background FILE), or the ground that was fully looked at (--area FILE)."
        )
    ground = shapely.box(*grid.bounds)
    share = float(shapely.union_all(shapely.intersection(yes, ground)).area / ground.area)
    if share > _MOST_LANDSLIDE:
        raise TeachingError(
            f"The landslides of the {what} cover {share:.0%} of the scene; expected outlines of landslides, so check "
            "that they are not those of an area, and that a field says which polygons are background."
        )


def _clash(labels: Labels) -> str:
    """Say how many pixels are landslide and background at once, which therefore count as neither."""
    if not len(labels.backgrounds):
        return ""
    near, of = shapely.STRtree(labels.landslides).query(labels.backgrounds, predicate="intersects")
    shared = shapely.intersection(labels.backgrounds[near], labels.landslides[of])
    area = float(shapely.union_all(shared).area) if len(shared) else 0.0
    pixel = labels.grid.transform.a**2
    if area < pixel:
        return ""
    return f"{area:,.0f} m² are labelled landslide and background at once; they count as neither"


def _degrees(given: Features) -> str:
    way = pyproj.Transformer.from_crs(given.crs, 4326, always_xy=True)
    return _box(way.transform_bounds(*shapely.total_bounds(given.shapes)))


def _place(grid: Grid) -> str:
    return _box(grid.bounds_in(CRS.from_epsg(4326)) or grid.bounds)


def _box(bounds: Sequence[float]) -> str:
    west, south, east, north = bounds
    return f"longitude {west:.3f} to {east:.3f}, latitude {south:.3f} to {north:.3f}"

"""What is compared: two inventories, the ground that was looked at, the ground in doubt, on one grid of 10 m."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from l4s_geo.errors import EvaluationError
from l4s_geo.evaluation.objects import crossing
from l4s_geo.grid import PIXEL, Grid, is_metric, utm_crs
from l4s_geo.sources.vectors import Features, read_features

__all__ = ["Layers", "Side", "grid_around", "metric_crs", "read_layers"]

PathLike = str | os.PathLike[str]
Shapes = NDArray[np.object_]

_KEPT = 0.5
"""Least share of a landslide inside the ground that is judged, or it is not counted as one; its pixels are."""
_SLIVER = 1.0
"""m² that neighbours may share without a word: as much comes of rounding where they are brought to another CRS."""
_STRAIGHT = 0.01
"""Degrees up to which a side may stay straight where it is brought to a metric CRS."""
_MOST_AREA = 1e10
"""m²; the largest landslides known on land cover less than half of it."""
_LATTICE = 0.95
_MARGIN = 2


@dataclass(frozen=True)
class Side:
    """The landslides of one inventory."""

    shapes: Shapes
    """(n,) valid polygons or multipolygons, clipped to what is judged."""
    ids: NDArray[np.int64]
    """(n,) their numbers: the attribute `id`, else their place in the file, from 1 on."""
    fragments: Shapes = field(default_factory=lambda: np.zeros(0, object))
    """(k,) what is judged of landslides that are not counted, since less than half of them is left."""

    @property
    def ground(self) -> Shapes:
        """(n + k,) all that is landslide on the ground that is judged: the landslides, then the fragments."""
        return np.concatenate([self.shapes, self.fragments])


@dataclass(frozen=True)
class Layers:
    """Two inventories in one CRS."""

    grid: Grid
    """The grid of 10 m on which pixels are compared."""
    mapped: Side
    """The inventory's landslides."""
    reference: Side
    """The reference's landslides."""
    area: Shapes | None
    """The ground that was looked at; None if nobody said."""
    doubt: Shapes | None
    """Ground that is not judged."""
    notes: tuple[str, ...]
    """What a reader should know, one sentence each."""


def read_layers(
    inventory: PathLike,
    reference: Sequence[PathLike],
    area: PathLike | None = None,
    doubtful: Sequence[PathLike] = (),
    grid: Grid | None = None,
) -> Layers:
    """Read what is compared.

    Args:
        inventory: a vector file of polygons; ``FILE|layername=NAME`` for one of several layers.
        reference: files or layers that together are the reference.
        area: polygons of the ground that was looked at in both.
        doubtful: polygons of ground that is not judged on either side.
        grid: the grid to compare on, for instance that of a probability raster; by default one of 10 m in the
            inventory's CRS, or in the UTM zone of its centre if its CRS is not metric.

    Returns:
        The landslides in the CRS of the grid. Both sides are clipped to the area and rid of what is doubtful;
        landslides less than half of which are left are fragments.

    Raises:
        EvaluationError: a file cannot be read, holds no polygons, or has no CRS, or the layers do not meet.
    """
    first = _read(inventory, "inventory")
    others = [_read(path, "reference") for path in reference]
    crs = pyproj.CRS.from_wkt(grid.crs.to_wkt()) if grid else metric_crs(first, others)
    notes = [note for given in (first, *others) for note in _notes(given)]
    mapped = _moved(first, crs)
    known = _joined([_moved(given, crs) for given in others])
    looked = _ground([area], "area", crs) if area is not None else None
    doubt = _ground(doubtful, "doubtful ground", crs) if doubtful else None
    notes += _crossings(mapped, "inventory") + _crossings(known, "reference")
    _check_meeting(mapped, known, looked, crs)
    _check_sizes(mapped, "inventory")
    _check_sizes(known, "reference")
    mapped, known = _judged(mapped, looked, doubt), _judged(known, looked, doubt)
    if looked is None:
        notes.append(
            "no area was given: landslides of the inventory outside the ground that the reference's maker looked at "
            "count as false, so the precision may be too low"
        )
    own = grid or grid_around(mapped.ground, known.ground, crs)
    return Layers(own, mapped, known, looked, doubt, tuple(notes))


def _read(path: PathLike, what: str) -> Features:
    return read_features(path, what, EvaluationError)


def _notes(given: Features) -> list[str]:
    notes = []
    if given.others:
        notes.append(f"{given.others} points or lines of the {given.what} are left aside: they have no area")
    if given.repaired:
        notes.append(f"{given.repaired} invalid polygons of the {given.what} were repaired")
    return notes


def metric_crs(first: Features, others: Sequence[Features]) -> pyproj.CRS:
    """Return the CRS of the first layer with polygons if it is metric, else the UTM zone of its centre."""
    given = next((layer for layer in (first, *others) if len(layer.shapes)), first)
    crs = CRS.from_wkt(given.crs.to_wkt())
    left, bottom, right, top = shapely.total_bounds(given.shapes) if len(given.shapes) else (0.0, 0.0, 1.0, 1.0)
    if is_metric(crs, (left, bottom, right, top)):
        return given.crs
    around = Grid(crs, Affine(right - left, 0, left, 0, bottom - top, top), 1, 1)
    return pyproj.CRS.from_wkt(utm_crs(around).to_wkt())


def _moved(given: Features, crs: pyproj.CRS) -> Side:
    shapes = given.shapes
    if not given.crs.equals(crs, ignore_axis_order=True):
        way = pyproj.Transformer.from_crs(given.crs, crs, always_xy=True)
        bent = shapely.segmentize(shapes, _STRAIGHT) if given.crs.is_geographic else shapes
        shapes = shapely.make_valid(shapely.transform(bent, way.transform, interleaved=False))
        if not np.isfinite(shapely.bounds(shapes)).all():
            raise EvaluationError(
                f"The {given.what} holds polygons that cannot be brought to {crs.name}; expected places on one side of "
                "the Earth, so check its CRS."
            )
    return Side(shapes, given.ids)


def _joined(sides: Sequence[Side]) -> Side:
    if len(sides) == 1:
        return sides[0]
    shapes = np.concatenate([side.shapes for side in sides])
    return Side(shapes, np.arange(1, len(shapes) + 1))


def _ground(paths: Sequence[PathLike], what: str, crs: pyproj.CRS) -> Shapes:
    shapes = np.concatenate([_moved(_read(path, what), crs).shapes for path in paths])
    if not len(shapes):
        raise EvaluationError(f"The {what} {os.fspath(paths[0])} holds no polygon; expected at least one.")
    return shapes


def _crossings(side: Side, what: str) -> list[str]:
    several = int(crossing(side.shapes, _SLIVER).sum())
    if not several:
        return []
    return [f"{several} polygons of the {what} share ground with others of it, which counts once"]


def _check_meeting(mapped: Side, known: Side, area: Shapes | None, crs: pyproj.CRS) -> None:
    """Check that layers which both hold something lie on the same ground."""
    boxes = {"inventory": mapped.shapes, "reference": known.shapes, "area": area}
    full = {
        name: shapely.box(*shapely.total_bounds(shapes))
        for name, shapes in boxes.items()
        if shapes is not None and len(shapes)
    }
    names = list(full)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if not full[one].intersects(full[other]):
                raise EvaluationError(
                    f"The {one} ({_degrees(full[one], crs)}) and the {other} ({_degrees(full[other], crs)}) do not "
                    "meet; expected layers of the same ground, so check the files and their CRS."
                )


def _check_sizes(side: Side, what: str) -> None:
    """Refuse what is no landslide: an area in place of a reference, or coordinates of another CRS."""
    largest = float(shapely.area(side.shapes).max(initial=0.0))
    if largest > _MOST_AREA:
        raise EvaluationError(
            f"The {what} holds a polygon of {largest / 1e6:,.0f} km²; expected landslides, which are smaller than "
            f"{_MOST_AREA / 1e6:,.0f} km², so check the file and its CRS."
        )


def _degrees(box: shapely.Geometry, crs: pyproj.CRS) -> str:
    way = pyproj.Transformer.from_crs(crs, 4326, always_xy=True)
    west, south, east, north = way.transform_bounds(*box.bounds)
    return f"longitude {west:.3f} to {east:.3f}, latitude {south:.3f} to {north:.3f}"


def _judged(side: Side, area: Shapes | None, doubt: Shapes | None) -> Side:
    """Clip landslides to what is judged; those of which too little is left to count them are fragments."""
    whole = shapely.area(side.shapes)
    shapes = side.shapes
    if area is not None:
        shapes = _clipped(shapes, area, inside=True)
    if doubt is not None:
        shapes = _clipped(shapes, doubt, inside=False)
    left = shapely.area(shapes)
    kept = (left >= _KEPT * (1 - 1e-9) * whole) & (whole > 0)
    return Side(shapes[kept], side.ids[kept], shapes[(left > 0) & ~kept])


def _clipped(shapes: Shapes, ground: Shapes, inside: bool) -> Shapes:
    """Cut landslides with ground: what lies in it, or outside; those that lie wholly on one side are not touched."""
    union = shapely.union_all(ground)
    shapely.prepare(union)
    cut = ~shapely.contains_properly(union, shapes) if inside else shapely.intersects(union, shapes)
    out = shapes.copy()
    out[cut] = (shapely.intersection if inside else shapely.difference)(shapes[cut], union)
    return out


def grid_around(mapped: Shapes, reference: Shapes, crs: pyproj.CRS) -> Grid:
    """Return a grid of 10 m around both sides, in step with the inventory's pixels if its outlines follow some."""
    every: Any = np.concatenate([mapped, reference])
    left, bottom, right, top = shapely.total_bounds(every) if len(every) else (0.0, 0.0, PIXEL, PIXEL)
    x0, y0 = _step(mapped)
    left, bottom = (math.floor((v - o) / PIXEL - _MARGIN) * PIXEL + o for v, o in ((left, x0), (bottom, y0)))
    width, height = (math.ceil((b - a) / PIXEL + _MARGIN) for a, b in ((left, right), (bottom, top)))
    return Grid(CRS.from_wkt(crs.to_wkt()), Affine(PIXEL, 0, left, 0, -PIXEL, bottom + height * PIXEL), height, width)


def _step(shapes: Shapes) -> tuple[float, float]:
    """Where the corners of the pixels lie that outlines follow, modulo 10 m; (0, 0) if they follow none."""
    corners = shapely.get_coordinates(shapes)
    if not len(corners):
        return 0.0, 0.0
    steps = []
    for values in np.round(corners % PIXEL, 2).T % PIXEL:
        places, counts = np.unique(values, return_counts=True)
        at = int(counts.argmax())
        steps.append(float(places[at]) if counts[at] >= _LATTICE * len(values) else 0.0)
    return steps[0], steps[1]

"""Pixels of two inventories, block by block: what both have, what one has alone.

A pixel of 10 m belongs to an inventory if at least half of it is covered, so that a reference digitised finer than the
pixels is not favoured, nor one along their edges. Coverage is measured at 5 x 5 points in each pixel. Blocks of 2 km
that no landslide meets are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from l4s_geo.grid import Grid, Window

__all__ = ["Block", "Cover", "PixelScores", "Tally", "blocks", "intervals", "look", "scores"]

Shapes = NDArray[np.object_]

BLOCK = 200
"""Side of a block, in pixels."""
GROUND = 100
"""Side of the squares of ground that are drawn with replacement for the intervals, in pixels: 1 km."""

_POINTS = 5
_DRAWS = 1000
_INTERVAL = (2.5, 97.5)


class Cover:
    """Which pixels of a grid polygons cover by half or more."""

    def __init__(self, shapes: Shapes, grid: Grid) -> None:
        """Take polygons.

        Args:
            shapes: (n,) valid polygons in the CRS of the grid.
            grid: the grid.
        """
        self._shapes = shapes
        self._tree = shapely.STRtree(shapes)
        self._grid = grid

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels of a window, which may reach beyond the grid, are covered: (rows, cols) bool."""
        part = self._grid.part(window)
        box = part.bounds
        near = self._shapes[np.sort(self._tree.query(shapely.box(*box)))]
        pieces = shapely.clip_by_rect(near, *box)
        pieces = pieces[~shapely.is_empty(pieces)]
        if not len(pieces):
            return np.zeros(part.shape, bool)
        fine = tuple(_POINTS * side for side in part.shape)
        inside = rasterize(pieces, out_shape=fine, transform=part.transform @ Affine.scale(1 / _POINTS), dtype="uint8")
        lines = inside.reshape(part.height, _POINTS, -1).sum(axis=1, dtype=np.uint8)
        points = sum(lines[:, first::_POINTS] for first in range(_POINTS))
        covered: NDArray[np.bool_] = points > _POINTS**2 // 2
        return covered


@dataclass(frozen=True)
class Block:
    """The pixels of a block, each (rows, cols) bool."""

    window: Window
    mapped: NDArray[np.bool_]
    """Landslide in the inventory."""
    reference: NDArray[np.bool_]
    """Landslide in the reference."""
    near_mapped: NDArray[np.bool_]
    """The same or a neighbour of it, by edge or corner, in the inventory."""
    near_reference: NDArray[np.bool_]
    """The same or a neighbour of it, by edge or corner, in the reference."""
    judged: NDArray[np.bool_]
    """Looked at, and not doubtful."""


def blocks(grid: Grid, layers: Sequence[Shapes]) -> Iterator[Window]:
    """Return the blocks of a grid that polygons of some layers meet, from the top, left to right."""
    tree = [shapely.STRtree(shapes) for shapes in layers]
    for strip in grid.rows(BLOCK):
        if not any(len(t.query(shapely.box(*grid.part(strip).bounds))) for t in tree):
            continue
        for col in range(0, grid.width, BLOCK):
            window = Window(strip.row, col, strip.height, min(BLOCK, grid.width - col))
            box = shapely.box(*grid.part(window).bounds)
            if any(len(t.query(box, predicate="intersects")) for t in tree):
                yield window


def look(window: Window, mapped: Cover, reference: Cover, area: Cover | None, doubt: Cover | None) -> Block:
    """Look at a block.

    Args:
        window: the block.
        mapped: the inventory.
        reference: the reference.
        area: the ground that was looked at; None for all.
        doubt: what is not judged; None for nothing.
    """
    around = Window(window.row - 1, window.col - 1, window.height + 2, window.width + 2)
    judged = area.read(around) if area else np.ones((around.height, around.width), bool)
    if doubt:
        judged &= ~doubt.read(around)
    ours, theirs = mapped.read(around) & judged, reference.read(around) & judged
    inner = (slice(1, -1), slice(1, -1))
    return Block(window, ours[inner], theirs[inner], _near(ours), _near(theirs), judged[inner])


@dataclass(frozen=True)
class Tally:
    """Counts of pixels; each is an array of one shape, for instance one entry a square of ground."""

    both: NDArray[np.int64]
    """Landslide in both."""
    mapped: NDArray[np.int64]
    """Landslide in the inventory."""
    reference: NDArray[np.int64]
    """Landslide in the reference."""
    mapped_near: NDArray[np.int64]
    """Landslide in the inventory, and within one pixel of one in the reference."""
    reference_near: NDArray[np.int64]
    """Landslide in the reference, and within one pixel of one in the inventory."""

    @classmethod
    def of(cls, block: Block, within: NDArray[np.bool_] | None = None) -> Tally:
        """Count a block by squares of ground, of all its pixels or of those of a class."""
        mapped, reference = block.mapped, block.reference
        if within is not None:
            mapped, reference = mapped & within, reference & within
        kinds = (
            mapped & block.reference,
            mapped,
            reference,
            mapped & block.near_reference,
            reference & block.near_mapped,
        )
        return cls(*map(_by_ground, kinds))

    @classmethod
    def together(cls, tallies: Sequence[Tally]) -> Tally:
        """Put the squares of several tallies behind each other."""
        names = tuple(cls.__dataclass_fields__)
        none = np.zeros(0, np.int64)
        return cls(*(np.concatenate([none, *(getattr(t, name) for t in tallies)]) for name in names))

    def where(self, chosen: NDArray[np.bool_]) -> Tally:
        """Return the counts of some squares."""
        return Tally(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class PixelScores:
    """Precision, recall, F1 and intersection over union of pixels; NaN where nothing is to be divided by."""

    precision: float
    """Share of the inventory's pixels that the reference has."""
    recall: float
    """Share of the reference's pixels that the inventory has."""

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 if nothing is common."""
        if not (self.precision > 0 and self.recall > 0):
            return 0.0
        return 2 * self.precision * self.recall / (self.precision + self.recall)

    @property
    def iou(self) -> float:
        """Intersection over union: 1 / (1 / precision + 1 / recall - 1); 0 if nothing is common."""
        if not (self.precision > 0 and self.recall > 0):
            return 0.0
        return 1 / (1 / self.precision + 1 / self.recall - 1)


def scores(tally: Tally, tolerant: bool = False) -> PixelScores:
    """Score counts of pixels.

    Args:
        tally: the counts.
        tolerant: whether what lies one pixel beside, by edge or corner, is right too.
    """
    hit, found = (tally.mapped_near, tally.reference_near) if tolerant else (tally.both, tally.both)
    return PixelScores(_share(hit.sum(), tally.mapped.sum()), _share(found.sum(), tally.reference.sum()))


def intervals(tally: Tally, tolerant: bool = False, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Estimate intervals of 95 % of the scores, by drawing squares of ground of 1 km with replacement.

    Landslides come in clusters, so pixels are not independent of their neighbours; squares of ground nearly are.

    Args:
        tally: counts, one entry a square.
        tolerant: as for `scores`.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    n = len(tally.both)
    if n < 2:
        return {}
    counts = random.multinomial(n, np.full(n, 1 / n), size=_DRAWS)
    hit, found = (tally.mapped_near, tally.reference_near) if tolerant else (tally.both, tally.both)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = counts @ hit / (counts @ tally.mapped)
        recall = counts @ found / (counts @ tally.reference)
        f1 = 2 * precision * recall / (precision + recall)
        iou = 1 / (1 / precision + 1 / recall - 1)
    drawn = {"precision": precision, "recall": recall, "f1": f1, "iou": iou}
    return {name: _interval(values) for name, values in drawn.items()}


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, _INTERVAL) if len(known) else (np.nan, np.nan)
    return float(low), float(high)


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


def _near(layer: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which inner pixels of (rows + 2, cols + 2) are set or have a neighbour that is, by edge or corner: (rows, cols).

    A dilation by 3 x 3, which SciPy's takes ten times as long for.
    """
    rows = layer[:-2] | layer[1:-1] | layer[2:]
    near: NDArray[np.bool_] = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return near


def _by_ground(layer: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the pixels of each square of ground of a block: (squares,)."""
    rows, cols = (np.arange(0, side, GROUND) for side in layer.shape)
    counts: NDArray[np.int64] = np.add.reduceat(np.add.reduceat(layer.astype(np.int64), rows, axis=0), cols, axis=1)
    return counts.ravel()

"""Labelled ground in folds that lie apart, so that what was learned in some is measured in another.

Neighbouring pixels are alike, and a feature looks at the ground around its pixel: a fold that lies between the ground
that was learned from is judged too well (Roberts et al., Ecography 2017). So a fold is one piece of the ground, cut at
the medians of the labelled landslides, and the trees that judge it learn from what lies farther from it than a *gap*:
the reach of the features (`l4s_geo.inference.features.HALO`), or as much of it as the ground allows.

The error of a comparison is that between *blocks*, smaller squares of the ground: the standard error of a ratio
(Cochran, Sampling Techniques, 1977, section 6.4), here of the difference of two F1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4s_geo.inference.features import HALO

__all__ = ["FEWEST_PIXELS", "FOLDS", "NARROWEST", "Folds", "blocks_of", "standard_error"]

FOLDS = 8
"""Number of pieces that the ground is cut into."""

NARROWEST = 16
"""Narrowest gap, pixels, whose folds say something of ground elsewhere."""

FEWEST_PIXELS = 20
"""Pixels of landslide and of background that are needed to learn."""

_GAPS = (HALO, 48, 32, 24, NARROWEST, 8, 0)
_LEFT = 0.4
"""Share of all landslides that a gap must leave to learn from, in the mean over the folds."""
_SIDES = (64, 32, 16, 8)
"""Sides of the blocks tried, in pixels: the largest that gives enough blocks is taken."""
_BLOCKS = 16

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Folds:
    """The fold of each of n labelled pixels, and who may judge it."""

    number: Numbers
    """(n,) from 0 to `FOLDS` - 1."""
    gap: int
    """Pixels between a fold and what its judges learned from."""
    row: NDArray[np.int32]
    """(n,) row of the pixel."""
    col: NDArray[np.int32]
    """(n,) its column."""

    @classmethod
    def of(cls, row: NDArray[np.int32], col: NDArray[np.int32], landslide: Flags) -> Folds:
        """Cut ground into folds with about as many landslides each, as far apart as it allows.

        Args:
            row: (n,) rows of the labelled pixels.
            col: (n,) their columns.
            landslide: (n,) True for landslide, False for background.
        """
        number = _cut(np.stack([row, col]).astype(np.int64), landslide, FOLDS)
        for gap in _GAPS:
            folds = cls(number, gap, row, col)
            if folds._leaves_enough(landslide):
                break
        return folds

    def __iter__(self) -> Iterator[tuple[Flags, Flags]]:
        """For each fold that is not empty, which pixels may be learned from, and which are judged then."""
        for number in np.unique(self.number):
            judged = self.number == number
            yield self._beyond(judged), judged

    def _beyond(self, judged: Flags) -> Flags:
        """The pixels of other folds that lie farther than the gap from the box around a fold."""
        near = np.ones(len(judged), bool)
        for place in (self.row, self.col):
            low, high = int(place[judged].min()) - self.gap, int(place[judged].max()) + self.gap
            near &= (place >= low) & (place <= high)
        return ~(near | judged) if self.gap else ~judged

    def _leaves_enough(self, landslide: Flags) -> bool:
        left = np.array([[(seen & kind).sum() for kind in (landslide, ~landslide)] for seen, _ in self])
        return bool(left.min() >= FEWEST_PIXELS and left[:, 0].mean() >= _LEFT * landslide.sum())


def blocks_of(row: NDArray[np.int32], col: NDArray[np.int32], landslide: Flags) -> Numbers:
    """Return the number of each pixel's block, (n,) from 0, in the largest blocks of which enough have landslides."""
    for side in _SIDES:
        block = row.astype(np.int64) // side * 1_000_000 + col // side
        if len(np.unique(block[landslide])) >= _BLOCKS:
            break
    numbers: Numbers = np.unique(block, return_inverse=True)[1].astype(np.int64)
    return numbers


def standard_error(block: Numbers, truth: Flags, said: tuple[Flags, Flags], weight: NDArray[np.floating]) -> float:
    """Return the standard error of the difference of two F1 between blocks of ground.

    Args:
        block: (n,) number of each pixel's block.
        truth: (n,) True for landslide.
        said: (n,) what either says of the same pixels.
        weight: (n,) how much each pixel counts.
    """
    influence = [_influence(block, truth, one, weight) for one in said]
    off = influence[0] - influence[1]
    count = max(len(off), 2)
    return float(np.sqrt(count / (count - 1) * (off**2).sum()))


def _influence(block: Numbers, truth: Flags, said: Flags, weight: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far each block draws F1, a ratio of sums over blocks, away from what it is."""
    right = 2 * np.bincount(block, weight * (said & truth))
    both = np.bincount(block, weight * (said.astype(np.float64) + truth))
    total = max(float(both.sum()), 1e-12)
    out: NDArray[np.float64] = (right - float(right.sum()) / total * both) / total
    return out


def _cut(place: Numbers, landslide: Flags, pieces: int) -> Numbers:
    """Cut pixels at the median of the landslides across the longer side, again and again."""
    number = np.zeros(place.shape[1], np.int64)
    if pieces == 1 or not place.shape[1]:
        return number
    guide = place[:, landslide] if landslide.any() else place
    axis = int(np.argmax(np.ptp(guide, axis=1)))
    upper = place[axis] > np.median(guide[axis])
    for side, first in ((~upper, 0), (upper, pieces // 2)):
        number[side] = first + _cut(place[:, side], landslide[side], pieces // 2)
    return number

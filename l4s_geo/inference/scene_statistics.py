"""Statistics of a scene, for separated normalisation: from a cheap sample, checked against the whole.

The statistics are needed before the first window is mapped. Reading the whole scene twice would double the cost of
reading, and overviews are averages, whose deviation is too small; so they come from windows at full resolution,
evenly spread over the scene. While the scene is mapped, the same moments are formed over all that is read, and the
run says how far off the sample was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import SceneError
from l4s_geo.grid import Window, starts
from l4s_geo.normalize import Statistics
from l4s_geo.stack.stack import Stack

__all__ = ["Moments", "deviation", "sample_moments", "sample_windows"]

_WINDOWS = 256
_SMALLEST_STD = 1e-6


@dataclass(frozen=True)
class Moments:
    """Count, mean and summed squared deviations of each band's pixels, each (bands,) float64.

    The sum of two moments is that of both sets of pixels, which must be disjoint.
    """

    count: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def none(cls, bands: int) -> Self:
        """Return the moments of no pixels."""
        return cls(*(np.zeros(bands) for _ in range(3)))

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Self:
        """Compute the moments of pixels: (bands, rows, cols) float32, NaN where there are none."""
        count, mean, squares = (np.zeros(len(values)) for _ in range(3))
        for band, pixels in enumerate(values):
            known = pixels[np.isfinite(pixels)].astype(np.float64)
            count[band] = known.size
            mean[band] = known.mean() if known.size else 0
            squares[band] = ((known - mean[band]) ** 2).sum()
        return cls(count, mean, squares)

    def __add__(self, other: Moments) -> Moments:
        """Join two disjoint sets of pixels (Chan, Golub, LeVeque 1983, equation 1.5)."""
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)
        delta = other.mean - self.mean
        squares = self.squares + other.squares + delta**2 * self.count * share
        return Moments(count, self.mean + delta * share, squares)

    def statistics(self) -> Statistics:
        """Return mean and standard deviation of each band.

        Raises:
            SceneError: a band has no pixel.
        """
        if not self.count.all():
            raise SceneError(
                "The scene's statistics cannot be computed, since no window sampled holds a valid pixel in every "
                "band; check nodata values and masks."
            )
        std = np.maximum(np.sqrt(self.squares / self.count), _SMALLEST_STD)
        return Statistics(tuple(self.mean.tolist()), tuple(std.tolist()))


def sample_moments(stack: Stack, bundle: Bundle) -> Moments:
    """Compute the moments of a bundle's bands over up to 256 windows of a scene."""
    total = Moments.none(len(bundle.bands))
    for window in sample_windows(stack, bundle.window, _WINDOWS):
        total += Moments.of(stack.read(bundle.bands, window, bundle.optional))
    return total


def deviation(used: Statistics, exact: Statistics) -> float:
    """Return the largest error of a mean or of a deviation, in exact standard deviations."""
    mean, std, true_mean, true_std = (np.asarray(v) for v in (used.mean, used.std, exact.mean, exact.std))
    return float(max((np.abs(mean - true_mean) / true_std).max(), np.abs(std / true_std - 1).max()))


def sample_windows(stack: Stack, side: int, most: int = 64) -> Iterator[Window]:
    """Yield up to `most` windows, evenly spread over a scene's grid."""
    grid = stack.grid
    places = [(r, c) for r in starts(grid.height, side, 0) for c in starts(grid.width, side, 0)]
    for index in np.unique(np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)):
        r, c = places[index]
        yield Window(r, c, min(side, grid.height), min(side, grid.width))

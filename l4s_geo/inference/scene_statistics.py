"""Statistics of a scene, for separated normalisation: from a cheap sample, checked against the whole.

The statistics are needed before the first window is mapped. Reading the whole scene twice would double the cost of
reading, and overviews are averages, whose deviation is too small; so they come from windows at full resolution,
evenly spread over the scene. While the scene is mapped, the same moments are formed over all that is read, and the
run says how far off the sample was.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import SceneError
from l4s_geo.grid import Window, starts
from l4s_geo.moments import Moments
from l4s_geo.normalize import Statistics
from l4s_geo.stack.stack import Stack

__all__ = ["deviation", "sample_moments", "sample_windows", "statistics"]

_WINDOWS = 256
_SMALLEST_STD = 1e-6


def sample_moments(stack: Stack, bundle: Bundle) -> Moments:
    """Compute the moments of a bundle's bands over up to 256 windows of a scene."""
    total = Moments.none(len(bundle.bands))
    for window in sample_windows(stack, bundle.window, _WINDOWS):
        total += Moments.of(stack.read(bundle.bands, window, bundle.optional))
    return total


def statistics(moments: Moments) -> Statistics:
    """Return the mean and the standard deviation of each band.

    Raises:
        SceneError: a band has no pixel.
    """
    if not moments.count.all():
        raise SceneError(
            "The scene's statistics cannot be computed, since no window sampled holds a valid pixel in every "
            "band; check nodata values and masks."
        )
    return Statistics(tuple(moments.mean.tolist()), tuple(np.maximum(moments.std, _SMALLEST_STD).tolist()))


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

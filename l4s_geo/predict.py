"""From a stack to a probability raster: overlapping windows, blended, a row of windows at a time.

A row of windows is read as one strip, its windows are run, and their weighted probabilities are added up; rows
of pixels that no later window reaches are finished. Every pixel's sum is formed in the same order whatever the
strip, so mapping strip by strip equals mapping whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4s_geo.grid import Window, blend_weights, starts
from l4s_geo.normalize import Statistics
from l4s_geo.runtime import LoadedBundle
from l4s_geo.stack import Stack
from l4s_geo.views import Augmentation, views

__all__ = ["OVERLAP", "Surface", "predict"]

OVERLAP = 32
"""Pixels that neighbouring windows share by default."""

Progress = Callable[[int, int], None]
"""Called with (windows done, windows in all)."""

_STATISTICS_WINDOWS = 64


@dataclass(frozen=True)
class Surface:
    """What the networks say of every pixel; each array is (rows, cols) float32 on the stack's grid."""

    probability: NDArray[np.float32]
    """Probability of landslide; NaN where nothing was mapped."""
    spread: NDArray[np.float32] | None
    """Standard deviation of the probabilities over networks and views; None if there is one vote only."""


def predict(
    stack: Stack,
    model: LoadedBundle,
    overlap: int = OVERLAP,
    tta: Augmentation = "none",
    skip_flat: float = 0.0,
    progress: Progress = lambda done, total: None,
) -> Surface:
    """Map a stack.

    Args:
        stack: the scene; must have the model's bands.
        model: the bundle to run.
        overlap: pixels that neighbouring windows share, 0 to under the window's side.
        tta: test-time augmentation.
        skip_flat: slope in degrees that some pixel of a window must reach for it to be run; what only lies in flatter
            windows gets the probability 0. Needs terrain if above 0.
        progress: called after every row of windows.

    Returns:
        The surface, NaN where the scene has no valid value in some band that the model needs, a mask hides it, or it
        lies outside the area of interest.
    """
    side = model.bundle.window
    grid = stack.grid
    rows, cols = starts(grid.height, side, overlap), starts(grid.width, side, overlap)
    weights = blend_weights(side)
    domain = _domain(stack, model)
    votes = len(model.bundle.members) * len(views(tta))
    results = [np.full(grid.shape, np.nan, np.float32) for _ in range(2 if votes > 1 else 1)]
    sums = np.zeros((1 + len(results), side, grid.width), np.float32)
    for number, row in enumerate(rows):
        strip = Window(row, 0, min(side, grid.height), grid.width)
        wanted = stack.area.read(strip) if stack.area else np.ones((strip.height, strip.width), bool)
        meeting = [c for c in cols if wanted[:, c : c + side].any()]
        if meeting:
            # Only the columns that some window needs are read.
            left, right = meeting[0], min(meeting[-1] + side, grid.width)
            span = Window(row, left, strip.height, right - left)
            values = stack.read(model.bands, span, model.bundle.optional)
            wanted[:, left:right] &= np.logical_and.reduce(np.isfinite(values), axis=0)
            meeting = [c for c in meeting if wanted[:, c : c + side].any()]
            if skip_flat > 0 and (terrain := stack.terrain(span)) is not None:
                steep = terrain.slope >= skip_flat
                meeting = [c for c in meeting if steep[:, c - left : c - left + side].any()]
        if meeting:
            windows = np.stack([_square(values[:, :, c - left : c - left + side], side) for c in meeting])
            for col, *voted in zip(meeting, *model.vote(windows, domain, tta), strict=True):
                height, width = strip.height, min(side, grid.width)
                place = (slice(0, height), slice(col, col + width))
                sums[0][place] += weights[:height, :width]
                for total, value in zip(sums[1:], voted, strict=False):
                    total[place] += (value * weights)[:height, :width]
        # The next strip starts `step` rows further down: the rows above are finished.
        step = rows[number + 1] - row if number + 1 < len(rows) else strip.height
        done = wanted[:step]
        share = sums[0, :step][done]
        for result, total in zip(results, sums[1:], strict=True):
            result[row : row + step][done] = total[:step][done] / np.where(share > 0, share, 1)
        sums = np.concatenate([sums[:, step:], np.zeros_like(sums[:, :step])], axis=1)
        progress((number + 1) * len(cols), len(rows) * len(cols))
    return Surface(results[0], results[1] if votes > 1 else None)


def _square(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mirror a window of a scene smaller than a window to full size."""
    missing = [(0, 0), (0, side - values.shape[1]), (0, side - values.shape[2])]
    return values if missing[1:] == [(0, 0), (0, 0)] else np.pad(values, missing, mode="symmetric")


def _domain(stack: Stack, model: LoadedBundle) -> Statistics | None:
    """Statistics of the scene, for networks with separated normalisation: from windows spread over it."""
    if all(m.normalization != "domain" for m in model.bundle.members):
        return None
    side = model.bundle.window
    windows = list(_spread(stack, side))
    pixels = np.concatenate(
        [stack.read(model.bands, w, model.bundle.optional).reshape(len(model.bands), -1) for w in windows], axis=1
    )
    mean = np.nanmean(pixels.astype(np.float64), axis=1)
    std = np.nanstd(pixels.astype(np.float64), axis=1)
    return Statistics(tuple(mean.tolist()), tuple(np.maximum(std, 1e-6).tolist()))


def _spread(stack: Stack, side: int) -> Iterator[Window]:
    """Up to 64 windows, evenly spread over the grid."""
    grid = stack.grid
    places = [(r, c) for r in starts(grid.height, side, 0) for c in starts(grid.width, side, 0)]
    for r, c in places[:: max(1, len(places) // _STATISTICS_WINDOWS)]:
        yield Window(r, c, min(side, grid.height), min(side, grid.width))

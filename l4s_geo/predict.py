"""From a stack to a probability raster: overlapping windows, blended, a row of windows at a time.

A row of windows is read as one strip, its windows are run, and their weighted probabilities are added up; rows
of pixels that no later window reaches are finished. Every pixel's sum is formed in the same order whatever the
strip, so mapping strip by strip equals mapping whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from l4s_geo.grid import Window, blend_weights, starts
from l4s_geo.normalize import Statistics
from l4s_geo.runtime import LoadedBundle
from l4s_geo.stack import Stack

__all__ = ["OVERLAP", "predict"]

OVERLAP = 32
"""Pixels that neighbouring windows share by default."""

Progress = Callable[[int, int], None]
"""Called with (windows done, windows in all)."""

_STATISTICS_WINDOWS = 64


def predict(
    stack: Stack, model: LoadedBundle, overlap: int = OVERLAP, progress: Progress = lambda done, total: None
) -> NDArray[np.float32]:
    """Map a stack.

    Args:
        stack: the scene; must have the model's bands.
        model: the bundle to run.
        overlap: pixels that neighbouring windows share, 0 to under the window's side.
        progress: called after every row of windows.

    Returns:
        (rows, cols) float32 on the stack's grid: the probability of landslide, NaN where the scene has no valid
        value in some band that the model needs, a mask hides it, or it lies outside the area of interest.
    """
    side = model.bundle.window
    grid = stack.grid
    rows, cols = starts(grid.height, side, overlap), starts(grid.width, side, overlap)
    weights = blend_weights(side)
    domain = _domain(stack, model)
    out = np.full(grid.shape, np.nan, np.float32)
    sums = np.zeros((side, grid.width), np.float32)
    shares = np.zeros_like(sums)
    for number, row in enumerate(rows):
        strip = Window(row, 0, min(side, grid.height), grid.width)
        wanted = stack.area.read(strip) if stack.area else np.ones((strip.height, strip.width), bool)
        meeting = [c for c in cols if wanted[:, c : c + side].any()]
        if meeting:
            # Only the columns that some window needs are read.
            left, right = meeting[0], min(meeting[-1] + side, grid.width)
            values = stack.read(model.bands, Window(row, left, strip.height, right - left), model.bundle.optional)
            valid = np.logical_and.reduce(np.isfinite(values), axis=0)
            wanted[:, left:right] &= valid
            meeting = [c for c in meeting if wanted[:, c : c + side].any()]
        if meeting:
            windows = np.stack([_square(values[:, :, c - left : c - left + side], side) for c in meeting])
            for col, probability in zip(meeting, model.predict(windows, domain), strict=True):
                height, width = strip.height, min(side, grid.width)
                area = (slice(0, height), slice(col, col + width))
                sums[area] += (probability * weights)[:height, :width]
                shares[area] += weights[:height, :width]
        # The next strip starts `step` rows further down: the rows above are finished.
        step = rows[number + 1] - row if number + 1 < len(rows) else strip.height
        done = wanted[:step]
        out[row : row + step][done] = sums[:step][done] / shares[:step][done]
        sums, shares = _scrolled(sums, step), _scrolled(shares, step)
        progress((number + 1) * len(cols), len(rows) * len(cols))
    return out


def _square(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mirror a window of a scene smaller than a window to full size."""
    missing = [(0, 0), (0, side - values.shape[1]), (0, side - values.shape[2])]
    return values if missing[1:] == [(0, 0), (0, 0)] else np.pad(values, missing, mode="symmetric")


def _scrolled(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Move rows up by `step`, zeros following."""
    out = np.zeros_like(values)
    out[: len(values) - step] = values[step:]
    return out


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

"""From a stack to a probability raster: overlapping windows, blended, a row of windows at a time.

A row of windows is read as one strip, its windows are run, and their weighted probabilities are added up; rows
of pixels that no later window reaches are finished. Every pixel's sum is formed in the same order whatever the
strip, so mapping strip by strip equals mapping whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import rasterio
from numpy.typing import NDArray

from l4s_geo.grid import Window, blend_weights, starts
from l4s_geo.normalize import Statistics
from l4s_geo.parts import Parts
from l4s_geo.runtime import LoadedBundle
from l4s_geo.stack import Stack
from l4s_geo.views import Augmentation, views

__all__ = ["OVERLAP", "Surface", "predict", "sample_windows"]

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


@dataclass(frozen=True)
class _Strip:
    """One row of windows, read."""

    wanted: NDArray[np.bool_]
    """(rows, cols): pixels that are valid and asked for."""
    left: int
    """First column of `values`."""
    values: NDArray[np.float32]
    """(bands, rows, columns that some window needs)."""
    columns: list[int]
    """First columns of the windows to run."""


def predict(
    stack: Stack,
    model: LoadedBundle,
    overlap: int = OVERLAP,
    tta: Augmentation = "none",
    skip_flat: float = 0.0,
    progress: Progress = lambda done, total: None,
    parts: Parts | None = None,
) -> Surface:
    """Map a stack; while the networks run on one row of windows, the next is read.

    Args:
        stack: the scene; must have the model's bands.
        model: the bundle to run.
        overlap: pixels that neighbouring windows share, 0 to under the window's side.
        tta: test-time augmentation.
        skip_flat: slope in degrees that some pixel of a window must reach for it to be run; what only lies in flatter
            windows gets the probability 0. Needs terrain if above 0.
        progress: called after every row of windows.
        parts: where finished rows are kept, and taken from if they are there; None keeps none.

    Returns:
        The surface, NaN where the scene has no valid value in some band that the model needs, a mask hides it, or it
        lies outside the area of interest.
    """
    side, grid = model.bundle.window, stack.grid
    rows, cols = starts(grid.height, side, overlap), starts(grid.width, side, overlap)
    weights = blend_weights(side)
    domain = _domain(stack, model)
    votes = len(model.bundle.members) * len(views(tta))
    results = np.full((2 if votes > 1 else 1, *grid.shape), np.nan, np.float32)
    sums = np.zeros((1 + len(results), side, grid.width), np.float32)
    first = 0
    if parts and parts.resumed:
        first, sums = _resume(parts, results, sums)
    settings = rasterio.env.getenv() if rasterio.env.hasenv() else {}

    def read(number: int) -> _Strip:
        with rasterio.Env(**settings):
            return _read(stack, model, rows[number], cols, skip_flat)

    with ThreadPoolExecutor(1) as reader:
        # The row that is being read, if one is left: never more than one ahead.
        ahead = [reader.submit(read, number) for number in range(first, min(first + 1, len(rows)))]
        for number in range(first, len(rows)):
            row = rows[number]
            strip = ahead.pop().result()
            if number + 1 < len(rows):
                ahead.append(reader.submit(read, number + 1))
            if strip.columns:
                starting = [c - strip.left for c in strip.columns]
                windows = np.stack([_square(strip.values[:, :, c : c + side], side) for c in starting])
                for col, *voted in zip(strip.columns, *model.vote(windows, domain, tta), strict=True):
                    height, width = len(strip.wanted), min(side, grid.width)
                    place = (slice(0, height), slice(col, col + width))
                    sums[0][place] += weights[:height, :width]
                    for total, value in zip(sums[1:], voted, strict=False):
                        total[place] += (value * weights)[:height, :width]
            # The next strip starts `step` rows further down: the rows above are finished.
            step = rows[number + 1] - row if number + 1 < len(rows) else len(strip.wanted)
            done = strip.wanted[:step]
            share = sums[0, :step][done]
            for result, total in zip(results, sums[1:], strict=True):
                result[row : row + step][done] = total[:step][done] / np.where(share > 0, share, 1)
            sums = np.concatenate([sums[:, step:], np.zeros_like(sums[:, :step])], axis=1)
            if parts:
                parts.save(f"rows-{row:05d}.npz", values=results[:, row : row + step])
                parts.save("sums.npz", number=np.array(number + 1), sums=sums)
            progress((number + 1) * len(cols), len(rows) * len(cols))
    return Surface(results[0], results[1] if votes > 1 else None)


def _read(stack: Stack, model: LoadedBundle, row: int, cols: list[int], skip_flat: float) -> _Strip:
    """Read one row of windows, only the columns that some window needs."""
    side, grid = model.bundle.window, stack.grid
    strip = Window(row, 0, min(side, grid.height), grid.width)
    wanted = stack.area.read(strip) if stack.area else np.ones((strip.height, strip.width), bool)
    meeting = [c for c in cols if wanted[:, c : c + side].any()]
    if not meeting:
        return _Strip(wanted, 0, np.empty((0, 0, 0), np.float32), [])
    left, right = meeting[0], min(meeting[-1] + side, grid.width)
    span = Window(row, left, strip.height, right - left)
    values = stack.read(model.bands, span, model.bundle.optional)
    wanted[:, left:right] &= np.logical_and.reduce(np.isfinite(values), axis=0)
    meeting = [c for c in meeting if wanted[:, c : c + side].any()]
    if skip_flat > 0 and (terrain := stack.terrain(span)) is not None:
        steep = terrain.slope >= skip_flat
        meeting = [c for c in meeting if steep[:, c - left : c - left + side].any()]
    return _Strip(wanted, left, values, meeting)


def _resume(parts: Parts, results: NDArray[np.float32], sums: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
    """Take up what an earlier run has finished; return the next row of windows, and the sums it starts with."""
    names = parts.names()
    if "sums.npz" not in names:
        return 0, sums
    state = parts.load("sums.npz")
    for name in sorted(n for n in names if n.startswith("rows-")):
        row, values = int(name[5:-4]), parts.load(name)["values"]
        results[:, row : row + values.shape[1]] = values
    return int(state["number"]), state["sums"]


def _square(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mirror a window of a scene smaller than a window to full size."""
    missing = [(0, 0), (0, side - values.shape[1]), (0, side - values.shape[2])]
    return values if missing[1:] == [(0, 0), (0, 0)] else np.pad(values, missing, mode="symmetric")


def _domain(stack: Stack, model: LoadedBundle) -> Statistics | None:
    """Statistics of the scene, for networks with separated normalisation: from windows spread over it."""
    if all(m.normalization != "domain" for m in model.bundle.members):
        return None
    side = model.bundle.window
    windows = list(sample_windows(stack, side))
    pixels = np.concatenate(
        [stack.read(model.bands, w, model.bundle.optional).reshape(len(model.bands), -1) for w in windows], axis=1
    )
    mean = np.nanmean(pixels.astype(np.float64), axis=1)
    std = np.nanstd(pixels.astype(np.float64), axis=1)
    return Statistics(tuple(mean.tolist()), tuple(np.maximum(std, 1e-6).tolist()))


def sample_windows(stack: Stack, side: int) -> Iterator[Window]:
    """Up to 64 windows, evenly spread over the grid."""
    grid = stack.grid
    places = [(r, c) for r in starts(grid.height, side, 0) for c in starts(grid.width, side, 0)]
    for r, c in places[:: max(1, len(places) // _STATISTICS_WINDOWS)]:
        yield Window(r, c, min(side, grid.height), min(side, grid.width))

"""The views of a window that an ensemble's networks vote on: scale promotion and test-time augmentation.

*Scale promotion* (the competition's first place) resizes a window bilinearly before a network sees it, and brings the
probabilities back by area averaging. *Test-time augmentation* lets a network see a window flipped and turned, and turns
its answers back.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["TTA", "Augmentation", "apply", "enlarge", "reduce", "undo", "views"]

Augmentation = Literal["none", "flips", "d4"]

TTA: tuple[Augmentation, ...] = ("none", "flips", "d4")

View = tuple[int, bool]
"""Quarter turns, and whether columns are mirrored first."""

_VIEWS: dict[Augmentation, tuple[View, ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, True), (2, False)),
    "d4": tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4)),
}


def views(tta: Augmentation) -> tuple[View, ...]:
    """Return the views of an augmentation, the unchanged one first: 1, the 4 flips, or all 8 of the square."""
    return _VIEWS[tta]


def apply(windows: NDArray[np.float32], view: View) -> NDArray[np.float32]:
    """Mirror and turn windows (…, rows, cols)."""
    turns, mirrored = view
    return np.ascontiguousarray(np.rot90(windows[..., ::-1] if mirrored else windows, turns, axes=(-2, -1)))


def undo(windows: NDArray[np.float32], view: View) -> NDArray[np.float32]:
    """Turn windows back, so that ``undo(apply(w, v), v)`` is w."""
    turns, mirrored = view
    turned = np.rot90(windows, -turns, axes=(-2, -1))
    return turned[..., ::-1] if mirrored else turned


def enlarge(windows: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Resize windows (…, side, side) bilinearly by `scale`, pixel areas aligned; the same at scale 1."""
    if scale == 1:
        return windows
    matrix = _bilinear(windows.shape[-1], round(windows.shape[-1] * scale))
    return np.ascontiguousarray(matrix @ windows @ matrix.T)


def reduce(windows: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Bring windows (…, larger, larger) to (…, side, side) by area averaging."""
    if windows.shape[-1] == side:
        return windows
    matrix = _area(windows.shape[-1], side)
    return np.ascontiguousarray(matrix @ windows @ matrix.T)


@cache
def _bilinear(before: int, after: int) -> NDArray[np.float32]:
    """(after, before) float32: weights of bilinear interpolation, edges repeated."""
    position = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    low = np.minimum(np.floor(position).astype(int), before - 2)
    matrix = np.zeros((after, before), np.float32)
    rows = np.arange(after)
    matrix[rows, low] = 1 - (position - low)
    matrix[rows, low + 1] = position - low
    return matrix


@cache
def _area(before: int, after: int) -> NDArray[np.float32]:
    """(after, before) float32: share of each old pixel in each new one."""
    edges = np.arange(after + 1) * before / after
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(before)
    overlap = np.clip(np.minimum(stop, pixel + 1) - np.maximum(start, pixel), 0, None)
    matrix: NDArray[np.float32] = (overlap / (stop - start)).astype(np.float32)
    return matrix

"""The views of a window that an ensemble's networks vote on: scale promotion and test-time augmentation.

*Scale promotion* (the competition's first place) resizes a window bilinearly before a network sees it, and brings the
probabilities back by area averaging; training does the same on tensors, with the weights of `area_weights`. *Test-time
augmentation* lets a network see a window flipped and turned, and turns its answers back.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.xp import namespace

__all__ = ["TTA", "TestTimeAugmentation", "apply", "area_weights", "enlarge", "reduce", "undo", "views"]

TestTimeAugmentation = Literal["none", "flips", "d4"]

TTA: tuple[TestTimeAugmentation, ...] = ("none", "flips", "d4")

View = tuple[int, bool]
"""How a window is seen: quarter turns, and whether columns are mirrored first."""

_VIEWS: dict[TestTimeAugmentation, tuple[View, ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, True), (2, False)),
    "d4": tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4)),
}


def views(tta: TestTimeAugmentation) -> tuple[View, ...]:
    """Return the views of an augmentation, the unchanged one first: 1, the 4 flips, or all 8 of the square."""
    return _VIEWS[tta]


def apply(windows: Any, view: View) -> Any:
    """Mirror and turn windows (…, rows, cols), of numpy or cupy; the result is C-contiguous."""
    turns, mirrored = view
    xp = namespace(windows)
    return xp.ascontiguousarray(xp.rot90(windows[..., ::-1] if mirrored else windows, turns, axes=(-2, -1)))


def undo(windows: Any, view: View) -> Any:
    """Turn windows back, so that ``undo(apply(w, v), v)`` is w."""
    turns, mirrored = view
    turned = namespace(windows).rot90(windows, -turns, axes=(-2, -1))
    return turned[..., ::-1] if mirrored else turned


def enlarge(windows: Any, scale: float) -> Any:
    """Resize windows (…, side, side) bilinearly by `scale`, pixel areas aligned; the same at scale 1."""
    if scale == 1:
        return windows
    return _resize(windows, *_bilinear(windows.shape[-1], round(windows.shape[-1] * scale)))


def reduce(windows: Any, side: int) -> Any:
    """Bring windows (…, larger, larger) to (…, side, side) by area averaging."""
    if windows.shape[-1] == side:
        return windows
    return _resize(windows, *area_weights(windows.shape[-1], side))


def _resize(windows: Any, places: NDArray[np.int64], weights: NDArray[np.float32]) -> Any:
    """Make rows and columns sums of weighted ones: new pixel i of Σ weights[k, i] · old pixel places[k, i].

    Not matrix products: those of numpy start threads of their own in each thread of a run.
    """
    xp = namespace(windows)
    # Columns, which are slower to gather, while there are fewer rows.
    axes = (-1, -2) if places.shape[1] > windows.shape[-1] else (-2, -1)
    for axis in axes:
        total = None
        for place, weight in zip(places, weights, strict=True):
            term = xp.take(windows, xp.asarray(place), axis=axis)
            term *= xp.asarray(weight if axis == -1 else weight[:, None])
            if total is None:
                total = term
            else:
                total += term
        windows = total
    return windows


@cache
def _bilinear(before: int, after: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(2, after) places and weights of bilinear interpolation, edges repeated."""
    position = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    low = np.minimum(np.floor(position).astype(np.int64), before - 2)
    return np.stack([low, low + 1]), np.stack([1 - (position - low), position - low]).astype(np.float32)


@cache
def area_weights(before: int, after: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return which of `before` old pixels each of fewer new ones covers, and with what share of its width.

    Args:
        before: number of old pixels along an axis.
        after: number of new ones along it, at most as many.

    Returns:
        Places and shares, both (k, after), where k is the most old pixels that a new one meets; a new pixel that meets
        fewer has shares of 0.
    """
    edges = np.arange(after + 1) * before / after
    start, stop = edges[:-1], edges[1:]
    first = np.floor(start).astype(np.int64)
    places = first + np.arange(int((np.ceil(stop) - first).max()))[:, None]
    overlap = np.clip(np.minimum(stop, places + 1) - np.maximum(start, places), 0, None)
    return np.minimum(places, before - 1), (overlap / (stop - start)).astype(np.float32)

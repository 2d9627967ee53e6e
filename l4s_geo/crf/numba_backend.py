"""The sums of `l4s_geo.crf.mean_field` on the CPU, compiled by numba.

A thread computes a pixel at a time, and every sum runs over the pixel's window in the same order, lane by lane, so
that results depend neither on the number of threads nor on where a block was cut: sums are never reordered (of
``fastmath`` only fused multiply-add is on). The inner loops run along a row of the window over a multiple of 16
lanes, which LLVM turns into vector instructions.

The weights of the bilateral kernel are kept from the first pass as far as `MEMORY` reaches, and computed again in
every iteration beyond that; both give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from l4s_geo.crf.backend import Field, Floats
from l4s_geo.crf.parameters import CRFParameters, reach

__all__ = ["MEMORY", "Sums"]

MEMORY = 2**28
"""Bytes of memory for bilateral weights that are kept from one iteration to the next."""

_LANES = 16
_CHUNK = 32
_MAX_EXPONENT = np.float32(24.0)

F = TypeVar("F", bound=Callable[..., Any])
Indices = NDArray[np.int64]


class Sums:
    """Sums on the CPU; implements `l4s_geo.crf.backend.Backend`."""

    xp: Any = np

    def __init__(self, field: Field, parameters: CRFParameters) -> None:
        p = parameters
        self._field = field
        self._gaussian = _table(p.gaussian_sigma, reach(p.gaussian_sigma, p.gaussian_weight))
        self._bilateral = _table(p.bilateral_sigma_xy, reach(p.bilateral_sigma_xy, p.bilateral_weight))
        self._inverse = np.float32(0.5 / p.bilateral_sigma_value**2)
        kept = min(field.active, MEMORY // self._bilateral.nbytes)
        self._kept = np.empty((kept, *self._bilateral.shape), np.float32)
        self._filled = False

    def sums(self, images: Floats, count: int) -> Floats:
        """Sum an image under each kernel around the first pixels, see `l4s_geo.crf.backend.Backend`."""
        f = self._field
        out = np.empty((2, count), np.float32)
        _sums(
            f.features.reshape(-1, f.features.shape[2]),
            images[0],
            images[1],
            f.ys[:count],
            f.xs[:count],
            self._gaussian,
            self._bilateral,
            self._inverse,
            self._kept,
            self._filled,
            out,
        )
        self._filled = self._filled or count >= len(self._kept)
        return out


def _table(sigma: float, radius: int) -> Floats:
    """Return a Gaussian's weights in space: (2 radius + 1, as many and zeros up to a multiple of the lanes)."""
    axis = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.zeros(-(-len(axis) // _LANES) * _LANES)
    padded[: len(axis)] = axis
    return np.outer(axis, padded).astype(np.float32)


def _compiled(parallel: bool = False) -> Callable[[F], F]:
    """Compile a function; its machine code is kept on disk if some folder for it can be written."""

    def decorate(function: F) -> F:
        compiled = partial(numba.njit, parallel=parallel, fastmath={"contract"}, error_model="numpy")
        try:
            return cast(F, compiled(cache=True)(function))
        except RuntimeError:  # neither the package's folder nor the user's cache is writable
            return cast(F, compiled()(function))

    return decorate


@_compiled()
def _span(at: int, radius: int, width: int, length: int) -> tuple[int, int]:
    """Return which of a window's `width` lanes lie inside an axis of `length` pixels."""
    return max(0, radius - at), min(width, length - at + radius)


@_compiled()
def _fill(features: Floats, rows: int, y: int, x: int, spatial: Floats, inverse: np.float32, out: Floats) -> None:
    """Write the bilateral weights between the pixel (y, x) and its window; `features` is (bands · rows, cols)."""
    radius = spatial.shape[0] // 2
    top, bottom = _span(y, radius, spatial.shape[0], rows)
    left, right = _span(x, radius, spatial.shape[1], features.shape[1])
    for i in range(top, bottom):
        weights = out[i][left:right]
        space = spatial[i][left:right]
        weights[:] = 0
        for band in range(0, len(features), rows):
            values = features[band + y - radius + i][x - radius + left : x - radius + right]
            centre = features[band + y, x]
            for j in range(right - left):
                d = values[j] - centre
                weights[j] += d * d
        for j in range(right - left):
            t = weights[j] * inverse
            # The comparison also turns the NaN of an invalid pixel into a number.
            t = (t if t < _MAX_EXPONENT else _MAX_EXPONENT) * np.float32(-1 / 32)
            # exp(t) by its series and then to the power of 32: a call of exp would not be vectorised.
            e = t * np.float32(1 / 720) + np.float32(1 / 120)
            e = e * t + np.float32(1 / 24)
            e = e * t + np.float32(1 / 6)
            e = e * t + np.float32(1 / 2)
            e = e * t + np.float32(1)
            e = e * t + np.float32(1)
            e *= e
            e *= e
            e *= e
            e *= e
            e *= e
            weights[j] = space[j] * e


@_compiled()
def _dot(weights: Floats, image: Floats, y: int, x: int, lanes: Floats) -> np.float32:
    """Sum an image under the weights of a window around (y, x); `lanes` is scratch."""
    radius = weights.shape[0] // 2
    top, bottom = _span(y, radius, weights.shape[0], image.shape[0])
    left, right = _span(x, radius, weights.shape[1], image.shape[1])
    lanes[:] = 0
    sums = lanes[left:right]
    for i in range(top, bottom):
        row = weights[i][left:right]
        values = image[y - radius + i][x - radius + left : x - radius + right]
        for j in range(right - left):
            sums[j] += row[j] * values[j]
    total = np.float32(0)
    for lane in lanes:
        total = np.float32(total + lane)
    return total


@_compiled(parallel=True)
def _sums(
    features: Floats,
    smooth: Floats,
    alike: Floats,
    ys: Indices,
    xs: Indices,
    gaussian: Floats,
    bilateral: Floats,
    inverse: np.float32,
    kept: Floats,
    filled: bool,
    out: Floats,
) -> None:
    """Write the sums of one image under the Gaussian kernel and of another under the bilateral kernel."""
    for chunk in numba.prange((len(ys) + _CHUNK - 1) // _CHUNK):
        scratch = np.empty(bilateral.shape, np.float32)
        narrow, lanes = np.empty(gaussian.shape[1], np.float32), np.empty(bilateral.shape[1], np.float32)
        for k in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(ys))):
            y, x = ys[k], xs[k]
            weights = kept[k] if k < len(kept) else scratch
            if k >= len(kept) or not filled:
                _fill(features, len(smooth), y, x, bilateral, inverse, weights)
            out[0, k] = _dot(gaussian, smooth, y, x, narrow)
            out[1, k] = _dot(weights, alike, y, x, lanes)

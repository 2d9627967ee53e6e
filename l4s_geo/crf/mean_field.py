"""DenseCRF: moves the edges of a probability raster to the edges of the image.

The fully connected conditional random field of Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs
with Gaussian Edge Potentials" (NIPS 2011), for two labels: unary energies −log p, Potts compatibility, and two
kernels between pixels i and j with positions x (pixels) and features f (chosen bands):

    Gaussian   exp(−|xᵢ − xⱼ|² / 2 σ²)
    bilateral  exp(−|xᵢ − xⱼ|² / 2 σ_xy² − |fᵢ − fⱼ|² / 2 σ_value²)

Both are normalised symmetrically, k(i, j) / √(Σₘ k(i, m) · Σₘ k(j, m)), and hold a pixel's weight for itself, as in
the authors' program and its Python wrapper pydensecrf. Unlike those, which approximate the sums on a permutohedral
lattice over the whole image, the sums here are exact over a square window of `radius` pixels, three standard
deviations, and nothing beyond it counts. The mean field is iterated synchronously for all pixels.

What takes part
    A pixel is *valid* where its probability and all features are finite; others take no part and keep their value.
    A valid pixel is *active* where its probability lies in ``active_from`` to ``active_to``; only active pixels
    change. Valid pixels that are not active keep their probability and send it as their message in every iteration.

Blocks equal the whole
    A pixel's result depends on nothing farther away than `halo` pixels: one `radius` for every iteration and one for
    the normalisation of the farthest sender. Any part of a raster that is refined with that much around it comes out
    as if the whole had been refined, bit for bit on the CPU. `refine_strips` does so around active pixels only.

Features are in L4S units. For networks with ``window`` normalisation the parameters are tuned on, and meant for,
features divided by their median over all bands (`l4s_geo.normalize.median_scaled`), which have about that scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.crf.backend import Backend, Field, Floats
from l4s_geo.crf.parameters import CRFParameters, halo, radius
from l4s_geo.errors import DeviceError
from l4s_geo.grid import Window

__all__ = ["refine", "refine_strips", "require_backend"]

BLOCK = 1024
"""Rows and columns of the blocks that `refine_strips` works on, without their halo."""

_CLIP = 1e-5


def refine(
    probability: Floats, features: Floats, parameters: CRFParameters, device: Literal["cpu", "cuda"] = "cpu"
) -> Floats:
    """Run the mean field over a raster held in memory.

    Args:
        probability: (rows, cols) float32 in 0 to 1, NaN where there is none.
        features: (bands, rows, cols) float32, L4S units, the bands of ``parameters`` in order; NaN marks invalid
            values.
        parameters: the kernels.
        device: "cpu" (numba) or "cuda" (CuPy).

    Returns:
        (rows, cols) float32: refined at active pixels, unchanged elsewhere.

    Raises:
        DeviceError: the device, or the package that drives it, is not to be had.
        ValueError: the arrays' shapes do not fit.
    """
    if probability.ndim != 2 or features.shape != (len(parameters.bands), *probability.shape):
        raise ValueError(
            f"Probabilities have shape {probability.shape} and features {features.shape}; expected (rows, cols) and "
            f"({len(parameters.bands)}, rows, cols) with the bands {', '.join(parameters.bands)}."
        )
    features = np.ascontiguousarray(features, np.float32)
    out = np.array(probability, np.float32)
    valid = np.logical_and.reduce([np.isfinite(out), *(np.isfinite(band) for band in features)])
    active = _active(out, parameters) & valid
    distance = radius(parameters)
    if not active.any() or not distance or not parameters.iterations:
        return out
    near = ndimage.maximum_filter(active, 2 * distance + 1, mode="constant", cval=False)
    others = np.nonzero(near & valid & ~active)
    ys, xs = (np.concatenate(pair) for pair in zip(np.nonzero(active), others, strict=True))
    field = Field(features, valid, ys, xs, int(active.sum()))
    out[active] = _mean_field(_backend(device)(field, parameters), field, np.where(valid, out, 0.5), parameters)
    return out


def refine_strips(
    shape: tuple[int, int],
    probability: Callable[[Window], Floats],
    features: Callable[[Window], Floats],
    parameters: CRFParameters,
    device: Literal["cpu", "cuda"] = "cpu",
    size: int = BLOCK,
    start: int = 0,
) -> Iterator[Floats]:
    """Run the mean field over a raster of which only a few rows are in memory; equals `refine`.

    Args:
        shape: rows and columns of the raster.
        probability: returns the probabilities of a window: (rows, cols) float32 in 0 to 1, NaN where there is none.
        features: returns the features of a window, as `refine` takes them; it is asked around active pixels only.
        parameters: the kernels.
        device: "cpu" (numba) or "cuda" (CuPy).
        size: rows and columns of a block without its halo.
        start: the row to begin with, a multiple of `size`.

    Yields:
        `size` rows after `size` rows, (rows, cols) float32: refined at active pixels, unchanged elsewhere.
    """
    rows, cols = shape
    margin = halo(parameters)
    for top in range(start, rows, size):
        above, bottom = max(0, top - margin), min(rows, top + size + margin)
        seen = probability(Window(above, 0, bottom - above, cols))
        out = seen[top - above : top - above + size].copy()
        for core in _cores(_active(out, parameters), size):
            outer = Window(top + core.row, core.col, core.height, core.width).grown(margin, shape)
            inside = Window(outer.row - above, outer.col, outer.height, outer.width)
            refined = refine(seen[inside.slices], features(outer), parameters, device)
            inner = Window(top + core.row - outer.row, core.col - outer.col, core.height, core.width)
            out[core.slices] = refined[inner.slices]
        yield out


def _cores(active: NDArray[np.bool_], size: int) -> Iterator[Window]:
    """Yield, for each `size` columns, the smallest window around their active pixels."""
    for left in range(0, active.shape[1], size):
        ys, xs = np.nonzero(active[:, left : left + size])
        if len(ys):
            yield Window(int(ys.min()), left + int(xs.min()), int(np.ptp(ys)) + 1, int(np.ptp(xs)) + 1)


def _active(probability: Floats, parameters: CRFParameters) -> NDArray[np.bool_]:
    return (probability >= parameters.active_from) & (probability <= parameters.active_to)


def _mean_field(backend: Backend, field: Field, probability: Floats, parameters: CRFParameters) -> Floats:
    """Update the mean field; return the probabilities of the active pixels, (active,) float32."""
    xp = backend.xp
    ys, xs = xp.asarray(field.ys), xp.asarray(field.xs)
    valid = xp.asarray(field.valid, dtype=np.float32)
    weights = xp.asarray([[parameters.gaussian_weight], [parameters.bilateral_weight]], dtype=np.float32)
    norms = 1 / xp.sqrt(backend.sums(xp.stack([valid, valid]), len(ys)))
    # With two labels the messages of both come to one number a pixel: P(landslide) − P(background).
    messages = xp.zeros((2, *field.valid.shape), np.float32)
    messages[:, ys, xs] = norms * (2 * xp.asarray(probability[field.ys, field.xs]) - 1)
    ys, xs, norms = ys[: field.active], xs[: field.active], norms[:, : field.active]
    p = np.clip(probability[field.ys, field.xs][: field.active].astype(np.float64), _CLIP, 1 - _CLIP)
    unary = xp.asarray(np.log(p / (1 - p)), dtype=np.float32)
    for _ in range(parameters.iterations):
        belief = xp.tanh((unary + (weights * norms * backend.sums(messages, field.active)).sum(axis=0)) / 2)
        messages[:, ys, xs] = norms * belief
    refined = (1 + belief) / 2
    host: Floats = refined if xp is np else xp.asnumpy(refined)
    return host


def require_backend(device: Literal["cpu", "cuda"]) -> None:
    """Check that the CRF can run, before anything that it would end in vain.

    Raises:
        DeviceError: a package is missing, or there is no GPU.
    """
    _backend(device)


def _backend(device: str) -> Callable[[Field, CRFParameters], Backend]:
    if device == "cuda":
        from l4s_geo.crf import cupy_backend

        return cupy_backend.Sums
    if device != "cpu":
        raise DeviceError(f"The CRF's device is {device!r}; expected 'cpu' or 'cuda'.")
    try:
        from l4s_geo.crf import numba_backend
    except ImportError as error:
        raise DeviceError(
            f"The CRF needs numba, which cannot be imported ({error}); install it with pip install 'l4s-geo[crf]', or "
            "switch the CRF off."
        ) from error
    return numba_backend.Sums

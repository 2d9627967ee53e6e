"""How far one image lies beside another: phase correlation of blocks, and what most of the blocks agree on.

Each block gives a shift to a fraction of a pixel: the peak of the normalised cross-power spectrum (Kuglin and Hines
1975), found on whole pixels first and then on a fine grid around it by a matrix product (Guizar-Sicairos, Thurman,
Fienup 2008). Edges are correlated, not brightness, since seasons change the brightness of fields and not their borders.
A block of clouds, or one whose ground has changed, gives a shift like any other; so the shift counts on which the
largest group of blocks agrees, and none does if that group is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

__all__ = ["IMPLAUSIBLE", "LARGE", "Shift", "agreed", "block_shift"]

LARGE = 3.0
"""Pixels from which on a shift is worth a warning: products of one orbit fit each other better."""

IMPLAUSIBLE = 12.0
"""Pixels beyond which a shift is none of two Sentinel-2 products, whose geolocation is within some ten metres."""

_FINE = 20
"""Steps of a pixel to which a block's peak is found."""
_AGREE = 0.5
"""Pixels within which blocks agree."""
_SHARE = 0.3
"""Share of the blocks that must agree."""
_FEWEST = 4
_CLEAR = 8.0
"""Times that a block's peak must rise above the deviation of its correlations."""


@dataclass(frozen=True)
class Shift:
    """How far an image lies beside another, and how many blocks say so."""

    rows: float
    """Pixels by which the image's content lies further down."""
    cols: float
    """Pixels by which the image's content lies further right."""
    agreeing: int
    """Number of blocks that agree on it."""
    blocks: int
    """Number of blocks that gave a shift."""

    @property
    def pixels(self) -> float:
        """Length of the shift in pixels."""
        return float(np.hypot(self.rows, self.cols))


def block_shift(reference: NDArray[np.float32], image: NDArray[np.float32]) -> tuple[float, float] | None:
    """Measure how far a block of an image lies beside the same block of a reference.

    Args:
        reference: (rows, cols) float32, brightness; NaN where unknown.
        image: of the same shape.

    Returns:
        Pixels by which the image's content lies further down and further right, or None if nothing in the block stands
        out or less than half of it is known in both.
    """
    known = np.isfinite(reference) & np.isfinite(image)
    if known.mean() < 0.5 or min(known.shape) < 16:
        return None
    spectra = [fft.fft2(_edges(values, known)) for values in (image, reference)]
    cross = spectra[0] * np.conj(spectra[1])
    size = np.abs(cross)
    if not size.max() > 0:
        return None
    cross /= np.maximum(size, size.max() * 1e-9)
    surface = np.abs(fft.ifft2(cross))
    peak = np.unravel_index(int(surface.argmax()), surface.shape)
    if surface[peak] < surface.mean() + _CLEAR * surface.std():
        return None
    whole = [int(p) - n if p > n // 2 else int(p) for p, n in zip(peak, surface.shape, strict=True)]
    return _refined(cross, whole)


def agreed(shifts: Sequence[tuple[float, float]]) -> Shift | None:
    """Return the shift on which most blocks agree, the mean of theirs.

    Args:
        shifts: of the blocks, (rows, cols).

    Returns:
        The shift, or None if fewer than four blocks, or fewer than three of ten, agree within half a pixel. Where there
        are fewer than four blocks, all of them have to agree, and there must be two.
    """
    if len(shifts) < 2:
        return None
    places = np.array(shifts)
    near = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) <= _AGREE
    group = places[near[int(near.sum(axis=1).argmax())]]
    if len(group) < min(_FEWEST, len(places)) or len(group) < _SHARE * len(places):
        return None
    rows, cols = group.mean(axis=0)
    return Shift(float(rows), float(cols), len(group), len(places))


def _edges(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the strength of a block's edges, faded out towards its border and around unknown pixels."""
    filled = np.where(known, values, np.median(values[known])).astype(np.float64)
    strength = np.hypot(ndimage.sobel(filled, 0), ndimage.sobel(filled, 1))
    inside = ndimage.binary_erosion(known, iterations=2, border_value=1)
    strength[~inside] = 0
    # A few roofs and cloud edges would outweigh all the rest.
    np.minimum(strength, np.percentile(strength[inside], 98) if inside.any() else 0, out=strength)
    fade = np.outer(*(np.hanning(n + 2)[1:-1] for n in values.shape))
    out: NDArray[np.float64] = (strength - strength.mean()) * fade
    return out


def _refined(cross: NDArray[np.complex128], peak: Sequence[int]) -> tuple[float, float]:
    """Find the peak of a normalised cross-power spectrum to a fraction of a pixel, near one on whole pixels."""
    steps = np.arange(-1.5 * _FINE, 1.5 * _FINE + 1) / _FINE
    # High frequencies hold the noise of resampling; the low ones alone give a smooth peak.
    row_f, col_f = (fft.fftfreq(n) for n in cross.shape)
    low = np.exp(-(row_f[:, None] ** 2 + col_f[None] ** 2) / (2 * 0.15**2))
    down = np.exp(2j * np.pi * np.outer(peak[0] + steps, row_f))
    right = np.exp(2j * np.pi * np.outer(col_f, peak[1] + steps))
    fine = (down @ (cross * low) @ right).real
    row, col = np.unravel_index(int(fine.argmax()), fine.shape)
    return float(peak[0] + steps[row]), float(peak[1] + steps[col])

"""Relative radiometric normalisation: one image's values as they would be under the other's sun and air.

Iteratively reweighted multivariate alteration detection (IR-MAD; Nielsen 2007, Canty and Nielsen 2008) finds the pixels
that did not change: canonical correlations of the bands of both dates, differences of the canonical variates, and the
probability that so small a difference is no change, by which the next round weighs the pixels. A straight line through
these pixels, by orthogonal regression, gives a gain and an offset for each band. It is fitted once for a whole scene,
never for a window, so that the strips of a map fit together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

__all__ = ["Line", "no_change", "normalisation"]

_ROUNDS = 50
_SETTLED = 1e-3
_FEWEST = 200
"""Pixels with which a line is fitted at least."""
_GAINS = (0.2, 5.0)
"""Gains between which two images of one place can lie."""
_CORRELATION = 0.5
"""Correlation that unchanged pixels must show in a band at least."""


@dataclass(frozen=True)
class Line:
    """How the values of one band become those of another date: value × gain + offset."""

    gain: float = 1.0
    """Factor of the values."""
    offset: float = 0.0
    """What is added after that, in digital numbers."""


def normalisation(reference: NDArray[np.float32], image: NDArray[np.float32]) -> tuple[Line, ...] | None:
    """Fit the lines that bring an image's bands to those of a reference.

    Args:
        reference: (bands, pixels) float32, digital numbers; NaN where unknown.
        image: the same pixels on another date.

    Returns:
        A line for each band, or None if too few pixels are known, or those that seem unchanged do not correlate, so
        that no line would mean anything.
    """
    known = np.isfinite(reference).all(axis=0) & np.isfinite(image).all(axis=0)
    if known.sum() < _FEWEST:
        return None
    x, y = (values[:, known].astype(np.float64) for values in (image, reference))
    weights = no_change(x, y)
    if weights is None:
        return None
    lines = []
    for before, after in zip(x, y, strict=True):
        line = _orthogonal(before, after, weights)
        if line is None:
            return None
        lines.append(line)
    return tuple(lines)


def no_change(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return how probable it is of each pixel that it did not change: IR-MAD.

    Args:
        x: (bands, pixels) float64, one date.
        y: the other date.

    Returns:
        (pixels,) float64, 0 to 1; None if the bands of a date do not differ from one another.
    """
    bands = len(x)
    weights = np.ones(x.shape[1])
    former = np.zeros(bands)
    for _ in range(_ROUNDS):
        both = np.concatenate([x, y])
        mean = np.average(both, axis=1, weights=weights)
        centred = both - mean[:, None]
        covariance = (centred * weights) @ centred.T / weights.sum()
        xx, yy, xy = covariance[:bands, :bands], covariance[bands:, bands:], covariance[:bands, bands:]
        try:
            squares, a = linalg.eigh(xy @ linalg.solve(yy, xy.T, assume_a="pos"), xx)
            b = linalg.solve(yy, xy.T @ a, assume_a="pos")
        except (linalg.LinAlgError, ValueError):
            return None
        rho = np.sqrt(np.clip(squares, 0, 1 - 1e-12))
        b /= np.maximum(np.sqrt(np.einsum("ij,ik,kj->j", b, yy, b)), 1e-12)
        differences = a.T @ centred[:bands] - b.T @ centred[bands:]
        spread = 2 * (1 - rho)
        chi2 = (differences**2 / np.maximum(spread, 1e-12)[:, None]).sum(axis=0)
        weights = np.maximum(stats.chi2.sf(chi2, bands), 1e-12)
        if np.abs(rho - former).max() < _SETTLED:
            break
        former = rho
    return weights


def _orthogonal(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> Line | None:
    """Fit a line with errors in both variables; None if the pixels do not lie along one that can be."""
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    dx, dy = x - mean_x, y - mean_y
    xx, yy, xy = (np.average(product, weights=weights) for product in (dx * dx, dy * dy, dx * dy))
    if not (xx > 0 and yy > 0) or xy / np.sqrt(xx * yy) < _CORRELATION:
        return None
    gain = float((yy - xx + np.sqrt((yy - xx) ** 2 + 4 * xy**2)) / (2 * xy))
    if not _GAINS[0] <= gain <= _GAINS[1]:
        return None
    return Line(gain, float(mean_y - gain * mean_x))

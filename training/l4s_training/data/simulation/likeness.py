"""How much simulated patches are like real ones: mean, deviation, autocorrelation and correlation of their bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4s_training.data.patches import Patches

__all__ = ["STATISTICS", "Characteristics", "characteristics"]


@dataclass(frozen=True)
class Characteristics:
    """What the bands of a set of patches are like, in L4S units."""

    mean: NDArray[np.float64]
    """(n, bands) mean of each patch and band."""
    deviation: NDArray[np.float64]
    """(n, bands) standard deviation of each patch and band."""
    autocorrelation: NDArray[np.float64]
    """(n, bands) correlation of a pixel with its neighbours to the east and south, 10 m off; NaN in a flat band."""
    correlation: NDArray[np.float64]
    """(bands, bands) correlation of the bands inside a patch, the median over the patches."""


STATISTICS: dict[str, Callable[[Characteristics], NDArray[np.float64]]] = {
    "mean": lambda c: c.mean,
    "deviation": lambda c: c.deviation,
    "autocorrelation": lambda c: c.autocorrelation,
}
"""The characteristics that each patch and band has, by name."""


def characteristics(patches: Patches) -> Characteristics:
    """Measure patches."""
    per_patch = [_of(patches.windows(np.array([i]))[0].astype(np.float64)) for i in range(len(patches))]
    mean, deviation, autocorrelation, correlation = (np.array(values) for values in zip(*per_patch, strict=True))
    return Characteristics(mean, deviation, autocorrelation, np.nanmedian(correlation, axis=0))


def _of(image: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Mean, deviation, autocorrelation (bands,) and correlation (bands, bands) of (bands, rows, cols)."""
    flat = image.reshape(len(image), -1)
    correlation: NDArray[np.float64]
    centred = image - image.mean((1, 2), keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        east = _correlation(centred[:, :, 1:], centred[:, :, :-1])
        south = _correlation(centred[:, 1:], centred[:, :-1])
        correlation = np.asarray(np.corrcoef(flat))
    return flat.mean(1), flat.std(1), (east + south) / 2, correlation


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = (a * b).sum((1, 2)) / np.sqrt((a * a).sum((1, 2)) * (b * b).sum((1, 2)))
    return result

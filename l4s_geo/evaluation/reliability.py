"""Whether probabilities hold: of the pixels that are called 0.3, are three in ten landslide?

Pixels are gathered in bins of equal width of their probability. The *expected calibration error* is the mean distance
of a bin's mean probability from its share of landslide, weighted by pixels (Naeini, Cooper, Hauskrecht 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["ERROR_BINS", "Reliability", "calibration_error", "reliability"]

ERROR_BINS = 15
"""Number of bins of the expected calibration error."""


@dataclass(frozen=True)
class Reliability:
    """Pixels by bins of equal width of their probability; each array is (bins,) float64."""

    pixels: NDArray[np.float64]
    """Number of pixels in each bin."""
    probability: NDArray[np.float64]
    """Sum of their probabilities."""
    landslide: NDArray[np.float64]
    """How many of them are landslide."""

    @classmethod
    def of(cls, probability: NDArray[np.float64], pixels: NDArray[Any], landslide: NDArray[Any], bins: int) -> Self:
        """Gather values of the probability into bins.

        Args:
            probability: (m,), 0 to 1.
            pixels: (m,) how many pixels have each of these probabilities.
            landslide: (m,) how many of those are landslide.
            bins: number of bins.
        """
        at = np.minimum((probability * bins).astype(np.int64), bins - 1)
        count, total, positive = (np.bincount(at, w, bins) for w in (pixels, probability * pixels, landslide))
        return cls(count.astype(np.float64), total.astype(np.float64), positive.astype(np.float64))

    def rows(self) -> list[tuple[int, float, float]]:
        """Return the number of pixels, the mean probability and the share of landslide of each bin that has pixels."""
        bins = zip(self.pixels.tolist(), self.probability.tolist(), self.landslide.tolist(), strict=True)
        return [(int(n), total / n, positive / n) for n, total, positive in bins if n]

    @property
    def error(self) -> float:
        """Mean distance of probability and frequency, weighted by pixels; 0 without any."""
        return float(np.abs(self.probability - self.landslide).sum() / max(self.pixels.sum(), 1))


def reliability(probabilities: NDArray[np.float32], masks: NDArray[np.uint8], bins: int = 10) -> Reliability:
    """Gather pixels into bins.

    Args:
        probabilities: 0 to 1, of any shape.
        masks: 0 or 1, of that shape.
        bins: number of bins.
    """
    p = probabilities.ravel().astype(np.float64)
    return Reliability.of(p, np.ones_like(p), masks.ravel() > 0, bins)


def calibration_error(probabilities: NDArray[np.float32], masks: NDArray[np.uint8]) -> float:
    """Return the expected calibration error in 15 bins of equal width; arguments as for `reliability`.

    It is that of torchmetrics (``binary_calibration_error`` with ``norm="l1"``): of the probability of landslide, not
    of the more likely class. Nearly all pixels lie in the lowest bin, so it is small where landslides are rare.
    """
    return reliability(probabilities, masks, ERROR_BINS).error

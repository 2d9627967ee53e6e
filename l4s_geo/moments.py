"""Mean and deviation of many pixels, band by band, joined from parts so that nothing cancels.

The sum of squared deviations from the mean is kept, not the sum of squares: two parts are joined by the pairwise update
of Chan, Golub, LeVeque (1983), which loses no digits where the mean is large beside the deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments"]


@dataclass(frozen=True)
class Moments:
    """Count, mean and summed squared deviations of each band's pixels, each (bands,) float64.

    The sum of two moments is that of both sets of pixels, which must be disjoint.
    """

    count: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def none(cls, bands: int) -> Self:
        """Return the moments of no pixels."""
        return cls(*(np.zeros(bands) for _ in range(3)))

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Self:
        """Compute the moments of pixels: (bands, …) float32, NaN where there are none."""
        count, mean, squares = (np.zeros(len(values)) for _ in range(3))
        for band, pixels in enumerate(values):
            known = pixels[np.isfinite(pixels)].astype(np.float64)
            count[band] = known.size
            mean[band] = known.mean() if known.size else 0
            squares[band] = ((known - mean[band]) ** 2).sum()
        return cls(count, mean, squares)

    def __add__(self, other: Moments) -> Moments:
        """Join two disjoint sets of pixels (Chan, Golub, LeVeque 1983, equation 1.5)."""
        count = self.count + other.count
        share = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)
        delta = other.mean - self.mean
        squares = self.squares + other.squares + delta**2 * self.count * share
        return Moments(count, self.mean + delta * share, squares)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of each band, (bands,) float64; 0 of a band without a pixel."""
        std: NDArray[np.float64] = np.sqrt(self.squares / np.maximum(self.count, 1))
        return std

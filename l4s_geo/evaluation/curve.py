"""Probabilities against a reference: precision and recall at every threshold, and whether they hold.

Probabilities are counted in bins of 1/1000, so that a tile of any size takes no more memory. The *average precision* is
the area under the curve of precision over recall, as steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from l4s_geo.evaluation.reliability import ERROR_BINS, Reliability

__all__ = ["Curve"]

_BINS = 1000


@dataclass(frozen=True)
class Curve:
    """Counts of pixels by their probability."""

    landslide: NDArray[np.int64]
    """(1000,) pixels of the reference's landslides by bins of the probability from 0 to 1."""
    other: NDArray[np.int64]
    """(1000,) the other pixels."""
    total: NDArray[np.float64]
    """(1000,) sums of the probabilities in each bin."""

    @classmethod
    def empty(cls) -> Self:
        """Return counts of nothing."""
        return cls(np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64), np.zeros(_BINS))

    def adding(self, probability: NDArray[np.float32], landslide: NDArray[np.bool_]) -> Self:
        """Return the counts with pixels added.

        Args:
            probability: (n,) float32, 0 to 1.
            landslide: (n,) bool, whether the reference has a landslide there.
        """
        p = probability.astype(np.float64)
        # In float32, so that a probability which was rounded to a threshold reaches it.
        bins = np.clip((probability * np.float32(_BINS)).astype(np.int64), 0, _BINS - 1)
        true = np.bincount(bins[landslide], minlength=_BINS)
        every = np.bincount(bins, minlength=_BINS)
        total = self.total + np.bincount(bins, p, minlength=_BINS)
        return type(self)(self.landslide + true, self.other + every - true, total)

    @property
    def known(self) -> bool:
        """Whether there is a pixel of landslide and one of other ground."""
        return bool(self.landslide.any() and self.other.any())

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return thresholds, ascending, with the precision and the recall of what reaches them, each (1000,).

        The precision is NaN where nothing reaches the threshold.
        """
        hit = self.landslide[::-1].cumsum()[::-1]
        mapped = hit + self.other[::-1].cumsum()[::-1]
        with np.errstate(invalid="ignore"):
            return np.arange(_BINS) / _BINS, hit / mapped, hit / max(int(self.landslide.sum()), 1)

    @property
    def average_precision(self) -> float:
        """The sum over thresholds of precision times gain of recall."""
        _, precision, recall = self.points()
        gain = recall - np.append(recall[1:], 0)
        return float((np.nan_to_num(precision) * gain).sum())

    @property
    def best(self) -> tuple[float, float]:
        """The threshold of the greatest F1, and that F1."""
        thresholds, precision, recall = self.points()
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
        at = int(f1.argmax())
        return float(thresholds[at]), float(f1[at])

    def reliability(self) -> Reliability:
        """Gather the pixels in 15 bins of equal width."""
        pixels = self.landslide + self.other
        mean = self.total / np.maximum(pixels, 1)
        return Reliability.of(mean, pixels, self.landslide, ERROR_BINS)

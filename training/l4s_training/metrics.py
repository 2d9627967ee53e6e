"""Pixel scores of the landslide class, pooled over all pixels of a split as in the competition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scores", "ThresholdCurve"]

_BINS = 1000


@dataclass(frozen=True)
class Scores:
    """True positives, false positives and false negatives, and what follows from them."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Share of the detected pixels that are landslide; 0 where nothing is detected."""
        return self.tp / max(self.tp + self.fp, 1)

    @property
    def recall(self) -> float:
        """Share of the landslide pixels that are detected; 0 where there are none."""
        return self.tp / max(self.tp + self.fn, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.tp / max(2 * self.tp + self.fp + self.fn, 1)

    @property
    def iou(self) -> float:
        """Jaccard index of the landslide class."""
        return self.tp / max(self.tp + self.fp + self.fn, 1)

    def as_dict(self) -> Mapping[str, float]:
        """Return the four scores by name."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall, "iou": self.iou}

    @classmethod
    def of(cls, detected: NDArray[np.bool_], masks: NDArray[np.uint8]) -> Scores:
        """Count over arrays of one shape."""
        truth = masks > 0
        return cls(int((detected & truth).sum()), int((detected & ~truth).sum()), int((~detected & truth).sum()))


class ThresholdCurve:
    """Counts landslide and background pixels per probability, to score any threshold afterwards."""

    def __init__(self) -> None:
        self._landslide = np.zeros(_BINS, np.int64)
        self._background = np.zeros(_BINS, np.int64)

    def add(self, probabilities: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Count a batch: probabilities in 0 to 1 and masks, of one shape."""
        bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1).ravel()
        truth = masks.ravel() > 0
        self._landslide += np.bincount(bins[truth], minlength=_BINS)
        self._background += np.bincount(bins[~truth], minlength=_BINS)

    def best(self) -> tuple[float, Scores]:
        """Return the threshold of the highest F1, in steps of 0.001 inside (0, 1), and its scores."""
        tp = self._landslide[::-1].cumsum()[::-1]
        fp = self._background[::-1].cumsum()[::-1]
        fn = self._landslide.sum() - tp
        f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
        at = 1 + int(f1[1:].argmax())
        return at / _BINS, Scores(int(tp[at]), int(fp[at]), int(fn[at]))

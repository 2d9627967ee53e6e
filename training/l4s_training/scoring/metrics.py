"""Pixel scores of the landslide class, pooled over all pixels of a split as in the competition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from l4s_geo.evaluation.reliability import ERROR_BINS, Reliability

__all__ = ["Scores", "ThresholdCurve"]

_BINS = 1000


@dataclass(frozen=True)
class Scores:
    """Counts of true positives, false positives and false negatives, and the scores that follow from them."""

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
    """Counts background and landslide pixels per probability, to score any threshold afterwards.

    Args:
        counts: (2, 1000) of an earlier curve; None to begin.
    """

    def __init__(self, counts: NDArray[np.int64] | None = None) -> None:
        self.counts = np.zeros((2, _BINS), np.int64) if counts is None else counts

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], masks: NDArray[np.uint8]) -> Self:
        """Count probabilities in 0 to 1 and masks, of one shape."""
        curve = cls()
        curve.add(probabilities, masks)
        return curve

    def add(self, probabilities: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Count a batch: probabilities in 0 to 1 and masks, of one shape."""
        bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1).ravel()
        truth = masks.ravel() > 0
        for label, members in enumerate((~truth, truth)):
            self.counts[label] += np.bincount(bins[members], minlength=_BINS)

    def at(self, threshold: float) -> Scores:
        """Return the scores at a threshold, which is rounded to 0.001."""
        bin_ = round(threshold * _BINS)
        (_, fp), (fn, tp) = ((int(c[:bin_].sum()), int(c[bin_:].sum())) for c in self.counts)
        return Scores(tp, fp, fn)

    def best(self) -> tuple[float, Scores]:
        """Return the threshold of the highest F1, in steps of 0.001 inside (0, 1), and its scores."""
        fp, tp = self.counts[:, ::-1].cumsum(1)[:, ::-1]
        fn = self.counts[1].sum() - tp
        f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
        at = 1 + int(f1[1:].argmax())
        return at / _BINS, Scores(int(tp[at]), int(fp[at]), int(fn[at]))

    def thresholds(self, step: float = 0.01) -> list[tuple[float, Scores]]:
        """Return the scores at every multiple of a step inside (0, 1)."""
        return [(round(i * step, 6), self.at(i * step)) for i in range(1, round(1 / step))]

    def reliability(self, bins: int = 10) -> Reliability:
        """Gather the pixels into bins of their probability, which is known to 0.001."""
        middles = (np.arange(_BINS) + 0.5) / _BINS
        return Reliability.of(middles, self.counts.sum(0), self.counts[1], bins)

    def calibration_error(self) -> float:
        """Return the expected calibration error in 15 bins, see `reliability.calibration_error`.

        Probabilities are known to 0.001, so that it may differ by 0.0005 and by what lies at the borders of bins.
        """
        return self.reliability(ERROR_BINS).error

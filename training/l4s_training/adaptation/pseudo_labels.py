"""Labels of unlabelled images from a teacher's probabilities: which pixels the student shall believe.

Each selection returns the labels and a weight that is 1 where a pixel was chosen and 0 where it is to be ignored.
"Most" is over all pixels of the images given together; of equal pixels the earlier ones in the array are taken.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError

__all__ = ["PseudoLabels", "Rest", "by_threshold", "most_certain", "most_confident"]

PseudoLabels = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Labels (0, 1) and weight (0, 1), both (n, rows, cols)."""

Rest = Literal["background", "ignore"]
"""What pixels under the threshold are."""


def by_threshold(probability: NDArray[np.floating], threshold: float = 0.7, rest: Rest = "background") -> PseudoLabels:
    """Label landslide where the probability reaches the threshold  (Kingdrone's progressive refinement).

    The paper leaves open what the rest is: background, or background only where *its* probability reaches the
    threshold, and ignored in between.

    Args:
        probability: (n, rows, cols) of the landslide class.
        threshold: above 0 and below 1; 0.5 or more where the rest is ignored.
        rest: the reading.

    Raises:
        DataError: a value is out of range.
    """
    _check(probability)
    if rest not in get_args(Rest):
        raise DataError(f"The rest is to be {rest!r}; expected one of {', '.join(get_args(Rest))}.")
    if not 0 < threshold < 1:
        raise DataError(f"The pseudo-label threshold is {threshold}; expected a value above 0 and below 1.")
    if rest == "ignore" and threshold < 0.5:
        raise DataError(
            f"The pseudo-label threshold is {threshold} where the rest is ignored; expected 0.5 or more, or both "
            "classes would claim a pixel."
        )
    landslide = probability >= threshold
    kept = landslide | (1 - probability >= threshold) if rest == "ignore" else np.ones_like(landslide)
    return landslide.astype(np.uint8), kept.astype(np.float32)


def most_confident(probability: NDArray[np.floating], share: float, threshold: float = 0.5) -> PseudoLabels:
    """Choose the most confident λ % of the pixels of each predicted class  (Seek; Zou et al. 2018).

    Args:
        probability: (n, rows, cols) of the landslide class.
        share: λ / 100, above 0 up to 1.
        threshold: the teacher predicts landslide from here on.

    Raises:
        DataError: a value is out of range.
    """
    _check(probability)
    landslide = probability >= threshold
    doubt = np.where(landslide, 1 - probability, probability)
    return _least(doubt, landslide, share, share)


def most_certain(
    probability: NDArray[np.floating],
    variance: NDArray[np.floating],
    background: float = 0.9,
    landslide: float = 0.7,
    threshold: float = 0.5,
) -> PseudoLabels:
    """Choose the pixels of each predicted class that vary least under Monte Carlo dropout  (Tanmlh).

    Args:
        probability: (n, rows, cols), mean over the passes (`l4s_training.models.mc_dropout.sample`).
        variance: (n, rows, cols), over the passes.
        background: share of the pixels predicted background that is kept.
        landslide: share of the pixels predicted landslide that is kept.
        threshold: the teacher predicts landslide from here on.

    Raises:
        DataError: a value is out of range, or the shapes differ.
    """
    _check(probability)
    if variance.shape != probability.shape or not np.isfinite(variance).all():
        raise DataError(
            f"Variances have the shape {variance.shape}; expected {probability.shape}, the probabilities', all finite."
        )
    return _least(variance, probability >= threshold, background, landslide)


def _least(
    key: NDArray[np.floating], landslide: NDArray[np.bool_], background_share: float, landslide_share: float
) -> PseudoLabels:
    """Keep the share of each class with the smallest key, rounded to whole pixels."""
    kept = np.zeros(key.size, np.float32)
    for share, members in ((background_share, ~landslide), (landslide_share, landslide)):
        if not 0 < share <= 1:
            raise DataError(f"The share of pixels to keep is {share}; expected a value above 0, up to 1.")
        at = np.flatnonzero(members)
        count = int(np.floor(share * len(at) + 0.5))
        kept[at[np.argsort(key.ravel()[at], kind="stable")[:count]]] = 1
    return landslide.astype(np.uint8), kept.reshape(key.shape)


def _check(probability: NDArray[np.floating]) -> None:
    if not (probability.size and probability.min() >= 0 and probability.max() <= 1):  # NaN fails both
        raise DataError("The teacher's probabilities are empty or outside 0 to 1; predict the target images again.")

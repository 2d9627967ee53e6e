"""Scores of whole landslides, beside those of pixels: what is found of each size, and how far a detection is right.

An object is a component of pixels that touch along an edge, of at least 500 m² (five pixels of 10 m, the mapper's
minimum mapping unit). It counts as found, or as right, if at least half of its pixels are. An object cut by the border
of its patch is an object like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from l4s_geo.bundles.bundle import CLASSES, Confidence

__all__ = ["SIZES", "Objects", "confidence", "detections", "recall_by_size", "references"]

SIZES = (500, 2_000, 10_000)
"""Least areas of the size classes, m²."""
_PIXEL = 100
"""Area of a pixel, m²."""
_HALF = 0.5


@dataclass(frozen=True)
class Objects:
    """Objects of one or more patches; each array has one entry an object."""

    area: NDArray[np.int64]
    """Area, m²."""
    overlap: NDArray[np.float64]
    """Share of its pixels that the other map, reference or detection, marks too."""
    probability: NDArray[np.float64]
    """Mean probability of its pixels."""

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which are found in the other map, or right by it."""
        return self.overlap >= _HALF


def detections(probabilities: NDArray[np.float32], masks: NDArray[np.uint8], threshold: float) -> Objects:
    """Measure what was detected.

    Args:
        probabilities: (n, rows, cols) float32; NaN where nothing was mapped.
        masks: (n, rows, cols), 1 where there is a landslide.
        threshold: probability from which a pixel is detected.
    """
    return _objects(probabilities >= threshold, masks > 0, probabilities)


def references(probabilities: NDArray[np.float32], masks: NDArray[np.uint8], threshold: float) -> Objects:
    """Measure what was there to be detected; arguments as for `detections`."""
    return _objects(masks > 0, probabilities >= threshold, probabilities)


def recall_by_size(reference: Objects, sizes: Sequence[int] = SIZES) -> dict[int, tuple[int, float]]:
    """Count the reference objects of at least each size and the share of them that was found (NaN of none)."""
    found = {}
    for size in sizes:
        large = reference.area >= size
        found[size] = (int(large.sum()), float(reference.right[large].mean()) if large.any() else float("nan"))
    return found


def confidence(
    validation: Objects, test: Objects, high: float = 0.8, medium: float = 0.6, smallest: int = 20
) -> Confidence | None:
    """Cut the detections into classes of confidence by their mean probability.

    The share of right detections is fitted to the mean probability as a step function that never falls (isotonic
    regression) on the validation patches; a class begins where it reaches its target. The precision of each class is
    then counted on the test patches, which chose nothing.

    Args:
        validation: detections on the validation patches.
        test: detections on the test patches.
        high: least share of right detections where the confidence is high.
        medium: likewise, for medium.
        smallest: objects without which nothing can be said.

    Returns:
        The classes; None if there are too few objects, or none reach the targets.
    """
    if len(validation.area) < smallest:
        return None
    order = np.argsort(validation.probability, kind="stable")
    share = optimize.isotonic_regression(validation.right[order].astype(float)).x
    sorted_probability = validation.probability[order]
    cuts = []
    for target in (high, medium):
        reached = np.flatnonzero(share >= target)
        if not len(reached):
            return None
        cuts.append(round(float(sorted_probability[reached[0]]), 3))
    classes = Confidence(cuts[0], cuts[1])
    named = classes.classify(test.probability)
    precision = {c: round(float(test.right[named == c].mean()), 3) for c in CLASSES if (named == c).any()}
    return Confidence(cuts[0], cuts[1], precision)


def _objects(mask: NDArray[np.bool_], other: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> Objects:
    # One plane apart, patches never touch.
    structure = np.zeros((3, 3, 3), bool)
    structure[1] = ndimage.generate_binary_structure(2, 1)
    labels, count = ndimage.label(mask, structure)
    inside = labels > 0
    at = labels[inside]
    pixels = np.bincount(at, minlength=count + 1)[1:]
    common = np.bincount(at, other[inside], minlength=count + 1)[1:]
    known = np.nan_to_num(probabilities[inside].astype(np.float64))
    total = np.bincount(at, known, minlength=count + 1)[1:]
    large = pixels * _PIXEL >= SIZES[0]
    pixels = pixels[large]
    return Objects(pixels * _PIXEL, common[large] / pixels, total[large] / pixels)

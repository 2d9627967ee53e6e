"""Learns trees from labelled pixels, and measures them on ground that they have not seen.

Gradient-boosted trees (LightGBM, Ke et al., NIPS 2017), kept small, since labels are few and neighbouring pixels are
alike. The labelled ground is cut into blocks that are dealt to four folds; each fold is judged by trees that learned
from the others. These *out-of-fold* scores choose the threshold, calibrate the probabilities (Platt, 1999) and are
compared with what the base bundle says of the same pixels.

Two kinds of labels, two yardsticks
    Where some ground was fully looked at, landslides have their true share in it, and the threshold is the highest
    whose F1 is within 0.01 of the best: the optimum is flat, and ground is mostly looked at where there are more
    landslides than elsewhere. Where there are single polygons alone, the share is unknown: a sample of ground that
    nobody labelled stands in for what is out there. It is taken for background, with little weight, and the threshold
    is the one that finds `RECALL` of the labelled landslides. Criteria that need no true share, such as r² / s with the
    recall r and the share s of the sample that is said to be landslide (Lee and Liu, ICML 2003), were tried too: with
    twenty polygons their best threshold often finds next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bundles.taught import Scores
from l4s_geo.errors import TeachingError

__all__ = ["Learned", "Samples", "learn", "lightgbm"]

FOLDS = 4
"""Number of folds that the blocks of ground are dealt to."""

RECALL = 0.7
"""Share of the labelled landslides' pixels that the threshold finds where single polygons were drawn."""

_SIDES = (64, 32, 16, 8)
"""Sides of the blocks of ground tried, in pixels: the largest that gives enough blocks is taken."""
_BLOCKS = 16
_FEWEST_PIXELS = 20
_ROUNDS = 50
_LEAST_IN_LEAF = 10
_MOST_IN_LEAF = 200
_LEAVES_OF_DATA = 80
_PRESUMED = 0.3
"""Weight of all presumed background together, in terms of that of all landslides."""
_SURE = 1e-6
_LEAST = 0.005
_NEARLY = 0.01

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Samples:
    """Labelled pixels, and pixels that stand for the ground that nobody labelled."""

    features: Floats
    """(n, features) float32."""
    landslide: NDArray[np.bool_]
    """(n,) True for landslide, False for background."""
    presumed: NDArray[np.bool_]
    """(n,) True for ground that nobody labelled, which is presumed to be background."""
    weight: Floats
    """(n,) how far a label is to be trusted, above 0 and up to 1."""
    row: NDArray[np.int32]
    """(n,) row of the pixel in the scene's grid."""
    col: NDArray[np.int32]
    """(n,) its column."""
    base: Floats
    """(n,) probability that the base bundle gives it."""

    def at(self, chosen: NDArray[Any]) -> Samples:
        """Return some of the samples."""
        return Samples(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Learned:
    """Trees and what they are worth."""

    booster: Any
    """The `lightgbm.Booster`, whose raw scores are to be calibrated."""
    scale: float
    """Factor of a raw score."""
    shift: float
    """What is added to the scaled score; the logistic function of the sum is the probability."""
    threshold: float
    """Probability from which a pixel counts as landslide."""
    scores: Scores
    """Reached out of fold, on the labelled pixels, at the threshold."""
    base_scores: Scores
    """What the base reached on the same pixels, at the threshold that suits it best there."""
    base_threshold: float
    """That threshold."""
    pays: bool
    """Whether the trees do better than the base, by the yardstick."""
    block: int
    """Side of the blocks of ground, in pixels."""


def learn(samples: Samples, seed: int = 0) -> Learned:
    """Learn trees.

    Args:
        samples: labelled pixels of both classes, from several places.
        seed: of everything random.

    Raises:
        TeachingError: LightGBM is missing, or there are too few labels.
    """
    boosting = lightgbm()
    _check(samples)
    samples = replace(samples, weight=_balanced(samples))
    side, fold = _folds(samples, seed)
    scores = np.zeros(len(samples.landslide), np.float64)
    for number in range(FOLDS):
        seen = fold != number
        scores[~seen] = _train(boosting, samples.at(seen), seed).predict(samples.features[~seen], raw_score=True)
    scale, shift = _platt(scores, samples)
    chance = 1 / (1 + np.exp(-(scale * scores + shift)))
    threshold, worth = _best_threshold(chance, samples)
    base_threshold, base_worth = _best_threshold(samples.base.astype(np.float64), samples)
    booster = _train(boosting, samples, seed)
    return Learned(
        booster,
        scale,
        shift,
        threshold,
        _scores(chance >= threshold, samples),
        _scores(samples.base >= base_threshold, samples),
        base_threshold,
        worth > base_worth,
        side,
    )


def lightgbm() -> ModuleType:
    """Import LightGBM.

    Raises:
        TeachingError: it is missing or damaged.
    """
    try:
        import lightgbm as found
    except (ImportError, OSError) as error:
        raise TeachingError(
            f"Teaching needs the package lightgbm, which cannot be imported ({error}); install the extra teach: pip "
            "install 'l4s-geo[teach]'."
        ) from error
    module: ModuleType = found
    return module


def _check(samples: Samples) -> None:
    """Check that there is enough to learn from."""
    known = ~samples.presumed
    counts = {"landslide": samples.landslide & known, "background": ~samples.landslide & known}
    for name, chosen in counts.items():
        if chosen.sum() < _FEWEST_PIXELS:
            raise TeachingError(
                f"The labels cover {int(chosen.sum())} mapped pixels of {name}; expected {_FEWEST_PIXELS} or more of "
                "landslide and of background, so draw more or larger polygons."
            )
        places = len(np.unique(_ground(samples.at(chosen), _SIDES[-1])))
        if places < FOLDS:
            raise TeachingError(
                f"The labels of {name} lie in {places} places; expected {FOLDS} or more places at least "
                f"{_SIDES[-1] * 10} m apart, so that what is learned in some can be tried in the others."
            )


def _ground(samples: Samples, side: int) -> NDArray[np.int64]:
    """The number of the block of ground of each sample."""
    return samples.row.astype(np.int64) // side * 1_000_000 + samples.col // side


def _folds(samples: Samples, seed: int) -> tuple[int, NDArray[np.int64]]:
    """Deal blocks of ground to folds, so that each gets about the same of landslides.

    Returns:
        Side of the blocks, and the fold of each sample.
    """
    for side in _SIDES:
        ground = _ground(samples, side)
        if len(np.unique(ground[samples.landslide])) >= _BLOCKS:
            break
    _, number = np.unique(ground, return_inverse=True)
    blocks = number.max() + 1
    landslides = np.bincount(number, samples.landslide, blocks)
    # Blocks of about as many landslides, shuffled among themselves, are dealt round and round.
    order = np.lexsort((np.random.default_rng(seed).permutation(blocks), -landslides))
    fold = np.empty(blocks, np.int64)
    turn = np.arange(blocks) % (2 * FOLDS)
    fold[order] = np.where(turn < FOLDS, turn, 2 * FOLDS - 1 - turn)
    return side, fold[number]


def _balanced(samples: Samples) -> Floats:
    """Weights with which landslides, background and presumed background have the sums that suit their shares.

    Fully looked-at ground keeps its shares. Single polygons are about as much of either kind as somebody liked to draw.
    """
    weight = samples.weight.astype(np.float64)
    if samples.presumed.any():
        landslides = samples.landslide & ~samples.presumed
        total = weight[landslides].sum()
        for chosen, share in ((~samples.landslide & ~samples.presumed, 1.0), (samples.presumed, _PRESUMED)):
            weight[chosen] *= share * total / max(weight[chosen].sum(), 1e-12)
    out: Floats = (weight / weight.mean()).astype(np.float32)
    return out


def _train(boosting: ModuleType, samples: Samples, seed: int) -> Any:
    n = len(samples.landslide)
    parameters = {
        "objective": "binary",
        "learning_rate": 0.16,
        "num_leaves": 7,
        "min_data_in_leaf": int(np.clip(n // _LEAVES_OF_DATA, _LEAST_IN_LEAF, _MOST_IN_LEAF)),
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "use_missing": False,
        "boost_from_average": True,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    data = boosting.Dataset(samples.features, samples.landslide.astype(np.float32), weight=samples.weight)
    return boosting.train(parameters, data, num_boost_round=_ROUNDS)


def _platt(scores: NDArray[np.float64], samples: Samples) -> tuple[float, float]:
    """Fit a logistic function to out-of-fold scores, by Newton's method: scale and shift of a score.

    The classes' targets are drawn in by one pixel each, as Platt does, so that few labels are not taken for certain.
    """
    weight = samples.weight.astype(np.float64)
    ones, zeros = (float(weight[samples.landslide == kind].sum()) for kind in (True, False))
    target = np.where(samples.landslide, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    design = np.stack([scores, np.ones_like(scores)])
    found = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(found @ design)))
        slope = design @ (weight * (chance - target))
        curve = (design * (weight * np.maximum(chance * (1 - chance), _SURE))) @ design.T + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found = found - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-7:
            break
    # Scores that are worth nothing out of fold must not turn the order of the trees round.
    return float(max(found[0], 0.05)), float(found[1])


def _best_threshold(chance: NDArray[np.float64], samples: Samples) -> tuple[float, float]:
    """Choose the threshold, inside (0, 1), and say what it is worth by the yardstick."""
    if samples.presumed.any():
        threshold = float(np.clip(np.quantile(chance[samples.landslide], 1 - RECALL), _LEAST, 1 - _LEAST))
        return threshold, _weighted_f1(chance >= threshold, samples)
    tried = np.unique(np.clip(np.quantile(chance, np.linspace(0.02, 0.998, 197)), _LEAST, 1 - _LEAST))
    worths = np.array([_scores(chance >= threshold, samples).f1 for threshold in tried])
    best = int(np.flatnonzero(worths >= worths.max() - _NEARLY)[-1])
    return float(tried[best]), float(worths[best])


def _weighted_f1(said: NDArray[np.bool_], samples: Samples) -> float:
    """F1 of all samples by their weights, in which presumed background counts a little."""
    right = float(samples.weight[said & samples.landslide].sum())
    both = float(samples.weight[said].sum()) + float(samples.weight[samples.landslide].sum())
    return 2 * right / both


def _scores(said: NDArray[np.bool_], samples: Samples) -> Scores:
    """Precision and recall among the labelled pixels; each counts as one, whatever its weight."""
    known = ~samples.presumed
    right = float((said & samples.landslide & known).sum())
    return Scores(right / max(float((said & known).sum()), 1.0), right / float(samples.landslide[known].sum()))

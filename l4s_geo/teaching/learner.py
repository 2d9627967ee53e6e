"""Learns trees from labelled pixels, and measures them on ground that they have not seen.

Gradient-boosted trees (LightGBM, Ke et al., NIPS 2017), kept small, since labels are few and neighbouring pixels are
alike. The labelled ground is cut into folds; each is judged by trees that learned from the others, at a distance
(`l4s_geo.teaching.folds`). These *out-of-fold* scores choose the threshold, calibrate the probabilities (Platt, 1999)
and are compared with what the base bundle says of the same pixels, as it maps and at the threshold that suits it best
there. The trees pay if they gain more than the standard error of the gain, and lose no more than it on the latter (the
one-standard-error rule, Breiman et al., Classification and Regression Trees, 1984).

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
from l4s_geo.grid import PIXEL
from l4s_geo.teaching.folds import FEWEST_PIXELS, NARROWEST, Folds, blocks_of, standard_error

__all__ = ["Gain", "Learned", "Samples", "learn", "lightgbm"]

RECALL = 0.7
"""Share of the labelled landslides' pixels that the threshold finds where single polygons were drawn."""

_PLACES = 4
_PLACE = 8
"""Side, in pixels, of what counts as one place."""
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
    """(n,) probability that the base bundle's networks give it."""
    mapped: NDArray[np.bool_]
    """(n,) True where the base bundle's map says landslide."""

    def at(self, chosen: NDArray[Any]) -> Samples:
        """Return some of the samples."""
        return Samples(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Gain:
    """How much better the trees do than the base, out of fold."""

    gain: float
    """Difference by the yardstick, which is F1 or, among single polygons, F1 by the weights of the pixels."""
    error: float
    """Its standard error between blocks of ground."""

    @property
    def is_sure(self) -> bool:
        """Whether the gain is beyond its standard error."""
        return self.gain > self.error

    @property
    def is_loss(self) -> bool:
        """Whether it is a loss beyond the standard error."""
        return self.gain < -self.error


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
    base_mapped: Scores
    """What the base's map reached on the same pixels, at its own threshold."""
    over_map: Gain
    """Beside the base as it maps."""
    over_best: Gain
    """Beside the base at the threshold that suits it best there."""
    gap: int
    """Pixels between a fold and what the trees that judged it learned from."""

    @property
    def pays(self) -> bool:
        """Whether the trees do better than the base as it maps or at its best threshold, and no worse than the latter.

        The first differs from the second only among single polygons, where the base's map may find another share of
        the landslides than `RECALL`.
        """
        return (self.over_map.is_sure or self.over_best.is_sure) and not self.over_best.is_loss

    @property
    def is_known(self) -> bool:
        """Whether the ground is wide enough to say what the trees reach elsewhere."""
        return self.gap >= NARROWEST


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
    folds = Folds.of(samples.row, samples.col, samples.landslide)
    scores = np.zeros(len(samples.landslide), np.float64)
    for seen, judged in folds:
        scores[judged] = _train(boosting, samples.at(seen), seed).predict(samples.features[judged], raw_score=True)
    scale, shift = _platt(scores, samples)
    chance = 1 / (1 + np.exp(-(scale * scores + shift)))
    threshold = _best_threshold(chance, samples)
    base_threshold = _best_threshold(samples.base.astype(np.float64), samples)
    said, best = chance >= threshold, samples.base >= base_threshold
    return Learned(
        _train(boosting, samples, seed),
        scale,
        shift,
        threshold,
        _scores(said, samples),
        _scores(best, samples),
        base_threshold,
        _scores(samples.mapped, samples),
        _gain(said, samples.mapped, samples),
        _gain(said, best, samples),
        folds.gap,
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
        if chosen.sum() < FEWEST_PIXELS:
            raise TeachingError(
                f"The labels cover {int(chosen.sum())} mapped pixels of {name}; expected {FEWEST_PIXELS} or more of "
                "landslide and of background, so draw more or larger polygons."
            )
        place = np.stack([samples.row[chosen], samples.col[chosen]]) // _PLACE
        places = np.unique(place, axis=1).shape[1]
        if places < _PLACES:
            raise TeachingError(
                f"The labels of {name} lie in {places} places; expected {_PLACES} or more places at least "
                f"{_PLACE * PIXEL:.0f} m apart, so that what is learned in some can be tried in the others."
            )


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


def _best_threshold(chance: NDArray[np.float64], samples: Samples) -> float:
    """Choose the threshold, inside (0, 1)."""
    if samples.presumed.any():
        return float(np.clip(np.quantile(chance[samples.landslide], 1 - RECALL), _LEAST, 1 - _LEAST))
    tried = np.unique(np.clip(np.quantile(chance, np.linspace(0.02, 0.998, 197)), _LEAST, 1 - _LEAST))
    worths = np.array([_scores(chance >= threshold, samples).f1 for threshold in tried])
    return float(tried[np.flatnonzero(worths >= worths.max() - _NEARLY)[-1]])


def _gain(said: NDArray[np.bool_], base_said: NDArray[np.bool_], samples: Samples) -> Gain:
    """Compare what is said of the samples with what the base says of them."""
    # Presumed background counts a little; ground that was looked at counts as it is.
    weight = samples.weight if samples.presumed.any() else np.ones(len(said))
    block = blocks_of(samples.row, samples.col, samples.landslide)
    gain = _weighted_f1(said, samples.landslide, weight) - _weighted_f1(base_said, samples.landslide, weight)
    return Gain(gain, standard_error(block, samples.landslide, (said, base_said), weight))


def _weighted_f1(said: NDArray[np.bool_], truth: NDArray[np.bool_], weight: NDArray[np.floating]) -> float:
    both = float(weight[said].sum()) + float(weight[truth].sum())
    return 2 * float(weight[said & truth].sum()) / both


def _scores(said: NDArray[np.bool_], samples: Samples) -> Scores:
    """Precision and recall among the labelled pixels; each counts as one, whatever its weight."""
    known = ~samples.presumed
    right = float((said & samples.landslide & known).sum())
    return Scores(right / max(float((said & known).sum()), 1.0), right / float(samples.landslide[known].sum()))

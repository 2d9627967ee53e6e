"""Measures a bundle's networks, as they were exported, on the patches that were held out.

The threshold is the F1 optimum on the validation patches. The DenseCRF and the terrain prior run by default only if
they pay: the one must gain `WORTH` on the validation patches, the other must help each patch by what was learned on the
other ones. What is measured on test patches chooses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import scale_of
from l4s_geo.bundles.bundle import Confidence, Refinement
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.evaluation.reliability import calibration_error
from l4s_training.data.readers import read as sources
from l4s_training.export.ensemble import ExportedEnsemble
from l4s_training.export.held_out import HeldOut, SetFacts
from l4s_training.export.terrain_prior import coarse_slope, learn_prior, leave_one_out
from l4s_training.runs.prediction import predict_all, with_flips
from l4s_training.scoring.metrics import Scores, ThresholdCurve
from l4s_training.scoring.objects import confidence, detections, recall_by_size, references

__all__ = ["WORTH", "HeldOutPrediction", "Measured", "PatchScores", "measure", "predict_held_out"]

WORTH = 0.005
"""Difference in F1 that counts; less is within the noise. The DenseCRF must gain so much on the validation patches to
run by default, and 8-bit weights may cost so much there."""


@dataclass(frozen=True)
class PatchScores:
    """Scores on one set of patches."""

    name: str
    """``validation``, ``test`` or the file's stem; with ``_flips`` where eight flips and rotations are averaged, with
    ``_crf`` where a DenseCRF refines, at its own threshold; ``terrain_prior_without``, ``terrain_prior_left_out``."""
    patches: int
    """Number of patches."""
    scores: Scores
    calibration_error: float
    """Expected calibration error of the probabilities, 15 bins."""

    @classmethod
    def of(cls, name: str, probabilities: NDArray[np.float32], masks: NDArray[np.uint8], threshold: float) -> Self:
        """Score probabilities, (n, rows, cols), against masks of that shape."""
        scores = Scores.of(probabilities >= threshold, masks)
        return cls(name, len(masks), scores, calibration_error(probabilities, masks))

    def as_dict(self) -> dict[str, float]:
        """Return the scores by name."""
        return {**self.scores.as_dict(), "calibration_error": self.calibration_error}


@dataclass(frozen=True)
class HeldOutPrediction:
    """What the exported networks make of the held-out patches."""

    ensemble: ExportedEnsemble
    held: HeldOut
    probabilities: Mapping[str, NDArray[np.float32]]
    """By the name of a set that holds patches, (n, rows, cols)."""
    threshold: float
    """Probability from which a pixel counts as landslide: the F1 optimum on the validation patches, if any."""


@dataclass(frozen=True)
class Measured:
    """What is known of the exported networks after all measurements."""

    threshold: float
    """Probability from which a pixel counts as landslide."""
    facts: Mapping[str, SetFacts]
    """Of every set of patches and of those for training, by name."""
    scores: tuple[PatchScores, ...]
    """Scores on each set of patches, in the order in which the model card lists them."""
    confidence: Confidence | None
    """Classes of confidence; None where there are too few detections to cut them."""
    recall: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    """By least area, m²: objects of the test blocks and the share found; empty without test blocks."""
    refinement: Refinement | None = None
    """The DenseCRF, if it was measured."""
    prior: TerrainPrior | None = None
    """The terrain prior, if it was learned."""
    flat_landslides: float = 0.0
    """Share of the landslide pixels of the patches that the terrain prior was learned from, on which it takes something
    away: those under its last slope."""


def predict_held_out(ensemble: ExportedEnsemble, held: HeldOut, threshold: float) -> HeldOutPrediction:
    """Predict the held-out patches and choose the threshold.

    Args:
        ensemble: the exported networks.
        held: the patches.
        threshold: what holds where there are no validation patches.
    """
    probabilities = {name: predict_all(ensemble.on(patches), patches) for name, patches in held.sets.items()}
    if "validation" in probabilities:
        threshold, _ = ThresholdCurve.of(probabilities["validation"], held.validation.masks).best()
    return HeldOutPrediction(ensemble, held, probabilities, threshold)


def measure(
    prediction: HeldOutPrediction, flips: bool, crf: CRFParameters | None, terrain_prior: Path | None
) -> Measured:
    """Take all measurements of a bundle.

    Args:
        prediction: of its networks.
        flips: whether to score the mean over the eight flips and rotations, too.
        crf: parameters of the DenseCRF to score, too; None for none.
        terrain_prior: labelled patches with elevations to learn the terrain prior from; None for none.

    Raises:
        DataError: the patches for the terrain prior cannot be read, or lack a band that the DenseCRF looks at.
    """
    scores = _on_sets(prediction, flips)
    classes, recall = _of_objects(prediction)
    refinement = prior = None
    flat = 0.0
    if crf:
        refinement, more = _with_crf(prediction, crf, scores)
        scores += more
    if terrain_prior:
        prior, flat, more = _with_prior(prediction, terrain_prior)
        scores += more
    facts = prediction.held.facts
    return Measured(prediction.threshold, facts, tuple(scores), classes, recall, refinement, prior, flat)


def _on_sets(prediction: HeldOutPrediction, flips: bool) -> list[PatchScores]:
    """Score every set, all but the validation patches with flips averaged, too."""
    scores = []
    for name, patches in prediction.held.sets.items():
        scores.append(PatchScores.of(name, prediction.probabilities[name], patches.masks, prediction.threshold))
        if flips and name != "validation":
            flipped = predict_all(with_flips(prediction.ensemble.on(patches)), patches)
            scores.append(PatchScores.of(f"{name}_flips", flipped, patches.masks, prediction.threshold))
    return scores


def _of_objects(prediction: HeldOutPrediction) -> tuple[Confidence | None, dict[int, tuple[int, float]]]:
    """Measure whole landslides: the classes of confidence, and what is found of each size."""
    if not {"validation", "test"} <= prediction.probabilities.keys():
        return None, {}
    pairs = {
        name: (prediction.probabilities[name], prediction.held.sets[name].masks) for name in ("validation", "test")
    }
    found = {name: detections(*pair, prediction.threshold) for name, pair in pairs.items()}
    there = references(*pairs["test"], prediction.threshold)
    return confidence(found["validation"], found["test"]), recall_by_size(there)


def _with_crf(
    prediction: HeldOutPrediction, parameters: CRFParameters, plain: Sequence[PatchScores]
) -> tuple[Refinement, list[PatchScores]]:
    """Score the DenseCRF, at the threshold that is best with it on the validation patches."""
    held = {name: patches for name, patches in prediction.held.sets.items() if name in ("validation", "test")}
    refined = {name: predict_all(prediction.ensemble.refined(p, parameters), p) for name, p in held.items()}
    threshold = 0.5
    if "validation" in held:
        threshold, _ = ThresholdCurve.of(refined["validation"], held["validation"].masks).best()
    scores = [PatchScores.of(f"{name}_crf", p, held[name].masks, threshold) for name, p in refined.items()]
    f1 = {s.name: s.scores.f1 for s in (*plain, *scores)}
    pays = "validation" in held and f1["validation_crf"] - f1["validation"] >= WORTH
    return Refinement(parameters, threshold, pays), scores


def _with_prior(prediction: HeldOutPrediction, path: Path) -> tuple[TerrainPrior, float, list[PatchScores]]:
    """Learn the terrain prior, and score it on each patch with what was learned on the others."""
    patches = sources.read(path, prediction.ensemble.bands)
    elevation = sources.read(path, ("DEM",)).windows(np.arange(len(patches)))[:, 0] * scale_of(("DEM",))[0]
    slope = coarse_slope(elevation.astype(np.float32))
    probabilities = predict_all(prediction.ensemble.on(patches), patches)
    left_out = leave_one_out(probabilities, patches.masks, slope)
    before, after = (
        PatchScores.of(f"terrain_prior_{name}", p, patches.masks, prediction.threshold)
        for name, p in (("without", probabilities), ("left_out", left_out))
    )
    learned = learn_prior(probabilities, patches.masks, slope)
    flat = float((slope[patches.masks > 0] < learned.slope[-1]).mean()) if patches.masks.any() else 0.0
    return replace(learned, on=after.scores.f1 > before.scores.f1), flat, [before, after]

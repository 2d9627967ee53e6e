"""What a recipe run or a network run predicts with: its networks, their weights, a CRF and a threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from l4s_geo.crf.parameters import CRFParameters
from l4s_training.adaptation import ensemble
from l4s_training.config.recipe import CRF, Ensemble, Stage
from l4s_training.data.patches import Patches
from l4s_training.data.roles import Role
from l4s_training.runs.context import RunContext
from l4s_training.runs.prediction import (
    Predict,
    best_device,
    load_network,
    mean_predictor,
    predict_all,
    refined_predictor,
    run_predictor,
)
from l4s_training.runs.stages import stage_facts
from l4s_training.scoring.metrics import Scores, ThresholdCurve
from l4s_training.training.network_run import read_network_run

__all__ = ["Result", "predictors_of", "result_of_stage", "scored"]


@dataclass(frozen=True)
class Result:
    """What a recipe run or a network run predicts with."""

    folders: tuple[Path, ...]
    """Network runs."""
    weights: tuple[float, ...]
    """Weights of their probabilities, of any sum above zero."""
    crf: CRFParameters | None = None
    """The DenseCRF that refines the mean; None for none."""
    threshold: float = 0.5
    """Probability from which a pixel counts as landslide."""


def predictors_of(result: Result) -> Callable[[Patches], Predict]:
    """Load the networks of a result.

    Returns:
        Makes the function that predicts windows of patches; for separated normalisation, with the statistics of these
        patches.
    """
    runs = [read_network_run(folder) for folder in result.folders]
    networks = [load_network(run).to(best_device()) for run in runs]

    def predictor(patches: Patches) -> Predict:
        own = [run_predictor(run, network, patches) for run, network in zip(runs, networks, strict=True)]
        predict = mean_predictor(own, result.weights) if len(own) > 1 else own[0]
        if result.crf is None:
            return predict
        return refined_predictor(predict, patches, result.crf, runs[0].config.normalization == "window")

    return predictor


def result_of_stage(stage: Stage, context: RunContext) -> Result:
    """Return what a stage that is done predicts with, at threshold 0.5."""
    if isinstance(stage, CRF):
        refined = next(s for s in context.recipe.stages if s.name == stage.of)
        return replace(result_of_stage(refined, context), crf=stage.parameters)
    if isinstance(stage, Ensemble):
        weights: list[float] = stage_facts(stage, context)["weights"]
        kept = ensemble.kept_members(weights)
        folders = tuple(context.folders[stage.members[index]] for index in kept)
        return Result(folders, tuple(weights[index] for index in kept))
    return Result((context.folders[stage.name],), (1.0,))


def scored(result: Result, roles: Mapping[Role, Patches], threshold: float | None) -> tuple[Result, dict[Role, Scores]]:
    """Score a result on the labelled validation and test patches that there are.

    Args:
        result: what predicts.
        roles: the patches of each role.
        threshold: probability from which a pixel counts as landslide; None for the F1 optimum on the validation
            patches, or 0.5 without any.

    Returns:
        The result with its threshold, and the scores of each role.
    """
    predictor = predictors_of(result)
    curves = {
        role: ThresholdCurve.of(predict_all(predictor(part), part), part.masks)
        for role, part in roles.items()
        if role != "train" and len(part) and part.labelled
    }
    if threshold is None:
        threshold = curves["validation"].best()[0] if "validation" in curves else 0.5
    return replace(result, threshold=threshold), {role: curve.at(threshold) for role, curve in curves.items()}

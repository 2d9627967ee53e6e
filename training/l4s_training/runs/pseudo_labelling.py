"""A recipe's pseudo-label stage: earlier networks label the target domain, and the labels are kept in its folder."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from l4s_geo.errors import DataError
from l4s_geo.output.atomic import atomic_write
from l4s_training.adaptation import ensemble, pseudo_labels
from l4s_training.adaptation.pseudo_labels import PseudoLabels
from l4s_training.config.recipe import PseudoLabel
from l4s_training.data.patches import Patches
from l4s_training.data.roles import Role
from l4s_training.runs.context import RunContext
from l4s_training.runs.prediction import predict_network_run, sample_network_run
from l4s_training.scoring.calibration import fit_calibration, logits_of
from l4s_training.training.network_run import NetworkRun

__all__ = ["label_target", "read_labels"]

_LABELS = "labels.npz"
_SELECTIONS: dict[str, Callable[..., PseudoLabels]] = {
    "threshold": pseudo_labels.by_threshold,
    "most-confident": pseudo_labels.most_confident,
}
"""The selections that look at the mean of the teachers alone."""


def label_target(stage: PseudoLabel, context: RunContext) -> dict[str, float]:
    """Label the target domain of a run, and write the labels into the stage's folder.

    Returns:
        The share of landslide among the pixels used, 0 where none is, and the share of pixels used.
    """
    target = context.data.target_of(stage, context.recipe)
    if target is None:
        raise DataError(f"{stage.name} has no images to label; name the recipe's `target`: validation or test.")
    teachers = [context.network_run(teacher) for teacher in stage.teachers]
    labels, weights = _select(stage, teachers, target, context)
    _write_labels(context.folders[stage.name], labels, weights)
    used = weights > 0
    if not used.any():
        context.say(f"{stage.name}: no pixel is certain enough, so students learn from the source alone; train longer.")
    return {"landslide": float(labels[used].mean()) if used.any() else 0.0, "used": float(used.mean())}


def read_labels(folder: Path) -> PseudoLabels:
    """Read the labels of a stage's folder.

    Raises:
        DataError: they are damaged.
    """
    path = folder / _LABELS
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["labels"], file["weights"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}); delete its folder to make the labels again.") from error


def _select(stage: PseudoLabel, teachers: list[NetworkRun], target: Patches, context: RunContext) -> PseudoLabels:
    options: dict[str, Any] = dict(stage.options)
    if stage.select == "most-certain":
        sampled = [sample_network_run(teacher, target) for teacher in teachers]
        mean, variance = (np.mean(values, axis=0) for values in zip(*sampled, strict=True))
        return pseudo_labels.most_certain(mean, variance, **options)
    labelled = _calibrated_on(stage, context)
    predicted = np.stack([_predict(teacher, target, labelled) for teacher in teachers])
    return _SELECTIONS[stage.select](ensemble.mean(predicted), **options)


def _calibrated_on(stage: PseudoLabel, context: RunContext) -> Patches | None:
    """Return the labelled patches that the teachers are calibrated on; None for no calibration.

    Raises:
        DataError: there are none.
    """
    if stage.calibrate is None:
        return None
    role: Role = "train" if stage.calibrate == "source" else "validation"
    labelled = context.data.roles[role]
    if not len(labelled):
        raise DataError(
            f"{stage.name} calibrates its teachers on {role} patches, but the split has none; calibrate on source."
        )
    return labelled


def _predict(teacher: NetworkRun, target: Patches, labelled: Patches | None) -> NDArray[np.float32]:
    """Predict the target, (n, rows, cols); calibrated on labelled patches where there are any.

    The Lovász hinge is content where a logit reaches 1, which is a probability of 0.73, so that a threshold above one
    half would keep what the hinge happened to push, not what is likely.
    """
    probabilities = predict_network_run(teacher, target)
    if labelled is None:
        return probabilities
    calibration = fit_calibration(logits_of(predict_network_run(teacher, labelled)), labelled.masks)
    calibrated: NDArray[np.float32] = expit(calibration(logits_of(probabilities)))
    return calibrated


def _write_labels(folder: Path, labels: NDArray[np.uint8], weights: NDArray[np.float32]) -> None:
    with atomic_write(folder / _LABELS) as part, part.open("wb") as file:
        np.savez_compressed(file, labels=labels, weights=weights)

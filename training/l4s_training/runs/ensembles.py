"""A recipe's ensemble stage: how much each of its networks weighs."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from l4s_geo.errors import DataError
from l4s_training.adaptation import ensemble
from l4s_training.config.recipe import Ensemble
from l4s_training.runs.context import RunContext
from l4s_training.runs.prediction import predict_network_run
from l4s_training.scoring.calibration import fit_calibration, logits_of

__all__ = ["ensemble_weights"]


def ensemble_weights(stage: Ensemble, context: RunContext) -> list[float]:
    """Return the weights of an ensemble's networks, with the sum 1, in the order of its members.

    Raises:
        DataError: the weights are to be fitted, and there are no validation patches.
    """
    if stage.weights == "mean":
        return [1 / len(stage.members)] * len(stage.members)
    held = context.data.roles["validation"]
    if not len(held):
        raise DataError(f"{stage.name} fits its weights on validation patches, but the split has none.")
    calibrated = []  # else the cross-entropy would prefer the most timid or the boldest, not the best
    for member in stage.members:
        raw = logits_of(predict_network_run(context.network_run(member), held))
        calibrated.append(expit(fit_calibration(raw, held.masks)(raw)))
    return [float(weight) for weight in ensemble.fit_weights(np.stack(calibrated), held.masks)]

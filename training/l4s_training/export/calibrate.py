"""Calibrates the networks of an ensemble, each by itself and all together, and weighs them.

Weights are fitted to the calibrated probabilities: of uncalibrated ones the cross-entropy would prefer the network that
is bold or timid as the mean should be, not the one that is right.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from l4s_training.adaptation import ensemble
from l4s_training.data.patches import Patches
from l4s_training.export.members import TrainedEnsemble
from l4s_training.runs.prediction import predict_all, run_predictor
from l4s_training.scoring.calibration import fit_calibration, fit_ensemble, logits_of

__all__ = ["calibrate"]

_LEAST_WEIGHT = 0.001
"""Weight of a network that the validation patches would leave out: a bundle's networks all have one above zero."""


def calibrate(trained: TrainedEnsemble, validation: Patches, fit_weights: bool) -> TrainedEnsemble:
    """Calibrate each network, weigh them, and calibrate their mean.

    Args:
        trained: the networks.
        validation: patches that they were not trained on.
        fit_weights: whether the weights become those with the lowest cross-entropy; else they stay as they are.
    """
    members, logits = [], []
    for member in trained.members:
        raw = logits_of(predict_all(run_predictor(member.run, member.network, validation), validation))
        calibration = fit_calibration(raw, validation.masks)
        members.append(replace(member, calibration=calibration))
        logits.append(calibration(raw))
    if len(members) == 1:
        return replace(trained, members=tuple(members))
    if fit_weights:
        found = ensemble.fit_weights(np.stack([expit(x) for x in logits]), validation.masks)
        weights = [round(float(weight), 3) for weight in np.maximum(found, _LEAST_WEIGHT)]
        members = [replace(member, weight=weight) for member, weight in zip(members, weights, strict=True)]
    total = sum(member.weight for member in members)
    common = fit_ensemble(logits, [member.weight / total for member in members], validation.masks)
    return replace(trained, members=tuple(replace(m, calibration=m.calibration.then(common)) for m in members))

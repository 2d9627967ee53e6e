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
from l4s_training.runs.prediction import on_best_device, predict_all, run_predictor
from l4s_training.scoring.calibration import fit_calibration, fit_ensemble, logits_of

__all__ = ["calibrate"]


def calibrate(trained: TrainedEnsemble, validation: Patches, fit_weights: bool) -> TrainedEnsemble:
    """Calibrate each network, weigh them, and calibrate their mean.

    Args:
        trained: the networks.
        validation: patches that they were not trained on.
        fit_weights: whether the weights become those with the lowest cross-entropy; else they stay as they are.

    Returns:
        The networks that count: fitted weights leave out those of next to nothing, see
        `l4s_training.adaptation.ensemble.kept_members`.
    """
    members, logits = [], []
    for member in trained.members:
        with on_best_device(member.network) as network:
            raw = logits_of(predict_all(run_predictor(member.run, network, validation), validation))
        calibration = fit_calibration(raw, validation.masks)
        members.append(replace(member, calibration=calibration))
        logits.append(calibration(raw))
    if fit_weights and len(members) > 1:
        found = ensemble.fit_weights(np.stack([expit(x) for x in logits]), validation.masks)
        kept = ensemble.kept_members(found)
        weights = [round(float(weight), 3) for weight in found[kept] / found[kept].sum()]
        members = [replace(members[i], weight=weight) for i, weight in zip(kept, weights, strict=True)]
        logits = [logits[i] for i in kept]
    if len(members) == 1:
        return replace(trained, members=tuple(members))
    total = sum(member.weight for member in members)
    common = fit_ensemble(logits, [member.weight / total for member in members], validation.masks)
    return replace(trained, members=tuple(replace(m, calibration=m.calibration.then(common)) for m in members))

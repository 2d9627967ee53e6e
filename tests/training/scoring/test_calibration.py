from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit

from l4s_geo.evaluation.reliability import calibration_error
from l4s_training.scoring.calibration import (
    IDENTITY,
    Calibrated,
    Calibration,
    fit_calibration,
    fit_ensemble,
)


def test_a_known_distortion_of_the_logits_is_undone():
    rng = np.random.default_rng(0)
    true = rng.normal(-2, 2, 200_000)
    masks = (rng.random(true.shape) < expit(true)).astype(np.uint8)
    distorted = (true + 0.7) / 3
    calibration = fit_calibration(distorted, masks)
    assert calibration.slope == pytest.approx(3, rel=0.03)
    assert calibration.intercept == pytest.approx(-0.7, abs=0.05)
    before = calibration_error(expit(distorted), masks)
    after = calibration_error(expit(calibration.slope * distorted + calibration.intercept), masks)
    assert after < 0.005 < before


@pytest.mark.parametrize("masks", [np.zeros(100, np.uint8), np.arange(100) < 50])
def test_calibration_never_turns_the_order_of_the_pixels_round(masks):
    calibration = fit_calibration(np.linspace(-1, 1, 100), masks.astype(np.uint8))  # landslide where logits are low
    assert calibration.slope > 0
    assert np.isfinite(calibration.intercept)


def test_a_calibrated_network_maps_its_logits():
    x = torch.randn(2, 1, 4, 4)
    assert torch.allclose(Calibrated(torch.nn.Identity(), Calibration(2.0, -1.0))(x), 2 * x - 1)


def test_one_after_the_other():
    x = np.linspace(-3, 3, 7)
    first, second = Calibration(2.0, -1.0), Calibration(0.5, 3.0)
    both = first.then(second)
    assert np.allclose(both.slope * x + both.intercept, 0.5 * (2 * x - 1) + 3)
    assert first.then(IDENTITY) == first


def test_an_ensemble_of_one_is_calibrated_like_a_network():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    masks = (rng.random(logits.shape) < expit(1.7 * logits + 0.4)).astype(np.uint8)
    alone, together = fit_calibration(logits, masks), fit_ensemble([logits], [1.0], masks)
    assert together.slope == pytest.approx(alone.slope, rel=1e-3)
    assert together.intercept == pytest.approx(alone.intercept, abs=1e-3)


def test_the_mean_of_networks_becomes_most_likely():
    rng = np.random.default_rng(1)
    true = rng.normal(-1, 2, 30_000)
    masks = (rng.random(true.shape) < expit(true)).astype(np.uint8)
    logits = [true + rng.normal(0, 1.5, true.shape) for _ in range(3)]
    weights = [0.5, 0.3, 0.2]
    found = fit_ensemble(logits, weights, masks)

    def unlikely(parameters):
        p = sum(w * expit(parameters[0] * x + parameters[1]) for w, x in zip(weights, logits, strict=True))
        return -np.where(masks > 0, np.log(p), np.log(1 - p)).mean()

    best = minimize(unlikely, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9})
    assert (found.slope, found.intercept) == pytest.approx(best.x, abs=5e-3)
    mean = sum(w * expit(found.slope * x + found.intercept) for w, x in zip(weights, logits, strict=True))
    assert calibration_error(mean, masks) < 0.02

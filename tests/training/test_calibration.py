from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from l4s_training.calibration import Calibrated, Calibration, calibration_error, fit_calibration


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


def test_calibration_error_is_the_gap_between_probability_and_frequency():
    masks = np.array([1, 0, 0, 0] * 25, np.uint8)
    assert calibration_error(np.full(100, 0.25), masks) == pytest.approx(0)
    assert calibration_error(np.full(100, 0.75), masks) == pytest.approx(0.5)


def test_a_calibrated_network_maps_its_logits():
    x = torch.randn(2, 1, 4, 4)
    assert torch.allclose(Calibrated(torch.nn.Identity(), Calibration(2.0, -1.0))(x), 2 * x - 1)

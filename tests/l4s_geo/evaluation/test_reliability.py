from __future__ import annotations

import numpy as np
import pytest
import torch

from l4s_geo.evaluation.reliability import ERROR_BINS, calibration_error, reliability
from l4s_training import _torchvision
from l4s_training.scoring.metrics import ThresholdCurve

_torchvision.ensure()

from torchmetrics.functional.classification import binary_calibration_error  # noqa: E402


def test_calibration_error_is_the_gap_between_probability_and_frequency():
    masks = np.array([1, 0, 0, 0] * 25, np.uint8)
    assert calibration_error(np.full(100, 0.25), masks) == pytest.approx(0)
    assert calibration_error(np.full(100, 0.75), masks) == pytest.approx(0.5)


def test_reliability_counts_each_bin():
    p = np.array([0.05, 0.08, 0.55, 0.58, 1.0])
    rows = reliability(p, np.array([0, 1, 1, 1, 0], np.uint8)).rows()
    assert rows == [(2, pytest.approx(0.065), 0.5), (2, pytest.approx(0.565), 1.0), (1, 1.0, 0.0)]


def noisy() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and masks of which they say a little too much."""
    rng = np.random.default_rng(0)
    probabilities = rng.random((4, 50, 50), dtype=np.float32)
    return probabilities, (rng.random(probabilities.shape) < 0.1 + 0.7 * probabilities).astype(np.uint8)


def test_the_calibration_error_is_that_of_another_library():
    probabilities, masks = noisy()
    p, truth = torch.from_numpy(probabilities), torch.from_numpy(masks)
    expected = float(binary_calibration_error(p, truth, n_bins=ERROR_BINS, norm="l1"))
    assert expected > 0.05
    assert calibration_error(probabilities, masks) == pytest.approx(expected, rel=1e-5)


def test_a_curve_holds_the_same_bins_as_its_pixels():
    probabilities, masks = noisy()
    curve, exact = ThresholdCurve.of(probabilities, masks), reliability(probabilities, masks)
    for (count, mean, share), expected in zip(curve.reliability().rows(), exact.rows(), strict=True):
        assert (count, share) == (expected[0], pytest.approx(expected[2]))
        assert mean == pytest.approx(expected[1], abs=5e-4)
    assert curve.calibration_error() == pytest.approx(calibration_error(probabilities, masks), abs=1e-3)


def test_without_pixels_there_is_no_error():
    empty = np.empty((0, 4, 4), np.float32)
    assert reliability(empty, empty.astype(np.uint8)).rows() == []
    assert calibration_error(empty, empty.astype(np.uint8)) == 0

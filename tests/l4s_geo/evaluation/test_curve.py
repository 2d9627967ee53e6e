"""Curves of thresholds against counts at every threshold, and against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.evaluation.curve import Curve


def sample(n: int = 20_000):
    random = np.random.default_rng(0)
    p = random.beta(0.5, 2, n).astype(np.float32)
    return p, random.random(n) < p**1.3


def test_points_are_counts_at_thresholds():
    p, true = sample()
    curve = Curve.empty().adding(p[:5000], true[:5000]).adding(p[5000:], true[5000:])
    thresholds, precision, recall = curve.points()
    for at in (0, 137, 500, 900):
        reached = p >= np.float32(at / 1000)
        assert precision[at] == (true & reached).sum() / reached.sum()
        assert recall[at] == (true & reached).sum() / true.sum()
    assert thresholds[500] == 0.5


def test_average_precision_and_calibration_as_torchmetrics():
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.classification")
    p, true = sample()
    curve = Curve.empty().adding(p, true)
    ours = torch.tensor(p), torch.tensor(true.astype(int))
    assert curve.average_precision == pytest.approx(float(functional.binary_average_precision(*ours)), abs=2e-3)
    error = float(functional.binary_calibration_error(*ours, n_bins=15))
    assert curve.reliability().error == pytest.approx(error, abs=2e-3)


def test_the_best_threshold():
    p = np.array([0.1, 0.2, 0.6, 0.7, 0.8], np.float32)
    threshold, f1 = Curve.empty().adding(p, np.array([0, 0, 0, 1, 1], bool)).best
    assert 0.6 < threshold <= 0.7
    assert f1 == 1


def test_rounded_probabilities_reach_the_thresholds_that_they_were_rounded_to():
    p = (np.arange(1, 100) / 100).astype(np.float32)
    for number, value in enumerate(p, start=1):
        recall = Curve.empty().adding(np.array([0, value], np.float32), np.array([False, True])).points()[2]
        assert recall[10 * number] == 1
        assert not recall[10 * number + 1 :].any()


def test_one_class_alone_is_no_curve():
    p = np.array([0.2, 0.9], np.float32)
    assert not Curve.empty().adding(p, np.zeros(2, bool)).known
    assert not Curve.empty().known

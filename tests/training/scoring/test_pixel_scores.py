from __future__ import annotations

import numpy as np
import pytest

from l4s_training.runs.prediction import predict_all, with_flips
from l4s_training.scoring.metrics import Scores, ThresholdCurve


def test_scores_are_pooled_over_pixels_not_averaged_over_patches(rgb_npz):
    from l4s_geo.bands import RGB
    from l4s_training.data.readers import read as sources

    patches = sources.read(rgb_npz, RGB)
    guess = (patches.windows(np.arange(len(patches)))[:, 1] % 7 < 3).astype(np.float32)
    lookup = iter(range(len(patches)))
    predicted = predict_all(lambda w: np.stack([guess[next(lookup)] for _ in w]), patches)
    scores = Scores.of(predicted >= 0.5, patches.masks)
    detected, truth = guess.ravel() > 0, patches.masks.ravel() > 0
    tp, fp, fn = (detected & truth).sum(), (detected & ~truth).sum(), (~detected & truth).sum()
    assert (scores.tp, scores.fp, scores.fn) == (tp, fp, fn)
    assert scores.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert scores.f1 == pytest.approx(2 * scores.precision * scores.recall / (scores.precision + scores.recall))
    assert scores.iou == pytest.approx(scores.f1 / (2 - scores.f1))


def test_scores_without_landslides_or_detections_are_zero():
    assert Scores(0, 0, 0).as_dict() == {"f1": 0, "precision": 0, "recall": 0, "iou": 0}


def test_the_best_threshold_is_the_one_of_an_exhaustive_search():
    rng = np.random.default_rng(0)
    masks = (rng.random((4, 16, 16)) < 0.1).astype(np.uint8)
    probabilities = np.clip(rng.normal(0.3 + 0.3 * masks, 0.15), 0, 1).astype(np.float32)
    curve = ThresholdCurve()
    for p, m in zip(probabilities, masks, strict=True):
        curve.add(p, m)
    assert np.array_equal(curve.counts, ThresholdCurve.of(probabilities, masks).counts)
    threshold, scores = curve.best()
    assert ThresholdCurve(curve.counts).best() == (threshold, scores)
    f1 = [Scores.of(probabilities >= t / 1000, masks).f1 for t in range(1, 1000)]
    assert scores.f1 == pytest.approx(max(f1), abs=1e-3)
    assert Scores.of(probabilities >= threshold, masks).f1 == pytest.approx(scores.f1, abs=1e-3)


def test_flips_leave_a_pixelwise_prediction_as_it_is():
    windows = np.random.default_rng(0).random((3, 2, 8, 8), dtype=np.float32)
    assert np.allclose(with_flips(lambda w: w[:, 0])(windows), windows[:, 0])


def test_flips_average_all_eight_orientations():
    windows = np.zeros((1, 1, 4, 4), np.float32)

    def corner(w):  # marks one corner of whatever it is shown
        out = np.zeros((len(w), 4, 4), np.float32)
        out[:, 0, 0] = 1
        return out

    mean = with_flips(corner)(windows)[0]
    assert np.allclose(mean[[0, 0, 3, 3], [0, 3, 0, 3]], 0.25)
    assert mean.sum() == pytest.approx(1)

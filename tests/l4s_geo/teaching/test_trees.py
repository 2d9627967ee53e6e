"""Trees as ONNX say what LightGBM's say."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.errors import BundleError
from l4s_geo.inference.taught import Trees
from l4s_geo.teaching.trees import _rounded_down, to_onnx, used_features

lightgbm = pytest.importorskip("lightgbm")
onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def booster():
    random = np.random.default_rng(0)
    # Few different values, so that thresholds lie on features as often as can be.
    features = random.integers(-4, 5, (4000, 6)).astype(np.float32) / 10
    labels = features[:, 0] + features[:, 1] ** 2 + random.normal(0, 0.2, 4000) > 0.1
    data = lightgbm.Dataset(features, labels.astype(np.float32))
    return lightgbm.train({"objective": "binary", "verbose": -1, "use_missing": False, "num_threads": 1}, data, 40)


def test_the_file_says_what_lightgbm_says(booster):
    random = np.random.default_rng(1)
    features = np.concatenate(
        [random.integers(-5, 6, (3000, 6)).astype(np.float32) / 10, random.normal(0, 3, (3000, 6)).astype(np.float32)]
    )
    trees = Trees(to_onnx(booster, 0.8, -0.3, features[:100]), 6, "trees.onnx")
    expected = 1 / (1 + np.exp(-(0.8 * booster.predict(features, raw_score=True) - 0.3)))
    assert trees(features) == pytest.approx(expected, abs=1e-5)
    assert trees(features[:0]).shape == (0,)


def test_features_that_no_tree_looks_at_are_left_out():
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (2000, 4)).astype(np.float32)
    features[:, (0, 2)] = 7  # says nothing
    labels = (features[:, 1] > features[:, 3]).astype(np.float32)
    parameters = {"objective": "binary", "verbose": -1, "use_missing": False, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, labels), 20)
    assert used_features(booster).tolist() == [1, 3]
    trees = Trees(to_onnx(booster, 1.0, 0.0, features), 2, "trees.onnx")
    assert trees(features[:, [1, 3]]) == pytest.approx(booster.predict(features), abs=1e-5)


def test_thresholds_are_rounded_so_that_no_feature_changes_sides():
    for value in (0.1, -0.1, 1e-30, 3.0, 1.0000000180025095e-35):
        rounded = np.float32(_rounded_down(value))
        assert rounded <= value < np.nextafter(rounded, np.float32(np.inf))


def test_another_file_is_refused(booster):
    file = to_onnx(booster, 1.0, 0.0, np.zeros((1, 6), np.float32))
    with pytest.raises(BundleError, match=r"expected \(n, 5\)"):
        Trees(file, 5, "trees.onnx")
    with pytest.raises(BundleError, match="not a file of trees"):
        Trees(b"nonsense", 6, "trees.onnx")

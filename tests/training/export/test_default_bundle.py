"""The embedded bundles are what their cards say."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo import load_bundle
from l4s_geo.bands import BANDS, RGB, scale_of
from l4s_training.data import splits
from l4s_training.data.readers import read as sources
from l4s_training.runs.prediction import bundle_predictor, predict_all
from l4s_training.scoring.metrics import Scores
from support import sample_patches


@pytest.fixture(scope="module", params=["rgb", "rgb-fast"])
def bundle(request):
    return load_bundle(request.param, "cpu")


def test_it_is_a_small_rgb_bundle_normalised_by_window(bundle):
    assert bundle.bands == RGB
    assert {m.normalization for m in bundle.bundle.members} == {"window"}
    assert sum(p.stat().st_size for p in bundle.bundle.location.parent.rglob("*")) < 40e6


def test_it_has_a_prior_and_classes_of_confidence_that_were_measured(bundle):
    assert bundle.bundle.prior is not None
    assert bundle.bundle.prior.on
    right = bundle.bundle.confidence.precision
    assert right["high"] > right["medium"] > right["low"]


def test_next_to_nothing_is_found_on_ground_without_landslides(bundle, data):
    reflectance = np.load(data / "s2_l1c_slovenia" / "REFERENCE_SCENES.npy", allow_pickle=False)[:4]
    bands = [3, 2, 1]  # B4, B3, B2 among the 13 of eo-learn; the scale does not matter
    dn = np.moveaxis(reflectance[..., bands], -1, 1) * 10_000 / scale_of(RGB)[:, None, None]
    windows = np.pad(dn.astype(np.float32), ((0, 0), (0, 0), (0, 27), (0, 28)), mode="symmetric")
    assert (bundle.predict(windows) >= bundle.threshold).mean() < 1e-3


def test_the_scale_of_the_values_does_not_matter(bundle):
    rng = np.random.default_rng(0)
    windows = (1 + 0.3 * rng.standard_normal((2, 3, 128, 128))).clip(0.1).astype(np.float32)
    assert np.allclose(bundle.predict(windows), bundle.predict(windows * 377), atol=1e-3)


def test_scores_of_the_test_blocks_are_reproduced(bundle, data):
    patches = sources.read(data / "l4s_rgb_pairs.npz", RGB)
    test = patches.take(splits.split(patches.ids, patches.numbers, splits.DEFAULT).test)
    scores = Scores.of(predict_all(bundle_predictor(bundle, test), test) >= bundle.threshold, test.masks)
    stated = bundle.bundle.scores
    assert scores.f1 == pytest.approx(stated["test_f1"], abs=2e-3)
    assert scores.precision == pytest.approx(stated["test_precision"], abs=2e-3)
    assert scores.recall == pytest.approx(stated["test_recall"], abs=2e-3)
    assert scores.f1 > 0.68


def test_values_in_l4s_units_are_mapped_like_8_bit_ones(bundle):
    dn = sample_patches()[0][:6, [BANDS.index(band) for band in RGB]]
    exact = (dn / scale_of(RGB)[:, None, None]).astype(np.float32)
    eight_bit = np.floor(255 * exact / exact.max((1, 2, 3), keepdims=True))
    first, second = (bundle.predict(x) >= bundle.threshold for x in (exact, eight_bit))
    assert first.any()
    assert (first == second).mean() > 0.99


def test_real_values_in_l4s_units_are_mapped_like_the_8_bit_values_it_was_trained_on(bundle, data):
    exact = sources.read(data / "l4s_14band_labelled.npz", RGB)
    eight_bit = sources.read(data / "l4s_rgb_pairs.npz", RGB)
    _, at, twins = np.intersect1d(exact.numbers, eight_bit.numbers, return_indices=True)
    first = bundle.predict(exact.windows(at)) >= bundle.threshold
    second = bundle.predict(eight_bit.windows(twins)) >= bundle.threshold
    assert len(at) == 9
    assert (first == second).mean() > 0.99
    scores = Scores.of(predict_all(bundle_predictor(bundle, exact), exact) >= bundle.threshold, exact.masks)
    assert scores.f1 == pytest.approx(bundle.bundle.scores["l4s_14band_labelled_f1"], abs=2e-3)

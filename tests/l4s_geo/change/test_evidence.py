"""Evidence of change, and models that weigh it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from l4s_geo.bundles.item import read_bundle
from l4s_geo.change.evidence import FEATURES, REACH, NewnessModel, evidence, newness_for, pooled
from l4s_geo.change.newness import highest_near
from l4s_geo.errors import BundleError
from support import NEWNESS_WEIGHTS, add_newness

FOREST = {"B4": 500.0, "B3": 700.0, "B2": 600.0}
SOIL = {"B4": 1500.0, "B3": 1200.0, "B2": 900.0}
CLOUD = {"B4": 6000.0, "B3": 6000.0, "B2": 6000.0}


def pixels(values: dict[str, float]) -> dict[str, np.ndarray]:
    return {band: np.array([value], np.float32) for band, value in values.items()}


def row(p_after: float, p_before: float, after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    p = (np.array([value], np.float32) for value in (p_after, p_before))
    (values,) = evidence(*p, pixels(after), pixels(before), "greenness")
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_a_new_scar() -> None:
    found = row(0.9, 0.01, SOIL, FOREST)
    assert found["logit_after"] == pytest.approx(np.log(9), rel=1e-5)
    assert found["logit_before"] == -4  # what is surely nothing says the same
    assert found["change"] == pytest.approx((1200 - 1500) / 2700 - 200 / 1200)
    assert found["vigour"] == pytest.approx(-300 / 2700)
    assert found["brightness"] == pytest.approx(np.log(3600 / 1800), rel=1e-5)
    assert found["cloud_after"] == found["cloud_before"] == 0


def test_a_cloud_is_brighter_in_blue_than_soil() -> None:
    assert row(0.9, 0.01, CLOUD, FOREST)["cloud_after"] == pytest.approx(np.log(10) - 0.6, rel=1e-5)
    assert row(0.9, 0.01, SOIL, CLOUD)["cloud_before"] == pytest.approx(np.log(6000 / 900) - 0.4, rel=1e-5)


def test_the_model_is_the_logistic_function_of_its_weights(red_bundle, tmp_path) -> None:
    bundle = read_bundle(add_newness(red_bundle, tmp_path / "b"))
    rows = np.random.default_rng(0).normal(size=(50, len(FEATURES))).astype(np.float32)
    rows[3, 2] = np.nan
    expected = 1 / (1 + np.exp(-(rows.astype(float) @ NEWNESS_WEIGHTS - 3)))
    np.testing.assert_allclose(newness_for(bundle, "greenness")(rows), expected, rtol=1e-4)


def test_a_model_that_takes_other_evidence_is_refused(red_bundle, tmp_path) -> None:
    bundle = read_bundle(add_newness(red_bundle, tmp_path / "b"))
    with pytest.raises(BundleError, match="takes magic; this version gathers logit_after"):
        NewnessModel(bundle, replace(bundle.newness[0], features=("magic",)))


def test_a_damaged_model_is_refused(red_bundle, tmp_path) -> None:
    folder = add_newness(red_bundle, tmp_path / "b")
    (folder / "newness-rdndvi.onnx").write_bytes(b"nothing")
    with pytest.raises(BundleError, match="does not have the SHA-256"):
        newness_for(read_bundle(folder), "rdndvi")
    network = next(folder.glob("linear*.onnx")).read_bytes()
    bundle = read_bundle(folder)
    import hashlib

    (folder / "newness-rdndvi.onnx").write_bytes(network)
    other = replace(bundle.newness[0], sha256=hashlib.sha256(network).hexdigest())
    with pytest.raises(BundleError, match=r"cannot be run .*; fit it again"):
        NewnessModel(bundle, other)


def test_newness_goes_with_a_bundle_and_not_into_its_hash(red_bundle, tmp_path, monkeypatch) -> None:
    from l4s_geo.bundles.registry import add_bundle, find_bundle

    folder = add_newness(red_bundle, tmp_path / "b")
    monkeypatch.setenv("L4S_BUNDLES", str(tmp_path / "installed"))
    add_bundle(folder)
    found = find_bundle("red")
    assert found.newness == read_bundle(folder).newness
    assert found.sha256 == read_bundle(red_bundle).sha256
    assert newness_for(found, "rdndvi")


def test_the_highest_probability_of_a_pixel_and_its_neighbours() -> None:
    p = np.full((4, 5), np.nan, np.float32)
    p[1:3, 1:4] = 0.1
    p[2, 3] = 0.9
    found = highest_near(p)
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(found[1:3, 1:4], [[0.1, 0.9, 0.9], [0.1, 0.9, 0.9]])


def test_bands_are_averaged_over_the_suspected_landslide_around() -> None:
    """Against the mean over the window, weighed by the probability, of what is known."""
    rng = np.random.default_rng(0)
    values = rng.random((2, 12, 15)).astype(np.float32)
    probability = rng.random((12, 15)).astype(np.float32)
    values[:, 1, 2] = probability[5, 6] = np.nan
    found = pooled(values, probability)
    assert np.isnan(found[:, 1, 2]).all()
    for row, col in ((0, 0), (1, 1), (6, 7), (11, 14)):
        near = (slice(max(row - REACH, 0), row + REACH + 1), slice(max(col - REACH, 0), col + REACH + 1))
        weight = np.where(np.isnan(values[0][near]), 0, np.nan_to_num(probability[near]).clip(1e-3))
        expected = (np.nan_to_num(values[:, *near]) * weight).sum((1, 2)) / weight.sum()
        np.testing.assert_allclose(found[:, row, col], expected, rtol=1e-5)


def test_an_average_does_not_depend_on_where_a_strip_begins() -> None:
    rng = np.random.default_rng(0)
    values = (rng.random((3, 60, 40)) * 5000).astype(np.float32)
    probability = rng.random((60, 40)).astype(np.float32)
    part = pooled(values[:, 17:], probability[17:])[:, REACH:]
    np.testing.assert_array_equal(part, pooled(values, probability)[:, 17 + REACH :])


def test_the_rim_of_a_scar_has_the_colours_of_the_scar() -> None:
    """Of two halves the networks see a landslide in one; a pixel at its rim takes its colours from that half."""
    values = np.where(np.arange(20) < 10, 500, 2000)[None, None] * np.ones((1, 20, 20), np.float32)
    probability = np.where(np.arange(20) < 10, 0.001, 0.9) * np.ones((20, 20), np.float32)
    assert pooled(values, probability.astype(np.float32))[0, 10, 10] > 1990

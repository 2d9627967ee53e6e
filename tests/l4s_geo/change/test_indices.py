"""Indices of change against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.change.indices import change_of, greenness, index_for, ndvi


def bands(**values: float) -> dict[str, np.ndarray]:
    return {band: np.array([value], np.float32) for band, value in values.items()}


def test_the_best_index_that_both_dates_allow():
    assert index_for(("B2", "B3", "B4", "B8")) == "rdndvi"
    assert index_for(("B2", "B3", "B4")) == "greenness"
    assert index_for(("B4", "B8")) is None


def test_indices_of_one_date():
    forest = bands(B2=300, B3=500, B4=300, B8=3000)
    assert ndvi(forest) == pytest.approx((3000 - 300) / 3300)
    assert greenness(forest) == pytest.approx(200 / 800)
    assert np.isnan(ndvi(bands(B4=0, B8=0)))


def test_rdndvi_is_that_of_scheip_and_wegmann():
    before, after = np.array([0.8], np.float32), np.array([0.2], np.float32)
    assert change_of(before, after, "rdndvi") == pytest.approx((0.2 - 0.8) / np.sqrt(1.0))
    assert change_of(before, after, "greenness") == pytest.approx(-0.6)


def test_the_root_is_guarded_where_nothing_grows():
    before, after = np.array([-0.2, 0.01], np.float32), np.array([-0.3, 0.02], np.float32)
    assert np.isfinite(change_of(before, after, "rdndvi")).all()
    assert np.abs(change_of(before, after, "rdndvi")).max() < 0.5

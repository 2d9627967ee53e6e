from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.moments import Moments


@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_joined_moments_are_those_of_all_pixels(mean) -> None:
    values = np.random.default_rng(0).normal(mean, 2, (3, 60, 50)).astype(np.float32)
    values[1, :20] = np.nan
    total = Moments.none(3)
    for row in range(0, 60, 7):
        total += Moments.of(values[:, row : row + 7])
    exact = values.astype(np.float64).reshape(3, -1)
    np.testing.assert_array_equal(total.count, np.isfinite(exact).sum(axis=1))
    np.testing.assert_allclose(total.mean, np.nanmean(exact, axis=1), rtol=1e-12)
    np.testing.assert_allclose(total.std, np.nanstd(exact, axis=1), rtol=1e-9)


def test_nothing_joined_to_pixels_changes_nothing() -> None:
    found = Moments.of(np.arange(12, dtype=np.float32).reshape(2, 6)) + Moments.none(2)
    np.testing.assert_array_equal(found.mean, [2.5, 8.5])
    np.testing.assert_array_equal(found.std, np.std([0, 1, 2, 3, 4, 5]))


def test_a_band_without_a_pixel_counts_none() -> None:
    found = Moments.of(np.full((1, 3, 3), np.nan, np.float32)) + Moments.none(1)
    assert (found.count[0], found.mean[0], found.std[0]) == (0, 0, 0)

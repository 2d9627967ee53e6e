from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l4s_geo.errors import BundleError
from l4s_geo.normalize import CLIP, Statistics, median_scaled, normalize, statistics_of

STATISTICS = Statistics((1.0, 0.9, 0.8), (0.3, 0.3, 0.2))


def windows(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4, 0.25, (3, 3, 16, 16)).astype(np.float32)


@given(exponent=st.integers(-12, 12))
def test_window_kind_ignores_a_power_of_two_exactly(exponent: int) -> None:
    x = windows()
    scaled = x * np.float32(2.0**exponent)
    np.testing.assert_array_equal(normalize(x, "window", STATISTICS), normalize(scaled, "window", STATISTICS))


@given(factor=st.floats(1e-4, 1e4))
def test_window_kind_ignores_any_positive_constant(factor: float) -> None:
    x = windows()
    scaled = (x * factor).astype(np.float32)
    np.testing.assert_allclose(
        normalize(x, "window", STATISTICS), normalize(scaled, "window", STATISTICS), atol=2e-5, rtol=0
    )


def test_each_window_is_scaled_by_its_own_median() -> None:
    x = windows()
    x[1] *= 7
    np.testing.assert_allclose(np.median(median_scaled(x).reshape(3, -1), axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("side", [1, 2, 15, 16])
def test_medians_are_those_of_numpy_bit_for_bit(side: int) -> None:
    rng = np.random.default_rng(side)
    x = rng.gamma(4, 0.25, (6, 3, side, side)).astype(np.float32)
    x[1] = np.round(x[1], 1)
    x[2][rng.random((3, side, side)) < 0.5] = np.nan
    x[3, 0, 0, 0] = np.inf
    x[4] = np.nan
    finite = [w[np.isfinite(w)] for w in x]
    median = np.array([np.median(w) if len(w) else 1 for w in finite], np.float32)
    np.testing.assert_array_equal(median_scaled(x), x / median[:, None, None, None])


def test_invalid_values_become_the_mean_and_do_not_move_the_median() -> None:
    x = windows()
    holed = x.copy()
    holed[0, :, :4] = np.nan
    out = normalize(holed, "window", STATISTICS)
    assert (out[0, :, :4] == 0).all()
    rest = holed[0, :, 4:] / np.median(holed[0, :, 4:])
    expected = (rest - np.array(STATISTICS.mean)[:, None, None]) / np.array(STATISTICS.std)[:, None, None]
    np.testing.assert_allclose(out[0, :, 4:], np.clip(expected, -CLIP, CLIP), rtol=1e-4, atol=1e-5)


def test_a_window_without_any_valid_value_is_all_mean() -> None:
    assert (normalize(np.full((1, 3, 8, 8), np.nan, np.float32), "window", STATISTICS) == 0).all()


def test_fixed_kind_is_the_plain_standardisation() -> None:
    x = windows()
    expected = (x - np.array(STATISTICS.mean)[:, None, None]) / np.array(STATISTICS.std)[:, None, None]
    np.testing.assert_allclose(normalize(x, "fixed", STATISTICS), np.clip(expected, -CLIP, CLIP), rtol=1e-5, atol=1e-5)


def test_long_tails_are_cut() -> None:
    x = windows()
    x[0, 0, 0, 0] = 1e6
    assert normalize(x, "fixed", STATISTICS).max() == CLIP


def test_own_statistics_give_mean_zero_and_deviation_one() -> None:
    x = windows()
    z = normalize(x, "domain", statistics_of(x, "domain"))
    np.testing.assert_allclose(z.mean(axis=(0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(z.std(axis=(0, 2, 3)), 1, atol=1e-3)


@pytest.mark.parametrize(("mean", "std"), [((1.0,), (0.0,)), ((np.nan,), (1.0,)), ((1.0, 2.0), (1.0,)), ((), ())])
def test_impossible_statistics_are_refused(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(BundleError):
        Statistics(mean, std)

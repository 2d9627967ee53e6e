from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.errors import BundleError

PRIOR = TerrainPrior((0.0, 10.0, 20.0), (-4.0, -2.0, 0.0), True)


def test_it_is_bayes_rule_on_the_odds() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.99, (40, 50)).astype(np.float32)
    slope = rng.uniform(0, 60, p.shape).astype(np.float32)
    expected = expit(logit(p.astype(float)) + np.interp(slope, PRIOR.slope, PRIOR.log_ratio))
    found = PRIOR.apply(p, slope)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_worked_example() -> None:
    halved = TerrainPrior((5.0, 25.0), (float(np.log(0.5)), 0.0), False)
    p = np.array([[0.5, 0.5, 0.8]], np.float32)
    slope = np.array([[0.0, 40.0, 5.0]], np.float32)  # beyond the knots the factor stays
    np.testing.assert_allclose(halved.apply(p, slope), [[1 / 3, 0.5, 2 / 3]], atol=1e-6)


def test_what_is_unknown_stays_unknown_and_without_a_slope_nothing_changes() -> None:
    p = np.array([[np.nan, 0.7, 0.7, 0.0, 1.0]], np.float32)
    slope = np.array([[0.0, np.nan, 0.0, 0.0, 0.0]], np.float32)
    found = PRIOR.apply(p, slope)[0]
    assert np.isnan(found[0])
    assert found[1] == np.float32(0.7)
    assert found[2] < 0.1
    assert found[3] == 0
    assert found[4] == 1


def test_rows_by_themselves_equal_the_whole() -> None:
    rng = np.random.default_rng(1)
    p, slope = rng.random((2, 30, 20), dtype=np.float32)
    slope *= 30
    whole = PRIOR.apply(p, slope)
    assert np.array_equal(np.concatenate([PRIOR.apply(p[:7], slope[:7]), PRIOR.apply(p[7:], slope[7:])]), whole)


@pytest.mark.parametrize(
    ("slope", "ratio", "message"),
    [
        ((0.0,), (0.0,), "two or more"),
        ((0.0, 10.0), (0.0,), "2 slopes and 1 factors"),
        ((10.0, 0.0), (-1.0, 0.0), "rising degrees"),
        ((0.0, 100.0), (-1.0, 0.0), "from 0 to 90"),
        ((0.0, 10.0), (0.0, -1.0), "do not fall"),
        ((0.0, 10.0), (float("nan"), 0.0), "finite"),
    ],
)
def test_an_impossible_prior_is_refused(slope: tuple, ratio: tuple, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        TerrainPrior(slope, ratio, True)

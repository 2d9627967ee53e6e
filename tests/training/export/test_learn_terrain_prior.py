from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from l4s_training.export.terrain_prior import coarse_slope, learn_prior, leave_one_out

KNOTS = (0.0, 5.0, 10.0, 15.0, 20.0)


def labelled(log_ratio: tuple[float, ...], n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patches whose odds of landslide are those of the probability, times a known factor of the slope."""
    rng = np.random.default_rng(seed)
    slope = rng.uniform(0, 45, (n, 100, 100)).astype(np.float32)
    x = rng.normal(-1, 2, slope.shape)
    masks = rng.random(slope.shape) < expit(x - 1 + np.interp(slope, KNOTS, log_ratio))
    return expit(x).astype(np.float32), masks.astype(np.uint8), slope


def test_a_known_factor_is_found_whatever_the_frequency_of_landslides():
    true = (-3.0, -2.5, -2.0, -1.0, 0.0)
    prior = learn_prior(*labelled(true, 20), KNOTS, 0.0)
    np.testing.assert_allclose(prior.log_ratio, true, atol=0.15)


def test_a_slope_that_says_nothing_beyond_the_network_changes_nothing():
    prior = learn_prior(*labelled((0.0,) * 5, 20), KNOTS)
    assert max(map(abs, prior.log_ratio)) < 0.1


def test_what_would_fall_with_the_slope_is_held_level():
    prior = learn_prior(*labelled((2.0, 2.0, 1.0, 1.0, 0.0), 5), KNOTS)
    assert prior.log_ratio == (0.0,) * 5


def test_shrinkage_draws_towards_no_factor():
    patches = labelled((-4.0, -3.0, -2.0, -1.0, 0.0), 5)
    free, shrunk = learn_prior(*patches, KNOTS, 0.0), learn_prior(*patches, KNOTS, 0.01)
    assert free.log_ratio[0] < shrunk.log_ratio[0] < -0.5


def test_a_patch_is_left_out_of_what_is_applied_to_it():
    p, masks, slope = labelled((-3.0, -2.0, -1.0, -0.5, 0.0), 4)
    masks[2] = p[2] > 0.5  # a patch in which the slope does not matter
    found = leave_one_out(p, masks, slope)
    others = [0, 1, 3]
    expected = learn_prior(p[others], masks[others], slope[others]).apply(p[2], slope[2])
    assert np.array_equal(found[2], expected)
    assert not np.allclose(found[2], learn_prior(p, masks, slope).apply(p[2], slope[2]), atol=1e-4)


@pytest.mark.parametrize("side", [63, 64])
def test_slope_of_a_plane(side):
    rows, cols = np.mgrid[:side, :side] * 10.0
    elevation = (0.3 * rows + 0.4 * cols).astype(np.float32)[None]
    slope = coarse_slope(elevation)
    assert slope.shape == elevation.shape
    np.testing.assert_allclose(slope[0, 6:-6, 6:-6], np.degrees(np.arctan(0.5)), atol=0.01)


def test_it_helps_where_flat_ground_misleads():
    p, masks, slope = labelled((-4.0, -4.0, -3.0, -2.0, 0.0), 4)
    after = leave_one_out(p, masks, slope)
    x, y = logit(np.clip(p, 1e-6, 1 - 1e-6)), logit(np.clip(after, 1e-6, 1 - 1e-6))
    wrong = [((np.abs(z) > 0) & ((z > 0) != (masks > 0))).mean() for z in (x, y)]
    assert wrong[1] < 0.8 * wrong[0]

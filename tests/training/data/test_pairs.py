"""Simulated pairs of dates: what is new was not there before, and the rest is another day of the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from l4s_training.data.pairs import simulate_pair

BANDS = ("B4", "B3", "B2", "B8", "slope", "DEM")


@pytest.fixture
def patch() -> tuple[np.ndarray, np.ndarray]:
    """A hillside of forest with six bare scars."""
    rng = np.random.default_rng(0)
    dn = np.ones((6, 128, 128), np.float32) * np.array([500, 700, 600, 3000, 20, 0])[:, None, None]
    dn[:4] *= 1 + 0.1 * ndimage.gaussian_filter(rng.normal(size=(128, 128)), 3)
    dn[5] = 1000 + 3.6 * np.mgrid[:128, :128][1]
    mask = np.zeros((128, 128), bool)
    for row in (10, 60, 100):
        for col in (20, 80):
            mask[row : row + 12, col : col + 20] = True
    dn[:4, mask] = np.array([2000, 1500, 1000, 2200])[:, None]
    return dn.astype(np.float32), mask


def pairs(patch, clouds: bool, count: int = 8):
    dn, mask = patch
    rng = np.random.default_rng(3)
    return [simulate_pair(dn, BANDS, mask, mask, rng, clouds=clouds) for _ in range(count)]


def test_what_is_new_was_forest_before_and_what_is_old_was_bare(patch) -> None:
    for pair in pairs(patch, clouds=False):
        ndvi = (pair.before[3] - pair.before[0]) / (pair.before[3] + pair.before[0])
        inner = ndimage.binary_erosion(pair.old, iterations=2)
        if pair.new.any():
            assert np.median(ndvi[ndimage.binary_erosion(pair.new, iterations=2)]) > 0.5
        if inner.any():
            assert np.median(ndvi[inner]) < 0.3
        assert pair.judged.all()
        np.testing.assert_array_equal(pair.new | pair.old, patch[1])
        assert not (pair.new & pair.old).any()


def test_both_kinds_are_drawn_and_terrain_stays(patch) -> None:
    made = pairs(patch, clouds=False)
    share = np.mean([pair.new.sum() / patch[1].sum() for pair in made])
    assert 0.4 < share < 0.9
    for pair in made:
        np.testing.assert_array_equal(pair.before[4:], patch[0][4:])
        np.testing.assert_array_equal(pair.after, patch[0])


def test_what_a_cloud_hides_later_is_no_landslide_there(patch) -> None:
    for pair in pairs(patch, clouds=True, count=24):
        bright = pair.after[2] > 5500  # more than a scar under the thinnest cloud that hides it
        assert not (bright & (pair.new | pair.old)).any()
        if not pair.judged.all():
            assert np.median(pair.before[2][~pair.judged]) > 1500


def test_patches_without_a_common_scale_are_brought_to_one(patch) -> None:
    dn, mask = patch
    pair = simulate_pair(dn / 20, BANDS, mask, mask, np.random.default_rng(0), scaled=False, clouds=False)
    assert np.median(pair.after[2]) == pytest.approx(900)


def test_the_seed_decides(patch) -> None:
    one, other = pairs(patch, True, 2), pairs(patch, True, 2)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.before, b.before)

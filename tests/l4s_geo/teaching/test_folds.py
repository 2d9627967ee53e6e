"""Folds lie apart, and the error of a comparison is that of the blocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from l4s_geo.teaching.folds import FOLDS, NARROWEST, Folds, blocks_of, standard_error


def ground(side: int, top: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and landslides of a square that was looked at."""
    rows, cols = (grid.ravel().astype(np.int32) for grid in np.mgrid[top : top + side, :side])
    return rows, cols, (rows % 10 < 4) & (cols % 10 < 4)


@pytest.mark.parametrize(("side", "gap"), [(300, 64), (128, 32), (64, NARROWEST)])
def test_folds_lie_as_far_apart_as_the_ground_allows(side, gap):
    row, col, landslide = ground(side)
    folds = Folds.of(row, col, landslide)
    assert folds.gap == gap
    judges = 0
    for seen, judged in folds:
        place = np.stack([row, col], axis=1)
        apart = cKDTree(place[seen]).query(place[judged][::17], p=np.inf)[0]
        assert apart.min() > gap
        judges += 1
    assert judges == FOLDS


def test_every_pixel_is_judged_once_and_folds_share_the_landslides():
    row, col, landslide = ground(200)
    folds = Folds.of(row, col, landslide)
    judged = np.sum([judged for _, judged in folds], axis=0)
    assert (judged == 1).all()
    each = np.bincount(folds.number, landslide)
    assert each.min() > 0.6 * each.max()


def test_scattered_polygons_have_the_widest_gap():
    random = np.random.default_rng(0)
    corner = random.integers(0, 3000, (40, 2))
    inside = np.stack(np.mgrid[:5, :5]).reshape(2, -1)
    row, col = ((corner[:, axis, None] + inside[axis]).ravel().astype(np.int32) for axis in (0, 1))
    assert Folds.of(row, col, np.repeat(np.arange(40) % 2 == 0, 25)).gap == 64


def test_ground_in_one_place_leaves_no_gap():
    row, col, landslide = ground(12)
    assert Folds.of(row, col, landslide).gap == 0


def test_pixels_far_south_have_blocks_of_their_own():
    row, col, landslide = ground(64, top=400_000)
    block = blocks_of(row, col, landslide)
    assert len(np.unique(block)) == len(np.unique(row // 16 * 10**9 + col // 16))


def test_the_standard_error_is_that_of_leaving_blocks_out():
    random = np.random.default_rng(4)
    block = np.repeat(np.arange(60), 50)
    truth = random.random(3000) < 0.3
    weight = np.ones(3000)
    good = np.repeat(random.random(60) < 0.8, 50)  # where it is good, it is good in the whole block
    one = np.where(good, truth ^ (random.random(3000) < 0.05), truth ^ (random.random(3000) < 0.4))
    other = truth ^ (random.random(3000) < 0.2)

    def f1(said, left):
        return 2 * (said & truth)[left].sum() / (said[left].sum() + truth[left].sum())

    without = np.array([f1(one, block != b) - f1(other, block != b) for b in range(60)])
    jackknife = np.sqrt(59 / 60 * ((without - without.mean()) ** 2).sum())
    assert standard_error(block, truth, (one, other), weight) == pytest.approx(jackknife, rel=0.05)
    assert standard_error(block, truth, (one, one), weight) == 0

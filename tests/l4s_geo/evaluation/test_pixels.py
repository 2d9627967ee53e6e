"""Pixels of two inventories against arrays of the whole grid, and coverage against exact areas."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from scipy import ndimage

from l4s_geo.evaluation.pixels import BLOCK, Cover, Tally, blocks, intervals, look, scores
from l4s_geo.grid import Grid, Window

SIDE = 2 * BLOCK + 37
GRID = Grid(CRS.from_epsg(32654), Affine(10, 0, 400_000, 0, -10, 4_700_000), SIDE, SIDE)


def ellipses(seed: int, n: int = 60) -> np.ndarray:
    random = np.random.default_rng(seed)
    left, bottom, right, top = GRID.bounds
    centres = np.stack([random.uniform(left, right, n), random.uniform(bottom, top, n)], axis=1)
    discs = shapely.buffer(shapely.points(centres), random.uniform(15, 120, n))
    return np.array([shapely.affinity.rotate(shapely.affinity.scale(d, 1, 0.4), 30) for d in discs], object)


def exactly(shapes: np.ndarray, window: Window) -> np.ndarray:
    """The share of each pixel of a window that polygons cover."""
    part = GRID.part(window)
    union = shapely.union_all(shapes)
    rows, cols = np.indices(part.shape)
    left, top = part.transform.c + 10 * cols, part.transform.f - 10 * rows
    return shapely.area(shapely.intersection(shapely.box(left, top - 10, left + 10, top), union)) / 100


def test_coverage_is_that_of_exact_areas():
    shapes, window = ellipses(1), Window(100, 150, 120, 130)
    share = exactly(shapes, window)
    covered = Cover(shapes, GRID).read(window)
    clear = np.abs(share - 0.5) > 0.1
    assert (covered == (share >= 0.5))[clear].all()
    assert 0 < (~clear).mean() < 0.02
    assert covered.sum() == pytest.approx(share.sum(), rel=0.02)


def test_blocks_count_as_the_whole():
    mapped, reference = ellipses(1), ellipses(2)
    covers = Cover(mapped, GRID), Cover(reference, GRID)
    ours, theirs = (cover.read(GRID.whole) for cover in covers)
    tally = Tally.together([Tally.of(look(w, *covers, None, None)) for w in blocks(GRID, [mapped, reference])])
    found, near = scores(tally), scores(tally, tolerant=True)
    both = (ours & theirs).sum()
    assert (found.precision, found.recall) == (both / ours.sum(), both / theirs.sum())
    assert found.iou == pytest.approx(both / (ours | theirs).sum())
    assert found.f1 == pytest.approx(2 * both / (ours.sum() + theirs.sum()))
    around = np.ones((3, 3))
    assert near.precision == (ours & ndimage.binary_dilation(theirs, around)).sum() / ours.sum()
    assert near.recall == (theirs & ndimage.binary_dilation(ours, around)).sum() / theirs.sum()


def test_ground_not_looked_at_and_doubt_count_on_neither_side():
    mapped, reference, doubt = ellipses(1), ellipses(2), ellipses(3, 20)
    left, bottom, _, top = GRID.bounds
    area = np.array([shapely.box(left, bottom, left + 2000, top)])
    covers = [Cover(shapes, GRID) for shapes in (mapped, reference, area, doubt)]
    ours, theirs, looked, doubtful = (cover.read(GRID.whole) for cover in covers)
    judged = looked & ~doubtful
    tally = Tally.together([Tally.of(look(w, *covers)) for w in blocks(GRID, [mapped, reference])])
    assert tally.both.sum() == (ours & theirs & judged).sum()
    assert tally.mapped.sum() == (ours & judged).sum()
    assert tally.reference.sum() == (theirs & judged).sum()


def test_blocks_without_landslides_are_left_out():
    lone = np.array([shapely.box(400_100, 4_699_000, 400_200, 4_699_100)])
    assert [(w.row, w.col) for w in blocks(GRID, [lone])] == [(0, 0)]


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        both = random.poisson(40, 60)
        only = random.poisson(60, 60)
        tally = Tally(both, both + only, both + only, both, both)
        low, high = intervals(tally, seed=seed)["precision"]
        held += low <= 0.4 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_nothing_in_common():
    nothing = np.zeros(3, np.int64)
    tally = Tally(nothing, nothing + 4, nothing + 2, nothing, nothing)
    found = scores(tally)
    assert (found.precision, found.recall, found.f1, found.iou) == (0, 0, 0, 0)
    empty = scores(Tally(nothing, nothing, nothing, nothing, nothing))
    assert np.isnan([empty.precision, empty.recall]).all()

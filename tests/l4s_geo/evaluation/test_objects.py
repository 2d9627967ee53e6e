"""Landslides matched: every count against brute force on small cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely

from l4s_geo.evaluation.objects import crossing, intersect, match, outcomes


def boxes(*bounds) -> np.ndarray:
    return np.array([shapely.box(*b) for b in bounds], object)


def scattered(seed: int, n: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    corner, size = random.uniform(0, 60, (n, 2)), random.uniform(2, 25, (n, 2))
    return boxes(*np.hstack([corner, corner + size]))


def brute_force_iou(mapped, reference) -> np.ndarray:
    return np.array([[a.intersection(b).area / a.union(b).area for b in reference] for a in mapped])


@pytest.mark.parametrize("seed", range(12))
def test_the_assignment_is_the_best_of_all(seed):
    mapped, reference = scattered(seed, 5), scattered(seed + 100, 4)
    iou = brute_force_iou(mapped, reference)
    least = 0.05
    best = max(
        sum(iou[i, j] for i, j in zip(rows, cols, strict=True) if iou[i, j] >= least)
        for cols in [range(len(reference))]
        for rows in itertools.permutations(range(len(mapped)), len(reference))
    )
    matching = match(intersect(mapped, reference), least, 0.5)
    assert matching.iou.sum() == pytest.approx(best)
    assert matching.iou == pytest.approx(iou[tuple(matching.pairs.T)])
    assert (matching.iou >= least).all()
    for side in matching.pairs.T:
        assert len(set(side)) == len(side)


@pytest.mark.parametrize("seed", range(12))
def test_shares_and_links_as_counted_one_by_one(seed):
    mapped, reference = scattered(seed, 7), scattered(seed + 50, 6)
    shared = intersect(mapped, reference)
    whole = shapely.union_all(reference), shapely.union_all(mapped)
    assert shared.mapped_covered == pytest.approx([g.intersection(whole[0]).area / g.area for g in mapped])
    assert shared.reference_covered == pytest.approx([g.intersection(whole[1]).area / g.area for g in reference])
    matching = match(shared, 0.5, 0.4)
    linked = np.array([[a.intersection(b).area >= 0.4 * min(a.area, b.area) for b in reference] for a in mapped])
    assert matching.pieces.tolist() == linked.sum(axis=0).tolist()
    assert matching.holds.tolist() == linked.sum(axis=1).tolist()
    assert matching.right.tolist() == (shared.mapped_covered >= 0.4).tolist()
    several = [any(a.intersection(b).area > 0 for b in mapped if b is not a) for a in mapped]
    assert crossing(mapped).tolist() == several


def test_outcomes():
    reference = boxes((0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 44, 10), (46, 0, 50, 10), (60, 0, 70, 10))
    mapped = boxes((0, 0, 10, 10), (20, 0, 24, 10), (26, 0, 30, 10), (39, 0, 51, 10), (80, 0, 90, 10))
    ours, theirs = outcomes(match(intersect(mapped, reference), 0.5, 0.5))
    assert ours.tolist() == ["hit", "split", "split", "amalgamated", "false"]
    assert theirs.tolist() == ["hit", "split", "amalgamated", "amalgamated", "missed"]


def test_half_covered_counts_whatever_the_rounding():
    mapped, reference = boxes((0.1, 0.1, 10.1, 10.1)), boxes((0.1, 0.1, 5.1, 10.1))
    matching = match(intersect(mapped, reference), 0.5, 0.5)
    assert matching.right.all()
    assert matching.found.all()
    assert len(matching.pairs) == 1


@pytest.mark.parametrize(("n", "m"), [(0, 0), (3, 0), (0, 3)])
def test_nothing_to_match(n, m):
    matching = match(intersect(scattered(1, n), scattered(2, m)), 0.5, 0.5)
    assert len(matching.pairs) == 0
    assert matching.right.shape == (n,)
    assert matching.found.shape == (m,)
    ours, theirs = outcomes(matching)
    assert set(ours) <= {"false"}
    assert set(theirs) <= {"missed"}


def test_what_several_cover_together_counts_once():
    mapped, reference = boxes((0, 0, 10, 10)), boxes((0, 0, 6, 10), (4, 0, 8, 10))
    assert intersect(mapped, reference).mapped_covered == pytest.approx([0.8])

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l4s_geo.errors import DataError
from l4s_training.data.splits import DEFAULT, Role, SplitPlan, split

HELD: tuple[Role, Role] = ("validation", "test")


@st.composite
def situations(draw):
    n = draw(st.integers(20, 200))
    ids = np.array(sorted(draw(st.sets(st.integers(0, 400), min_size=n, max_size=n))))
    numbers = draw(st.permutations(ids.tolist()))
    blocks = draw(st.integers(4, 10))
    held = draw(st.permutations(range(blocks)))
    plan = SplitPlan(blocks, tuple(held[:1]), tuple(held[1:2]), draw(st.integers(0, 2)), tuple(numbers[:2]))
    return ids, np.array(numbers), plan


@settings(max_examples=60, deadline=None)
@given(situations())
def test_roles_share_no_patch_and_keep_their_distance(situation):
    ids, numbers, plan = situation
    try:
        parts = split(ids, numbers, plan)
    except DataError:
        return  # the guard may leave nothing to train on
    everything = np.concatenate([parts.train, parts.validation, parts.test, parts.dropped])
    assert sorted(everything.tolist()) == list(range(len(ids)))
    for lower, higher in (("train", "validation"), ("train", "test"), ("validation", "test")):
        a, b = parts.of(lower), parts.of(higher)
        if len(a) and len(b):
            assert np.abs(ids[a][:, None] - ids[b]).min() > plan.guard
            assert np.abs(numbers[a][:, None] - numbers[b]).min() > plan.guard
    for role in ("train", "validation"):
        chosen = numbers[parts.of(role)]
        if len(chosen):
            assert np.abs(chosen[:, None] - np.array(plan.apart)).min() > plan.guard


def test_held_out_blocks_are_contiguous_in_id_and_all_of_test_is_kept():
    ids = np.arange(0, 400, 2)
    shuffled = np.random.default_rng(0).permutation(len(ids))
    parts = split(ids[shuffled], ids[shuffled], SplitPlan(10, (2,), (5, 7), guard=0))
    assert sorted(ids[shuffled][parts.validation]) == ids[40:60].tolist()
    assert sorted(ids[shuffled][parts.test]) == [*ids[100:120], *ids[140:160]]


def test_the_split_is_the_same_every_time():
    ids = np.arange(300)
    first, second = split(ids, ids, DEFAULT), split(ids, ids, DEFAULT)
    for role in ("train", "validation", "test"):
        assert np.array_equal(first.of(role), second.of(role))


def test_the_same_patch_in_two_sources_never_stands_on_both_sides():
    numbers = np.concatenate([np.arange(1, 41), np.arange(1, 41)[::-1]])
    ids = np.concatenate([np.arange(40), np.arange(40)])
    source = np.repeat([0, 1], 40)
    parts = split(ids, numbers, SplitPlan(8, (1,), (5,), guard=0), source)
    assert not set(numbers[parts.train]) & set(numbers[parts.test])
    assert not set(numbers[parts.train]) & set(numbers[parts.validation])
    assert not set(numbers[parts.validation]) & set(numbers[parts.test])


def test_the_default_split_tests_on_the_twins_of_the_14_band_patches(data):
    pairs = np.load(data / "l4s_rgb_pairs.npz")
    labelled = np.load(data / "l4s_14band_labelled.npz")["number"].astype(int)
    ids, numbers = pairs["id"].astype(int), pairs["number"].astype(int)
    parts = split(ids, numbers, DEFAULT)
    assert set(labelled) == set(DEFAULT.apart)
    assert set(labelled) & set(numbers) <= set(numbers[parts.test])
    assert 0.15 < len(parts.test) / len(ids) < 0.25
    assert 0.08 < len(parts.validation) / len(ids) < 0.15
    assert len(parts.train) > 950


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (lambda: SplitPlan(4, (1,), (1,)), "different numbers"),
        (lambda: SplitPlan(4, (1,), (4,)), "0 to 3"),
        (lambda: SplitPlan(4, (1,), (2,), guard=-1), "guard is -1"),
    ],
)
def test_an_impossible_plan_is_refused(plan, message):
    with pytest.raises(DataError, match=message):
        plan()


def test_too_few_patches_for_the_blocks_is_refused():
    ids = np.arange(5)
    with pytest.raises(DataError, match="5 patches, fewer than the split's 40 blocks"):
        split(ids, ids, DEFAULT)


def test_a_split_without_training_patches_is_refused():
    ids = np.arange(10)
    with pytest.raises(DataError, match="no patch for training"):
        split(ids, ids, SplitPlan(2, (0,), (1,)))

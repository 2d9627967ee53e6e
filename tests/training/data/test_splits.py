from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches
from l4s_training.data.splits import (
    DEFAULT,
    PLANS,
    BenchmarkSplit,
    OfficialSplit,
    Role,
    SplitPlan,
    StudySplit,
    as_dict,
    as_text,
    divide,
    from_dict,
    from_text,
    plan_for,
    split,
)

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


def a_set(n: int, role: Role | None = None, first: int = 1) -> Patches:
    number = np.arange(first, first + n)
    masks = np.zeros((n, 2, 2), np.uint8)
    return Patches(masks[:, None].astype(np.float32), masks, number, number, np.zeros(n), ("B4",), "set", role=role)


def test_the_official_split_follows_the_folders():
    parts = divide([a_set(5, "train"), a_set(3, "test"), a_set(2, "validation")], from_text("official"))
    assert parts.train.tolist() == [0, 1, 2, 3, 4]
    assert parts.test.tolist() == [5, 6, 7]
    assert parts.validation.tolist() == [8, 9]


def test_the_official_split_needs_the_official_folders():
    with pytest.raises(DataError, match=r"set is in none of the official folders.*TrainData, ValidData, TestData"):
        divide([a_set(5, "train"), a_set(3)], from_text("official"))


def test_the_benchmark_trains_on_the_first_quarter_of_each_area():
    parts = divide([a_set(3799, "train")], BenchmarkSplit(validation=0))
    numbers = parts.train + 1
    firsts = [(1, 3036), (3037, 160), (3197, 125), (3322, 478)]
    wanted = np.concatenate([np.arange(start, start + -(-count // 4)) for start, count in firsts])
    assert np.array_equal(numbers, wanted)
    assert abs(len(parts.train) - 959) < 15  # the paper's number
    assert len(parts.train) + len(parts.test) == 3799


def test_the_benchmark_chooses_on_the_end_of_each_quarter():
    parts = divide([a_set(400)], BenchmarkSplit(areas=(101, 201, 301), validation=0.2))
    assert (parts.train + 1).tolist() == [100 * a + n for a in range(4) for n in range(1, 21)]
    assert (parts.validation + 1).tolist() == [100 * a + n for a in range(4) for n in range(21, 26)]
    even = divide([a_set(400)], BenchmarkSplit(areas=(), validation=0.2))
    assert np.array_equal(even.train, parts.train)


def test_the_study_takes_60_20_20_of_half():
    parts = divide([a_set(3799, "train"), a_set(50, "test")], from_text("study"))
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [1140, 380, 380]
    assert len(parts.dropped) == 3849 - 1900
    everything = np.concatenate([parts.train, parts.validation, parts.test, parts.dropped])
    assert sorted(everything.tolist()) == list(range(3849))
    assert parts.test.max() < 3799
    again, other = (divide([a_set(3799)], StudySplit(seed=s)) for s in (0, 1))
    assert np.array_equal(again.train, parts.train)
    assert not np.array_equal(other.train, parts.train)
    assert 1700 < np.median(parts.train) < 2100  # spread over all numbers


@pytest.mark.parametrize("plan", [BenchmarkSplit(areas=()), StudySplit()])
def test_a_patch_in_two_sources_has_one_role(plan):
    parts = divide([a_set(40), a_set(40)], plan)
    for role in ("train", "validation", "test"):
        at = parts.of(role)
        assert np.array_equal(at[at < 40], at[at >= 40] - 40)


def test_the_official_folders_count_from_1_each_without_being_the_same_patches():
    plan = SplitPlan(4, (), (3,), guard=0, cut_official=True)
    parts = divide([a_set(40, "train"), a_set(40, "validation")], plan)
    assert len(parts.dropped) == 0
    same = divide([a_set(40, "train"), a_set(20, "train", first=21)], plan)
    assert len(same.dropped) == 5


@pytest.mark.parametrize("plan", [DEFAULT, *PLANS.values(), SplitPlan(6, (1,), (2, 3), 0, (9,)), StudySplit(seed=4)])
def test_a_plan_survives_a_record(plan):
    assert from_dict(json.loads(json.dumps(as_dict(plan)))) == plan


plans = st.one_of(
    st.builds(
        lambda held, guard, apart, cut: SplitPlan(9, tuple(held[:2]), tuple(held[2:4]), guard, tuple(apart), cut),
        st.permutations(range(9)),
        st.integers(0, 9),
        st.lists(st.integers(0, 4000)),
        st.booleans(),
    ),
    st.just(OfficialSplit()),
    st.builds(
        lambda areas, share: BenchmarkSplit(tuple(sorted(areas)), share),
        st.sets(st.integers(1, 3799)),
        st.floats(0, 1, exclude_max=True),
    ),
    st.builds(StudySplit, st.floats(0.01, 1), st.floats(0.01, 0.5), st.floats(0, 0.5), st.integers(0)),
)


@given(plans)
def test_every_plan_is_read_back_from_its_line(plan):
    line = as_text(plan)
    assert from_text(line) == plan
    assert not set(line) & set(" '\"")  # one word of a command
    assert from_dict(json.loads(json.dumps(as_dict(plan)))) == plan


def test_a_line_states_what_is_not_the_default():
    assert {as_text(plan) for plan in PLANS.values()} == set(PLANS)
    assert as_text(StudySplit(seed=3, share=0.25)) == "study:share=0.25,seed=3"
    assert as_text(SplitPlan(6, (2,), (4, 5), 0)) == "blocks:blocks=6,validation=2,test=4+5,guard=0,apart="


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ofcial", "no split plan 'ofcial'"),
        ("study:sed=1", "no key 'sed'; did you mean 'seed'"),
        ("study:seed=one", r"has seed='one'; expected a value like 0"),
        ("blocks:test=1;2", r"has test='1;2'; expected whole numbers joined by \+"),
        ("blocks:cut_official=yes", r"has cut_official='yes'; expected a value like false"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line, message):
    with pytest.raises(DataError, match=message):
        from_text(line)


def test_official_folders_keep_their_roles_unless_told_otherwise():
    """A split by blocks would train on what the publisher held out."""
    assert plan_for(["train", "validation", "test"]) == OfficialSplit()
    assert plan_for(["test"]) == OfficialSplit()
    assert plan_for(["train", None]) == plan_for([None]) == DEFAULT
    sets = [a_set(40, "train"), a_set(40, "test")]
    plan = SplitPlan(4, (1,), (3,), guard=0)
    with pytest.raises(DataError, match=r"official data for test, and a split by blocks would train on it"):
        divide(sets, plan)
    assert divide(sets[:1], plan).train.tolist() == [*range(10), *range(20, 30)]
    cut = divide(sets, from_text("blocks:blocks=4,validation=1,test=3,guard=0,apart=,cut_official=true"))
    assert len(cut.train) == 40


def test_records_without_a_name_are_blocks():
    assert from_dict({"blocks": 6, "validation": [1], "test": [2], "guard": 0, "apart": []}) == SplitPlan(
        6, (1,), (2,), 0
    )


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"plan": "random"}, "no split plan 'random'; expected one of blocks, official, benchmark, study"),
        ({"plan": "study", "sed": 1}, "no key 'sed'; did you mean 'seed'"),
        ({"plan": "official", "seed": 1}, "no key 'seed'; its keys are none"),
        ({"plan": "study", "share": "half"}, "cannot be built from"),
        ({"plan": "study", "train": 0.9, "validation": 0.3}, "do not divide a set"),
        ({"plan": "benchmark", "areas": [5, 3]}, "expected them ascending"),
        ({"plan": "benchmark", "validation": 1}, "validation share is 1"),
    ],
)
def test_a_wrong_plan_is_named(entries, message):
    with pytest.raises(DataError, match=message):
        from_dict(entries)

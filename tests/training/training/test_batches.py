"""Which patches a step takes, and how a training's pieces behave on their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from l4s_geo.normalize import Statistics, normalize, statistics_of
from l4s_training.training.batches import Batches, Order, Steps, seed_of
from l4s_training.training.normalization import normalize_on_device, normalize_tensor
from small_training import patches


def test_a_pass_takes_each_patch_once_and_drops_the_remainder():
    order = Order.of((10,), 4, None, seed=3)
    assert order.steps_per_pass == 2
    first = [i for step in (0, 1) for i in order.at(step)[0]]
    second = [i for step in (2, 3) for i in order.at(step)[0]]
    assert len(set(first)) == len(set(second)) == 8
    assert first != second
    assert Order.of((10,), 4, None, seed=3).at(2) == order.at(2)
    assert Order.of((10,), 4, None, seed=4).at(2) != order.at(2)


def test_fewer_patches_than_a_batch_are_one_batch():
    order = Order.of((3,), 16, None, seed=0)
    assert order.steps_per_pass == 1
    assert sorted(order.at(5)[0]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("share", "counts"), [(0.5, (8, 8)), (0.25, (12, 4)), (None, (13, 3)), (0.0, (15, 1)), (1.0, (1, 15))]
)
def test_a_batch_is_divided_between_the_domains(share, counts):
    order = Order.of((80, 20), 16, share, seed=0)
    assert order.counts == counts
    assert tuple(map(len, order.at(7))) == counts


def test_the_target_goes_round_by_itself():
    order = Order.of((12, 4), 4, 0.5, seed=0)
    seen = [sorted(i for step in (first, first + 1) for i in order.at(step)[1]) for first in (0, 2, 4)]
    assert seen == [[0, 1, 2, 3]] * 3


def test_processes_share_a_batch():
    order = Order.of((12, 8), 8, 0.5, seed=0)
    whole = list(Steps(order, lambda: 0, 3, 3, 0, 1))
    parts = [list(Steps(order, lambda: 0, 3, 3, rank, 2)) for rank in range(2)]
    for step, (first, second) in enumerate(zip(*parts, strict=True)):
        for domain in range(2):
            assert sorted(first[1][domain] + second[1][domain]) == sorted(whole[step][1][domain])
            assert len(first[1][domain]) == len(second[1][domain]) == 2


def test_steps_go_on_where_training_stands():
    order = Order.of((12,), 4, None, seed=0)
    stands = 0
    steps = Steps(order, lambda: stands, 5, 12, 0, 1)
    seen = []
    for stands in (0, 3, 5, 10, 12):  # noqa: B007
        seen.append([number for number, _ in steps])
    assert seen == [[0, 1, 2, 3, 4], [3, 4], [5, 6, 7, 8, 9], [10, 11], []]


def test_dequantisation_follows_from_the_step_alone():
    from dataclasses import replace

    exact = patches(4)
    floored = replace(exact, values=np.full(exact.values.shape, 7, np.uint8), quantum=np.ones(4, np.float32))
    batches = Batches((floored,), seed=1)
    step = (3, ((0, 2),))
    number, (part,) = batches[step]
    assert number == 3
    assert part.images.min() >= 7
    assert part.images.max() < 8
    assert torch.equal(part.images, Batches((floored,), seed=1)[step][1][0].images)
    assert not torch.equal(part.images, batches[(4, ((0, 2),))][1][0].images)
    assert (Batches((floored,), seed=None)[step][1][0].images == 7.5).all()
    assert seed_of(1, 2) != seed_of(2, 1)


@pytest.mark.parametrize("kind", ["fixed", "domain", "window"])
@pytest.mark.parametrize("side", [7, 8])
def test_normalisation_on_a_device_is_the_mappers(kind, side):
    """Odd and even numbers of values, invalid ones, outliers, windows without a positive or any valid value."""
    rng = np.random.default_rng(0)
    windows = rng.normal(1, 0.5, (6, 3, side, side)).astype(np.float32)
    windows[1, :, :3] = np.nan
    windows[2] = np.nan
    windows[3] *= -1
    windows[4, 0, 0, 0] = 1e6
    windows[5, 0, 0, 0] = np.nan
    statistics = statistics_of(windows[:2], kind)
    expected = normalize(windows, kind, statistics)
    np.testing.assert_allclose(normalize_on_device(torch.from_numpy(windows), kind, statistics), expected, atol=1e-5)
    np.testing.assert_array_equal(normalize_tensor(torch.from_numpy(windows), kind, statistics), expected)


def test_statistics_of_one_band_each():
    statistics = Statistics((1.0, 2.0), (1.0, 2.0))
    x = torch.tensor([[[[2.0]], [[6.0]]]])
    assert normalize_on_device(x, "fixed", statistics).flatten().tolist() == [1.0, 2.0]

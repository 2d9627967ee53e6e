from __future__ import annotations

import json
import math

import pytest
import torch
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LRScheduler

from l4s_geo.errors import DataError
from l4s_training.config import schedules

OPTIONS = {
    "constant": {},
    "one-cycle": {"warm_up_share": 0.3},
    "cosine": {"minimum": 1e-4},
    "cosine-restarts": {"warm_up": 2.0, "start": 1e-5, "cycles": 3},
    "poly": {"power": 0.9},
}


def optimizer(*rates: float, kind: type[Optimizer] = SGD) -> Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return kind(groups)  # type: ignore[call-arg]


def rates(schedule: LRScheduler, steps: int, group: int = 0) -> list[float]:
    """The learning rate of the first so many steps, and the one after them."""
    values = []
    for _ in range(steps):
        values.append(schedule.optimizer.param_groups[group]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return [*values, schedule.optimizer.param_groups[group]["lr"]]


def built(name: str, total: int = 20, peak: float = 0.1, per_epoch: int = 1, **options: float) -> LRScheduler:
    return schedules.build(name, optimizer(peak), total, per_epoch, **options)


def test_every_schedule_has_options_here():
    assert set(OPTIONS) == set(schedules.SCHEDULES)


def test_constant_stays():
    assert rates(built("constant"), 20) == [0.1] * 21


def test_cosine_is_half_a_cosine_down_to_the_minimum():
    expected = [0.01 + 0.09 * (1 + math.cos(math.pi * t / 20)) / 2 for t in range(21)]
    assert rates(built("cosine", minimum=0.01), 20) == pytest.approx(expected, rel=1e-9)


def test_poly_falls_with_its_power():
    assert rates(built("poly"), 20) == pytest.approx([0.1 * (1 - t / 20) ** 0.9 for t in range(21)], abs=1e-12)


@pytest.mark.parametrize(("total", "share"), [(9, 0.1), (1, 0.5), (3, 0.25), (19, 0.05), (5, 0.0), (5, 1.0)])
def test_one_cycle_of_few_steps_begins_at_its_peak_where_there_is_no_step_to_rise(total, share):
    values = rates(built("one-cycle", total=total, warm_up_share=share), total)
    assert all(map(math.isfinite, values))
    if share * (total + 1) == 1:
        assert values[0] == pytest.approx(max(values))


def test_one_cycle_rises_for_its_share_and_falls_to_nothing():
    values = rates(built("one-cycle", total=100, warm_up_share=0.1), 100)
    peak = max(range(101), key=values.__getitem__)
    assert 9 <= peak <= 10
    assert values[peak] == pytest.approx(0.1, rel=1e-2)
    assert values[0] == pytest.approx(0.1 / 25)
    assert values[:peak] == sorted(values[:peak])
    assert values[peak:] == sorted(values[peak:], reverse=True)
    assert values[100] < 1e-5 * 0.1


def test_restarts_without_warm_up_are_torchs_warm_restarts():
    total = 5 * (1 + 2 + 4)
    reference = CosineAnnealingWarmRestarts(optimizer(0.1), T_0=5, T_mult=2, eta_min=0.001)
    ours = built("cosine-restarts", total, warm_up=0, cycles=3, minimum=0.001)
    expected = rates(reference, total - 1)
    assert expected[5] == expected[15] == 0.1  # it restarts where it should
    assert rates(ours, total - 1) == pytest.approx(expected, rel=1e-9)


def test_restarts_warm_up_for_epochs_and_double():
    """Two epochs of 10 steps up, then cycles of 40, 80 and 160 steps."""
    values = rates(built("cosine-restarts", 300, 0.1, 10, warm_up=2, start=1e-5, cycles=3), 300)
    assert values[0] == pytest.approx(1e-5)
    assert values[10] == pytest.approx((1e-5 + 0.1) / 2)
    for start, length in ((20, 40), (60, 80), (140, 160)):
        for t in (0, 1, length // 2, length - 1):
            expected = 0.1 * (1 + math.cos(math.pi * t / length)) / 2
            assert values[start + t] == pytest.approx(expected, rel=1e-9), (start, t)
    assert values[300] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("total", [1, 2, 3, 7, 101])
@pytest.mark.parametrize("per_epoch", [1, 5])
@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_every_length_works(name, total, per_epoch):
    values = rates(built(name, total, 0.1, per_epoch, **OPTIONS[name]), total)
    assert all(0 <= value <= 0.1 * (1 + 1e-9) for value in values)


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_each_group_follows_its_own_rate(name):
    options = {k: v for k, v in OPTIONS[name].items() if k not in ("minimum", "start")}
    first = rates(schedules.build(name, optimizer(0.1, 0.02), 20, 1, **options), 20, group=0)
    second = rates(schedules.build(name, optimizer(0.1, 0.02), 20, 1, **options), 20, group=1)
    assert second == pytest.approx([value / 5 for value in first], abs=1e-12)


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_a_schedule_goes_on_from_its_state(name, kind):
    """The state passes through JSON, as a checkpoint without pickle needs."""
    whole = rates(schedules.build(name, optimizer(0.1, kind=kind), 20, 1, **OPTIONS[name]), 20)
    first = schedules.build(name, optimizer(0.1, kind=kind), 20, 1, **OPTIONS[name])
    begun = rates(first, 7)
    states = json.loads(json.dumps([first.state_dict(), first.optimizer.state_dict()]))
    second = schedules.build(name, optimizer(0.1, kind=kind), 20, 1, **OPTIONS[name])
    second.load_state_dict(states[0])
    second.optimizer.load_state_dict(states[1])
    assert begun[:-1] + rates(second, 13) == whole


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cosin", {}, r"no schedule 'cosin'.*did you mean 'cosine'\?"),
        ("poly", {"powr": 1}, r"named 'powr'.*did you mean 'power'\?"),
        ("constant", {"power": 1}, "expected none"),
        ("poly", {"power": "high"}, "expected a number"),
        ("cosine-restarts", {"cycles": 2.5}, "expected a whole number"),
        ("cosine-restarts", {"multiplier": 0.5}, "expected 1 or more"),
        ("cosine-restarts", {"warm_up": -1}, "expected 0 or more"),
        ("one-cycle", {"warm_up_share": 1.5}, "from 0 to 1"),
        ("cosine", {"minimum": math.nan}, "expected a number"),
    ],
)
def test_what_makes_no_sense_is_an_error(name, options, message):
    with pytest.raises(DataError, match=message):
        schedules.check(name, options)
    with pytest.raises(DataError, match=message):
        built(name, **options)


def test_a_schedule_needs_steps():
    with pytest.raises(DataError, match="0 steps"):
        built("cosine", total=0)

"""Learning rates over the steps of a training, by name.

Each is a torch scheduler to be stepped once after every optimiser step; it goes on from its ``state_dict()``, which
holds nothing but numbers, strings, lists and dicts.

``constant``
    the optimiser's learning rate (the benchmark's protocol);
``one-cycle``
    up to the optimiser's learning rate and down to nothing (Smith, Topin 2019);
``cosine``
    down along half a cosine (Loshchilov, Hutter 2017; the study);
``cosine-restarts``
    a linear warm-up, then cosines, each `multiplier` times as long as the one before (Loshchilov, Hutter 2017; Sklgp);
``poly``
    down as (1 - t / T)^power (Chen et al. 2018, DeepLab).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR, PolynomialLR

from l4s_geo.errors import DataError
from l4s_training.naming import check_options, unknown

__all__ = ["SCHEDULES", "build", "check"]


def build(name: str, optimizer: Optimizer, total_steps: int, steps_per_epoch: int = 1, **options: Any) -> LRScheduler:
    """Make a schedule.

    Args:
        name: one of `SCHEDULES`.
        optimizer: its groups' learning rates are the highest.
        total_steps: optimiser steps of the whole training.
        steps_per_epoch: options that are durations count epochs of so many steps.
        **options: the schedule's own, see `SCHEDULES`.

    Raises:
        DataError: there is no such schedule or option, or a value is out of range.
    """
    check(name, options)
    if total_steps < 1 or steps_per_epoch < 1:
        raise DataError(
            f"A schedule over {total_steps} steps, {steps_per_epoch} an epoch; expected one or more of both."
        )
    return SCHEDULES[name](optimizer, total_steps, steps_per_epoch, **options)


def check(name: str, options: Mapping[str, Any]) -> None:
    """Check a schedule's name and options without an optimiser.

    Raises:
        DataError: there is no such schedule or option, or a value is out of range.
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    check_options(f"schedule {name!r}", SCHEDULES[name], options)
    for option, value in options.items():
        low, high = _RANGES[option]
        if not low <= value <= high:
            limits = f"{low:g} or more" if math.isinf(high) else f"a value from {low:g} to {high:g}"
            raise DataError(f"Option {option!r} of schedule {name!r} is {value}; expected {limits}.")


def _constant(optimizer: Optimizer, total: int, epoch: int) -> LRScheduler:
    return ConstantLR(optimizer, factor=1.0, total_iters=0)


def _one_cycle(optimizer: Optimizer, total: int, epoch: int, *, warm_up_share: float = 0.1) -> LRScheduler:
    highest = [group["lr"] for group in optimizer.param_groups]
    if warm_up_share * (total + 1) == 1:  # torch divides by the length of a rise that ends where it begins
        warm_up_share *= 1 - 1e-9
    return OneCycleLR(optimizer, highest, total_steps=total + 1, pct_start=warm_up_share)


def _cosine(optimizer: Optimizer, total: int, epoch: int, *, minimum: float = 0.0) -> LRScheduler:
    return CosineAnnealingLR(optimizer, total, minimum)


def _cosine_restarts(
    optimizer: Optimizer,
    total: int,
    epoch: int,
    *,
    warm_up: float = 2.0,
    start: float = 0.0,
    multiplier: float = 2.0,
    cycles: int = 4,
    minimum: float = 0.0,
) -> LRScheduler:
    def share_of(highest: float) -> Callable[[int], float]:
        def share(step: int) -> float:
            risen, fallen = _restarts(step, total, min(warm_up * epoch, total), multiplier, cycles)
            if risen < 1:
                return (start + (highest - start) * risen) / highest
            return (minimum + (highest - minimum) * (1 + math.cos(math.pi * fallen)) / 2) / highest

        return share

    return LambdaLR(optimizer, [share_of(group["lr"]) for group in optimizer.param_groups])


def _restarts(step: float, total: float, warm_up: float, multiplier: float, cycles: int) -> tuple[float, float]:
    """Find where a step lies in a schedule of a warm-up and so many growing cycles, the last of which ends with it.

    Returns:
        Progress of the warm-up, 1 after it, and progress of the cycle, 0 to 1.
    """
    if step < warm_up:
        return step / warm_up, 0.0
    lengths = [multiplier**i for i in range(cycles)]
    left = (step - warm_up) / max(total - warm_up, 1) * sum(lengths)
    for length in lengths[:-1]:
        if left < length * (1 - 1e-12):
            return 1.0, left / length
        left -= length
    return 1.0, min(left / lengths[-1], 1.0)


def _poly(optimizer: Optimizer, total: int, epoch: int, *, power: float = 0.9) -> LRScheduler:
    return PolynomialLR(optimizer, total, power)


SCHEDULES: dict[str, Callable[..., LRScheduler]] = {
    "constant": _constant,
    "one-cycle": _one_cycle,
    "cosine": _cosine,
    "cosine-restarts": _cosine_restarts,
    "poly": _poly,
}
"""Every schedule by its name in a recipe.

Options: ``warm_up_share`` (one-cycle) of the steps, 0.1; ``minimum`` (cosine, cosine-restarts) learning rate, 0;
``power`` (poly), 0.9; of cosine-restarts ``warm_up`` in epochs, 2, the learning rate ``start`` that it starts from, 0,
``multiplier`` of a cycle's length, 2, and the number of ``cycles``, 4 (ours: the length of Sklgp's first is
unpublished).
"""

_RANGES: dict[str, tuple[float, float]] = {
    "warm_up_share": (0, 1),
    "minimum": (0, math.inf),
    "power": (0, math.inf),
    "warm_up": (0, math.inf),
    "start": (0, math.inf),
    "multiplier": (1, math.inf),
    "cycles": (1, math.inf),
}

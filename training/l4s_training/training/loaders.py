"""Data loaders of one process: whole batches, in the order that the seed says, read ahead by other processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader

from l4s_training.data.patches import Patches
from l4s_training.training.batches import Batches, Fixed, Order, Step, Steps
from l4s_training.training.hardware import Placement

__all__ = ["training_loader", "validation_loader"]


def training_loader(
    domains: tuple[Patches, ...],
    order: Order,
    stands: Callable[[], int],
    every: int,
    total: int,
    placement: Placement,
    rank: int,
    passes: int = 1,
) -> DataLoader[Any]:
    """Make the loader of the steps from where training stands to the next evaluation.

    Args:
        domains: source, or source and target.
        order: the patches of every step; its seed draws where in its interval a stored value lies, too.
        stands: returns the number of steps taken.
        every: steps from one evaluation to the next.
        total: steps of the whole training.
        placement: what the training runs on.
        rank: number of this process.
        passes: parts of a step, each a batch of the loader.
    """
    steps = Steps(order, stands, every, total, rank, placement.processes, passes)
    return _loader(Batches(domains, order.seed, rank), steps, placement.workers, placement.on_gpu)


def validation_loader(patches: Patches, batch: int, placement: Placement, rank: int) -> DataLoader[Any]:
    """Make the loader of the validation patches, of which each process takes every so many-th batch.

    Args:
        patches: one or more.
        batch: patches of a batch.
        placement: what the training runs on.
        rank: number of this process.
    """
    count = len(patches)
    steps: list[Step] = [(0, (tuple(range(at, min(at + batch, count))),)) for at in range(0, count, batch)]
    chosen = Fixed(steps[rank :: placement.processes])
    return _loader(Batches((patches,), None), chosen, 0, placement.on_gpu)


def _loader(batches: Batches, steps: Steps | Fixed, workers: int, pin: bool) -> DataLoader[Any]:
    sampler: Any = steps  # torch calls it a sampler of positions; a position is a whole step here
    return DataLoader(
        batches, batch_size=None, sampler=sampler, num_workers=workers, pin_memory=pin, persistent_workers=workers > 0
    )

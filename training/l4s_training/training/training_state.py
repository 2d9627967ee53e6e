"""All that the rest of a training depends on, as a checkpoint holds it, and how often one is worth its time.

Weights, moving average, optimiser, schedule, loss scale, progress, and the number of the step, from which everything
random follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning as L  # noqa: N812
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from l4s_training.training import checkpoint
from l4s_training.training.checkpoint import Checkpoint
from l4s_training.training.progress import Progress
from l4s_training.training.segmenter import Segmenter

__all__ = ["CheckpointClock", "capture", "restore", "restore_loss_scale"]

_EVERY = 60.0
"""Seconds after which a checkpoint is written in the middle of a pass, if it is worth its time."""
_SHARE = 0.05
"""Share of the time that may go into writing checkpoints."""


def capture(trainer: L.Trainer, module: Segmenter, progress: Progress, seconds: float) -> Checkpoint:
    """Return the state of a training between two steps.

    Args:
        trainer: has its optimiser, its schedule and, in half precision, its loss scale.
        module: has its weights and the number of the step.
        progress: how far it has come.
        seconds: its wall time so far.
    """
    (optimizer,), (schedule,) = trainer.optimizers, trainer.lr_scheduler_configs
    tensors = {f"network.{k}": v for k, v in module.network.state_dict().items()}
    if module.average is not None:
        tensors |= {f"average.{k}": v for k, v in module.average.state_dict().items()}
    tensors |= {f"optimizer.{k}": v for k, v in checkpoint.optimizer_tensors(optimizer).items()}
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    numbers = {
        "step": module.step,
        **progress.as_dict(),
        "seconds": seconds,
        "groups": checkpoint.optimizer_numbers(optimizer),
        "schedule": schedule.scheduler.state_dict(),
        "scaler": scaler.state_dict() if scaler is not None else None,
    }
    return Checkpoint(tensors, numbers)


def restore(kept: Checkpoint, module: Segmenter, path: Path) -> tuple[Progress, float]:
    """Bring a training to where `capture` was called; its optimiser and schedule follow when they are made.

    Args:
        kept: what `capture` returned.
        module: of the same configuration.
        path: where the checkpoint comes from, for messages.

    Returns:
        The progress and the seconds of the training.

    Raises:
        DataError: it is another network's.
    """
    name = module.config.network
    checkpoint.load_weights(module.network, kept.under("network"), path, name)
    if module.average is not None:
        checkpoint.load_weights(module.average, kept.under("average"), path, name)
    progress = Progress.from_dict(kept.numbers)
    module.step = module.total if progress.stopped else kept.numbers["step"]

    def optimization(optimizer: Optimizer, schedule: LRScheduler) -> None:
        checkpoint.restore_optimizer(optimizer, kept.under("optimizer"), kept.numbers["groups"])
        schedule.load_state_dict(kept.numbers["schedule"])

    module.restore = optimization
    return progress, kept.numbers["seconds"]


def restore_loss_scale(trainer: L.Trainer, kept: Checkpoint) -> None:
    """Bring half precision's loss scale to where `capture` was called; in other precisions there is none."""
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    if scaler is not None and kept.numbers.get("scaler"):
        scaler.load_state_dict(kept.numbers["scaler"])


class CheckpointClock:
    """Knows when a checkpoint was last written, and how long that took."""

    def __init__(self) -> None:
        self._written, self._cost = time.monotonic(), 0.0

    @property
    def overdue(self) -> bool:
        """Whether the last one is so long ago that the next is due in the middle of a pass."""
        return time.monotonic() - self._written > _EVERY and self.affordable

    @property
    def affordable(self) -> bool:
        """Whether writing another one takes a small share of the time since the last."""
        return (time.monotonic() - self._written) * _SHARE >= self._cost

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Take the time of writing one."""
        started = time.monotonic()
        yield
        self._written = time.monotonic()
        self._cost = self._written - started

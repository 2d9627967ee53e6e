"""What trains: processor or GPUs, how many processes, and in which precision.

Nothing of it changes what is trained, but for rounding.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import torch
from lightning.pytorch.strategies import DDPStrategy

from l4s_geo.errors import DeviceError
from l4s_training.config.hyperparameters import Precision

__all__ = ["ANY", "Hardware", "Placement", "is_first_process", "place"]


@dataclass(frozen=True)
class Hardware:
    """The hardware that a user asks for."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    """Processes on each machine, one for each GPU."""
    nodes: int = 1
    """Number of machines."""
    workers: int | None = None
    """Loading processes for each training process; None for 4 beside a GPU, else none."""


ANY = Hardware()
"""One GPU where there is one, else the processor."""


@dataclass(frozen=True)
class Placement:
    """The hardware that a training runs on."""

    on_gpu: bool
    devices: int
    nodes: int
    workers: int
    """Loading processes for each training process."""
    precision: Literal["32", "bf16", "fp16"]

    @property
    def processes(self) -> int:
        """Number of training processes on all machines together."""
        return self.devices * self.nodes

    def trainer_options(self) -> dict[str, Any]:
        """Return the keyword arguments that tell `lightning.Trainer` of it."""
        together = self.processes > 1
        return {
            "accelerator": "gpu" if self.on_gpu else "cpu",
            "devices": self.devices,
            "num_nodes": self.nodes,
            "strategy": _strategy(self.on_gpu) if together else "auto",
            "sync_batchnorm": together and self.on_gpu,
            "precision": {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}[self.precision],
        }


def place(hardware: Hardware, precision: Precision) -> Placement:
    """Decide where a training runs.

    Args:
        hardware: what is asked for.
        precision: ``auto`` becomes bfloat16 where the device multiplies it natively, else float32: on processors
            and on GPUs without native support, which emulate it, bfloat16 is slower than float32.

    Raises:
        DeviceError: there is no GPU although one is asked for, or the device does not train in the precision.
    """
    found = torch.cuda.is_available()
    if hardware.accelerator == "gpu" and not found:
        raise DeviceError(
            "A GPU was asked for, but torch finds none; install a driver and a torch with CUDA, or use cpu."
        )
    on_gpu = found and hardware.accelerator != "cpu"
    if precision == "fp16" and not on_gpu:
        raise DeviceError("Precision fp16 needs a GPU, and the processor trains; choose --precision bf16 or 32.")
    if precision == "auto":
        native = _gpu_has_bfloat16() if on_gpu else getattr(torch.cpu, "_is_amx_tile_supported", bool)()
        precision = "bf16" if native else "32"
    workers = hardware.workers if hardware.workers is not None else (4 if on_gpu else 0)
    return Placement(on_gpu, hardware.devices, hardware.nodes, workers, precision)


def is_first_process() -> bool:
    """Whether this is the process that writes, of all that train together."""
    overall = os.environ.get("RANK") or os.environ.get("SLURM_PROCID")
    numbers = [overall] if overall else [os.environ.get(name, "0") for name in ("NODE_RANK", "LOCAL_RANK")]
    return all(int(number) == 0 for number in numbers)


def _gpu_has_bfloat16() -> bool:
    """Whether the GPU multiplies bfloat16 itself; torch emulates it on those before compute capability 8."""
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _strategy(on_gpu: bool) -> DDPStrategy:
    return DDPStrategy(
        find_unused_parameters=True,
        broadcast_buffers=False,  # would wait for processes that have no validation patches left
        process_group_backend=None if on_gpu else "gloo",
        timeout=timedelta(hours=2),
    )

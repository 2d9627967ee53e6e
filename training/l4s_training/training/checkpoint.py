"""A training as it stands, on disk: safetensors with the numbers in the header, no pickle.

The file is written beside its name and renamed, so that a full disk or a kill leaves the last good one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from l4s_geo.errors import DataError
from l4s_geo.output.atomic import atomic_write

__all__ = ["Checkpoint", "load_weights", "optimizer_numbers", "optimizer_tensors", "read", "restore_optimizer", "write"]

_NUMBERS = "l4s"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds: tensors by name, and all else as JSON."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors below a prefix, without it."""
        start = f"{prefix}."
        return {name.removeprefix(start): t for name, t in self.tensors.items() if name.startswith(start)}


def write(path: Path, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any] | None = None) -> None:
    """Write a checkpoint; the file appears whole, or the one before it stays.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    metadata = {_NUMBERS: json.dumps(numbers)} if numbers is not None else None
    before = "the one before it is kept" if path.exists() else "there is none before it"
    advice = f"{before}: make room and run the same command again, it goes on there."
    with atomic_write(path, advice, (SafetensorError,)) as part:
        save_file({name: t.detach().contiguous().cpu() for name, t in tensors.items()}, part, metadata)
        with safe_open(part, "pt"):
            pass  # which says if the file is shorter than its header claims


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        DataError: it is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            numbers = json.loads((file.metadata() or {}).get(_NUMBERS, "{}"))
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, numbers)  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); delete it to begin this training again.") from error


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], path: Path, name: str) -> None:
    """Load weights into a network.

    Args:
        network: receives them.
        tensors: by name, all of them.
        path: where they come from, for the message.
        name: the network's name, for the message.

    Raises:
        DataError: they are another network's.
    """
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise DataError(f"{path} does not hold the weights of {name} ({first}); train again.") from error


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's tensors by the number of the parameter and their name, as in ``3.exp_avg``."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": torch.as_tensor(v) for index, values in state.items() for name, v in values.items()}


def optimizer_numbers(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Return an optimiser's groups as JSON can hold them."""
    groups: list[dict[str, Any]] = optimizer.state_dict()["param_groups"]
    return groups


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]) -> None:
    """Bring an optimiser to where it stood."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": groups})

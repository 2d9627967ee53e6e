"""Depthwise convolutions in float32 where a processor trains in bfloat16.

oneDNN has no fast backward pass for most of them in bfloat16 (5 x 5 or strided: four to nine times as slow as in
float32). EfficientNets consist of them: a step takes a tenth to a quarter less time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

__all__ = ["keep_float32"]


def keep_float32(network: nn.Module) -> None:
    """Let a network's depthwise convolutions compute in float32 under a processor's autocast; elsewhere as before."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = partial(_forward, module.forward)  # type: ignore[method-assign]


def _forward(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return forward(x)
    with torch.autocast("cpu", enabled=False):
        return forward(x.float()).to(torch.get_autocast_dtype("cpu"))

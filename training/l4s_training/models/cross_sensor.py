"""Cross-sensor normalisation (Wang et al. 2022): batch normalisation with one set of statistics per domain.

Source (the labelled training set) and target (the images to be mapped) share γ and β. In training the batch's own
statistics normalise it and move the running set of the active domain only. Inference uses the target set. It
starts as a copy of the source set and follows it until the first target batch, so that a network which never saw
a target batch maps with the source's statistics. LayerNorms have no running statistics and stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CrossSensorBatchNorm2d", "Domain", "convert", "domain", "set_domain"]

Domain = Literal["source", "target"]

_EPS = 1e-5
_MOMENTUM = 0.1


class CrossSensorBatchNorm2d(nn.Module):
    """Normalises (n, channels, rows, cols) batches of two domains; `set_domain` says whose come."""

    source_mean: Tensor
    source_var: Tensor
    target_mean: Tensor
    target_var: Tensor
    target_batches: Tensor

    def __init__(self, channels: int, eps: float = _EPS, momentum: float = _MOMENTUM) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.domain: Domain = "source"
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        for name in ("source", "target"):
            self.register_buffer(f"{name}_mean", torch.zeros(channels))
            self.register_buffer(f"{name}_var", torch.ones(channels))
        self.register_buffer("target_batches", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, and in training move the active domain's statistics."""
        if not self.training:
            return self._normalize(x, self.target_mean, self.target_var)
        if self.domain == "target":
            self.target_batches += 1
            return self._normalize(x, self.target_mean, self.target_var)
        y = self._normalize(x, self.source_mean, self.source_var)
        if not self.target_batches:
            self.target_mean.copy_(self.source_mean)
            self.target_var.copy_(self.source_var)
        return y

    def _normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return functional.batch_norm(x, mean, var, self.weight, self.bias, self.training, self.momentum, self.eps)

    def extra_repr(self) -> str:
        """Channels and constants, for the network's printout."""
        return f"{len(self.weight)}, eps={self.eps}, momentum={self.momentum}"


def convert(module: nn.Module) -> nn.Module:
    """Replace every BatchNorm2d by cross-sensor normalisation, with its γ, β and statistics in both sets.

    timm's BatchNorm2d that carries an activation is replaced by the normalisation and that activation.

    Returns:
        The module, changed in place, or its replacement where it is a BatchNorm2d itself.
    """
    if isinstance(module, nn.BatchNorm2d):
        return _replacement(module)
    for name, child in module.named_children():
        setattr(module, name, convert(child))
    return module


def set_domain(module: nn.Module, active: Domain) -> None:
    """Say whose batches come next in training."""
    for part in module.modules():
        if isinstance(part, CrossSensorBatchNorm2d):
            part.domain = active


@contextmanager
def domain(module: nn.Module, active: Domain) -> Iterator[None]:
    """Say whose batches come inside the ``with`` block; restores what was set before it."""
    before = [(part, part.domain) for part in module.modules() if isinstance(part, CrossSensorBatchNorm2d)]
    set_domain(module, active)
    try:
        yield
    finally:
        for part, was in before:
            part.domain = was


@torch.no_grad()
def _replacement(old: nn.BatchNorm2d) -> nn.Module:
    new = CrossSensorBatchNorm2d(old.num_features)
    if old.affine:
        new.weight.copy_(old.weight)
        new.bias.copy_(old.bias)
    if old.running_mean is not None and old.running_var is not None:
        for mean, var in ((new.source_mean, new.source_var), (new.target_mean, new.target_var)):
            mean.copy_(old.running_mean)
            var.copy_(old.running_var)
    rest = [part for part in (getattr(old, "drop", None), getattr(old, "act", None)) if isinstance(part, nn.Module)]
    return (nn.Sequential(new, *rest) if rest else new).train(old.training)

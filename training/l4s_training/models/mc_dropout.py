"""Monte Carlo dropout after the first convolution (Gal, Ghahramani 2016; Tanmlh's uncertainty).

The dropout works in training as any does. `sampling` switches it on at inference, where everything else stays in
eval mode; `sample` runs the passes. Tanmlh: p = 0.3, 10 passes, the variance is the uncertainty.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["PASSES", "RATE", "MonteCarloDropout", "insert", "sample", "sampling"]

RATE = 0.3
"""Probability that a value is dropped."""
PASSES = 10
"""Number of predictions that are compared."""


class MonteCarloDropout(nn.Module):
    """Dropout that can be active in eval mode.

    Args:
        rate: probability that a value is set to zero.
    """

    def __init__(self, rate: float = RATE) -> None:
        super().__init__()
        self.rate = rate
        self.sampling = False

    def forward(self, x: Tensor) -> Tensor:
        """Drop values in training and while sampling."""
        return functional.dropout(x, self.rate, training=self.training or self.sampling)

    def extra_repr(self) -> str:
        """The rate, for the network's printout."""
        return f"{self.rate}"


def insert(network: nn.Module, rate: float = RATE) -> nn.Module:
    """Put the dropout behind the network's first convolution, in place.

    Raises:
        ValueError: the network has no convolution.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            parent, _, leaf = name.rpartition(".")
            both = nn.Sequential(module, MonteCarloDropout(rate)).train(module.training)
            setattr(network.get_submodule(parent), leaf, both)
            return network
    raise ValueError(f"{type(network).__name__} has no convolution to put the dropout after.")


@contextmanager
def sampling(network: nn.Module) -> Iterator[None]:
    """Switch the dropout on inside the ``with`` block, whatever mode the network is in."""
    parts = [part for part in network.modules() if isinstance(part, MonteCarloDropout)]
    for part in parts:
        part.sampling = True
    try:
        yield
    finally:
        for part in parts:
            part.sampling = False


@torch.no_grad()
def sample(network: nn.Module, x: Tensor, passes: int = PASSES) -> tuple[Tensor, Tensor]:
    """Predict several times with the dropout on.

    Args:
        network: in eval mode, with `MonteCarloDropout` in it.
        x: (n, bands, rows, cols) normalised windows.
        passes: how many times.

    Returns:
        Mean and variance of the probabilities over the passes, both (n, 1, rows, cols).
    """
    with sampling(network):
        probabilities = torch.stack([torch.sigmoid(network(x)) for _ in range(passes)])
    return probabilities.mean(0), probabilities.var(0, unbiased=False)

"""Full-resolution residual networks A and B (Pohlen et al. 2017): one stream keeps the resolution, one pools.

As in the paper's Table 1 and the authors' code (TobyPDE/FRRN): a 5x5 convolution of 48 channels, three residual
units, a residual stream of 32 channels, full-resolution residual units (FRRU) on the pooling stream at the factors
below, bilinear unpooling, three residual units after the streams are joined. A's deepest factor is 16, B's 32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from l4s_training.models.layers import conv_bn, conv_bn_relu
from l4s_training.models.network import Architecture

__all__ = ["FRRN", "NETWORKS", "TABLES", "FullResolutionUnit"]

TABLES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "A": ((3, 96, 2), (4, 192, 4), (2, 384, 8), (2, 384, 16), (2, 192, 8), (2, 192, 4), (2, 96, 2)),
    "B": (
        *((3, 96, 2), (4, 192, 4), (2, 384, 8), (2, 384, 16), (2, 384, 32)),
        *((2, 192, 16), (2, 192, 8), (2, 192, 4), (2, 96, 2)),
    ),
}
"""For each variant: number of FRRUs, their channels, the pooling factor they work at."""

_BASE = 48
_LANES = 32


class FRRN(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; sides are multiples of the deepest factor."""

    def __init__(self, variant: str, bands: int, classes: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(conv_bn_relu(bands, _BASE, 5), *(_ResidualUnit(_BASE, _BASE) for _ in range(3)))
        self.split = conv_bn(_BASE, _LANES, 1)
        self.factors = [factor for _, _, factor in TABLES[variant]]
        channels = _BASE
        groups = []
        for units, outputs, factor in TABLES[variant]:
            groups.append(
                nn.ModuleList(
                    FullResolutionUnit(channels if i == 0 else outputs, outputs, factor) for i in range(units)
                )
            )
            channels = outputs
        self.groups = nn.ModuleList(groups)
        self.last = nn.Sequential(
            _ResidualUnit(channels + _LANES, _BASE), *(_ResidualUnit(_BASE, _BASE) for _ in range(2))
        )
        self.classifier = nn.Conv2d(_BASE, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        pooled = self.first(x)
        residual = self.split(pooled)
        at = 1
        for units, factor in zip(self.groups, self.factors, strict=True):
            pooled = functional.max_pool2d(pooled, 2) if factor > at else _unpool(pooled)
            at = factor
            for unit in units:  # type: ignore[attr-defined]
                pooled, residual = unit(pooled, residual)
        joined = torch.cat([_unpool(pooled), residual], 1)
        logits: Tensor = self.classifier(self.last(joined))
        return logits


class FullResolutionUnit(nn.Module):
    """Reads both streams at the pooling factor, replaces the pooling stream, adds to the residual stream."""

    def __init__(self, inputs: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.convolutions = nn.Sequential(conv_bn_relu(inputs + _LANES, outputs), conv_bn_relu(outputs, outputs))
        self.residual = nn.Conv2d(outputs, _LANES, 1)

    def forward(self, pooled: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Map the streams (n, inputs, rows / factor, …) and (n, 32, rows, …) to those after the unit."""
        small = functional.max_pool2d(residual, self.factor)
        pooled = self.convolutions(torch.cat([pooled, small], 1))
        added = functional.interpolate(self.residual(pooled), scale_factor=float(self.factor), mode="nearest")
        return pooled, residual + added


class _ResidualUnit(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(conv_bn_relu(inputs, outputs), conv_bn(outputs, outputs))
        self.project = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(x) + self.convolutions(x)
        return y


def _unpool(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


NETWORKS = (
    Architecture(
        "frrn_a",
        "Pohlen et al. 2017",
        ("benchmark",),
        lambda given: FRRN("A", given.count),
        divisor=16,
        published=(17.75, "the authors' code; 3 bands, 19 classes"),
    ),
    Architecture(
        "frrn_b",
        "Pohlen et al. 2017",
        ("benchmark",),
        lambda given: FRRN("B", given.count),
        divisor=32,
        published=(24.76, "the authors' code; 3 bands, 19 classes"),
    ),
)

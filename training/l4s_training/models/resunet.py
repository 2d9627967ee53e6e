"""ResU-Net (Zhang, Liu, Wang 2018): a U-Net of residual units, 15 convolutional layers.

As in the paper's Table I: three encoding units (64, 128, 256 channels), a bridge (512), three decoding units,
each of two pre-activated 3x3 convolutions (normalisation, ReLU, convolution) with an identity mapping;
downsampling by stride, not by pooling; upsampling, then concatenation; one 1x1 convolution. Where channels or
sizes change, the identity is a normalised 1x1 convolution (not counted among the 15).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from l4s_training.models.layers import conv_bn
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "ResUNet"]


class ResUNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 8."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [_Unit(bands, 64, 1, first=True), _Unit(64, 128, 2), _Unit(128, 256, 2), _Unit(256, 512, 2)]
        )
        self.up = nn.ModuleList([_Unit(512 + 256, 256, 1), _Unit(256 + 128, 128, 1), _Unit(128 + 64, 64, 1)])
        self.classifier = nn.Conv2d(64, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        skips = []
        for unit in self.down:
            x = unit(x)
            skips.append(x)
        for unit, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = unit(torch.cat([x, skip], 1))
        logits: Tensor = self.classifier(x)
        return logits


class _Unit(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, first: bool = False) -> None:
        super().__init__()
        before = [] if first else [nn.BatchNorm2d(inputs), nn.ReLU()]
        self.convolutions = nn.Sequential(
            *before,
            nn.Conv2d(inputs, outputs, 3, stride, 1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
        )
        self.identity = conv_bn(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolutions(x) + self.identity(x)
        return y


NETWORKS = (
    Architecture(
        "resunet",
        "Zhang, Liu, Wang 2018",
        ("benchmark",),
        lambda given: ResUNet(given.count),
        divisor=8,
    ),
)

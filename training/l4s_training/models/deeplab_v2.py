"""DeepLab-v2 (Chen et al. 2018a): atrous spatial pyramid pooling over a dilated ResNet-101.

As in the paper: output stride 8, four parallel 3x3 convolutions with rates 6, 12, 18 and 24 from the features
straight to the scores, summed, interpolated. The fully connected CRF is post-processing and no part of the network;
neither are the paper's three input scales. In a window of 128 the map has 16x16 pixels, so the outer taps of rates 18
and 24 see padding only; larger windows (scale promotion) use them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l4s_training.models.encoders import resnet
from l4s_training.models.layers import resize
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "DeepLabV2"]

RATES = (6, 12, 18, 24)


class DeepLabV2(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 8."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        self.encoder = resnet(101, bands, output_stride=8, levels=(4,))
        self.aspp = nn.ModuleList(nn.Conv2d(2048, classes, 3, padding=rate, dilation=rate) for rate in RATES)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        (deep,) = self.encoder(x)
        scores = torch.stack([branch(deep) for branch in self.aspp]).sum(0)
        return resize(scores, x)


NETWORKS = (
    Architecture(
        "deeplab_v2",
        "Chen et al. 2018, TPAMI",
        ("benchmark",),
        lambda given: DeepLabV2(given.count),
        divisor=8,
        output_stride=8,
    ),
)

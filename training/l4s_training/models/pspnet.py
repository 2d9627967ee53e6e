"""PSPNet (Zhao et al. 2017): pyramid pooling with bins of 1, 2, 3 and 6 over a dilated ResNet-50.

As in the paper: output stride 8, each bin reduced to a quarter of the channels by a normalised 1x1 convolution,
concatenated with the features, a 3x3 convolution to 512, dropout 0.1. Differs: the plain stem of ResNet instead of
three 3x3 convolutions, and no auxiliary loss on the fourth stage.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l4s_training.models.encoders import resnet
from l4s_training.models.layers import conv_bn_relu, resize
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "PSPNet"]

BINS = (1, 2, 3, 6)


class PSPNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 8."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        self.encoder = resnet(50, bands, output_stride=8, levels=(4,))
        channels = 2048
        self.pyramid = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), conv_bn_relu(channels, channels // len(BINS), 1)) for size in BINS
        )
        self.head = nn.Sequential(conv_bn_relu(2 * channels, 512), nn.Dropout2d(0.1), nn.Conv2d(512, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        (deep,) = self.encoder(x)
        pooled = [resize(level(deep), deep) for level in self.pyramid]
        return resize(self.head(torch.cat([deep, *pooled], 1)), x)


NETWORKS = (
    Architecture(
        "pspnet",
        "Zhao et al. 2017",
        ("benchmark",),
        lambda given: PSPNet(given.count),
        divisor=8,
        output_stride=8,
    ),
)

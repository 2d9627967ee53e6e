"""PSPNet (Zhao et al. 2017): pyramid pooling with bins of 1, 2, 3 and 6 over a dilated ResNet-50.

As in the paper: output stride 8, each bin reduced to a quarter of the channels by a normalised 1x1 convolution,
concatenated with the features, a 3x3 convolution to 512, dropout 0.1; in training an auxiliary classifier on the fourth
stage (`PSPNet.forward_with_auxiliary`), whose loss weighs 0.4. Differs: the plain stem of ResNet instead of three 3x3
convolutions.
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
        self.encoder = resnet(50, bands, output_stride=8, levels=(3, 4))
        channels = 2048
        self.pyramid = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), conv_bn_relu(channels, channels // len(BINS), 1)) for size in BINS
        )
        self.head = nn.Sequential(conv_bn_relu(2 * channels, 512), nn.Dropout2d(0.1), nn.Conv2d(512, classes, 1))
        self.auxiliary = nn.Sequential(conv_bn_relu(1024, 256), nn.Dropout2d(0.1), nn.Conv2d(256, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        return self._logits(self.encoder(x)[1], x)

    def forward_with_auxiliary(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the logits, and those of the auxiliary classifier, both (n, classes, rows, cols)."""
        middle, deep = self.encoder(x)
        return self._logits(deep, x), resize(self.auxiliary(middle), x)

    def _logits(self, deep: Tensor, x: Tensor) -> Tensor:
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

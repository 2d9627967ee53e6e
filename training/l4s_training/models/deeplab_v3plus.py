"""DeepLab-v3+ (Chen et al. 2018b): atrous separable pyramid pooling, and a decoder that adds detail.

As in the paper: output stride 16, a pyramid of a 1x1 convolution, three separable 3x3 convolutions with rates 6,
12, 18 and image pooling, each of 256 channels; upsampling by 4, 48 channels of the stride-4 map, two separable
3x3 convolutions of 256, upsampling by 4. The backbone is ResNet-50 in the place of the paper's ResNet-101 or
Xception-65 (ours: neither the benchmark nor Tanmlh names theirs).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l4s_training.models.encoders import resnet
from l4s_training.models.layers import conv_bn_relu, depthwise_separable, resize
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "DeepLabV3Plus"]

RATES = (6, 12, 18)


class DeepLabV3Plus(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 16."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        self.encoder = resnet(50, bands, output_stride=16, levels=(1, 4))
        self.aspp = nn.ModuleList(
            [conv_bn_relu(2048, 256, 1), *(depthwise_separable(2048, 256, dilation=rate) for rate in RATES)]
        )
        self.image = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_bn_relu(2048, 256, 1))
        self.project = nn.Sequential(conv_bn_relu(5 * 256, 256, 1), nn.Dropout(0.5))
        self.detail = conv_bn_relu(256, 48, 1)
        self.decoder = nn.Sequential(depthwise_separable(256 + 48, 256), depthwise_separable(256, 256))
        self.classifier = nn.Conv2d(256, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        shallow, deep = self.encoder(x)
        pooled = self.image(deep).expand(-1, -1, *deep.shape[-2:])
        context = self.project(torch.cat([*(branch(deep) for branch in self.aspp), pooled], 1))
        merged = torch.cat([resize(context, shallow), self.detail(shallow)], 1)
        return resize(self.classifier(self.decoder(merged)), x)


NETWORKS = (
    Architecture(
        "deeplab_v3plus",
        "Chen et al. 2018, ECCV",
        ("benchmark", "Tanmlh"),
        lambda given: DeepLabV3Plus(given.count),
        divisor=16,
        output_stride=4,
        options=("mc-dropout",),
    ),
)

"""HRNetV2 (Wang et al. 2020): four branches at strides 4 to 32 that exchange their features all the way.

timm's HRNet-W48 with the paper's segmentation head: the branches (48, 96, 192, 384 channels) interpolated to
stride 4, concatenated to 720, a normalised 1x1 convolution, a 1x1 classifier. Differs from the authors' segmentation
code: where branches exchange features, timm upsamples by repetition, as the authors do for classification. Tanmlh does
not state the width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l4s_training.models.encoders import features
from l4s_training.models.layers import conv_bn_relu, resize
from l4s_training.models.network import Architecture

__all__ = ["BRANCHES", "NETWORKS", "HRNet", "HRNetFeatures"]

BRANCHES = (48, 96, 192, 384)


class HRNetFeatures(nn.Module):
    """Maps (n, bands, rows, cols) to (n, 720, rows / 4, cols / 4)."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.branches = features("hrnet_w48", bands, levels=(1, 2, 3, 4), feature_location="")

    def forward(self, x: Tensor) -> Tensor:
        """Compute the joined branches."""
        maps = self.branches(x)
        return torch.cat([maps[0], *(resize(branch, maps[0]) for branch in maps[1:])], 1)


class HRNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 32."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        channels = sum(BRANCHES)
        self.encoder = HRNetFeatures(bands)
        self.head = nn.Sequential(conv_bn_relu(channels, channels, 1), nn.Conv2d(channels, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        return resize(self.head(self.encoder(x)), x)


NETWORKS = (
    Architecture(
        "hrnet",
        "Wang et al. 2020",
        ("Tanmlh",),
        lambda given: HRNet(given.count),
        output_stride=4,
        published=(65.8, "the authors' HRNet-Semantic-Segmentation; 3 bands, 19 classes"),
        options=("mc-dropout",),
    ),
)

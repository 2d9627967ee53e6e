"""HRNet-OCR (Yuan, Chen, Wang 2020): object-contextual representations over HRNetV2-W48.

As in the paper: a coarse classifier on the 720 channels gives soft object regions; the features of each region are
averaged with the region's softmax over the pixels; each pixel attends to the regions (keys of 256 channels) and the
result is joined with its own 512 channels. With one logit there are two regions, background and landslide. The coarse
classifier is supervised in training: `HRNetOCR.forward_with_auxiliary`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l4s_training.models.hrnet import BRANCHES, HRNetFeatures
from l4s_training.models.layers import conv_bn_relu, resize
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "HRNetOCR"]

_PIXEL = 512
_KEY = 256


class HRNetOCR(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 32."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        channels = sum(BRANCHES)
        self.encoder = HRNetFeatures(bands)
        self.regions = nn.Sequential(conv_bn_relu(channels, channels, 1), nn.Conv2d(channels, max(classes, 2), 1))
        self.pixels = conv_bn_relu(channels, _PIXEL)
        self.query = nn.Sequential(conv_bn_relu(_PIXEL, _KEY, 1), conv_bn_relu(_KEY, _KEY, 1))
        self.key = nn.Sequential(conv_bn_relu(_PIXEL, _KEY, 1), conv_bn_relu(_KEY, _KEY, 1))
        self.value = conv_bn_relu(_PIXEL, _KEY, 1)
        self.context = conv_bn_relu(_KEY, _PIXEL, 1)
        self.join = nn.Sequential(conv_bn_relu(2 * _PIXEL, _PIXEL, 1), nn.Dropout2d(0.05))
        self.classifier = nn.Conv2d(_PIXEL, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        return self._logits_and_regions(x)[0]

    def forward_with_auxiliary(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the logits, and the soft object regions' logit of landslide (n, 1, rows, cols)."""
        logits, regions = self._logits_and_regions(x)
        return logits, regions[:, 1:2] - regions[:, :1]

    def _logits_and_regions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.encoder(x)
        regions = self.regions(maps)
        pixels = self.pixels(maps)
        share = torch.softmax(regions.flatten(2), dim=2)  # (n, regions, pixels), each region sums to one
        objects = (pixels.flatten(2) @ share.transpose(1, 2)).unsqueeze(3)  # (n, 512, regions, 1)
        query = self.query(pixels).flatten(2).transpose(1, 2)  # (n, pixels, 256)
        key, value = self.key(objects).flatten(2), self.value(objects).flatten(2)  # (n, 256, regions)
        attention = torch.softmax(query @ key * _KEY**-0.5, dim=2)
        context = (attention @ value.transpose(1, 2)).transpose(1, 2).unflatten(2, pixels.shape[-2:])
        joined = self.join(torch.cat([self.context(context), pixels], 1))
        return resize(self.classifier(joined), x), resize(regions, x)


NETWORKS = (
    Architecture(
        "hrnet_ocr",
        "Yuan, Chen, Wang 2020",
        ("Kingdrone",),
        lambda given: HRNetOCR(given.count),
        output_stride=4,
        window=512,
        published=(70.3, "Qualcomm AI Hub, of the authors' weights; 3 bands, 19 classes"),
        options=("cross-sensor",),
    ),
)

"""U-Net (Ronneberger et al. 2015): 23 convolutional layers, 4 of them transposed.

18 convolutions of 3x3 in pairs, four 2x2 max-poolings, four transposed convolutions of 2x2 that halve the
channels, skips by concatenation, one 1x1 convolution. Differs from the paper: padded, so that output and input
have one size.

``unet``
    with batch normalisation, as in the PyTorch code that the study names (milesial/Pytorch-UNet).
``baseline_unet``
    without, as the competition's outcome paper describes the baseline: convolution and ReLU. (The code that the
    organisers published normalises, and interpolates by default where the paper counts transposed convolutions.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "UNet"]

_CHANNELS = (64, 128, 256, 512, 1024)


class UNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 16."""

    def __init__(self, bands: int, classes: int = 1, normalized: bool = True) -> None:
        super().__init__()
        inputs = (bands, *_CHANNELS)
        self.down = nn.ModuleList(_pair(inputs[i], c, normalized) for i, c in enumerate(_CHANNELS))
        self.pool = nn.MaxPool2d(2)
        rising = _CHANNELS[-2::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, 2) for c in rising)
        self.merge = nn.ModuleList(_pair(2 * c, c, normalized) for c in rising)
        self.classifier = nn.Conv2d(_CHANNELS[0], classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # the paper draws from N(0, 2 / fan-in)
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        skips = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else self.pool(x))
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips[:-1]), strict=True):
            x = merge(torch.cat([skip, up(x)], 1))
        logits: Tensor = self.classifier(x)
        return logits


def _pair(inputs: int, outputs: int, normalized: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, 3, padding=1, bias=not normalized))
        layers += [nn.BatchNorm2d(outputs)] if normalized else []
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


NETWORKS = (
    Architecture(
        "unet",
        "Ronneberger et al. 2015",
        ("benchmark", "study"),
        lambda given: UNet(given.count),
        divisor=16,
        published=(31.037698, "milesial/Pytorch-UNet; 3 bands, 2 classes"),
    ),
    Architecture(
        "baseline_unet",
        "Ronneberger et al. 2015",
        ("baseline",),
        lambda given: UNet(given.count, normalized=False),
        divisor=16,
    ),
)

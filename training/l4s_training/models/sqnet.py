"""SQNet (Treml et al. 2016): a SqueezeNet encoder with ELU, parallel dilated convolutions, SharpMask-like refinement.

As in the paper: ELU everywhere and no normalisation, fire modules, four 3x3 convolutions with rates 1 to 4 whose
outputs are added, transposed convolutions, and at each resolution a refinement that convolves the encoder's map,
concatenates and convolves. The channels (96; 128, 256 and 512) and the layers a stage follow a port of it
(osmr/imgclsmob, sqnet_cityscapes).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "Fire", "ParallelDilated", "SQNet"]

RATES = (1, 2, 3, 4)


class SQNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 16."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(bands, 96, 3, 2, 1), nn.ELU(inplace=True)),
                nn.Sequential(nn.MaxPool2d(2), Fire(96, 16, 128), Fire(128, 16, 128)),
                nn.Sequential(nn.MaxPool2d(2), Fire(128, 32, 256), Fire(256, 32, 256)),
                nn.Sequential(nn.MaxPool2d(2), Fire(256, 64, 512), Fire(512, 64, 512), Fire(512, 64, 512)),
            ]
        )
        self.dilated = ParallelDilated(512)
        self.refine = nn.ModuleList([_Refine(512, 256), _Refine(512, 128), _Refine(256, 96)])
        self.classifier = nn.ConvTranspose2d(192, classes, 3, 2, 1, output_padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # He et al. 2015, which a network without normalisation needs
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        x = self.dilated(x)
        for refine, skip in zip(self.refine, reversed(maps[:3]), strict=True):
            x = refine(x, skip)
        logits: Tensor = self.classifier(x)
        return logits


class Fire(nn.Module):
    """Squeeze by a 1x1 convolution, expand by 1x1 and 3x3 convolutions, half of the outputs each."""

    def __init__(self, inputs: int, squeezed: int, outputs: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(inputs, squeezed, 1), nn.ELU(inplace=True))
        self.expand1 = nn.Conv2d(squeezed, outputs // 2, 1)
        self.expand3 = nn.Conv2d(squeezed, outputs // 2, 3, padding=1)
        self.activation = nn.ELU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze, then expand."""
        x = self.squeeze(x)
        y: Tensor = self.activation(torch.cat([self.expand1(x), self.expand3(x)], 1))
        return y


class ParallelDilated(nn.Module):
    """Adds up four 3x3 convolutions of different receptive fields."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, channels, 3, padding=rate, dilation=rate), nn.ELU(inplace=True))
            for rate in RATES
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add up the branches."""
        return torch.stack([branch(x) for branch in self.branches]).sum(0)


class _Refine(nn.Module):
    """Doubles the resolution and merges the encoder's map of that resolution."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        transposed = nn.ConvTranspose2d(inputs, channels, 3, 2, 1, output_padding=1)
        self.up = nn.Sequential(transposed, nn.ELU(inplace=True))
        self.skip = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ELU(inplace=True))
        self.merge = nn.Sequential(nn.Conv2d(2 * channels, 2 * channels, 3, padding=1), nn.ELU(inplace=True))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.merge(torch.cat([self.skip(skip), self.up(x)], 1))
        return y


NETWORKS = (
    Architecture(
        "sqnet",
        "Treml et al. 2016",
        ("benchmark",),
        lambda given: SQNet(given.count),
        divisor=16,
        published=(16.262771, "osmr/imgclsmob; 3 bands, 19 classes"),
    ),
)

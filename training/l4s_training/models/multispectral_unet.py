"""Multispectral U-Net of Sklgp (Ghorbanzadeh et al. 2022, section VII): a branch for the 10 m bands, one for all.

As in the paper: the high-resolution branch takes B2, B3, B4, B8 through two convolutions to 128 channels and
inverted residuals without downsampling; the general branch is a U-Net of three stride-2 convolutions (smallest
map 16x16 of 128x128), residual blocks, bilinear upsampling and additive skips, 128 channels; both are
concatenated to 256 channels; SMU activates. Unstated and ours: two inverted residuals, expansion 4, one residual
block a level.

Where only the number of bands is known and it is not 14, or none of the four is among them, both branches take all.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from l4s_training.models.layers import conv_bn, resize
from l4s_training.models.network import Architecture, InputSpec
from l4s_training.models.smu import SMU

__all__ = ["NETWORKS", "InvertedResidual", "MultispectralUNet"]

HIGH_RESOLUTION = ("B2", "B3", "B4", "B8")
"""Sentinel-2's bands of 10 m."""

_WIDTH = 128
_EXPANSION = 4
_LEVELS = 3


class MultispectralUNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 8.

    Args:
        bands: number of input bands.
        fine: positions of the high-resolution branch's bands among them.
        classes: number of logits.
    """

    def __init__(self, bands: int, fine: Sequence[int], classes: int = 1) -> None:
        super().__init__()
        self.fine = list(fine)
        self.high = nn.Sequential(
            _cba(len(self.fine), _WIDTH // 2), _cba(_WIDTH // 2, _WIDTH), InvertedResidual(), InvertedResidual()
        )
        self.stem = nn.Sequential(_cba(bands, _WIDTH), _Residual())
        self.down = nn.ModuleList(nn.Sequential(_cba(_WIDTH, _WIDTH, stride=2), _Residual()) for _ in range(_LEVELS))
        self.up = nn.ModuleList(_Residual() for _ in range(_LEVELS))
        self.classifier = nn.Conv2d(2 * _WIDTH, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        maps = [self.stem(x)]
        for down in self.down:
            maps.append(down(maps[-1]))
        general = maps.pop()
        for up, skip in zip(self.up, reversed(maps), strict=True):
            general = up(resize(general, skip) + skip)
        logits: Tensor = self.classifier(torch.cat([self.high(x[:, self.fine]), general], 1))
        return logits


class InvertedResidual(nn.Module):
    """1x1 to more channels, depthwise 3x3, 1x1 back without activation, plus the input (MobileNetV2)."""

    def __init__(self) -> None:
        super().__init__()
        wide = _EXPANSION * _WIDTH
        self.block = nn.Sequential(_cba(_WIDTH, wide, 1), _cba(wide, wide, 3, groups=wide), conv_bn(wide, _WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Add the block to its input."""
        y: Tensor = x + self.block(x)
        return y


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(_cba(_WIDTH, _WIDTH), conv_bn(_WIDTH, _WIDTH))
        self.activation = SMU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(x + self.block(x))
        return y


def _cba(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, normalisation, activation."""
    return conv_bn(inputs, outputs, kernel, stride, groups=groups).append(SMU())


def _make(given: InputSpec) -> nn.Module:
    fine = [given.bands.index(band) for band in HIGH_RESOLUTION if band in given.bands]
    return MultispectralUNet(given.count, fine or range(given.count))


NETWORKS = (Architecture("multispectral_unet", "Ghorbanzadeh et al. 2022, section VII", ("Sklgp",), _make, divisor=8),)

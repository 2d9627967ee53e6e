"""Encoders of timm, from scratch; torchvision's missing operators are declared before timm is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from l4s_training import _torchvision

_torchvision.ensure()

import timm  # noqa: E402

__all__ = ["features", "resnet"]


def features(name: str, bands: int, levels: Sequence[int], **options: Any) -> nn.Module:
    """Make a network of timm that returns its feature maps.

    Args:
        name: timm's name.
        bands: number of input bands.
        levels: which maps, by timm's index (0 is the first stride).
        **options: passed on to timm.

    Returns:
        A module (n, bands, rows, cols) -> list of (n, channels, rows / stride, cols / stride).
    """
    network: nn.Module = timm.create_model(
        name, pretrained=False, features_only=True, in_chans=bands, out_indices=tuple(levels), **options
    )
    return network


def resnet(depth: int, bands: int, output_stride: int = 32, levels: Sequence[int] = (1, 2, 3, 4)) -> nn.Module:
    """Make a ResNet (He et al. 2016); below output stride 32 its last stages dilate instead of striding.

    The last normalisation of each block starts at 1, not at 0 as in timm, so that a network from scratch has a
    gradient everywhere from its first step on.
    """
    return features(f"resnet{depth}", bands, levels, output_stride=output_stride, zero_init_last=False)

"""U-Net (Ronneberger et al. 2015) over the encoders of segmentation-models-pytorch, from scratch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from l4s_training import _torchvision

_torchvision.ensure()

import segmentation_models_pytorch as smp  # noqa: E402

__all__ = ["VARIANTS"]

_ENCODERS = ("resnet18", "resnet34", "efficientnet-b0")


def _unet(encoder: str, bands: int) -> nn.Module:
    network: nn.Module = smp.Unet(encoder, encoder_weights=None, in_channels=bands, classes=1)
    return network


VARIANTS: dict[str, Callable[[int], nn.Module]] = {f"unet-{e}": partial(_unet, e) for e in _ENCODERS}

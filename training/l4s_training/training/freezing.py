"""Balanced training's second stage: the encoder stays as the first stage left it  (Seek; after Zhou et al. 2020)."""

from __future__ import annotations

from typing import Any

from torch import nn

from l4s_geo.errors import DataError
from l4s_training.models.image_head import ImageHead
from l4s_training.models.resunet import ResUNet
from l4s_training.models.unet import UNet

__all__ = ["encoder_of", "freeze_encoder"]


def encoder_of(network: nn.Module) -> nn.Module:
    """Return the part that makes features of the image.

    Raises:
        DataError: the network is not divided into an encoder and a decoder.
    """
    if isinstance(network, ImageHead):
        return encoder_of(network.network)
    encoder = network.down if isinstance(network, UNet | ResUNet) else getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise DataError(
            f"{type(network).__name__} has no encoder to freeze; choose a network with an encoder and a decoder, "
            "such as swin_unet."
        )
    return encoder


def freeze_encoder(network: nn.Module) -> list[nn.Parameter]:
    """Freeze the encoder in place: its parameters, and, by eval mode, its running statistics and dropout.

    It stays in eval mode whatever the network is set to afterwards.

    Returns:
        The parameters left to train.

    Raises:
        DataError: the network has no encoder.
    """
    encoder = encoder_of(network).requires_grad_(False)
    for part in encoder if isinstance(encoder, nn.ModuleList) else [encoder]:  # a list itself is never called
        part.register_forward_pre_hook(_stay_in_eval_mode)
    return [p for p in network.parameters() if p.requires_grad]


def _stay_in_eval_mode(module: nn.Module, _: Any) -> None:
    if module.training:
        module.eval()

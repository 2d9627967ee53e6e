"""FCN-8s (Long, Shelhamer, Darrell 2015): VGG-16 made convolutional, with skips from its third and fourth pooling.

As in the paper: fully connected layers as 7x7 and 1x1 convolutions of 4096 channels, 1x1 scores of three depths,
learned 2x upsampling that starts bilinear, fixed bilinear 8x upsampling at the end. Differs: batch normalisation
after VGG's 13 convolutions (the paper starts from ImageNet, the benchmark from scratch), padding that keeps the
sizes instead of 100 pixels and a crop, and score layers that do not start at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from l4s_training.models.layers import conv_bn_relu
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "FCN8s"]

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_WIDE = 4096


class FCN8s(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 32."""

    final: Tensor

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        channels = bands
        stages = []
        for outputs, depth in _STAGES:
            convolutions = [conv_bn_relu(channels if i == 0 else outputs, outputs) for i in range(depth)]
            stages.append(nn.Sequential(*convolutions, nn.MaxPool2d(2)))
            channels = outputs
        self.stages = nn.ModuleList(stages)
        self.connected = nn.Sequential(
            nn.Conv2d(channels, _WIDE, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Conv2d(_WIDE, _WIDE, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
        )
        self.scores = nn.ModuleList(_Score(c, classes) for c in (256, 512, _WIDE))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(classes, classes, 4, 2, 1, bias=False) for _ in range(2))
        with torch.no_grad():
            for up in self.ups:
                up.weight.copy_(_bilinear(classes, 4))  # type: ignore[operator]
        self.register_buffer("final", _bilinear(classes, 16), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        score = self.scores[2](self.connected(x))
        score = self.ups[0](score) + self.scores[1](maps[3])
        score = self.ups[1](score) + self.scores[0](maps[2])
        return functional.conv_transpose2d(score, self.final, stride=8, padding=4)


class _Score(nn.Linear):
    """A 1x1 convolution, (n, inputs, rows, cols) -> (n, outputs, rows, cols), computed as a matrix product.

    In torch 2.13 the backward pass of a bfloat16 convolution of 4096 channels to one corrupts the heap on processors
    with AMX.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def _bilinear(channels: int, size: int) -> Tensor:
    """Weights of a transposed convolution of stride size / 2 that interpolates each channel bilinearly."""
    ramp = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size / 2)
    weights = torch.zeros(channels, channels, size, size)
    weights[range(channels), range(channels)] = torch.outer(ramp, ramp)
    return weights


NETWORKS = (
    Architecture(
        "fcn8s",
        "Long, Shelhamer, Darrell 2015",
        ("benchmark",),
        lambda given: FCN8s(given.count),
        divisor=32,
        output_stride=8,
        published=(134.0, "FCN-VGG16 in Table 1 of the paper; 3 bands, 21 classes"),
    ),
)

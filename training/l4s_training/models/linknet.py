"""LinkNet (Chaurasia, Culurciello 2017): a ResNet-18 whose maps are added to the decoder's.

As in the paper and the authors' code (e-lab/pytorch-linknet): decoder blocks of 1x1, transposed 3x3 and 1x1
convolution with a quarter of the channels between, four links by addition from the input of an encoder stage to the
output of its decoder block, and a head of transposed 3x3, 3x3 and transposed 2x2 convolution with 32 channels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from l4s_training.models.encoders import resnet
from l4s_training.models.layers import conv_bn_relu
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "LinkNet"]


class LinkNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 32."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        self.encoder = resnet(18, bands, levels=(0, 1, 2, 3, 4))
        self.decoder = nn.ModuleList([_block(512, 256, 2), _block(256, 128, 2), _block(128, 64, 2), _block(64, 64, 1)])
        self.head = nn.Sequential(
            _up(64, 32, 2), conv_bn_relu(32, 32), nn.ConvTranspose2d(32, classes, kernel_size=2, stride=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        first, *maps = self.encoder(x)
        links = [functional.max_pool2d(first, 3, stride=2, padding=1), *maps]  # timm does not return the pooled map
        y = links.pop()
        for block, link in zip(self.decoder, reversed(links), strict=True):
            y = block(y) + link
        logits: Tensor = self.head(y)
        return logits


def _up(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    transposed = nn.ConvTranspose2d(inputs, outputs, 3, stride, 1, output_padding=stride - 1, bias=False)
    return nn.Sequential(transposed, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    middle = inputs // 4
    return nn.Sequential(conv_bn_relu(inputs, middle, 1), _up(middle, middle, stride), conv_bn_relu(middle, outputs, 1))


NETWORKS = (
    Architecture(
        "linknet",
        "Chaurasia, Culurciello 2017",
        ("benchmark",),
        lambda given: LinkNet(given.count),
        divisor=32,
        published=(11.5, "the paper's abstract; 3 bands"),
    ),
)

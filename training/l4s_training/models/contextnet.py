"""ContextNet (Poudel et al. 2018): a deep branch on a quarter of the resolution, a shallow one on the full.

As in the paper's variant cn14: the tables of both branches, no non-linearity between depthwise and pointwise
convolutions of the shallow branch, fusion by addition after a dilated (4) depthwise convolution of the upsampled
context. Ports of it disagree on the layers after the last bottleneck and before the classifier: here none and one
separable convolution, which comes nearest to the paper's number of parameters. The paper's network is for 1024x2048
pixels: in a window of 128 its deepest map has 4x4.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from l4s_training.models.layers import conv_bn, conv_bn_relu, resize
from l4s_training.models.network import Architecture

__all__ = ["NETWORKS", "ContextNet"]

# expansion, channels, blocks, stride of the first block
_BOTTLENECKS = ((1, 32, 1, 1), (6, 32, 1, 1), (6, 48, 3, 2), (6, 64, 3, 2), (6, 96, 2, 1), (6, 128, 2, 1))


class ContextNet(nn.Module):
    """Maps (n, bands, rows, cols) to (n, classes, rows, cols) logits; rows and cols are multiples of 32."""

    def __init__(self, bands: int, classes: int = 1) -> None:
        super().__init__()
        deep: list[nn.Module] = [conv_bn_relu(bands, 32, stride=2)]
        channels = 32
        for expansion, outputs, blocks, stride in _BOTTLENECKS:
            for i in range(blocks):
                deep.append(_Bottleneck(channels, outputs, expansion, stride if i == 0 else 1))
                channels = outputs
        self.deep = nn.Sequential(*deep)
        self.shallow = nn.Sequential(
            conv_bn_relu(bands, 32, stride=2), _separable(32, 64, 2), _separable(64, 128, 2), _separable(128, 128, 1)
        )
        self.context = nn.Sequential(conv_bn_relu(128, 128, dilation=4, groups=128), conv_bn(128, 128, 1))
        self.detail = conv_bn(128, 128, 1)
        self.classifier = nn.Sequential(_separable(128, 128, 1), nn.Dropout(0.1), nn.Conv2d(128, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        detail = self.shallow(x)
        context = self.deep(functional.avg_pool2d(x, 4))
        fused = functional.relu(self.detail(detail) + self.context(resize(context, detail)))
        return resize(self.classifier(fused), x)


class _Bottleneck(nn.Module):
    """Inverted residual with a linear bottleneck (MobileNetV2)."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = expansion * inputs
        self.block = nn.Sequential(
            conv_bn_relu(inputs, wide, 1),
            conv_bn_relu(wide, wide, stride=stride, groups=wide),
            conv_bn(wide, outputs, 1),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.residual else y


def _separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(conv_bn(inputs, inputs, stride=stride, groups=inputs), conv_bn_relu(inputs, outputs, 1))


NETWORKS = (
    Architecture(
        "contextnet",
        "Poudel et al. 2018",
        ("benchmark",),
        lambda given: ContextNet(given.count),
        divisor=32,
        output_stride=8,
        published=(0.85, "the paper, says zh320/realtime-semantic-segmentation-pytorch; 3 bands, 19 classes"),
    ),
)

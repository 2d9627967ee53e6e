"""Building blocks that several architectures share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["conv_bn", "conv_bn_relu", "count_parameters", "depthwise_separable", "resize"]


def conv_bn(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """Make a convolution without bias, padded to keep the size at stride 1, and its normalisation."""
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


def conv_bn_relu(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """Make `conv_bn` followed by a ReLU."""
    return conv_bn(inputs, outputs, kernel, stride, dilation, groups).append(nn.ReLU(inplace=True))


def depthwise_separable(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Make a 3x3 convolution per channel, then a 1x1 convolution, each normalised and rectified."""
    return nn.Sequential(
        conv_bn_relu(inputs, inputs, 3, stride, dilation, groups=inputs), conv_bn_relu(inputs, outputs, 1)
    )


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Interpolate ``x`` bilinearly to the rows and columns of ``like``; both (n, channels, rows, cols)."""
    return functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def count_parameters(network: nn.Module) -> int:
    """Count the learnable values of a network."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)

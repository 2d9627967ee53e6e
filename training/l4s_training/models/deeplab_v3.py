"""DeepLab-v3 (Chen et al. 2017): atrous spatial pyramid pooling with image-level features over a dilated ResNet-50.

From segmentation-models-pytorch: output stride 8, a pyramid of a 1x1 convolution, three 3x3 convolutions with rates
12, 24 and 36 (the paper's 6, 12, 18 doubled, as it says for this stride) and image pooling, each of 256 channels;
interpolated by 8, without a decoder. The backbone is ResNet-50 in the place of the paper's ResNet-101 (ours: Seek and
Sklgp do not name theirs).
"""

from __future__ import annotations

from torch import nn

from l4s_training import _torchvision
from l4s_training.models.network import Architecture

_torchvision.ensure()

import segmentation_models_pytorch as smp  # noqa: E402

__all__ = ["NETWORKS", "deeplab_v3"]


def deeplab_v3(bands: int, classes: int = 1) -> nn.Module:
    """Make a DeepLab-v3: (n, bands, rows, cols) -> (n, classes, rows, cols) logits, sides multiples of 8."""
    network: nn.Module = smp.DeepLabV3(
        "resnet50", encoder_weights=None, encoder_output_stride=8, in_channels=bands, classes=classes
    )
    return network


NETWORKS = (
    Architecture(
        "deeplab_v3",
        "Chen et al. 2017",
        ("Seek", "Sklgp"),
        lambda given: deeplab_v3(given.count),
        divisor=8,
        output_stride=8,
    ),
)

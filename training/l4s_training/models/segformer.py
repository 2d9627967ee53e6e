"""SegFormer (Xie et al. 2021): a hierarchical transformer with a decoder of multilayer perceptrons.

From segmentation-models-pytorch, with the paper's decoder widths: 256 for B0, 768 for B2.

``segformer``
    B2; Kingdrone does not state the size.
``segformer_b0``
    B0, which the study uses at 512 pixels. The study states 4.1 million parameters; Xie et al. state 3.8 million with
    150 classes, which is what this is.
"""

from __future__ import annotations

from torch import nn

from l4s_training import _torchvision
from l4s_training.models.network import Network

_torchvision.ensure()

import segmentation_models_pytorch as smp  # noqa: E402

__all__ = ["NETWORKS", "segformer"]

_WIDTHS = {"b0": 256, "b2": 768}


def segformer(size: str, bands: int, classes: int = 1) -> nn.Module:
    """(n, bands, rows, cols) -> (n, classes, rows, cols) logits; rows and cols are multiples of 32."""
    network: nn.Module = smp.Segformer(
        f"mit_{size}",
        encoder_weights=None,
        in_channels=bands,
        classes=classes,
        decoder_segmentation_channels=_WIDTHS[size],
    )
    return network


NETWORKS = (
    Network(
        "segformer",
        "Xie et al. 2021",
        ("Kingdrone",),
        lambda given: segformer("b2", given.count),
        output_stride=4,
        window=512,
        published=(27.5, "3 bands, 150 classes"),
        options=("cross-sensor",),
    ),
    Network(
        "segformer_b0",
        "Xie et al. 2021",
        ("study",),
        lambda given: segformer("b0", given.count),
        output_stride=4,
        window=512,
        published=(4.1, "the study; 3.8 in Xie et al., 3 bands, 150 classes"),
    ),
)

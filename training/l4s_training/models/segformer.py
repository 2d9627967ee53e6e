"""SegFormer (Xie et al. 2021): a hierarchical transformer with a decoder of multilayer perceptrons.

From segmentation-models-pytorch, with the paper's decoder widths: 256 for B0, 768 for B2.

``segformer``
    B2; Kingdrone does not state the size.
``segformer_b0``
    B0, which the study uses at 512 pixels. The study states 4.1 million parameters; counted are 3.73 million, and
    3.72 million with 3 bands and 19 classes, as the authors' weights have (smp-hub's copy of them).
"""

from __future__ import annotations

from torch import nn

from l4s_training import _torchvision
from l4s_training.models.network import Architecture

_torchvision.ensure()

import segmentation_models_pytorch as smp  # noqa: E402

__all__ = ["NETWORKS", "segformer"]

_WIDTHS = {"b0": 256, "b2": 768}


def segformer(size: str, bands: int, classes: int = 1) -> nn.Module:
    """Make a SegFormer: (n, bands, rows, cols) -> (n, classes, rows, cols) logits, sides multiples of 32."""
    network: nn.Module = smp.Segformer(
        f"mit_{size}",
        encoder_weights=None,
        in_channels=bands,
        classes=classes,
        decoder_segmentation_channels=_WIDTHS[size],
    )
    return network


NETWORKS = (
    Architecture(
        "segformer",
        "Xie et al. 2021",
        ("Kingdrone",),
        lambda given: segformer("b2", given.count),
        output_stride=4,
        window=512,
        published=(27.36, "the authors' weights, smp-hub/segformer-b2-1024x1024-city-160k; 3 bands, 19 classes"),
        options=("cross-sensor",),
    ),
    Architecture(
        "segformer_b0",
        "Xie et al. 2021",
        ("study",),
        lambda given: segformer("b0", given.count),
        output_stride=4,
        window=512,
        published=(4.1, "the study"),
    ),
)

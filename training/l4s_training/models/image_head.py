"""An image-level head on the deepest features (Seek): is there any landslide in this window?

Global average pooling and one linear layer on the encoder's last map. The head serves training only:
`ImageHead.forward` returns the logit map alone, as every network here does, so that export and inference need not
know of it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["ImageHead"]


class ImageHead(nn.Module):
    """Wraps a network of segmentation-models-pytorch.

    Args:
        network: has ``encoder``, ``decoder`` and ``segmentation_head``.

    Raises:
        TypeError: it has not.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        if not all(hasattr(network, part) for part in ("encoder", "decoder", "segmentation_head")):
            raise TypeError(f"{type(network).__name__} has no encoder and decoder to put an image-level head between.")
        self.network = network
        encoder: Any = network.encoder
        self.image = nn.Linear(encoder.out_channels[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logit map alone."""
        logits: Tensor = self.network(x)
        return logits

    def forward_with_image(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, bands, rows, cols) to the logit map (n, 1, rows, cols) and the image's logit (n,)."""
        network: Any = self.network
        maps = network.encoder(x)
        image = self.image(maps[-1].mean((2, 3)))[:, 0]
        return network.segmentation_head(network.decoder(maps)), image

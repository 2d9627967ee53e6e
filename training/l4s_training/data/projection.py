"""Principal components in place of bands (PCA-3: outcome-2022, Table III, after Martinez & Kak 2001).

The projection stands in front of the network as a fixed 1 x 1 convolution over the normalised bands, and in its state:
a checkpoint and an exported bundle carry it, and the mapper gives them all the bands as it gives any other.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from l4s_geo.errors import DataError
from l4s_geo.normalize import Normalization, Statistics, normalize
from l4s_training.data.patches import Patches

__all__ = ["Projected", "principal_components"]

_BATCH = 64


def principal_components(
    patches: Patches, kind: Normalization, statistics: Statistics, count: int = 3
) -> NDArray[np.float32]:
    """Fit principal components to the normalised pixels of patches.

    Args:
        patches: the training set.
        kind: how the network's input is normalised.
        statistics: with what.
        count: how many components.

    Returns:
        (count, bands) float32: eigenvectors of the covariance of the normalised bands, the largest variance first, each
        divided by its standard deviation so that the components have variance 1, its largest entry positive.

    Raises:
        DataError: there are fewer bands than components, or fewer that vary.
    """
    bands = len(patches.bands)
    if not 0 < count <= bands:
        raise DataError(f"{count} principal components of {bands} bands were asked for; expected 1 to {bands}.")
    total, products, pixels = np.zeros(bands), np.zeros((bands, bands)), 0
    for start in range(0, len(patches), _BATCH):
        index = np.arange(start, min(start + _BATCH, len(patches)))
        x = normalize(patches.windows(index), kind, statistics)
        z = x.swapaxes(0, 1).reshape(bands, -1).astype(np.float64)
        total += z.sum(1)
        products += z @ z.T
        pixels += z.shape[1]
    mean = total / max(pixels, 1)
    variance, vectors = np.linalg.eigh(products / max(pixels, 1) - np.outer(mean, mean))  # ascending
    largest, chosen = variance[::-1][:count], vectors.T[::-1][:count]
    if not largest[-1] > 1e-9:
        raise DataError(f"{patches.source} has fewer than {count} independent bands; ask for fewer components.")
    chosen = chosen * np.sign(chosen[np.arange(count), np.abs(chosen).argmax(1)])[:, None]
    components: NDArray[np.float32] = (chosen / np.sqrt(largest)[:, None]).astype(np.float32)
    return components


class Projected(nn.Module):
    """A network behind a fixed projection of its input's bands."""

    def __init__(self, network: nn.Module, components: NDArray[np.float32]) -> None:
        """Put a projection in front of a network.

        Args:
            network: takes (n, count, rows, cols).
            components: (count, bands), see `principal_components`; zeros where a checkpoint will bring them.
        """
        super().__init__()
        self.network = network
        self.components: Tensor
        self.register_buffer("components", torch.from_numpy(np.array(components, np.float32))[..., None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Project (n, bands, rows, cols) and run the network on (n, count, rows, cols)."""
        out: Tensor = self.network(nn.functional.conv2d(x, self.components))
        return out

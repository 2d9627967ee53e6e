"""Scale promotion: a network sees images enlarged, so that small landslides fill more of its features  (Kingdrone).

Images are resized bilinearly and labels by the nearest pixel; probabilities come back by area averaging (ours), with
the weights that the mapper averages with (`l4s_geo.inference.tta`). Images are enlarged by torch's own kernel, which is
one call on any device where the mapper gathers and adds; that both give the same, a test says.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from l4s_geo.errors import DataError
from l4s_geo.inference.tta import area_weights

__all__ = ["bring_back", "promote", "promote_labels"]


def promote(images: Tensor, factor: float) -> Tensor:
    """Enlarge images bilinearly, (n, bands, side, side); `factor` as in `promoted_side`."""
    return interpolate(images, size=promoted_side(images.shape[-1], factor), mode="bilinear", align_corners=False)


def promote_labels(masks: Tensor, factor: float) -> Tensor:
    """Enlarge masks or pixel weights by the nearest pixel, (n, side, side)."""
    side = promoted_side(masks.shape[-1], factor)
    return interpolate(masks[:, None], size=side, mode="nearest-exact")[:, 0]


def promoted_side(side: int, factor: float) -> int:
    """Return the rows and columns of an enlarged window.

    Raises:
        DataError: the factor is below 1.
    """
    if not 1 <= factor < float("inf"):
        raise DataError(f"Scale promotion by {factor}; expected a factor of 1 or more.")
    return round(side * factor)


def bring_back(probabilities: Tensor, side: int) -> Tensor:
    """Reduce probabilities from (n, larger, larger) to (n, side, side) by area averaging."""
    if probabilities.shape[-1] == side:
        return probabilities
    places, shares = area_weights(probabilities.shape[-1], side)
    matrix = np.zeros((side, probabilities.shape[-1]), np.float32)
    np.add.at(matrix, (np.arange(side), places), shares)  # a place may come twice, the second time with no share
    share = torch.from_numpy(matrix).to(probabilities)
    return share @ probabilities @ share.T

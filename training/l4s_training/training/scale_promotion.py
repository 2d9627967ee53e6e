"""Scale promotion: a network sees images enlarged, so that small landslides fill more of its features  (Kingdrone).

Images are resized bilinearly and labels by the nearest pixel; probabilities come back by area averaging (ours), as
the mapper brings them back (`l4s_geo.inference.tta`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from l4s_geo.errors import DataError

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
    before = probabilities.shape[-1]
    edges = torch.arange(side + 1, device=probabilities.device, dtype=torch.float64) * before / side
    pixel = torch.arange(before, device=probabilities.device)
    overlap = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
    share = (overlap.clamp_min(0) * side / before).to(probabilities.dtype)
    return share @ probabilities @ share.T

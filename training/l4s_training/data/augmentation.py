"""Random variants of a batch: the eight flips and rotations, mild zoom and rotation, gains, invalid corners.

The ratio of the bands is what tells bare soil from forest, so the colours are left nearly as they are: strong
jitter per band lowers the F1. Everything works on whole batches of tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Augmentation", "d4", "gain", "invalid_rectangles", "zoom_and_rotate"]


@dataclass(frozen=True)
class Augmentation:
    """How strongly a batch is varied."""

    zoom: float = 1.3
    """Zoom between 1/zoom and zoom."""
    zoom_share: float = 0.4
    """Share of windows that are zoomed and rotated by a free angle."""
    gain: float = 0.05
    """Each band of a window is multiplied by a factor within 1 ± gain."""
    invalid_share: float = 0.1
    """Share of windows in which a rectangle at the border is made invalid, as at the edge of a scene."""

    def __call__(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Vary a batch.

        Args:
            images: (n, bands, side, side) float32, before normalisation.
            masks: (n, side, side) float32, 0 or 1.
            generator: draws everything.

        Returns:
            Images, in which NaN marks invalid pixels, and masks, 0 there.
        """
        images, masks = d4(images, masks, torch.randint(8, (len(images),), generator=generator))
        images, masks = zoom_and_rotate(images, masks, self.zoom, self.zoom_share, generator)
        images = gain(images, self.gain, generator)
        return invalid_rectangles(images, masks, self.invalid_share, generator)


def d4(images: Tensor, masks: Tensor, element: Tensor) -> tuple[Tensor, Tensor]:
    """Apply an element of the square's symmetry group to each image and its mask.

    Args:
        images: (n, bands, side, side).
        masks: (n, side, side).
        element: (n,) int64, 0 to 7: quarter turns, plus 4 for a transposition before them.
    """
    out_images, out_masks = torch.empty_like(images), torch.empty_like(masks)
    for k in range(8):
        if not (chosen := element == k).any():
            continue
        x, y = images[chosen], masks[chosen]
        if k >= 4:
            x, y = x.transpose(-2, -1), y.transpose(-2, -1)
        out_images[chosen] = torch.rot90(x, k % 4, (-2, -1))
        out_masks[chosen] = torch.rot90(y, k % 4, (-2, -1))
    return out_images, out_masks


def zoom_and_rotate(
    images: Tensor, masks: Tensor, zoom: float, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Zoom about a random centre and rotate by a free angle; images bilinear, masks nearest, mirrored borders."""
    chosen = torch.rand(len(images), generator=generator) < share
    n = int(chosen.sum())
    if not n:
        return images, masks
    step = torch.rand(n, generator=generator) * 2 - 1
    scale = float(zoom) ** step
    angle = (torch.rand(n, generator=generator) * 2 - 1) * torch.pi / 4
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - scale).clamp(min=0)[:, None]
    cos, sin = scale * angle.cos(), scale * angle.sin()
    theta = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    grid = functional.affine_grid(theta, [n, 1, *images.shape[2:]], align_corners=False)

    def sample(x: Tensor, mode: str) -> Tensor:
        return functional.grid_sample(x, grid, mode=mode, padding_mode="reflection", align_corners=False)

    images, masks = images.clone(), masks.clone()
    images[chosen] = sample(images[chosen], "bilinear")
    masks[chosen] = sample(masks[chosen][:, None], "nearest")[:, 0]
    return images, masks


def gain(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Multiply each band of each window by its own factor within 1 ± strength."""
    factor = 1 + strength * (torch.rand(*images.shape[:2], 1, 1, generator=generator) * 2 - 1)
    return images * factor


def invalid_rectangles(
    images: Tensor, masks: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Make a rectangle from one corner invalid, up to half the window, in a share of the windows."""
    images, masks = images.clone(), masks.clone()
    side = images.shape[-1]
    for i in torch.nonzero(torch.rand(len(images), generator=generator) < share)[:, 0].tolist():
        height, width = (torch.rand(2, generator=generator) * side).long().tolist()
        if height * width > side * side // 2:
            height //= 2
        top = 0 if torch.rand(1, generator=generator) < 0.5 else side - height
        left = 0 if torch.rand(1, generator=generator) < 0.5 else side - width
        images[i, :, top : top + height, left : left + width] = torch.nan
        masks[i, top : top + height, left : left + width] = 0
    return images, masks

"""Random variants of a batch: flips, rotation, scale, colours, gains, missing bands, invalid corners.

Everything works on whole batches of tensors, on any device; the generator may live on the processor, so that a seed
gives the same variants everywhere. The ratio of the bands is what tells bare soil from forest, so by default the
colours are left nearly as they are: strong jitter per band lowers the F1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from l4s_geo.bands import TERRAIN
from l4s_geo.errors import DataError

__all__ = [
    "Augmentation",
    "band_dropout",
    "colour",
    "d4",
    "gain",
    "invalid_rectangles",
    "zoom_and_rotate",
]


@dataclass(frozen=True)
class Augmentation:
    """How strongly a batch is varied."""

    flips: bool = True
    """Whether windows are flipped and turned by quarters."""
    zoom: float = 1.3
    """Zoom between 1/zoom and zoom."""
    rotation: float = 45.0
    """Rotation between ± this many degrees, together with the zoom."""
    zoom_share: float = 0.4
    """Share of windows that are zoomed and rotated by a free angle."""
    brightness: float = 0.0
    """The spectral bands of a window are multiplied by one factor within 1 ± brightness."""
    contrast: float = 0.0
    """Their distance from the band's mean is multiplied by a factor within 1 ± contrast."""
    saturation: float = 0.0
    """Their distance from the pixel's mean over the bands is multiplied by a factor within 1 ± saturation."""
    gain: float = 0.05
    """Each spectral band of a window is multiplied by a factor of its own within 1 ± gain."""
    band_dropout: float = 0.0
    """Probability that a band of a window is missing (invalid everywhere); never all of them."""
    invalid_share: float = 0.1
    """Share of windows in which a rectangle at the border is made invalid, as at the edge of a scene."""
    bands: tuple[str, ...] | None = None
    """Bands of the images, which tell the spectral ones from terrain; None if all are spectral."""

    def __post_init__(self) -> None:
        if self.zoom < 1:
            raise DataError(f"The augmentation's zoom is {self.zoom}; expected 1 or more.")
        for name in ("zoom_share", "brightness", "contrast", "saturation", "gain", "band_dropout", "invalid_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"The augmentation's {name} is {getattr(self, name)}; expected 0 to 1.")

    def __call__(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Vary a batch.

        Args:
            images: (n, bands, side, side) float32, before normalisation.
            masks: (n, side, side) float32, 0 or 1; or (n, layers, side, side) of anything that belongs to a pixel, as
                mask and weight. On the device of the images.
            generator: draws everything; on the processor or on the device of the images.

        Returns:
            Images, in which NaN marks invalid pixels, and masks, 0 there in every layer.
        """
        spectral = self._spectral(images)
        layers = masks if masks.ndim == 4 else masks[:, None]
        if self.flips:
            element = torch.randint(8, (len(images),), generator=generator, device=generator.device)
            images, layers = d4(images, layers, element)
        images, layers = zoom_and_rotate(images, layers, self.zoom, self.zoom_share, generator, self.rotation)
        if self.brightness or self.contrast or self.saturation:
            images = colour(images, spectral, self.brightness, self.contrast, self.saturation, generator)
        images = gain(images, self.gain, generator, spectral)
        if self.band_dropout:
            images = band_dropout(images, self.band_dropout, generator)
        images, layers = invalid_rectangles(images, layers, self.invalid_share, generator)
        return images, layers if masks.ndim == 4 else layers[:, 0]

    def _spectral(self, images: Tensor) -> Tensor:
        """(bands,) bool, on the device of the images."""
        if self.bands is None:
            return torch.ones(images.shape[1], dtype=torch.bool, device=images.device)
        if len(self.bands) != images.shape[1]:
            raise DataError(f"Images of {images.shape[1]} bands were given to an augmentation of {len(self.bands)}.")
        return torch.tensor([band not in TERRAIN for band in self.bands], device=images.device)


def d4(images: Tensor, masks: Tensor, element: Tensor) -> tuple[Tensor, Tensor]:
    """Apply an element of the square's symmetry group to each image and its mask.

    Args:
        images: (n, bands, side, side).
        masks: (n, side, side) or (n, layers, side, side).
        element: (n,) int64, 0 to 7, in binary: 1 flips rows, 2 flips columns, 4 transposes after that.
    """

    def turned(x: Tensor) -> Tensor:
        bits = element.to(x.device).reshape(-1, *[1] * (x.ndim - 1))
        x = torch.where(bits & 1 > 0, x.flip(-2), x)
        x = torch.where(bits & 2 > 0, x.flip(-1), x)
        return torch.where(bits & 4 > 0, x.transpose(-2, -1), x)

    return turned(images), turned(masks)


def zoom_and_rotate(
    images: Tensor,
    masks: Tensor,
    zoom: float,
    share: float,
    generator: torch.Generator,
    rotation: float = 45.0,
) -> tuple[Tensor, Tensor]:
    """Zoom about a random centre and rotate by a free angle; images bilinear, masks nearest, mirrored borders.

    Args:
        images: (n, bands, side, side).
        masks: (n, side, side) or (n, layers, side, side).
        zoom: zoom between 1/zoom and zoom, evenly in its logarithm.
        share: share of the windows that are changed.
        generator: draws everything.
        rotation: largest angle, degrees.
    """
    chosen = (_random(generator, len(images)) < share).nonzero()[:, 0]
    n = len(chosen)
    if not n:
        return images, masks
    scale = float(zoom) ** _within(generator, n)
    angle = _within(generator, n) * (rotation * torch.pi / 180)
    shift = _within(generator, n, 2) * (1 - scale).clamp(min=0)[:, None]
    cos, sin = scale * angle.cos(), scale * angle.sin()
    theta = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    grid = functional.affine_grid(theta.to(images), [n, 1, *images.shape[2:]], align_corners=False)
    chosen = chosen.to(images.device)

    def sampled(x: Tensor, mode: str) -> Tensor:
        y = functional.grid_sample(x[chosen], grid, mode=mode, padding_mode="reflection", align_corners=False)
        return x.index_copy(0, chosen, y)

    layers = masks if masks.ndim == 4 else masks[:, None]
    layers = sampled(layers, "nearest")
    return sampled(images, "bilinear"), layers if masks.ndim == 4 else layers[:, 0]


def colour(
    images: Tensor,
    spectral: Tensor,
    brightness: float,
    contrast: float,
    saturation: float,
    generator: torch.Generator,
) -> Tensor:
    """Perturb the colours of each window, in its spectral bands only.

    Brightness, contrast and saturation are those of torchvision's ColorJitter with the mean over the spectral bands in
    place of grey; a hue is not defined for more than three bands.

    Args:
        images: (n, bands, rows, cols); NaN marks invalid pixels.
        spectral: (bands,) bool, on the device of the images.
        brightness: factor within 1 ± brightness.
        contrast: factor within 1 ± contrast on the distance from the band's mean.
        saturation: factor within 1 ± saturation on the distance from the pixel's mean over the bands.
        generator: draws the factors.
    """
    factors = 1 + _within(generator, 3, len(images)) * torch.tensor(
        [[brightness], [contrast], [saturation]], device=generator.device
    )
    bright, contrasted, saturated = factors.to(images)[..., None, None, None]
    x = images * bright
    centre = x.nanmean((-2, -1), keepdim=True)
    x = centre + contrasted * (x - centre)
    weight = spectral.to(x)[:, None, None]
    grey = (x * weight).sum(1, keepdim=True) / weight.sum().clamp(min=1)
    x = grey + saturated * (x - grey)
    return torch.where(spectral[:, None, None], x, images)


def gain(images: Tensor, strength: float, generator: torch.Generator, spectral: Tensor | None = None) -> Tensor:
    """Multiply each spectral band of each window by its own factor within 1 ± strength.

    Args:
        images: (n, bands, rows, cols).
        strength: largest relative change.
        generator: draws the factors.
        spectral: (bands,) bool, on the device of the images; None if all are.
    """
    change = strength * _within(generator, *images.shape[:2], 1, 1).to(images)
    if spectral is not None:
        change = change * spectral.to(images)[:, None, None]
    return images * (1 + change)


def band_dropout(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Make bands invalid everywhere in a window, each with a probability; a window keeps at least one.

    Args:
        images: (n, bands, rows, cols).
        probability: that a band is missing.
        generator: draws which.
    """
    draw = _random(generator, *images.shape[:2])
    missing = (draw < probability) & (draw < draw.amax(1, keepdim=True))
    return images.masked_fill(missing.to(images.device)[..., None, None], torch.nan)


def invalid_rectangles(
    images: Tensor, masks: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Make a rectangle from one corner invalid, up to half the window, in a share of the windows.

    Args:
        images: (n, bands, side, side).
        masks: (n, side, side) or (n, layers, side, side).
        share: share of the windows.
        generator: draws which, and the rectangles.
    """
    n, side = len(images), images.shape[-1]
    draw = _random(generator, n, 5)
    height, width = (draw[:, 1:3] * side).long().unbind(1)
    height = torch.where(height * width > side * side // 2, height // 2, height)
    along = torch.arange(side, device=generator.device)

    def covered(length: Tensor, at_end: Tensor) -> Tensor:
        return torch.where(at_end[:, None], along >= side - length[:, None], along < length[:, None])

    rows, cols = covered(height, draw[:, 3] < 0.5), covered(width, draw[:, 4] < 0.5)
    invalid = (rows[:, :, None] & cols[:, None, :] & (draw[:, 0] < share)[:, None, None]).to(images.device)
    hidden = invalid if masks.ndim == 3 else invalid[:, None]
    return images.masked_fill(invalid[:, None], torch.nan), masks.masked_fill(hidden, 0)


def _random(generator: torch.Generator, *shape: int) -> Tensor:
    """Evenly distributed numbers from 0 to 1, on the generator's device."""
    return torch.rand(*shape, generator=generator, device=generator.device)


def _within(generator: torch.Generator, *shape: int) -> Tensor:
    """Evenly distributed numbers from -1 to 1."""
    return _random(generator, *shape) * 2 - 1

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from l4s_geo.errors import DataError
from l4s_training.data import augmentation
from l4s_training.data.augmentation import (
    Augmentation,
    band_dropout,
    colour,
    d4,
    gain,
    invalid_rectangles,
    zoom_and_rotate,
)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def blobs(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth shapes; each band of an image is its mask plus 1."""
    noise = torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    masks = (torch.nn.functional.interpolate(noise, size=(64, 64), mode="bicubic")[:, 0] > 0).float()
    return masks[:, None].repeat(1, 3, 1, 1) + 1, masks


def test_d4_turns_the_image_and_its_mask_alike():
    images, masks = blobs(8)
    new_images, new_masks = d4(images, masks, torch.arange(8))
    assert torch.equal(new_images[:, 0] - 1, new_masks)
    assert not torch.equal(new_masks, masks)


def test_d4_holds_the_eight_symmetries_of_the_square():
    square = torch.arange(9.0).reshape(1, 1, 3, 3).repeat(8, 1, 1, 1)
    turned, _ = d4(square, square[:, 0], torch.arange(8))
    base = np.arange(9.0).reshape(3, 3)
    expected = {np.rot90(side, k).tobytes() for side in (base, base.T) for k in range(4)}
    assert {image[0].numpy().tobytes() for image in turned.double()} == expected
    assert len(expected) == 8


def test_zoom_and_rotation_keep_the_mask_on_its_image(generator):
    images, masks = blobs(16)
    new_images, new_masks = zoom_and_rotate(images, masks, 1.3, 1.0, generator)
    agree = ((new_images[:, 0] - 1 > 0.5) == (new_masks > 0.5)).float().mean()
    assert agree > 0.99
    assert (new_masks != masks).float().mean() > 0.05
    assert set(new_masks.unique().tolist()) == {0.0, 1.0}


def test_zoom_and_rotation_touch_only_their_share(generator):
    images, masks = blobs(200)
    new_images, _ = zoom_and_rotate(images, masks, 1.3, 0.4, generator)
    changed = (new_images != images).flatten(1).any(1).float().mean()
    assert 0.3 < changed < 0.5
    assert torch.equal(zoom_and_rotate(images, masks, 1.3, 0.0, generator)[0], images)


def test_gains_stay_mild_so_that_band_ratios_keep_their_meaning(generator):
    images = torch.ones(500, 3, 2, 2)
    factors = gain(images, 0.05, generator)[:, :, 0, 0]
    assert 0.95 <= factors.min() < 0.955
    assert 1.045 < factors.max() <= 1.05


def test_invalid_rectangles_touch_the_border_and_hold_no_landslide(generator):
    images, masks = torch.ones(300, 3, 32, 32), torch.ones(300, 32, 32)
    new_images, new_masks = invalid_rectangles(images, masks, 0.5, generator)
    invalid = new_images.isnan()
    assert torch.equal(invalid[:, 0], invalid[:, 2])
    assert not new_masks[invalid[:, 0]].any()
    assert new_masks[~invalid[:, 0]].all()
    share = invalid[:, 0].flatten(1).float().mean(1)
    assert share.max() <= 0.5
    assert 0.35 < (share > 0).float().mean() < 0.6
    corners = invalid[:, 0][:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert torch.equal(corners.any(1), share > 0)


def test_the_same_seed_gives_the_same_variants():
    images, masks = blobs(16)
    first = Augmentation()(images, masks, torch.Generator().manual_seed(3))
    second = Augmentation()(images, masks, torch.Generator().manual_seed(3))
    assert torch.equal(first[1], second[1])
    assert torch.equal(first[0].nan_to_num(), second[0].nan_to_num())


EVERYTHING = Augmentation(
    zoom_share=0.7, brightness=0.2, contrast=0.2, saturation=0.2, band_dropout=0.2, invalid_share=0.5
)


def test_weights_go_along_with_masks():
    images, masks = blobs(32)
    layers = torch.stack([masks, masks * 0.25 + 0.5], 1)
    varied, together = EVERYTHING(images, layers, torch.Generator().manual_seed(3))
    alone = EVERYTHING(images, masks, torch.Generator().manual_seed(3))
    assert torch.equal(together[:, 0], alone[1])
    assert torch.equal(varied.nan_to_num(), alone[0].nan_to_num())
    valid = together[:, 1] > 0
    assert torch.equal(together[:, 1][valid], together[:, 0][valid] * 0.25 + 0.5)
    assert torch.equal(~valid, varied.isnan().all(1))
    assert (~valid).any()


def test_without_anything_nothing_changes():
    images, masks = blobs(8)
    still = Augmentation(flips=False, zoom_share=0, gain=0, invalid_share=0)
    for result, given in zip(still(images, masks, torch.Generator()), (images, masks), strict=True):
        assert torch.equal(result, given)


def test_a_rotation_by_a_quarter_is_that_of_the_square(monkeypatch, generator):
    monkeypatch.setattr(augmentation, "_within", lambda _, *shape: torch.ones(shape))  # the largest that may be drawn
    images, masks = blobs(4)
    turned, turned_masks = zoom_and_rotate(images, masks, 1.0, 1.0, generator, 90.0)
    assert torch.allclose(turned, torch.rot90(images, 1, (-2, -1)), atol=1e-4)
    assert torch.equal(turned_masks, torch.rot90(masks, 1, (-2, -1)))


def test_rotations_stay_within_their_angle(generator):
    """A bright line through the centre is turned by at most 20 degrees."""
    images = torch.zeros(64, 1, 65, 65)
    images[:, 0, 32] = 1
    turned, _ = zoom_and_rotate(images, images[:, 0], 1.0, 1.0, generator, 20.0)
    rows = turned[:, 0, :, 60].argmax(1) - turned[:, 0, :, 4].argmax(1)
    angles = torch.rad2deg(torch.atan(rows / 56.0))
    assert 15 < angles.abs().max() <= 21
    assert angles.min() < 0 < angles.max()


def test_brightness_contrast_and_saturation_are_what_they_say(monkeypatch, generator):
    monkeypatch.setattr(augmentation, "_within", lambda _, *shape: torch.ones(shape))
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    spectral = torch.ones(3, dtype=torch.bool)
    bright = colour(image, spectral, 0.2, 0, 0, generator)
    assert torch.allclose(bright, image * 1.2)
    mean = image.mean((-2, -1), keepdim=True)
    assert torch.allclose(colour(image, spectral, 0, 0.5, 0, generator), mean + 1.5 * (image - mean))
    grey = image.mean(1, keepdim=True)
    assert torch.allclose(colour(image, spectral, 0, 0, 0.5, generator), grey + 1.5 * (image - grey))


def test_terrain_keeps_its_values(generator):
    images, masks = blobs(16)
    vary = Augmentation(False, zoom_share=0, brightness=0.3, contrast=0.3, saturation=0.3, gain=0.3, invalid_share=0)
    varied, _ = replace(vary, bands=("B4", "slope", "DEM"))(images, masks, generator)
    assert torch.equal(varied[:, 1:], images[:, 1:])
    assert not torch.isclose(varied[:, 0], images[:, 0]).any()
    with pytest.raises(DataError, match="Images of 3 bands were given to an augmentation of 2"):
        replace(vary, bands=("B4", "DEM"))(images, masks, generator)


def test_colours_of_a_window_with_invalid_pixels_stay_finite(generator):
    images, _ = blobs(4)
    images[:, :, :10] = torch.nan
    varied = colour(images, torch.ones(3, dtype=torch.bool), 0.2, 0.2, 0.2, generator)
    assert torch.equal(varied.isnan(), images.isnan())


def test_bands_are_dropped_with_their_probability_and_never_all(generator):
    images = torch.ones(2000, 3, 2, 2)
    missing = band_dropout(images, 0.3, generator).isnan()
    assert torch.equal(missing.any((2, 3)), missing.all((2, 3)))
    assert not missing.all((1, 2, 3)).any()
    share = missing[:, :, 0, 0].float().mean(0)
    assert ((share > 0.25) & (share < 0.32)).all()
    assert not band_dropout(images, 1.0, generator).isnan().all((1, 2, 3)).any()


def test_rectangles_start_from_every_corner(generator):
    images, masks = torch.ones(300, 1, 32, 32), torch.ones(300, 32, 32)
    invalid = invalid_rectangles(images, masks, 1.0, generator)[0].isnan()[:, 0]
    assert (invalid[:, [0, 0, -1, -1], [0, -1, 0, -1]].float().mean(0) > 0.15).all()


@pytest.mark.parametrize("field", [{"zoom": 0.8}, {"gain": -0.1}, {"band_dropout": 1.5}])
def test_strengths_that_make_no_sense_are_refused(field):
    with pytest.raises(DataError, match=f"The augmentation's {next(iter(field))} is"):
        Augmentation(**field)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_graphics_processor_gives_the_variants_of_the_processor():
    images, masks = blobs(32)
    expected = EVERYTHING(images, masks, torch.Generator().manual_seed(3))
    found = EVERYTHING(images.cuda(), masks.cuda(), torch.Generator().manual_seed(3))
    assert found[0].is_cuda
    assert torch.allclose(found[0].cpu().nan_to_num(), expected[0].nan_to_num(), atol=1e-4)
    assert (found[1].cpu() != expected[1]).float().mean() < 1e-3
    own = torch.Generator("cuda").manual_seed(3)
    assert EVERYTHING(images.cuda(), masks.cuda(), own)[0].is_cuda

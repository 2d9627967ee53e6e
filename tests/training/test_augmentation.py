from __future__ import annotations

import numpy as np
import pytest
import torch

from l4s_training.data.augmentation import Augmentation, d4, gain, invalid_rectangles, zoom_and_rotate


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

"""Shifts between two images: known ones are found, disagreement is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from l4s_geo.change.registration import agreed, block_shift


def ground(seed: int = 0, side: int = 192) -> np.ndarray:
    """Fields and hills: smooth ground with patches that have borders."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(side, side)), 6)
    patches = ndimage.gaussian_filter(rng.normal(size=(side, side)), 4) > 0
    return 1000 + 3000 * smooth + 400 * patches + 20 * rng.normal(size=(side, side))


def displaced(image: np.ndarray, rows: float, cols: float) -> np.ndarray:
    """What scipy makes of an image whose content lies further down and right, without its border."""
    return ndimage.shift(image, (rows, cols), order=3, mode="reflect")[20:-20, 20:-20].astype(np.float32)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.0, -2.0), (0.5, 0.25), (-3.4, 5.3), (0.1, -0.6)])
def test_a_block_finds_a_known_shift_to_a_tenth_of_a_pixel(shift):
    image = ground()
    found = block_shift(displaced(image, 0, 0), displaced(image, *shift))
    assert found == pytest.approx(shift, abs=0.1)


def test_other_colours_haze_and_noise_do_not_move_it():
    image = ground(1)
    later = 0.6 * displaced(image, 1.5, -0.7) + 300 + np.random.default_rng(2).normal(0, 15, (152, 152))
    found = block_shift(displaced(image, 0, 0), later.astype(np.float32))
    assert found == pytest.approx((1.5, -0.7), abs=0.15)


def test_a_block_without_anything_in_it_has_no_shift():
    flat = np.full((128, 128), 500, np.float32)
    rng = np.random.default_rng(0)
    assert block_shift(flat, flat) is None
    noise = [rng.normal(size=(128, 128)).astype(np.float32) for _ in range(2)]
    assert block_shift(*noise) is None


def test_a_block_that_is_mostly_unknown_has_no_shift():
    image = displaced(ground(), 0, 0)
    holes = image.copy()
    holes[:100] = np.nan
    assert block_shift(image, holes) is None


def test_blocks_that_disagree_are_left_out():
    shift = agreed([(1.0, 0.5), (1.1, 0.4), (0.9, 0.5), (1.0, 0.6), (20.0, -3.0), (-8.0, 1.0)])
    assert (shift.rows, shift.cols) == pytest.approx((1.0, 0.5))
    assert (shift.agreeing, shift.blocks) == (4, 6)


def test_blocks_without_a_majority_agree_on_nothing():
    assert agreed([(float(n * 3), 0.0) for n in range(12)]) is None
    assert agreed([(0.0, 0.0), (4.0, 0.0)]) is None
    assert agreed([]) is None

"""Radiometric normalisation: the line of what did not change, whatever did."""

from __future__ import annotations

import numpy as np
import pytest

from l4s_geo.change.normalisation import no_change, normalisation


def scene(pixels: int = 20_000, bands: int = 4) -> np.ndarray:
    """Correlated bands of ground, digital numbers."""
    rng = np.random.default_rng(0)
    base = rng.gamma(4, 300, pixels)
    return np.stack([base * (0.5 + 0.3 * b) + rng.normal(0, 120, pixels) + 200 for b in range(bands)])


def test_a_known_line_is_found_though_a_third_of_the_ground_has_changed():
    rng = np.random.default_rng(1)
    image = scene()
    gain, offset = np.array([0.8, 1.1, 1.3, 0.9]), np.array([100, -50, 30, 0.0])
    reference = image * gain[:, None] + offset[:, None] + rng.normal(0, 10, image.shape)
    changed = rng.random(image.shape[1]) < 0.33
    reference[:, changed] = rng.uniform(200, 6000, (4, changed.sum()))
    lines = normalisation(reference.astype(np.float32), image.astype(np.float32))
    assert [line.gain for line in lines] == pytest.approx(gain, rel=0.02)
    assert [line.offset for line in lines] == pytest.approx(offset, abs=25)
    weights = no_change(image, reference)
    assert weights[~changed].mean() > 10 * weights[changed].mean()


def test_least_squares_on_all_pixels_would_have_been_wrong():
    rng = np.random.default_rng(1)
    image = scene()
    reference = image.copy()
    changed = rng.random(image.shape[1]) < 0.33
    reference[:, changed] = rng.uniform(200, 6000, (4, changed.sum()))
    plain = np.polyfit(image[0], reference[0], 1)[0]
    lines = normalisation(reference.astype(np.float32), image.astype(np.float32))
    assert abs(lines[0].gain - 1) < 0.02 < abs(plain - 1)


def test_images_that_have_nothing_in_common_give_no_line():
    rng = np.random.default_rng(0)
    one, other = (rng.uniform(100, 5000, (3, 5000)).astype(np.float32) for _ in range(2))
    assert normalisation(one, other) is None


def test_too_few_pixels_or_bands_without_variation_give_no_line():
    image = scene(100, 3).astype(np.float32)
    assert normalisation(image, image) is None
    flat = np.full((3, 1000), 500, np.float32)
    assert normalisation(flat, flat) is None

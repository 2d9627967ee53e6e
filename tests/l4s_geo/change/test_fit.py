"""How one scene fits another: what is measured on a sample of both, and where it is looked for."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
from affine import Affine
from scipy import ndimage

from l4s_geo.bands import RGB
from l4s_geo.change.fit import Fit, fit_scene, shared_window
from l4s_geo.change.registration import Shift
from l4s_geo.grid import Window
from l4s_geo.stack.open import Inputs, open_stack
from support import TRANSFORM

NAMES = (*RGB, "B8", "B10")


def ground() -> np.ndarray:
    """Fields and hills in five bands, the last of which is nothing but noise."""
    rng = np.random.default_rng(0)
    patches = ndimage.gaussian_filter(rng.normal(size=(300, 320)), 4)
    lit = 1 + 0.3 * (patches > 0) + 0.5 * patches
    bands = np.array([600, 800, 700, 2500, 10], float)[:, None, None] * lit
    bands[:4] *= 1 + 0.05 * ndimage.gaussian_filter(rng.normal(size=(4, 300, 320)), (0, 3, 3)) * 20
    bands[4] = rng.integers(1, 20, (300, 320))
    return bands


@pytest.fixture
def opened(write_raster):
    """Return a function that writes a scene and opens it, perhaps on another's grid."""
    with ExitStack() as files:

        def open_(name: str, dn: np.ndarray, grid=None, **options):
            path = write_raster(name, dn.clip(1, 20_000).astype(np.uint16), names=NAMES, **options)
            return files.enter_context(open_stack(Inputs(path), grid))

        yield open_


def test_shift_and_colours_are_measured_together(opened) -> None:
    reference = opened("a.tif", ground())
    moved = np.stack([ndimage.shift(b, (2.3, -1.2), order=3, mode="nearest") for b in ground()])
    moved[:4] = moved[:4] * np.array([0.7, 0.8, 0.9, 1.2])[:, None, None] + 80
    found = fit_scene(reference, opened("b.tif", moved, reference.grid))
    assert (found.shift.rows, found.shift.cols) == pytest.approx((2.3, -1.2), abs=0.1)
    assert found.applied
    assert set(found.lines) == {*RGB, "B8"}  # B10 shows no ground
    for band, gain in zip((*RGB, "B8"), (0.7, 0.8, 0.9, 1.2), strict=True):
        assert found.lines[band].gain == pytest.approx(1 / gain, rel=0.05)
        assert found.lines[band].offset == pytest.approx(-80 / gain, abs=50)


def test_the_fit_takes_the_shift_off(opened) -> None:
    reference = opened("a.tif", ground())
    fit = Fit(Shift(2.0, -1.0, 9, 9), applied=True)
    moved = fit.grid(reference.grid)
    assert moved.transform @ (0, 0) == reference.grid.transform @ (-1, 2)
    assert Fit(Shift(20.0, 0.0, 9, 9)).grid(reference.grid) == reference.grid


def test_only_shared_ground_is_looked_at(opened) -> None:
    reference = opened("a.tif", ground())
    right = TRANSFORM @ Affine.translation(200, -50)
    other = opened("b.tif", ground()[:, :250], reference.grid, transform=right)
    assert shared_window(reference, other) == Window(0, 200, 200, 120)


def test_what_does_not_fit_is_left_as_it_is(opened) -> None:
    rng = np.random.default_rng(1)
    reference = opened("a.tif", ground())
    found = fit_scene(reference, opened("b.tif", rng.uniform(100, 9000, (5, 300, 320)), reference.grid))
    assert not found.applied
    assert found.lines == {}
    assert len(found.notes) == 2
    assert not found.recognised


def test_a_veil_under_which_nothing_shows_is_not_the_ground(opened) -> None:
    """Clouds too thin and too dark for their colours to be a cloud's."""
    reference = opened("a.tif", ground())
    veil = 1300 + 150 * ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(5, 300, 320)), (0, 8, 8)) * 20
    assert not fit_scene(reference, opened("b.tif", veil, reference.grid)).recognised


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_ground_between_clouds_is_recognised(opened, share) -> None:
    """What is seen between clouds agrees on one place, however little it is."""
    reference = opened("a.tif", ground())
    dn = ground() * 0.8 + 60
    dn[:, :, round(320 * (1 - share)) :] = 5000
    found = fit_scene(reference, opened("b.tif", dn, reference.grid))
    assert found.recognised


def test_too_little_shared_ground_says_nothing_against_a_scene(opened) -> None:
    """A neighbouring tile that shares a strip of water is not taken for clouds."""
    reference = opened("a.tif", ground())
    flat = np.full((5, 300, 320), 700.0)
    strip = opened("b.tif", flat, reference.grid, transform=TRANSFORM @ Affine.translation(290, 0))
    assert fit_scene(reference, strip).recognised


def test_the_very_values_of_a_scene_are_that_scene(opened) -> None:
    reference = opened("a.tif", ground())
    assert fit_scene(reference, opened("b.tif", ground(), reference.grid)).identical
    assert not fit_scene(reference, opened("c.tif", ground() + 1, reference.grid)).identical

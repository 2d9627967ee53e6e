from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from l4s_geo.errors import ReportError
from l4s_geo.reporting.imagery import Camera, Reduced, levels, masked_overlay, reduce_scene, take_picture
from l4s_geo.stack.open import Inputs, open_stack

from .conftest import write_scene

RANDOM = np.random.default_rng(2)


def noise(rows: int, cols: int) -> Reduced:
    colours = RANDOM.integers(0, 255, (rows, cols, 4)).astype(np.uint8)
    colours[..., 3] = 255
    return Reduced(1, colours, np.zeros((3, 65536), np.uint8))


def opened(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))


def test_tiles_make_up_the_picture():
    reduced = noise(300, 520)
    picture = take_picture(reduced, 1e9)
    assert levels(520, 300) == 3
    assert {name for name in picture.tiles if name.startswith("0/")} == {
        f"0/{c}/{r}" for c in range(3) for r in range(2)
    }
    assert {name for name in picture.tiles if name.startswith("2/")} == {"2/0/0"}
    near = opened(picture.tiles["0/0/0"])[..., :3].astype(float) - reduced.colours[:256, :256, :3]
    assert np.abs(near.mean()) < 3
    edge = opened(picture.tiles["0/2/1"])
    assert edge[:44, :8, 3].min() == 255
    assert edge[44:, :, 3].max() == edge[:, 8:, 3].max() == 0


def test_a_picture_fits_its_budget():
    picture = take_picture(noise(900, 900), 120_000)
    assert picture.size <= 120_000
    assert 200 < picture.width < 900


def test_ground_without_data_has_no_tile():
    reduced = noise(300, 520)
    reduced.colours[:, :256] = 0
    assert "0/0/0" not in take_picture(reduced, 1e9).tiles


def test_a_scene_is_reduced_by_means_of_what_is_known(tmp_path):
    path = write_scene(tmp_path / "scene.tif", empty=101)
    with open_stack(Inputs(scene=path)) as stack:
        camera = Camera([stack])
        whole, half = reduce_scene(camera, stack.grid, 1), reduce_scene(camera, stack.grid, 2)
    assert camera.is_natural
    assert camera.bands == ("B4", "B3", "B2")
    assert half.colours.shape == (200, 200, 4)
    # Of a square that lies half on empty ground the other half counts.
    assert half.colours[:, 50, 3].min() == 255
    assert half.colours[:, 49, 3].max() == whole.colours[:, 100, 3].max() == 0
    low, high = (np.percentile(whole.colours[:, 101:, 0], share) for share in (2, 98))
    assert low < 20
    assert high > 235


def test_an_earlier_scene_fills_the_gaps_of_another(tmp_path):
    paths = [write_scene(tmp_path / "one.tif", empty=150), write_scene(tmp_path / "two.tif", seed=3)]
    with open_stack(Inputs(scene=paths[0])) as one, open_stack(Inputs(scene=paths[1])) as two:
        both, second, first = (Camera(s).read(one.grid.whole) for s in ([one, two], [two], [one]))
    np.testing.assert_array_equal(both[:, :, :150], second[:, :, :150])
    np.testing.assert_array_equal(both[:, :, 150:], first[:, :, 150:])


def test_a_scene_without_natural_colours_is_grey(write_raster):
    path = write_raster("nir.tif", RANDOM.integers(500, 3000, (2, 40, 40)).astype(np.uint16), names=("B8", "B11"))
    with open_stack(Inputs(scene=path)) as stack:
        camera = Camera([stack])
        colours = reduce_scene(camera, stack.grid).colours
    assert not camera.is_natural
    assert camera.bands == ("B8",) * 3
    np.testing.assert_array_equal(colours[..., 0], colours[..., 2])


def test_a_scene_without_a_valid_pixel_is_an_error(tmp_path):
    with open_stack(Inputs(scene=write_scene(tmp_path / "scene.tif", empty=399))) as stack:
        camera = Camera([stack])
        camera.read = lambda window: np.full((3, window.height, window.width), np.nan, np.float32)
        with pytest.raises(ReportError, match="has no valid pixel to show"):
            reduce_scene(camera, stack.grid)


def test_where_masks_lie(tmp_path, write_raster):
    mask = np.zeros((1, 400, 400), np.uint8)
    mask[:, :100] = 1
    path = write_raster("mask.tif", mask)
    with open_stack(Inputs(scene=write_scene(tmp_path / "scene.tif"), mask=path)) as stack:
        share, file = masked_overlay(stack.masks, stack.grid)
        assert masked_overlay([], stack.grid) is None
    assert share == pytest.approx(0.25)
    drawn = opened(file)[..., 3]
    assert drawn[:100].min() > 0
    assert drawn[100:].max() == 0

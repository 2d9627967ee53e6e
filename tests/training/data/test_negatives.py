from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from l4s_geo.bands import RGB, scale_of
from l4s_geo.errors import DataError
from l4s_training.cli import main
from l4s_training.data.make import negatives
from l4s_training.data.readers import read as sources

SCALE = scale_of(RGB)[:, None, None]


@pytest.fixture
def scene(write_raster):
    def write(values: np.ndarray, name: str) -> Path:
        """A Level-1C raster of digital numbers of B4, B3, B2."""
        return write_raster(name, values, names=RGB, nodata=0)

    return write


def ground(rows: int, cols: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (np.array([900, 800, 700])[:, None, None] + rng.integers(0, 500, (3, rows, cols))).astype(np.uint16)


def test_a_scene_is_cut_into_windows_in_l4s_units(scene):
    values = ground(200, 128)
    windows, _ = negatives.scene_windows(str(scene(values, "scene.tif")))
    assert windows.shape == (2, 3, 128, 128)
    np.testing.assert_allclose(windows[0] * SCALE, values[:, :128], rtol=1e-5)
    np.testing.assert_allclose(windows[1] * SCALE, values[:, 72:], rtol=1e-5)


def test_a_small_scene_is_mirrored(scene):
    values = ground(100, 128)
    (window,), _ = negatives.scene_windows(str(scene(values, "scene.tif")))
    np.testing.assert_allclose(window[:, 100:] * SCALE, values[:, :71:-1], rtol=1e-5)


def test_the_atmosphere_of_a_pair_is_found_and_added(scene):
    surface = ground(128, 128)
    slope, path = np.array([0.8, 0.7, 0.6]), np.array([100, 300, 500])
    top = np.rint(surface * slope[:, None, None] + path[:, None, None]).astype(np.uint16)
    pair = str(scene(top, "top.tif")), str(scene(surface, "surface.tif"))
    found = negatives.fit_atmosphere(*pair)
    np.testing.assert_allclose(found.slope, slope, atol=2e-3)
    np.testing.assert_allclose(found.path * scale_of(RGB), path, atol=3)
    below, _ = negatives.scene_windows(pair[1])
    above, _ = negatives.scene_windows(pair[0])
    np.testing.assert_allclose(found.apply(below, np.array([1.0])), above, atol=0.01)
    assert np.array_equal(found.apply(below, np.array([0.0])), below)


def test_a_window_takes_the_colour_of_a_patch_and_keeps_its_pattern():
    windows = (ground(128, 128)[None] / SCALE).astype(np.float32)
    medians = np.array([[2.0, 1.0, 3.0]])
    (cast,) = negatives.recast(windows, medians, np.random.default_rng(0))
    np.testing.assert_allclose(np.median(cast, axis=(1, 2)), medians[0], rtol=1e-5)
    ratio = cast / windows[0]
    assert np.ptp(ratio, axis=(1, 2)).max() < 1e-4


def test_the_command_writes_patches_that_training_reads(scene, tmp_path):
    path, out = scene(ground(128, 256), "scene.tif"), tmp_path / "negatives.npz"
    result = CliRunner().invoke(main, ["negatives", str(path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    patches = sources.read(out, RGB)
    assert len(patches) == 3
    assert not patches.masks.any()
    assert patches.numbers.min() > 10_000
    exact = ground(128, 256)[:, :, :128] / SCALE
    stored = patches.windows(np.array([0]))[0]
    np.testing.assert_allclose(stored / stored.max(), exact / exact.max(), atol=0.005)


def test_surface_reflectance_without_a_pair_is_refused(scene):
    path = str(scene(ground(128, 128), "scene.tif"))
    with pytest.raises(DataError, match="--pair"):
        negatives.negatives([], None, None, [path])


def test_products_of_different_scenes_are_no_pair(scene):
    with pytest.raises(DataError, match="not on the same grid"):
        negatives.fit_atmosphere(str(scene(ground(128, 128), "a.tif")), str(scene(ground(128, 120), "b.tif")))


def test_a_scene_without_valid_windows_is_refused(scene):
    values = ground(128, 128)
    values[:, 0, 0] = 0
    with pytest.raises(DataError, match="No window"):
        negatives.negatives([str(scene(values, "hole.tif"))], None, None)

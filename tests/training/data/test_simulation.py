"""The simulated scene: its ground, its scars, its likeness to real patches, and the committed sample."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from l4s_geo.bands import BANDS
from l4s_training.data.simulation import PIXEL, Cover, Region, SimulatedScene, simulate_scene
from l4s_training.data.simulation.drainage import accumulate, fill_depressions, route
from l4s_training.data.simulation.terrain import horn_slope
from support import SAMPLE

EIGHT = np.ones((3, 3))
SHAPE = (192, 160)


@pytest.fixture(scope="module")
def scene() -> SimulatedScene:
    return simulate_scene(Region(), SHAPE, np.random.default_rng(3))


@pytest.fixture(scope="module")
def command() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample_scene", SAMPLE / "make_sample_scene.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, dict]:
    with rasterio.open(SAMPLE / "valley.tif") as source:
        return source.read(), source.profile | {"descriptions": source.descriptions, "bounds": source.bounds}


def sample_mask(profile: dict) -> np.ndarray:
    reference = gpd.read_file(SAMPLE / "valley_reference.gpkg", layer="landslides")
    shape = profile["height"], profile["width"]
    return rasterize(reference.geometry, shape, transform=profile["transform"], dtype="uint8").astype(bool)


def test_slope_of_a_plane_is_its_inclination():
    y, x = np.mgrid[:20, :20] * 12.5
    slope = horn_slope(0.3 * x - 0.4 * y, 12.5)
    np.testing.assert_allclose(slope[1:-1, 1:-1], np.degrees(np.arctan(0.5)), rtol=1e-5)


def test_filled_ground_drains_to_the_border_and_loses_no_water():
    z = np.random.default_rng(0).random((30, 40)) * 50
    filled = fill_depressions(z)
    flow = route(filled)
    outlets = np.flatnonzero(flow.receiver == np.arange(z.size))
    rows, cols = np.divmod(outlets, 40)
    assert (np.isin(rows, (0, 29)) | np.isin(cols, (0, 39))).all()
    assert accumulate(flow)[outlets].sum() == z.size
    assert (filled >= z).all()


def test_the_same_seed_gives_the_same_scene():
    first, second = (simulate_scene(Region(), (128, 128), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.dn, second.dn)
    np.testing.assert_array_equal(first.landslides, second.landslides)
    np.testing.assert_array_equal(first.dem, second.dem)


def test_shapes_types_and_ranges(scene):
    assert (scene.dn.shape, scene.dn.dtype) == ((14, *SHAPE), np.uint16)
    assert (scene.landslides.shape, scene.landslides.dtype) == (SHAPE, bool)
    assert (scene.cover.shape, scene.cover.dtype) == (SHAPE, np.uint8)
    assert scene.dem.dtype == np.int16
    assert scene.dn[:12].min() > 0
    assert scene.dn[:12].max() < 8000
    assert scene.dn[BANDS.index("slope")].max() < 75
    assert {Cover.FOREST, Cover.CROP, Cover.WATER, Cover.ROAD, Cover.SCAR, Cover.CLOUD} <= set(scene.cover.flat)


def test_coarse_bands_repeat_their_native_pixels(scene):
    for name, block in (("B11", 2), ("B1", 6)):
        band = scene.dn[BANDS.index(name), :180, :156]
        rows, cols = band.shape
        blocks = band.reshape(rows // block, block, cols // block, block)
        assert (np.ptp(blocks.astype(int), axis=(1, 3)) == 0).all()


def test_scars_lie_on_slopes_and_run_downhill(scene):
    assert scene.dn[BANDS.index("slope")][scene.landslides].min() >= Region().event.minimum_slope
    elevation = scene.dn[BANDS.index("DEM")].astype(float)
    assert len(scene.scars) > 5
    for scar in scene.scars:
        x, y = scar.path[:, 0] / PIXEL - 0.5, scar.path[:, 1] / PIXEL - 0.5
        along = ndimage.map_coordinates(elevation, [y, x], order=1, mode="nearest")
        third = max(len(along) // 3, 1)
        assert along[:third].mean() > along[-third:].mean()
        assert 60 <= scar.length <= 500
        assert 20 <= scar.width <= 60


def test_scars_are_bright_and_red_against_the_forest(scene):
    red, green, blue = (np.median(scene.dn[BANDS.index(b)][scene.landslides]) for b in ("B4", "B3", "B2"))
    forest = scene.cover == Cover.FOREST
    contrast = [
        value / np.median(scene.dn[BANDS.index(b)][forest]) for value, b in ((red, "B4"), (green, "B3"), (blue, "B2"))
    ]
    assert contrast[0] > contrast[1] > contrast[2] > 1.2


def test_the_command_writes_the_same_rasters_and_all_scars(command, tmp_path):
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        command.write_sample(folder, seed=5, size=128)
    for name in ("valley.tif", "valley_dem.tif"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    truth = simulate_scene(Region(), (128, 128), np.random.default_rng(5)).landslides
    labels, _ = ndimage.label(truth, EIGHT)
    kept = truth & (np.bincount(labels.ravel())[labels] >= command.SMALLEST)
    with rasterio.open(folders[0] / "valley.tif") as source:
        transform = source.transform
    reference = gpd.read_file(folders[0] / "valley_reference.gpkg")
    drawn = rasterize(reference.geometry, (128, 128), transform=transform, dtype="uint8")
    np.testing.assert_array_equal(drawn.astype(bool), kept)


@pytest.mark.slow
def test_the_committed_sample_is_what_the_command_writes(command, tmp_path, sample):
    command.write_sample(tmp_path)
    with rasterio.open(tmp_path / "valley.tif") as source:
        different = (source.read() != sample[0]).mean()
    assert different < 1e-3, "Run sample_scenes/make_sample_scene.py again."


def test_sample_files_agree_on_place_and_terrain(sample):
    bands, profile = sample
    assert profile["descriptions"] == BANDS
    assert profile["nodata"] is None
    with rasterio.open(SAMPLE / "valley_dem.tif") as dem:
        assert dem.crs == profile["crs"]
        assert dem.res == (12.5, 12.5)
        inner, outer = profile["bounds"], dem.bounds
        assert outer.left < inner.left
        assert outer.bottom < inner.bottom
        assert outer.right > inner.right
        assert outer.top > inner.top
        resampled = np.zeros(bands.shape[1:], np.float32)
        reproject(
            dem.read(1).astype(np.float32),
            resampled,
            src_transform=dem.transform,
            src_crs=dem.crs,
            dst_transform=profile["transform"],
            dst_crs=profile["crs"],
            resampling=Resampling.bilinear,
        )
    assert np.abs(resampled - bands[BANDS.index("DEM")]).max() < 1.0


def test_sample_reference_outlines_the_scars(sample):
    bands, profile = sample
    reference = gpd.read_file(SAMPLE / "valley_reference.gpkg", layer="landslides")
    assert reference.crs == profile["crs"]
    assert reference.is_valid.all()
    np.testing.assert_allclose(reference["area_m2"], reference.area)
    assert reference["area_m2"].min() >= 500
    mask = sample_mask(profile)
    assert mask.sum() * PIXEL**2 == pytest.approx(reference["area_m2"].sum())
    assert 0.015 < mask.mean() < 0.03
    assert bands[BANDS.index("slope")][mask].min() >= 10
    rim = ndimage.binary_dilation(mask, iterations=5) & ~ndimage.binary_dilation(mask, iterations=2)
    red = bands[BANDS.index("B4")]
    assert np.median(red[mask]) > 1.8 * np.median(red[rim])


def test_sample_is_small_enough_to_commit():
    assert sum(f.stat().st_size for f in SAMPLE.iterdir() if f.is_file()) < 4e6


def test_sample_statistics_lie_within_those_of_real_patches(sample, data):
    bands, profile = sample
    with np.load(data / "l4s_14band_labelled.npz") as stored:
        real, real_mask = stored["dn"].astype(np.float64), stored["mask"] > 0
    tiles = np.concatenate(np.split(np.stack(np.split(bands, 4, 1)), 4, 3)).transpose(0, 2, 3, 1)
    masks = np.concatenate(np.split(np.stack(np.split(sample_mask(profile), 4, 0)), 4, 2))
    for statistic in (np.mean, np.std):
        simulated = np.median(statistic(tiles.astype(np.float64), (1, 2)), 0)
        observed = statistic(real, (1, 2))
        for name, value, low, high in zip(BANDS, simulated, observed.min(0), observed.max(0), strict=True):
            assert low <= value <= high, f"{statistic.__name__} of {name}"

    def contrast(pixels: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return np.median(pixels[inside], 0) / np.median(pixels[~inside], 0)

    ours = np.median([contrast(t, m) for t, m in zip(tiles, masks, strict=True) if m.sum() > 50], 0)
    theirs = np.array([contrast(t, m) for t, m in zip(real, real_mask, strict=True) if m.sum() > 50])
    for name in ("B2", "B3", "B4", "B8", "B11", "B12"):
        band = BANDS.index(name)
        assert theirs[:, band].min() <= ours[band] <= theirs[:, band].max(), f"scar contrast of {name}"

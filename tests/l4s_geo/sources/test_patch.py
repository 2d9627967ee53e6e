"""Patches of Landslide4Sense as scenes, and HDF5 files that are none or mean harm."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
import rasterio.shutil
import shapely
from affine import Affine
from pandas.testing import assert_frame_equal
from rasterio.features import rasterize

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import SceneError
from l4s_geo.grid import LOCAL
from l4s_geo.pipeline import map_scene
from l4s_geo.progress import Silent
from l4s_geo.sources import hdf5
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.rasters import opened
from l4s_geo.stack.open import Inputs, open_stack
from l4s_geo.stack.write import write_stack
from support import TRANSFORM, UTM

RNG = np.random.default_rng(2)


def image(rows: int = 128, cols: int = 128) -> np.ndarray:
    """(rows, cols, 14) float64, L4S units: dark ground with a bright body, and a slope to the east."""
    raw = RNG.integers(480, 520, (14, rows, cols)).astype(float)
    raw[3, 30:60, 40:80] = 3000
    raw[12] = 20
    raw[13] = 500 + 3.64 * np.arange(cols)
    return (raw / scale_of(BANDS)[:, None, None]).transpose(1, 2, 0)


def write_h5(path: Path, values: np.ndarray, key: str = "img", **options) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset(key, data=values, **options)
    return path


@pytest.fixture
def patch(tmp_path) -> Path:
    return write_h5(tmp_path / "image_12.h5", image())


@pytest.mark.parametrize("suffix", [".h5", ".H5", ".hdf5"])
@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "shuffle": True}, {"compression": "lzf"}])
def test_a_patch_is_a_scene_of_14_bands_in_l4s_units_at_no_place(tmp_path, suffix, options):
    values = image(100, 130)
    path = write_h5(tmp_path / f"image_12{suffix}", values, **options)
    scene = open_scene(path)
    assert (scene.name, scene.units, tuple(scene.bands)) == ("image_12", "l4s", BANDS)
    assert scene.grid.crs == LOCAL
    assert scene.grid.is_local
    assert (scene.grid.shape, scene.grid.transform) == ((100, 130), Affine(10, 0, 0, 0, -10, 0))
    assert "no coordinates" in scene.notes[0]
    with open_stack(Inputs(path)) as stack:
        assert stack.grid == scene.grid
        assert stack.has_terrain
        got = stack.read(BANDS, stack.grid.whole)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, values.transpose(2, 0, 1), rtol=1e-6)


def test_single_precision_and_integers_are_read_too(tmp_path):
    for dtype in (np.float32, np.uint8):
        values = np.ones((128, 128, 14), dtype)
        with open_stack(Inputs(write_h5(tmp_path / f"{np.dtype(dtype)}.h5", values))) as stack:
            assert (stack.read(BANDS, stack.grid.whole) == 1).all()


def test_pixels_without_data_are_not_valid_if_the_file_declares_them(tmp_path):
    values = image()
    values[:10] = np.nan
    path = write_h5(tmp_path / "a.h5", values)
    with pytest.raises(SceneError, match=r"scene .*a\.h5 holds 17920 values that are not finite"):
        open_scene(path)
    with h5py.File(path, "r+") as file:
        file["img"].attrs["_FillValue"] = np.nan
    with open_stack(Inputs(path)) as stack:
        np.testing.assert_array_equal(np.isnan(stack.read(("B4",), stack.grid.whole)[0]), np.isnan(values[..., 3]))


def georeferenced(path: Path, values: np.ndarray, crs: object, transform: Affine) -> Path:
    profile = {"driver": "GTiff", "dtype": "float32", "count": 14, "height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(path, "w", crs=crs, transform=transform, nodata=np.nan, **profile) as dataset:
        dataset.write(values.transpose(2, 0, 1).astype(np.float32))
        dataset.descriptions = BANDS
    return path


@pytest.mark.parametrize("crs", ["utm", "local"])
def test_a_patch_maps_as_the_same_patch_in_a_geotiff(patch, red_bundle, tmp_path, crs):
    place = (UTM, TRANSFORM) if crs == "utm" else (LOCAL, Affine(10, 0, 0, 0, -10, 0))
    raster = georeferenced(tmp_path / "image_12.tif", image_of(patch), *place)
    found = map_scene(patch, bundle=red_bundle)
    same = map_scene(raster, bundle=red_bundle, units="l4s")
    assert len(found) == 1
    x, y = place[1].c, place[1].f
    assert_same(found, same, x, y)
    assert found.area_m2.item() == found.area.item() == 30 * 40 * 100
    assert found.slope_mean_deg.item() == pytest.approx(20)
    assert found.relief_m.item() == pytest.approx(3.64 * 39, rel=1e-3)
    assert found.aspect_deg.item() == pytest.approx(270, abs=0.1)


def assert_same(found: gpd.GeoDataFrame, same: gpd.GeoDataFrame, x: float, y: float) -> None:
    """Compare inventories of which one lies at (x, y) and the other nowhere."""
    moved = shapely.transform(found.geometry.to_numpy(), lambda corners: corners + np.array([x, y]))
    assert shapely.equals(moved, same.geometry.to_numpy()).all()
    columns = [c for c in found.columns if c not in ("geometry", "created")]
    assert_frame_equal(pd.DataFrame(found[columns]), pd.DataFrame(same[columns]), rtol=1e-9)


def image_of(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["img"][()]


def test_the_real_patches_map_as_in_a_geotiff(data, tmp_path):
    path = data / "l4s_h5" / "image_28.h5"
    raster = georeferenced(tmp_path / "image_28.tif", image_of(path), UTM, TRANSFORM)
    found, same = map_scene(path, bundle="rgb-fast"), map_scene(raster, bundle="rgb-fast", units="l4s")
    assert len(found) == len(same) > 3
    assert_same(found, same, TRANSFORM.c, TRANSFORM.f)
    with h5py.File(data / "l4s_h5" / "mask_28.h5") as file:
        truth = file["mask"][()].astype(bool)
    drawn = rasterize(found.geometry, truth.shape, transform=Affine(10, 0, 0, 0, -10, 0)) > 0
    assert (drawn & truth).sum() / (drawn | truth).sum() > 0.4


def test_the_stack_of_a_patch_maps_as_the_patch(patch, red_bundle, tmp_path):
    write_stack(Inputs(patch), tmp_path / "stack.tif", reporter=Silent())
    found, same = (map_scene(scene, bundle=red_bundle) for scene in (patch, tmp_path / "stack.tif"))
    assert found.geometry.geom_equals(same.geometry).all()
    assert found.crs.is_engineering
    assert same.crs.is_engineering
    assert found.slope_mean_deg.item() == pytest.approx(same.slope_mean_deg.item())


def test_an_area_of_interest_is_counted_from_the_corner(patch, red_bundle):
    found = map_scene(patch, bundle=red_bundle, aoi="400,-450,600,-300")
    assert found.total_bounds.tolist() == [400, -450, 600, -300]


def test_a_dem_cannot_be_laid_under_a_patch(patch, write_raster):
    dem = write_raster("dem.tif", np.ones((130, 130), np.float32))
    with (
        pytest.raises(ValueError, match=r"local coordinates .* EPSG:32645, to which no way leads"),
        open_stack(Inputs(patch, dem=dem)),
    ):
        pass
    with pytest.raises(SceneError, match="to which no way leads"), open_stack(Inputs(patch, mask=dem)):
        pass


def test_nothing_stays_in_memory(patch):
    with opened(str(patch), "scene") as dataset:
        name = dataset.name
        assert rasterio.shutil.exists(name)
    assert not rasterio.shutil.exists(name)


# --- what is no patch -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((128, 128, 3)), r"holds an image of shape \(128, 128, 3\); expected \(rows, cols, 14\)"),
        (np.ones((14, 128, 128)), r"holds an image of shape \(14, 128, 128\)"),
        (np.ones((128, 128)), r"holds an image of shape \(128, 128\)"),
        (np.float64(1), r"holds an image of shape \(\)"),
        (np.ones((0, 128, 14)), r"holds an image of shape \(0, 128, 14\)"),
        (np.full((8, 8, 14), b"x"), "holds values of type"),
        (np.ones((8, 8, 14), complex), "holds values of type complex128"),
        (np.ones((8, 8, 14), np.longdouble), "holds values of type float128"),
        (np.full((8, 8, 14), np.inf), "holds 896 values that are not finite"),
        (np.full((8, 8, 14), 4000.0), "holds B1 from 4000 to 4000; expected 0 to .* divided by M"),
        (np.full((8, 8, 14), -1.0), "holds B1 from -1 to -1; expected 0"),
    ],
)
def test_values_that_are_no_image_are_named(tmp_path, values, message):
    path = write_h5(tmp_path / "image.h5", values)
    with pytest.raises(SceneError, match=rf"The scene .*image\.h5 {message}"):
        open_scene(path)


def test_other_files_are_named(tmp_path, patch):
    mask = write_h5(tmp_path / "mask_12.h5", np.zeros((128, 128), np.uint8), key="mask")
    with pytest.raises(SceneError, match=r"mask_12\.h5 has no key 'img' but mask"):
        open_scene(mask)
    with h5py.File(tmp_path / "group.h5", "w") as file:
        file.create_group("img")
    with pytest.raises(SceneError, match="has no key 'img' but img"):
        open_scene(tmp_path / "group.h5")
    (tmp_path / "text.h5").write_text("no HDF5 at all")
    with pytest.raises(SceneError, match=r"text\.h5 cannot be read as HDF5"):
        open_scene(tmp_path / "text.h5")
    with pytest.raises(SceneError, match=r"nosuch\.h5 cannot be opened \(No such file or directory\)"):
        open_scene(tmp_path / "nosuch.h5")
    with pytest.raises(SceneError, match="Band names were given for image_12"):
        open_scene(patch, bands=BANDS)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}])
def test_a_file_that_is_cut_short_is_an_error(tmp_path, kept, options):
    path = write_h5(tmp_path / "image.h5", image(), **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(SceneError, match=r"image\.h5 cannot be read as HDF5 .*fetch it again"):
        open_scene(path)


def test_damage_inside_is_an_error(tmp_path):
    path = write_h5(tmp_path / "image.h5", image(), compression="gzip", fletcher32=True)
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(64)
    path.write_bytes(whole)
    with pytest.raises(SceneError, match="cannot be read as HDF5"):
        open_scene(path)


# --- what means harm --------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path) -> Path:
    """A file of somebody else, which holds a fine image."""
    return write_h5(tmp_path / "secret.h5", image())


def test_links_are_not_followed(tmp_path, secret):
    for name, link in (
        ("soft", h5py.SoftLink("/elsewhere")),
        ("external", h5py.ExternalLink(str(secret), "img")),
    ):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("elsewhere", data=image())
            file["img"] = link
        with pytest.raises(SceneError, match="has no key 'img' but elsewhere, img"):
            open_scene(tmp_path / f"{name}.h5")


def test_values_in_other_files_are_not_read(tmp_path, secret):
    layout = h5py.VirtualLayout((128, 128, 14), float)
    layout[:] = h5py.VirtualSource(str(secret), "img", (128, 128, 14))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("img", layout)
    raw = tmp_path / "values.bin"
    raw.write_bytes(image().tobytes())
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("img", (128, 128, 14), float, external=[(str(raw), 0, h5py.h5f.UNLIMITED)])
    for name in ("virtual", "external"):
        with pytest.raises(SceneError, match=rf"{name}\.h5 keeps its values in other files"):
            open_scene(tmp_path / f"{name}.h5")


def test_filters_that_hdf5_would_have_to_load_are_not_asked_for(tmp_path):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((8, 8, 14))
    plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))  # Zstandard, a plugin
    with h5py.File(tmp_path / "zstd.h5", "w") as file:
        space = h5py.h5s.create_simple((8, 8, 14))
        h5py.h5d.create(file.id, b"img", h5py.h5t.IEEE_F64LE, space, plist)
    with pytest.raises(SceneError, match=r"compressed with HDF5's filter 32015; expected gzip, lzf or none"):
        open_scene(tmp_path / "zstd.h5")


@pytest.mark.parametrize(
    ("shape", "chunks", "message"),
    [
        ((1 << 20, 1 << 20, 14), (64, 64, 14), "of shape .1048576, 1048576, 14.; .* at most 2048 rows and columns"),
        ((128, 128, 14), (1 << 14, 1 << 11, 14), "is stored in chunks of .16384, 2048, 14. values"),
    ],
)
def test_sizes_that_would_fill_the_memory_are_refused_before_reading(tmp_path, monkeypatch, shape, chunks, message):
    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("img", shape, "f8", chunks=chunks, maxshape=(None, None, 14), compression="gzip")
    assert path.stat().st_size < 1 << 16
    monkeypatch.setattr(hdf5.np, "asarray", lambda *a: pytest.fail("the values were read"))
    with pytest.raises(SceneError, match=message):
        open_scene(path)


@pytest.mark.parametrize("fill", ["text", [1, 2], np.array([], float)])
def test_a_fill_value_of_another_kind_declares_nothing(tmp_path, fill):
    path = write_h5(tmp_path / "image.h5", image())
    with h5py.File(path, "r+") as file:
        file["img"].attrs["_FillValue"] = fill
        file["img"][0, 0, 0] = np.nan
    with pytest.raises(SceneError, match="1 values that are not finite"):
        open_scene(path)

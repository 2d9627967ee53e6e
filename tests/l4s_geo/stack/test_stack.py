from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from l4s_geo.bands import BANDS, RGB, scale_of
from l4s_geo.errors import BandError, SceneError, TerrainError
from l4s_geo.grid import Window, mapping_grid
from l4s_geo.sources.geotiff import open_band_files, open_raster
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.open import Inputs, open_stack
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.terrain import horn, slope_of
from support import ORIGIN, aspect_of


def digital_numbers(rows: int = 60, cols: int = 70, bands: int = 14) -> np.ndarray:
    """Noise; of 14 bands the slope in degrees, too."""
    out = np.random.default_rng(2).integers(300, 3000, (bands, rows, cols)).astype(np.uint16)
    out[12:13] %= 60
    return out


def test_a_named_raster_is_read_in_the_order_asked_for(write_raster) -> None:
    dn = digital_numbers(bands=4)
    path = write_raster("scene.tif", dn, names=("B2", "B3", "B8A", "B04"))
    with Stack(open_raster(path)) as stack:
        assert set(stack.bands) == {"B2", "B3", "B4"}
        got = stack.read(RGB, stack.grid.whole)
    np.testing.assert_allclose(got, dn[[3, 1, 0]] / scale_of(RGB)[:, None, None], rtol=1e-6)


@pytest.mark.parametrize("units", ["dn", "reflectance", "l4s"])
def test_fourteen_bands_in_order_need_no_names_and_units_are_told(write_raster, units: str) -> None:
    dn = digital_numbers()
    factor = {"dn": np.ones(14), "reflectance": np.r_[np.full(12, 1e-4), 1, 1], "l4s": 1 / scale_of(BANDS)}[units]
    values = dn * factor[:, None, None]
    path = write_raster("scene.tif", dn if units == "dn" else values.astype(np.float32))
    with Stack(open_raster(path)) as stack:
        assert stack.units == units
        got = stack.read(BANDS, stack.grid.whole)
    np.testing.assert_allclose(got, dn / scale_of(BANDS)[:, None, None], rtol=1e-5)


def test_band_files_of_several_pixel_sizes_are_brought_to_10_m_by_repetition(write_raster) -> None:
    fine, coarse = digital_numbers(60, 60, 1), digital_numbers(10, 10, 1)
    x, y = ORIGIN
    files = {
        "B4": write_raster("B4.tif", fine),
        "B1": write_raster("B1.tif", coarse, transform=Affine(60, 0, x, 0, -60, y)),
    }
    with Stack(open_band_files(files)) as stack:
        got = stack.read(("B1", "B4"), stack.grid.whole)
    np.testing.assert_allclose(got[0], np.kron(coarse[0], np.ones((6, 6))) / scale_of(["B1"])[0], rtol=1e-6)
    np.testing.assert_allclose(got[1], fine[0] / scale_of(["B4"])[0], rtol=1e-6)


def test_nodata_infinity_and_sentinels_empty_pixels_are_invalid(write_raster) -> None:
    dn = digital_numbers(bands=3).astype(np.float32)
    dn[0, 0, 0] = np.nan
    dn[1, 1, 1] = np.inf
    dn[2, 2, 2] = -9999
    dn[:, 3, 3] = 0
    dn[:, 4, 4] = 0, 120, 300  # shade or water
    path = write_raster("scene.tif", dn, names=("B4", "B3", "B2"), nodata=-9999)
    with Stack(open_raster(path)) as stack:
        valid = np.isfinite(stack.read(RGB, stack.grid.whole)).all(axis=0)
    assert [valid[i, i] for i in range(5)] == [False, False, False, False, True]
    assert valid.sum() == valid.size - 4


STATED = {"dn": 1.0, "reflectance": 1e-4}


@pytest.mark.parametrize("units", STATED)
@pytest.mark.parametrize(
    ("stored", "tag"),
    [(-10000, None), (-1, None), (-9999, -10000), (-3.4028235e38, -3.40282e38), (3.4028235e38, None), (0, None)],
)
def test_fill_that_is_not_declared_is_no_ground(write_raster, units: str, stored: float, tag: float | None) -> None:
    dn = digital_numbers(bands=3)
    values = dn.astype(np.float32) * np.float32(STATED[units])
    values[:, :20] = stored
    with Stack(open_raster(write_raster("scene.tif", values, names=RGB, nodata=tag))) as stack:
        assert stack.units == units
        got = stack.read(RGB, stack.grid.whole)
    assert np.isnan(got[:, :20]).all()
    np.testing.assert_allclose(got[:, 20:], dn[:, 20:] / scale_of(RGB)[:, None, None], rtol=1e-5)


@pytest.mark.parametrize(("stored", "tag"), [(-10000, None), (-1, None), (-9999, -9999.0001)])
def test_fill_that_is_not_declared_is_not_mixed_into_a_warped_scene(
    write_raster, stored: float, tag: float | None
) -> None:
    values = np.full((3, 200, 220), 1500, np.float32)
    values[:, :90] = stored
    place = {"crs": "EPSG:4326", "transform": Affine(9e-5, 0, 87, 0, -9e-5, 28)}
    with Stack(open_raster(write_raster("scene.tif", values, names=RGB, nodata=tag, **place))) as stack:
        got = stack.read_raw(RGB, stack.grid.whole)
    known = np.isfinite(got)
    assert 0.4 < known.mean() < 0.6
    np.testing.assert_allclose(got[known], 1500, rtol=1e-5)


def test_a_little_over_correction_is_ground(write_raster) -> None:
    values = digital_numbers(bands=3).astype(np.float32) / 10000
    values[0, :10] = -0.002
    values[1, :10] = 0.03
    with Stack(open_raster(write_raster("scene.tif", values, names=RGB))) as stack:
        assert np.isfinite(stack.read(RGB, stack.grid.whole)).all()


@pytest.mark.parametrize("missing", range(3))
def test_the_fringe_of_a_swath_where_one_band_is_0_is_not_mapped(write_raster, missing: int) -> None:
    dn = digital_numbers(bands=3)
    dn[:, :, :4] = 0
    dn[missing, :, 4:7] = 0
    dn[(missing + 1) % 3, :, 4:7] = 900
    with Stack(open_raster(write_raster("scene.tif", dn, names=RGB))) as stack:
        valid = np.isfinite(stack.read(RGB, stack.grid.whole)).all(axis=0)
    assert not valid[:, :7].any()
    assert valid[:, 7:].all()


def test_zeros_of_cirrus_are_ground(write_raster) -> None:
    dn = digital_numbers(bands=13)
    dn[10] = 0
    names = tuple(f"B{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, "8A", 9, 10, 11, 12))
    with Stack(open_raster(write_raster("scene.tif", dn, names=names))) as stack:
        assert np.isfinite(stack.read(("B4", "B10"), stack.grid.whole)).all()


FROM_DEGREES = {
    "radians": np.radians,
    "percent": lambda s: 100 * np.tan(np.radians(s)),
    "rise over run": lambda s: np.tan(np.radians(s)),
}


@pytest.mark.parametrize("stated", FROM_DEGREES)
@pytest.mark.parametrize("height", [20, 60])
def test_the_scenes_own_slope_is_told_by_its_elevations(write_raster, stated: str, height: float) -> None:
    y, x = np.mgrid[:60, :70]
    elevation = (1000 + height * np.sin(x / 9) * np.cos(y / 11)).astype(np.float32)
    degrees = slope_of(*horn(elevation, 10))
    values = np.concatenate([digital_numbers(bands=3).astype(np.float32), degrees[None], elevation[None]])
    names = (*RGB, "slope", "DEM")
    with Stack(open_raster(write_raster("right.tif", values, names=names))) as stack:
        np.testing.assert_array_equal(stack.slope(stack.grid.whole), degrees)
    values[3] = FROM_DEGREES[stated](degrees)
    path = write_raster("wrong.tif", values, names=names)
    with pytest.raises(TerrainError, match=rf"slope band of the scene wrong .* looks like {stated}; expected degrees"):
        Stack(open_raster(path))
    dem = write_raster("dem.tif", elevation)
    with open_stack(Inputs(path, dem=dem)) as stack:
        np.testing.assert_allclose(stack.slope(stack.grid.whole)[1:-1, 1:-1], degrees[1:-1, 1:-1], atol=1e-3)


@pytest.mark.parametrize("fill", [-9999, -32768, 65535])
def test_fill_in_the_scenes_own_terrain_is_unknown(write_raster, fill: float) -> None:
    y, x = np.mgrid[:60, :70]
    elevation = (1000 + 40 * np.sin(x / 9) * np.cos(y / 11)).astype(np.float32)
    slope = slope_of(*horn(elevation, 10))
    elevation[:10] = slope[:10] = fill
    values = np.concatenate([digital_numbers(bands=3).astype(np.float32), slope[None], elevation[None]])
    with Stack(open_raster(write_raster("s.tif", values, names=(*RGB, "slope", "DEM")))) as stack:
        terrain = stack.terrain(stack.grid.whole)
    assert np.isnan(terrain.elevation[:10]).all()
    assert np.isnan(terrain.slope[:10]).all()
    np.testing.assert_array_equal(terrain.elevation[10:], elevation[10:])


def test_swapped_slope_and_elevation_are_refused(write_raster) -> None:
    dn = digital_numbers()
    dn[[12, 13]] = dn[[13, 12]]
    with pytest.raises(TerrainError, match="looks like elevations"):
        Stack(open_raster(write_raster("scene.tif", dn)))


def test_the_offset_of_later_baselines_is_taken_off(write_raster) -> None:
    from dataclasses import replace

    dn = digital_numbers(bands=1)
    dn[0, 0, 0] = 0
    plain = open_band_files({"B4": write_raster("old.tif", dn)})
    later = open_band_files({"B4": write_raster("new.tif", np.where(dn == 0, 0, dn + 1000).astype(np.uint16))})
    ref = replace(later.bands["B4"], offset=-1000, nodata=0)
    with Stack(plain) as a, Stack(replace(later, bands={"B4": ref}, units="dn")) as b:
        np.testing.assert_array_equal(a.read(["B4"], a.grid.whole), b.read(["B4"], b.grid.whole))


def test_windows_of_a_warped_scene_equal_the_whole(write_raster) -> None:
    dn = digital_numbers(300, 400, 3)
    dn[:, 100:120, 50:90] = 0
    path = write_raster(
        "scene.tif", dn, names=RGB, crs="EPSG:4326", transform=Affine(9e-5, 0, 141.9, 0, -9e-5, 42.7), nodata=0
    )
    with Stack(open_raster(path)) as stack:
        whole = stack.read(RGB, stack.grid.whole)
        for window in (Window(0, 0, 128, 128), Window(90, 33, 128, 200), Window(37, 0, 1, stack.grid.width)):
            np.testing.assert_array_equal(stack.read(RGB, window), whole[(slice(None), *window.slices)])
    assert 0.7 < np.isfinite(whole[0]).mean() < 1


def test_all_that_belongs_to_a_warped_scene_shares_its_mapping_grid(write_raster) -> None:
    place = {"crs": "EPSG:4326", "transform": Affine(9e-5, 0, 87, 0, -9e-5, 28)}
    path = write_raster("scene.tif", digital_numbers(bands=3), names=RGB, **place)
    dem = write_raster("dem.tif", np.arange(60 * 70, dtype=np.float32).reshape(60, 70), **place)
    with open_stack(Inputs(path, dem=dem)) as stack:
        assert stack.grid == mapping_grid(stack.scene.grid) != stack.scene.grid
        assert stack.dem is not None
        assert stack.dem.grid is stack.grid


def test_a_dem_takes_the_place_of_the_scenes_terrain(write_raster) -> None:
    dn = digital_numbers()
    scene = open_raster(write_raster("scene.tif", dn))
    x = np.mgrid[:80, :90][1] * 10.0
    dem_path = write_raster(
        "dem.tif", (500 + 0.5 * x).astype(np.float32), transform=Affine(10, 0, ORIGIN[0] - 50, 0, -10, ORIGIN[1] + 50)
    )
    with DEM(dem_path, scene.grid) as dem, Stack(scene, dem) as stack:
        slope, elevation = (
            stack.read(("slope", "DEM"), Window(5, 6, 20, 20)) * scale_of(("slope", "DEM"))[:, None, None]
        )
        terrain = stack.terrain(Window(5, 6, 20, 20))
    np.testing.assert_allclose(slope, np.degrees(np.arctan(0.5)), atol=0.01)
    np.testing.assert_allclose(elevation[0], 500 + 0.5 * (np.arange(6, 26) * 10 + 50), atol=0.01)
    np.testing.assert_allclose(terrain.elevation, elevation, rtol=1e-5)


def test_the_scenes_own_terrain_is_used_without_a_dem(write_raster) -> None:
    dn = digital_numbers()
    y = np.mgrid[:60, :70][0]
    dn[12], dn[13] = 27, 1000 + 5 * y
    with Stack(open_raster(write_raster("scene.tif", dn))) as stack:
        for window in (stack.grid.whole, Window(10, 20, 5, 5)):
            terrain = stack.terrain(window)
            np.testing.assert_allclose(terrain.slope, 27, rtol=1e-5)
            np.testing.assert_allclose(terrain.elevation, dn[13][window.slices], rtol=1e-5)
            np.testing.assert_allclose(aspect_of(*terrain.rise(*np.nonzero(terrain.slope > 0))), 0, atol=0.05)


def test_a_scene_without_terrain_has_none(write_raster) -> None:
    with Stack(open_raster(write_raster("scene.tif", digital_numbers(bands=3), names=RGB))) as stack:
        assert not stack.has_terrain
        assert stack.terrain(stack.grid.whole) is None


def test_bands_of_another_crs_are_refused(write_raster) -> None:
    dn = digital_numbers(bands=1)
    files = {"B4": write_raster("a.tif", dn), "B3": write_raster("b.tif", dn, crs="EPSG:32644")}
    with pytest.raises(SceneError, match=r"EPSG:32644.*EPSG:32645|EPSG:32645.*EPSG:32644"):
        open_band_files(files)


def test_a_file_given_for_two_bands_is_refused(write_raster, tmp_path) -> None:
    path = write_raster("red.tif", digital_numbers(bands=1))
    other = tmp_path / "other.tif"
    other.symlink_to(path)
    for same in (path, other):
        with pytest.raises(BandError, match="is given for B4 and for B3; give each band its own file"):
            open_band_files({"B4": path, "B3": same})


def test_a_band_named_twice_is_refused(write_raster) -> None:
    with pytest.raises(BandError, match="more than one band named B4"):
        open_raster(write_raster("scene.tif", digital_numbers(bands=3), names=("B4", "B04", "B3")))

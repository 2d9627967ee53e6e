"""Voids and mosaics; slope and aspect are tested with the DEM."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from l4s_geo.errors import TerrainError
from l4s_geo.grid import Grid, Window
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.terrain import MAX_VOID, fill_voids

GRID = Grid(CRS.from_epsg(32645), Affine(10, 0, 300_000, 0, -10, 3_100_000), 150, 170)


def plane(rows: int, cols: int, pixel: float = 10, east: float = 0.3, north: float = -0.2) -> np.ndarray:
    y, x = np.mgrid[:rows, :cols] * pixel
    return (1000 + east * x - north * y).astype(np.float32)


def test_small_voids_of_a_plane_are_filled_with_the_plane() -> None:
    whole = plane(60, 60)
    holed = whole.copy()
    holed[10 : 10 + MAX_VOID, 20 : 20 + MAX_VOID] = np.nan
    holed[40, 3:9] = np.nan
    np.testing.assert_allclose(fill_voids(holed), whole, rtol=1e-6)


def test_large_voids_and_borders_stay_unknown() -> None:
    holed = plane(60, 60)
    holed[10 : 11 + MAX_VOID, 20 : 21 + MAX_VOID] = np.nan
    holed[:, :4] = np.nan
    holed[50:] = np.nan
    np.testing.assert_array_equal(np.isnan(fill_voids(holed)), np.isnan(holed))


def test_a_void_is_filled_alike_in_any_window(write_raster) -> None:
    holed = plane(170, 190)
    holed[60:68, 70:79] = -9999
    path = write_raster("dem.tif", holed, nodata=-9999, transform=Affine(10, 0, 299_900, 0, -10, 3_100_100))
    with DEM(path, GRID) as dem:
        assert not dem.voids_filled
        whole, _ = dem.read(GRID.whole)
        assert dem.voids_filled
        for window in (Window(50, 60, 5, 20), Window(0, 0, 56, 170), Window(54, 64, 3, 3)):
            np.testing.assert_array_equal(dem.read(window)[0], whole[window.slices])
    assert np.isfinite(whole).all()


def test_tiles_make_a_mosaic_without_a_seam(write_raster) -> None:
    whole = plane(170, 190)
    left = write_raster("left.tif", whole[:, :100], transform=Affine(10, 0, 299_900, 0, -10, 3_100_100))
    right = write_raster("right.tif", whole[:, 95:], transform=Affine(10, 0, 300_850, 0, -10, 3_100_100))
    one = write_raster("one.tif", whole, transform=Affine(10, 0, 299_900, 0, -10, 3_100_100))
    with DEM([left, right], GRID) as tiles, DEM(one, GRID) as dem:
        for a, b in zip(tiles.read(GRID.whole), dem.read(GRID.whole), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-3)
        assert tiles.covered == 1


def test_tiles_of_another_crs_join_in(write_raster) -> None:
    lon, lat, step = 84.93, 28.03, 0.0001
    other = np.full((600, 600), 1234, np.float32)
    west = write_raster(
        "west.tif", np.full((170, 60), 1234, np.float32), transform=Affine(10, 0, 299_900, 0, -10, 3_100_100)
    )
    east = write_raster("east.tif", other, crs="EPSG:4326", transform=Affine(step, 0, lon, 0, -step, lat))
    with DEM([west, east], GRID) as dem:
        elevation, slope = dem.read(GRID.whole)
    np.testing.assert_allclose(elevation, 1234, atol=0.01)
    np.testing.assert_allclose(slope, 0, atol=0.01)


def test_a_ready_slope_is_taken(write_raster) -> None:
    dem_path = write_raster("dem.tif", plane(150, 170))
    slope_path = write_raster("slope.tif", np.full((150, 170), 27.5, np.float32))
    with DEM(dem_path, GRID, slope_path) as dem:
        np.testing.assert_array_equal(dem.read(GRID.whole)[1], 27.5)


@pytest.mark.parametrize(
    ("low", "high", "message"), [(0, 180, "percent"), (0, 1.4, "rise over run"), (-30, 40, "no slope")]
)
def test_a_slope_that_is_not_in_degrees_is_refused(write_raster, low: float, high: float, message: str) -> None:
    slope = np.linspace(low, high, 150 * 170, dtype=np.float32).reshape(150, 170)
    with pytest.raises(TerrainError, match=message):
        DEM(write_raster("dem.tif", plane(150, 170)), GRID, write_raster("slope.tif", slope))


def test_a_dem_in_feet_is_refused(write_raster) -> None:
    import rasterio

    path = write_raster("dem.tif", plane(150, 170))
    with rasterio.open(path, "r+") as dataset:
        dataset.set_band_unit(1, "US survey foot")
    with pytest.raises(TerrainError, match=r"us survey foot.*metres"):
        DEM(path, GRID)

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from scipy import ndimage

from l4s_geo.errors import TerrainError
from l4s_geo.grid import Grid, Window, mapping_grid
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.terrain import horn, slope_of
from safe_products import Site
from safe_products import write_raster as write_band
from support import SAMPLE, aspect_of

GRID = Grid(CRS.from_epsg(32645), Affine(10, 0, 300_000, 0, -10, 3_100_000), 150, 170)


def plane(rows: int, cols: int, pixel: float, east: float, north: float) -> np.ndarray:
    """Elevations that rise by `east` and `north` metres per metre."""
    y, x = np.mgrid[:rows, :cols] * pixel
    return (1000 + east * x - north * y).astype(np.float32)


def slopes(elevation: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Slope and aspect."""
    rise = horn(elevation, pixel)
    return slope_of(*rise), aspect_of(*rise)


@pytest.mark.parametrize(
    ("east", "north", "faces"), [(0.5, 0, 270), (-0.5, 0, 90), (0, 0.5, 180), (0, -0.5, 0), (-0.3, 0.3, 135)]
)
def test_slope_and_aspect_of_a_plane(east: float, north: float, faces: float) -> None:
    slope, aspect = slopes(plane(20, 30, 12.5, east, north), 12.5)
    np.testing.assert_allclose(slope, np.degrees(np.arctan(np.hypot(east, north))), atol=1e-3)
    np.testing.assert_allclose(aspect, faces, atol=1e-2)


def test_flat_ground_has_slope_zero_and_no_aspect() -> None:
    slope, aspect = slopes(np.full((5, 5), 7, np.float32), 10)
    assert (slope == 0).all()
    assert np.isnan(aspect).all()


def test_a_void_leaves_its_neighbours_with_a_slope() -> None:
    elevation = plane(20, 20, 10, 0.4, 0)
    elevation[8:11, 8:11] = np.nan
    slope, _ = slopes(elevation, 10)
    assert np.isnan(slope[8:11, 8:11]).all()
    np.testing.assert_allclose(slope[np.isfinite(elevation)], np.degrees(np.arctan(0.4)), atol=1e-3)


def test_slope_and_aspect_agree_with_those_of_another_program(data) -> None:
    """The reference is the slope and aspect that RSGISLib's tutorial data carry beside the DEM."""
    rasters = []
    for name in ("SRTM_aber", "SRTM_aber_slope_deg", "SRTM_aber_aspect"):
        with rasterio.open(data / "s2_aberystwyth" / f"{name}.tif") as dataset:
            rasters.append(dataset.read(1).astype(np.float32))
    elevation, reference_slope, reference_aspect = rasters
    slope, aspect = slopes(elevation, 10)
    # The reference gives 0 beside the sea, where the DEM has its nodata value 0.
    known = ndimage.minimum_filter(elevation, 3) > 0
    known[[0, -1]] = known[:, [0, -1]] = False
    assert known.mean() > 0.4
    assert np.abs(slope - reference_slope)[known].max() < 1e-4
    turn = np.abs((aspect - reference_aspect + 180) % 360 - 180)[known & np.isfinite(aspect)]
    assert turn.max() < 1e-3


@pytest.fixture(params=["sample", "dem/bigtujunga.tif", "s2_aberystwyth/SRTM_aber.tif"])
def elevations(request) -> Path:
    """A DEM in a projected CRS: the sample scene's, and real ones."""
    if request.param == "sample":
        return SAMPLE / "valley_dem.tif"
    return request.getfixturevalue("data") / request.param


def test_slope_and_aspect_agree_with_xarray_spatial(elevations) -> None:
    xrspatial = pytest.importorskip("xrspatial", reason="xarray-spatial is not installed")
    import xarray as xr

    with rasterio.open(elevations) as dataset:
        elevation, pixel = dataset.read(1).astype(np.float32), dataset.transform.a
    slope, aspect = slopes(elevation, pixel)
    raster = xr.DataArray(elevation, dims=("y", "x"), attrs={"res": (pixel, pixel)})
    inner = (slice(1, -1), slice(1, -1))
    assert np.abs(slope - xrspatial.slope(raster).values)[inner].max() < 1e-3
    theirs = xrspatial.aspect(raster).values
    known = np.isfinite(aspect[inner]) & (theirs[inner] >= 0)
    turn = np.abs((aspect - theirs + 180) % 360 - 180)[inner][known]
    assert known.mean() > 0.4
    assert turn.max() < 0.01


@pytest.mark.parametrize("mode", ["slope", "aspect"])
def test_slope_and_aspect_agree_with_gdaldem(elevations, tmp_path, mode: str) -> None:
    if not shutil.which("gdaldem"):
        pytest.skip("gdaldem is not installed")
    subprocess.run(["gdaldem", mode, elevations, tmp_path / "out.tif", "-q"], check=True)
    with rasterio.open(elevations) as dataset, rasterio.open(tmp_path / "out.tif") as other:
        elevation = dataset.read(1, masked=True).astype(np.float32).filled(np.nan)
        theirs = other.read(1, masked=True).filled(np.nan)
        ours = slopes(elevation, dataset.transform.a)[mode == "aspect"]
    known = np.isfinite(theirs) & np.isfinite(ours)
    difference = np.abs(ours - theirs)[known]
    assert known.mean() > 0.4
    assert np.minimum(difference, 360 - difference).max() < 0.01


@pytest.mark.parametrize("pixel", [10, 12.5, 30])
def test_a_dem_in_the_scenes_crs_is_read_at_the_right_place(write_raster, pixel: float) -> None:
    size = int(2000 / pixel)
    path = write_raster(
        "dem.tif",
        plane(size, size, pixel, 0.3, -0.2),
        transform=Affine(pixel, 0, 299_900, 0, -pixel, 3_100_100),
    )
    with DEM(path, GRID) as dem:
        elevation, slope = dem.read(Window(20, 30, 40, 50))
    # Centre of pixel (20, 30) of the grid, against the centre of the DEM's first pixel.
    x = (30.5 * 10 + 100) - pixel / 2
    y = (20.5 * 10 + 100) - pixel / 2
    assert elevation[0, 0] == pytest.approx(1000 + 0.3 * x + 0.2 * y, abs=0.01)
    np.testing.assert_allclose(slope, np.degrees(np.arctan(np.hypot(0.3, 0.2))), atol=0.01)
    assert dem.covered == 1


def test_a_dem_in_another_crs_is_brought_to_the_grid(write_raster) -> None:
    """A geographic DEM of a plane: elevation by longitude, so the ground faces west."""
    lon0, lat0, step = 84.97, 28.03, 0.000277
    x = np.arange(300) * step * 111_320 * np.cos(np.radians(28.01))
    path = write_raster(
        "dem.tif",
        np.tile((500 + 0.4 * x).astype(np.float32), (300, 1)),
        crs="EPSG:4326",
        transform=Affine(step, 0, lon0, 0, -step, lat0),
    )
    inner = Grid(CRS.from_epsg(4326), Affine(9e-5, 0, 84.99, 0, -9e-5, 28.02), 200, 300)
    with DEM(path, mapping_grid(inner)) as dem:
        elevation, slope = dem.read(Window(50, 60, 80, 80))
    np.testing.assert_allclose(slope, np.degrees(np.arctan(0.4)), atol=0.3)
    assert np.abs(slopes(elevation, 10)[1] - 270).max() < 3


@pytest.fixture(params=["made", "real"])
def geographic_dem(request, write_raster) -> Path:
    """A DEM of 1 arc second around 88.1° E, 26.9° N: noise upon noise, and the real one of Darjeeling."""
    if request.param == "real":
        return request.getfixturevalue("data") / "dem" / "darjeeling.tif"
    rng = np.random.default_rng(0)
    layers = [ndimage.zoom(rng.normal(0, 10 * k, (-(-240 // k),) * 2), k, order=3)[:240, :240] for k in (1, 4, 16, 60)]
    transform = Affine(1 / 3600, 0, 88.09, 0, -1 / 3600, 26.95)
    return write_raster("dem.tif", (1500 + sum(layers)).astype(np.float32), crs="EPSG:4326", transform=transform)


def test_reading_in_windows_equals_reading_whole(geographic_dem) -> None:
    grid = Grid(CRS.from_epsg(32645), Affine(10, 0, 610_000, 0, -10, 2_980_000), 300, 280)
    with DEM(geographic_dem, grid) as dem:
        whole = dem.read(grid.whole)
        assert all(np.isfinite(values).all() for values in whole)
        for window in (Window(0, 0, 128, 128), Window(101, 57, 128, 128), Window(299, 0, 1, 280)):
            part = dem.read(window)
            for here, everywhere in zip(part, whole, strict=True):
                np.testing.assert_array_equal(here, everywhere[window.slices])


def test_ground_beyond_the_dem_is_unknown(write_raster) -> None:
    path = write_raster("dem.tif", plane(150, 80, 10, 0.2, 0))
    with DEM(path, GRID) as dem:
        elevation, slope = dem.read(GRID.whole)
    assert np.isfinite(elevation[:, :80]).all()
    assert np.isnan(elevation[:, 81:]).all()
    assert np.isnan(slope[:, 81:]).all()
    assert dem.covered == pytest.approx(80 / 170, abs=0.02)


@pytest.mark.parametrize("x", [900_000, 100_000])
def test_a_dem_elsewhere_is_refused(write_raster, x: float) -> None:
    path = write_raster("dem.tif", plane(50, 50, 10, 0, 0), transform=Affine(10, 0, x, 0, -10, 3_100_000))
    with pytest.raises(TerrainError, match="no elevation where the scene lies"):
        DEM(path, GRID)


def test_a_dem_of_two_bands_is_refused(write_raster) -> None:
    with pytest.raises(TerrainError, match="2 bands"):
        DEM(write_raster("dem.tif", np.zeros((2, 20, 20), np.float32)), GRID)


def test_a_jpeg_2000_dem_that_is_cut_off_is_refused(tmp_path) -> None:
    """GDAL would read the tiles behind the cut as if nothing were missing."""
    values = np.random.default_rng(0).integers(100, 3000, (150, 170)).astype(np.uint16)
    path = tmp_path / "dem.jp2"
    write_band(path, values, Site({}, 32645, 300_000, 3_100_000), 10)
    with DEM(path, GRID) as dem:
        np.testing.assert_array_equal(dem.read(GRID.whole)[0], values)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TerrainError, match=r"dem\.jp2 .* truncated"):
        DEM(path, GRID)

"""Overviews of the rasters against GDAL's own, and where those would differ against the definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin

from l4s_geo.grid import Grid, Window
from l4s_geo.output.probability_raster import halve, write_surface
from l4s_geo.output.scratch_raster import ScratchRaster


def surface(folder: Path, rows: int, cols: int, bands: int = 2) -> tuple[ScratchRaster, np.ndarray, Grid]:
    """Values with gaps, on disk and in memory."""
    rng = np.random.default_rng(rows)
    values = rng.random((bands, rows, cols), np.float32)
    values[:, rng.random((rows, cols)) < 0.2] = np.nan
    values[:, : rows // 4, : cols // 3] = np.nan
    file = ScratchRaster(folder / "surface.f32", bands, cols)
    file.append(values)
    return file, values, Grid(CRS.from_epsg(32645), from_origin(3e5, 3.1e6, 10, 10), rows, cols)


def overviews(path: Path) -> list[np.ndarray]:
    """Read every overview of a raster."""
    with rasterio.open(path) as dataset:
        factors = dataset.overviews(1)
    levels = []
    for level in range(len(factors)):
        with rasterio.open(path, overview_level=level) as dataset:
            levels.append(dataset.read(1))
    return levels


def test_overviews_are_gdals_averages(tmp_path: Path) -> None:
    file, values, grid = surface(tmp_path, 1024, 2048)
    write_surface(file, grid.whole, grid, tmp_path / "spread.tif", {}, "spread")
    theirs = tmp_path / "gdal.tif"
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": 1024, "width": 2048, "nodata": np.nan}
    with rasterio.open(theirs, "w", crs=grid.crs, transform=grid.transform, **profile) as dataset:
        dataset.write(values[1], 1)
        dataset.build_overviews([2, 4], Resampling.average)
    for ours, expected in zip(overviews(tmp_path / "spread.tif"), overviews(theirs), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("window", [Window(0, 0, 1301, 777), Window(13, 5, 1100, 601)])
def test_every_level_halves_the_one_before(tmp_path: Path, window: Window) -> None:
    file, values, grid = surface(tmp_path, 1301, 777)
    write_surface(file, window, grid, tmp_path / "p.tif", {}, "probability")
    with rasterio.open(tmp_path / "p.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), values[0][window.slices])
        assert dataset.transform == grid.part(window).transform
    expected, levels = values[0][window.slices], overviews(tmp_path / "p.tif")
    assert len(levels) == 2
    for level in levels:
        expected = halve(expected)
        np.testing.assert_array_equal(level, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.qml", "p.tif", "surface.f32"]


def test_a_raster_of_one_tile_has_no_overviews(tmp_path: Path) -> None:
    file, _, grid = surface(tmp_path, 300, 512)
    write_surface(file, grid.whole, grid, tmp_path / "p.tif", {}, "probability")
    assert overviews(tmp_path / "p.tif") == []


def test_halving_takes_the_mean_of_what_is_known() -> None:
    nan = np.nan
    values = np.array([[1, 3, nan, nan, 5], [5, nan, nan, nan, nan], [2, 4, nan, 6, nan]], np.float32)
    np.testing.assert_array_equal(halve(values), [[3, nan, 5], [3, 6, nan]])

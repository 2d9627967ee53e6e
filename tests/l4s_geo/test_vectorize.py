from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize
from scipy import ndimage

from l4s_geo.grid import Grid
from l4s_geo.vectorize import components, polygons


def grid_of(mask: np.ndarray) -> Grid:
    return Grid(CRS.from_epsg(32645), Affine(10, 0, 300_000, 0, -10, 3_100_000), *mask.shape)


def blobs(seed: int, level: float = 0.5, size: int = 200) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 2)
    return noise > np.quantile(noise, level)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("level", [0.4, 0.6, 0.9])
def test_polygons_cover_exactly_the_pixels(seed: int, level: float) -> None:
    mask = blobs(seed, level)
    grid = grid_of(mask)
    found = components(mask)
    shapes = polygons(found, grid)
    assert shapely.is_valid(shapes).all()
    assert len(shapes) == ndimage.label(mask)[1]
    burned = rasterize(zip(shapes, range(1, 1 + len(shapes)), strict=True), mask.shape, transform=grid.transform)
    np.testing.assert_array_equal(burned, found.labels)
    np.testing.assert_allclose(shapely.area(shapes), found.n_pixels * 100)


@pytest.mark.parametrize("seed", range(3))
def test_polygons_of_noise_are_valid(seed: int) -> None:
    mask = np.random.default_rng(seed).random((150, 150)) < 0.6
    found = components(mask)
    shapes = polygons(found, grid_of(mask))
    assert shapely.is_valid(shapes).all()
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON).all()
    np.testing.assert_allclose(shapely.area(shapes), found.n_pixels * 100)


def test_holes_are_kept() -> None:
    mask = np.zeros((20, 20), bool)
    mask[3:12, 3:12] = True
    mask[6:8, 6:8] = False
    (shape,) = polygons(components(mask), grid_of(mask))
    assert len(shape.interiors) == 1
    assert shape.area == (81 - 4) * 100


def test_small_components_are_left_out_and_the_rest_renumbered() -> None:
    mask = np.zeros((20, 20), bool)
    mask[0, 0:4] = True
    mask[5, 0:5] = True
    mask[10, 0:9] = True
    found = components(mask, min_pixels=5)
    assert found.n_pixels.tolist() == [5, 9]
    assert found.labels[5, 0] == 1
    assert found.labels[10, 0] == 2
    assert found.labels[0, 0] == 0


def test_nothing_found_gives_no_polygon() -> None:
    found = components(np.zeros((10, 10), bool))
    assert found.count == 0
    assert len(polygons(found, grid_of(np.zeros((10, 10))))) == 0

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize
from scipy import ndimage

from l4s_geo.grid import Grid
from l4s_geo.vectorize import components, fill_holes, polygons, simplify


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


@pytest.mark.parametrize("seed", range(3))
def test_eight_connectivity_joins_corners_and_gives_valid_multipolygons(seed: int) -> None:
    mask = np.random.default_rng(seed).random((120, 120)) < 0.4
    grid = grid_of(mask)
    found = components(mask, connectivity=8)
    shapes = polygons(found, grid)
    assert found.count == ndimage.label(mask, np.ones((3, 3)))[1] < components(mask).count
    assert shapely.is_valid(shapes).all()
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOLYGON).all()
    burned = rasterize(zip(shapes, range(1, 1 + len(shapes)), strict=True), mask.shape, transform=grid.transform)
    np.testing.assert_array_equal(burned, found.labels)


def test_small_holes_are_filled_unless_they_are_unknown_or_open() -> None:
    mask = np.zeros((30, 30), bool)
    mask[0:25, 0:25] = True
    mask[3:5, 3:5] = False  # 4 pixels: filled
    mask[10:14, 10:14] = False  # 16 pixels: too large
    mask[20, 20] = False  # unknown
    mask[0, 10] = False  # open to the border
    valid = np.ones((30, 30), bool)
    valid[20, 20] = False
    filled = fill_holes(mask, valid, 9)
    assert filled[3:5, 3:5].all()
    assert not filled[10:14, 10:14].any()
    assert not filled[20, 20]
    assert not filled[0, 10]
    assert filled.sum() == mask.sum() + 4


def test_simplified_neighbours_still_share_their_border() -> None:
    labels = np.zeros((60, 60), np.int32)
    rows, cols = np.mgrid[:60, :60]
    labels[5:55, 5:55] = 1
    labels[(rows + 1.7 * cols > 80) & (labels == 1)] = 2
    grid = grid_of(labels)
    left, right = (polygons(components(labels == k), grid)[0] for k in (1, 2))
    simple = simplify(np.array([left, right]), 15)
    assert shapely.is_valid(simple).all()
    assert sum(map(shapely.get_num_coordinates, simple)) < 0.5 * sum(map(shapely.get_num_coordinates, (left, right)))
    assert simple[0].intersection(simple[1]).area == 0
    assert shapely.union_all(simple).area == pytest.approx(left.union(right).area, rel=0.02)
    assert simple[0].intersection(simple[1]).length > 300


def test_simplifying_leaves_no_outline_empty_or_invalid() -> None:
    mask = np.random.default_rng(0).random((100, 100)) < 0.3
    shapes = polygons(components(mask), grid_of(mask))
    simple = simplify(shapes, 30)
    assert shapely.is_valid(simple).all()
    assert not shapely.is_empty(simple).any()

from __future__ import annotations

import numpy as np
import pytest
import shapely
from rasterio.crs import CRS
from rasterio.features import rasterize
from scipy import ndimage

from l4s_geo.grid import Grid
from l4s_geo.inventory.vectorize import polygons, simplify, without_small_holes
from support import TRANSFORM, labelled, labels_of


def blobs(seed: int, level: float = 0.5, size: int = 200) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 2)
    return noise > np.quantile(noise, level)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("level", [0.4, 0.6, 0.9])
def test_polygons_cover_exactly_the_pixels(seed: int, level: float, tmp_path) -> None:
    mask = blobs(seed, level)
    found = labelled(mask, tmp_path)
    shapes = polygons(found)
    assert shapely.is_valid(shapes).all()
    assert len(shapes) == ndimage.label(mask)[1]
    burned = rasterize(zip(shapes, range(1, 1 + len(shapes)), strict=True), mask.shape, transform=TRANSFORM)
    np.testing.assert_array_equal(burned, labels_of(found))
    np.testing.assert_allclose(shapely.area(shapes), found.n_pixels * 100)


@pytest.mark.parametrize("seed", range(3))
def test_polygons_of_noise_are_valid(seed: int, tmp_path) -> None:
    mask = np.random.default_rng(seed).random((150, 150)) < 0.6
    found = labelled(mask, tmp_path)
    shapes = polygons(found)
    assert shapely.is_valid(shapes).all()
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON).all()
    np.testing.assert_allclose(shapely.area(shapes), found.n_pixels * 100)


def test_holes_are_kept(tmp_path) -> None:
    mask = np.zeros((20, 20), bool)
    mask[3:12, 3:12] = True
    mask[6:8, 6:8] = False
    (shape,) = polygons(labelled(mask, tmp_path))
    assert len(shape.interiors) == 1
    assert shape.area == (81 - 4) * 100


def test_small_components_are_left_out_and_the_rest_renumbered(tmp_path) -> None:
    mask = np.zeros((20, 20), bool)
    mask[0, 0:4] = True
    mask[5, 0:5] = True
    mask[10, 0:9] = True
    found = labelled(mask, tmp_path, min_pixels=5)
    assert found.n_pixels.tolist() == [5, 9]
    assert labels_of(found)[5, 0] == 1
    assert labels_of(found)[10, 0] == 2
    assert labels_of(found)[0, 0] == 0


def test_nothing_found_gives_no_polygon(tmp_path) -> None:
    found = labelled(np.zeros((10, 10), bool), tmp_path)
    assert found.count == 0
    assert len(polygons(found)) == 0


@pytest.mark.parametrize("connectivity", [4, 8])
def test_strips_give_what_the_whole_gives(connectivity: int, tmp_path, monkeypatch) -> None:
    """Labels, polygons and filled holes of a winding mask, with strips of every height; against scipy on the whole."""
    mask = np.random.default_rng(1).random((90, 70)) < (0.55 if connectivity == 4 else 0.4)
    valid = np.random.default_rng(2).random((90, 70)) < 0.99
    grid = Grid(CRS.from_epsg(32645), TRANSFORM, *mask.shape)
    structure = np.ones((3, 3)) if connectivity == 8 else None
    labels, count = ndimage.label(mask, structure)
    sizes = np.bincount(labels.ravel())[1:]
    holes, _ = ndimage.label(~mask, None if connectivity == 8 else np.ones((3, 3)))
    border = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1], holes[~valid]])
    small = (np.bincount(holes.ravel()) <= 3) & ~np.isin(np.arange(holes.max() + 1), border)
    small[0] = False
    for height in (1, 2, 7, 64, 512):
        monkeypatch.setattr("l4s_geo.inventory.vectorize._STRIP", height)
        found = labelled(mask, tmp_path, connectivity=connectivity)
        np.testing.assert_array_equal(labels_of(found), labels)
        np.testing.assert_array_equal(found.n_pixels, sizes)
        np.testing.assert_allclose(shapely.area(polygons(found)), 100 * sizes)
        most = without_small_holes(lambda w: mask[w.slices], lambda w: valid[w.slices], grid, 3, connectivity)
        filled = np.concatenate([most(strip) for strip in grid.rows(height)])
        np.testing.assert_array_equal(filled, mask | small[holes])
    assert count > 20


@pytest.mark.parametrize("seed", range(3))
def test_eight_connectivity_joins_corners_and_gives_valid_multipolygons(seed: int, tmp_path) -> None:
    mask = np.random.default_rng(seed).random((120, 120)) < 0.4
    found = labelled(mask, tmp_path, connectivity=8)
    shapes = polygons(found)
    assert found.count == ndimage.label(mask, np.ones((3, 3)))[1] < labelled(mask, tmp_path).count
    assert shapely.is_valid(shapes).all()
    assert (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOLYGON).all()
    burned = rasterize(zip(shapes, range(1, 1 + len(shapes)), strict=True), mask.shape, transform=TRANSFORM)
    np.testing.assert_array_equal(burned, labels_of(found))


def test_small_holes_are_filled_unless_they_are_unknown_or_open() -> None:
    mask = np.zeros((30, 30), bool)
    mask[0:25, 0:25] = True
    mask[3:5, 3:5] = False  # 4 pixels: filled
    mask[10:14, 10:14] = False  # 16 pixels: too large
    mask[20, 20] = False  # unknown
    mask[0, 10] = False  # open to the border
    valid = np.ones((30, 30), bool)
    valid[20, 20] = False
    grid = Grid(CRS.from_epsg(32645), TRANSFORM, *mask.shape)
    filled = without_small_holes(lambda w: mask[w.slices], lambda w: valid[w.slices], grid, 9)(grid.whole)
    assert filled[3:5, 3:5].all()
    assert not filled[10:14, 10:14].any()
    assert not filled[20, 20]
    assert not filled[0, 10]
    assert filled.sum() == mask.sum() + 4


def test_simplified_neighbours_still_share_their_border(tmp_path) -> None:
    labels = np.zeros((60, 60), np.int32)
    rows, cols = np.mgrid[:60, :60]
    labels[5:55, 5:55] = 1
    labels[(rows + 1.7 * cols > 80) & (labels == 1)] = 2
    left, right = (polygons(labelled(labels == k, tmp_path))[0] for k in (1, 2))
    simple = simplify(np.array([left, right]), 15)
    assert shapely.is_valid(simple).all()
    assert sum(map(shapely.get_num_coordinates, simple)) < 0.5 * sum(map(shapely.get_num_coordinates, (left, right)))
    assert simple[0].intersection(simple[1]).area == 0
    assert shapely.union_all(simple).area == pytest.approx(left.union(right).area, rel=0.02)
    assert simple[0].intersection(simple[1]).length > 300


def test_simplifying_leaves_no_outline_empty_or_invalid(tmp_path) -> None:
    mask = np.random.default_rng(0).random((100, 100)) < 0.3
    shapes = polygons(labelled(mask, tmp_path))
    simple = simplify(shapes, 30)
    assert shapely.is_valid(simple).all()
    assert not shapely.is_empty(simple).any()

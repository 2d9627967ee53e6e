from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform

from l4s_geo.errors import SceneError
from l4s_geo.grid import LOCAL, Grid, blend_weights, mapping_grid, starts


def grid(crs: str, transform: Affine, height: int = 200, width: int = 300) -> Grid:
    return Grid(CRS.from_string(crs), transform, height, width)


@pytest.mark.parametrize("crs", ["EPSG:32645", "EPSG:27700", "EPSG:3035"])
def test_a_metric_10_m_grid_is_kept(crs: str) -> None:
    origin = {"EPSG:32645": (3e5, 3.1e6), "EPSG:27700": (257060.59, 285728.7), "EPSG:3035": (4.3e6, 3.1e6)}[crs]
    native = grid(crs, Affine(10, 0, origin[0], 0, -10, origin[1]))
    assert mapping_grid(native) is native


def test_a_10_m_grid_without_coordinates_is_kept_and_says_so() -> None:
    native = Grid(LOCAL, Affine(10, 0, 0, 0, -10, 0), 128, 128)
    assert mapping_grid(native) is native
    assert native.is_local
    assert native.crs_name == "local coordinates (no CRS)"
    assert not grid("EPSG:32645", Affine(10, 0, 3e5, 0, -10, 3.1e6)).is_local


@pytest.mark.parametrize(
    ("unit", "pixel"),
    [('UNIT["metre",1]', 20), ('UNIT["metre",1]', 1), ('UNIT["foot",0.3048]', 10)],
)
def test_a_grid_without_coordinates_cannot_be_warped(unit: str, pixel: float) -> None:
    native = grid(f'LOCAL_CS["site",{unit}]', Affine(pixel, 0, 0, 0, -pixel, 0))
    with pytest.raises(SceneError, match=r"has no coordinates and pixels of .*; expected pixels of 10 m"):
        mapping_grid(native)


@pytest.mark.parametrize(
    ("lon", "lat", "zone"),
    [(141.9, 42.7, 32654), (7.0, 46.0, 32632), (-70.5, -33.4, 32719), (0.001, 51.0, 32631), (-0.02, 51.0, 32630)],
)
def test_a_geographic_scene_goes_to_its_utm_zone(lon: float, lat: float, zone: int) -> None:
    native = grid("EPSG:4326", Affine(9e-5, 0, lon, 0, -9e-5, lat))
    target = mapping_grid(native)
    assert target.crs.to_epsg() == zone
    assert (target.transform.a, target.transform.e) == (10, -10)
    assert target.transform.c % 10 == 0
    assert target.transform.f % 10 == 0


def test_the_mapping_grid_covers_the_scene() -> None:
    native = grid("EPSG:4326", Affine(9e-5, 0, 141.9, 0, -9e-5, 42.7))
    target = mapping_grid(native)
    left, bottom, right, top = native.bounds
    xs, ys = transform("EPSG:4326", target.crs, [left, left, right, right], [top, bottom, top, bottom])
    covered = target.bounds
    assert covered[0] <= min(xs)
    assert covered[1] <= min(ys)
    assert covered[2] >= max(xs)
    assert covered[3] >= max(ys)


def test_another_pixel_size_is_brought_to_10_m() -> None:
    target = mapping_grid(grid("EPSG:32645", Affine(20, 0, 3e5, 0, -20, 3.1e6)))
    assert target.transform.a == 10
    assert target.crs.to_epsg() == 32645


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:2263"])
def test_a_projection_that_distorts_areas_or_uses_feet_is_not_mapped_on(crs: str) -> None:
    x, y = {"EPSG:3857": (15.79e6, 5.27e6), "EPSG:2263": (980_000, 200_000)}[crs]
    assert mapping_grid(grid(crs, Affine(10, 0, x, 0, -10, y))).crs.to_epsg() in (32654, 32618)


def test_a_rotated_scene_is_refused() -> None:
    with pytest.raises(SceneError, match="rotated"):
        mapping_grid(grid("EPSG:32645", Affine(10, 1, 3e5, 1, -10, 3.1e6)))


def test_a_scene_at_the_pole_is_refused() -> None:
    with pytest.raises(SceneError, match="latitude"):
        mapping_grid(grid("EPSG:4326", Affine(1e-4, 0, 10, 0, -1e-4, 89)))


@given(length=st.integers(1, 1000), overlap=st.integers(0, 127))
def test_windows_cover_an_axis_and_overlap_enough(length: int, overlap: int) -> None:
    found = starts(length, 128, overlap)
    assert found[0] == 0
    assert found == sorted(set(found))
    if length > 128:
        assert found[-1] + 128 == length
        assert all(a + 128 - b >= overlap for a, b in pairwise(found))
    else:
        assert found == [0]


def test_blend_weights_are_positive_up_to_the_corner() -> None:
    weights = blend_weights(128)
    assert weights.min() > 0
    assert weights.max() <= 1
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_array_equal(weights, weights[::-1])

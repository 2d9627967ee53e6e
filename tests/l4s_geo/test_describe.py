from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from l4s_geo.describe import detection_attributes, geometry_attributes, terrain_attributes, touches
from l4s_geo.grid import Grid, Window
from l4s_geo.terrain import Terrain, horn
from l4s_geo.vectorize import components, polygons


def box(length: float, width: float, azimuth: float) -> shapely.Polygon:
    """A rectangle whose long side points to `azimuth`."""
    upright = shapely.box(-width / 2, -length / 2, width / 2, length / 2)
    return shapely.affinity.rotate(upright, -azimuth)


@pytest.mark.parametrize("azimuth", [0, 30, 90, 120, 175])
def test_length_width_and_orientation_of_a_rectangle(azimuth: float) -> None:
    got = geometry_attributes(np.array([box(200, 50, azimuth)]))
    assert got["length_m"][0] == pytest.approx(200)
    assert got["width_m"][0] == pytest.approx(50)
    assert got["area_m2"][0] == pytest.approx(10_000)
    assert got["perimeter_m"][0] == pytest.approx(500)
    assert np.cos(np.radians(2 * (got["orientation_deg"][0] - azimuth))) == pytest.approx(1)


def test_compactness_is_one_for_a_circle_and_pi_over_four_for_a_square() -> None:
    got = geometry_attributes(np.array([shapely.Point(0, 0).buffer(100, quad_segs=256), box(10, 10, 0)]))
    assert got["compactness"] == pytest.approx([1, np.pi / 4], abs=1e-4)


def test_terrain_of_a_slope_that_faces_south_east() -> None:
    grid = Grid(CRS.from_epsg(32645), Affine(10, 0, 3e5, 0, -10, 3.1e6), 700, 60)
    y, x = np.mgrid[:700, :60] * 10.0
    elevation = (2000 - 0.3 * x - 0.3 * y).astype(np.float32)
    slope, aspect = horn(elevation, 10)
    mask = np.zeros(grid.shape, bool)
    mask[480:540, 10:20] = True  # crosses the border of two strips
    mask[5:8, 40:45] = True

    def read(window: Window) -> Terrain:
        return Terrain(elevation[window.slices], slope[window.slices], aspect[window.slices])

    found = components(mask)
    length = geometry_attributes(polygons(found, grid))["length_m"]
    got = terrain_attributes(found, read, grid, length)
    big = 1
    assert got["slope_mean_deg"][big] == pytest.approx(np.degrees(np.arctan(np.hypot(0.3, 0.3))), abs=0.01)
    assert got["slope_max_deg"][big] == pytest.approx(got["slope_mean_deg"][big], abs=0.01)
    assert got["elev_max_m"][big] == pytest.approx(2000 - 0.3 * (100 + 4800), abs=0.01)
    assert got["relief_m"][big] == pytest.approx(0.3 * (590 + 90), abs=0.01)
    assert got["reach_angle_deg"][big] == pytest.approx(np.degrees(np.arctan(0.3 * 680 / 600)), abs=0.01)
    assert got["aspect_deg"][big] == pytest.approx(135, abs=0.01)


def test_unknown_terrain_is_empty_not_zero() -> None:
    grid = Grid(CRS.from_epsg(32645), Affine(10, 0, 3e5, 0, -10, 3.1e6), 20, 20)
    mask = np.zeros((20, 20), bool)
    mask[2:5, 2:5] = True
    nothing = np.full((20, 20), np.nan, np.float32)
    got = terrain_attributes(components(mask), lambda w: Terrain(nothing, nothing, nothing), grid, np.array([30.0]))
    assert all(np.isnan(values).all() for values in got.values())


def test_aspects_around_north_do_not_average_to_south() -> None:
    grid = Grid(CRS.from_epsg(32645), Affine(10, 0, 3e5, 0, -10, 3.1e6), 4, 4)
    aspect = np.where(np.arange(16).reshape(4, 4) % 2, 350, 10).astype(np.float32)
    flat = np.full((4, 4), 10, np.float32)
    got = terrain_attributes(components(np.ones((4, 4), bool)), lambda w: Terrain(flat, flat, aspect), grid, np.ones(1))
    assert np.cos(np.radians(got["aspect_deg"][0])) == pytest.approx(1)


def test_probabilities_are_those_of_the_pixels() -> None:
    probability = np.random.default_rng(0).random((30, 30)).astype(np.float32)
    mask = np.zeros((30, 30), bool)
    mask[3:9, 4:9] = mask[20:25, 1:29] = True
    got = detection_attributes(components(mask), probability)
    assert got["prob_mean"] == pytest.approx([probability[3:9, 4:9].mean(), probability[20:25, 1:29].mean()])
    assert got["prob_max"] == pytest.approx([probability[3:9, 4:9].max(), probability[20:25, 1:29].max()])


def test_edge_is_the_border_of_the_scene_or_of_its_data() -> None:
    mask = np.zeros((20, 20), bool)
    mask[0:3, 5:8] = True  # at the border
    mask[8:10, 8:10] = True  # beside nodata
    mask[15:17, 15:17] = True  # free
    valid = np.ones((20, 20), bool)
    valid[10, 9] = False
    found = components(mask)
    assert touches(found, ~valid, border=True).tolist() == [True, True, False]
    assert touches(found, ~valid).tolist() == [False, True, False]

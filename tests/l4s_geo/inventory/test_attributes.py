from __future__ import annotations

import numpy as np
import pytest
import shapely

from l4s_geo.grid import Window
from l4s_geo.inventory.attributes import (
    detection_attributes,
    geometry_attributes,
    reach_angle,
    terrain_attributes,
    touches,
)
from l4s_geo.inventory.vectorize import polygons
from l4s_geo.stack.terrain import Terrain, horn, slope_of
from support import labelled, row_file


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


def test_terrain_of_a_slope_that_faces_south_east(tmp_path) -> None:
    y, x = np.mgrid[:700, :60] * 10.0
    elevation = (2000 - 0.3 * x - 0.3 * y).astype(np.float32)
    slope = slope_of(*horn(elevation, 10))
    mask = np.zeros(elevation.shape, bool)
    mask[480:540, 10:20] = True  # crosses the border of two strips
    mask[5:8, 40:45] = True

    def read(window: Window) -> Terrain:
        rows = slice(window.row, window.row + window.height + 2)
        return Terrain(np.pad(elevation, 1, constant_values=np.nan)[rows], slope[window.slices], 10)

    found = labelled(mask, tmp_path)
    length = geometry_attributes(polygons(found))["length_m"]
    got = terrain_attributes(found, read)
    big = 1
    assert got["slope_mean_deg"][big] == pytest.approx(np.degrees(np.arctan(np.hypot(0.3, 0.3))), abs=0.01)
    assert got["slope_max_deg"][big] == pytest.approx(got["slope_mean_deg"][big], abs=0.01)
    assert got["elev_max_m"][big] == pytest.approx(2000 - 0.3 * (100 + 4800), abs=0.01)
    assert got["relief_m"][big] == pytest.approx(0.3 * (590 + 90), abs=0.01)
    assert reach_angle(got["relief_m"], length)[big] == pytest.approx(np.degrees(np.arctan(0.3 * 680 / 600)), abs=0.01)
    assert got["aspect_deg"][big] == pytest.approx(135, abs=0.01)


def test_unknown_terrain_is_empty_not_zero(tmp_path) -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:5, 2:5] = True
    nothing = np.full((20, 20), np.nan, np.float32)
    got = terrain_attributes(labelled(mask, tmp_path), lambda w: Terrain(np.pad(nothing, 1), nothing, 10))
    assert all(np.isnan(values).all() for values in got.values())


def test_aspects_around_north_do_not_average_to_south(tmp_path) -> None:
    """A valley that runs north: its sides face 350° and 10°."""
    x, y = np.meshgrid(np.arange(22) - 10.5, -np.arange(12))
    elevation = (10 * (np.abs(x) * np.tan(np.radians(10)) - y)).astype(np.float32)
    mask = np.ones((10, 20), bool)
    slope = np.full((10, 20), 45, np.float32)
    got = terrain_attributes(labelled(mask, tmp_path), lambda w: Terrain(elevation, slope, 10))
    assert np.cos(np.radians(got["aspect_deg"][0])) == pytest.approx(1)


def test_probabilities_are_those_of_the_pixels(tmp_path) -> None:
    probability = np.random.default_rng(0).random((30, 30)).astype(np.float32)
    mask = np.zeros((30, 30), bool)
    mask[3:9, 4:9] = mask[20:25, 1:29] = True
    got = detection_attributes(labelled(mask, tmp_path), row_file(probability[None], tmp_path))
    assert got["prob_mean"] == pytest.approx([probability[3:9, 4:9].mean(), probability[20:25, 1:29].mean()])
    assert got["prob_max"] == pytest.approx([probability[3:9, 4:9].max(), probability[20:25, 1:29].max()])


def test_edge_is_the_border_of_the_scene_or_of_its_data(tmp_path) -> None:
    mask = np.zeros((20, 20), bool)
    mask[0:3, 5:8] = True  # at the border
    mask[8:10, 8:10] = True  # beside nodata
    mask[15:17, 15:17] = True  # free
    valid = np.ones((20, 20), bool)
    valid[10, 9] = False
    found = labelled(mask, tmp_path)
    assert touches(found, lambda w: ~valid[w.slices], border=True).tolist() == [True, True, False]
    assert touches(found, lambda w: ~valid[w.slices]).tolist() == [False, True, False]

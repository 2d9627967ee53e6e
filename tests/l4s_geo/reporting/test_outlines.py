from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from l4s_geo.reporting.outlines import draw_outlines, encode

from .conftest import decode

CORNER = (300_000.0, 3_100_000.0)


@given(st.lists(st.integers(-(2**32), 2**32)))
def test_whole_numbers_come_back(values):
    assert decode(encode(np.array(values, np.int64))) == values


def test_the_letters_are_those_of_the_published_example():
    # developers.google.com/maps/documentation/utilities/polylinealgorithm
    points = [(38.5, -120.2), (40.7, -120.95), (43.252, -126.453)]
    whole = np.round(np.array(points) * 1e5).astype(np.int64)
    assert encode(np.diff(whole, axis=0, prepend=0).ravel()) == "_p~iF~ps|U_ulLnnqC_mqNvxq`@"


def rebuilt(outlines) -> list[shapely.Geometry]:
    """Polygons from texts."""
    x, y = np.array(decode(outlines.points)).reshape(-1, 2).cumsum(axis=0).T * outlines.unit
    points = iter(np.stack([CORNER[0] + x, CORNER[1] - y], axis=1).tolist())
    rings = iter([[next(points) for _ in range(n)] for n in decode(outlines.rings)])
    parts = iter([[next(rings) for _ in range(n)] for n in decode(outlines.parts)])
    shapes = [[next(parts) for _ in range(n)] for n in decode(outlines.shapes)]
    return [shapely.MultiPolygon([(ring[0], ring[1:]) for ring in shape]) for shape in shapes]


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_polygons_with_holes_and_parts_come_back(shift):
    hole = shapely.box(0, 0, 100, 80) - shapely.box(20, 20, 40, 40)
    two = shapely.MultiPolygon([shapely.box(200, 0, 210, 10), shapely.box(220, 20, 240, 50)])
    corner = np.array(CORNER) + np.array((shift, -500 - shift))
    given_shapes = shapely.transform(np.array([hole, two], object), lambda points: points + corner)
    outlines = draw_outlines(given_shapes, CORNER, 10_000)
    assert outlines.unit == (1.0 if shift else 10.0)
    assert outlines.tolerance == 0
    assert all(a.equals(b) for a, b in zip(rebuilt(outlines), given_shapes, strict=True))


def test_outlines_are_simplified_until_they_fit():
    round_ones = np.array([shapely.Point(CORNER[0] + 900 * i, CORNER[1] - 900).buffer(300, 64) for i in range(20)])
    whole, small = draw_outlines(round_ones, CORNER, 1_000_000), draw_outlines(round_ones, CORNER, 3_000)
    assert whole.tolerance == 0
    assert small.tolerance > 0
    assert small.size <= 3_000 < whole.size
    overlap = [shapely.intersection(a, b).area / b.area for a, b in zip(rebuilt(small), round_ones, strict=True)]
    assert min(overlap) > 0.9

"""Where the sun stood, against published values, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from l4s_geo.errors import L4SError
from l4s_geo.sources.geotiff import open_raster
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.sun import Sun, illumination, sun_at, sun_of


def test_the_sun_stands_where_the_solar_position_algorithm_of_nrel_has_it():
    # Reda and Andreas, NREL/TP-560-34302, table A5.1: zenith 50.111°, azimuth 194.340°, refraction (0.016°) included.
    time = datetime(2003, 10, 17, 12, 30, 30, tzinfo=timezone(timedelta(hours=-7)))
    azimuth, elevation = sun_at(time, -105.1786, 39.742476)
    assert azimuth == pytest.approx(194.340, abs=0.02)
    assert elevation == pytest.approx(90 - 50.111 - 0.016, abs=0.02)


def test_at_the_equinox_the_sun_is_overhead_at_the_equator():
    _, elevation = sun_at(datetime(2018, 3, 20, 12, 7, tzinfo=UTC), 0, 0)
    assert elevation > 89


def test_a_slope_that_faces_the_sun_is_lit_most():
    rise = np.array([-1.0, 0.0, 1.0], np.float32)  # down to the east, flat, up to the east
    lit = illumination(rise, np.zeros(3, np.float32), Sun(90, 45))
    assert lit == pytest.approx([1.0, np.sin(np.radians(45)), 0.0], abs=1e-6)


def test_a_scene_tells_the_sun_by_its_time_or_not_at_all(write_raster):
    bands = ("B2", "B3", "B4")
    values = np.full((3, 140, 140), 900, np.uint16)
    with Stack(open_raster(write_raster("a.tif", values, names=bands))) as stack:
        assert sun_of(stack) is None


@pytest.mark.parametrize("where", [(400, 30), (-1, 30), (180, 0), (180, 91)])
def test_a_sun_that_cannot_be_is_refused(where):
    with pytest.raises(L4SError, match=r"azimuth.*expected"):
        Sun(*where)

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely

import l4s_geo
from l4s_geo.errors import InventoryError
from l4s_geo.review import outlines as module
from l4s_geo.review.outlines import outlines


@pytest.mark.parametrize("threshold", [None, 0.2, 0.9])
def test_all_of_a_raster_is_the_inventory(mapped, threshold):
    expected = l4s_geo.make_inventory(mapped.probability, threshold=threshold)
    found = outlines(mapped.probability, threshold=threshold)
    assert shapely.equals(found.shapes, expected.geometry.to_numpy()).all()
    assert found.area_m2 == pytest.approx(expected["area_m2"].sum())
    assert found.pixel == 10


def test_inside_a_part_outlines_are_whole_and_at_its_border_none_is_lost(mapped):
    every = l4s_geo.make_inventory(mapped.probability, min_area=500).geometry
    left, bottom, right, top = every.total_bounds
    extent = [left, bottom, (left + right) / 2, top]
    found = outlines(mapped.probability, extent=extent, min_area=500).shapes
    box = shapely.box(*extent)
    for shape in every[every.within(box)]:
        assert shapely.equals(found, shape).any()
    for shape in every[every.intersects(box)]:
        assert shapely.intersects(found, shape).any()


def test_a_large_part_is_seen_from_the_overviews(mapped, monkeypatch):
    fine = outlines(mapped.probability, threshold=0.5)
    monkeypatch.setattr(module, "MOST_PIXELS", 60 * 60)
    module._parts.clear()
    coarse = outlines(mapped.probability, threshold=0.5)
    assert coarse.pixel == pytest.approx(40, rel=0.05)
    assert coarse.area_m2 == pytest.approx(fine.area_m2, rel=0.3)
    assert shapely.union_all(coarse.shapes).intersection(shapely.union_all(fine.shapes)).area > 0.6 * fine.area_m2


def test_a_raster_that_was_written_anew_is_read_anew(mapped):
    before = outlines(mapped.probability, threshold=0.5)
    with rasterio.open(mapped.probability) as source:
        profile, values = source.profile, source.read()
    profile.update(driver="GTiff")
    mapped.probability.unlink()
    with rasterio.open(mapped.probability, "w", **profile) as target:
        target.write(np.zeros_like(values))
    assert len(before.shapes)
    assert not len(outlines(mapped.probability, threshold=0.5).shapes)


@pytest.mark.parametrize("extent", [[1, 2, 3], [5, 0, 1, 9], [0, 0, float("nan"), 1], [0, 0, 1, 1]])
def test_extents_that_are_none_or_elsewhere_are_refused(mapped, extent):
    with pytest.raises(InventoryError, match="The extent"):
        outlines(mapped.probability, extent=extent)

"""A unit's inventory that somebody has corrected in another program."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from event_scenes import BODIES, LEFT, TOP, write_event, write_scene
from l4s_geo.errors import EventError
from l4s_geo.events.run import map_event
from l4s_geo.events.unit_inventory import read_unit
from l4s_geo.inventory.attributes import geometry_attributes
from l4s_geo.inventory.table import DTYPES

DRAWN = shapely.box(LEFT + 1000, TOP - 1500, LEFT + 1300, TOP - 1300)
MEASURED = ("area_m2", "perimeter_m", "length_m", "width_m", "orientation_deg", "compactness")


@pytest.fixture
def event(tmp_path, red_bundle) -> Path:
    write_scene(tmp_path / "after" / "S2A_54TWN_20180915.tif")
    return write_event(tmp_path, red_bundle)


def files_of(event: Path) -> tuple[str, str]:
    unit = map_event(event).jobs[0].unit
    return unit.out, unit.outputs["seen"]


def corrected(event: Path, change) -> gpd.GeoDataFrame:
    """Change a unit's inventory as `change` does, and return what is merged of it."""
    inventory, _ = files_of(event)
    frame = change(gpd.read_file(inventory, layer="landslides"))
    pyogrio.write_dataframe(frame, inventory, layer="landslides", driver="GPKG", geometry_type="Unknown")
    ran = map_event(event)
    assert ran.jobs[0].attempts == 1
    merged = gpd.read_file(ran.merged, layer="landslides")
    assert merged.area_m2.sum() == pytest.approx(merged.area.sum()) == pytest.approx(ran.area_m2, abs=0.1)
    return merged


def with_first(shape):
    """Give the first landslide another outline."""

    def change(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        shapes = frame.geometry.to_numpy().copy()
        shapes[0] = shape
        return frame.set_geometry(shapes, crs=frame.crs)

    return change


def test_what_the_engine_wrote_is_read_as_it_is(event):
    inventory, seen = files_of(event)
    frame, ground = read_unit(inventory, seen)
    assert list(frame.columns) == [*DTYPES, "geometry"]
    assert frame.area_m2.tolist() == [100.0 * cols * rows for *_, cols, rows in BODIES[:1]] + [12_000.0]
    assert shapely.area(ground).sum() == 200 * 220 * 100


def test_a_landslide_that_somebody_drew_has_what_can_be_measured(event):
    inventory, _ = files_of(event)
    drawn = gpd.GeoDataFrame(geometry=[DRAWN], crs="EPSG:32654")
    pyogrio.write_dataframe(drawn, inventory, layer="landslides", driver="GPKG", append=True)
    merged = gpd.read_file(map_event(event).merged, layer="landslides")
    assert len(merged) == 3
    (row,) = merged[merged.geometry.geom_equals(DRAWN)].itertuples()
    expected = geometry_attributes(np.array([DRAWN], object))
    for name in MEASURED:
        assert getattr(row, name) == pytest.approx(expected[name][0])
    assert row.n_pixels == 600
    assert np.isnan(row.prob_mean)
    assert not row.confidence


def test_an_outline_that_somebody_changed_is_measured_anew(event):
    smaller = shapely.box(LEFT + 500, TOP - 560, LEFT + 600, TOP - 500)
    merged = corrected(event, with_first(smaller))
    row = merged[merged.geometry.geom_equals(smaller)].iloc[0]
    assert row.area_m2 == 6000
    assert row.n_pixels == 60
    assert row.prob_mean > 0.5
    assert row.length_m == pytest.approx(100)


@pytest.mark.parametrize(
    ("shape", "areas"),
    [
        (shapely.MultiPolygon([shapely.box(LEFT, TOP - 90, LEFT + 60, TOP), DRAWN]), [12_000, 5400, 60_000]),
        (
            shapely.Polygon([(LEFT, TOP), (LEFT + 200, TOP - 200), (LEFT + 200, TOP), (LEFT, TOP - 200)]),
            [12_000, 10_000, 10_000],
        ),
        (shapely.Polygon([(LEFT, TOP, 7), (LEFT + 200, TOP, 7), (LEFT + 200, TOP - 200, 8)]), [12_000, 20_000]),
        (None, [12_000]),
        (shapely.Polygon(), [12_000]),
        (shapely.LineString([(LEFT, TOP), (LEFT + 9, TOP)]), [12_000]),
    ],
    ids=["two", "crossed", "heights", "none", "empty", "line"],
)
def test_outlines_of_other_forms(event, shape, areas):
    assert sorted(corrected(event, with_first(shape)).area_m2) == pytest.approx(sorted(areas))


def test_an_inventory_in_degrees_is_brought_back(event):
    merged = corrected(event, lambda frame: frame.to_crs("EPSG:4326"))
    assert merged.crs == "EPSG:32654"
    assert sorted(merged.area_m2) == pytest.approx([12_000, 20_000])


def test_what_is_edited_in_a_program_that_has_it_open_is_merged(event):
    inventory, _ = files_of(event)
    database = sqlite3.connect(inventory)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    assert map_event(event).landslides == 2
    database.execute("DELETE FROM landslides WHERE id = 1")
    database.commit()
    assert map_event(event).landslides == 1
    database.close()


@pytest.mark.parametrize("damage", ["no inventory", "no attribute", "no crs"])
def test_what_is_no_inventory_is_refused(event, damage):
    inventory, _ = files_of(event)
    frame = gpd.read_file(inventory, layer="landslides")
    if damage == "no inventory":
        Path(inventory).write_bytes(b"none of it")
    else:
        frame = (
            frame.drop(columns="confidence") if damage == "no attribute" else frame.set_crs(None, allow_override=True)
        )
        pyogrio.write_dataframe(frame, inventory, layer="landslides", driver="GPKG")
    said = {"no inventory": "cannot be read", "no attribute": "has no attribute confidence", "no crs": "has no CRS"}
    with pytest.raises(EventError, match=said[damage]):
        read_unit(inventory, files_of_seen(inventory))


def files_of_seen(inventory: str) -> str:
    return inventory.replace(".gpkg", "-seen.fgb")

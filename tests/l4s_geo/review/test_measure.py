from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import l4s_geo
from l4s_geo.cli.main import main
from l4s_geo.errors import InventoryError, OutputError
from l4s_geo.grid import Grid
from l4s_geo.inventory.footprints import Footprints
from support import TRANSFORM, UTM, labelled, labels_of


def test_what_nobody_touched_gets_the_values_that_it_has(mapped, tmp_path):
    expected = mapped.table
    for given in ({"probability": mapped.probability, "bundle": mapped.bundle}, {}):
        measured = l4s_geo.measure(mapped.inventory, out=tmp_path / "m.gpkg", **given)
        for table in (measured, gpd.read_file(tmp_path / "m.gpkg", layer="landslides")):
            columns = list(expected.columns.drop("geometry"))
            pd.testing.assert_frame_equal(
                pd.DataFrame(table[columns]), pd.DataFrame(expected[columns]), check_dtype=False
            )
            assert table.geometry.geom_equals(expected.geometry).all()


@pytest.mark.parametrize("suffix", [".geojson", ".shp", ".fgb", ".parquet"])
def test_every_format_is_measured(mapped, tmp_path, suffix):
    out = tmp_path / f"i{suffix}"
    l4s_geo.make_inventory(mapped.probability, out=out)
    measured = l4s_geo.measure(out, probability=mapped.probability)
    expected = mapped.table
    order = measured["id"].argsort()
    for name in ("area_m2", "perimeter_m", "slope_mean_deg", "prob_mean", "n_pixels"):
        assert measured[name].to_numpy()[order] == pytest.approx(expected[name].to_numpy(), rel=1e-4), name


def drawn(mapped, tmp_path, **columns) -> tuple:
    """The inventory, one of whose polygons was drawn anew by hand and which has another one."""
    table = mapped.table
    box = shapely.box(*table.geometry.iloc[1].bounds)
    new = box.buffer(25, join_style="mitre")
    table.loc[1, "geometry"] = new
    left, bottom, _, _ = table.total_bounds
    added = shapely.box(left, bottom, left + 200, bottom + 100)
    table = pd.concat([table, gpd.GeoDataFrame({"review": ["added"]}, geometry=[added], crs=table.crs)])
    table["review"] = [None, "edited", *[None] * (len(table) - 3), "added"]
    path = tmp_path / "drawn.gpkg"
    table.reset_index(drop=True).to_file(path, layer="landslides")
    return path, new, added


def test_a_polygon_drawn_by_hand_is_measured_like_one_of_the_map(mapped, tmp_path):
    path, new, _ = drawn(mapped, tmp_path)
    table = l4s_geo.measure(path, facts=mapped.inventory, probability=mapped.probability, bundle=mapped.bundle)
    assert table["area_m2"].iloc[1] == pytest.approx(new.area)
    assert table["length_m"].iloc[-1] == pytest.approx(200)
    assert table["id"].tolist() == list(range(1, len(table) + 1))
    assert table["review"].fillna("").tolist() == ["", "edited", *[""] * (len(table) - 3), "added"]
    # rasterstats' rule, by hand: pixels whose centres lie inside
    import rasterio
    from rasterio.features import geometry_mask

    with rasterio.open(mapped.probability) as source:
        values = source.read(1)
        inside = geometry_mask([new], source.shape, source.transform, invert=True)
    assert table["n_pixels"].iloc[1] == inside.sum()
    assert table["prob_mean"].iloc[1] == pytest.approx(values[inside].mean(), rel=1e-5)
    assert table["prob_max"].iloc[1] == pytest.approx(values[inside].max())
    assert table["slope_mean_deg"].iloc[1] == pytest.approx(np.degrees(np.arctan(np.hypot(0.4, 0.2))), abs=0.1)
    assert set(table["confidence"]) == set(mapped.table["confidence"])


def test_without_the_raster_only_what_was_drawn_becomes_empty(mapped, tmp_path):
    path, _, _ = drawn(mapped, tmp_path)
    mapped.dem.unlink()
    table = l4s_geo.measure(path, facts=mapped.inventory)
    expected = mapped.table
    empty = table["prob_mean"].isna()
    assert empty.tolist() == [False, True, *[False] * (len(table) - 3), True]
    assert table["slope_mean_deg"].isna().tolist() == empty.tolist()
    assert table["prob_mean"].iloc[0] == expected["prob_mean"].iloc[0]


def test_the_command_writes_and_never_over_its_input(mapped, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(main, ["measure", *map(str, arguments)])

    out = tmp_path / "out.gpkg"
    done = run(mapped.inventory, "--probability", mapped.probability, "--out", out)
    assert done.exit_code == 0, done.output
    assert "Terrain: " in done.output
    assert len(gpd.read_file(out, layer="landslides")) == len(mapped.table)
    refused = run(mapped.inventory, "--out", mapped.inventory)
    assert refused.exit_code == 2
    assert "is the inventory that the run reads" in refused.output
    with pytest.raises(OutputError, match="is the DEM"):
        l4s_geo.measure(mapped.inventory, dem=mapped.dem, out=_link(tmp_path / "ground.gpkg", mapped.dem))


def _link(path, target):
    path.symlink_to(target)
    return path


def test_bad_inventories_are_refused_in_a_sentence(mapped, tmp_path):
    with pytest.raises(InventoryError, match="does not exist"):
        l4s_geo.measure(tmp_path / "nothing.gpkg")
    points = tmp_path / "points.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=UTM).to_file(points)
    with pytest.raises(InventoryError, match="holds no polygon but Point"):
        l4s_geo.measure(points)
    far = tmp_path / "far.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(far)
    with pytest.raises(InventoryError, match="cannot be brought to"):
        l4s_geo.measure(far, probability=mapped.probability)
    beside = tmp_path / "beside.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 100, 100)], crs=UTM).to_file(beside)
    with pytest.raises(InventoryError, match="lies on the probability raster"):
        l4s_geo.measure(beside, probability=mapped.probability)
    with pytest.raises(InventoryError, match="without a DEM"):
        l4s_geo.measure(mapped.inventory, slope=mapped.dem)


def test_an_inventory_of_nothing_is_measured(mapped, tmp_path):
    path = tmp_path / "none.gpkg"
    mapped.table.iloc[:0].to_file(path, layer="landslides")
    assert len(l4s_geo.measure(path, probability=mapped.probability)) == 0


def test_footprints_of_components_are_their_pixels(tmp_path):
    from rasterio.crs import CRS

    from l4s_geo.inventory.vectorize import polygons

    mask = np.random.default_rng(3).random((700, 600)) < 0.1
    found = labelled(mask, tmp_path)
    marks = Footprints(polygons(found), Grid(CRS.from_user_input(UTM), TRANSFORM, *mask.shape))
    assert (marks.n_pixels == found.n_pixels).all()
    again = np.zeros(mask.shape, np.int32)
    for window, labels in marks.strips():
        part = again[window.slices]
        assert not (part[labels > 0]).any()
        part[labels > 0] = labels[labels > 0]
    assert (again == labels_of(found)).all()


def test_footprints_share_ground_and_small_ones_have_a_pixel():
    from rasterio.crs import CRS

    grid = Grid(CRS.from_user_input(UTM), TRANSFORM, 100, 100)
    left, _, _, top = grid.bounds
    sides = [(100, 300), (200, 400), (501, 503), (-50, -10), (950, 1100)]
    shapes = np.array([shapely.box(left + a, top - b, left + b, top - a) for a, b in sides], object)
    marks = Footprints(shapes, grid)
    assert marks.n_pixels.tolist() == [400, 400, 1, 0, 25]
    counts = np.zeros(6, int)
    for _, labels in marks.strips():
        counts += np.bincount(labels.ravel(), minlength=6)
    assert counts[1:].tolist() == marks.n_pixels.tolist()

"""Inventories in the fields of landslide catalogues, and as STAC items."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pystac
import pytest
import rasterio
import shapely

from l4s_geo.errors import EventError, OutputError
from l4s_geo.events.catalogue_export import export
from l4s_geo.events.catalogue_schemas import SCHEMAS
from l4s_geo.events.event_file import new_event, read_event
from l4s_geo.events.stac_item import item_of, write_collection, write_item

UTM = "EPSG:32654"
DOCS = Path(__file__).resolve().parents[3] / "docs" / "deliver.md"
HORSESHOE = shapely.Polygon([(0, 0), (300, 0), (300, 300), (200, 300), (200, 100), (100, 100), (100, 300), (0, 300)])
"""Its centroid lies outside of it."""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Two landslides, the first old, of a run that compared two dates."""
    from l4s_geo.inventory.formats import write_inventory
    from l4s_geo.inventory.table import CHANGE_DTYPES, DTYPES

    shapes = [
        shapely.affinity.translate(shape, 560_000, 4_730_000) for shape in (HORSESHOE, shapely.box(900, 0, 999, 99))
    ]
    empty = {"int32": 0, "float64": np.nan, "bool": False, "str": ""}
    columns = {name: [empty[dtype]] * 2 for name, dtype in (DTYPES | CHANGE_DTYPES).items()}
    columns |= {"id": [1, 2], "area_m2": [70_000.0, 9801.0], "prob_mean": [0.9, 0.61], "confidence": ["high", "low"]}
    columns |= {"scene": ["S2A_T54TWN"] * 2, "bundle": ["rgb 3 (abc)"] * 2, "created": ["2018-09-20T10:00:00Z"] * 2}
    columns |= {"is_new": [False, True], "date_before": ["2018-08-30T01:06:49Z"] * 2, "date_after": ["2018-09-14"] * 2}
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=UTM).astype(DTYPES | CHANGE_DTYPES)
    facts = {"software": "l4s-geo 0.1.0", "acquired": "2018-09-14T01:06:49Z", "created": "2018-09-20T10:00:00Z"}
    facts |= {"transform": [10, 0, 559_000, 0, -10, 4_731_000], "shape": [200, 300], "threshold": 0.5}
    write_inventory(frame, path := tmp_path / "inventory.gpkg", facts)
    return path


@pytest.fixture
def event(tmp_path: Path) -> Path:
    new_event(
        tmp_path / "iburi.yaml",
        area=[141.6, 42.6, 141.9, 42.9],
        date="2018-09-06",
        trigger="earthquake",
        type="debris flow",
        after=["https://example.org/collections/s2/items/a?sig=SECRET"],
    )
    return tmp_path / "iburi.yaml"


def rows(path: Path, separator: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_columns_are_those_of_the_catalogue_in_its_order(inventory: Path, tmp_path: Path, name: str):
    assert export(inventory, out=tmp_path / "x.csv", schema=name) == 2
    expected = {
        "coolr": "source_name|source_link|event_id|event_date|event_time|event_title|event_description|"
        "location_description|location_accuracy|landslide_category|landslide_trigger|landslide_size|landslide_setting|"
        "fatality_count|injury_count|storm_name|photo_link|notes|event_import_source|event_import_id|country_name|"
        "country_code|admin_division_name|admin_division_population|gazeteer_closest_point|gazeteer_distance|"
        "submitted_date|created_date|last_edited_date|longitude|latitude",
        "uglc": "WKT_GEOM|NEW DATASET|ID|OLD DATASET|OLD ID|VERSION|COUNTRY|ACCURACY|START DATE|END DATE|TYPE|"
        "PHYSICAL FACTORS|RELIABILITY|RECORD TYPE|FATALITIES|INJURIES|NOTES|LINK",
        "usgs": "USGS_ID|Date_Min|Date_Max|Fatalities|Confidence|LS_Type|Inventory|Inv_URL|Info_Source|Notes|Lat_N|"
        "Lon_W",
    }
    assert list(rows(tmp_path / "x.csv", SCHEMAS[name].separator)[0]) == expected[name].split("|")


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_not_filled_is_empty(inventory: Path, event: Path, tmp_path: Path, name: str):
    export(inventory, out=tmp_path / "x.csv", schema=name, event=event)
    for row in rows(tmp_path / "x.csv", SCHEMAS[name].separator):
        for field in SCHEMAS[name].fields:
            assert bool(row[field.name]) == bool(field.filled), field.name


def test_an_event_fills_date_trigger_and_type_in_the_catalogues_words(inventory: Path, event: Path, tmp_path: Path):
    export(inventory, out=tmp_path / "c.csv", schema="coolr", event=event)
    coolr = rows(tmp_path / "c.csv")[0]
    assert coolr["event_date"] == "2018-09-06"
    assert (coolr["landslide_trigger"], coolr["landslide_category"]) == ("earthquake", "debris_flow")
    assert coolr["source_name"] == "l4s-geo 0.1.0, bundle rgb 3 (abc), scene S2A_T54TWN"
    export(inventory, out=tmp_path / "u.csv", schema="uglc", event=event)
    uglc = rows(tmp_path / "u.csv", "|")[0]
    assert (uglc["START DATE"], uglc["END DATE"], uglc["RELIABILITY"]) == ("2018/09/06", "2018/09/06", "1")
    assert (uglc["PHYSICAL FACTORS"], uglc["TYPE"], uglc["RECORD TYPE"]) == ("seismic (T)", "debris flow", "event")


def test_without_an_event_the_two_dates_bound_it_and_nothing_else_is_known(inventory: Path, tmp_path: Path):
    export(inventory, out=tmp_path / "u.csv", schema="usgs")
    usgs = rows(tmp_path / "u.csv")[0]
    assert (usgs["Date_Min"], usgs["Date_Max"], usgs["LS_Type"]) == ("2018-08-30", "2018-09-14", "")
    export(inventory, out=tmp_path / "c.csv", schema="coolr")
    assert rows(tmp_path / "c.csv")[0]["event_date"] == ""
    export(inventory, out=tmp_path / "g.csv", schema="uglc")
    assert rows(tmp_path / "g.csv", "|")[0]["TYPE"] == "ND"


def test_points_lie_in_their_landslides_and_outlines_are_where_they_were(inventory: Path, tmp_path: Path):
    export(inventory, out=tmp_path / "x.gpkg", schema="usgs")
    points, outlines = (gpd.read_file(tmp_path / "x.gpkg", layer=layer) for layer in ("points", "polygons"))
    original = gpd.read_file(inventory).sort_values("id")
    assert points.crs.to_epsg() == outlines.crs.to_epsg() == 4326
    assert original.geometry.contains(points.to_crs(UTM).geometry.reset_index(drop=True)).all()
    moved = outlines.to_crs(UTM).geometry
    assert (moved.symmetric_difference(original.geometry.reset_index(drop=True)).area < 1).all()
    np.testing.assert_allclose(points["Lon_W"], points.geometry.x, atol=1e-6)


def test_what_was_there_before_can_be_left_out(inventory: Path, tmp_path: Path):
    assert export(inventory, out=tmp_path / "x.geojson", schema="coolr", only_new=True) == 1
    assert gpd.read_file(tmp_path / "x.geojson")["event_import_id"].tolist() == [2]


def test_what_cannot_be_exported_is_said(inventory: Path, tmp_path: Path):
    with pytest.raises(EventError, match="There is no catalogue 'nasa'; expected one of coolr, uglc, usgs"):
        export(inventory, out=tmp_path / "x.csv", schema="nasa")
    with pytest.raises(EventError, match=r"A file \.csv holds one layer; expected points or polygons"):
        export(inventory, out=tmp_path / "x.csv", schema="usgs", geometry="both")
    with pytest.raises(OutputError, match=r"has the suffix '\.shp'; expected one of \.gpkg, \.geojson, \.csv"):
        export(inventory, out=tmp_path / "x.shp", schema="usgs")
    with pytest.raises(OutputError, match="inventory"):
        export(inventory, out=inventory, schema="usgs")
    with pytest.raises(EventError, match=r"inventory .*nothing\.gpkg does not exist"):
        export(tmp_path / "nothing.gpkg", out=tmp_path / "x.csv", schema="usgs")
    plain = tmp_path / "plain.gpkg"
    gpd.read_file(inventory)[["id", "geometry"]].to_file(plain)
    with pytest.raises(EventError, match="does not say which landslides are new"):
        export(plain, out=tmp_path / "x.csv", schema="usgs", only_new=True)
    assert export(plain, out=tmp_path / "x.csv", schema="usgs") == 2
    gpd.read_file(inventory).set_crs(None, allow_override=True).to_file(tmp_path / "nowhere.gpkg")
    with pytest.raises(EventError, match="has no coordinates"):
        export(tmp_path / "nowhere.gpkg", out=tmp_path / "y.csv", schema="usgs")
    assert not (tmp_path / "y.csv").exists()


def test_the_documentation_has_the_table_of_each_catalogue():
    text = DOCS.read_text(encoding="utf-8")
    for schema in SCHEMAS.values():
        for field in schema.fields:
            row = f"| `{field.name}` | {field.filled or '(empty)'} |"
            assert row in text, f"docs/deliver.md lacks: {row}"


def test_an_item_is_valid_and_says_what_ground_and_time(inventory: Path, event: Path):
    item = item_of(inventory, read_event(event))
    item.set_self_href(str(inventory.with_name("inventory.gpkg.stac.json")))
    assert item.validate()
    ground = gpd.GeoSeries([shapely.box(559_000, 4_729_000, 562_000, 4_731_000)], crs=UTM).to_crs(4326)
    assert shapely.geometry.shape(item.geometry).covers(ground[0].buffer(-1e-9))
    assert item.datetime.isoformat() == "2018-09-14T01:06:49+00:00"
    assert item.properties["l4s:trigger"] == "earthquake"
    assert "SECRET" not in json.dumps(item.to_dict())
    assert [link.target for link in item.links if link.rel == "derived_from"] == [
        "https://example.org/collections/s2/items/a"
    ]


def test_a_collection_gathers_all_results_and_can_be_moved(inventory: Path, event: Path, tmp_path: Path):
    folder = tmp_path / "results"
    (folder / "unit").mkdir(parents=True)
    moved = [inventory.rename(folder / "iburi.gpkg"), folder / "unit" / "probability.tif"]
    grid = rasterio.Affine(10, 0, 559_000, 0, -10, 4_731_000)
    with rasterio.open(
        moved[1], "w", driver="GTiff", crs=UTM, transform=grid, width=30, height=20, count=1, dtype="uint8"
    ) as f:
        f.write(np.ones((20, 30), np.uint8), 1)
    write_collection(read_event(event), moved, folder)
    elsewhere = folder.rename(tmp_path / "elsewhere")
    collection = pystac.Collection.from_file(str(elsewhere / "collection.json"))
    assert collection.validate()
    items = list(collection.get_items())
    assert sorted(item.id for item in items) == ["iburi-gpkg", "unit-probability-tif"]
    for item in items:
        assert item.validate()
        assert Path(item.assets["data"].get_absolute_href()).is_file()
        assert item.get_collection().id == "iburi"


def test_what_cannot_be_described_is_said(inventory: Path, event: Path, tmp_path: Path):
    with pytest.raises(EventError, match=r"has the suffix '\.txt'"):
        item_of(tmp_path / "x.txt")
    with pytest.raises(EventError, match="has no results to describe"):
        write_collection(read_event(event), [], tmp_path)
    with pytest.raises(EventError, match="lies outside of"):
        write_collection(read_event(event), [inventory], tmp_path / "elsewhere")
    assert re.search(r"inventory\.gpkg\.stac\.json$", str(write_item(inventory)))

"""Map an event, Search scenes, and Export to a catalogue."""

from __future__ import annotations

import csv

import pytest

EVENT = """\
name: valley
area: [87.0, 27.9, 87.1, 28.0]
date: 2020-07-01
trigger: rainfall
type: debris flow
"""


@pytest.fixture
def event(samples):
    path = samples / "valley.yaml"
    path.write_text(EVENT, encoding="utf-8")
    return path


def test_an_inventory_gets_the_fields_of_a_catalogue(run, samples, event):
    inventory, out = str(samples / "valley_reference.gpkg"), samples / "usgs.csv"
    results = run("exportcatalogue", INVENTORY=inventory, SCHEMA=2, EVENT=str(event), OUTPUT=str(out))
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert results["COUNT"] == len(rows) > 5
    assert {(row["Inventory"], row["Date_Min"], row["LS_Type"]) for row in rows} == {
        ("valley", "2020-07-01", "debris flow")
    }


def test_outlines_can_be_exported(run, samples):
    out = samples / "coolr.geojson"
    run("exportcatalogue", INVENTORY=str(samples / "valley_reference.gpkg"), GEOMETRY=1, OUTPUT=str(out))
    text = out.read_text(encoding="utf-8")
    assert "MultiPolygon" in text
    assert "landslide_trigger" in text


def test_the_inventory_is_not_replaced(problem, samples):
    inventory = str(samples / "valley_reference.gpkg")
    assert problem("exportcatalogue", INVENTORY=inventory, OUTPUT=inventory)


def test_a_search_of_an_api_that_is_not_there_says_so(run, event):
    from qgis.core import QgsProcessingException

    before = event.read_text(encoding="utf-8")
    with pytest.raises(QgsProcessingException, match=r"http://127\.0\.0\.1:9 cannot be fetched"):
        run("searchscenes", EVENT=str(event), API="http://127.0.0.1:9", AFTER_DAYS=5)
    assert event.read_text(encoding="utf-8") == before


def test_an_event_file_that_is_not_there_is_told_before(problem, samples):
    assert "does not exist; choose one" in problem("searchscenes", EVENT=str(samples / "none.yaml"))


@pytest.fixture
def valley(samples):
    """An event file that maps the sample scene."""
    path = samples / "valley.yaml"
    scenes = "scenes: {after: [{scene: valley.tif, date: 2020-07-05}]}\ndem: [valley_dem.tif]\nbundle: rgb-fast\n"
    path.write_text(EVENT.replace("[87.0, 27.9, 87.1, 28.0]", "[86.1, 27.8, 86.3, 28.0]") + scenes, encoding="utf-8")
    return path


def test_an_event_is_mapped_to_one_inventory_and_loaded(run, samples, valley, feedback):
    from qgis.core import QgsVectorLayer

    page = samples / "page.html"
    results = run("mapevent", EVENT=str(valley), REPORT=str(page))
    assert (results["MAPPED"], results["FAILED"]) == (1, 0)
    inventory = samples / "valley" / "valley.gpkg"
    layer = QgsVectorLayer(f"{inventory}|layername=landslides", "l", "ogr")
    assert layer.featureCount() == results["COUNT"] > 5
    assert {feature["trigger"] for feature in layer.getFeatures()} == {"rainfall"}
    assert page.exists()
    # What is done is not done again.
    (unit,) = (samples / "valley" / "units").glob("*.gpkg")
    stamp = unit.stat().st_mtime_ns
    assert run("mapevent", EVENT=str(valley))["COUNT"] == results["COUNT"]
    assert unit.stat().st_mtime_ns == stamp


def test_units_that_fail_are_counted_and_named(run, samples, valley):
    from qgis.core import QgsProcessingException

    (samples / "valley.tif").write_bytes(b"no raster")
    valley.write_text(valley.read_text().replace("date: 2020-07-05", "date: 2020-07-05, tile: 45RVM"), encoding="utf-8")
    with pytest.raises(QgsProcessingException, match="No unit could be mapped"):
        run("mapevent", EVENT=str(valley))


def test_ways_to_share_the_work_exclude_each_other(problem, valley):
    text = problem("mapevent", EVENT=str(valley), WORKERS=2, SCHEDULER="tcp://127.0.0.1:9")
    assert "either a scheduler or more processes" in text
    assert "does not exist; choose one" in problem("mapevent", EVENT=str(valley.with_name("none.yaml")))

"""Threshold by eye, and an inventory of probabilities: the same landslides as the command line's."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)

SAMPLES = Path(__file__).resolve().parents[2] / "sample_scenes"


@pytest.fixture(scope="module")
def mapped(tmp_path_factory, engine) -> Path:
    """A folder with the probabilities of the sample scene, p.tif, and inventories of it."""
    folder = tmp_path_factory.mktemp("mapped")
    for name in ("valley.tif", "valley_dem.tif"):
        shutil.copy(SAMPLES / name, folder)
    scene = ("valley.tif", "--dem", "valley_dem.tif", "--out", "map.gpkg", "--probability", "p.tif")
    command_line(engine, folder, "map", *scene)
    return folder


def command_line(engine, folder: Path, *arguments: object) -> None:
    subprocess.run([engine, "-I", "-m", "l4s_geo.cli.main", *map(str, arguments), "-q"], check=True, cwd=folder)


@pytest.fixture
def raster(mapped) -> QgsRasterLayer:
    layer = QgsRasterLayer(str(mapped / "p.tif"), "Probability of landslide")
    assert layer.isValid()
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def dock(qgis_iface, raster):
    from l4s_landslides.threshold_dock import ThresholdDock

    canvas = qgis_iface.mapCanvas()
    canvas.setDestinationCrs(raster.crs())
    canvas.setExtent(raster.extent())
    made = ThresholdDock(qgis_iface)
    made._raster.setLayer(raster)
    made.show()
    yield made
    made.unload()
    made.close()


def settle(dock, seconds: float = 120.0) -> None:
    """Wait until the polygons of the last move are on the map."""
    deadline = time.monotonic() + seconds
    while dock._timer.isActive() or not dock.engine.is_idle or not dock._label.text():
        assert time.monotonic() < deadline, dock._label.text()
        QgsApplication.processEvents()
        time.sleep(0.005)


def polygons_on_map(dock) -> list[QgsGeometry]:
    return dock._band.asGeometry().asGeometryCollection()


def inventory_at(engine, folder: Path, threshold: float, min_area: float = 500) -> QgsVectorLayer:
    out = folder / f"at-{threshold}.gpkg"
    command_line(
        engine, folder, "inventory", "p.tif", "--threshold", threshold, "--min-area", min_area, "--out", out.name
    )
    return QgsVectorLayer(f"{out}|layername=landslides", "", "ogr")


@pytest.mark.parametrize("threshold", [0.2, 0.6])
def test_what_is_shown_is_what_the_command_line_makes(dock, mapped, engine, threshold):
    dock._slider.setValue(round(threshold * 100))
    assert dock.threshold == threshold
    settle(dock)
    expected = inventory_at(engine, mapped, threshold)
    shown = polygons_on_map(dock)
    assert len(shown) == expected.featureCount() > 20
    areas = sorted(feature["area_m2"] for feature in expected.getFeatures())
    assert sorted(polygon.area() for polygon in shown) == pytest.approx(areas)
    assert dock._label.text().startswith(f"{len(shown)} landslides, {sum(areas) / 1e6:.3f} km²")


def test_it_follows_the_minimum_area_and_the_map(dock, mapped, engine, qgis_iface):
    dock.set_threshold(0.5)
    settle(dock)
    whole = len(polygons_on_map(dock))
    dock._area.setValue(20000)
    settle(dock)
    assert 0 < len(polygons_on_map(dock)) < whole
    dock._area.setValue(500)
    seen = QgsRectangle(421500, 3086000, 423000, 3087500)
    qgis_iface.mapCanvas().setExtent(seen)
    settle(dock)
    seen = qgis_iface.mapCanvas().mapSettings().visibleExtent()
    expected = inventory_at(engine, mapped, 0.5)
    inside = [f.geometry() for f in expected.getFeatures() if seen.contains(f.geometry().boundingBox())]
    shown = polygons_on_map(dock)
    assert 0 < len(inside) < whole
    for geometry in inside:
        assert any(polygon.equals(geometry) for polygon in shown)


def test_only_the_last_of_many_moves_is_answered(dock, monkeypatch):
    settle(dock)
    asked = []
    ask = dock.engine._send
    monkeypatch.setattr(dock.engine, "_send", lambda: (asked.append(dict(dock.engine._waiting)), ask()))
    for step in range(20, 80):
        dock._slider.setValue(step)
        dock._ask()
    settle(dock)
    assert dock.threshold == 0.79
    assert dock.engine._number < 60  # what was overtaken was never asked for
    assert len(asked) >= 60


def test_a_map_in_other_coordinates(dock, qgis_iface, raster):
    canvas = qgis_iface.mapCanvas()
    dock.set_threshold(0.5)
    settle(dock)
    count = len(polygons_on_map(dock))
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    canvas.setExtent(QgsRectangle(86.18, 27.86, 86.28, 27.95))
    settle(dock)
    assert 0 < len(polygons_on_map(dock)) <= count


def test_a_raster_that_is_none_of_probabilities_gets_a_sentence(dock, mapped):
    layer = QgsRasterLayer(str(mapped / "valley_dem.tif"), "DEM")
    QgsProject.instance().addMapLayer(layer)
    dock._raster.setLayer(layer)
    settle(dock)
    assert "expected" in dock._label.text()
    assert polygons_on_map(dock) == []


def test_no_engine_gets_a_sentence(dock, monkeypatch):
    settle(dock)
    dock.engine.stop()
    monkeypatch.setenv("L4S_PYTHON", "/nowhere/python")
    dock.set_threshold(0.4)
    settle(dock)
    assert "does not exist" in dock._label.text()


def test_an_engine_that_dies_is_started_again(dock):
    settle(dock)
    dock.engine._process.kill()
    dock.set_threshold(0.4)
    deadline = time.monotonic() + 30
    while "ended without an answer" not in dock._label.text():
        assert time.monotonic() < deadline
        QgsApplication.processEvents()
    dock.set_threshold(0.5)
    settle(dock)
    assert polygons_on_map(dock)


def test_make_inventory_opens_with_what_the_slider_says(dock, raster, monkeypatch):
    opened = []
    monkeypatch.setattr("processing.createAlgorithmDialog", lambda *given: opened.append(given), raising=False)
    dock.set_threshold(0.42)
    dock.make()
    expected = {"PROBABILITY": raster.id(), "THRESHOLD": 0.42, "MIN_AREA": 500}
    assert opened == [("landslide4sense:makeinventory", expected)]


def test_the_algorithm_makes_what_the_command_line_makes(run, mapped, engine, tmp_path):
    out = tmp_path / "made.gpkg"
    made = run("makeinventory", PROBABILITY=str(mapped / "p.tif"), THRESHOLD=0.3, OUTPUT=str(out))
    expected = inventory_at(engine, mapped, 0.3)
    layer = QgsVectorLayer(f"{out}|layername=landslides", "", "ogr")
    assert made["COUNT"] == layer.featureCount() == expected.featureCount()
    names = [name for name in expected.fields().names() if name not in ("fid", "created")]
    for one, other in zip(layer.getFeatures(), expected.getFeatures()):
        assert one.geometry().equals(other.geometry())
        assert [one[name] for name in names] == [other[name] for name in names]


def test_the_algorithm_measures_anew(run, mapped, engine, tmp_path):
    inventory = inventory_at(engine, mapped, 0.35)
    source = inventory.source().split("|")[0]
    out = tmp_path / "measured.gpkg"
    made = run("measureagain", INVENTORY=source, PROBABILITY=str(mapped / "p.tif"), OUTPUT=str(out))
    layer = QgsVectorLayer(f"{out}|layername=landslides", "", "ogr")
    assert made["COUNT"] == layer.featureCount() == inventory.featureCount()
    for one, other in zip(layer.getFeatures(), inventory.getFeatures()):
        for name in ("id", "area_m2", "prob_mean", "slope_mean_deg", "confidence"):
            assert one[name] == other[name], name


def test_an_inventory_over_its_own_raster_is_refused(problem, mapped, raster):
    given = {"PROBABILITY": raster.id(), "OUTPUT": str(mapped / "p.tif")}
    assert "is the file of the layer" in problem("makeinventory", **given)

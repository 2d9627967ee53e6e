"""Outputs that would destroy something, as QGIS really holds files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from qgis.core import QgsProcessingException, QgsProject, QgsRasterLayer, QgsVectorLayer

PART = "421000,423500,3086500,3089000 [EPSG:32645]"


@pytest.fixture
def shown(samples):
    """The reference inventory, as a layer of the project."""
    layer = QgsVectorLayer(f"{samples / 'valley_reference.gpkg'}|layername=landslides", "mine", "ogr")
    assert layer.isValid()
    QgsProject.instance().addMapLayer(layer)
    return layer


def test_a_file_that_qgis_edits_is_not_replaced_by_the_command_line(run, samples, engine, shown, feedback):
    """QGIS keeps an empty log while it edits; its next save would spoil a file that stands there then."""
    out = samples / "valley_reference.gpkg"
    assert shown.startEditing()
    log = Path(f"{out}-wal")
    assert log.is_file()
    assert log.stat().st_size == 0
    command = [engine, "-I", "-m", "l4s_geo.cli.main", "map", str(samples / "valley.tif"), "--out", str(out)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 2, ended.stderr
    assert f"(process {os.getpid()})" in ended.stderr
    count = shown.featureCount()
    feature = next(shown.getFeatures())
    assert shown.deleteFeature(feature.id())
    assert shown.commitChanges()
    with closing(sqlite3.connect(out)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM landslides").fetchone() == (count - 1,)
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", ["AOI", "MASK"])
def test_polygons_that_are_read_are_not_replaced(problem, samples, shown, name):
    out = samples / "Link.gpkg"
    out.symlink_to(samples / "valley_reference.gpkg")
    layers = {"INPUT": str(samples / "valley.tif"), name: shown.id()}
    for path in (samples / "valley_reference.gpkg", samples / "." / ".." / samples.name / "Link.gpkg"):
        assert "is the file of the layer mine" in problem("maplandslides", **layers, OUTPUT=str(path))
    assert problem("maplandslides", **layers, OUTPUT=str(samples / "other.gpkg")) == ""


def test_a_scene_that_is_read_is_not_replaced(problem, run, samples):
    scene = str(samples / "valley.tif")
    assert "is the file of the layer" in problem("buildstack", INPUT=scene, OUTPUT=scene)
    assert "is the file of the layer" in problem("maplandslides", INPUT=scene, PROBABILITY=scene)


def test_a_product_that_is_read_is_not_replaced(run, samples, feedback):
    """The engine tells, where no layer is."""
    scene = samples / "valley.tif"
    before = scene.read_bytes()
    with pytest.raises(QgsProcessingException) as told:
        run("buildstack", FILE=str(scene), OUTPUT=str(scene))
    assert "is the scene that the run reads" in str(told.value) + feedback.text
    assert scene.read_bytes() == before


def test_a_layer_that_is_compared_is_not_replaced(problem, samples, shown):
    other = samples / "o.gpkg"
    other.write_bytes((samples / "valley_reference.gpkg").read_bytes())
    given = {"INVENTORY": str(other), "REFERENCE": shown.id()}
    for path in (other, samples / "valley_reference.gpkg"):
        assert "which is read and would be lost" in problem("comparereference", **given, OUTPUT=str(path))


def test_two_scenes_that_would_become_one_inventory(problem, samples):
    (samples / "valley.img").write_bytes(b"")
    message = problem("mapfolder", FOLDER=str(samples), OUTPUT_FOLDER=str(samples / "out"))
    assert "would both become valley.gpkg" in message


def test_an_inventory_and_a_raster_of_one_stem_have_styles_of_their_own(run, samples):
    """QGIS takes the inventory's from inside it, the raster's from beside it."""
    out, probability = samples / "a.gpkg", samples / "a.tif"
    run("maplandslides", INPUT=str(samples / "valley.tif"), EXTENT=PART, OUTPUT=str(out), PROBABILITY=str(probability))
    inventory, raster = QgsVectorLayer(str(out), "", "ogr"), QgsRasterLayer(str(probability))
    for layer in (inventory, raster):
        layer.loadDefaultStyle()
    assert [item.label().split()[0] for item in inventory.renderer().legendSymbolItems()] == ["High", "Medium", "Low"]
    assert raster.renderer().type() == "singlebandpseudocolor"


def test_a_log_that_a_crash_left_does_not_stand_in_the_way(run, samples):
    """What it holds belongs to the old file, and would spoil the new one."""
    out = samples / "o.gpkg"
    out.write_bytes((samples / "valley_reference.gpkg").read_bytes())
    code = (
        "import os, sqlite3, sys; editing = sqlite3.connect(sys.argv[1]); "
        "editing.execute('PRAGMA journal_mode=WAL'); editing.execute('DELETE FROM landslides'); "
        "editing.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(out)], check=True)
    assert Path(f"{out}-wal").stat().st_size
    results = run("maplandslides", INPUT=str(samples / "valley.tif"), EXTENT=PART, OUTPUT=str(out))
    with closing(sqlite3.connect(out)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM landslides").fetchone() == (results["COUNT"],)
    assert [p.name for p in samples.glob("o.gpkg*")] == ["o.gpkg"]

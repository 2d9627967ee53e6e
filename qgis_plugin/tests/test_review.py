"""Review inventory: by keys alone, into the file at once, and nothing lost when QGIS dies."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest

PLUGIN = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def mapped(tmp_path_factory, engine) -> Path:
    """A folder with a map of the sample scene: inventory.gpkg and p.tif."""
    folder = tmp_path_factory.mktemp("mapped")
    for name in ("valley.tif", "valley_dem.tif"):
        shutil.copy(PLUGIN.parent / "sample_scenes" / name, folder)
    command = [engine, "-I", "-m", "l4s_geo.cli.main", "map", "-q", "valley.tif", "--dem", "valley_dem.tif"]
    subprocess.run([*command, "--out", "inventory.gpkg", "--probability", "p.tif"], check=True, cwd=folder)
    return folder


@pytest.fixture
def inventory(mapped, tmp_path) -> QgsVectorLayer:
    path = tmp_path / "überprüft.gpkg"
    shutil.copy(mapped / "inventory.gpkg", path)
    for name in ("valley.tif", "valley_dem.tif"):
        shutil.copy(mapped / name, tmp_path)
    layer = QgsVectorLayer(f"{path}|layername=landslides", "inventory", "ogr")
    assert layer.isValid()
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def dock(qgis_iface, monkeypatch):
    from l4s_landslides.review_dock import ReviewDock

    made = ReviewDock(qgis_iface)
    monkeypatch.setattr(made, "ask", lambda question: True)
    made.show()
    yield made
    made.unload()
    made.close()


@pytest.fixture
def begun(dock, inventory):
    dock.panel.layers.setLayer(inventory)
    dock.begin()
    assert dock._review is not None, dock.panel.message.text()
    return dock


def press(dock, *keys: str) -> None:
    arrows = {"Left": Qt.Key.Key_Left, "Right": Qt.Key.Key_Right}
    for key in keys:
        QTest.keyClick(dock.panel.keys, arrows.get(key, key.lower()))


def in_file(layer) -> dict[int, tuple]:
    """What another program reads: number → review and comment."""
    path = layer.source().split("|")[0]
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return {n: (r or "", c or "") for n, r, c in database.execute("SELECT id, review, comment FROM landslides")}


def shown(dock) -> int:
    return dock._review.row(dock._fid).number


def wait_until(dock, condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it took too long: {dock.panel.message.text()}"
        QgsApplication.processEvents()
        time.sleep(0.01)


def test_keys_walk_and_decide_and_the_file_has_it_at_once(begun, inventory):
    assert shown(begun) == 1
    press(begun, "A")
    assert shown(begun) == 2
    assert in_file(inventory)[1] == ("accepted", "")
    press(begun, "N", "R", "F")
    assert {n: said for n, (said, _) in in_file(inventory).items() if said} == {
        1: "accepted",
        3: "rejected",
        4: "field check",
    }
    press(begun, "P", "P")
    assert shown(begun) == 3
    press(begun, "Left", "Right", "Right")
    assert shown(begun) == 4
    assert begun.panel.progress.value() == 3


def test_the_last_one_is_followed_by_the_first(begun):
    count = len(begun._review.rows())
    press(begun, "P")
    assert shown(begun) == count
    press(begun, "N")
    assert shown(begun) == 1


def test_after_the_last_decision_nothing_is_left(begun, inventory):
    rows = begun._review.rows()
    for _ in rows:
        press(begun, "A")
    assert {said for said, _ in in_file(inventory).values()} == {"accepted"}
    assert begun.panel.progress.value() == len(rows)
    assert "decided" in begun.panel.message.text()


def test_a_comment_is_typed_and_saved_by_enter(begun, inventory):
    press(begun, "C")
    assert begun.panel.comment.hasFocus() or QgsApplication.focusWidget() is None  # offscreen has no active window
    begun.panel.comment.setText("früher, ")  # keys of a test are ASCII alone
    QTest.keyClicks(begun.panel.comment, "NAR")
    QTest.keyClick(begun.panel.comment, Qt.Key.Key_Return)
    assert in_file(inventory)[1] == ("", "früher, NAR")
    assert shown(begun) == 1
    press(begun, "U")
    assert in_file(inventory)[1] == ("", "")


def test_undo_goes_back_step_by_step(begun, inventory):
    press(begun, "A", "R", "F")
    press(begun, "P", "P", "A")
    assert in_file(inventory)[2][0] == "accepted"
    press(begun, "U")
    assert (shown(begun), in_file(inventory)[2][0]) == (2, "rejected")
    press(begun, "U", "U", "U")
    assert not [said for said, _ in in_file(inventory).values() if said]
    assert shown(begun) == 1
    press(begun, "U")
    assert "nothing to undo" in begun.panel.message.text()


def test_filters_by_confidence_area_and_decision(begun, inventory):
    features = list(inventory.getFeatures())
    begun.panel.classes["high"].setChecked(False)
    begun.panel.least.setValue(5000)
    begun.panel.most.setValue(30000)
    expected = sorted(f["id"] for f in features if f["confidence"] != "high" and 5000 <= f["area_m2"] <= 30000)
    assert [row.number for row in begun._rows()] == expected
    assert 0 < len(expected) < len(features)
    press(begun, "N")
    assert shown(begun) in expected
    begun.panel.open_only.setChecked(True)
    press(begun, "A")
    assert len(begun._rows()) == len(expected) - 1
    for check in begun.panel.classes.values():
        check.setChecked(False)
    press(begun, "N")
    assert "no other landslide" in begun.panel.message.text()


def test_the_summary_is_the_precision_by_class(begun, inventory, engine):
    from l4s_landslides.review_summary import summarise

    by_class = {}
    for row in begun._review.rows():
        by_class.setdefault(row.confidence, []).append(row.fid)
    name, fids = max(by_class.items(), key=lambda item: len(item[1]))
    assert len(fids) >= 5
    for fid, decision in zip(fids, ("accepted", "accepted", "accepted", "rejected", "field check")):
        begun._review.decide(fid, decision)
    found = summarise(begun._review.rows())
    count = found.classes[name]
    assert (count.of, count.right, count.wrong, count.doubtful) == (len(fids), 3, 1, 1)
    assert count.share == 0.75
    # Wilson's interval for 3 of 4, by hand: (3.9207 ± 1.9600 √(0.75 + 0.9604 / 1)) / 7.8415 of z² = 3.8415
    low, high = count.interval
    assert low == pytest.approx(0.3006, abs=5e-4)
    assert high == pytest.approx(0.9544, abs=5e-4)
    assert (found.every.right, found.every.wrong, found.added) == (3, 1, 0)
    assert "75% (30–95%)" in begun.panel.summary.text()
    # The command line, which takes the interval from a library, counts the same.
    path = inventory.source().split("|")[0]
    code = (
        "import json, sys; from l4s_geo.review.decisions import count_decisions; "
        "found, added = count_decisions(sys.argv[1]); "
        "print(json.dumps([[name, c.mapped, c.right, c.wrong, c.doubtful, *c.interval] for name, c in found.items()]))"
    )
    said = subprocess.run([engine, "-c", code, path], capture_output=True, text=True, check=True).stdout
    for known, *numbers in json.loads(said):
        own = found.every if known == "all" else found.classes[known]
        assert numbers[:4] == [own.of, own.right, own.wrong, own.doubtful]
        if own.interval:
            assert numbers[4:] == pytest.approx(own.interval)


def test_an_edited_outline_is_a_decision_and_is_measured_by_the_engine(begun, inventory, mapped, engine):
    begun.panel.probability.setLayer(probability := QgsRasterLayer(str(mapped / "p.tif"), "p"))
    QgsProject.instance().addMapLayer(probability)
    begun.panel.probability.setLayer(probability)
    begun._iface.mapCanvas().setDestinationCrs(inventory.crs())
    fid = begun._fid
    old = inventory.getFeature(fid)
    grown = old.geometry().buffer(30, 4)
    assert inventory.changeGeometry(fid, grown)  # as the vertex tool does
    wait_until(begun, lambda: begun._view._band.asGeometry().area() == pytest.approx(grown.area()))
    wait_until(begun, lambda: begun.measuring.engine.is_idle and inventory.getFeature(fid)["area_m2"] != old["area_m2"])
    new = inventory.getFeature(fid)
    assert (new["review"], in_file(inventory)[1][0]) == ("edited", "edited")
    assert new["area_m2"] == pytest.approx(grown.area())
    assert new["perimeter_m"] == pytest.approx(grown.length())
    assert new["prob_mean"] < old["prob_mean"]
    assert new["elev_max_m"] >= old["elev_max_m"]
    # What the command line measures of the same file is the same.
    path, out = Path(inventory.source().split("|")[0]), mapped / "again.gpkg"
    command = [engine, "-I", "-m", "l4s_geo.cli.main", "measure", str(path), "--probability", str(mapped / "p.tif")]
    subprocess.run([*command, "-q", "--out", str(out)], check=True)
    again = next(f for f in QgsVectorLayer(str(out), "", "ogr").getFeatures() if f["id"] == 1)
    for name in ("area_m2", "length_m", "n_pixels", "prob_mean", "prob_max", "slope_mean_deg", "reach_angle_deg"):
        assert new[name] == pytest.approx(again[name]), name
    press(begun, "U")
    back = inventory.getFeature(fid)
    assert back.geometry().equals(old.geometry())
    assert back.attributes()[:-2] == old.attributes()[:-2]


def test_a_polygon_that_is_drawn_is_added_and_undone(begun, inventory):
    before = inventory.featureCount()
    feature = QgsFeature(inventory.fields())
    feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(422000, 3086500, 422200, 3086600)))
    assert inventory.addFeature(feature)
    wait_until(
        begun,
        lambda: begun.measuring.engine.is_idle and before + 1 in in_file(inventory) and begun._review.stale_now() == [],
    )
    (added,) = (f for f in inventory.getFeatures() if f["review"] == "added")
    assert (added["id"], added["area_m2"], added["length_m"]) == (before + 1, 20000, 200)
    assert added["slope_mean_deg"] > 0
    assert begun._review.undo() == added.id()
    assert inventory.featureCount() == before
    assert before + 1 not in in_file(inventory)


def test_measured_anew_after_qgis_died_before_it_was(dock, inventory):
    from l4s_landslides.review import add_fields

    add_fields(inventory)
    inventory.startEditing()
    fid = next(inventory.getFeatures()).id()
    inventory.changeGeometry(fid, QgsGeometry.fromRect(QgsRectangle(422000, 3086500, 422100, 3086600)))
    inventory.changeAttributeValue(fid, inventory.fields().lookupField("review"), "edited")
    inventory.commitChanges()
    dock.panel.layers.setLayer(inventory)
    dock.begin()
    wait_until(dock, lambda: dock.measuring.engine.is_idle and inventory.getFeature(fid)["area_m2"] == 10000)


def test_fields_are_asked_for_and_not_added_unasked(dock, inventory, monkeypatch):
    asked = []
    monkeypatch.setattr(dock, "ask", lambda question: bool(asked.append(question)))
    dock.panel.layers.setLayer(inventory)
    dock.begin()
    assert dock._review is None
    assert "review, comment" in asked[0]
    assert inventory.fields().lookupField("review") < 0


def test_layers_that_cannot_be_reviewed_get_a_sentence(dock, inventory, memory_polygons):
    other = memory_polygons((0, 0, 10, 10))
    dock.panel.layers.setLayer(other)
    dock.begin()
    assert "is no inventory (it lacks area_m2, prob_mean, confidence)" in dock.panel.message.text()
    inventory.setReadOnly(True)
    dock.panel.layers.setLayer(inventory)
    dock.begin()
    assert "read-only" in dock.panel.message.text()
    inventory.setReadOnly(False)
    inventory.startEditing()
    inventory.deleteFeature(next(inventory.getFeatures()).id())
    dock.begin()
    assert "edits that are not saved" in dock.panel.message.text()
    inventory.rollBack()
    assert dock._review is None


def test_a_word_that_is_no_decision_is_said(dock, inventory):
    from l4s_landslides.review import add_fields

    add_fields(inventory)
    inventory.startEditing()
    inventory.changeAttributeValue(next(inventory.getFeatures()).id(), inventory.fields().lookupField("review"), "hm")
    inventory.commitChanges()
    dock.panel.layers.setLayer(inventory)
    dock.begin()
    assert dock._review.strangers() == ["hm"]
    assert "says hm, which is no decision" in dock.panel.message.text()
    assert (dock.panel.progress.value(), shown(dock)) == (0, 1)


def test_a_comment_that_is_being_typed_outlives_a_refresh(begun):
    begun.panel.comment.clear()
    QTest.keyClicks(begun.panel.comment, "half")
    begun._go(begun._fid)  # as when the engine's measures come in
    assert begun.panel.comment.text() == "half"
    press(begun, "N", "P")
    assert begun.panel.comment.text() == ""


def test_a_layer_that_is_removed_ends_the_review(begun, inventory):
    press(begun, "A")
    QgsProject.instance().removeMapLayer(inventory.id())
    assert begun._review is None
    press(begun, "A", "N", "U")


def test_styled_by_decision_and_as_before_afterwards(begun, inventory):
    press(begun, "A")
    labels = {item.label() for item in inventory.renderer().legendSymbolItems()}
    assert {"Accepted", "Rejected", "Field check", "Not decided"} <= labels
    begun.end()
    assert not inventory.isEditable()
    assert {"Accepted"}.isdisjoint({item.label() for item in inventory.renderer().legendSymbolItems()})


def test_what_the_inventory_was_made_from_is_known(inventory, mapped):
    from l4s_landslides.made_from import bundle_name, facts_of, scene_parameters

    facts = facts_of(inventory)
    assert bundle_name(facts) == "rgb"
    expected = {"INPUT": "valley.tif", "DEM": "valley_dem.tif"}
    # The command ran in the scene's folder, so what it names is beside the inventory that it wrote.
    assert scene_parameters(facts, mapped) == {name: str(mapped / file) for name, file in expected.items()}
    assert scene_parameters(facts, mapped / "nowhere") == {}


def test_teach_and_map_again_open_with_what_is_known(begun, inventory, monkeypatch):
    folder = Path(inventory.source().split("|")[0]).parent
    opened = []
    monkeypatch.setattr(
        "processing.createAlgorithmDialog", lambda name, parameters: opened.append((name, parameters)), raising=False
    )
    press(begun, "A", "T")
    name, given = opened.pop()
    assert name == "landslide4sense:teachfromlabels"
    assert (given["LABELS"], given["INPUT"], given["DEM"]) == (
        inventory.id(),
        *(str(folder / name) for name in ("valley.tif", "valley_dem.tif")),
    )
    begun.teaching.taught(True, {"OUTPUT": "/tmp/taught", "SUGGESTIONS": "/tmp/none.gpkg"})
    press(begun, "M")
    name, given = opened.pop()
    assert (name, given["BUNDLE"]) == ("landslide4sense:maplandslides", "/tmp/taught")
    press(begun, "W")
    assert "No windows are suggested yet" in begun.panel.message.text()


_DIES = """
import os, sys
sys.path[:0] = [{plugin!r}]
from qgis.core import QgsApplication, QgsProject, QgsVectorLayer
application = QgsApplication([], True)
application.initQgis()
from l4s_landslides.review import Review, add_fields
layer = QgsVectorLayer({source!r}, "inventory", "ogr")
QgsProject.instance().addMapLayer(layer)
add_fields(layer)
review = Review(layer)
for row, decision in zip(review.rows(), ("accepted", "rejected", "field check")):
    assert review.decide(row.fid, decision)
fid = review.rows()[3].fid
layer.changeGeometry(fid, layer.getFeature(fid).geometry().buffer(10, 2))
application.processEvents()
print("decided", flush=True)
os.kill(os.getpid(), 9)
"""


def test_nothing_is_lost_when_qgis_is_killed(inventory):
    source = inventory.source()
    QgsProject.instance().removeMapLayer(inventory.id())
    code = _DIES.format(plugin=str(PLUGIN), source=source)
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "decided" in died.stdout, died.stderr
    assert died.returncode == -9
    layer = QgsVectorLayer(source, "inventory", "ogr")
    assert [f["review"] for f in sorted(layer.getFeatures(), key=lambda f: f["id"])][:4] == [
        "accepted",
        "rejected",
        "field check",
        "edited",
    ]
    with closing(sqlite3.connect(source.split("|")[0])) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_teaching_reads_is_what_the_review_writes(engine):
    code = "import json; from l4s_geo.teaching.labels import _DECISIONS; print(json.dumps(list(_DECISIONS)))"
    known = json.loads(subprocess.run([engine, "-c", code], capture_output=True, text=True, check=True).stdout)
    from l4s_landslides.review import DECISIONS

    assert set(DECISIONS) <= set(known)

"""The scene as one has it: band layers, a layer as it is drawn, a folder; and bands in a wrong order."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from l4s_landslides import bands, models, widgets
from osgeo import gdal
from processing.gui.wrappers import WidgetWrapperFactory
from qgis.core import (
    QgsMultiBandColorRenderer,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
)
from test_run import PART, command_line, features

ORDER = {"B2": 2, "B3": 3, "B4": 4}


@pytest.fixture
def band_files(samples) -> dict[str, Path]:
    """The sample's bands as files of their own, named by colour, in a folder."""
    folder = samples / "bands"
    folder.mkdir()
    names = {"B2": "valley_blue", "B3": "valley_green", "B4": "valley_B04_10m"}
    for band, name in names.items():
        gdal.Translate(str(folder / f"{name}.tif"), str(samples / "valley.tif"), bandList=[ORDER[band]])
    return {band: folder / f"{name}.tif" for band, name in names.items()}


@pytest.fixture
def reversed_layer(samples) -> QgsRasterLayer:
    """A layer of the sample's blue, green and red, in this order and without names, drawn in natural colours."""
    path = samples / "three.tif"
    gdal.Translate(str(path), str(samples / "valley.tif"), bandList=[2, 3, 4])
    dataset = gdal.Open(str(path), gdal.GA_Update)
    for number in (1, 2, 3):
        dataset.GetRasterBand(number).SetDescription("")
    dataset = None
    layer = QgsRasterLayer(str(path), "three")
    layer.setRenderer(QgsMultiBandColorRenderer(layer.dataProvider(), 3, 2, 1))
    QgsProject.instance().addMapLayer(layer)
    return layer


def test_band_layers_map_as_the_command_line_maps_band_files(run, samples, band_files, engine):
    table = []
    for band, path in band_files.items():
        layer = QgsRasterLayer(str(path), path.stem)
        QgsProject.instance().addMapLayer(layer)
        table += [layer.id(), band]
    run("maplandslides", BAND_LAYERS=table, OUTPUT=str(samples / "one.gpkg"))
    files = [word for band, path in band_files.items() for word in ("--band", f"{band}={path}")]
    command_line(engine, *files, "--out", samples / "other.gpkg")
    assert features(samples / "one.gpkg") == features(samples / "other.gpkg")
    assert len(features(samples / "one.gpkg")) > 40


def test_what_a_table_of_layers_cannot_say(problem, band_files):
    red, green = str(band_files["B4"]), str(band_files["B3"])
    assert "unknown band B13" in problem("maplandslides", BAND_LAYERS=[red, "B13"])
    assert "Two layers" in problem("maplandslides", BAND_LAYERS=[red, "B4", green, "B04"])
    assert "choose the bands" in problem("maplandslides", BAND_LAYERS=[red, ""])
    assert "is no raster" in problem("maplandslides", BAND_LAYERS=["nowhere.tif", "B4"])
    lacking = problem("maplandslides", BAND_LAYERS=[red, "B4", green, "B3"])
    assert "lacks B2" in lacking
    assert "“Band layers”: B2 from its layer" in lacking


def test_a_layer_cannot_be_two_bands(problem, band_files):
    red = str(band_files["B4"])
    message = problem("maplandslides", BAND_LAYERS=[red, "B4", red, "B3"])
    assert "given for B4 and for B3; give each band its own file" in message


def test_a_folder_of_which_only_needed_bands_fit(run, samples, band_files, feedback):
    folder = band_files["B4"].parent
    for band, path in band_files.items():
        path.rename(folder / f"{band}.tif")
    gdal.Translate(str(folder / "B1.tif"), str(samples / "valley.tif"), bandList=[1], srcWin=[0, 0, 200, 200])
    results = run("maplandslides", SCENE_FOLDER=str(folder), EXTENT=PART, OUTPUT=str(samples / "o.gpkg"))
    assert results["COUNT"] > 0
    assert any("B1 is left aside" in line for line in feedback.lines)


def test_a_layer_as_it_is_drawn(run, samples, reversed_layer, problem):
    given = {"INPUT": reversed_layer.id(), "EXTENT": PART}
    assert "name them (“Names of the scene's bands in order: B2,B3,B4,…”" in problem("maplandslides", **given)
    results = run("maplandslides", **given, AS_DRAWN=True, OUTPUT=str(samples / "o.gpkg"))
    named = run("maplandslides", **given, BANDS="B2,B3,B4", OUTPUT=str(samples / "named.gpkg"))
    assert results["COUNT"] == named["COUNT"] > 0
    assert "not both" in problem("maplandslides", **given, AS_DRAWN=True, BANDS="B2,B3,B4")
    grey = QgsMultiBandColorRenderer(reversed_layer.dataProvider(), 1, 1, 1)
    reversed_layer.setRenderer(grey)
    assert "not drawn with three different bands" in problem("maplandslides", **given, AS_DRAWN=True)


def test_a_layer_that_is_drawn_in_other_bands_than_its_names_say(samples, problem):
    layer = QgsRasterLayer(str(samples / "valley.tif"), "valley")
    QgsProject.instance().addMapLayer(layer)
    layer.setRenderer(QgsMultiBandColorRenderer(layer.dataProvider(), 8, 4, 3))
    message = problem("maplandslides", INPUT=layer.id(), AS_DRAWN=True)
    assert "is drawn with its bands B8, B4, B3 as red, green and blue" in message
    layer.setRenderer(QgsMultiBandColorRenderer(layer.dataProvider(), 4, 3, 2))
    assert problem("maplandslides", INPUT=layer.id(), AS_DRAWN=True) == ""


def test_a_band_layer_that_was_guessed_wrong_is_asked_about(problem, band_files, monkeypatch):
    asked = []
    monkeypatch.setattr("l4s_landslides.notice.agreed", lambda question: bool(asked.append(question)))
    red, green, blue = (str(band_files[band]) for band in ("B4", "B3", "B2"))
    message = problem("maplandslides", BAND_LAYERS=[blue, "B4", green, "B3", red, "B2"])
    assert "B2 and B4 seem to have changed places" in message
    assert "“Band layers”" in message
    assert len(asked) == 1
    assert problem("maplandslides", BAND_LAYERS=[red, "B4", green, "B3", blue, "B2"]) == ""


def test_bands_in_a_wrong_order_are_asked_about(problem, run, samples, reversed_layer, monkeypatch, feedback):
    given = {"INPUT": reversed_layer.id(), "BANDS": "B4,B3,B2"}
    asked, answer = [], False

    def agreed(question: str) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr("l4s_landslides.notice.agreed", agreed)
    message = problem("maplandslides", **given)
    assert "B2 and B4 seem to have changed places" in message
    assert "“Names of the scene's bands in order”" in message
    assert "--" not in message
    assert "Go on all the same?" in asked[0]
    answer = True
    assert problem("maplandslides", **given) == ""
    assert problem("maplandslides", **given) == ""
    assert len(asked) == 2
    assert problem("maplandslides", INPUT=reversed_layer.id(), BANDS="B2,B3,B4") == ""
    run("maplandslides", **given, EXTENT=PART, OUTPUT=str(samples / "o.gpkg"))
    assert any("changed places" in line and "--" not in line for line in feedback.lines)


def test_names_are_understood_as_the_engine_does(engine):
    names = ["T29UNU_20221005T115411_B02_10m", "B8A", "b04", "scl", "swir16", "B13", "band", "LC08_B8"]
    code = (
        "import json, sys; from l4s_geo.bands import find_band, named_band; "
        "print(json.dumps([named_band(n) or find_band(n) for n in json.loads(sys.argv[1])]))"
    )
    done = subprocess.run([engine, "-c", code, json.dumps(names)], capture_output=True, text=True, check=True)
    known = [band if band in bands.BANDS else "" for band in json.loads(done.stdout)]
    assert [bands.guess(name) for name in names] == known
    assert bands.guess("T1_B02_B03", "red") == "B4"


def test_the_table_guesses_and_lets_correct(band_files, qgis_app):
    for path in band_files.values():
        QgsProject.instance().addMapLayer(QgsRasterLayer(str(path), path.stem))
    table = widgets.BandTable()
    table.add_project()
    table.add_project()
    named = {QgsProject.instance().mapLayer(i).source(): band for i, band in pairs(table.value())}
    assert named == {str(path): band for band, path in band_files.items()}
    choice = table.table.cellWidget(0, 1)
    choice.setCurrentIndex(choice.findData("B9"))
    assert "B9" in table.value()
    choice.setCurrentIndex(0)
    assert len(table.value()) == 4
    kept = table.value()
    table.set_value(kept)
    assert table.value() == kept
    table.remove()
    assert table.value() == kept[:2]
    table.set_value(["a.tif", "B04", "b.tif", "red"])  # as scripts and models may say it
    assert table.value() == ["a.tif", "B4", "b.tif", "B4"]


def pairs(table: list) -> list[tuple]:
    return list(zip(table[::2], table[1::2]))


def test_a_bundles_path_survives_what_is_known_of_others(samples, qgis_app):
    models.remember([{"name": "rgb", "needs": ["B4", "B3", "B2"], "precision": {"high": 0.857, "low": 0.322}}])
    chooser = widgets.ModelChooser()
    assert chooser.value() == "rgb"
    assert "high 86%, low 32%" in chooser.card.text()
    assert "Needs B4, B3, B2" in chooser.card.text()
    chooser.set_value(str(samples / "my bundle"))
    assert chooser.value() == str(samples / "my bundle")
    assert chooser.card.text() == ""
    models.remember([{"name": "rgb"}, {"name": "other"}])
    again = widgets.ModelChooser()
    again.set_value("/a/path.zip")
    assert again.value() == "/a/path.zip"


class Dialog:
    """What stands for the dialog that widgets are in."""


def test_processing_finds_both_widgets(algorithm, qgis_app):
    made = algorithm("maplandslides")
    for name, kind in (("BAND_LAYERS", widgets.BandTable), ("BUNDLE", widgets.ModelChooser)):
        parameter = made.parameterDefinition(name)
        wrapper = WidgetWrapperFactory.create_wrapper(parameter, Dialog())
        assert isinstance(wrapper.widget, kind)
    wrapper.setValue("/a/path.zip")
    assert wrapper.value() == "/a/path.zip"


def test_check_environment_remembers_the_cards(run, engine, feedback):
    run("checkenvironment")
    assert models.known()["rgb"]["needs"] == ["B4", "B3", "B2"]
    assert "Right, of its landslides by confidence" in models.card("rgb")


def test_a_bundle_that_is_a_folder_or_a_zip(run, samples, engine):
    source = "from l4s_geo.bundles.registry import find_bundle; print(find_bundle('rgb-fast').location)"
    place = subprocess.run([engine, "-c", source], capture_output=True, text=True, check=True).stdout.strip()
    folder = shutil.copytree(place, samples / "mein Modell")
    zipped = shutil.make_archive(str(samples / "modell"), "zip", folder)
    given = {"INPUT": str(samples / "valley.tif"), "EXTENT": PART}
    counts = [run("maplandslides", **given, BUNDLE=str(b), OUTPUT="TEMPORARY_OUTPUT") for b in (folder, zipped)]
    assert counts[0]["COUNT"] == counts[1]["COUNT"] > 0
    assert counts[0]["MODEL"].startswith("rgb-fast")


def test_what_the_engine_can_reaches_it(run, samples, band_files, feedback):
    spread, out = samples / "spread.tif", str(samples / "o.gpkg")
    given = {"BAND_LAYERS": [text for band, path in band_files.items() for text in (str(path), band)]}
    dem = {"DEM": str(samples / "valley_dem.tif"), "EXTENT": PART}
    run("maplandslides", **given, **dem, TTA=1, TERRAIN_PRIOR=1, PRECISION=1, SPREAD=str(spread), OUTPUT=out)
    assert QgsRasterLayer(str(spread)).isValid()
    with pytest.raises(QgsProcessingException) as caught:
        run("maplandslides", **given, EXTENT=PART, TERRAIN_PRIOR=1, OUTPUT=out)
    message = str(caught.value) + feedback.text
    assert "give a DEM (“DEM”), or leave “Weigh by the slope of the ground: On” out" in message

"""Runs on the sample scene: the same landslides as the command line, on the map as users want them."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import processing
import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsExpressionContextUtils,
    QgsFeature,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsRenderContext,
    QgsVectorLayer,
)

RED, ORANGE, YELLOW = "#e31a1c", "#fd8d3c", "#fecc5c"
PART = "421000,423500,3086500,3089000 [EPSG:32645]"


def features(path: str | Path) -> list[tuple]:
    layer = QgsVectorLayer(str(path), "", "ogr")
    assert layer.isValid()
    names = [n for n in layer.fields().names() if n not in ("created", "fid")]
    return [(f.geometry().asWkt(3), *(f[n] for n in names)) for f in layer.getFeatures()]


def command_line(engine: str, *arguments: object) -> None:
    subprocess.run([engine, "-I", "-m", "l4s_geo.cli.main", "map", "-q", *map(str, arguments)], check=True)


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def test_the_same_features_as_the_command_line(run, samples, engine, feedback):
    scene, dem, out, expected = (samples / n for n in ("valley.tif", "valley_dem.tif", "aus gabe.gpkg", "cli.gpkg"))
    results = run("maplandslides", INPUT=str(scene), DEM=str(dem), OUTPUT=str(out))
    command_line(engine, scene, "--dem", dem, "--out", expected)

    found = features(out)
    assert found == features(expected)
    assert results["COUNT"] == len(found) > 40
    assert results["AREA"] == pytest.approx(sum(f[2] for f in found))
    assert results["SCENE"] == "valley"
    assert results["MODEL"].startswith("rgb ")
    assert not any("{" in line for line in feedback.lines if not line.startswith("Results: "))
    assert "provenance" not in feedback.text.lower()
    assert any("per second" in line for line in feedback.lines)
    assert any(line.startswith("Device: ") for line in feedback.lines)
    assert hidden(samples) == []


@pytest.fixture
def earlier(samples) -> Path:
    """The valley before its landslides: ground from beside them lies over them."""
    path, scene = samples / "valley_before.tif", gdal.Open(str(samples / "valley.tif"))
    reference = gdal.OpenEx(str(samples / "valley_reference.gpkg"))
    burnt = gdal.GetDriverByName("MEM").Create("", scene.RasterXSize, scene.RasterYSize, 1)
    burnt.SetGeoTransform(scene.GetGeoTransform())
    burnt.SetProjection(scene.GetProjection())
    gdal.RasterizeLayer(burnt, [1], reference.GetLayer("landslides"), burn_values=[1])
    mask, values = burnt.ReadAsArray() > 0, scene.ReadAsArray()
    values[:, mask] = np.roll(values, 25, axis=2)[:, mask]
    copy = gdal.GetDriverByName("GTiff").CreateCopy(str(path), scene)
    copy.WriteArray(values)
    copy = None
    return path


def test_what_is_new_as_the_command_line_maps_it(run, samples, engine, earlier):
    scene, out, expected = (samples / n for n in ("valley.tif", "new.gpkg", "cli.gpkg"))
    change = samples / "change.tif"
    results = run("maplandslides", INPUT=str(scene), BEFORE=[str(earlier)], OUTPUT=str(out), CHANGE=str(change))
    command_line(engine, scene, "--before", earlier, "--out", expected)
    found = features(out)
    assert found == features(expected)
    assert results["COUNT"] == len(found) > 5
    layer = QgsVectorLayer(f"{out}|layername=landslides", "", "ogr")
    assert {"is_new", "p_new", "date_before", "date_after"} <= set(layer.fields().names())
    assert QgsRasterLayer(results["CHANGE"]).isValid()
    assert change.with_suffix(".qml").exists()
    every = samples / "all.gpkg"
    run("maplandslides", INPUT=str(scene), BEFORE_FILE=str(earlier), ALL=True, OUTPUT=str(every))
    flags = [f["is_new"] for f in QgsVectorLayer(f"{every}|layername=landslides", "", "ogr").getFeatures()]
    assert {True} < set(flags) or all(flags)


def test_an_earlier_scene_that_is_no_scene_is_refused(run, samples, feedback):
    text = samples / "notes.txt"
    text.write_text("no scene")
    with pytest.raises(QgsProcessingException):
        run("maplandslides", INPUT=str(samples / "valley.tif"), BEFORE_FILE=str(text), OUTPUT=str(samples / "o.gpkg"))
    assert not (samples / "o.gpkg").exists()


def test_a_patch_lies_in_a_plane_without_a_place(run, engine, tmp_path, feedback):
    patch, out = tmp_path / "image_12.h5", tmp_path / "patch.gpkg"
    code = (
        "import sys, h5py, numpy as np; ground = np.full((128, 128, 14), 1.3); ground[30:60, 40:80, 1:4] = 4; "
        # A hillside that rises by 20 degrees to the right: slope and elevation must fit each other.
        "ground[..., 12] = 20 / 20.29228266; "
        "ground[..., 13] = (100 + 10 * np.tan(np.radians(20)) * np.arange(128)) / 772.83144788; "
        "h5py.File(sys.argv[1], 'w')['img'] = ground"
    )
    subprocess.run([engine, "-c", code, str(patch)], check=True)
    with pytest.raises(QgsProcessingException):
        run("maplandslides", FILE=str(patch), OUTPUT=str(out))
    assert "has no coordinates" in feedback.text
    assert not out.exists()
    results = run("maplandslides", FILE=str(patch), PATCH=True, THRESHOLD=0.001, OUTPUT=str(out))
    layer = QgsVectorLayer(f"{out}|layername=landslides", "", "ogr")
    assert layer.isValid()
    assert layer.crs().description() == "Undefined Cartesian SRS"
    found = list(layer.getFeatures())
    assert len(found) == results["COUNT"] > 0
    assert [f.geometry().area() for f in found] == pytest.approx([f["area_m2"] for f in found])
    assert QgsRectangle(0, -1280, 1280, 0).contains(layer.extent())


@pytest.mark.parametrize("kind", ["extent", "memory", "layername"])
def test_area_of_interest(run, samples, engine, memory_polygons, kind):
    box = (421_000, 3_086_500, 423_500, 3_089_000)
    if kind == "extent":
        area = {"EXTENT": PART}
    elif kind == "memory":
        area = {"AOI": memory_polygons(box).id()}
    else:
        path = samples / "zwei Lagen.gpkg"
        layers = [memory_polygons(box), memory_polygons((0, 0, 1, 1))]
        for layer, name in zip(layers, ("eins", "zwei")):
            layer.setName(name)
        processing.run("native:package", {"LAYERS": layers, "OUTPUT": str(path)})
        layer = QgsVectorLayer(f"{path}|layername=eins", "Gebiet", "ogr")
        assert layer.isValid()
        QgsProject.instance().addMapLayer(layer)
        area = {"AOI": layer.id()}
    out, expected = samples / "part.gpkg", samples / "cli.gpkg"
    run("maplandslides", INPUT=str(samples / "valley.tif"), OUTPUT=str(out), **area)
    command_line(engine, samples / "valley.tif", "--aoi", ",".join(map(str, box)), "--out", expected)

    found = features(out)
    assert 0 < len(found) < 40
    assert len(found) == len(features(expected))
    if kind != "extent":  # an extent turns through degrees, which moves its sides by less than a millimetre
        assert found == features(expected)


def test_a_vrt_layer_of_the_project(run, samples):
    vrt = samples / "virtuell ä.vrt"
    gdal.BuildVRT(str(vrt), [str(samples / "valley.tif")], separate=False)
    layer = QgsRasterLayer(str(vrt), "Szene")
    QgsProject.instance().addMapLayer(layer)
    names = "B1,B2,B3,B4,B5,B6,B7,B8,B9,B10,B11,B12,slope,DEM"
    results = run("maplandslides", INPUT=layer.id(), BANDS=names, EXTENT=PART, OUTPUT="TEMPORARY_OUTPUT")
    assert results["COUNT"] > 0


def test_stack_maps_like_the_scene(run, samples):
    stack, one, other = samples / "stack.tif", samples / "one.gpkg", samples / "other.gpkg"
    scene = {"INPUT": str(samples / "valley.tif"), "DEM": str(samples / "valley_dem.tif")}
    run("buildstack", **scene, OUTPUT=str(stack))
    run("maplandslides", INPUT=str(stack), EXTENT=PART, OUTPUT=str(one))
    run("maplandslides", **scene, EXTENT=PART, OUTPUT=str(other))

    assert QgsRasterLayer(str(stack)).bandCount() == 14
    assert [f[0] for f in features(one)] == [f[0] for f in features(other)]


def test_results_are_styled_and_carry_their_provenance(samples, feedback):
    processing.runAndLoadResults(
        "landslide4sense:maplandslides",
        {
            "INPUT": str(samples / "valley.tif"),
            "DEM": str(samples / "valley_dem.tif"),
            "OUTPUT": "TEMPORARY_OUTPUT",
            "PROBABILITY": "TEMPORARY_OUTPUT",
        },
        feedback=feedback.qgis,
    )
    layers = {layer.name(): layer for layer in QgsProject.instance().mapLayers().values()}
    inventory, probability = layers["Landslides valley"], layers["Probability of landslide valley"]

    assert [item.label().split()[0] for item in inventory.renderer().legendSymbolItems()] == ["High", "Medium", "Low"]
    assert drawn(inventory) <= {("high", RED), ("medium", ORANGE), ("low", YELLOW)}
    assert inventory.attributeAlias(inventory.fields().indexOf("area_m2")) == "Area (m²)"
    assert [field.name() for field in inventory.fields() if not field.alias()] == ["fid"]
    form = [element.name() for element in inventory.editFormConfig().tabs()]
    assert form == ["Landslide", "Shape", "Terrain", "Origin"]
    assert probability.renderer().type() == "singlebandpseudocolor"
    for layer in (inventory, probability):
        facts = json.loads(layer.customProperty("l4s/provenance"))
        assert facts["scene"] == "valley"
        assert facts["bundle"] in layer.metadata().abstract()
        assert any(line.startswith("threshold: ") for line in layer.metadata().history())
        assert any(line.startswith("Units: digital numbers") for line in layer.metadata().history())
    assert "Taken for granted:" in feedback.lines
    (units,) = [line for line in feedback.lines if line.startswith("  Units: ")]
    assert "assumed from the values: a tenth are under" in units
    assert units.endswith("to change it: Units of the scene's values)")


@pytest.mark.parametrize(
    ("confidence", "prob_mean", "colour"),
    [("high", 0.6, RED), ("low", 0.9, YELLOW), (None, 0.9, RED), ("", 0.7, ORANGE), (None, 0.5, YELLOW)],
)
def test_a_landslide_without_a_class_is_drawn_by_its_probability(confidence, prob_mean, colour):
    layer = QgsVectorLayer("Polygon?field=confidence:string&field=prob_mean:double", "landslides", "memory")
    feature = QgsFeature(layer.fields())
    feature.setAttributes([confidence, prob_mean])
    layer.dataProvider().addFeature(feature)
    layer.loadNamedStyle(str(Path(__file__).parents[2] / "l4s_geo" / "output" / "styles" / "inventory.qml"))
    ((_, found),) = drawn(layer)
    assert found == colour


def drawn(layer):
    """The classes of a layer's landslides, each with the colour it is drawn in."""
    context, renderer = QgsRenderContext(), layer.renderer().clone()
    context.expressionContext().appendScopes(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    renderer.startRender(context, layer.fields())
    found = set()
    for feature in layer.getFeatures():
        context.expressionContext().setFeature(feature)
        found.add((feature["confidence"] or None, renderer.symbolForFeature(feature, context).color().name()))
    renderer.stopRender(context)
    return found


def test_a_result_that_is_shown_is_refreshed_though_it_is_not_loaded(samples, run):
    """An edit would otherwise land on another landslide than the one that is drawn."""
    out = samples / "inventory.gpkg"
    given = {"INPUT": str(samples / "valley.tif"), "OUTPUT": str(out), "EXTENT": PART}
    run("maplandslides", **given, MIN_AREA=500)
    layer = QgsVectorLayer(f"{out}|layername=landslides", "mine", "ogr")
    QgsProject.instance().addMapLayer(layer)
    before = {f.id(): f["area_m2"] for f in layer.getFeatures()}
    run("maplandslides", **given, MIN_AREA=10_000)
    after = {f.id(): f["area_m2"] for f in layer.getFeatures()}
    assert 0 < len(after) == layer.featureCount() < len(before)
    assert min(after.values()) >= 10_000
    assert layer.startEditing()
    first = next(iter(after))
    layer.changeAttributeValue(first, layer.fields().indexOf("confidence"), "mine")
    assert layer.commitChanges()
    rows = {f["area_m2"]: f["confidence"] for f in QgsVectorLayer(str(out), "", "ogr").getFeatures()}
    assert rows[after[first]] == "mine"


@pytest.mark.parametrize("name", ["comparereference", "buildstack"])
def test_other_results_that_are_shown_are_refreshed(samples, run, name):
    out = samples / ("c.gpkg" if name == "comparereference" else "s.tif")
    reference = str(samples / "valley_reference.gpkg")
    compared = {"INVENTORY": reference, "REFERENCE": reference, "EXTENT": PART}
    given = compared if name == "comparereference" else {"INPUT": str(samples / "valley.tif")}
    run(name, **given, OUTPUT=str(out))
    kind = QgsVectorLayer if name == "comparereference" else QgsRasterLayer
    layer = kind(str(out), "mine")
    QgsProject.instance().addMapLayer(layer)
    before = layer.extent()
    smaller = {**given, "EXTENT": "421000,422000,3086500,3087500 [EPSG:32645]"}
    run(name, **smaller, OUTPUT=str(out))
    layer.updateExtents() if name == "comparereference" else None
    assert layer.extent().width() < before.width()


def test_results_lie_in_one_group_polygons_on_top(samples, feedback):
    load(samples, feedback, PROBABILITY="TEMPORARY_OUTPUT")
    root = QgsProject.instance().layerTreeRoot()
    group = root.findGroup("valley")
    names = [node.name() for node in group.findLayers()]
    assert names == ["Landslides valley", "Probability of landslide valley"]
    assert [node.name() for node in root.findLayers()] == names


def load(samples, feedback, **more) -> None:
    given = {"INPUT": str(samples / "valley.tif"), "EXTENT": PART, "OUTPUT": "TEMPORARY_OUTPUT", **more}
    processing.runAndLoadResults("landslide4sense:maplandslides", given, feedback=feedback.qgis)


def test_a_name_that_somebody_chose_is_kept(samples, feedback):
    output = QgsProcessingOutputLayerDefinition("TEMPORARY_OUTPUT", QgsProject.instance())
    output.destinationName = "Mine of 2018"
    load(samples, feedback, OUTPUT=output)
    (layer,) = QgsProject.instance().mapLayers().values()
    assert layer.name() == "Mine of 2018"
    assert layer.renderer().type() == "categorizedSymbol"
    assert layer.displayExpression().startswith("concat(")


def test_a_stack_is_drawn_in_natural_colours(samples, feedback):
    given = {"INPUT": str(samples / "valley.tif"), "EXTENT": PART, "OUTPUT": "TEMPORARY_OUTPUT"}
    processing.runAndLoadResults("landslide4sense:buildstack", given, feedback=feedback.qgis)
    (layer,) = QgsProject.instance().mapLayers().values()
    shown = layer.renderer()
    names = [layer.bandName(n).split(": ")[-1] for n in (shown.redBand(), shown.greenBand(), shown.blueBand())]
    assert names == ["B4", "B3", "B2"]


def test_running_again_refreshes_the_layer_that_is_there(samples, feedback):
    out = samples / "inventory.gpkg"
    parameters = {"INPUT": str(samples / "valley.tif"), "OUTPUT": str(out), "EXTENT": PART}
    name = "landslide4sense:maplandslides"
    processing.runAndLoadResults(name, {**parameters, "MIN_AREA": 500}, feedback=feedback.qgis)
    (layer,) = QgsProject.instance().mapLayers().values()
    layer.setOpacity(0.5)
    many = layer.featureCount()
    assert len(list(layer.getFeatures())) == many

    processing.runAndLoadResults(name, {**parameters, "MIN_AREA": 10_000}, feedback=feedback.qgis)
    assert list(QgsProject.instance().mapLayers().values()) == [layer]
    assert layer.opacity() == 0.5
    assert 0 < layer.featureCount() == len(list(layer.getFeatures())) < many
    assert min(f["area_m2"] for f in layer.getFeatures()) >= 10_000
    assert json.loads(layer.customProperty("l4s/provenance"))["min_area"] == 10_000
    assert features(out) == features(shutil.copy(out, samples / "copy.gpkg"))


def test_folder_goes_on_after_a_scene_that_fails(run, samples, feedback):
    scenes, out = samples / "scenes", samples / "out"
    scenes.mkdir()
    shutil.move(samples / "valley.tif", scenes / "b valley.tif")
    (scenes / "a broken.tif").write_text("no raster")
    parameters = {"FOLDER": str(scenes), "OUTPUT_FOLDER": str(out), "EXTENT": PART, "LOAD": False}
    results = run("mapfolder", **parameters)

    assert (results["MAPPED"], results["FAILED"]) == (1, 1)
    assert results["OUTPUTS"] == [str(out / "b valley.gpkg")]
    assert "a broken.tif: " in feedback.text
    stamp = (out / "b valley.gpkg").stat().st_mtime_ns
    run("mapfolder", **parameters)
    assert (out / "b valley.gpkg").stat().st_mtime_ns == stamp


def test_folder_takes_band_folders_and_nested_products(run, samples):
    from l4s_landslides.algorithms.map_folder import scenes_in

    inner = samples / "scenes" / "2020" / "bands"
    inner.mkdir(parents=True)
    for band in (2, 3, 4):
        gdal.Translate(str(inner / f"B{band}.tif"), str(samples / "valley.tif"), bandList=[band])
    (samples / "scenes" / "2021" / "S2A.SAFE").mkdir(parents=True)
    (samples / "scenes" / "2021" / "S2A.SAFE" / "part.tif").write_bytes(b"")
    shutil.move(samples / "valley.tif", samples / "scenes" / "valley.tif")
    found = [path.name for path in scenes_in(str(samples / "scenes"))]
    assert sorted(found) == ["S2A.SAFE", "bands", "valley.tif"]
    assert [path.name for path in scenes_in(str(inner))] == ["bands"]
    shutil.rmtree(samples / "scenes" / "2021")
    out = samples / "out"
    results = run("mapfolder", FOLDER=str(samples / "scenes"), OUTPUT_FOLDER=str(out), EXTENT=PART, LOAD=False)
    assert results["MAPPED"] == 2
    assert len(features(out / "bands.gpkg")) > 0


def test_folder_that_is_cancelled_keeps_and_loads_what_is_finished(run, samples, large, feedback):
    scenes, out = samples / "scenes", samples / "out"
    scenes.mkdir()
    shutil.copy(samples / "valley.tif", scenes / "a valley.tif")
    shutil.copy(large, scenes / "b large.tif")

    def cancel():
        deadline = time.monotonic() + 90
        while not any("b large.tif" in line for line in feedback.lines) and time.monotonic() < deadline:
            time.sleep(0.01)
        feedback.qgis.cancel()

    threading.Thread(target=cancel).start()
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        run("mapfolder", FOLDER=str(scenes), OUTPUT_FOLDER=str(out))
    assert any("1 of 2 scenes were finished" in line for line in feedback.lines)
    assert [path.name for path in out.iterdir()] == ["a valley.gpkg"]
    (layer,) = QgsProject.instance().mapLayers().values()
    assert layer.name() == "Landslides a valley"
    assert layer.renderer().type() == "categorizedSymbol"


def test_folder_that_cannot_be_written(problem, samples):
    (samples / "file").write_text("")
    message = problem("mapfolder", FOLDER=str(samples), OUTPUT_FOLDER=str(samples / "file" / "out"))
    assert "cannot be written" in message


def test_folder_in_which_all_fail(run, samples):
    (samples / "scenes").mkdir()
    (samples / "scenes" / "a.tif").write_text("no raster")
    with pytest.raises(QgsProcessingException, match="No scene could be mapped"):
        run("mapfolder", FOLDER=str(samples / "scenes"), OUTPUT_FOLDER=str(samples / "out"))


def test_compare_with_the_reference(run, samples):
    reference = str(samples / "valley_reference.gpkg")
    same = run("comparereference", INVENTORY=reference, REFERENCE=reference, OUTPUT="TEMPORARY_OUTPUT")
    assert same["F1"] == same["IOU"] == pytest.approx(1)
    assert same["MISSED"] == same["FALSE_ALARMS"] == 0

    run("maplandslides", INPUT=str(samples / "valley.tif"), OUTPUT=str(samples / "o.gpkg"))
    scores = run("comparereference", INVENTORY=str(samples / "o.gpkg"), REFERENCE=reference, OUTPUT="TEMPORARY_OUTPUT")
    assert 0.5 < scores["F1"] < 1
    both = scores["IOU"] / (1 + scores["IOU"])
    assert scores["F1"] == pytest.approx(2 * both)
    assert scores["HITS"] + scores["FALSE_ALARMS"] == len(features(samples / "o.gpkg"))


def test_a_comparison_keeps_the_inventorys_attributes(run, samples):
    inventory, out = samples / "o.gpkg", samples / "c.gpkg"
    run("maplandslides", INPUT=str(samples / "valley.tif"), OUTPUT=str(inventory))
    reference = str(samples / "valley_reference.gpkg")
    run("comparereference", INVENTORY=str(inventory), REFERENCE=reference, OUTPUT=str(out))
    own = {f["id"]: (f["prob_mean"], f["bundle"]) for f in QgsVectorLayer(str(inventory), "", "ogr").getFeatures()}
    rows = list(QgsVectorLayer(str(out), "", "ogr").getFeatures())
    kept = {f["id"]: (f["prob_mean"], f["bundle"]) for f in rows if f["side"] == "inventory"}
    assert len(kept) > 40
    assert kept == {number: own[number] for number in kept}
    assert any(f["side"] == "reference" for f in rows)


def test_a_comparison_of_layers_that_do_not_meet_says_so(run, memory_polygons, feedback):
    one, other = memory_polygons((420_000, 3_086_000, 421_000, 3_087_000)), memory_polygons((0, 0, 100, 100))
    with pytest.raises(QgsProcessingException) as caught:
        run("comparereference", INVENTORY=one.id(), REFERENCE=other.id(), OUTPUT="TEMPORARY_OUTPUT")
    assert "do not" in str(caught.value) + feedback.text


def test_report_of_an_inventory(run, samples):
    inventory = str(samples / "valley_reference.gpkg")
    out = samples / "report.html"
    scene = str(samples / "valley.tif")
    results = run("makereport", INVENTORY=inventory, SCENE=scene, DEM=str(samples / "valley_dem.tif"), OUTPUT=str(out))
    assert results["REPORT"] == str(out)
    assert "data:image/webp" in out.read_text(encoding="utf-8")


def test_report_of_products_and_earlier_scenes(run, samples, problem):
    inventory, out = str(samples / "valley_reference.gpkg"), samples / "report.html"
    scene = str(samples / "valley.tif")
    earlier = str(shutil.copy(scene, samples / "earlier.tif"))
    before = {"BEFORE": [earlier], "BEFORE_FILE": earlier}
    run("makereport", INVENTORY=inventory, FILE=scene, **before, OUTPUT=str(out))
    page = out.read_text(encoding="utf-8")
    assert page.count("--before ") == 2
    assert 'id="swipe"' in page
    assert "not both" in problem("makereport", INVENTORY=inventory, SCENE=scene, FILE=scene)


def test_a_map_with_its_report(run, samples):
    (samples / "scenes").mkdir()
    scene = str(shutil.copy(samples / "valley.tif", samples / "scenes"))
    out, report = samples / "o.gpkg", samples / "o.html"
    results = run("maplandslides", INPUT=scene, EXTENT=PART, OUTPUT=str(out), REPORT=str(report))
    assert results["REPORT"] == str(report)
    page = report.read_text(encoding="utf-8")
    assert "data:image/webp" in page
    assert f'>{results["COUNT"]:.0f}</b> <span><span lang="en">landslides' in page
    folder = {"FOLDER": str(samples / "scenes"), "OUTPUT_FOLDER": str(samples / "out")}
    run("mapfolder", **folder, EXTENT=PART, WITH_REPORT=True)
    assert "data:image/webp" in (samples / "out" / "valley.html").read_text(encoding="utf-8")
    assert "REPORT" not in run("maplandslides", INPUT=scene, EXTENT=PART, OUTPUT=str(out))


def test_report_of_a_layer_in_memory(problem, memory_polygons):
    layer = memory_polygons((300_000, 3_100_000, 300_100, 3_100_100))
    assert "is not a file; expected one" in problem("makereport", INVENTORY=layer)


def test_comparison_with_a_report(run, samples):
    reference, out = str(samples / "valley_reference.gpkg"), samples / "report.html"
    run("comparereference", INVENTORY=reference, REFERENCE=reference, OUTPUT="TEMPORARY_OUTPUT", REPORT=str(out))
    assert "Comparison with a reference" in out.read_text(encoding="utf-8")


def test_compare_on_the_ground_that_was_looked_at(run, samples, memory_polygons, feedback):
    reference = QgsVectorLayer(str(samples / "valley_reference.gpkg"), "reference", "ogr")
    box = reference.extent()
    middle = (box.xMinimum() + box.xMaximum()) / 2
    west = memory_polygons((box.xMinimum() - 50, box.yMinimum() - 50, middle, box.yMaximum() + 50))
    out = str(samples / "comparison.gpkg")
    scores = run(
        "comparereference",
        INVENTORY=reference,
        REFERENCE=reference,
        AREA=west,
        DEM=str(samples / "valley_dem.tif"),
        SUN_AZIMUTH=160,
        SUN_ELEVATION=35,
        OUTPUT=out,
    )
    assert "By illumination" in feedback.text
    assert 0 < scores["FOUND"] < reference.featureCount()
    layer = QgsVectorLayer(out, "", "ogr")
    assert layer.featureCount() == 2 * scores["FOUND"]
    assert {f["outcome"] for f in layer.getFeatures()} == {"hit"}
    assert layer.renderer().type() == "categorizedSymbol"
    assert "By slope:" in feedback.text
    assert "Note: " not in feedback.text


def test_check_environment(run, engine):
    results = run("checkenvironment", OUTPUT="TEMPORARY_OUTPUT")
    assert results["DEVICE"] in ("cpu", "cuda")
    assert "rgb" in results["BUNDLES"]
    assert "Bundle rgb" in Path(results["OUTPUT"]).read_text(encoding="utf-8")


def test_as_a_step_of_a_model(samples, feedback):
    step = QgsProcessingModelChildAlgorithm("landslide4sense:maplandslides")
    step.setChildId("map")
    step.addParameterSources("INPUT", [QgsProcessingModelChildParameterSource.fromModelParameter("scene")])
    step.addParameterSources("EXTENT", [QgsProcessingModelChildParameterSource.fromStaticValue(PART)])
    output = QgsProcessingModelOutput("landslides")
    output.setChildOutputName("OUTPUT")
    step.setModelOutputs({"landslides": output})
    model = QgsProcessingModelAlgorithm("model", "tests")
    model.addModelParameter(QgsProcessingParameterRasterLayer("scene"), QgsProcessingModelParameter("scene"))
    model.addChildAlgorithm(step)
    model.updateDestinationParameters()
    model.initAlgorithm()

    out = samples / "model.gpkg"
    results = processing.run(
        model, {"scene": str(samples / "valley.tif"), "map:landslides": str(out)}, feedback=feedback.qgis
    )
    assert results["map:landslides"] == str(out)
    assert len(features(out)) > 0


@pytest.fixture
def large(tmp_path) -> Path:
    """A scene that takes seconds to map."""
    path = tmp_path / "large.tif"
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 2048, 2048, 3, gdal.GDT_UInt16)
    dataset.SetProjection(QgsCoordinateReferenceSystem("EPSG:32645").toWkt())
    dataset.SetGeoTransform((420_000, 10, 0, 3_090_000, 0, -10))
    for number, name in enumerate(("B4", "B3", "B2"), start=1):
        values = np.random.default_rng(number).integers(500, 4000, (2048, 2048))
        dataset.GetRasterBand(number).WriteArray(values)
        dataset.GetRasterBand(number).SetDescription(name)
    return path


@pytest.mark.parametrize("moment", ["Opening", "Mapping"])
def test_cancel_ends_the_worker_and_leaves_nothing(run, large, tmp_path, feedback, moment):
    out = tmp_path / "out"
    out.mkdir()
    cancelled = []

    def cancel():
        deadline = time.monotonic() + 60
        while not any(line.startswith(moment) for line in feedback.lines) and time.monotonic() < deadline:
            time.sleep(0.01)
        cancelled.append(time.monotonic())
        feedback.qgis.cancel()

    threading.Thread(target=cancel).start()
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        run("maplandslides", INPUT=str(large), OUTPUT=str(out / "o.gpkg"), PROBABILITY=str(out / "p.tif"))
    assert time.monotonic() - cancelled[0] < 3
    assert list(out.iterdir()) == []


def test_two_runs_at_once(samples, qgis_app, algorithm, feedback):
    contexts, tasks, done = [], [], {}
    for number in range(2):
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        contexts.append(context)
        extent = {"EXTENT": PART} if number else {}
        parameters = {"INPUT": str(samples / "valley.tif"), "OUTPUT": str(samples / f"{number}.gpkg"), **extent}
        task = QgsProcessingAlgRunnerTask(algorithm("maplandslides"), parameters, context)
        task.executed.connect(lambda fine, results, n=number: done.setdefault(n, (fine, results)))
        tasks.append(task)
    for task in tasks:
        QgsApplication.taskManager().addTask(task)
    deadline = time.monotonic() + 60
    while len(done) < 2 and time.monotonic() < deadline:
        QgsApplication.processEvents()
        time.sleep(0.01)

    assert [done[n][0] for n in range(2)] == [True, True]
    assert len(features(samples / "0.gpkg")) > len(features(samples / "1.gpkg")) > 0


def test_teaching_writes_a_bundle_that_maps(run, samples, engine, feedback, memory_polygons, earlier):
    command = [engine, "-c", "import lightgbm, onnx"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the engine's environment has no lightgbm (extra teach)")
    scene, dem, next_file = samples / "valley.tif", samples / "valley_dem.tif", samples / "next.gpkg"
    reference = f"{samples / 'valley_reference.gpkg'}|layername=landslides"
    looked = memory_polygons((420_000, 3_088_500, 425_120, 3_090_000))
    found = run(
        "teachfromlabels",
        INPUT=str(scene),
        DEM=str(dem),
        BEFORE=[str(earlier)],
        LABELS=reference,
        LOOKED=looked.id(),
        SUN="150,45",
        PARENT=str(samples),
        NAME="valley-2",
        SUGGEST=3,
        SUGGESTIONS=str(next_file),
    )
    assert found["F1"] > found["BASE_F1"] > 0
    assert Path(found["OUTPUT"]) == samples / "valley-2"
    assert any("F1" in line for line in feedback.lines)
    windows = QgsVectorLayer(str(next_file), "", "ogr")
    assert windows.isValid()
    assert set(windows.fields().names()) >= {"number", "reason", "doubt"}
    given = {"INPUT": str(scene), "DEM": str(dem), "BUNDLE": found["OUTPUT"], "OUTPUT": str(samples / "2.gpkg")}
    assert run("maplandslides", BEFORE_FILE=str(earlier), **given)["COUNT"] > 20
    with pytest.raises(QgsProcessingException) as caught:
        run("maplandslides", **given)
    assert "taught on two dates" in feedback.text + str(caught.value)


def test_what_teaching_cannot_use_is_said(run, problem, samples, feedback, memory_polygons):
    given = {
        "INPUT": str(samples / "valley.tif"),
        "LABELS": memory_polygons((421_000, 3_086_500, 421_500, 3_087_000)).id(),
        "PARENT": str(samples),
    }
    assert "165,31" in problem("teachfromlabels", SUN="south", **given)
    assert "no name" in problem("teachfromlabels", NAME=" ", **given)
    with pytest.raises(QgsProcessingException) as caught:
        run("teachfromlabels", NAME="alone", **given)
    assert "landslides alone" in feedback.text + str(caught.value)
    assert not (samples / "alone").exists()

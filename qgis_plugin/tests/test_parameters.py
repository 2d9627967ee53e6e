"""What is caught before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from osgeo import gdal
from qgis.core import QgsProject, QgsRasterLayer, QgsVectorLayer


def translate(source: Path, target: Path, **options) -> Path:
    gdal.Translate(str(target), str(source), **options)
    return target


def test_the_sample_is_accepted(problem, samples):
    assert problem("maplandslides", INPUT=str(samples / "valley.tif"), DEM=str(samples / "valley_dem.tif")) == ""
    assert problem("buildstack", INPUT=str(samples / "valley.tif")) == ""
    assert problem("mapfolder", FOLDER=str(samples)) == ""


def test_a_scene_without_crs(problem, samples):
    gdal.GetDriverByName("GTiff").Create(str(samples / "plain.tif"), 200, 200, 14, gdal.GDT_UInt16)
    message = problem("maplandslides", INPUT=str(samples / "plain.tif"))
    assert "scene plain has no CRS" in message


def test_a_web_map_layer(problem):
    layer = QgsRasterLayer("type=xyz&url=http://127.0.0.1:9/{z}/{x}/{y}.png", "streets", "wms")
    QgsProject.instance().addMapLayer(layer)
    message = problem("maplandslides", INPUT=layer.id())
    assert "streets comes from a web map service" in message


def test_a_scene_without_the_bundles_bands(problem, samples, engine):
    short = translate(samples / "valley.tif", samples / "short.tif", bandList=[2, 3])
    message = problem("maplandslides", INPUT=str(short))
    assert "lacks B4" in message
    assert "bundle" in message


def test_an_unknown_bundle(problem, samples, engine):
    message = problem("maplandslides", INPUT=str(samples / "valley.tif"), BUNDLE="nobody")
    assert "no bundle 'nobody'" in message


def test_neither_or_both_scenes(problem, samples):
    assert "either as a layer, as band layers" in problem("maplandslides")
    both = problem("maplandslides", INPUT=str(samples / "valley.tif"), FILE=str(samples / "valley.tif"))
    assert "found INPUT, FILE" in both


def test_a_product_that_is_not_there(problem):
    assert "does not exist" in problem("maplandslides", FILE="/nowhere/S2A_MSIL2A.SAFE")


def test_a_file_that_is_no_raster(problem, samples):
    text = samples / "notes.tif"
    text.write_text("no raster")
    message = problem("maplandslides", INPUT=str(text))
    assert message


def test_the_dem_of_another_continent(problem, samples):
    far = translate(samples / "valley_dem.tif", samples / "far.tif", outputSRS="EPSG:32719")
    message = problem("maplandslides", INPUT=str(samples / "valley.tif"), DEM=str(far))
    assert "DEM" in message
    assert "does not meet the scene valley" in message


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32645"])
def test_an_extent_outside(problem, samples, crs):
    extent = "0,1,50,51 [EPSG:4326]" if crs == "EPSG:4326" else "0,1000,0,1000 [EPSG:32645]"
    message = problem("maplandslides", INPUT=str(samples / "valley.tif"), EXTENT=extent)
    assert "area of interest" in message
    assert "does not meet" in message


def test_an_extent_and_polygons(problem, samples, memory_polygons):
    layer = memory_polygons((421_000, 3_086_000, 422_000, 3_087_000))
    extent = "421000,422000,3086000,3087000 [EPSG:32645]"
    message = problem("maplandslides", INPUT=str(samples / "valley.tif"), EXTENT=extent, AOI=layer.id())
    assert "not both" in message


def test_mask_classes_that_are_no_numbers(problem, samples):
    message = problem("maplandslides", INPUT=str(samples / "valley.tif"), MASK_CLASSES="clouds")
    assert "not a list of numbers" in message


def test_a_folder_without_scenes(problem, tmp_path):
    assert "holds no scene" in problem("mapfolder", FOLDER=str(tmp_path))


def test_an_output_that_is_being_edited(problem, samples):
    path = samples / "valley_reference.gpkg"
    layer = QgsVectorLayer(f"{path}|layername=landslides", "mine", "ogr")
    QgsProject.instance().addMapLayer(layer)
    assert layer.startEditing()
    message = problem("maplandslides", INPUT=str(samples / "valley.tif"), OUTPUT=str(path))
    assert "is being edited" in message
    layer.rollBack()


def test_a_batch_of_many_rows_does_not_wait_for_the_engine(samples, monkeypatch):
    from l4s_landslides import scene_algorithm

    asked = []

    def slow(request):
        asked.append(request)
        checks._spent += 3
        return "", ""

    checks = scene_algorithm._Checks()
    monkeypatch.setattr(checks, "_answer", slow)
    for number in range(50):
        checks.ask({"scene": f"{number}.tif"})
    assert len(asked) < 5

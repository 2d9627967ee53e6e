"""The area of interest, drawn on the map and mapped."""

from __future__ import annotations

import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest


@pytest.fixture
def drawing(qgis_iface, samples):
    from l4s_landslides.draw_area import AreaDrawing

    canvas = qgis_iface.mapCanvas()
    scene = QgsRasterLayer(str(samples / "valley.tif"), "scene")
    QgsProject.instance().addMapLayer(scene)
    canvas.setLayers([scene])
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32645"))
    canvas.setExtent(QgsRectangle(420000, 3085000, 424000, 3089000))
    made = AreaDrawing(qgis_iface)
    made.begin()
    yield made
    made.unload()


def click(drawing, *places: tuple[int, int], button=Qt.MouseButton.LeftButton) -> None:
    for x, y in places:
        QTest.mouseClick(drawing.tool.canvas().viewport(), button, Qt.KeyboardModifier.NoModifier, QPoint(x, y))


def press(drawing, key) -> None:
    QTest.keyClick(drawing.tool.canvas(), key)


def areas() -> list[QgsVectorLayer]:
    return [layer for layer in QgsProject.instance().mapLayers().values() if layer.name() == "Area of interest"]


def test_clicks_and_enter_make_a_layer_that_limits_the_map(drawing, run, samples):
    to_pixels = drawing.tool.canvas().getCoordinateTransform().transform
    around = QgsRectangle(421000, 3086000, 423500, 3088500)
    west, south, east, north = around.xMinimum(), around.yMinimum(), around.xMaximum(), around.yMaximum()
    corners = [to_pixels(QgsPointXY(x, y)) for x, y in ((west, north), (east, north), (east, south), (west, south))]
    click(drawing, *((round(corner.x()), round(corner.y())) for corner in corners))
    press(drawing, Qt.Key.Key_Return)
    (layer,) = areas()
    (feature,) = layer.getFeatures()
    assert layer.crs().authid() == "EPSG:32645"
    box = feature.geometry().boundingBox()
    pixel = drawing.tool.canvas().mapUnitsPerPixel()
    assert around.buffered(pixel).contains(box)
    assert box.contains(around.buffered(-pixel))
    out = samples / "part.gpkg"
    run("maplandslides", INPUT=str(samples / "valley.tif"), AOI=layer.id(), OUTPUT=str(out))
    mapped = QgsVectorLayer(f"{out}|layername=landslides", "", "ogr")
    assert mapped.featureCount() > 0
    assert box.buffered(10).contains(mapped.extent())


def test_a_right_click_closes_backspace_takes_back_escape_gives_up(drawing):
    click(drawing, (100, 100), (300, 100), (10, 10))
    press(drawing, Qt.Key.Key_Backspace)
    click(drawing, (300, 300))
    click(drawing, (200, 200), button=Qt.MouseButton.RightButton)
    (layer,) = areas()
    (feature,) = layer.getFeatures()
    assert len(feature.geometry().asPolygon()[0]) == 4
    drawing.begin()
    click(drawing, (100, 100), (300, 100), (300, 300))
    press(drawing, Qt.Key.Key_Escape)
    press(drawing, Qt.Key.Key_Return)
    assert len(areas()) == 1


@pytest.mark.parametrize(
    "corners", [[], [(100, 100), (300, 300)], [(100, 100), (300, 300), (300, 100), (100, 300)], [(9, 9)] * 3]
)
def test_what_is_no_area_is_said_and_can_be_drawn_on(drawing, corners):
    said = []
    drawing.tool.refused.connect(said.append)
    click(drawing, *corners)
    drawing.tool.finish()
    assert "no area" in said[0]
    assert areas() == []

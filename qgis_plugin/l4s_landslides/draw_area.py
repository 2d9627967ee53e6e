"""Draw the area of interest: a polygon on the map, which becomes a layer that Map landslides takes."""

from __future__ import annotations

from qgis.core import (
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)
from qgis.gui import QgsMapTool, QgsRubberBand
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QPushButton

from .enums import INFO, POLYGON, WARNING
from .texts import tr

_COLOUR = QColor(255, 127, 0)


class AreaTool(QgsMapTool):
    """Takes the corners of a polygon: clicks, Backspace for the last, right click or Enter to close, Esc to give up."""

    drawn = pyqtSignal(QgsGeometry)
    """A polygon in the map's CRS."""
    refused = pyqtSignal(str)
    """What was drawn is no area: one sentence."""

    def __init__(self, canvas) -> None:
        super().__init__(canvas)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._corners = []
        self._band = QgsRubberBand(canvas, POLYGON)
        self._band.setStrokeColor(_COLOUR)
        self._band.setFillColor(QColor(255, 127, 0, 40))
        self._band.setWidth(2)

    def canvasReleaseEvent(self, event) -> None:  # noqa: N802
        """Take a corner, or close the polygon."""
        if event.button() == Qt.MouseButton.RightButton:
            self.finish()
            return
        self._corners.append(QgsPointXY(event.mapPoint()))
        self._draw(event.mapPoint())

    def canvasMoveEvent(self, event) -> None:  # noqa: N802
        """Show the polygon as it would be with a corner here."""
        if self._corners:
            self._draw(event.mapPoint())

    def keyPressEvent(self, event) -> None:  # noqa: N802
        """Close the polygon, take the last corner back, or give up."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.finish()
        elif event.key() == Qt.Key.Key_Backspace and self._corners:
            self._corners.pop()
            self._draw(None)
        elif event.key() == Qt.Key.Key_Escape:
            self._clear()
        else:
            event.ignore()
            return
        event.accept()

    def deactivate(self) -> None:
        """Another tool was chosen."""
        self._clear()
        super().deactivate()

    def finish(self) -> None:
        """Close the polygon."""
        polygon = QgsGeometry.fromPolygonXY([self._corners]) if len(self._corners) > 2 else QgsGeometry()
        if polygon.isNull() or not polygon.isGeosValid() or polygon.area() <= 0:
            self.refused.emit(
                tr(
                    "What was drawn is no area; expected three corners or more whose sides do not cross, so take the "
                    "last ones back (Backspace) and draw on."
                )
            )
            return
        self._clear()
        self.drawn.emit(polygon)

    def remove(self) -> None:
        """Take the tool's drawing off the map for good."""
        self.canvas().scene().removeItem(self._band)

    def _draw(self, point) -> None:
        self._band.reset(POLYGON)
        for corner in [*self._corners, *([QgsPointXY(point)] if point is not None else [])]:
            self._band.addPoint(corner)

    def _clear(self) -> None:
        self._corners = []
        self._band.reset(POLYGON)


def area_layer(polygon: QgsGeometry, crs) -> QgsVectorLayer:
    """Make a temporary layer of an area of interest and add it to the project."""
    layer = QgsVectorLayer("Polygon", tr("Area of interest"), "memory")
    layer.setCrs(crs)
    feature = QgsFeature()
    feature.setGeometry(polygon)
    layer.dataProvider().addFeature(feature)
    layer.updateExtents()
    look = {"style": "no", "outline_color": _COLOUR.name(), "outline_width": "0.8"}
    layer.setRenderer(QgsSingleSymbolRenderer(QgsFillSymbol.createSimple(look)))
    QgsProject.instance().addMapLayer(layer)
    return layer


class AreaDrawing:
    """The tool in QGIS's window: it draws, makes the layer, and offers to map there."""

    def __init__(self, iface) -> None:
        self._iface = iface
        self._before = None
        self.tool = AreaTool(iface.mapCanvas())
        self.tool.drawn.connect(self._drawn)
        self.tool.refused.connect(lambda text: self._say(text, WARNING))

    def begin(self) -> None:
        """Take the tool into the hand."""
        self._before = self._iface.mapCanvas().mapTool()
        self._iface.mapCanvas().setMapTool(self.tool)
        self._iface.mapCanvas().setFocus()
        self._say(tr("Click the corners of the area; right click or Enter closes it, Esc begins anew."), INFO)

    def unload(self) -> None:
        """Take everything back, with the plugin."""
        self._iface.mapCanvas().unsetMapTool(self.tool)
        self.tool.remove()

    def _drawn(self, polygon: QgsGeometry) -> None:
        canvas = self._iface.mapCanvas()
        layer = area_layer(polygon, canvas.mapSettings().destinationCrs())
        canvas.unsetMapTool(self.tool)
        if self._before is not None:
            canvas.setMapTool(self._before)
        bar = self._iface.messageBar()
        text = tr(
            "The area is a temporary layer; choose it as the area of interest, under “…or the polygons of a layer”."
        )
        message = bar.createMessage("Landslide4Sense", text)
        button = QPushButton(tr("Map landslides there…"))
        button.clicked.connect(lambda: _map(layer.id()))
        message.layout().addWidget(button)
        bar.pushWidget(message, INFO)

    def _say(self, text: str, level) -> None:
        self._iface.messageBar().pushMessage("Landslide4Sense", text, level, 10)


def _map(area: str) -> None:
    """Open Map landslides with an area of interest."""
    import processing

    processing.execAlgorithmDialog("landslide4sense:maplandslides", {"AOI": area})

"""The panel Threshold by eye: a slider over a probability raster, whose polygons follow on the map."""

from __future__ import annotations

from base64 import b64decode
from time import monotonic

from qgis.core import (
    QgsCoordinateTransform,
    QgsCsException,
    QgsGeometry,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.gui import QgsDockWidget, QgsMapLayerComboBox, QgsRubberBand
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QPushButton, QSlider, QWidget

from . import defaults
from .enums import POLYGON, RASTER_LAYERS
from .errors import InputError
from .layers import raster_file
from .live import LiveEngine
from .made_from import facts_of
from .texts import tr

_STEPS = 100
_WAIT_MS = 40
"""How long the map may still move before somebody is taken to look at it."""


class ThresholdDock(QgsDockWidget):
    """Shows what a threshold would map."""

    def __init__(self, iface, parent=None) -> None:
        super().__init__(parent)
        self.setObjectName("L4sThresholdByEye")
        self.setWindowTitle(tr("Threshold by eye"))
        self._iface = iface
        self._asked = 0.0
        self.took = 0.0
        """Seconds from the last move to its polygons on the map."""
        self.engine = LiveEngine(self)
        self.engine.failed.connect(self._failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self._ask)
        self._band = QgsRubberBand(iface.mapCanvas(), POLYGON)
        self._band.setStrokeColor(QColor(255, 0, 140))
        self._band.setFillColor(QColor(255, 0, 140, 50))
        self._band.setWidth(2)
        self.setWidget(self._built())
        iface.mapCanvas().extentsChanged.connect(self.follow)
        self.visibilityChanged.connect(self._on_visible)
        self._begin()

    def unload(self) -> None:
        """Take everything back, with the plugin."""
        self._timer.stop()
        self.engine.stop()
        self._iface.mapCanvas().extentsChanged.disconnect(self.follow)
        self._iface.mapCanvas().scene().removeItem(self._band)

    @property
    def threshold(self) -> float:
        """The threshold that is chosen."""
        return self._threshold.value()

    def set_threshold(self, value: float) -> None:
        """Choose a threshold."""
        self._threshold.setValue(value)

    def follow(self, *_) -> None:
        """Show what the threshold gives, once nothing has moved for a moment."""
        if self.isVisible() and isinstance(self._raster.currentLayer(), QgsRasterLayer):
            self._asked = self._asked if self._timer.isActive() else monotonic()
            self._timer.start()

    def make(self) -> None:
        """Open Make an inventory of probabilities with what the slider says."""
        import processing

        layer = self._raster.currentLayer()
        if layer is None:
            self._label.setText(tr("No probability raster is chosen; map a scene with one, or open its file."))
            return
        parameters = {"PROBABILITY": layer.id(), "THRESHOLD": self.threshold, "MIN_AREA": self._area.value()}
        self._dialog = processing.createAlgorithmDialog("landslide4sense:makeinventory", parameters)
        if self._dialog is not None:
            self._dialog.show()

    def _built(self) -> QWidget:
        panel = QWidget()
        form = QFormLayout(panel)
        self._raster = QgsMapLayerComboBox()
        self._raster.setFilters(RASTER_LAYERS)
        self._raster.layerChanged.connect(self._begin)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("threshold")
        self._slider.setRange(1, _STEPS - 1)
        self._slider.valueChanged.connect(lambda step: self._threshold.setValue(step / _STEPS))
        self._threshold = QDoubleSpinBox()
        self._threshold.setRange(0.001, 0.999)
        self._threshold.setDecimals(3)
        self._threshold.setSingleStep(0.01)
        self._threshold.valueChanged.connect(self._on_threshold)
        self._area = QDoubleSpinBox()
        self._area.setRange(0, 1e9)
        self._area.setDecimals(0)
        self._area.setSingleStep(100)
        self._area.setValue(defaults.MIN_AREA)
        self._area.valueChanged.connect(self.follow)
        self._label = QLabel()
        self._label.setWordWrap(True)
        button = QPushButton(tr("Make inventory…"))
        button.setObjectName("make")
        button.clicked.connect(self.make)
        form.addRow(tr("Probability raster"), self._raster)
        form.addRow(tr("Threshold"), self._slider)
        form.addRow("", self._threshold)
        form.addRow(tr("Minimum area, m²"), self._area)
        form.addRow(self._label)
        form.addRow(button)
        return panel

    def _begin(self, *_) -> None:
        """Begin at the threshold of the run that wrote the raster."""
        layer = self._raster.currentLayer()
        self._clear()
        self._label.setText("")
        if isinstance(layer, QgsRasterLayer):
            own = facts_of(layer).get("threshold")
            self._threshold.setValue(own if isinstance(own, float) else 0.5)
            self.follow()

    def _on_threshold(self, value: float) -> None:
        self._slider.blockSignals(True)
        self._slider.setValue(round(value * _STEPS))
        self._slider.blockSignals(False)
        self.follow()

    def _on_visible(self, visible: bool) -> None:
        if visible:
            self.follow()
        else:
            self._clear()
            self.engine.stop()

    def _ask(self) -> None:
        layer = self._raster.currentLayer()
        if not isinstance(layer, QgsRasterLayer):
            return
        try:
            path = raster_file(layer, tr("probability raster"))
        except InputError as error:
            self._failed(str(error))
            return
        extent = self._extent(layer)
        if extent is None:
            self._failed(tr("The map shows none of the probability raster; move it there, or zoom to the layer."))
            return
        request = {
            "probability": path,
            "extent": [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
            "threshold": self.threshold,
            "min_area": self._area.value(),
        }
        since = self._asked
        self.engine.ask("outlines", "outlines", request, lambda answer: self._show(layer, answer, since))

    def _extent(self, layer: QgsRasterLayer):
        """What the map shows of the raster, in the raster's CRS; None if that is nothing."""
        settings = self._iface.mapCanvas().mapSettings()
        transform = QgsCoordinateTransform(settings.destinationCrs(), layer.crs(), QgsProject.instance())
        try:
            seen = transform.transformBoundingBox(settings.visibleExtent())
        except QgsCsException:
            seen = QgsRectangle(layer.extent())
        common = seen.intersect(layer.extent())
        return None if common.isEmpty() else common

    def _show(self, layer: QgsRasterLayer, answer: dict, since: float) -> None:
        polygons = []
        for text in answer.get("polygons") or []:
            polygon = QgsGeometry()
            polygon.fromWkb(b64decode(text))
            polygons.append(polygon)
        self._clear()
        if polygons:
            self._band.addGeometry(QgsGeometry.collectGeometry(polygons), layer.crs())
        self.took = monotonic() - since
        text = tr("{count} landslides, {area} km² where the map is").format(
            count=len(polygons), area=f"{answer.get('area_m2', 0) / 1e6:.3f}"
        )
        if (pixel := answer.get("pixel", 10)) > 10:
            text += "; " + tr("seen in pixels of {} m, as far away as this; the inventory has all of 10 m").format(
                f"{pixel:.0f}"
            )
        self._label.setText(text)

    def _failed(self, text: str) -> None:
        self._clear()
        self._label.setText(text)

    def _clear(self) -> None:
        self._band.reset(POLYGON)

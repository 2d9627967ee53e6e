"""The landslide under review on the map: its outline, and the map around it."""

from __future__ import annotations

from qgis.core import QgsCoordinateTransform, QgsProject, QgsRectangle, QgsVectorLayer
from qgis.gui import QgsMapCanvas, QgsRubberBand
from qgis.PyQt.QtGui import QColor

from .enums import POLYGON

_CONTEXT = 3.0
"""How many sizes of a landslide are shown around it."""
_LEAST_VIEW = 600.0
"""Metres that are shown at least."""


class LandslideView:
    """Marks a landslide on a map and turns the map to it."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas
        self._band = QgsRubberBand(canvas, POLYGON)
        self._band.setStrokeColor(QColor(0, 255, 255))
        self._band.setFillColor(QColor(0, 0, 0, 0))
        self._band.setWidth(3)

    def remove(self) -> None:
        """Take the outline off the map for good."""
        self._canvas.scene().removeItem(self._band)

    def clear(self) -> None:
        """Mark none."""
        self._band.reset(POLYGON)

    def mark(self, layer: QgsVectorLayer, fid: int) -> None:
        """Mark a landslide."""
        self._band.setToGeometry(layer.getFeature(fid).geometry(), layer)

    def zoom(self, layer: QgsVectorLayer, fid: int) -> None:
        """Show a landslide with what is around it."""
        self.show(layer.getFeature(fid).geometry().boundingBox(), layer.crs(), _CONTEXT)

    def show(self, box: QgsRectangle, crs, scale: float) -> None:
        """Show a box of a CRS, so many times its size."""
        own = self._canvas.mapSettings().destinationCrs()
        shown = QgsCoordinateTransform(crs, own, QgsProject.instance()).transformBoundingBox(box)
        shown.scale(scale)
        least = _LEAST_VIEW / 111_000 if own.isGeographic() else _LEAST_VIEW
        if max(shown.width(), shown.height()) < least:
            shown = QgsRectangle.fromCenterAndSize(shown.center(), least, least)
        self._canvas.setExtent(shown)
        self._canvas.refresh()

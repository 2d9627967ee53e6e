"""What the plugin adds to QGIS's window beside the toolbox: two panels and a map tool, made when first used."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt

from .draw_area import AreaDrawing
from .review_dock import ReviewDock
from .texts import tr
from .threshold_dock import ThresholdDock


class Panels:
    """The panels and the map tool."""

    def __init__(self, iface) -> None:
        self._iface = iface
        self._made = {}

    def entries(self) -> tuple:
        """What the plugin's menu says of them, and what shows each."""
        return (
            (tr("Review inventory"), self.review),
            (tr("Threshold by eye"), self.threshold),
            (tr("Draw the area of interest"), self.area),
        )

    def remove(self) -> None:
        """Take everything back."""
        for made in self._made.values():
            made.unload()
            if isinstance(made, (ReviewDock, ThresholdDock)):
                self._iface.removeDockWidget(made)
                made.deleteLater()
        self._made.clear()

    def review(self) -> ReviewDock:
        """Show the panel Review inventory."""
        return self._show(ReviewDock)

    def threshold(self) -> ThresholdDock:
        """Show the panel Threshold by eye."""
        return self._show(ThresholdDock)

    def area(self) -> AreaDrawing:
        """Take the tool for the area of interest into the hand."""
        if AreaDrawing not in self._made:
            self._made[AreaDrawing] = AreaDrawing(self._iface)
        self._made[AreaDrawing].begin()
        return self._made[AreaDrawing]

    def _show(self, kind):
        if kind not in self._made:
            self._made[kind] = kind(self._iface, self._iface.mainWindow())
            self._iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._made[kind])
        dock = self._made[kind]
        dock.show()
        dock.raise_()
        return dock

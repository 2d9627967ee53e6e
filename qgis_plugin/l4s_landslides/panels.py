"""What the plugin adds to QGIS's window beside the toolbox: two panels and a map tool, made when first used."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from .draw_area import AreaDrawing
from .review_dock import ReviewDock
from .texts import ICON, tr
from .threshold_dock import ThresholdDock


class Panels:
    """The panels, and the entries of the menu that show them."""

    def __init__(self, iface, menu: str) -> None:
        self._iface = iface
        self._menu = menu
        self._made = {}
        self._actions = []

    def add(self) -> None:
        """Add the entries to the plugin's menu."""
        for text, show in (
            (tr("Review inventory"), self.review),
            (tr("Threshold by eye"), self.threshold),
            (tr("Draw the area of interest"), self.area),
        ):
            action = QAction(QIcon(str(ICON)), text, self._iface.mainWindow())
            action.triggered.connect(lambda _=False, do=show: do())
            self._iface.addPluginToMenu(self._menu, action)
            self._actions.append(action)

    def remove(self) -> None:
        """Take everything back."""
        for action in self._actions:
            self._iface.removePluginMenu(self._menu, action)
        self._actions.clear()
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

"""Runs inside the desktop that scripts/screenshots starts: the panels, used by keys as a person would, with pictures.

QGIS runs it with --code. What to show is in the environment variable L4S_SCREENSHOT, as JSON: the scene, its inventory
and its probability raster.
"""

import json
import os
import traceback
from itertools import chain
from pathlib import Path

from qgis.core import QgsApplication, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from qgis.PyQt.QtGui import QKeyEvent, QMouseEvent
from qgis.PyQt.QtWidgets import QDockWidget
from qgis.utils import iface, plugins

SCENE = json.loads(os.environ["L4S_SCREENSHOT"])
STEP_MS = 1500


class Session:
    """One run, step by step; each step leaves QGIS time to draw."""

    def __init__(self):
        review = (self.open, self.review, self.decide, self.edit, self.await_measures, self.show_review)
        threshold = (self.threshold, self.await_polygons, self.show_threshold)
        self.steps = iter((*review, *threshold, self.area, self.corners, self.end))
        self.window = iface.mainWindow()
        self.panels = plugins["l4s_landslides"]._panels

    def step(self):
        """Do the next step; on an error, say it and stop."""
        try:
            wait = next(self.steps)() or STEP_MS
            QTimer.singleShot(wait, self.step)
        except StopIteration:
            Path(SCENE["done"]).write_text("done")
        except Exception:
            Path(SCENE["done"]).write_text(traceback.format_exc())

    def wait_for(self, engine):
        """Have the next step wait until an engine has answered all that was asked."""
        if not engine.is_idle:
            self.steps = chain([lambda: self.wait_for(engine)], self.steps)

    def picture(self, name):
        """Save what is on the screen."""
        QgsApplication.processEvents()
        path = Path(SCENE["out"]) / f"qgis-{name}.png"
        self.window.grab().save(str(path))

    def open(self):
        """Load the scene, its inventory and its probabilities."""
        self.window.showNormal()
        self.window.setGeometry(0, 0, 1400, 900)
        for dock in self.window.findChildren(QDockWidget):
            if dock.objectName() in ("Browser", "ProcessingToolbox"):
                dock.hide()
        scene = QgsRasterLayer(SCENE["layer"], Path(SCENE["layer"]).stem)
        renderer = scene.renderer().clone()
        for setter, band in zip(("setRedBand", "setGreenBand", "setBlueBand"), SCENE["rgb"]):
            getattr(renderer, setter)(band)
        scene.setRenderer(renderer)
        scene.setDefaultContrastEnhancement()
        self.probability = QgsRasterLayer(SCENE["probability"], "Probability of landslide")
        self.inventory = QgsVectorLayer(f"{SCENE['inventory']}|layername=landslides", "Landslides", "ogr")
        self.inventory.loadDefaultStyle()
        for layer in (self.probability, scene, self.inventory):
            QgsProject.instance().addMapLayer(layer)
        tree = QgsProject.instance().layerTreeRoot()
        tree.findLayer(self.probability).setItemVisibilityChecked(False)
        iface.mapCanvas().setDestinationCrs(scene.crs())
        iface.mapCanvas().setExtent(scene.extent())
        self.scene = scene

    def review(self):
        """Begin a review."""
        dock = self.panels.review()
        dock.ask = lambda question: True
        dock.panel.layers.setLayer(self.inventory)
        dock.panel.probability.setLayer(self.probability)
        dock.begin()
        self.dock = dock

    def decide(self):
        """Decide on some, by keys alone."""
        for key in "AARAFAARAAAFARAAN":
            self.press(key)

    def edit(self):
        """Give one another outline, as the vertex tool does."""
        fid = self.dock._fid
        grown = self.inventory.getFeature(fid).geometry().buffer(20, 3)
        self.inventory.changeGeometry(fid, grown)

    def await_measures(self):
        """Wait for the engine."""
        self.wait_for(self.dock.measuring.engine)

    def show_review(self):
        """Take the picture."""
        self.picture("review")

    def threshold(self):
        """Move the slider."""
        self.dock.close()
        self.panels.threshold()._raster.setLayer(self.probability)
        QgsProject.instance().layerTreeRoot().findLayer(self.inventory).setItemVisibilityChecked(False)
        iface.mapCanvas().setExtent(self.scene.extent())
        self.panels.threshold().set_threshold(0.25)

    def await_polygons(self):
        """Wait for the engine."""
        self.wait_for(self.panels.threshold().engine)

    def show_threshold(self):
        """Take the picture."""
        self.picture("threshold")
        self.panels.threshold().close()

    def area(self):
        """Take the tool for the area of interest."""
        iface.messageBar().clearWidgets()
        self.drawing = self.panels.area()

    def corners(self):
        """Click three corners, and lead to a fourth."""
        canvas = iface.mapCanvas()
        width, height = canvas.width(), canvas.height()
        places = [(0.3, 0.25), (0.6, 0.2), (0.7, 0.6), (0.35, 0.75)]
        for x, y in places[:3]:
            self.mouse(QEvent.Type.MouseButtonPress, int(x * width), int(y * height))
            self.mouse(QEvent.Type.MouseButtonRelease, int(x * width), int(y * height))
        self.mouse(QEvent.Type.MouseMove, int(places[3][0] * width), int(places[3][1] * height))
        QTimer.singleShot(STEP_MS // 2, lambda: self.picture("area"))

    def end(self):
        """All pictures are there."""

    def press(self, key):
        """Press a key of the panel."""
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, Qt.Key.Key_unknown, Qt.KeyboardModifier.NoModifier, key)
            QgsApplication.sendEvent(self.dock.panel.keys, event)

    def mouse(self, kind, x, y):
        """Use the mouse on the map."""
        left = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
        viewport = iface.mapCanvas().viewport()
        spot = QPoint(x, y)
        event = QMouseEvent(
            kind, QPointF(spot), QPointF(viewport.mapToGlobal(spot)), left, left, Qt.KeyboardModifier.NoModifier
        )
        QgsApplication.sendEvent(viewport, event)


SESSION = Session()
QTimer.singleShot(3000, SESSION.step)

"""Runs inside the desktop that scripts/screenshots starts: uses the plugin as a person would, and takes pictures.

QGIS runs it with --code. What to do is in the environment variable L4S_SCREENSHOT, as JSON.
"""

import json
import os
import traceback
from pathlib import Path

import processing
from qgis.core import (
    QgsApplication,
    QgsContrastEnhancement,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsProject,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QDockWidget, QLineEdit, QProgressBar, QTabWidget, QTreeView
from qgis.utils import iface

SCENE = json.loads(os.environ["L4S_SCREENSHOT"])
STEP_MS = 1500


class Session:
    """One run, step by step; each step leaves QGIS time to draw."""

    def __init__(self):
        self.steps = iter((self.open, self.toolbox, self.dialog, self.start, self.close, self.form, self.end))
        self.window = iface.mainWindow()
        self.seen_progress = False

    def next(self, wait=STEP_MS):
        """Do the next step after a while."""
        QTimer.singleShot(wait, self.step)

    def step(self):
        """Do the next step; on an error, say it and stop."""
        try:
            next(self.steps)()
        except Exception:
            self.finish(traceback.format_exc())

    def finish(self, verdict):
        """Tell the script that started QGIS."""
        Path(SCENE["done"]).write_text(verdict)

    def picture(self, name):
        """Save what is on the screen."""
        path = Path(SCENE["out"]) / f"qgis-{SCENE['name']}-{name}.png"
        QgsApplication.processEvents()
        QgsApplication.primaryScreen().grabWindow(0).save(str(path))

    def open(self):
        """Load the scene and the DEM."""
        self.window.showMaximized()
        project = QgsProject.instance()
        self.dem = QgsRasterLayer(SCENE["dem"], "DEM")
        self.scene = QgsRasterLayer(SCENE["layer"], Path(SCENE["layer"]).stem)
        renderer = self.scene.renderer().clone()
        for setter, band in zip(("setRedBand", "setGreenBand", "setBlueBand"), SCENE["rgb"]):
            getattr(renderer, setter)(band)
        self.scene.setRenderer(renderer)
        self.scene.setContrastEnhancement(
            QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum,
            QgsRasterMinMaxOrigin.Limits.CumulativeCut,
        )
        for layer in (self.dem, self.scene):
            project.addMapLayer(layer)
        project.layerTreeRoot().findLayer(self.dem).setItemVisibilityChecked(False)
        for dock in self.window.findChildren(QDockWidget):
            if dock.objectName() == "Browser":
                dock.hide()
        self.show()
        self.next(2 * STEP_MS)

    def show(self):
        """Turn the map to the part that is worth seeing."""
        canvas = iface.mapCanvas()
        canvas.setDestinationCrs(self.scene.crs())
        extent = self.scene.extent()
        if "show" in SCENE:
            wgs84 = QgsCoordinateReferenceSystem("EPSG:4326")
            transform = QgsCoordinateTransform(wgs84, self.scene.crs(), QgsProject.instance())
            extent = transform.transformBoundingBox(QgsRectangle(*SCENE["show"]))
        canvas.setExtent(extent)
        canvas.refresh()

    def toolbox(self):
        """Search the toolbox."""
        dock = self.window.findChild(QDockWidget, "ProcessingToolbox")
        dock.show()
        dock.raise_()
        dock.findChild(QLineEdit).setText("landslide")
        for tree in dock.findChildren(QTreeView):
            tree.expandAll()
        QTimer.singleShot(STEP_MS, lambda: self.picture("toolbox"))
        self.next(2 * STEP_MS)

    def dialog(self):
        """Open the dialog."""
        parameters = {"INPUT": self.scene, "DEM": self.dem, **SCENE.get("more", {})}
        parameters["OUTPUT"] = "TEMPORARY_OUTPUT"
        name = "landslide4sense:maplandslides"
        self.widget = processing.createAlgorithmDialog(name, parameters)
        self.widget.resize(980, 760)
        self.widget.show()
        QTimer.singleShot(STEP_MS, lambda: self.picture("dialog"))
        self.next(2 * STEP_MS)

    def start(self):
        """Press Run, and wait."""
        self.widget.algorithmFinished.connect(lambda fine, _: self.ended(fine))
        self.widget.runButton().click()
        QTimer.singleShot(100, self.watch)

    def watch(self):
        """Take a picture on the way."""
        bars = self.widget.findChildren(QProgressBar)
        if not self.seen_progress and any(40 <= bar.value() < 95 for bar in bars if bar.maximum() > 0):
            self.seen_progress = True
            self.picture("progress")
        if not self.seen_progress:
            QTimer.singleShot(50, self.watch)

    def ended(self, fine):
        """Go on when the run is over."""
        self.seen_progress = True
        if not fine:
            self.picture("failed")
            self.finish("The run failed; see the picture.")
            return
        self.next()

    def close(self):
        """Close the dialog and show the result."""
        self.widget.close()
        self.show()
        self.result = next(
            layer for layer in QgsProject.instance().mapLayers().values() if layer.name().startswith("Landslides")
        )
        iface.setActiveLayer(self.result)
        iface.layerTreeView().setCurrentLayer(self.result)
        QTimer.singleShot(2 * STEP_MS, lambda: self.picture("result"))
        self.next(3 * STEP_MS)

    def form(self):
        """Open a landslide's form."""
        feature = max(self.result.getFeatures(), key=lambda f: f["area_m2"])
        self.result.selectByIds([feature.id()])
        form = iface.getFeatureForm(self.result, feature)
        form.setModal(False)
        form.resize(560, 420)
        form.show()
        for tabs in form.findChildren(QTabWidget):
            tabs.setCurrentIndex(0)
        QTimer.singleShot(STEP_MS, lambda: self.picture("form"))
        self.next(2 * STEP_MS)

    def end(self):
        """All pictures are there."""
        self.finish("done")


SESSION = Session()
SESSION.next(3000)

"""Make a report: an inventory becomes a page for people without a GIS."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingOutputHtml,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorLayer,
)

from ..base import LandslideAlgorithm, processing_errors
from ..enums import POLYGONS, RASTERS
from ..errors import InputError
from ..layers import raster_file, vector_source
from ..scene_parameters import ANY_FILE, advanced, product_path
from ..texts import tr


class MakeReport(LandslideAlgorithm):
    """Runs the engine's report."""

    NAME = "makereport"
    TITLE = "Make a report"
    SUMMARY = "Writes an inventory as one HTML page: map, key figures, plots, the model and where it comes from."
    TAGS = ("report", "HTML", "page", "share", "print")
    GROUP = "Check"
    HELP = """Writes a page about an inventory for people who do not open a GIS: one HTML file that works without a \
network, on a phone and printed, in English or German as the browser says.

It holds a map of the <b>scene</b> with the landslides, to zoom, click and filter; with <b>earlier scenes</b> a \
handle to swipe between the dates; key figures and the ten largest; the distributions of size, slope, aspect and \
elevation; the model, its measured precision and what it must not be used for; and how the inventory was made.

Without a scene the files are tried that the inventory names. The <b>DEM</b> gives slope, aspect and elevation to \
landslides that have none."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        polygons = [POLYGONS]
        self.addParameter(QgsProcessingParameterVectorLayer("INVENTORY", tr("Inventory"), polygons))
        self.addParameter(
            QgsProcessingParameterRasterLayer("SCENE", tr("Scene: a raster layer or file"), optional=True)
        )
        product = tr("…or a product: SAFE, zip, folder of bands, STAC item, Landslide4Sense patch (.h5)")
        self.addParameter(QgsProcessingParameterFile("FILE", product, optional=True, fileFilter=ANY_FILE))
        earlier = tr("Earlier scenes, to swipe between: raster layers or files")
        self.addParameter(QgsProcessingParameterMultipleLayers("BEFORE", earlier, RASTERS, optional=True))
        earlier = tr("…or an earlier product, or one more")
        self.addParameter(QgsProcessingParameterFile("BEFORE_FILE", earlier, optional=True, fileFilter=ANY_FILE))
        self.addParameter(QgsProcessingParameterRasterLayer("DEM", tr("DEM"), optional=True))
        names = tr("Names of the scene's bands in order (B2,B3,B4,…)")
        advanced(self, QgsProcessingParameterString("BANDS", names, optional=True))
        mask = tr("Mask with which the scene was mapped (raster, not 0)")
        advanced(self, QgsProcessingParameterRasterLayer("MASK", mask, optional=True))
        self.addParameter(QgsProcessingParameterFileDestination("OUTPUT", tr("Report"), tr("HTML files (*.html)")))
        self.addOutput(QgsProcessingOutputHtml("REPORT", tr("Report")))

    def check(self, parameters, context):
        """Check that the inventory is a file, and that there is one scene at most."""
        vector_source(self.parameterAsVectorLayer(parameters, "INVENTORY", context), tr("inventory"))
        if parameters.get("SCENE") and self._text(parameters, "FILE", context):
            raise InputError(tr("Give the scene either as a layer or as a product, not both."))

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files; in the main thread, where the project's layers live."""
        with processing_errors(feedback):
            layer = self.parameterAsVectorLayer(parameters, "INVENTORY", context)
            self._request = {"inventory": vector_source(layer, tr("inventory"))}
            names = {"SCENE": tr("scene"), "DEM": tr("DEM"), "MASK": tr("mask")}
            for name, what in names.items():
                if parameters.get(name):
                    raster = self.parameterAsRasterLayer(parameters, name, context)
                    self._request[name.lower()] = raster_file(raster, what, parameters[name])
            if file := self._text(parameters, "FILE", context):
                self._request["scene"] = product_path(file)
            if before := self._before(parameters, context):
                self._request["before"] = before
            if bands := self._text(parameters, "BANDS", context):
                self._request["bands"] = [name.strip() for name in bands.split(",")]
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Write the report."""
        out = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        with self.worker(feedback) as worker:
            worker.request("report", {**self._request, "out": out})
        return {"OUTPUT": out, "REPORT": out}

    def _before(self, parameters, context) -> list[str]:
        layers = self.parameterAsLayerList(parameters, "BEFORE", context) or []
        files = [raster_file(layer, tr("earlier scene"), parameters.get("BEFORE")) for layer in layers]
        file = self._text(parameters, "BEFORE_FILE", context)
        return [*files, product_path(file)] if file else files

    def _text(self, parameters, name, context) -> str:
        return self.parameterAsString(parameters, name, context).strip()

"""Make a report: an inventory becomes a page for people without a GIS."""

from __future__ import annotations

from qgis.core import (
    QgsProcessing,
    QgsProcessingOutputHtml,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
)

from ..base import LandslideAlgorithm, processing_errors
from ..layers import raster_file, vector_source
from ..texts import tr


class MakeReport(LandslideAlgorithm):
    """Runs the engine's report."""

    NAME = "makereport"
    TITLE = "Make a report"
    SUMMARY = "Writes an inventory as one HTML page: map, key figures, plots, the model and where it comes from."
    TAGS = ("report", "HTML", "page", "share", "print")
    HELP = """Writes a page about an inventory for people who do not open a GIS: one HTML file that works without a \
network, on a phone and printed, in English or German as the browser says.

It holds a map of the <b>scene</b> with the landslides, to zoom, click and filter; with an <b>earlier scene</b> a \
handle to swipe between the dates; key figures and the ten largest; the distributions of size, slope, aspect and \
elevation; the model, its measured precision and what it must not be used for; and how the inventory was made.

Without a scene the files are tried that the inventory names. The <b>DEM</b> gives slope, aspect and elevation to \
landslides that have none."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        polygons = [QgsProcessing.TypeVectorPolygon]
        self.addParameter(QgsProcessingParameterVectorLayer("INVENTORY", tr("Inventory"), polygons))
        for name, text in (("SCENE", tr("Scene")), ("BEFORE", tr("Earlier scene")), ("DEM", tr("DEM"))):
            self.addParameter(QgsProcessingParameterRasterLayer(name, text, optional=True))
        self.addParameter(QgsProcessingParameterFileDestination("OUTPUT", tr("Report"), tr("HTML files (*.html)")))
        self.addOutput(QgsProcessingOutputHtml("REPORT", tr("Report")))

    def check(self, parameters, context):
        """Check that the inventory is a file."""
        vector_source(self.parameterAsVectorLayer(parameters, "INVENTORY", context), tr("inventory"))

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files; in the main thread, where the project's layers live."""
        with processing_errors(feedback):
            layer = self.parameterAsVectorLayer(parameters, "INVENTORY", context)
            self._request = {"inventory": vector_source(layer, tr("inventory"))}
            names = {"SCENE": tr("scene"), "BEFORE": tr("earlier scene"), "DEM": tr("DEM")}
            for name, what in names.items():
                if parameters.get(name):
                    raster = self.parameterAsRasterLayer(parameters, name, context)
                    self._request[name.lower()] = raster_file(raster, what, parameters[name])
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Write the report."""
        out = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        with self.worker(feedback) as worker:
            worker.request("report", {**self._request, "out": out})
        return {"OUTPUT": out, "REPORT": out}

"""Make an inventory of probabilities: another threshold, without mapping again."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorDestination,
)

from .. import defaults
from ..base import LandslideAlgorithm, processing_errors
from ..enums import NUMBER, POLYGONS
from ..layers import raster_file
from ..made_from import facts_of
from ..outputs import check_apart, check_replaceable, output_path
from ..progress import Progress
from ..scene_parameters import advanced
from ..texts import tr


class MakeInventory(LandslideAlgorithm):
    """Has the engine make an inventory of a probability raster."""

    NAME = "makeinventory"
    TITLE = "Make an inventory of probabilities"
    SUMMARY = "Makes an inventory of a probability raster, at another threshold; nothing is mapped again."
    TAGS = ("threshold", "probability", "vectorize", "polygons")
    GROUP = "Map"
    HELP = """Makes an inventory of a probability raster that Map landslides wrote, for instance at another threshold \
or with another minimum area; nothing is mapped again. The panel <b>Threshold by eye</b> shows beforehand what a \
threshold gives.

With the threshold of the map, the landslides are those of the map, with the same attributes but for the spread of the \
probability. The <b>DEM</b> gives them the terrain; without one, that of the map is taken if it is still there.

If the map held only what was new since earlier scenes, the raster does not tell new from old: all landslides of the \
later date come out."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        number = QgsProcessingParameterNumber
        self.addParameter(QgsProcessingParameterRasterLayer("PROBABILITY", tr("Probability raster")))
        threshold = tr("Threshold, a probability (empty: the map's)")
        self.addParameter(number("THRESHOLD", threshold, NUMBER, None, optional=True, minValue=0.001, maxValue=0.999))
        self.addParameter(number("MIN_AREA", tr("Minimum area, m²"), NUMBER, defaults.MIN_AREA, minValue=0))
        self.addParameter(QgsProcessingParameterRasterLayer("DEM", tr("DEM (elevations in metres)"), optional=True))
        holes, smooth = tr("Fill holes up to this area, m²"), tr("Smooth outlines to this tolerance, m")
        diagonal = tr("Pixels that touch at a corner are one landslide")
        for parameter in (
            QgsProcessingParameterBoolean("DIAGONAL", diagonal, defaults.CONNECTIVITY == 8),
            number("FILL_HOLES", holes, NUMBER, defaults.FILL_HOLES, minValue=0),
            number("SIMPLIFY", smooth, NUMBER, defaults.SIMPLIFY, minValue=0),
        ):
            advanced(self, parameter)
        polygons = POLYGONS
        self.addParameter(QgsProcessingParameterVectorDestination("OUTPUT", tr("Landslides"), polygons))
        self.addOutput(QgsProcessingOutputNumber("COUNT", tr("Number of landslides")))
        self.addOutput(QgsProcessingOutputNumber("AREA", tr("Area of all landslides, m²")))

    def check(self, parameters, context) -> None:
        """Check that the raster is a file, and that nothing would be replaced that is read or edited."""
        rasters = [self.parameterAsRasterLayer(parameters, name, context) for name in ("PROBABILITY", "DEM")]
        raster_file(rasters[0], tr("probability raster"), parameters.get("PROBABILITY"))
        path = output_path(parameters.get("OUTPUT"), context)
        check_apart([path], rasters)
        check_replaceable(path, context)

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files; in the main thread, where the project's layers live."""
        with processing_errors(feedback):
            layer = self.parameterAsRasterLayer(parameters, "PROBABILITY", context)
            self.request = {"probability": raster_file(layer, tr("probability raster"), parameters["PROBABILITY"])}
            self.facts = facts_of(layer)
            if parameters.get("DEM"):
                dem = self.parameterAsRasterLayer(parameters, "DEM", context)
                self.request["dem"] = [raster_file(dem, "DEM", parameters["DEM"])]
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Make it."""
        out = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        request = {**self.request, "out": out}
        request["connectivity"] = 8 if self.parameterAsBool(parameters, "DIAGONAL", context) else 4
        for name in ("MIN_AREA", "FILL_HOLES", "SIMPLIFY"):
            request[name.lower()] = self.parameterAsDouble(parameters, name, context)
        if parameters.get("THRESHOLD") not in (None, ""):
            request["threshold"] = self.parameterAsDouble(parameters, "THRESHOLD", context)
        with self.worker(feedback) as worker:
            made = worker.request("inventory", request, progress=Progress(feedback))
        facts = {**self.facts, "threshold": request.get("threshold", self.facts.get("threshold"))} if self.facts else {}
        name = tr("Landslides {}").format(self.facts.get("scene", "")).strip()
        self.hand_over(context, "OUTPUT", out, facts, name)
        return {"OUTPUT": out, "COUNT": made["features"], "AREA": made["area_m2"]}

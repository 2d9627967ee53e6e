"""Measure an inventory anew, after somebody drew in it."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingOutputNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorDestination,
    QgsProcessingParameterVectorLayer,
)

from ..base import LandslideAlgorithm, processing_errors
from ..enums import POLYGONS
from ..layers import raster_file, vector_source
from ..made_from import facts_of
from ..outputs import check_apart, check_replaceable, output_path
from ..texts import tr


class MeasureAgain(LandslideAlgorithm):
    """Has the engine measure polygons."""

    NAME = "measureagain"
    TITLE = "Measure an inventory anew"
    SUMMARY = "Measures the polygons of an inventory anew, after somebody drew in it: shape, terrain, probability."
    TAGS = ("attributes", "area", "slope", "relief", "review")
    GROUP = "Check"
    HELP = """Measures polygons as Map landslides does: their shape always, the terrain with a <b>DEM</b> (without \
one, that of the map is taken if it is still there), probability and confidence with the map's <b>probability \
raster</b>. Without the raster these become empty where an outline has changed. All other attributes stay, among them \
review and comment.

The panel <b>Review inventory</b> does this by itself for each polygon that is drawn."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        polygons = [POLYGONS]
        self.addParameter(QgsProcessingParameterVectorLayer("INVENTORY", tr("Inventory"), polygons))
        for name, text in (("DEM", tr("DEM (elevations in metres)")), ("PROBABILITY", tr("Probability raster"))):
            self.addParameter(QgsProcessingParameterRasterLayer(name, text, optional=True))
        self.addParameter(QgsProcessingParameterVectorDestination("OUTPUT", tr("Landslides"), polygons[0]))
        self.addOutput(QgsProcessingOutputNumber("COUNT", tr("Number of landslides")))

    def check(self, parameters, context) -> None:
        """Check that layers are files, and that nothing would be replaced that is read or edited."""
        inventory = self.parameterAsVectorLayer(parameters, "INVENTORY", context)
        vector_source(inventory, tr("inventory"))
        rasters = [self.parameterAsRasterLayer(parameters, name, context) for name in ("DEM", "PROBABILITY")]
        path = output_path(parameters.get("OUTPUT"), context)
        check_apart([path], [inventory, *rasters])
        check_replaceable(path, context)

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files; in the main thread, where the project's layers live."""
        with processing_errors(feedback):
            inventory = self.parameterAsVectorLayer(parameters, "INVENTORY", context)
            self.request = {"inventory": vector_source(inventory, tr("inventory"))}
            self.facts = facts_of(inventory)
            for name, what in (("DEM", "DEM"), ("PROBABILITY", tr("probability raster"))):
                if parameters.get(name):
                    layer = self.parameterAsRasterLayer(parameters, name, context)
                    self.request[name.lower()] = raster_file(layer, what, parameters[name])
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Measure."""
        out = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        with self.worker(feedback) as worker:
            answer = worker.request("measure", {**self.request, "out": out})
        name = tr("Landslides {}").format(self.facts.get("scene", "")).strip()
        self.hand_over(context, "OUTPUT", out, self.facts, name)
        return {"OUTPUT": out, "COUNT": len(answer["attributes"])}

"""Export to a catalogue: an inventory in the fields of a landslide catalogue."""

from __future__ import annotations

from qgis.core import (
    QgsProcessing,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterVectorLayer,
)

from ..base import LandslideAlgorithm, processing_errors
from ..layers import vector_source
from ..outputs import check_apart
from ..texts import tr

_SCHEMAS = ("coolr", "uglc", "usgs")
_GEOMETRIES = ("points", "polygons")


class ExportCatalogue(LandslideAlgorithm):
    """Runs the engine's export."""

    NAME = "exportcatalogue"
    TITLE = "Export to a catalogue"
    SUMMARY = "Writes an inventory in the fields of a landslide catalogue: COOLR, UGLC or the USGS's."
    TAGS = ("export", "catalogue", "catalog", "COOLR", "UGLC", "USGS", "NASA")
    GROUP = "Check"
    HELP = """Writes the landslides of an inventory in the columns of a landslide catalogue, in longitude and \
latitude: NASA's COOLR and Global Landslide Catalog, the Unified Global Landslide Catalogue, or the Landslide \
Inventories across the United States of the USGS.

What the inventory does not know stays empty, as does what the catalogue's keepers assign; nothing is invented. An \
<b>event file</b> gives name, date, trigger and type to an inventory that does not carry them. Without one, the dates \
of a comparison of two dates bound the landslide.

The documentation says of each field where it comes from."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.addParameter(QgsProcessingParameterVectorLayer("INVENTORY", tr("Inventory"), polygons))
        catalogues = [
            tr("NASA COOLR / Global Landslide Catalog"),
            tr("Unified Global Landslide Catalogue (UGLC)"),
            tr("USGS Landslide Inventories across the United States"),
        ]
        self.addParameter(QgsProcessingParameterEnum("SCHEMA", tr("Catalogue"), catalogues, defaultValue=0))
        shapes = [tr("Points inside the landslides"), tr("Outlines")]
        self.addParameter(QgsProcessingParameterEnum("GEOMETRY", tr("Geometry"), shapes, defaultValue=0))
        event = QgsProcessingParameterFile("EVENT", tr("Event file"), optional=True)
        event.setFileFilter(tr("Event files (*.yaml *.yml)"))
        self.addParameter(event)
        self.addParameter(
            QgsProcessingParameterBoolean(
                "ONLY_NEW", tr("Leave out what was there before the event"), defaultValue=False
            )
        )
        formats = tr("GeoPackage (*.gpkg);;GeoJSON (*.geojson);;Text (*.csv)")
        self.addParameter(QgsProcessingParameterFileDestination("OUTPUT", tr("Catalogue's file"), formats))
        self.addOutput(QgsProcessingOutputNumber("COUNT", tr("Number of landslides")))

    def check(self, parameters, context):
        """Check that the inventory is a file, and that it is not to be replaced."""
        layer = self.parameterAsVectorLayer(parameters, "INVENTORY", context)
        vector_source(layer, tr("inventory"))
        check_apart([self.parameterAsFileOutput(parameters, "OUTPUT", context)], [layer])

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn the layer into a file; in the main thread, where the project's layers live."""
        with processing_errors(feedback):
            layer = self.parameterAsVectorLayer(parameters, "INVENTORY", context)
            self._request = {
                "inventory": vector_source(layer, tr("inventory")),
                "schema": _SCHEMAS[self.parameterAsEnum(parameters, "SCHEMA", context)],
                "geometry": _GEOMETRIES[self.parameterAsEnum(parameters, "GEOMETRY", context)],
                "event": self.parameterAsFile(parameters, "EVENT", context) or None,
                "only_new": self.parameterAsBoolean(parameters, "ONLY_NEW", context),
            }
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Write the file."""
        out = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        with self.worker(feedback) as worker:
            found = worker.request("export", {**self._request, "out": out})
        return {"OUTPUT": out, "COUNT": found["features"]}

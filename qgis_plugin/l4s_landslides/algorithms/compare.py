"""Compare with a reference inventory: how much of it was found, and what else was."""

from __future__ import annotations

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsGeometry,
    QgsProcessingOutputNumber,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorDestination,
)

from .. import defaults
from ..base import LandslideAlgorithm, processing_errors
from ..enums import ADVANCED, NUMBER, POLYGONS
from ..errors import InputError
from ..layers import extent_file, keep_attributes, polygons_file, raster_file
from ..outputs import check_apart, output_path
from ..texts import tr

_NUMBERS = {
    "PRECISION": "Precision, by pixels",
    "RECALL": "Recall, by pixels",
    "F1": "F1, by pixels",
    "IOU": "Intersection over union, by pixels",
    "HITS": "Landslides mapped that the reference has",
    "FALSE_ALARMS": "Landslides mapped that the reference does not have",
    "FOUND": "Landslides of the reference that were found",
    "MISSED": "Landslides of the reference that were missed",
}


_SUN = {
    "SUN_AZIMUTH": ("Azimuth of the sun (degrees clockwise from north)", 360),
    "SUN_ELEVATION": ("Elevation of the sun (degrees above the horizon)", 90),
}


class CompareReference(LandslideAlgorithm):
    """Has the engine compare two polygon layers."""

    NAME = "comparereference"
    TITLE = "Compare with a reference inventory"
    SUMMARY = "Compares an inventory with a reference: precision, recall, F1, and which landslides were missed."
    TAGS = ("evaluate", "accuracy", "validation", "precision", "recall", "F1", "IoU")
    GROUP = "Check"
    HELP = """Compares an inventory with a reference, by pixels of 10 m and by landslide. The log shows all figures: \
with one pixel of tolerance, matched one to one, by size, slope and aspect, and the distribution of sizes.

<b>By pixels</b>: precision is the share of the inventory's pixels that the reference has, recall the share of the \
reference's pixels that the inventory has, F1 their harmonic mean. A pixel counts if half of it is covered.

<b>By landslide</b>: one counts as found, or as right, if at least the given share of its area lies in the other layer.

Give the <b>ground that was looked at</b> in both, as polygons or as an extent, or what lies outside one of them \
counts against the other. Results are as good as the reference; one drawn by hand at another scale is often off by a \
pixel all around.

The output holds the landslides of both layers with what became of them: hit, split, amalgamated, false, missed; \
those of the inventory keep their attributes. The report is a page with map, tables and plots for people without \
a GIS."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        polygons = [POLYGONS]
        self.addParameter(QgsProcessingParameterFeatureSource("INVENTORY", tr("Inventory"), polygons))
        self.addParameter(QgsProcessingParameterFeatureSource("REFERENCE", tr("Reference inventory"), polygons))
        self.addParameter(
            QgsProcessingParameterFeatureSource("AREA", tr("Ground that was looked at"), polygons, optional=True)
        )
        self.addParameter(QgsProcessingParameterExtent("EXTENT", tr("Extent that both cover"), optional=True))
        self.addParameter(
            QgsProcessingParameterFeatureSource("DOUBTFUL", tr("Doubtful ground, not judged"), polygons, optional=True)
        )
        share = tr("Share of its area from which a landslide counts as found")
        self.addParameter(_fraction("SHARE", share, defaults.MATCH_SHARE))
        for name, text in (("PROBABILITY", tr("Probability raster of the inventory")), ("DEM", tr("DEM"))):
            self._add_advanced(QgsProcessingParameterRasterLayer(name, text, optional=True))
        for name, (text, most) in _SUN.items():
            kind = NUMBER
            self._add_advanced(
                QgsProcessingParameterNumber(name, tr(text), kind, optional=True, minValue=0, maxValue=most)
            )
        iou = tr("Intersection over union from which two landslides match one to one")
        self._add_advanced(_fraction("LEAST_IOU", iou, defaults.MATCH_IOU))
        self.addParameter(QgsProcessingParameterVectorDestination("OUTPUT", tr("Comparison"), POLYGONS))
        self.addParameter(
            QgsProcessingParameterFileDestination(
                "REPORT", tr("Report"), tr("HTML files (*.html)"), optional=True, createByDefault=False
            )
        )
        for name, text in _NUMBERS.items():
            self.addOutput(QgsProcessingOutputNumber(name, tr(text)))

    def check(self, parameters, context):
        """Check that the layers have a CRS, and that none would be replaced."""
        for name in ("INVENTORY", "REFERENCE", "AREA", "DOUBTFUL"):
            source = self.parameterAsSource(parameters, name, context)
            if source is not None and not source.sourceCrs().isValid():
                raise InputError(
                    tr("The layer {} has no CRS, so it cannot be compared; set its CRS in its properties.").format(
                        source.sourceName()
                    )
                )
        if self._given(parameters, "AREA", context) and not self._extent(parameters, context).isNull():
            raise InputError(tr("Give the ground that was looked at either as an extent or as polygons, not both."))
        sun = [parameters.get(name) is not None for name in _SUN]
        if any(sun) and not (all(sun) and parameters.get("DEM")):
            raise InputError(tr("Light on slopes needs a DEM and both angles of the sun; give all three, or none."))
        names = ("INVENTORY", "REFERENCE", "AREA", "DOUBTFUL", "PROBABILITY", "DEM")
        layers = [self.parameterAsLayer(parameters, name, context) for name in names if parameters.get(name)]
        check_apart([output_path(parameters.get("OUTPUT"), context)], layers)

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn raster layers into files; in the main thread, where the project's layers live."""
        self._rasters = {}
        with processing_errors(feedback):
            for name, what in (("PROBABILITY", tr("probability raster")), ("DEM", tr("DEM"))):
                if parameters.get(name):
                    layer = self.parameterAsRasterLayer(parameters, name, context)
                    self._rasters[name.lower()] = raster_file(layer, what, parameters[name])
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Compare."""
        out = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        request = {**self._rasters, "out": out}
        if report := self.parameterAsFileOutput(parameters, "REPORT", context):
            request["report"] = report
        with processing_errors(feedback):
            for name in ("INVENTORY", "REFERENCE", "AREA", "DOUBTFUL"):
                if self._given(parameters, name, context):
                    source = self.parameterAsSource(parameters, name, context)
                    request[name.lower()] = polygons_file(source, attributes=name in ("INVENTORY", "REFERENCE"))
            if not self._extent(parameters, context).isNull():
                request["area"] = extent_file(self._extent(parameters, context))
        request["settings"] = {
            "iou": self.parameterAsDouble(parameters, "LEAST_IOU", context),
            "share": self.parameterAsDouble(parameters, "SHARE", context),
        }
        sun = [parameters.get(name) for name in _SUN]
        if None not in sun:
            request["settings"]["sun"] = [self.parameterAsDouble(parameters, name, context) for name in _SUN]
        with self.worker(feedback) as worker:
            figures = worker.request("evaluate", request)
        keep_attributes(out, self.parameterAsSource(parameters, "INVENTORY", context))
        self.hand_over(context, "OUTPUT", out, {}, tr("Comparison"))
        return {"OUTPUT": out, **({"REPORT": report} if report else {}), **_numbers(figures)}

    def _add_advanced(self, parameter) -> None:
        parameter.setFlags(parameter.flags() | ADVANCED)
        self.addParameter(parameter)

    def _given(self, parameters, name, context) -> bool:
        """Whether a layer was given."""
        return bool(parameters.get(name)) and self.parameterAsSource(parameters, name, context) is not None

    def _extent(self, parameters, context):
        """The extent as a geometry in degrees; an empty one if none was given."""
        if self.parameterAsExtent(parameters, "EXTENT", context).isNull():
            return QgsGeometry()
        wgs84 = QgsCoordinateReferenceSystem("EPSG:4326")
        return self.parameterAsExtentGeometry(parameters, "EXTENT", context, wgs84)


def _fraction(name: str, text: str, default: float) -> QgsProcessingParameterNumber:
    kind = NUMBER
    return QgsProcessingParameterNumber(name, text, kind, default, minValue=0.001, maxValue=1)


def _numbers(figures: dict) -> dict:
    """The algorithm's outputs, from the engine's figures; 0 where the engine knows none."""
    scores, landslides = figures["pixels"]["scores"], figures["landslides"]
    return {
        "PRECISION": scores["precision"] or 0.0,
        "RECALL": scores["recall"] or 0.0,
        "F1": scores["f1"] or 0.0,
        "IOU": scores["iou"] or 0.0,
        "HITS": landslides["right"],
        "FALSE_ALARMS": landslides["inventory"] - landslides["right"],
        "FOUND": landslides["found"],
        "MISSED": landslides["reference"] - landslides["found"],
    }

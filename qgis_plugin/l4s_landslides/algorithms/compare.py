"""Compare with a reference inventory: how much of it was found, and what else was."""

from __future__ import annotations

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsDistanceArea,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsFillSymbol,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputNumber,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterNumber,
    QgsRendererCategory,
    QgsSpatialIndex,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from ..base import LandslideAlgorithm
from ..errors import InputError
from ..texts import tr

_COLOURS = {"hit": "#1a9641", "false alarm": "#e31a1c", "missed": "#2b83ba"}
_NUMBERS = {
    "PRECISION": "Precision, by area",
    "RECALL": "Recall, by area",
    "F1": "F1, by area",
    "IOU": "Intersection over union",
    "HITS": "Landslides mapped that the reference has",
    "FALSE_ALARMS": "Landslides mapped that the reference does not have",
    "FOUND": "Landslides of the reference that were found",
    "MISSED": "Landslides of the reference that were missed",
}


class CompareReference(LandslideAlgorithm):
    """Compares two polygon layers in QGIS itself."""

    NAME = "comparereference"
    TITLE = "Compare with a reference inventory"
    SUMMARY = "Compares an inventory with a reference: precision, recall, F1, and which landslides were missed."
    TAGS = ("evaluate", "accuracy", "validation", "precision", "recall", "F1", "IoU")
    NEEDS_ENGINE = False
    HELP = """Compares an inventory with a reference, by area and by landslide.

<b>By area</b>: precision is the share of the inventory's area that lies in the reference, recall the share of the \
reference's area that lies in the inventory, F1 their harmonic mean.

<b>By landslide</b>: one counts as found if at least the given share of its area lies in the other layer.

Give the <b>extent</b> that both layers cover, or what lies outside one of them counts against the other. Results are \
as good as the reference; one drawn by hand at another scale is often off by a pixel all around.

The output holds the inventory's polygons as hit or false alarm, and the reference's that were missed."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        polygons = [QgsProcessing.TypeVectorPolygon]
        self.addParameter(QgsProcessingParameterFeatureSource("INVENTORY", tr("Inventory"), polygons))
        self.addParameter(QgsProcessingParameterFeatureSource("REFERENCE", tr("Reference inventory"), polygons))
        self.addParameter(QgsProcessingParameterExtent("EXTENT", tr("Extent that both cover"), optional=True))
        share = tr("Share of its area from which a landslide counts as found")
        self.addParameter(
            QgsProcessingParameterNumber(
                "SHARE", share, QgsProcessingParameterNumber.Double, 0.1, minValue=0.001, maxValue=1
            )
        )
        self.addParameter(
            QgsProcessingParameterFeatureSink("OUTPUT", tr("Comparison"), QgsProcessing.TypeVectorPolygon)
        )
        for name, text in _NUMBERS.items():
            self.addOutput(QgsProcessingOutputNumber(name, tr(text)))

    def check(self, parameters, context):
        """Check that both layers have a CRS."""
        for name in ("INVENTORY", "REFERENCE"):
            source = self.parameterAsSource(parameters, name, context)
            if source is not None and not source.sourceCrs().isValid():
                raise InputError(
                    tr("The layer {} has no CRS, so it cannot be compared; set its CRS in its properties.").format(
                        source.sourceName()
                    )
                )

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Compare."""
        inventory = self.parameterAsSource(parameters, "INVENTORY", context)
        reference = self.parameterAsSource(parameters, "REFERENCE", context)
        if inventory is None or reference is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, "INVENTORY"))
        crs = inventory.sourceCrs()
        clip = QgsGeometry()
        if not self.parameterAsExtent(parameters, "EXTENT", context).isNull():
            clip = self.parameterAsExtentGeometry(parameters, "EXTENT", context, crs)
        mapped = _polygons(inventory, crs, clip, context)
        true = _polygons(reference, crs, clip, context)
        measure = QgsDistanceArea()
        measure.setSourceCrs(crs, context.transformContext())
        measure.setEllipsoid(crs.ellipsoidAcronym())

        numbers = _by_area(mapped, true, measure)
        feedback.setProgress(40)
        share = self.parameterAsDouble(parameters, "SHARE", context)
        hit = _found(mapped, true, share, feedback)
        found = _found(true, mapped, share, feedback)
        numbers |= {
            "HITS": sum(hit),
            "FALSE_ALARMS": len(hit) - sum(hit),
            "FOUND": sum(found),
            "MISSED": len(found) - sum(found),
        }
        for name, value in numbers.items():
            feedback.pushInfo(
                f"{tr(_NUMBERS[name])}: {value:.3f}" if isinstance(value, float) else f"{tr(_NUMBERS[name])}: {value}"
            )

        fields = QgsFields()
        fields.append(QgsField("outcome", QVariant.String))
        fields.append(QgsField("area_m2", QVariant.Double))
        sink, destination = self.parameterAsSink(parameters, "OUTPUT", context, fields, QgsWkbTypes.MultiPolygon, crs)
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, "OUTPUT"))
        pieces = [(g, "hit" if hit[i] else "false alarm") for i, g in enumerate(mapped)]
        pieces += [(g, "missed") for i, g in enumerate(true) if not found[i]]
        for geometry, outcome in pieces:
            feature = QgsFeature(fields)
            geometry.convertToMultiType()
            feature.setGeometry(geometry)
            feature.setAttributes([outcome, round(measure.measureArea(geometry), 1)])
            sink.addFeature(feature, QgsFeatureSink.FastInsert)
        del sink
        if context.willLoadLayerOnCompletion(destination):
            context.layerToLoadOnCompletionDetails(destination).setPostProcessor(_STYLE)
        return {"OUTPUT": destination, **numbers}


class _Style(QgsProcessingLayerPostProcessorInterface):
    """Colours a comparison."""

    def postProcessLayer(self, layer, context, feedback):  # noqa: N802
        """Give each outcome its colour."""
        categories = []
        for outcome, colour in _COLOURS.items():
            symbol = QgsFillSymbol.createSimple({"color": colour + "60", "outline_color": colour})
            categories.append(QgsRendererCategory(outcome, symbol, tr(outcome)))
        layer.setRenderer(QgsCategorizedSymbolRenderer("outcome", categories))
        layer.triggerRepaint()


_STYLE = _Style()


def _polygons(source, crs, clip: QgsGeometry, context) -> list[QgsGeometry]:
    """Read the polygons of a layer, valid, in a CRS, within a geometry."""
    request = QgsFeatureRequest().setSubsetOfAttributes([])
    request.setDestinationCrs(crs, context.transformContext())
    out = []
    for feature in source.getFeatures(request):
        geometry = feature.geometry().makeValid()
        if not clip.isNull():
            geometry = geometry.intersection(clip)
        geometry.convertGeometryCollectionToSubclass(QgsWkbTypes.PolygonGeometry)
        if not geometry.isEmpty():
            out.append(geometry)
    return out


def _by_area(mapped: list[QgsGeometry], true: list[QgsGeometry], measure: QgsDistanceArea) -> dict:
    whole, other = QgsGeometry.unaryUnion(mapped), QgsGeometry.unaryUnion(true)
    ours, theirs = measure.measureArea(whole), measure.measureArea(other)
    both = measure.measureArea(whole.intersection(other)) if mapped and true else 0.0
    precision = both / ours if ours else 0.0
    recall = both / theirs if theirs else 0.0
    total = ours + theirs - both
    return {
        "PRECISION": precision,
        "RECALL": recall,
        "F1": 2 * both / (ours + theirs) if ours + theirs else 0.0,
        "IOU": both / total if total else 0.0,
    }


def _found(ones: list[QgsGeometry], others: list[QgsGeometry], share: float, feedback) -> list[bool]:
    """Tell of which polygons at least a share of the area lies in the others."""
    index = QgsSpatialIndex()
    for number, geometry in enumerate(others):
        feature = QgsFeature(number)
        feature.setGeometry(geometry)
        index.addFeature(feature)
    out = []
    for geometry in ones:
        if feedback.isCanceled():
            raise QgsProcessingException(tr("Cancelled; nothing was written."))
        near = [others[number] for number in index.intersects(geometry.boundingBox())]
        covered = geometry.intersection(QgsGeometry.unaryUnion(near)).area() if near else 0.0
        out.append(covered >= share * geometry.area())
    return out

"""Enumerations of QGIS that the panels and their algorithms use: each by its new name, or else by the one of 3.22."""

from __future__ import annotations

from functools import reduce

from qgis import core


def _first(*names: str):
    """Return the first of several dotted names that qgis.core has."""
    for name in names:
        try:
            return reduce(getattr, name.split("."), core)
        except AttributeError:
            continue
    raise AttributeError(f"qgis.core has none of {', '.join(names)}")


POLYGON = core.QgsGeometry.fromRect(core.QgsRectangle(0, 0, 1, 1)).type()
"""Kind of geometry: polygons."""
POLYGON_LAYERS = _first("Qgis.LayerFilter.PolygonLayer", "QgsMapLayerProxyModel.Filter.PolygonLayer")
"""What a list of layers offers: layers of polygons."""
RASTER_LAYERS = _first("Qgis.LayerFilter.RasterLayer", "QgsMapLayerProxyModel.Filter.RasterLayer")
"""What a list of layers offers: rasters."""
NO_GEOMETRY = _first("Qgis.FeatureRequestFlag.NoGeometry", "QgsFeatureRequest.Flag.NoGeometry")
"""Flag of a request for features: attributes alone."""
NO_FORM = _first("Qgis.AttributeFormSuppression.On", "QgsEditFormConfig.FeatureFormSuppress.SuppressOn")
"""No form is shown for a feature that has been drawn."""
CHANGES = tuple(
    _first(f"Qgis.VectorProviderCapability.{name}", f"QgsVectorDataProvider.Capability.{name}")
    for name in ("ChangeAttributeValues", "ChangeGeometries", "AddFeatures")
)
"""What a file must allow so that a review can write into it."""
POLYGON_SOURCE = _first("Qgis.ProcessingSourceType.VectorPolygon", "QgsProcessing.SourceType.TypeVectorPolygon")
"""Kind of layer that an algorithm takes: polygons."""
NUMBER = _first("Qgis.ProcessingNumberParameterType.Double", "QgsProcessingParameterNumber.Type.Double")
"""Kind of number: any."""
WARNING = _first("Qgis.MessageLevel.Warning", "Qgis.Warning")
"""Level of a message: a warning."""
INFO = _first("Qgis.MessageLevel.Info", "Qgis.Info")
"""Level of a message: for information."""

"""QGIS's own enumerations, of which some have moved since 3.22: each by its new name, or else by its old one.

QGIS 4 comes with Qt 6, in which a member is reached through its enumeration alone. All other modules write scoped
names, which Qt 5 and Qt 6 both have; a test looks for others.
"""

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


ADVANCED = _first("Qgis.ProcessingParameterFlag.Advanced", "QgsProcessingParameterDefinition.Flag.FlagAdvanced")
"""Flag of a parameter that is folded under Advanced."""
POLYGONS = _first("Qgis.ProcessingSourceType.VectorPolygon", "QgsProcessing.SourceType.TypeVectorPolygon")
"""Kind of layer: polygons."""
RASTERS = _first("Qgis.ProcessingSourceType.Raster", "QgsProcessing.SourceType.TypeRaster")
"""Kind of layer: rasters."""
FOLDER = _first("Qgis.ProcessingFileParameterBehavior.Folder", "QgsProcessingParameterFile.Behavior.Folder")
"""What a file parameter asks for: a folder."""
NUMBER = _first("Qgis.ProcessingNumberParameterType.Double", "QgsProcessingParameterNumber.Type.Double")
"""Kind of number: any."""
INTEGER = _first("Qgis.ProcessingNumberParameterType.Integer", "QgsProcessingParameterNumber.Type.Integer")
"""Kind of number: whole ones."""
WARNING = _first("Qgis.MessageLevel.Warning", "Qgis.Warning")
"""Level of a message: a warning."""
INFO = _first("Qgis.MessageLevel.Info", "Qgis.Info")
"""Level of a message: for information."""
BY_EXPRESSIONS = _first(
    "Qgis.VectorTemporalMode.FeatureDateTimeStartAndEndFromExpressions",
    "QgsVectorLayerTemporalProperties.TemporalMode.ModeFeatureDateTimeStartAndEndFromExpressions",
)
"""How the times of a vector layer are told: for each feature by expressions."""
FIXED_RANGE_OF_VECTOR = _first(
    "Qgis.VectorTemporalMode.FixedTemporalRange", "QgsVectorLayerTemporalProperties.TemporalMode.ModeFixedTemporalRange"
)
"""How the times of a vector layer are told: one range for all of it."""
FIXED_RANGE_OF_RASTER = _first(
    "Qgis.RasterTemporalMode.FixedTemporalRange", "QgsRasterLayerTemporalProperties.TemporalMode.ModeFixedTemporalRange"
)
"""How the times of a raster layer are told: one range for all of it."""
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

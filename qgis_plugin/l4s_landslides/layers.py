"""From what a user chose in QGIS to what another process can read: files."""

from __future__ import annotations

import json
from pathlib import Path

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeatureRequest,
    QgsFeatureSource,
    QgsGeometry,
    QgsMapLayer,
    QgsProcessingUtils,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

from .errors import InputError
from .texts import tr

_SERVICES = {
    "wms": tr("a web map service, which delivers pictures and not the sensor's values"),
    "wcs": tr("a web coverage service"),
    "postgresraster": tr("a database"),
    "virtualraster": tr("a virtual raster that QGIS computes"),
    "arcgismapserver": tr("a map server, which delivers pictures and not the sensor's values"),
}


def raster_file(layer: QgsRasterLayer | None, what: str, given: object = "") -> str:
    """Return the file or data source that a raster layer shows, for a process outside QGIS.

    Args:
        layer: the layer; None if what was given is none.
        what: "scene", "DEM"…, for the message.
        given: what was given, for the message.

    Raises:
        InputError: it is no raster, not georeferenced, or exists only in QGIS.
    """
    if layer is None or not layer.isValid():
        raise InputError(
            tr("The {what} {given} is no raster that QGIS can open; choose a raster layer or file.").format(
                what=what, given=given
            )
        )
    provider = layer.dataProvider().name()
    if provider != "gdal":
        kind = _SERVICES.get(provider, tr("the data provider {}").format(provider))
        raise InputError(
            tr(
                "The {what} {name} comes from {kind}; expected a raster file, so export the layer to a file "
                "(Export → Save As, raw data), or choose another."
            ).format(what=what, name=layer.name(), kind=kind)
        )
    source = layer.dataProvider().dataSourceUri().split("|")[0]
    if source.startswith("/vsimem/"):
        raise InputError(
            tr("The {what} {name} exists only in QGIS's memory; export it to a file first.").format(
                what=what, name=layer.name()
            )
        )
    if not layer.crs().isValid():
        raise InputError(
            tr(
                "The {what} {name} has no CRS, so nobody can tell where it lies; expected a georeferenced raster, so "
                "assign its projection and write it to a file (Raster → Projections → Assign Projection)."
            ).format(what=what, name=layer.name())
        )
    return source


def vector_source(layer: QgsVectorLayer | None, what: str) -> str:
    """Return the file that a vector layer shows, with the layer's name, for a process outside QGIS.

    Args:
        layer: the layer; None if what was given is none.
        what: "inventory", for the message.

    Raises:
        InputError: it is no layer, or exists only in QGIS.
    """
    if layer is None or not layer.isValid():
        raise InputError(tr("The {} is no vector layer that QGIS can open; choose a layer or file.").format(what))
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source())
    path = parts.get("path", "")
    if layer.providerType() != "ogr" or not path or path.startswith("/vsimem/"):
        raise InputError(
            tr("The {what} {name} is not a file; expected one, so export the layer to a GeoPackage first.").format(
                what=what, name=layer.name()
            )
        )
    name = parts.get("layerName") or ""
    return f"{path}|layername={name}" if name else path


def check_meets(scene: QgsMapLayer, extent: QgsRectangle, crs: QgsCoordinateReferenceSystem, what: str) -> None:
    """Check that an extent meets the scene.

    Raises:
        InputError: it does not.
    """
    transform = QgsCoordinateTransform(crs, scene.crs(), QgsCoordinateTransformContext())
    try:
        moved = transform.transformBoundingBox(extent)
    except QgsCsException:
        moved = None  # so far from the scene that its CRS does not reach there
    if moved is None or not moved.isFinite() or not moved.intersects(scene.extent()):
        raise InputError(
            tr(
                "The {what} ({found} in {crs}) does not meet the scene {name} ({expected} in {scene_crs}); choose one "
                "of the same ground."
            ).format(
                what=what,
                found=extent.toString(4 if crs.isGeographic() else 0),
                crs=crs.authid() or crs.description(),
                name=scene.name(),
                expected=scene.extent().toString(4 if scene.crs().isGeographic() else 0),
                scene_crs=scene.crs().authid() or scene.crs().description(),
            )
        )


def polygons_file(source: QgsFeatureSource, attributes: bool = False) -> str:
    """Write the polygons of a layer, of whatever kind, to a temporary GeoPackage and return its path.

    Args:
        source: the layer, or its selected features.
        attributes: whether to keep what its attributes say.

    Raises:
        InputError: there are none, or they have no CRS.
    """
    if not source.sourceCrs().isValid():
        raise InputError(
            tr("The layer {} has no CRS, so nobody can tell where it lies; set its CRS in its properties.").format(
                source.sourceName()
            )
        )
    path = QgsProcessingUtils.generateTempFilename("polygons.gpkg")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    writer = QgsVectorFileWriter.create(
        path, source.fields(), source.wkbType(), source.sourceCrs(), QgsCoordinateTransformContext(), options
    )
    count = 0
    request = QgsFeatureRequest() if attributes else QgsFeatureRequest().setSubsetOfAttributes([])
    own = source.fields().lookupField("fid")
    for number, feature in enumerate(source.getFeatures(request)):
        feature.setId(number + 1)
        if not attributes:
            feature.setAttributes([None] * len(source.fields()))
        elif own >= 0:
            feature.setAttribute(own, None)  # the new file numbers its features itself
        count += bool(writer.addFeature(feature)) if feature.hasGeometry() else 0
    del writer
    if not count:
        raise InputError(
            tr("The layer {} holds no polygon; choose one that does, or select features in it.").format(
                source.sourceName()
            )
        )
    return path


def keep_attributes(path: str, source: QgsFeatureSource) -> None:
    """Give the inventory's landslides in a comparison the attributes that they have in the inventory.

    Args:
        path: the comparison, whose `id` is the inventory's, or the place among its polygons if it has no whole ids.
        source: the inventory.
    """
    layer = QgsVectorLayer(path, "comparison", "ogr")
    taken = {field.name().lower() for field in layer.fields()}
    own = [field for field in source.fields() if field.name().lower() not in taken]
    features = [feature for feature in source.getFeatures() if feature.hasGeometry()]
    ids = [feature["id"] if source.fields().lookupField("id") >= 0 else None for feature in features]
    if not all(isinstance(number, int) for number in ids):
        ids = list(range(1, len(features) + 1))
    known = dict(zip(ids, features))
    provider = layer.dataProvider()
    provider.addAttributes(own)
    layer.updateFields()
    places = {layer.fields().lookupField(field.name()): field.name() for field in own}
    changes = {
        row.id(): {place: known[row["id"]][name] for place, name in places.items()}
        for row in layer.getFeatures()
        if row["side"] == "inventory" and row["id"] in known
    }
    provider.changeAttributeValues(changes)


def extent_file(extent: QgsGeometry) -> str:
    """Write an extent, in degrees (WGS 84), as a GeoJSON file and return its path."""
    path = Path(QgsProcessingUtils.generateTempFilename("extent.geojson"))
    feature = {"type": "Feature", "properties": {}, "geometry": json.loads(extent.asJson(9))}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    return str(path)

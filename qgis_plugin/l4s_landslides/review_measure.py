"""What was drawn in a review is measured at once, by the engine."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import (
    QgsFeature,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QObject

from .errors import InputError
from .layers import raster_file, vector_source
from .live import LiveEngine
from .made_from import facts_of
from .texts import tr


class Measuring(QObject):
    """Asks the engine, and hands the attributes on when they are there."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.engine = LiveEngine(self)

    def measure(
        self, layer: QgsVectorLayer, fids: list, raster: QgsRasterLayer | None, then: Callable[[list, list], None]
    ) -> None:
        """Have landslides of a layer measured.

        Args:
            layer: the inventory.
            fids: their ids in the file.
            raster: its probability raster, if one is known.
            then: takes the ids and, in their order, the attributes.

        Raises:
            InputError: a layer is no file.
        """
        order = sorted(fids)
        request = {"inventory": _written(layer, order), "facts": vector_source(layer, tr("inventory"))}
        if isinstance(raster, QgsRasterLayer):
            request["probability"] = raster_file(raster, tr("probability raster"))
        self.engine.ask(
            f"measure {order}", "measure", request, lambda answer: then(order, answer.get("attributes") or [])
        )


def probability_of(layer: QgsVectorLayer) -> QgsRasterLayer | None:
    """The probability raster of the run that made an inventory, if the project has it."""
    made = facts_of(layer).get("created")
    for other in QgsProject.instance().mapLayers().values():
        named = isinstance(other, QgsRasterLayer) and "probability of landslide" in other.bandName(1)
        if made and named and facts_of(other).get("created") == made:
            return other
    return None


def _written(layer: QgsVectorLayer, fids: list) -> str:
    """Write some landslides to a temporary GeoPackage, in an order, and return its path.

    Raises:
        InputError: there is no room for it.
    """
    path = QgsProcessingUtils.generateTempFilename("drawn.gpkg")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    fields = layer.fields()
    for index in sorted(layer.primaryKeyAttributes(), reverse=True):
        fields.remove(index)
    writer = QgsVectorFileWriter.create(
        path, fields, layer.wkbType(), layer.crs(), QgsProject.instance().transformContext(), options
    )
    for fid in fids:
        old, new = layer.getFeature(fid), QgsFeature(fields)
        new.setGeometry(old.geometry())
        for name in fields.names():
            new.setAttribute(name, old[name])
        writer.addFeature(new)
    problem = writer.errorMessage()
    del writer
    if problem:
        raise InputError(
            tr("What was drawn could not be written for the engine to {path} ({why}); free its disk.").format(
                path=path, why=problem
            )
        )
    return path

"""Results on the map: style, name, provenance, and no second layer for a file that is open already."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsContrastEnhancement,
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsProcessingContext,
    QgsProcessingLayerPostProcessorInterface,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsTask,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QThread

from .assumptions import assumption_lines
from .texts import tr
from .times import set_times

PROVENANCE = "l4s/provenance"
"""Name of the layer property that holds a run's facts, as JSON."""

_KEPT: list = []
# Processing keeps no Python reference to the objects that finish layers.
_KEPT_AT_MOST = 256


class _Finisher(QgsProcessingLayerPostProcessorInterface):
    """Finishes one layer when it is on the map."""

    def __init__(self, facts: dict, group: str) -> None:
        super().__init__()
        self._facts = facts
        self._group = group

    def postProcessLayer(self, layer, context, feedback):  # noqa: N802
        """Load the style that came with the file, and let the layer carry its provenance."""
        layer.loadDefaultStyle()
        if isinstance(layer, QgsRasterLayer):
            natural_colours(layer)
        if self._facts:
            describe(layer, self._facts)
        if self._group and context.project() is not None:
            _into_group(layer, context.project(), self._group)
        layer.triggerRepaint()


def finish(context: QgsProcessingContext, destination: str, facts: dict, name: str = "", usual: str = "") -> None:
    """Have a result styled, described and put into its scene's group if it is loaded.

    Args:
        context: the run's.
        destination: the result's file.
        facts: the run's provenance; nothing for a result that carries none.
        name: the layer's name in place of the usual one; "" keeps what Processing chose.
        usual: the name that Processing gives if nobody chose another: the output's title.
    """
    if not context.willLoadLayerOnCompletion(destination):
        return
    details = context.layerToLoadOnCompletionDetails(destination)
    if name and details.name in ("", usual):
        details.name = name
    group = str(facts.get("scene", ""))
    if hasattr(details, "groupName"):  # from QGIS 3.32 on, Processing puts layers into groups itself
        details.groupName, group = group, ""
        details.layerSortKey = 0 if destination.endswith(".tif") else 1
    finisher = _Finisher(facts, group)
    _KEPT.append(finisher)
    del _KEPT[:-_KEPT_AT_MOST]
    details.setPostProcessor(finisher)


def load_now(project, facts: dict) -> None:
    """Add inventories to a project from whatever thread, as Processing would at the end of a run.

    Args:
        project: the project.
        facts: the provenance of each run by its inventory.
    """

    def load(*_) -> None:
        for path, known in facts.items():
            if layers_of(path, project):
                continue
            layer = QgsVectorLayer(path, tr("Landslides {}").format(Path(path).stem), "ogr")
            layer.loadDefaultStyle()
            if known:
                describe(layer, known)
            project.addMapLayer(layer)

    if QThread.currentThread() is project.thread():
        load()
        return
    task = QgsTask.fromFunction("Landslide4Sense", lambda _: None, on_finished=load)
    _KEPT.append(task)
    QgsApplication.taskManager().addTask(task)


def _into_group(layer: QgsMapLayer, project, name: str) -> None:
    """Move a layer into a group of the project, rasters under all that is drawn as shapes."""
    root = project.layerTreeRoot()
    node = root.findLayer(layer.id())
    if node is None:
        return
    group = root.findGroup(name) or root.insertGroup(0, name)
    group.insertChildNode(-1 if isinstance(layer, QgsRasterLayer) else 0, node.clone())
    node.parent().removeChildNode(node)


def natural_colours(layer: QgsRasterLayer) -> None:
    """Draw a raster with its bands B4, B3 and B2 as red, green and blue, if it has them by name."""
    names = {layer.bandName(n).split(": ")[-1].split(" ")[0]: n for n in range(1, layer.bandCount() + 1)}
    if not {"B4", "B3", "B2"} <= set(names):
        return
    layer.setRenderer(QgsMultiBandColorRenderer(layer.dataProvider(), names["B4"], names["B3"], names["B2"]))
    layer.setContrastEnhancement(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum,
        QgsRasterMinMaxOrigin.Limits.CumulativeCut,
    )


def describe(layer: QgsMapLayer, facts: dict) -> None:
    """Write a run's facts into a layer's metadata and properties."""
    layer.setCustomProperty(PROVENANCE, json.dumps(facts))
    set_times(layer, facts)
    metadata = layer.metadata()
    metadata.setTitle(layer.name())
    metadata.setAbstract(
        tr("Landslides mapped by {software} with the bundle {bundle} from the scene {scene}.").format(
            software=facts.get("software", "l4s-geo"), bundle=facts.get("bundle", "?"), scene=facts.get("scene", "?")
        )
    )
    metadata.setHistory(_history(facts))
    metadata.setCrs(layer.crs())
    layer.setMetadata(metadata)


def refresh_open(context: QgsProcessingContext, written: Iterable[str], facts: dict) -> None:
    """Show new results in the layers that show their files already, and do not add these again; main thread only.

    Whether or not the results are to be loaded: a layer that went on showing the old file would take an edit for
    another landslide than the one that is drawn.

    Args:
        context: the run's.
        written: the files that the run has written.
        facts: the run's provenance by result.
    """
    loading = context.layersToLoadOnCompletion()
    project = context.project()
    if project is None:
        return
    for destination in written:
        shown = layers_of(destination, project)
        for layer in shown:
            if isinstance(layer, QgsRasterLayer):  # which would keep the extent of the old file
                layer.setDataSource(layer.source(), layer.name(), layer.providerType(), False)
            layer.dataProvider().reloadData()
            if known := facts.get(destination):
                describe(layer, known)
            layer.reload()
            layer.triggerRepaint()
        if shown and destination in loading:
            del loading[destination]
            context.setLayersToLoadOnCompletion(loading)


def layers_of(path: str, project) -> list[QgsMapLayer]:
    """The layers of a project that show a file."""
    return [layer for layer in project.mapLayers().values() if file_of(layer) == _resolved(path)]


def file_of(layer: QgsMapLayer) -> str:
    """The file that a layer shows, links followed; "" if it shows none."""
    provider = layer.dataProvider()
    if provider is None:
        return ""
    path = QgsProviderRegistry.instance().decodeUri(provider.name(), provider.dataSourceUri()).get("path")
    return _resolved(path) if path else ""


def _resolved(path: str) -> str:
    try:
        return str(Path(path).resolve())
    except (OSError, ValueError):
        return str(path)


def _history(facts: dict) -> list[str]:
    """A line for each fact, and the assumptions as the log shows them."""
    lines = [f"{key}: {_short(value)}" for key, value in facts.items() if key != "assumptions"]
    return lines + [line.strip() for line in assumption_lines(facts.get("assumptions") or {})]


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

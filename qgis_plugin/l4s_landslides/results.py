"""Results on the map: style, name, provenance, and no second layer for a file that is open already."""

from __future__ import annotations

import json
from pathlib import Path

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingLayerPostProcessorInterface,
    QgsProviderRegistry,
)

from .assumptions import assumption_lines
from .texts import tr

PROVENANCE = "l4s/provenance"
"""Name of the layer property that holds a run's facts, as JSON."""

_KEPT: list[QgsProcessingLayerPostProcessorInterface] = []
# Processing keeps no Python reference to the objects that finish layers.
_KEPT_AT_MOST = 256


class _Finisher(QgsProcessingLayerPostProcessorInterface):
    """Finishes one layer when it is on the map."""

    def __init__(self, facts: dict) -> None:
        super().__init__()
        self._facts = facts

    def postProcessLayer(self, layer, context, feedback):  # noqa: N802
        """Load the style that came with the file, and let the layer carry its provenance."""
        layer.loadDefaultStyle()
        if self._facts:
            describe(layer, self._facts)
        layer.triggerRepaint()


def finish(context: QgsProcessingContext, destination: str, facts: dict, name: str = "") -> None:
    """Have a result styled and described if it is loaded.

    Args:
        context: the run's.
        destination: the result's file.
        facts: the run's provenance; nothing for a result that carries none.
        name: the layer's name; "" keeps what Processing chose.
    """
    if not context.willLoadLayerOnCompletion(destination):
        return
    details = context.layerToLoadOnCompletionDetails(destination)
    if name:
        details.name = name
    finisher = _Finisher(facts)
    _KEPT.append(finisher)
    del _KEPT[:-_KEPT_AT_MOST]
    details.setPostProcessor(finisher)


def describe(layer: QgsMapLayer, facts: dict) -> None:
    """Write a run's facts into a layer's metadata and properties."""
    layer.setCustomProperty(PROVENANCE, json.dumps(facts))
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


def refresh_open(context: QgsProcessingContext, facts: dict) -> None:
    """Show new results in the layers that show their files already, instead of adding them again; main thread only.

    Args:
        context: the run's.
        facts: the run's provenance by result, or one for all.
    """
    loading = context.layersToLoadOnCompletion()
    project = context.project()
    if project is None:
        return
    for destination in list(loading):
        shown = layers_of(destination, project)
        for layer in shown:
            layer.dataProvider().reloadData()
            describe(layer, facts.get(destination, facts))
            layer.reload()
            layer.triggerRepaint()
        if shown:
            del loading[destination]
            context.setLayersToLoadOnCompletion(loading)


def layers_of(path: str, project) -> list[QgsMapLayer]:
    """The layers of a project that show a file."""
    return [layer for layer in project.mapLayers().values() if _file(layer) == _resolved(path)]


def _file(layer: QgsMapLayer) -> str:
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

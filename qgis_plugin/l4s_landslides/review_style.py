"""An inventory drawn by what was decided, as a style of its own beside the layer's."""

from __future__ import annotations

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsFillSymbol,
    QgsRendererCategory,
    QgsVectorLayer,
)

from .review import ACCEPTED, ADDED, EDITED, FIELD_CHECK, REJECTED
from .texts import tr

STYLE = "Review"
"""Name of the style among those of the layer."""

_COLOURS = {
    ACCEPTED: ("#1b9e4b", "solid"),
    EDITED: ("#1f78b4", "solid"),
    ADDED: ("#8e44ad", "solid"),
    REJECTED: ("#7f7f7f", "dash"),
    FIELD_CHECK: ("#ff9f1c", "solid"),
}
_OPEN = "#ffe119"


def show_decisions(layer: QgsVectorLayer) -> str:
    """Draw a layer by its field review; return the name of the style that it had."""
    manager = layer.styleManager()
    before = manager.currentStyle()
    if before == STYLE:
        return before
    if STYLE in manager.styles():
        manager.removeStyle(STYLE)
    manager.addStyleFromLayer(STYLE)
    manager.setCurrentStyle(STYLE)
    names = {
        ACCEPTED: tr("Accepted"),
        EDITED: tr("Accepted with another outline"),
        ADDED: tr("Drawn by hand"),
        REJECTED: tr("Rejected"),
        FIELD_CHECK: tr("Field check"),
    }
    categories = [QgsRendererCategory(decision, _symbol(*look), names[decision]) for decision, look in _COLOURS.items()]
    categories.append(QgsRendererCategory("", _symbol(_OPEN, "solid"), tr("Not decided")))
    layer.setRenderer(QgsCategorizedSymbolRenderer('lower(trim("review"))', categories))
    layer.triggerRepaint()
    return before


def restore_style(layer: QgsVectorLayer, name: str) -> None:
    """Draw a layer as before the review."""
    if name and name != STYLE and name in layer.styleManager().styles():
        layer.styleManager().setCurrentStyle(name)
        layer.triggerRepaint()


def _symbol(colour: str, line: str) -> QgsFillSymbol:
    return QgsFillSymbol.createSimple(
        {"color": f"{colour}", "style": "no", "outline_color": colour, "outline_width": "0.6", "outline_style": line}
    )

"""What the engine takes for granted of a scene, in the words of QGIS's dialogs."""

from __future__ import annotations

from .texts import tr
from .wording import titles


def assumption_lines(assumptions: dict) -> list[str]:
    """Word the engine's message "assumptions": a heading and a line for each entry."""
    labels = {
        "units": tr("Units"),
        "offset": tr("Offset"),
        "order": tr("Bands"),
        "sensor": tr("Sensor"),
        "nodata": tr("No data"),
        "terrain": tr("Terrain"),
        "date": tr("Date"),
    }
    entries = {name: entry for name, entry in assumptions.items() if isinstance(entry, dict)}
    lines = [f"  {labels.get(name, name)}: {entry.get('value', '')} ({_how(entry)})" for name, entry in entries.items()]
    return [tr("Taken for granted:"), *lines] if lines else []


def _how(entry: dict) -> str:
    """On what grounds, and which parameter changes it."""
    origin, because = entry.get("origin", ""), entry.get("because", "")
    how = {
        "metadata": tr("read from the metadata"),
        "names": tr("read from the names"),
        "option": tr("as you said"),
        "values": tr("assumed from the values"),
        "default": tr("assumed"),
    }.get(origin, "")
    how = ": ".join(filter(None, (how, because)))
    parameter = titles().get(entry.get("option", ""), "")
    if parameter and origin != "option":
        how += tr("; to change it: {}").format(parameter)
    return how

"""When a result shows the ground, so that QGIS's temporal controller can play a series of them."""

from __future__ import annotations

from datetime import datetime, timezone

from qgis.core import QgsDateTimeRange, QgsMapLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QDateTime, QTime

from .enums import BY_EXPRESSIONS, FIXED_RANGE_OF_RASTER, FIXED_RANGE_OF_VECTOR

_FIELDS = ("event_date", "date_after")
"""The attributes that tell when a landslide came about: the event's day, or else the day it was seen first."""


def set_times(layer: QgsMapLayer, facts: dict) -> None:
    """Let a layer take part in the temporal controller, if it is known when its ground was seen.

    A landslide is there from the event's day on, or from the day on which a comparison saw it first; any other result
    of one scene shows that scene's day.

    Args:
        layer: a result.
        facts: the run's provenance.
    """
    times = layer.temporalProperties()
    is_vector = isinstance(layer, QgsVectorLayer)
    if is_vector and (start := _start(layer)):
        times.setMode(BY_EXPRESSIONS)
        times.setStartExpression(start)
        times.setEndExpression("")
    elif day := _day(facts):
        times.setMode(FIXED_RANGE_OF_VECTOR if is_vector else FIXED_RANGE_OF_RASTER)
        first = QDateTime(day.date(), QTime(0, 0, 0))
        times.setFixedTemporalRange(QgsDateTimeRange(first, QDateTime(day.date(), QTime(23, 59, 59))))
    else:
        return
    times.setIsActive(True)


def _start(layer: QgsVectorLayer) -> str:
    """An expression for when a landslide came about; "" if no attribute tells it of any."""
    known = [name for name in _FIELDS if layer.fields().lookupField(name) >= 0]
    if not any(feature[name] for feature in layer.getFeatures() for name in known):
        return ""
    parts = (f"to_datetime(nullif(regexp_substr(\"{name}\", '^([^/]+)'), ''))" for name in known)
    return f"coalesce({', '.join(parts)})"


def _day(facts: dict) -> QDateTime | None:
    """The day of the scene that the provenance names; None if it knows none."""
    entry = (facts.get("assumptions") or {}).get("date") or {}
    try:
        day = datetime.fromisoformat(str(entry.get("value", "")).replace("Z", "+00:00"))
    except ValueError:
        return None
    day = day.astimezone(timezone.utc) if day.tzinfo else day
    return QDateTime.fromString(day.strftime("%Y-%m-%dT12:00:00"), "yyyy-MM-ddTHH:mm:ss")

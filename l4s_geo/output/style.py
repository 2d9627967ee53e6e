"""QGIS styles that come with the outputs."""

from __future__ import annotations

from pathlib import Path

__all__ = ["style"]


def style(kind: str) -> str:
    """Return the QGIS style (QML) of a raster, "probability" or "spread", or the symbols alone of an "inventory"."""
    return (Path(__file__).parent / "styles" / f"{kind}.qml").read_text(encoding="utf-8")

"""QGIS styles that come with the outputs."""

from __future__ import annotations

from pathlib import Path

__all__ = ["style"]


def style(kind: str) -> str:
    """Return the QGIS style (QML) for "inventory", "probability" or "spread"."""
    return (Path(__file__).parent / "styles" / f"{kind}.qml").read_text(encoding="utf-8")

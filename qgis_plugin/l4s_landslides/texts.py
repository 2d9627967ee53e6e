"""What the plugin's texts share: translation, and the icon beside them."""

from __future__ import annotations

from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication

ICON = Path(__file__).parent / "icons" / "landslide.svg"


def tr(text: str) -> str:
    """Translate a text of the plugin."""
    return QCoreApplication.translate("Landslide4Sense", text)

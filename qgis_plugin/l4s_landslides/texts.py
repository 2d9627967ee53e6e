"""What the plugin's texts share: translation, the icon beside them, and where those go that only a developer reads."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from qgis.core import QgsMessageLog
from qgis.PyQt.QtCore import QCoreApplication

from .enums import INFO

_FOLDER = Path(__file__).parent
ICON = _FOLDER / "icons" / "landslide.svg"


def tr(text: str) -> str:
    """Translate a text of the plugin."""
    return QCoreApplication.translate("Landslide4Sense", text)


def help_page() -> str:
    """The address of the page that explains the plugin with pictures: shipped with it, or else online."""
    shipped = _FOLDER / "help" / "qgis.html"
    return shipped.as_uri() if shipped.is_file() else f"{homepage()}/qgis/"


def homepage() -> str:
    """The project's page, from the plugin's metadata; "" if they do not say it, as in a checkout."""
    metadata = ConfigParser(interpolation=None)
    metadata.read(_FOLDER / "metadata.txt", encoding="utf-8")
    return metadata.get("general", "homepage", fallback="").rstrip("/")


def technical(text: str) -> None:
    """Keep what libraries print, and tracebacks, in QGIS's panel of log messages: a run's log is for its user."""
    if text:
        QgsMessageLog.logMessage(text, "Landslide4Sense", INFO)

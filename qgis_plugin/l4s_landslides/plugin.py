"""The plugin: it adds the provider to Processing, and panels and entries to the Plugins menu."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QTranslator
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from .provider import LandslideProvider
from .texts import ICON, tr

_FOLDER = Path(__file__).parent
_MENU = "Landslide4Sense"


class LandslidesPlugin:
    """What QGIS loads."""

    def __init__(self, iface):
        self._iface = iface
        self._provider = None
        self._actions = []
        self._panels = None
        self._translator = _translator()

    def initProcessing(self):  # noqa: N802
        """Add the provider; qgis_process calls this alone."""
        self._provider = LandslideProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self):  # noqa: N802
        """Add the provider and the menu."""
        self.initProcessing()
        entries = (
            (tr("Map landslides…"), "maplandslides"),
            (tr("Check environment…"), "checkenvironment"),
            (tr("Set up environment…"), "setupenvironment"),
        )
        for text, algorithm in entries:
            action = QAction(QIcon(str(ICON)), text, self._iface.mainWindow())
            action.triggered.connect(lambda _=False, name=algorithm: _open(name))
            self._iface.addPluginToMenu(_MENU, action)
            self._actions.append(action)
        from .panels import Panels  # with their widgets, which qgis_process does without

        self._panels = Panels(self._iface, _MENU)
        self._panels.add()

    def unload(self):
        """Take everything back."""
        for action in self._actions:
            self._iface.removePluginMenu(_MENU, action)
        self._actions.clear()
        if self._panels is not None:
            self._panels.remove()
            self._panels = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        if self._translator is not None:
            QCoreApplication.removeTranslator(self._translator)


def _open(name: str) -> None:
    import processing

    processing.execAlgorithmDialog(f"{LandslideProvider.ID}:{name}")


def _translator() -> QTranslator | None:
    """Load the translation for the user's language, if there is one."""
    locale = str(QgsSettings().value("locale/userLocale") or "")
    translator = QTranslator()
    if not locale or not translator.load(str(_FOLDER / "i18n" / f"l4s_landslides_{locale[:2]}.qm")):
        return None
    QCoreApplication.installTranslator(translator)
    return translator

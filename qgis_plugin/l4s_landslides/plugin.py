"""The plugin: it adds the provider to Processing, and algorithms and panels to menu and toolbar."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QTranslator, QUrl
from qgis.PyQt.QtGui import QDesktopServices, QIcon
from qgis.PyQt.QtWidgets import QAction, QMenu, QToolButton

from . import sample
from .provider import LandslideProvider
from .texts import ICON, help_page, tr

_FOLDER = Path(__file__).parent
_MENU = "Landslide4Sense"


class LandslidesPlugin:
    """What QGIS loads."""

    def __init__(self, iface):
        self._iface = iface
        self._provider = None
        self._actions = []
        self._panels = None
        self._in_toolbar = self._button = None
        self._translator = _translator()

    def initProcessing(self):  # noqa: N802
        """Add the provider; qgis_process calls this alone."""
        self._provider = LandslideProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self):  # noqa: N802
        """Add the provider, the menu and the toolbar's button."""
        self.initProcessing()
        from .panels import Panels  # with their widgets, which qgis_process does without

        self._panels = Panels(self._iface)
        self._add(tr("Load sample scene"), lambda: sample.load(self._iface))
        for text, show in self._panels.entries():
            self._add(text, show)
        for algorithm in self._provider.algorithms():
            name = algorithm.name()
            self._add(f"{algorithm.displayName()}…", lambda name=name: _open(name))
        self._add(tr("Help"), lambda: QDesktopServices.openUrl(QUrl(help_page())))
        self._button = QToolButton()
        self._button.setIcon(QIcon(str(ICON)))
        self._button.setToolTip(_MENU)
        self._button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._button)
        menu.addActions(self._actions)
        self._button.setMenu(menu)
        self._in_toolbar = self._iface.addToolBarWidget(self._button)

    def unload(self):
        """Take everything back."""
        for action in self._actions:
            self._iface.removePluginMenu(_MENU, action)
        self._actions.clear()
        if self._panels is not None:
            self._panels.remove()
            self._panels = None
        if self._in_toolbar is not None:
            self._iface.removeToolBarIcon(self._in_toolbar)
            self._in_toolbar = self._button = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        if self._translator is not None:
            QCoreApplication.removeTranslator(self._translator)

    def _add(self, text, run):
        """Add an entry to the menu."""
        action = QAction(QIcon(str(ICON)), text, self._iface.mainWindow())
        action.triggered.connect(lambda _=False: run())
        self._iface.addPluginToMenu(_MENU, action)
        self._actions.append(action)


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

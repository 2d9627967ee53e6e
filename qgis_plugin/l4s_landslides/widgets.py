"""Parameters that need more of a dialog than Processing's own widgets: the table of band layers, the model's chooser.

Processing makes them by the names in the parameters' metadata, so that nothing of a window is loaded without one.
"""

from __future__ import annotations

from pathlib import Path

from processing.gui.wrappers import WidgetWrapper
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from . import defaults, models
from .bands import BANDS, guess, guess_layer
from .texts import tr

_RASTERS = "*.tif *.tiff *.jp2 *.img *.vrt"


class BandTable(QWidget):
    """Rows of a layer and the band that it is."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels([tr("Layer or file"), tr("Band")])
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.setMaximumHeight(150)
        buttons = QHBoxLayout()
        for text, action in (
            (tr("Add the project's layers"), self.add_project),
            (tr("Add files…"), self.add_files),
            (tr("Remove"), self.remove),
        ):
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, run=action: run())
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(buttons)

    def add(self, layer: str, shown: str, band: str) -> None:
        """Add a row; a band that is unknown is left to the user."""
        row = self.table.rowCount()
        self.table.insertRow(row)
        item = QTableWidgetItem(shown)
        item.setData(Qt.ItemDataRole.UserRole, layer)
        item.setToolTip(layer)
        self.table.setItem(row, 0, item)
        choice = QComboBox()
        choice.addItem(tr("(left out)"), "")
        for name in BANDS:
            choice.addItem(name, name)
        choice.setCurrentIndex(max(0, choice.findData(band)))
        self.table.setCellWidget(row, 1, choice)

    def add_project(self) -> None:
        """Add the project's single-band rasters that are not there yet."""
        there = set(self.value()[::2])
        for layer in QgsProject.instance().mapLayers().values():
            if isinstance(layer, QgsRasterLayer) and layer.bandCount() == 1 and layer.id() not in there:
                self.add(layer.id(), layer.name(), guess_layer(layer))

    def add_files(self) -> None:
        """Let the user choose files, and add them."""
        rasters = tr("Rasters ({})").format(_RASTERS)
        for path in QFileDialog.getOpenFileNames(self, tr("Band files"), "", rasters)[0]:
            self.add(path, Path(path).name, guess(Path(path).stem))

    def remove(self) -> None:
        """Remove the rows that are selected, or else the last one."""
        rows = {index.row() for index in self.table.selectedIndexes()} or {self.table.rowCount() - 1}
        for row in sorted(rows, reverse=True):
            self.table.removeRow(row)

    def value(self) -> list[str]:
        """Layer and band in turn, without rows that are left out."""
        rows = range(self.table.rowCount())
        pairs = [(self.table.item(r, 0).data(Qt.ItemDataRole.UserRole), self._band(r)) for r in rows]
        return [text for layer, band in pairs if band for text in (layer, band)]

    def set_value(self, table: list) -> None:
        """Show other rows."""
        self.table.setRowCount(0)
        for layer, band in zip(table[::2], table[1::2]):
            known = QgsProject.instance().mapLayer(str(layer))
            self.add(str(layer), known.name() if known else Path(str(layer)).name, guess(str(band)))

    def _band(self, row: int) -> str:
        return str(self.table.cellWidget(row, 1).currentData() or "")


class ModelChooser(QWidget):
    """A name, a file or a folder of a bundle, with what its card says."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.choice = QComboBox()
        self.choice.setEditable(True)
        self.choice.addItems([defaults.BUNDLE, *(name for name in models.known() if name != defaults.BUNDLE)])
        self.card = QLabel()
        self.card.setWordWrap(True)
        self.choice.currentTextChanged.connect(lambda text: self.card.setText(models.card(text)))
        row = QHBoxLayout()
        row.addWidget(self.choice, 1)
        for text, ask in ((tr("File…"), self._file), (tr("Folder…"), self._folder)):
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, ask=ask: self._take(ask()))
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.card)
        self.card.setText(models.card(self.value()))

    def value(self) -> str:
        """What is chosen or written."""
        return self.choice.currentText().strip()

    def set_value(self, text: str) -> None:
        """Show a choice, whether or not it is a known one."""
        self.choice.setCurrentText(text)

    def _take(self, path: str) -> None:
        if path:
            self.set_value(path)

    def _file(self) -> str:
        return QFileDialog.getOpenFileName(self, tr("Bundle"), "", tr("Bundles (*.zip bundle.json)"))[0]

    def _folder(self) -> str:
        return QFileDialog.getExistingDirectory(self, tr("Bundle"))


class _Wrapper(WidgetWrapper):
    """Hands one of the widgets above to Processing."""

    WIDGET: type

    def createWidget(self):  # noqa: N802
        """Make the widget."""
        return self.WIDGET()

    def setValue(self, value):  # noqa: N802
        """Show a value."""
        if value not in (None, ""):
            self.widget.set_value(value)

    def value(self):
        """What the user chose; None for nothing."""
        return self.widget.value() or None


class BandTableWrapper(_Wrapper):
    """The table of band layers, in Processing's dialogs."""

    WIDGET = BandTable

    def setValue(self, value):  # noqa: N802
        """Show a table, which History and models keep as a list or as text."""
        super().setValue(value.split(",") if isinstance(value, str) else value)


class ModelChooserWrapper(_Wrapper):
    """The model's chooser, in Processing's dialogs."""

    WIDGET = ModelChooser

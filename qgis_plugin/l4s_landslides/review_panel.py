"""The widgets of the panel Review inventory: what is chosen, what is shown, and a button for each key."""

from __future__ import annotations

from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from .enums import POLYGON_LAYERS, RASTER_LAYERS
from .review import CLASSES, Filter, Row
from .review_summary import summarise
from .review_words import line, table
from .texts import tr

_LARGEST = 1e9
_WIDTH = 340
"""Pixels of the screen that the panel needs."""


class ReviewPanel(QScrollArea):
    """What a person sees and presses."""

    begun = pyqtSignal()
    """A review is to begin."""
    filtered = pyqtSignal()
    """Other landslides are to be walked through."""
    commented = pyqtSignal()
    """The comment is to be saved."""

    def __init__(self, commands: dict) -> None:
        """Make the panel.

        Args:
            commands: by key, the text of its button and what it does.
        """
        super().__init__()
        self._commands = commands
        self._fid = None
        self.keys = QWidget()
        """The part that takes the keys."""
        self.keys.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self.keys)
        for widget in (*self._top(), self._buttons("PNARFCEDUZ"), *self._below(), self._more(), self._filters()):
            layout.addWidget(widget)
        layout.addStretch()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(self.keys)

    def tell(self, text: str) -> None:
        """Show a sentence."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def filter(self) -> Filter:
        """Which landslides are walked through."""
        return Filter(
            frozenset(name for name, check in self.classes.items() if check.isChecked()),
            self.least.value(),
            self.most.value(),
            self.open_only.isChecked(),
        )

    def show_rows(self, every: list | None) -> None:
        """Show how far a review is; None if there is none."""
        rows = every or []
        decided = sum(1 for row in rows if row.is_decided)
        chosen = sum(1 for row in rows if self.filter().takes(row))
        self._start.setText(tr("Begin") if every is None else tr("Begin anew"))
        self.progress.setRange(0, max(1, len(rows)))
        self.progress.setValue(decided)
        self.progress.setFormat(tr("{done} of {all} decided").format(done=decided, all=len(rows)))
        self._chosen.setText(tr("{chosen} of {all} landslides").format(chosen=chosen, all=len(rows)))
        self.summary.setText("" if every is None else table(summarise(rows)))
        bar = self.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(max(_WIDTH, self.keys.minimumSizeHint().width() + bar))

    def show_row(self, row: Row | None, comment: str = "") -> None:
        """Show a landslide."""
        fid = None if row is None else row.fid
        self._about.setText("" if row is None else line(row))
        if fid != self._fid or not self.comment.isModified():
            self.comment.setText(comment)  # what is being typed stays when an answer of the engine comes in between
        self._fid = fid

    def _top(self) -> tuple:
        self.layers = QgsMapLayerComboBox()
        self.layers.setFilters(POLYGON_LAYERS)
        self._start = QPushButton(tr("Begin"))
        self._start.clicked.connect(lambda _=False: self.begun.emit())
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.setVisible(False)
        self.progress = QProgressBar()
        self._about = QLabel()
        self._about.setWordWrap(True)
        return self.layers, self._start, self.message, self.progress, self._about

    def _below(self) -> tuple:
        self.comment = QLineEdit()
        self.comment.setPlaceholderText(tr("Comment; Enter saves it"))
        self.comment.returnPressed.connect(self._on_comment)
        self.summary = QLabel()
        self.summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return self.comment, self.summary

    def _on_comment(self) -> None:
        self.comment.setModified(False)
        self.commented.emit()

    def _buttons(self, keys: str) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, key in enumerate(keys):
            text, command = self._commands[key]
            button = QPushButton(f"{text} ({key})")
            button.setObjectName(f"review{key}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, do=command: do())
            grid.addWidget(button, place // 2, place % 2)
        return box

    def _more(self) -> QWidget:
        box = QGroupBox(tr("Measure and teach"))
        layout = QFormLayout(box)
        self.probability = QgsMapLayerComboBox()
        self.probability.setFilters(RASTER_LAYERS)
        self.probability.setAllowEmptyLayer(True)
        self.probability.setCurrentIndex(0)
        self.probability.setToolTip(tr("With it, the probability of outlines that were drawn is measured too."))
        layout.addRow(tr("Probability raster"), self.probability)
        layout.addRow(self._buttons("TMW"))
        return box

    def _filters(self) -> QWidget:
        box = QGroupBox(tr("Walk through"))
        form = QFormLayout(box)
        self._chosen = QLabel()
        form.addRow(self._chosen)
        names = {"high": tr("High confidence"), "medium": tr("Medium confidence"), "low": tr("Low confidence")}
        self.classes = {name: QCheckBox(names.get(name, tr("Without confidence"))) for name in CLASSES}
        for check in self.classes.values():
            check.setChecked(True)
            check.toggled.connect(lambda _: self.filtered.emit())
            form.addRow(check)
        self.open_only = QCheckBox(tr("Only what is not decided"))
        self.open_only.toggled.connect(lambda _: self.filtered.emit())
        self.onwards = QCheckBox(tr("Go on after a decision"))
        self.onwards.setChecked(True)
        self.least, self.most = self._area(0.0), self._area(_LARGEST)
        form.addRow(self.open_only)
        form.addRow(tr("Area from, m²"), self.least)
        form.addRow(tr("Area to, m²"), self.most)
        form.addRow(self.onwards)
        return box

    def _area(self, value: float) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setRange(0, _LARGEST)
        spin.setDecimals(0)
        spin.setSingleStep(500)
        spin.setValue(value)
        spin.setGroupSeparatorShown(True)
        spin.setSpecialValueText(tr("any") if not value else "")
        spin.valueChanged.connect(lambda _: self.filtered.emit())
        return spin

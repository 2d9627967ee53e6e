"""The panel Review inventory: one landslide after another at a key press."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsCoordinateTransform,
    QgsFeature,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
)
from qgis.gui import QgsDockWidget, QgsMapLayerComboBox, QgsRubberBand
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from .errors import InputError, PluginError
from .layers import raster_file, vector_source
from .live import LiveEngine
from .made_from import bundle_name, facts_of, scene_parameters
from .map_enums import POLYGON, POLYGON_LAYERS, RASTER_LAYERS
from .results import file_of, layers_of
from .review import ACCEPTED, CLASSES, FIELD_CHECK, REJECTED, Filter, Review, add_fields, check_layer, missing_fields
from .review_style import restore_style, show_decisions
from .review_summary import summarise
from .texts import tr

_CONTEXT = 3.0
"""How many sizes of a landslide are shown around it."""
_LEAST_VIEW = 600.0
"""Metres that are shown at least."""
_LARGEST = 1e9
_KEYPAD = Qt.KeyboardModifier.KeypadModifier
_WIDTH = 340
"""Pixels of the screen that the panel needs."""
_SUGGESTED = 8


class ReviewDock(QgsDockWidget):
    """Walks through an inventory."""

    def __init__(self, iface, parent=None) -> None:
        super().__init__(parent)
        self.setObjectName("L4sReviewInventory")
        self.setWindowTitle(tr("Review inventory"))
        self._iface = iface
        self._review = None
        self._style = ""
        self._fid = None
        self._bundle = ""
        self._suggestions = ""
        self._window = -1
        self._dialog = None
        self.engine = LiveEngine(self)
        self.engine.failed.connect(self.tell)
        self._keys = self._commands()
        self._band = self._outline() if self._canvas() else None
        self.setWidget(self._built())
        for widget in filter(None, (self, self._panel, self._canvas())):
            widget.installEventFilter(self)
        QgsProject.instance().layersWillBeRemoved.connect(self._on_removed)
        self._refresh()

    def closeEvent(self, event) -> None:  # noqa: N802
        """End the review with the panel."""
        self.end()
        super().closeEvent(event)

    def unload(self) -> None:
        """Take everything back, with the plugin."""
        self.end()
        self.engine.stop()
        QgsProject.instance().layersWillBeRemoved.disconnect(self._on_removed)
        if self._canvas():
            self._canvas().removeEventFilter(self)
            self._canvas().scene().removeItem(self._band)

    def eventFilter(self, watched, event) -> bool:  # noqa: N802
        """Take the keys of the panel, in it and on the map, before QGIS's own shortcuts."""
        if event.type() not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride) or self._review is None:
            return super().eventFilter(watched, event)
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, _KEYPAD)
        command = self._command_of(event) if plain and self.isVisible() else None
        if command is None:
            return super().eventFilter(watched, event)
        event.accept()
        if event.type() == QEvent.Type.KeyPress:
            command()
        return True

    def begin(self) -> None:
        """Begin to review the layer that is chosen, after asking for fields that it lacks."""
        self.end()
        layer = self._layers.currentLayer()
        try:
            check_layer(layer)
            if missing := missing_fields(layer):
                question = tr("The layer {name} gets the fields {fields}, in which the review is kept. Go on?")
                if not self.ask(question.format(name=layer.name(), fields=", ".join(missing))):
                    return
                add_fields(layer)
            self._review = Review(layer, self)
        except PluginError as error:
            self.tell(str(error))
            return
        self._review.changed.connect(self._refresh)
        self._review.stale.connect(self._measure)
        self._review.problem.connect(self.tell)
        self._style = show_decisions(layer)
        self._iface.setActiveLayer(layer)
        self._choose_probability(layer)
        self.tell(self._strange_words())
        self._measure(self._review.stale_now())
        self._go(self._near(self._rows(), -1, 1, undecided=True) or self._near(self._rows(), -1, 1))
        self._panel.setFocus()

    def end(self) -> None:
        """End the review; everything is saved already."""
        review, self._review = self._review, None
        if review is None:
            return
        layer = review.layer
        review.close()
        restore_style(layer, self._style)
        self._fid = None
        self._clear_outline()
        self._refresh()

    def next(self) -> None:
        """Go to the next landslide that the filters take."""
        self._step(1)

    def previous(self) -> None:
        """Go to the one before."""
        self._step(-1)

    def accept_it(self) -> None:
        """The model is right."""
        self._decide(ACCEPTED)

    def reject_it(self) -> None:
        """The model is wrong."""
        self._decide(REJECTED)

    def doubt_it(self) -> None:
        """The image does not tell."""
        self._decide(FIELD_CHECK)

    def redraw(self) -> None:
        """Hand over to QGIS's vertex tool; the first change of the outline is the decision."""
        if self._review and self._fid is not None:
            self._review.layer.selectByIds([self._fid])
            self._use(self._iface.actionVertexToolActiveLayer())

    def draw(self) -> None:
        """Hand over to QGIS's tool for new polygons."""
        if self._review:
            self._use(self._iface.actionAddFeature())

    def undo(self) -> None:
        """Take the last step back, and show what it was about."""
        if self._review is None:
            return
        fid = self._review.undo()
        if fid is None:
            self.tell(tr("There is nothing to undo."))
        elif self._review.row(fid):
            self._go(fid)
        else:
            self._step(1)

    def comment(self) -> None:
        """Write a comment; Enter saves it and goes back to the landslide."""
        self._comment.setFocus()
        self._comment.selectAll()

    def zoom(self) -> None:
        """Show the landslide with what is around it."""
        if self._review and self._fid is not None and self._canvas():
            box = self._review.layer.getFeature(self._fid).geometry().boundingBox()
            self._show(box, self._review.layer.crs(), _CONTEXT)

    def teach(self) -> None:
        """Open Teach from labels with the review as labels."""
        if self._review is None:
            self.tell(tr("No inventory is being reviewed; choose one and begin."))
            return
        facts, scene = self._made_from()
        parameters = {"LABELS": self._review.layer.id(), "SUGGEST": _SUGGESTED, "SUGGESTIONS": "TEMPORARY_OUTPUT"}
        if bundle := bundle_name(facts):
            parameters["BUNDLE"] = bundle
        self._open("teachfromlabels", {**scene, **parameters}, self._taught)

    def map_again(self) -> None:
        """Open Map landslides with the scene of the inventory, and the bundle that was taught if there is one."""
        if self._review is None:
            self.tell(tr("No inventory is being reviewed; choose one and begin."))
            return
        facts, scene = self._made_from()
        bundle = self._bundle or facts.get("bundle") or ""
        self._open("maplandslides", {**scene, **({"BUNDLE": bundle} if bundle else {})})

    def next_window(self) -> None:
        """Show the next of the windows whose labels would teach most."""
        layers = layers_of(self._suggestions, QgsProject.instance()) if self._suggestions else []
        if not layers:
            self.tell(tr("No windows are suggested yet; run Teach with windows to suggest."))
            return
        windows = sorted(layers[0].getFeatures(), key=lambda feature: feature.id())
        if windows:
            self._window = (self._window + 1) % len(windows)
            self._show(windows[self._window].geometry().boundingBox(), layers[0].crs(), 1.2)

    def tell(self, text: str) -> None:
        """Show a sentence in the panel."""
        self._message.setText(text)
        self._message.setVisible(bool(text))

    def ask(self, question: str) -> bool:
        """Ask a question that Enter answers with yes."""
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return QMessageBox.question(self, self.windowTitle(), question, yes | no, yes) == yes

    def _commands(self) -> dict:
        """The keys of the panel, with what their buttons say and do."""
        return {
            "P": (tr("Previous"), self.previous),
            "N": (tr("Next"), self.next),
            "A": (tr("Accept"), self.accept_it),
            "R": (tr("Reject"), self.reject_it),
            "F": (tr("Field check"), self.doubt_it),
            "C": (tr("Comment"), self.comment),
            "E": (tr("Edit outline"), self.redraw),
            "D": (tr("Draw a new one"), self.draw),
            "U": (tr("Undo"), self.undo),
            "Z": (tr("Zoom"), self.zoom),
            "T": (tr("Teach…"), self.teach),
            "M": (tr("Map again…"), self.map_again),
            "W": (tr("Next window"), self.next_window),
        }

    def _command_of(self, event):
        """What a key does; None if it is none of the panel's."""
        arrows = {Qt.Key.Key_Right: self.next, Qt.Key.Key_Left: self.previous}
        return arrows.get(event.key()) or self._keys.get(event.text().upper(), ("", None))[1]

    def _built(self) -> QWidget:
        self._panel = QWidget()
        self._panel.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self._panel)
        self._layers = QgsMapLayerComboBox()
        self._layers.setFilters(POLYGON_LAYERS)
        self._start = QPushButton(tr("Begin"))
        self._start.clicked.connect(self.begin)
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._message.setVisible(False)
        self._progress = QProgressBar()
        self._about = QLabel()
        self._about.setWordWrap(True)
        self._comment = QLineEdit()
        self._comment.setPlaceholderText(tr("Comment; Enter saves it"))
        self._comment.returnPressed.connect(self._say)
        self._summary = QLabel()
        self._summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for widget in (self._layers, self._start, self._message, self._progress, self._about):
            layout.addWidget(widget)
        layout.addWidget(self._buttons("PNARFCEDUZ"))
        layout.addWidget(self._comment)
        layout.addWidget(self._summary)
        layout.addWidget(self._more())
        layout.addWidget(self._filters())
        layout.addStretch()
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self._panel)
        return self._area

    def _buttons(self, keys: str) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, key in enumerate(keys):
            text, command = self._keys[key]
            button = QPushButton(f"{text} ({key})")
            button.setObjectName(f"review{key}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, do=command: do())
            grid.addWidget(button, place // 2, place % 2)
        return box

    def _filters(self) -> QWidget:
        box = QGroupBox(tr("Walk through"))
        form = QFormLayout(box)
        self._chosen = QLabel()
        form.addRow(self._chosen)
        names = {"high": tr("High confidence"), "medium": tr("Medium confidence"), "low": tr("Low confidence")}
        self._classes = {name: QCheckBox(names.get(name, tr("Without confidence"))) for name in CLASSES}
        for check in self._classes.values():
            check.setChecked(True)
            check.toggled.connect(self._refresh)
            form.addRow(check)
        self._open_only = QCheckBox(tr("Only what is not decided"))
        self._open_only.toggled.connect(self._refresh)
        self._onwards = QCheckBox(tr("Go on after a decision"))
        self._onwards.setChecked(True)
        self._least, self._most = QDoubleSpinBox(), QDoubleSpinBox()
        for spin, value in ((self._least, 0.0), (self._most, _LARGEST)):
            spin.setRange(0, _LARGEST)
            spin.setDecimals(0)
            spin.setSingleStep(500)
            spin.setValue(value)
            spin.setGroupSeparatorShown(True)
            spin.setSpecialValueText(tr("any") if not value else "")
            spin.valueChanged.connect(self._refresh)
        form.addRow(self._open_only)
        form.addRow(tr("Area from, m²"), self._least)
        form.addRow(tr("Area to, m²"), self._most)
        form.addRow(self._onwards)
        return box

    def _more(self) -> QWidget:
        box = QGroupBox(tr("Measure and teach"))
        layout = QFormLayout(box)
        self._probability = QgsMapLayerComboBox()
        self._probability.setFilters(RASTER_LAYERS)
        self._probability.setAllowEmptyLayer(True)
        self._probability.setCurrentIndex(0)
        self._probability.setToolTip(tr("With it, the probability of outlines that were drawn is measured too."))
        layout.addRow(tr("Probability raster"), self._probability)
        layout.addRow(self._buttons("TMW"))
        return box

    def _filter(self) -> Filter:
        return Filter(
            frozenset(name for name, check in self._classes.items() if check.isChecked()),
            self._least.value(),
            self._most.value(),
            self._open_only.isChecked(),
        )

    def _rows(self) -> list:
        return self._review.rows(self._filter()) if self._review else []

    def _refresh(self, *_) -> None:
        """Show what is decided."""
        review = self._review
        self._start.setText(tr("Begin") if review is None else tr("Begin anew"))
        every = review.rows() if review else []
        decided = sum(1 for row in every if row.review)
        self._progress.setRange(0, max(1, len(every)))
        self._progress.setValue(decided)
        self._progress.setFormat(tr("{done} of {all} decided").format(done=decided, all=len(every)))
        self._chosen.setText(tr("{chosen} of {all} landslides").format(chosen=len(self._rows()), all=len(every)))
        self._summary.setText(_table(summarise(every)) if review else "")
        bar = self._area.verticalScrollBar().sizeHint().width()
        self._area.setMinimumWidth(max(_WIDTH, self._panel.minimumSizeHint().width() + bar))
        self._describe()

    def _describe(self) -> None:
        row = self._review.row(self._fid) if self._review and self._fid is not None else None
        if row is None:
            self._about.setText("")
            self._comment.clear()
            return
        words = {ACCEPTED: tr("accepted"), REJECTED: tr("rejected"), FIELD_CHECK: tr("field check")}
        words |= {"edited": tr("accepted with another outline"), "added": tr("drawn by hand")}
        text = tr("<b>No. {number}</b>, {confidence}, {area} m²: {decision}").format(
            number=row.number,
            confidence=_confidence(row.confidence),
            area=f"{row.area:,.0f}",
            decision=words.get(row.review, row.review or tr("not decided")),
        )
        self._about.setText(text)
        self._comment.setText(self._review.comment(row.fid))

    def _strange_words(self) -> str:
        words = self._review.strangers()
        if not words:
            return ""
        return tr("The field review says {}, which is no decision; these landslides count as not decided.").format(
            ", ".join(words)
        )

    def _step(self, by: int) -> None:
        rows = self._rows()
        fid = self._near(rows, self._place(rows), by)
        if fid is None:
            self.tell(tr("There is no other landslide that the filters take."))
        else:
            self._go(fid)

    def _place(self, rows: list) -> int:
        """Where the landslide that is shown stands, or would stand, among some."""
        row = self._review.row(self._fid) if self._review and self._fid is not None else None
        if row is None:
            return -1
        keys = [(other.number, other.fid) for other in rows]
        own = (row.number, row.fid)
        return keys.index(own) if own in keys else sum(key < own for key in keys) - 0.5

    @staticmethod
    def _near(rows: list, place: float, by: int, undecided: bool = False):
        """The next one from a place on, in a direction, around the end if need be; None if there is no other."""
        count = len(rows)
        places = sorted((((i - place) * by) % count or count, i) for i in range(count))
        return next((rows[i].fid for _, i in places if i != place and not (undecided and rows[i].review)), None)

    def _go(self, fid) -> None:
        self._fid = fid
        self.tell("") if fid is not None else None
        self._describe()
        if fid is None:
            self._clear_outline()
            return
        if self._band is not None:
            self._band.setToGeometry(self._review.layer.getFeature(fid).geometry(), self._review.layer)
        self.zoom()

    def _decide(self, decision: str) -> None:
        if self._review is None or self._fid is None:
            return
        rows = self._rows()
        place = self._place(rows)
        following = self._near(rows, place, 1, undecided=True)
        if self._review.decide(self._fid, decision) and self._onwards.isChecked():
            if following is None:
                self.tell(tr("All landslides that the filters take are decided."))
            else:
                self._go(following)

    def _say(self) -> None:
        if self._review and self._fid is not None:
            self._review.say(self._fid, self._comment.text())
        self._panel.setFocus()

    def _use(self, action) -> None:
        self._iface.setActiveLayer(self._review.layer)
        action.trigger()
        if self._canvas():
            self._canvas().setFocus()

    def _measure(self, fids: list) -> None:
        if not fids or self._review is None:
            return
        layer = self._review.layer
        try:
            request = {"inventory": _written(layer, fids), "facts": vector_source(layer, tr("inventory"))}
            raster = self._probability.currentLayer()
            if isinstance(raster, QgsRasterLayer):
                request["probability"] = raster_file(raster, tr("probability raster"))
        except InputError as error:
            self.tell(str(error))
            return
        order = sorted(fids)
        self.engine.ask(f"measure {order}", "measure", request, lambda answer: self._measured(layer, order, answer))

    def _measured(self, layer: QgsVectorLayer, fids: list, answer: dict) -> None:
        if self._review is None or self._review.layer is not layer:
            return
        for fid, values in zip(fids, answer.get("attributes") or []):
            self._review.measured(fid, values)
        if self._fid in fids:
            self._go(self._fid)

    def _choose_probability(self, layer: QgsVectorLayer) -> None:
        """Choose the probability raster of the same run, if the project has it."""
        made = facts_of(layer).get("created")
        for other in QgsProject.instance().mapLayers().values():
            named = isinstance(other, QgsRasterLayer) and "probability of landslide" in other.bandName(1)
            if made and named and facts_of(other).get("created") == made:
                self._probability.setLayer(other)
                return

    def _made_from(self) -> tuple:
        """The provenance of the inventory, and the parameters of its scene."""
        layer = self._review.layer
        facts = facts_of(layer)
        return facts, scene_parameters(facts, Path(file_of(layer)).parent)

    def _open(self, name: str, parameters: dict, then=None) -> None:
        import processing

        self._dialog = processing.createAlgorithmDialog(f"landslide4sense:{name}", parameters)
        if self._dialog is None:
            return
        if then is not None and hasattr(self._dialog, "algorithmFinished"):
            self._dialog.algorithmFinished.connect(then)
        self._dialog.show()

    def _taught(self, fine: bool, answer: dict) -> None:
        """Take what Teach from labels has made: the bundle to map with, and the windows to look at."""
        if not fine:
            return
        self._bundle = str(answer.get("OUTPUT") or "")
        self._suggestions = str(answer.get("SUGGESTIONS") or "")
        self._window = -1
        self.tell(tr("Taught: {}. Map again uses it; W shows the suggested windows.").format(self._bundle))

    def _canvas(self):
        return self._iface.mapCanvas() if self._iface is not None else None

    def _outline(self) -> QgsRubberBand:
        band = QgsRubberBand(self._canvas(), POLYGON)
        band.setStrokeColor(QColor(0, 255, 255))
        band.setFillColor(QColor(0, 0, 0, 0))
        band.setWidth(3)
        return band

    def _clear_outline(self) -> None:
        if self._band is not None:
            self._band.reset(POLYGON)

    def _show(self, box: QgsRectangle, crs, scale: float) -> None:
        canvas = self._canvas()
        transform = QgsCoordinateTransform(crs, canvas.mapSettings().destinationCrs(), QgsProject.instance())
        shown = transform.transformBoundingBox(box)
        shown.scale(scale)
        least = _LEAST_VIEW / 111_000 if canvas.mapSettings().destinationCrs().isGeographic() else _LEAST_VIEW
        if max(shown.width(), shown.height()) < least:
            shown = QgsRectangle.fromCenterAndSize(shown.center(), least, least)
        canvas.setExtent(shown)
        canvas.refresh()

    def _on_removed(self, ids: list) -> None:
        if self._review is not None and self._review.layer.id() in ids:
            self.end()


def _confidence(name: str) -> str:
    words = {"high": tr("high confidence"), "medium": tr("medium confidence"), "low": tr("low confidence")}
    return words.get(name, tr("without confidence"))


def _table(summary) -> str:
    """The summary as a table: the accepted share of each class is the model's precision on this scene."""
    names = {"high": tr("High"), "medium": tr("Medium"), "low": tr("Low"), "": tr("None")}
    rows = [(names[name], *_cells(count)) for name, count in summary.classes.items()]
    rows.append((tr("All"), *_cells(summary.every)))
    heads = (tr("Confidence"), tr("mapped"), tr("right"), tr("wrong"), tr("precision"))
    lines = ["".join(f"<td style='padding-right:6px'>{cell}</td>" for cell in row) for row in rows]
    head = "".join(f"<th align='left' style='padding-right:6px'>{cell}</th>" for cell in heads)
    table = f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
    beside = tr("Field check: {doubtful}; drawn by hand: {added}")
    return table + beside.format(doubtful=summary.every.doubtful, added=summary.added)


def _cells(count) -> tuple:
    share = "–"
    if count.share is not None:
        low, high = count.interval
        share = f"{count.share:.0%} ({100 * low:.0f}–{100 * high:.0f}%)"
    return count.of, count.right, count.wrong, share


def _written(layer: QgsVectorLayer, fids: list) -> str:
    """Write some landslides to a temporary GeoPackage, in the order of their ids, and return its path."""
    path = QgsProcessingUtils.generateTempFilename("drawn.gpkg")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "GPKG"
    fields = layer.fields()
    for index in sorted(layer.primaryKeyAttributes(), reverse=True):
        fields.remove(index)
    writer = QgsVectorFileWriter.create(
        path, fields, layer.wkbType(), layer.crs(), QgsProject.instance().transformContext(), options
    )
    for fid in sorted(fids):
        old, new = layer.getFeature(fid), QgsFeature(fields)
        new.setGeometry(old.geometry())
        for name in fields.names():
            new.setAttribute(name, old[name])
        writer.addFeature(new)
    del writer
    return path

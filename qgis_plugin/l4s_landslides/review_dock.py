"""The panel Review inventory: one landslide after another at a key press."""

from __future__ import annotations

from qgis.core import QgsProject, QgsVectorLayer
from qgis.gui import QgsDockWidget
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtWidgets import QMessageBox

from .errors import InputError, PluginError
from .review import ACCEPTED, FIELD_CHECK, REJECTED, Review, add_fields, check_layer, missing_fields
from .review_measure import Measuring, probability_of
from .review_panel import ReviewPanel
from .review_style import restore_style, show_decisions
from .review_teach import Teaching
from .review_view import LandslideView
from .texts import tr

_KEYPAD = Qt.KeyboardModifier.KeypadModifier


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
        self._view = LandslideView(iface.mapCanvas())
        self.teaching = Teaching(self._view, self.tell)
        self.measuring = Measuring(self)
        self.measuring.engine.failed.connect(self.tell)
        self._keys = self._commands()
        self.panel = ReviewPanel(self._keys)
        self.panel.begun.connect(self.begin)
        self.panel.filtered.connect(self._refresh)
        self.panel.commented.connect(self._say)
        self.setWidget(self.panel)
        for widget in (self, self.panel.keys, iface.mapCanvas()):
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
        self.measuring.engine.stop()
        QgsProject.instance().layersWillBeRemoved.disconnect(self._on_removed)
        self._iface.mapCanvas().removeEventFilter(self)
        self._view.remove()

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
        layer = self.panel.layers.currentLayer()
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
        if (raster := probability_of(layer)) is not None:
            self.panel.probability.setLayer(raster)
        self._go(self._near(self._rows(), -1, 1, undecided=True) or self._near(self._rows(), -1, 1))
        self.tell(self._strange_words())
        self._measure(self._review.stale_now())
        self.panel.keys.setFocus()

    def end(self) -> None:
        """End the review; everything is saved already."""
        review, self._review = self._review, None
        if review is None:
            return
        layer = review.layer
        review.close()
        restore_style(layer, self._style)
        self._fid = None
        self._view.clear()
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
        self.panel.comment.setFocus()
        self.panel.comment.selectAll()

    def zoom(self) -> None:
        """Show the landslide with what is around it."""
        if self._review and self._fid is not None:
            self._view.zoom(self._review.layer, self._fid)

    def teach(self) -> None:
        """Teach a bundle by the review."""
        if self._is_begun():
            self.teaching.teach(self._review.layer)

    def map_again(self) -> None:
        """Map the scene again, with what was taught."""
        if self._is_begun():
            self.teaching.map_again(self._review.layer)

    def tell(self, text: str) -> None:
        """Show a sentence in the panel."""
        self.panel.tell(text)

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
            "W": (tr("Next window"), self.teaching.next_window),
        }

    def _command_of(self, event):
        """What a key does; None if it is none of the panel's."""
        arrows = {Qt.Key.Key_Right: self.next, Qt.Key.Key_Left: self.previous}
        return arrows.get(event.key()) or self._keys.get(event.text().upper(), ("", None))[1]

    def _is_begun(self) -> bool:
        if self._review is None:
            self.tell(tr("No inventory is being reviewed; choose one and begin."))
        return self._review is not None

    def _rows(self) -> list:
        return self._review.rows(self.panel.filter()) if self._review else []

    def _refresh(self) -> None:
        """Show what is decided."""
        self.panel.show_rows(self._review.rows() if self._review else None)
        self._describe()

    def _row(self):
        return self._review.row(self._fid) if self._review and self._fid is not None else None

    def _describe(self) -> None:
        row = self._row()
        self.panel.show_row(row, self._review.comment(row.fid) if row else "")

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

    def _place(self, rows: list) -> float:
        """Where the landslide that is shown stands, or would stand, among some."""
        row = self._row()
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
        return next((rows[i].fid for _, i in places if i != place and not (undecided and rows[i].is_decided)), None)

    def _go(self, fid) -> None:
        self._fid = fid
        self._describe()
        if fid is None:
            self._view.clear()
            return
        self.tell("")
        self._view.mark(self._review.layer, fid)
        self._view.zoom(self._review.layer, fid)

    def _decide(self, decision: str) -> None:
        if self._review is None or self._fid is None:
            return
        rows = self._rows()
        following = self._near(rows, self._place(rows), 1, undecided=True)
        if self._review.decide(self._fid, decision) and self.panel.onwards.isChecked():
            if following is None:
                self.tell(tr("All landslides that the filters take are decided."))
            else:
                self._go(following)

    def _say(self) -> None:
        if self._review and self._fid is not None:
            self._review.say(self._fid, self.panel.comment.text())
        self.panel.keys.setFocus()

    def _use(self, action) -> None:
        self._iface.setActiveLayer(self._review.layer)
        action.trigger()
        self._iface.mapCanvas().setFocus()

    def _measure(self, fids: list) -> None:
        if not fids or self._review is None:
            return
        layer = self._review.layer
        if self._fid in fids:
            self._view.mark(layer, self._fid)

        def then(order: list, values: list) -> None:
            self._measured(layer, order, values)

        try:
            self.measuring.measure(layer, fids, self.panel.probability.currentLayer(), then)
        except InputError as error:
            self.tell(str(error))

    def _measured(self, layer: QgsVectorLayer, fids: list, values: list) -> None:
        if self._review is None or self._review.layer is not layer:
            return
        for fid, measured in zip(fids, values):
            self._review.measured(fid, measured)
        if self._fid in fids:
            self._go(self._fid)

    def _on_removed(self, ids: list) -> None:
        if self._review is not None and self._review.layer.id() in ids:
            self.end()

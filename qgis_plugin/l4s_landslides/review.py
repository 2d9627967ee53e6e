"""A review of an inventory: decisions in the layer's own attributes, each saved at once, each to be undone.

What the field `review` may say is what the engine's teaching understands: accepted, rejected, edited (accepted with
another outline), added (drawn by hand), and field check for what nobody can tell from the image.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field

from qgis.core import (
    NULL,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from .enums import CHANGES, NO_FORM, NO_GEOMETRY, POLYGON
from .errors import InputError
from .results import file_of
from .texts import tr

REVIEW, COMMENT = "review", "comment"
ACCEPTED, REJECTED, FIELD_CHECK, EDITED, ADDED = "accepted", "rejected", "field check", "edited", "added"
DECISIONS = (ACCEPTED, REJECTED, FIELD_CHECK, EDITED, ADDED)
CLASSES = ("high", "medium", "low", "")

_NEEDED = ("area_m2", "prob_mean", "confidence")
_LENGTHS = {REVIEW: 20, COMMENT: 500}
_SAME = 0.001


@dataclass(frozen=True)
class Row:
    """What the review knows of a landslide."""

    fid: int
    number: int
    """Its number in the inventory."""
    confidence: str
    area: float
    """m²."""
    review: str
    """What the field says: a decision, "", or any other word."""

    @property
    def is_decided(self) -> bool:
        """Whether that is a decision."""
        return self.review in DECISIONS


@dataclass(frozen=True)
class Filter:
    """Which landslides are walked through."""

    classes: frozenset = frozenset(CLASSES)
    """Classes of confidence; "" for those without one."""
    least: float = 0.0
    """Least area, m²."""
    most: float = float("inf")
    """Largest area, m²."""
    open_only: bool = False
    """Whether decided ones are left out."""

    def takes(self, row: Row) -> bool:
        """Whether a landslide is one of them."""
        known = row.confidence if row.confidence in CLASSES else ""
        return known in self.classes and self.least <= row.area <= self.most and not (self.open_only and row.is_decided)


@dataclass(frozen=True)
class _Before:
    """How a landslide was before something was done to it."""

    fid: int
    attributes: dict = field(default_factory=dict)
    geometry: QgsGeometry | None = None
    created: bool = False


def check_layer(layer: QgsVectorLayer | None) -> None:
    """Check that a layer is an inventory that can be reviewed.

    Raises:
        InputError: it is not, or nobody can write into it.
    """
    if not isinstance(layer, QgsVectorLayer) or not layer.isValid():
        raise InputError(tr("No inventory is chosen; choose a layer that Map landslides made."))
    names = layer.fields().names()
    if layer.geometryType() != POLYGON or not set(_NEEDED) <= set(names):
        lacks = ", ".join(name for name in _NEEDED if name not in names) or tr("polygons")
        raise InputError(
            tr("The layer {name} is no inventory (it lacks {lacks}); choose a layer that Map landslides made.").format(
                name=layer.name(), lacks=lacks
            )
        )
    if not _is_writable(layer):
        raise InputError(
            tr(
                "The layer {name} cannot be changed, since its file or the layer is read-only; make it writable, or "
                "export it to a GeoPackage and review that."
            ).format(name=layer.name())
        )
    if layer.isModified():
        raise InputError(
            tr("The layer {name} holds edits that are not saved; save or discard them before the review.").format(
                name=layer.name()
            )
        )


def _is_writable(layer: QgsVectorLayer) -> bool:
    allowed = layer.dataProvider().capabilities()
    able = all(allowed & change for change in CHANGES) and not layer.readOnly()
    path = file_of(layer)
    return able and (not path or os.access(path, os.W_OK))


def missing_fields(layer: QgsVectorLayer) -> list[str]:
    """The fields that a review writes and the layer does not have."""
    return [name for name in (REVIEW, COMMENT) if layer.fields().lookupField(name) < 0]


def add_fields(layer: QgsVectorLayer) -> None:
    """Add the fields that a review writes.

    Raises:
        InputError: the file takes no new fields.
    """
    # A layer in memory makes fields of text in every version of QGIS.
    wanted = "&".join(f"field={name}:string({_LENGTHS[name]})" for name in missing_fields(layer))
    new = list(QgsVectorLayer(f"None?{wanted}", "", "memory").fields())
    if not layer.dataProvider().addAttributes(new):
        raise InputError(
            tr(
                "The layer {name} takes no new fields, and the review writes {fields}; export it to a GeoPackage and "
                "review that."
            ).format(name=layer.name(), fields=", ".join(made.name() for made in new))
        )
    layer.updateFields()


class Review(QObject):
    """The review of one layer, which is in edit mode as long as the review is open."""

    changed = pyqtSignal()
    """A decision was made, or undone."""
    stale = pyqtSignal(list)
    """Polygons whose attributes no longer fit their outlines: their ids in the file."""
    problem = pyqtSignal(str)
    """Something could not be saved: one sentence."""

    def __init__(self, layer: QgsVectorLayer, parent=None) -> None:
        """Begin a review of a layer that `check_layer` takes and that has the fields.

        Raises:
            InputError: it cannot be edited.
        """
        super().__init__(parent)
        self.layer = layer
        self._done: list[_Before] = []
        self._touched: dict[int, None] = {}
        self._drawn: dict[int, None] = {}
        self._own = False
        self._new: list[int] = []
        self._rows = self._read()
        form = layer.editFormConfig()
        self._suppress = form.suppress()
        if not layer.isEditable() and not layer.startEditing():
            raise InputError(
                tr("The layer {} cannot be edited; make its file writable, or review a copy.").format(layer.name())
            )
        form.setSuppress(NO_FORM)  # no dialog may stand between a stroke and its decision
        layer.setEditFormConfig(form)
        layer.geometryChanged.connect(self._on_geometry)
        layer.featureAdded.connect(self._on_added)
        layer.committedFeaturesAdded.connect(self._on_committed)

    def close(self) -> None:
        """Save what is not saved, and let go of the layer."""
        self._settle()
        layer = self.layer
        layer.geometryChanged.disconnect(self._on_geometry)
        layer.featureAdded.disconnect(self._on_added)
        layer.committedFeaturesAdded.disconnect(self._on_committed)
        form = layer.editFormConfig()
        form.setSuppress(self._suppress)
        layer.setEditFormConfig(form)
        if layer.isEditable():
            layer.commitChanges()
        self.layer = None

    def rows(self, chosen: Filter | None = None) -> list[Row]:
        """The landslides, in the order of their numbers; those of a filter if one is given."""
        rows = sorted(self._rows.values(), key=lambda row: (row.number, row.fid))
        return [row for row in rows if chosen is None or chosen.takes(row)]

    def row(self, fid: int) -> Row | None:
        """A landslide by its id in the file."""
        return self._rows.get(fid)

    def strangers(self) -> list[str]:
        """Words in the field that are no decisions."""
        return sorted({row.review for row in self._rows.values()} - {"", "open", *DECISIONS})

    def comment(self, fid: int) -> str:
        """The comment of a landslide."""
        return _text(self.layer.getFeature(fid)[COMMENT])

    def decide(self, fid: int, decision: str) -> bool:
        """Decide on a landslide; whether that is saved."""
        row = self._rows[fid]
        if decision == ACCEPTED and row.review in (EDITED, ADDED):
            decision = row.review  # accepted it is already, and how it came about is not to be lost
        return self._change(fid, {REVIEW: decision})

    def say(self, fid: int, comment: str) -> bool:
        """Write a comment; whether that is saved."""
        return self._change(fid, {COMMENT: comment})

    def measured(self, fid: int, values: dict) -> bool:
        """Write what the engine measured of a landslide; whether that is saved. It is undone with the stroke."""
        feature = self.layer.getFeature(fid)
        if not feature.isValid():
            return False
        fields = self.layer.fields()
        news = {}
        for name, value in values.items():
            if fields.lookupField(name) >= 0 and name not in (REVIEW, COMMENT):
                old = None if feature[name] == NULL else feature[name]
                if old != value and not (old is None and value in (None, "")):
                    news[name] = value
        with self._ours():
            for name, value in news.items():
                self.layer.changeAttributeValue(fid, fields.lookupField(name), value)
        return self._save()

    def undo(self) -> int | None:
        """Take the last step back; the landslide's id in the file, None if there is nothing to undo."""
        self._settle()
        if not self._done:
            return None
        before = self._done.pop()
        with self._ours():
            if before.created:
                self.layer.deleteFeature(before.fid)
            for name, value in before.attributes.items():
                self.layer.changeAttributeValue(before.fid, self.layer.fields().lookupField(name), value)
            if before.geometry is not None:
                self.layer.changeGeometry(before.fid, before.geometry)
        self._save()
        return before.fid

    def stale_now(self) -> list[int]:
        """Landslides that somebody drew and that nobody has measured since, as after a crash."""
        fids = [row.fid for row in self._rows.values() if row.review in (EDITED, ADDED)]
        stale = []
        for feature in self.layer.getFeatures(QgsFeatureRequest().setFilterFids(fids)):
            area, known = feature.geometry().area(), self._rows[feature.id()].area
            if self.layer.crs().isGeographic():
                continue  # its area in degrees says nothing
            if abs(area - known) > _SAME * area:
                stale.append(feature.id())
        return stale

    def _read(self) -> dict[int, Row]:
        request = QgsFeatureRequest().setFlags(NO_GEOMETRY)
        return {feature.id(): _row(feature) for feature in self.layer.getFeatures(request)}

    def _change(self, fid: int, values: dict) -> bool:
        self._settle()
        feature = self.layer.getFeature(fid)
        if not feature.isValid():
            return False
        self._done.append(_Before(fid, {name: feature[name] for name in values}))
        with self._ours():
            for name, value in values.items():
                self.layer.changeAttributeValue(fid, self.layer.fields().lookupField(name), value)
        return self._save()

    def _save(self) -> bool:
        """Write the edit buffer into the file, and stay in edit mode; whether that worked."""
        layer = self.layer
        with self._ours():
            if not layer.isEditable():
                layer.startEditing()
            fine = not layer.isModified() or layer.commitChanges(False)
        if not fine:
            errors = "; ".join(layer.commitErrors())
            self.problem.emit(
                tr("The decision is not saved ({}); free the file or the disk, and decide again.").format(errors)
            )
        self._rows = self._read()
        self.changed.emit()
        return fine

    @contextmanager
    def _ours(self):
        """What the layer says meanwhile is no stroke of the user's."""
        before, self._own = self._own, True
        try:
            yield
        finally:
            self._own = before

    def _on_geometry(self, fid: int, *_) -> None:
        if not self._own:
            self._touched[fid] = None
            QTimer.singleShot(0, self._settle)

    def _on_added(self, fid: int) -> None:
        if not self._own:
            self._drawn[fid] = None
            QTimer.singleShot(0, self._settle)

    def _on_committed(self, _, features) -> None:
        self._new = [feature.id() for feature in features]

    def _settle(self) -> None:
        """Take strokes of QGIS's own tools as decisions, and save them."""
        if self.layer is None or not (self._touched or self._drawn):
            return
        drawn = [fid for fid in self._drawn if self.layer.getFeature(fid).isValid()]
        touched = [fid for fid in self._touched if fid in self._rows]
        self._drawn.clear()
        self._touched.clear()
        self._new = []
        with self._ours():
            for fid in touched:
                self._take_redrawn(fid)
            for place, fid in enumerate(drawn):
                self._take_drawn(fid, place)
        if self._save():
            self._done += [_Before(fid, created=True) for fid in self._new]
            self.stale.emit([*touched, *self._new])

    def _take_redrawn(self, fid: int) -> None:
        old = next(self.layer.dataProvider().getFeatures(QgsFeatureRequest(fid)))
        keys = {self.layer.fields().at(index).name() for index in self.layer.primaryKeyAttributes()}
        attributes = {name: old[name] for name in old.fields().names() if name not in keys}
        self._done.append(_Before(fid, attributes, QgsGeometry(old.geometry())))
        decision = ADDED if self._rows[fid].review == ADDED else EDITED
        self.layer.changeAttributeValue(fid, self.layer.fields().lookupField(REVIEW), decision)

    def _take_drawn(self, fid: int, place: int) -> None:
        fields = self.layer.fields()
        number = max((row.number for row in self._rows.values()), default=0) + 1 + place
        for name, value in ((REVIEW, ADDED), ("id", number)):
            if fields.lookupField(name) >= 0:
                self.layer.changeAttributeValue(fid, fields.lookupField(name), value)


def _row(feature: QgsFeature) -> Row:
    names = feature.fields().names()
    number = feature["id"] if "id" in names else feature.id()
    return Row(
        fid=feature.id(),
        number=number if isinstance(number, int) else feature.id(),
        confidence=_text(feature["confidence"]),
        area=float(feature["area_m2"]) if isinstance(feature["area_m2"], (int, float)) else 0.0,
        review=_text(feature[REVIEW]).strip().lower() if REVIEW in names else "",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""Teach from labels: what somebody drew on a scene makes the maps of its event better."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)

from ..base import processing_errors
from ..enums import ADVANCED, FOLDER, INTEGER, POLYGONS
from ..errors import InputError
from ..layers import polygons_file
from ..model_parameters import add_bundle
from ..progress import Progress
from ..scene_algorithm import SceneAlgorithm
from ..scene_parameters import SceneReader, add_area, add_before, add_details, add_scene, add_terrain, advanced
from ..texts import tr

_LAYERS = {"LABELS": "labels", "BACKGROUND": "background", "LOOKED": "area"}
_NUMBERS = {
    "PRECISION": "Precision, on labelled ground not seen",
    "RECALL": "Recall, on labelled ground not seen",
    "F1": "F1, on labelled ground not seen",
    "BASE_F1": "F1 of the bundle that was taught, on the same ground",
}
_SCORES = {"PRECISION": "labels_precision", "RECALL": "labels_recall", "F1": "labels_f1", "BASE_F1": "labels_base_f1"}


class TeachFromLabels(SceneAlgorithm):
    """Runs the engine's teach."""

    NAME = "teachfromlabels"
    TITLE = "Teach from labels"
    SUMMARY = "Learns from polygons that were drawn on a scene, or from a reviewed inventory, to map the event better."
    TAGS = ("learn", "train", "labels", "review", "active learning")
    GROUP = "Prepare"
    HELP = """Learns from what somebody drew on a scene, and writes a bundle that maps this event better. Needs the \
package lightgbm in the engine's environment (extra teach).

<b>Labels</b> are polygons of landslides and of background: a field label, class, kind, type or landslide says which \
is which, or the background is a layer of its own. An inventory that was reviewed has a field review: accepted, \
edited, added or rejected. Twenty polygons of each kind are enough to start.

Best of all is <b>ground that was fully looked at</b>, a square of a kilometre or so: everything unmarked in it is \
background, and the shares are right.

With <b>earlier scenes</b>, what was there before and how it has changed is learned from too; the new bundle \
then needs an earlier scene to map.

The log says what was reached on labelled ground that lay apart from what was learned from. If that is no better than \
the bundle by itself, or the ground is too narrow to tell, nothing is written, unless <i>Write the bundle even if it \
is not shown to be better</i> is on.

Map the scene again with the new bundle: choose its folder as the bundle in Map landslides. The <b>suggested \
windows</b> are those whose labels would teach most."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        polygons = [POLYGONS]
        add_scene(self)
        add_terrain(self)
        add_before(self, tr("Earlier scenes, to learn what is new: raster layers or files"))
        source = QgsProcessingParameterFeatureSource
        self.addParameter(source("LABELS", tr("Labels: polygons, or a reviewed inventory"), polygons))
        self.addParameter(source("BACKGROUND", tr("Background, if it is a layer of its own"), polygons, optional=True))
        self.addParameter(source("LOOKED", tr("Ground that was fully looked at"), polygons, optional=True))
        add_bundle(self, tr("Bundle to teach: name of an installed one, or path"))
        number = QgsProcessingParameterNumber
        windows = tr("Windows to suggest for further labels")
        self.addParameter(number("SUGGEST", windows, INTEGER, 0, minValue=0))
        field = tr("Field that says what a polygon is, if several could")
        advanced(self, QgsProcessingParameterField("FIELD", field, None, "LABELS", optional=True))
        sun = tr("Sun's azimuth and elevation in degrees (165,31)")
        advanced(self, QgsProcessingParameterString("SUN", sun, optional=True))
        force = tr("Write the bundle even if it is not shown to be better")
        advanced(self, QgsProcessingParameterBoolean("FORCE", force, False))
        add_area(self)
        add_details(self)
        # A folder destination would make the folder, and whatever stands there is taken for somebody's.
        folder = QgsProcessingParameterFile("PARENT", tr("Folder in which the bundle is written"), FOLDER)
        self.addParameter(folder)
        self.addParameter(QgsProcessingParameterString("NAME", tr("Name of the taught bundle"), "taught"))
        suggestions = QgsProcessingParameterVectorDestination(
            "SUGGESTIONS",
            tr("Suggested windows"),
            POLYGONS,
            optional=True,
            createByDefault=False,
        )
        suggestions.setFlags(suggestions.flags() & ~ADVANCED)
        self.addParameter(suggestions)
        for name, text in _NUMBERS.items():
            self.addOutput(QgsProcessingOutputNumber(name, tr(text)))

    def check_more(self, parameters, context) -> dict:
        """Check what is not the scene's."""
        self._sun(parameters, context)
        SceneReader(self, parameters, context).before()
        if not self.parameterAsString(parameters, "NAME", context).strip():
            raise InputError(tr("The taught bundle has no name; give one, of letters and digits."))
        return {}

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files, those of earlier scenes too; in the main thread."""
        if not super().prepareAlgorithm(parameters, context, feedback):
            return False
        with processing_errors(feedback):
            self.request |= SceneReader(self, parameters, context).before()
        return True

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Teach."""
        name = self.parameterAsString(parameters, "NAME", context).strip()
        bundle = self.parameterAsString(parameters, "BUNDLE", context).strip()
        out = str(Path(self.parameterAsFile(parameters, "PARENT", context)) / name)
        request = {**self.request, **self.vectors(parameters, context, feedback), "bundle": bundle, "out": out}
        with processing_errors(feedback):
            for key, param in _LAYERS.items():
                if parameters.get(key) and (source := self.parameterAsSource(parameters, key, context)) is not None:
                    request[param] = polygons_file(source, attributes=True)
            if sun := self._sun(parameters, context):
                request["sun"] = sun
        if self.parameterAsBoolean(parameters, "FORCE", context):
            request["force"] = True
        if field := self.parameterAsString(parameters, "FIELD", context):
            request["field"] = field
        suggestions = self._suggestions(parameters, context)
        if suggestions:
            request["suggestions"] = suggestions
            request["suggest"] = self.parameterAsInt(parameters, "SUGGEST", context)
        with self.worker(feedback) as worker:
            answer = worker.request("teach", request, progress=Progress(feedback))
        scores = answer["scores"]
        found = {"OUTPUT": answer["bundle"], **{name: scores[score] for name, score in _SCORES.items()}}
        if suggestions:
            self.hand_over(context, "SUGGESTIONS", suggestions, {}, tr("Suggested windows"))
            found["SUGGESTIONS"] = suggestions
        return found

    def _suggestions(self, parameters, context) -> str:
        """The file for suggested windows; "" if none are wanted."""
        if not parameters.get("SUGGESTIONS") or not self.parameterAsInt(parameters, "SUGGEST", context):
            return ""
        return self.parameterAsOutputLayer(parameters, "SUGGESTIONS", context)

    def _sun(self, parameters, context) -> list:
        """Azimuth and elevation of the sun; nothing if they were not given."""
        text = self.parameterAsString(parameters, "SUN", context).strip()
        if not text:
            return []
        try:
            azimuth, elevation = (float(part) for part in text.split(","))
        except ValueError:
            raise InputError(
                tr("The sun is given as {!r}; expected its azimuth and elevation, for instance 165,31.").format(text)
            ) from None
        return [azimuth, elevation]

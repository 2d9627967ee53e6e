"""Search scenes: what an event file lacks, from a STAC API."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ..base import LandslideAlgorithm
from ..enums import FOLDER
from ..errors import InputError
from ..texts import tr


class SearchScenes(LandslideAlgorithm):
    """Runs the engine's search."""

    NAME = "searchscenes"
    TITLE = "Search scenes"
    SUMMARY = "Searches scenes before and after an event, and elevations, in a STAC API, and writes them into its file."
    TAGS = ("event", "search", "STAC", "download", "DEM", "earthquake", "rainfall")
    GROUP = "Prepare"
    HELP = """Asks a STAC API for Sentinel-2 scenes before and after the event of an <b>event file</b> and for \
elevations of its area, ranks the scenes by how much of the area they show clearly, and writes the choice into the \
file, where you can change it. The log shows what was looked at; * marks what was chosen.

The <b>API</b> is earth-search, which needs no account, planetary-computer, cdse, or an address; left empty, it is \
that of the event file. What the file has of scenes or elevations stays, unless you ask to replace it. With a \
<b>folder</b> the area's part of all that is chosen is copied there.

No signature, key or password is written into the file or shown."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        event = QgsProcessingParameterFile("EVENT", tr("Event file"))
        event.setFileFilter(tr("Event files (*.yaml *.yml)"))
        self.addParameter(event)
        self.addParameter(QgsProcessingParameterString("API", tr("STAC API"), optional=True))
        numbers = {
            "BEFORE_DAYS": (tr("Days before the event"), 1, 3660),
            "AFTER_DAYS": (tr("Days after the event"), 1, 3660),
            "CLOUD": (tr("Highest cloud cover of a scene (%)"), 0, 100),
        }
        for name, (text, least, most) in numbers.items():
            self.addParameter(QgsProcessingParameterNumber(name, text, optional=True, minValue=least, maxValue=most))
        self.addParameter(
            QgsProcessingParameterBoolean(
                "REPLACE", tr("Replace scenes and elevations of the file"), defaultValue=False
            )
        )
        self.addParameter(
            QgsProcessingParameterFile("FOLDER", tr("Folder to copy the area's part into"), FOLDER, optional=True)
        )
        for name, text in (
            ("BEFORE", tr("Scenes before")),
            ("AFTER", tr("Scenes after")),
            ("DEM", tr("Tiles of elevations")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def check(self, parameters, context):
        """Check that the event file is there."""
        path = self.parameterAsFile(parameters, "EVENT", context)
        if not Path(path).is_file():
            raise InputError(tr("The event file {} does not exist; choose one.").format(path))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Search, and show what was looked at."""
        request = {
            "event": self.parameterAsFile(parameters, "EVENT", context),
            "api": self.parameterAsString(parameters, "API", context).strip() or None,
            "download": self.parameterAsFile(parameters, "FOLDER", context) or None,
            "replace": self.parameterAsBoolean(parameters, "REPLACE", context),
        }
        for name in ("BEFORE_DAYS", "AFTER_DAYS", "CLOUD"):
            if parameters.get(name) is not None:
                request[name.lower()] = self.parameterAsInt(parameters, name, context)
        with self.worker(feedback) as worker:
            found = worker.request("event_search", request)
        for scene in found["scenes"]:
            mark = "*" if scene["chosen"] else " "
            feedback.pushInfo(
                f"{mark} {scene['side']:6} {scene['tile']} {scene['date']} {scene['clear']:4.0%} {scene['name']}"
            )
        chosen = [scene["side"] for scene in found["scenes"] if scene["chosen"]]
        return {"BEFORE": chosen.count("before"), "AFTER": chosen.count("after"), "DEM": len(found["dem"])}

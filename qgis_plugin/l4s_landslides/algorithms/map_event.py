"""Map an event: all scenes that an event file names, to one inventory."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputNumber,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ..base import LandslideAlgorithm
from ..errors import InputError
from ..results import finish, refresh_open
from ..scene_parameters import advanced
from ..texts import tr


class MapEvent(LandslideAlgorithm):
    """Runs the engine's mapping of events."""

    NAME = "mapevent"
    TITLE = "Map an event"
    SUMMARY = "Maps all scenes that an event file names, each tile and day once, and merges them to one inventory."
    TAGS = ("event", "earthquake", "rainfall", "merge", "tiles", "cluster", "Dask")
    GROUP = "Map"
    HELP = """Maps what an <b>event file</b> names. Scenes of a tile and a day become an inventory, and all of them \
one, in which nothing counts twice; it carries name, date and trigger of the event. Results lie in the folder that the \
file says, by default one of its name beside it.

What is done is not done again while files and options hold the same, so that a run which was cancelled goes on where \
it was, with the same parameters. A unit that fails stops no other; the log says why it failed.

Several <b>processes</b> map several units at once, where processors and memory allow. With the address or the file \
of a <b>Dask scheduler</b> the units are mapped on a cluster, whose machines must see the files under the same \
paths."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        event = QgsProcessingParameterFile("EVENT", tr("Event file"))
        event.setFileFilter(tr("Event files (*.yaml *.yml)"))
        self.addParameter(event)
        self.addParameter(QgsProcessingParameterBoolean("RETRY", tr("Try units again that failed"), defaultValue=False))
        processes = tr("Processes that map at once")
        self.addParameter(QgsProcessingParameterNumber("WORKERS", processes, defaultValue=1, minValue=1, maxValue=256))
        scheduler = tr("Scheduler of a Dask cluster (address or file)")
        advanced(self, QgsProcessingParameterString("SCHEDULER", scheduler, optional=True))
        self.addParameter(
            QgsProcessingParameterBoolean("LOAD", tr("Add the inventory to the project"), defaultValue=True)
        )
        page = QgsProcessingParameterFileDestination(
            "REPORT", tr("Report"), tr("HTML files (*.html)"), optional=True, createByDefault=False
        )
        self.addParameter(page)
        self.addOutput(QgsProcessingOutputVectorLayer("OUTPUT", tr("Inventory of the event")))
        for name, text in (
            ("COUNT", tr("Number of landslides")),
            ("MAPPED", tr("Units that are done")),
            ("FAILED", tr("Units that failed")),
        ):
            self.addOutput(QgsProcessingOutputNumber(name, text))

    def check(self, parameters, context):
        """Check that the event file is there, and that one of the ways to share the work is chosen."""
        path = self.parameterAsFile(parameters, "EVENT", context)
        if not Path(path).is_file():
            raise InputError(tr("The event file {} does not exist; choose one.").format(path))
        scheduler = self.parameterAsString(parameters, "SCHEDULER", context).strip()
        if scheduler and self.parameterAsInt(parameters, "WORKERS", context) > 1:
            raise InputError(tr("A cluster has processes of its own; give either a scheduler or more processes."))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Map the event, and have its inventory loaded."""
        page = self.parameterAsFileOutput(parameters, "REPORT", context) if parameters.get("REPORT") else ""
        request = {
            "event": self.parameterAsFile(parameters, "EVENT", context),
            "workers": self.parameterAsInt(parameters, "WORKERS", context),
            "scheduler": self.parameterAsString(parameters, "SCHEDULER", context).strip() or None,
            "retry": self.parameterAsBoolean(parameters, "RETRY", context),
            "report": page or None,
        }
        with self.worker(feedback) as worker:
            found = worker.request("event_run", request)
        states = [unit["state"] for unit in found["units"]]
        failed = len(states) - states.count("done")
        if not found["inventory"]:
            raise QgsProcessingException(tr("No unit could be mapped; the log says why."))
        if failed:
            feedback.pushWarning(tr("{} units failed; the log says why.").format(failed))
        self._written = found["inventory"]
        if self.parameterAsBoolean(parameters, "LOAD", context) and context.project() is not None:
            name = Path(self._written).stem
            details = QgsProcessingContext.LayerDetails(name, context.project(), "OUTPUT")
            context.addLayerToLoadOnCompletion(self._written, details)
            finish(context, self._written, {})
        results = {
            "OUTPUT": self._written,
            "COUNT": found["features"],
            "MAPPED": len(states) - failed,
            "FAILED": failed,
        }
        return {**results, "REPORT": page} if page else results

    def postProcessAlgorithm(self, context, feedback):  # noqa: N802
        """Show the inventory in a layer that shows an earlier one already, in the main thread."""
        refresh_open(context, [self._written], {})
        return {}

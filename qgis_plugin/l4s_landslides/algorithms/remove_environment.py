"""Remove environment: take away what Set up environment made."""

from __future__ import annotations

from qgis.core import QgsProcessingOutputNumber

from .. import managed
from ..base import LandslideAlgorithm, processing_errors
from ..texts import tr


class RemoveEnvironment(LandslideAlgorithm):
    """Removes the managed environment."""

    NAME = "removeenvironment"
    TITLE = "Remove environment"
    SUMMARY = "Removes the environment that Set up environment made, and frees its disk space."
    TAGS = ("environment", "engine", "uninstall", "delete", "disk")
    GROUP = "Prepare"
    NEEDS_ENGINE = False
    HELP = """Removes the environment that <i>Set up environment</i> made beside your QGIS profiles, for all of them, \
with its log. An interpreter that an option or the environment variable L4S_PYTHON names is left alone. Inventories \
and bundles stay; <i>Set up environment</i> makes the environment anew."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the output."""
        self.addOutput(QgsProcessingOutputNumber("REMOVED", tr("Folders and files removed")))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Remove it."""
        with processing_errors(feedback):
            gone = managed.remove()
        for path in gone:
            feedback.pushInfo(tr("Removed: {}").format(path))
        if not gone:
            feedback.pushInfo(tr("There is no environment to remove."))
        return {"REMOVED": len(gone)}

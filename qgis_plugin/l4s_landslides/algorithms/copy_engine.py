"""Copy the engine: the wheel that came with the plugin, for a set-up without the internet."""

from __future__ import annotations

import shutil
from pathlib import Path

from qgis.core import QgsProcessingOutputString, QgsProcessingParameterFile

from .. import managed
from ..base import LandslideAlgorithm, processing_errors
from ..enums import FOLDER
from ..errors import InputError
from ..texts import tr


class CopyEngine(LandslideAlgorithm):
    """Writes the engine's wheel into a folder, and says how to fill it."""

    NAME = "copyengine"
    TITLE = "Copy the engine"
    SUMMARY = "Copies the engine's wheel into a folder, the beginning of a set-up without the internet."
    TAGS = ("environment", "engine", "offline", "wheel", "pip", "internet")
    GROUP = "Prepare"
    NEEDS_ENGINE = False
    HELP = """The first step of a set-up on a computer without the internet. Copies the engine's wheel, which is part \
of the plugin, into a folder, and the log shows the command that fills the folder with the packages it needs. Run it \
on a computer with the internet, the same operating system and the same version of Python; bring the folder here, and \
give it to <i>Set up environment</i> as folder of wheels."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        self.addParameter(QgsProcessingParameterFile("FOLDER", tr("Folder to copy it into"), FOLDER))
        self.addOutput(QgsProcessingOutputString("WHEEL", tr("The engine's wheel")))
        self.addOutput(QgsProcessingOutputString("COMMAND", tr("Command that fills the folder")))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Copy it."""
        folder = Path(self.parameterAsString(parameters, "FOLDER", context))
        with processing_errors(feedback):
            wheel = managed.own_wheel()
            if wheel is None:
                raise InputError(
                    tr("This plugin came without the engine's wheel; take its full zip, or the package l4s-geo.")
                )
            try:
                copy = Path(shutil.copy(wheel, folder))
            except OSError as error:
                raise InputError(
                    tr("The wheel cannot be copied into {folder} ({error}); choose another folder.").format(
                        folder=folder, error=error
                    )
                ) from None
        command = f'python -m pip download --only-binary :all: --dest . "./{copy.name}[cpu]"'
        feedback.pushInfo(tr("In that folder, on a computer with the internet, run:"))
        feedback.pushCommandInfo(command)
        return {"WHEEL": str(copy), "COMMAND": command}

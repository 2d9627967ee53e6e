"""Set up environment: make an interpreter that has the engine, in the user's profile."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
)

from .. import managed, models
from ..base import LandslideAlgorithm, processing_errors
from ..engine import Engine, find
from ..enums import FOLDER
from ..scene_parameters import ANY_FILE, advanced
from ..texts import tr
from ..worker import Worker

_VARIANTS = ("cpu", "gpu")


class SetUpEnvironment(LandslideAlgorithm):
    """Makes a virtual environment and installs the engine into it with pip."""

    NAME = "setupenvironment"
    TITLE = "Set up environment"
    SUMMARY = "Installs the engine into an environment of its own, beside your QGIS profiles."
    TAGS = ("environment", "engine", "install", "pip", "venv", "GPU", "CUDA", "offline", "proxy")
    GROUP = "Prepare"
    NEEDS_ENGINE = False
    HELP = """Makes a Python environment beside your QGIS profiles, which share it, and installs the engine into it. \
QGIS itself is not touched. <i>Remove environment</i> takes it away again.

It needs Python 3.11 or newer and the internet: about 0.3 GB are downloaded, and 0.9 GB of disk are used. Without the \
internet, give a <b>folder of wheels</b>, which <i>Copy the engine</i> begins and <code>pip download</code> fills on \
another computer. The proxy of QGIS's network options is used.

<b>GPU</b> brings ONNX Runtime for CUDA, a download of some gigabytes, for machines with an NVIDIA GPU and its driver.

An environment that was set up before is replaced when the new one works. The log is kept beside it (setup.log)."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the parameters."""
        variants = [tr("CPU"), tr("NVIDIA GPU (CUDA)")]
        self.addParameter(QgsProcessingParameterEnum("VARIANT", tr("Run the networks on"), variants, defaultValue=0))
        self.addParameter(
            QgsProcessingParameterFile(
                "WHEELS",
                tr("Folder of wheels, to install without the internet"),
                FOLDER,
                optional=True,
            )
        )
        self.addParameter(
            QgsProcessingParameterBoolean("CLOUDS", tr("With cloud detection (s2cloudless)"), defaultValue=False)
        )
        advanced(
            self,
            QgsProcessingParameterFile(
                "BASE",
                tr("Python to start from, 3.11 or newer (empty: one that is found)"),
                optional=True,
                fileFilter=ANY_FILE,
            ),
        )
        self.addOutput(QgsProcessingOutputString("PYTHON", tr("Interpreter")))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Make the environment, check that it works, and only then use it."""
        extras = [_VARIANTS[self.parameterAsEnum(parameters, "VARIANT", context)]]
        if self.parameterAsBool(parameters, "CLOUDS", context):
            extras.append("clouds")
        wheels = self.parameterAsString(parameters, "WHEELS", context)
        with processing_errors(feedback):
            base = managed.base_python(self.parameterAsString(parameters, "BASE", context))
            with managed.new_environment(feedback) as environment:
                environment.create(base)
                environment.install(extras, wheels)
                feedback.setProgress(90)
                feedback.setProgressText(tr("Checking that the engine runs"))
                with Worker(Engine(environment.python, tr("the managed environment")), feedback) as worker:
                    facts = worker.request("environment", {})
                environment.keep()
            models.remember(facts["bundles"])
            feedback.pushInfo(tr("The engine {} is set up; it runs on: {}").format(facts["engine"], facts["device"]))
            if extras[0] == "gpu" and facts["cuda"]:
                feedback.pushWarning(facts["cuda"])
            _warn_if_overruled(environment.python, feedback)
        return {"PYTHON": environment.python}


def _warn_if_overruled(python: str, feedback: QgsProcessingFeedback) -> None:
    """Say if a setting names another interpreter, which goes before the managed one."""
    used = find()
    if used.python != python:
        feedback.pushWarning(
            tr("It is not used, since {origin} names {python}; {remedy}.").format(
                origin=used.origin, python=used.python, remedy=used.remedy
            )
        )

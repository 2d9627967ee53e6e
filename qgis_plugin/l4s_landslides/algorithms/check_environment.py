"""Check environment: what is installed, and which device would run."""

from __future__ import annotations

from html import escape
from pathlib import Path

from qgis.core import (
    QgsProcessingOutputString,
    QgsProcessingParameterFileDestination,
)

from .. import engine, models
from ..base import LandslideAlgorithm
from ..texts import tr


class CheckEnvironment(LandslideAlgorithm):
    """Asks the engine what it is."""

    NAME = "checkenvironment"
    TITLE = "Check environment"
    SUMMARY = "Says which engine runs, on which device, and which bundles are installed."
    TAGS = ("environment", "engine", "GPU", "CUDA", "bundle", "model", "Python")
    GROUP = "Check"
    HELP = """Says which interpreter the engine runs in and where that was set, which versions are installed, whether \
an NVIDIA GPU is used or why not, and which bundles (models) there are."""

    def initAlgorithm(self, configuration=None):  # noqa: N802
        """Declare the outputs."""
        self.addParameter(
            QgsProcessingParameterFileDestination(
                "OUTPUT", tr("Report"), "HTML (*.html)", optional=True, createByDefault=True
            )
        )
        for name, text in (
            ("PYTHON", tr("Interpreter")),
            ("ENGINE", tr("Version of the engine")),
            ("DEVICE", tr("Device")),
            ("BUNDLES", tr("Bundles")),
        ):
            self.addOutput(QgsProcessingOutputString(name, text))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Ask, and tell."""
        with self.worker(feedback) as worker:
            facts = worker.request("environment", {})
        models.remember(facts["bundles"])
        rows = [
            (tr("Interpreter"), f"{facts['executable']} ({engine.find().origin})"),
            (tr("Engine"), f"l4s-geo {facts['engine']}, Python {facts['python']}"),
            (tr("Packages"), ", ".join(f"{name} {number}" for name, number in facts["packages"].items())),
            (tr("Device"), f"{facts['device']} ({facts['runtime']})"),
        ]
        if facts["cuda"]:
            rows.append((tr("No GPU"), facts["cuda"]))
        for bundle in facts["bundles"]:
            bands = ", ".join(bundle["bands"])
            text = tr("{description} Bands: {bands}; threshold {threshold:g}").format(
                description=bundle["description"], bands=bands, threshold=bundle["threshold"]
            )
            text += " " + models.card(bundle["name"])
            rows.append((tr("Bundle {}").format(bundle["name"]), text))
        for name, text in rows:
            feedback.pushInfo(f"{name}: {text}")
        names = [bundle["name"] for bundle in facts["bundles"]]
        results = {
            "PYTHON": facts["executable"],
            "ENGINE": facts["engine"],
            "DEVICE": facts["device"],
            "BUNDLES": ",".join(names),
        }
        if report := self.parameterAsFileOutput(parameters, "OUTPUT", context):
            table = "".join(f"<tr><th align='left'>{escape(n)}</th><td>{escape(t)}</td></tr>\n" for n, t in rows)
            Path(report).write_text(f"<meta charset='utf-8'><table>\n{table}</table>\n", encoding="utf-8")
            results["OUTPUT"] = report
        return results

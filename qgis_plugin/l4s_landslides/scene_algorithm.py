"""What the algorithms that take one scene share."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from qgis.core import QgsProcessingFeedback

from . import engine, notice
from .base import LandslideAlgorithm, processing_errors
from .errors import EngineError, InputError
from .outputs import check_apart, output_path
from .scene_parameters import SceneReader
from .texts import tr
from .wording import sentence
from .worker import Worker

_LAYERS = ("INPUT", "DEM", "SLOPE", "MASK", "AOI")
_OUTPUTS = ("OUTPUT", "PROBABILITY", "SPREAD", "CHANGE")
_CHECK_S = 10.0
_BUDGET_S = 5.0


class SceneAlgorithm(LandslideAlgorithm):
    """An algorithm that takes one scene and what belongs to it."""

    def check(self, parameters, context) -> None:
        """Check the layers in QGIS, and then have the engine open the files."""
        reader = SceneReader(self, parameters, context)
        scene, layer = reader.scene()
        request = {"scene": scene, **reader.layers(), **reader.options(), **self.check_more(parameters, context)}
        reader.check_area(layer)
        check_apart(
            (output_path(parameters.get(name), context) for name in _OUTPUTS),
            (self.parameterAsLayer(parameters, name, context) for name in _LAYERS if parameters.get(name)),
        )
        request.pop("mask", None)
        if "://" not in str(scene):
            _checks.ask(request)

    def check_more(self, parameters, context) -> dict:
        """Check what else there is, and return what the engine is to know for its check."""
        return {}

    def prepareAlgorithm(self, parameters, context, feedback):  # noqa: N802
        """Turn layers into files; in the main thread, where the project's layers live."""
        with processing_errors(feedback):
            reader = SceneReader(self, parameters, context)
            self.scene = reader.scene()[0]
            self.request = {"scene": self.scene, **reader.layers(), **reader.options()}
        return True

    def vectors(self, parameters, context, feedback) -> dict:
        """Write the vector parameters to files."""
        with processing_errors(feedback):
            return SceneReader(self, parameters, context).vectors()


class _Checks:
    """Asks the engine whether it can use what was given, without making a batch of many rows wait."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[str, str]] = {}
        self._spent = 0.0
        self._since = monotonic()

    def ask(self, request: dict) -> None:
        """Have the engine open the inputs.

        Raises:
            InputError: the engine cannot use them.
            EngineMissingError: there is no engine.
        """
        scene = request["scene"]
        files = list(scene.values()) if isinstance(scene, dict) else [scene]
        key = f"{sorted(request.items())}{[_stamp(path) for path in (*files, *request.get('dem', []))]}"
        if key not in self._answers:
            now = monotonic()
            if now - self._since > 60:
                self._since, self._spent = now, 0.0
            if self._spent > _BUDGET_S:
                return  # checking a batch, row by row: the run itself will say
            self._answers[key] = self._answer(request)
            self._spent += monotonic() - now
        mistake, doubt = self._answers[key]
        if mistake:
            raise InputError(mistake)
        if doubt:
            question = tr("{doubt}. Go on all the same?").format(doubt=doubt[0].upper() + doubt[1:])
            if not notice.agreed(question):
                raise InputError(tr("{doubt}; correct it, or answer that it is right.").format(doubt=doubt))
            self._answers[key] = "", ""

    @staticmethod
    def _answer(request: dict) -> tuple[str, str]:
        """Ask; return what is wrong, and what is doubtful."""
        try:
            with Worker(engine.find(), QgsProcessingFeedback(False)) as worker:
                found = worker.request("check", request, timeout_s=_CHECK_S)
        except EngineError as error:
            # What is no user's mistake is the run's to report.
            return (str(error) if error.kind not in ("Timeout", "Crash", "Bug", "ProtocolError") else ""), ""
        doubts = [sentence(parts) for parts in found.get("doubts") or []]
        return "", doubts[0] if doubts else ""


def _stamp(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


_checks = _Checks()

"""QGIS with the plugin, the engine, and scenes; all of it skips where QGIS cannot be imported.

Run by the interpreter that QGIS uses, from a virtual environment that sees its packages and has pytest-qgis:

    /usr/bin/python3 -m venv --system-site-packages .venv-qgis && .venv-qgis/bin/pip install pytest pytest-qgis
    QT_QPA_PLATFORM=offscreen .venv-qgis/bin/pytest qgis_plugin/tests

L4S_PYTHON names the engine's interpreter; by default it is that of .venv.
"""

from __future__ import annotations

import gc
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "sample_scenes"
PROVIDER = "landslide4sense"

try:
    import qgis.core
except ImportError:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header() -> str:
    """Name the versions that surprises come from."""
    if "qgis.core" not in sys.modules:
        return "QGIS cannot be imported by this interpreter: its tests are left out"
    return f"QGIS {qgis.core.Qgis.QGIS_VERSION}, engine {engine_python() or '(none)'}"


def engine_python() -> str:
    """The interpreter that has the engine, or ""."""
    given = os.environ.get("L4S_PYTHON", "")
    own = REPOSITORY / ".venv" / "bin" / "python"
    return given or (str(own) if own.exists() else "")


_ENGINE = engine_python()


@pytest.fixture(scope="session")
def engine() -> str:
    """The interpreter that has the engine."""
    if not _ENGINE:
        pytest.skip("the engine is not installed: set L4S_PYTHON, or install the project into .venv")
    return _ENGINE


@pytest.fixture(scope="session")
def plugin(qgis_app, qgis_processing):
    """The plugin, with its provider registered."""
    from l4s_landslides.plugin import LandslidesPlugin

    loaded = LandslidesPlugin(None)
    loaded.initProcessing()
    yield loaded
    loaded.unload()


@pytest.fixture(autouse=True)
def fresh(plugin, qgis_new_project, monkeypatch, tmp_path):
    """Give each test an empty project, and the engine by the environment variable.

    QGIS never lets go of an exception that leaves `processAlgorithm`, whose traceback holds the frames of its callers
    and what these hold. A layer among it would be deleted when the interpreter ends, after QGIS, and end the process
    with a segmentation fault: what a test leaves of its layers is deleted after it.
    """
    from l4s_landslides import engine, scene_algorithm
    from qgis.core import QgsMapLayer, QgsSettings
    from qgis.PyQt import sip

    QgsSettings().remove(f"Processing/Configuration/{engine.SETTING}")
    monkeypatch.setattr(engine, "managed_folder", lambda: tmp_path / "profile" / "l4s_landslides")
    monkeypatch.setattr("l4s_landslides.managed.managed_folder", lambda: tmp_path / "profile" / "l4s_landslides")
    monkeypatch.setattr(scene_algorithm, "_checks", scene_algorithm._Checks())
    monkeypatch.setattr(scene_algorithm, "_CHECK_S", 120.0)  # a busy machine takes longer to start the engine
    monkeypatch.setenv("L4S_PYTHON", _ENGINE)
    yield
    gc.collect()
    for layer in [found for found in gc.get_objects() if isinstance(found, QgsMapLayer)]:
        if sip.ispyowned(layer) and not sip.isdeleted(layer):
            sip.delete(layer)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A copy of the sample scene in a folder whose name has a space and an umlaut; QGIS writes beside what it opens."""
    folder = tmp_path / "Täler und Höhen"
    folder.mkdir()
    for name in ("valley.tif", "valley_dem.tif", "valley_reference.gpkg"):
        shutil.copy(SAMPLES / name, folder)
    return folder


@pytest.fixture
def algorithm(plugin):
    """Return a function that makes an algorithm of the provider."""
    from qgis.core import QgsApplication

    def make(name: str):
        return QgsApplication.processingRegistry().createAlgorithmById(f"{PROVIDER}:{name}")

    return make


@pytest.fixture
def problem(algorithm):
    """Return a function that tells why parameters are not accepted; "" if they are."""
    from qgis.core import QgsProcessingContext, QgsProject

    def check(name: str, **parameters) -> str:
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        outputs = {"OUTPUT": "TEMPORARY_OUTPUT"} if name != "mapfolder" else {"OUTPUT_FOLDER": "TEMPORARY_OUTPUT"}
        fine, message = algorithm(name).checkParameterValues({**outputs, **parameters}, context)
        assert fine != bool(message)
        return message

    return check


class Feedback:
    """What a run told."""

    def __init__(self) -> None:
        from qgis.core import QgsProcessingFeedback

        class Recorder(QgsProcessingFeedback):
            def pushInfo(self, text):  # noqa: N802
                lines.append(text)

            def pushDebugInfo(self, text):  # noqa: N802
                lines.append(text)

            def pushConsoleInfo(self, text):  # noqa: N802
                lines.append(text)

            def pushWarning(self, text):  # noqa: N802
                lines.append(text)

            def setProgressText(self, text):  # noqa: N802
                lines.append(text)

            def reportError(self, text, fatal=False):  # noqa: N802
                lines.append(text)

        lines: list[str] = []
        self.lines = lines
        self.qgis = Recorder(False)

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)


@pytest.fixture
def feedback() -> Feedback:
    """A feedback that remembers."""
    return Feedback()


@pytest.fixture
def run(plugin, feedback):
    """Return a function that runs an algorithm as Python users do."""
    import processing

    def go(name: str, **parameters) -> dict:
        return processing.run(f"{PROVIDER}:{name}", parameters, feedback=feedback.qgis)

    return go


@pytest.fixture
def memory_polygons():
    """Return a function that adds a layer of rectangles (west, south, east, north) that exists in memory only."""
    from qgis.core import QgsFeature, QgsGeometry, QgsProject, QgsRectangle, QgsVectorLayer

    def make(*rectangles: tuple[float, float, float, float]) -> QgsVectorLayer:
        layer = QgsVectorLayer("Polygon?crs=EPSG:32645&field=name:string", "area", "memory")
        for rectangle in rectangles:
            feature = QgsFeature(layer.fields())
            feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(*rectangle)))
            layer.dataProvider().addFeature(feature)
        layer.updateExtents()
        QgsProject.instance().addMapLayer(layer)
        return layer

    return make


@pytest.fixture
def fake_engine(tmp_path: Path, monkeypatch):
    """Return a function that makes a program stand in for the engine's interpreter."""

    def make(code: str) -> Path:
        path = tmp_path / "fake python"
        path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{code}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("L4S_PYTHON", str(path))
        return path

    return make

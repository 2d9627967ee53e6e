"""Runs what of the plugin needs Qt and no QGIS, under Qt 6: a program for `test_qt6`.

QGIS 4 hands Qt 6 to plugins as qgis.PyQt, as here; of qgis.core there is what these modules use, and any other name is
a class that knows any attribute. Prints what it found, as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType

from PyQt6 import QtCore, QtGui, QtWidgets

PLUGIN = Path(__file__).resolve().parents[2] / "qgis_plugin" / "l4s_landslides"


class _AnyAttribute(type):
    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _AnyAttribute(name, (), {})

    def __call__(cls, *given: object, **named: object) -> object:
        # What a stand-in is called for is a stand-in; a class of the plugin that inherits one is made as usual.
        return (
            super().__call__(*given, **named) if "l4s_landslides" in cls.__module__ else _AnyAttribute("made", (), {})
        )


class _Settings(QtCore.QSettings):
    def __init__(self) -> None:
        super().__init__(str(Path(os.environ["HOME"]) / "qgis.ini"), QtCore.QSettings.Format.IniFormat)


class _Application(metaclass=_AnyAttribute):
    @staticmethod
    def qgisSettingsDirPath() -> str:  # noqa: N802
        return os.environ["HOME"]


class _Feedback:
    def __init__(self, *_: object) -> None:
        self.lines: list[str] = []

    def isCanceled(self) -> bool:  # noqa: N802
        return False

    def pushInfo(self, text: str) -> None:  # noqa: N802
        self.lines.append(text)

    pushDebugInfo = pushConsoleInfo = setProgressText = pushInfo  # noqa: N815

    def setProgress(self, percent: float) -> None:  # noqa: N802
        self.lines.append(str(percent))


class _Stand(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _AnyAttribute(name, (), {})
        setattr(self, name, made)
        return made


def _pose_as_qgis() -> None:
    """Register modules under the names that QGIS gives them."""
    for name in ("qgis", "qgis.core", "qgis.gui", "qgis.utils", "processing", "processing.core"):
        sys.modules[name] = _Stand(name)
    for name in ("processing.core.ProcessingConfig", "processing.gui", "processing.gui.wrappers"):
        sys.modules[name] = _Stand(name)
    qt = ModuleType("qgis.PyQt")
    for name, module in (("QtCore", QtCore), ("QtGui", QtGui), ("QtWidgets", QtWidgets)):
        setattr(qt, name, module)
        sys.modules[f"qgis.PyQt.{name}"] = module
    QtWidgets.QAction = QtGui.QAction  # as QGIS's own module has it, where Qt 5 had it
    sys.modules["qgis.PyQt"] = qt
    core = sys.modules["qgis.core"]
    core.QgsSettings, core.QgsProcessingFeedback = _Settings, _Feedback
    core.QgsApplication = _Application
    sys.modules["qgis"].core = core


def main() -> None:
    """Import every module, drive the engine, open a dialog."""
    _pose_as_qgis()
    sys.path.insert(0, str(PLUGIN.parent))
    application = QtWidgets.QApplication([])
    names = [path.relative_to(PLUGIN.parent).with_suffix("") for path in sorted(PLUGIN.rglob("*.py"))]
    modules = [".".join(name.parts).removesuffix(".__init__") for name in names]
    for module in modules:
        importlib.import_module(module)

    from l4s_landslides import managed, notice
    from l4s_landslides.engine import Engine
    from l4s_landslides.live import LiveEngine
    from l4s_landslides.worker import Worker

    feedback = _Feedback()
    with Worker(Engine(sys.executable, "the test"), feedback) as worker:
        facts = worker.request("environment", {})
        was_running = worker.running()
    live, answers = LiveEngine(), []
    live.failed.connect(answers.append)
    live.ask("facts", "environment", {}, lambda answer: answers.append(answer["engine"]))
    deadline = time.monotonic() + 60
    while not answers and time.monotonic() < deadline:
        application.processEvents()
        time.sleep(0.01)
    live.stop()
    dialog = notice.Notice("The engine is not set up yet.")
    button = dialog.findChild(QtWidgets.QPushButton, "setup")
    QtCore.QTimer.singleShot(0, button.click)
    found = {
        "modules": modules,
        "engine": facts["engine"],
        "was_running": was_running,
        "live": answers,
        "ended": not worker.running(),
        "base": managed.base_python(sys.executable),
        "accepted": dialog.exec() == QtWidgets.QDialog.DialogCode.Accepted.value,
    }
    print(json.dumps(found))
    del application


if __name__ == "__main__":
    main()

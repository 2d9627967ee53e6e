"""The plugin under Qt 6, which QGIS 4 is built with, without QGIS."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from functools import reduce
from importlib.metadata import version
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN = REPOSITORY / "qgis_plugin"
SOURCES = sorted(path for path in PLUGIN.rglob("*.py") if "/.venv" not in str(path))
_CLASSES = {"QgsProcessingContext.LayerDetails", "QgsVectorFileWriter.SaveVectorOptions"}
_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]+$")


def members(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the names like QProcess.NotRunning in a module, the longest, with their lines."""
    inner: set[ast.AST] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts, inside = [], node
        while isinstance(inside, ast.Attribute):
            parts.append(inside.attr)
            inside = inside.value
            inner.add(inside)
        if node not in inner and isinstance(inside, ast.Name) and re.match(r"Q(t$|[A-Za-z]*[a-z])", inside.id):
            yield node.lineno, ".".join([inside.id, *reversed(parts)])


def unscoped(name: str) -> bool:
    """Whether a name is that of an enumeration's member without its enumeration."""
    parts = name.split(".")
    is_member = len(parts) == 2 and parts[1][0].isupper() and not _CONSTANT.match(parts[1])
    return is_member and name not in _CLASSES


def test_enumerations_are_named(tmp_path):
    found = [
        f"{path.relative_to(PLUGIN)}:{line} {name}"
        for path in SOURCES
        for line, name in members(path)
        if unscoped(name)
    ]
    assert found == []
    for text, expected in (
        ("x = QProcess.NotRunning", ["QProcess.NotRunning"]),
        ("f(Qt.AlignLeft | 1)", ["Qt.AlignLeft"]),
        ("Qt.AlignmentFlag.AlignLeft; QProcess.start; QgsProcessing.TEMPORARY_OUTPUT", []),
    ):
        path = tmp_path / "some.py"
        path.write_text(text)
        assert [name for _, name in members(path) if unscoped(name)] == expected


def test_qt_6_has_every_name_that_is_used():
    pytest.importorskip("PyQt6", reason="PyQt6 is not installed (extra dev)")
    from PyQt6 import QtCore, QtGui, QtWidgets

    for path in SOURCES:
        for line, name in members(path):
            first, *rest = name.split(".")
            owner = next((m for m in (QtCore, QtGui, QtWidgets) if hasattr(m, first)), None)
            if owner is not None and rest and rest[0][0].isupper():
                assert reduce(getattr, [first, *rest], owner) is not None, f"{path}:{line} {name}"


def test_no_module_uses_what_qt_6_or_qgis_4_has_not():
    gone = r"\bQVariant\b|\.exec_\(|\bQRegExp\b|\bQDesktopWidget\b|from PyQt5|\bQgsMapLayerType\b|\bQgsWkbTypes\.[A-Z]"
    found = [path for path in SOURCES if re.search(gone, path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_plugin_says_that_it_runs_in_qgis_4():
    metadata = ConfigParser()
    metadata.read_string((PLUGIN / "l4s_landslides" / "metadata.txt").read_text(encoding="utf-8"))
    assert metadata["general"]["qgisMinimumVersion"] == "3.22"
    assert metadata["general"]["qgisMaximumVersion"] == "4.99"


def test_the_modules_work_under_qt_6(tmp_path):
    pytest.importorskip("PyQt6", reason="PyQt6 is not installed (extra dev)")
    variables = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    variables["L4S_PYTHON"] = sys.executable
    program = Path(__file__).with_name("under_qt6.py")
    done = subprocess.run([sys.executable, str(program)], env=variables, capture_output=True, text=True, check=False)
    if "libEGL" in done.stderr or "libGL" in done.stderr:
        pytest.skip("Qt 6 lacks a library of the system: " + done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["modules"]) > 25
    assert found["engine"] == version("l4s-geo")
    assert found["was_running"]
    assert found["live"] == [found["engine"]]
    assert found["ended"]
    assert found["accepted"]
    assert found["base"] == sys.executable

"""The provider and what it offers."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsProcessingParameterDefinition

PLUGIN = Path(__file__).parents[1] / "l4s_landslides"
NAMES = {
    *("maplandslides", "mapfolder", "buildstack", "teachfromlabels", "comparereference", "makereport"),
    *("searchscenes", "exportcatalogue", "makeinventory", "measureagain"),
    *("checkenvironment", "setupenvironment"),
}


def test_provider_has_its_algorithms():
    provider = QgsApplication.processingRegistry().providerById("landslide4sense")

    assert provider.name() == "Landslide4Sense"
    assert {a.name() for a in provider.algorithms()} == NAMES
    assert not provider.icon().isNull()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_algorithms_explain_themselves(algorithm, name):
    alg = algorithm(name)

    assert alg.displayName()
    assert len(alg.shortHelpString()) > 150
    assert alg.shortDescription().endswith(".")
    assert "landslide" in alg.tags()
    assert all(p.description() for p in alg.parameterDefinitions())
    assert not alg.icon().isNull()
    assert alg.canExecute()[0]


def test_options_are_folded_under_advanced(algorithm):
    alg = algorithm("maplandslides")
    shown = {
        p.name() for p in alg.parameterDefinitions() if not p.flags() & QgsProcessingParameterDefinition.FlagAdvanced
    }
    assert shown == {
        *("INPUT", "FILE", "DEM", "EXTENT", "AOI", "BUNDLE", "THRESHOLD", "MIN_AREA", "DEVICE"),
        *("OUTPUT", "PROBABILITY", "BEFORE", "BEFORE_FILE", "CHANGE", "REPORT"),
    }


def test_the_plugin_imports_only_qgis_and_the_standard_library():
    allowed = {"qgis", "processing", *sys.stdlib_module_names}
    for path in PLUGIN.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            assert {name.split(".")[0] for name in names} <= allowed, path


def test_the_plugin_runs_on_the_python_of_old_windows_builds():
    """QGIS 3.22 for Windows comes with Python 3.9."""
    for path in PLUGIN.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_unload_takes_everything_back(qgis_app):
    from l4s_landslides.plugin import LandslidesPlugin

    registry = QgsApplication.processingRegistry()
    second = LandslidesPlugin(None)
    second.unload()
    assert registry.providerById("landslide4sense") is not None

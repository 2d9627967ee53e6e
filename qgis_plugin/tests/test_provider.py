"""The provider and what it offers."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from l4s_landslides.enums import ADVANCED
from qgis.core import QgsApplication

PLUGIN = Path(__file__).parents[1] / "l4s_landslides"
NAMES = {
    *("maplandslides", "mapfolder", "buildstack", "teachfromlabels", "comparereference", "makereport"),
    *("mapevent", "searchscenes", "exportcatalogue", "makeinventory", "measureagain"),
    *("checkenvironment", "setupenvironment", "removeenvironment", "copyengine"),
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


def test_the_toolbox_has_groups(algorithm):
    groups = {}
    for name in sorted(NAMES):
        made = algorithm(name)
        groups.setdefault((made.groupId(), made.group()), set()).add(name)
    assert groups[("map", "Map")] == {"maplandslides", "mapfolder", "mapevent", "makeinventory"}
    assert set(groups) == {("map", "Map"), ("prepare", "Prepare"), ("check", "Check")}
    assert {"comparereference", "makereport"} < groups[("check", "Check")]


def test_menu_and_toolbar_have_all_algorithms_and_panels(qgis_iface, monkeypatch, plugin):
    from l4s_landslides import plugin as module
    from qgis.PyQt.QtWidgets import QMainWindow

    window, added, opened = QMainWindow(), [], []
    monkeypatch.setattr(qgis_iface, "mainWindow", lambda: window, raising=False)
    monkeypatch.setattr(qgis_iface, "addPluginToMenu", lambda menu, action: added.append(action), raising=False)
    for name in ("removePluginMenu", "removeToolBarIcon"):
        monkeypatch.setattr(qgis_iface, name, lambda *_: None, raising=False)
    monkeypatch.setattr(qgis_iface, "addToolBarWidget", lambda button: button, raising=False)
    monkeypatch.setattr(module, "_open", opened.append)
    docks, tools = [], []
    monkeypatch.setattr(qgis_iface, "addDockWidget", lambda area, dock: docks.append(dock.windowTitle()), raising=False)
    monkeypatch.setattr(qgis_iface, "removeDockWidget", lambda dock: docks.remove(dock.windowTitle()), raising=False)
    monkeypatch.setattr(qgis_iface.mapCanvas(), "setMapTool", tools.append, raising=False)
    monkeypatch.setattr(module.LandslidesPlugin, "initProcessing", lambda self: setattr(self, "_provider", provider))
    provider = QgsApplication.processingRegistry().providerById("landslide4sense")
    loaded = module.LandslidesPlugin(qgis_iface)
    loaded.initGui()
    assert loaded._button.menu().actions() == added
    first, *panels = [action.text() for action in added[:4]]
    assert first == "Load sample scene"
    assert panels == ["Review inventory", "Threshold by eye", "Draw the area of interest"]
    for action in added[1:-1]:
        action.trigger()
    assert sorted(opened) == sorted(NAMES)
    assert docks == panels[:2]
    assert len(tools) == 1
    loaded._provider = None
    loaded.unload()
    assert loaded._actions == docks == []


def test_the_sample_scene_is_ready_at_once(qgis_iface, monkeypatch, problem):
    import processing
    from l4s_landslides import sample
    from qgis.core import QgsCoordinateReferenceSystem, QgsProject
    from qgis.gui import QgsMapCanvas

    canvas, opened = QgsMapCanvas(), []
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32645"))
    monkeypatch.setattr(qgis_iface, "mapCanvas", lambda: canvas, raising=False)
    monkeypatch.setattr(processing, "execAlgorithmDialog", lambda *given: opened.append(given), raising=False)
    sample.load(qgis_iface)
    ((name, parameters),) = opened
    assert name == "landslide4sense:maplandslides"
    assert problem("maplandslides", **parameters) == ""
    scene = QgsProject.instance().mapLayer(parameters["INPUT"])
    renderer = scene.renderer()
    assert [scene.bandName(renderer.redBand()), scene.bandName(renderer.blueBand())] == ["Band 04: B4", "Band 02: B2"]
    assert canvas.extent().intersects(scene.extent())


def test_options_are_folded_under_advanced(algorithm):
    alg = algorithm("maplandslides")
    shown = {p.name() for p in alg.parameterDefinitions() if not p.flags() & ADVANCED}
    assert shown == {
        *("INPUT", "BAND_LAYERS", "SCENE_FOLDER", "FILE", "DEM", "EXTENT", "AOI"),
        *("BUNDLE", "THRESHOLD", "MIN_AREA", "DEVICE"),
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

"""Commands, functions and the plugin do the same where nothing else is asked."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner

from l4s_geo import defaults, pipeline
from l4s_geo.cli.evaluate import main as evaluate
from l4s_geo.cli.info import main as info
from l4s_geo.cli.map import main as l4s_map
from l4s_geo.cli.stack import main as stack
from l4s_geo.evaluation.evaluate import Settings
from l4s_geo.inference.devices import DEVICES
from l4s_geo.inference.runtime import load_bundle
from l4s_geo.pipeline import map_scene
from l4s_geo.stack.open import Inputs

PLUGIN = Path(__file__).resolve().parents[2] / "qgis_plugin" / "l4s_landslides"
COMPARISON = {"match_iou", "match_share"}
ENGINE = {name.lower(): getattr(defaults, name) for name in defaults.__all__}


def defaults_of(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def literals(name: str) -> list[str]:
    """What a parameter of `map_scene` may be, as a command writes it."""
    annotation = eval(map_scene.__annotations__[name], vars(pipeline))
    parts = [part for choice in get_args(annotation) for part in (get_args(choice) or (choice,))]
    return [str(part) for part in parts if part is not type(None)]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a command passes to `map_scene`."""
    passed: dict[str, Any] = {}
    monkeypatch.setattr(pipeline, "map_scene", lambda *scene, **options: passed.update(options))
    return passed


def test_python_has_the_defaults() -> None:
    found = defaults_of(map_scene)
    given = {name: value for name, value in found.items() if value is not None and value is not False}
    nothing_said = {"event": "", "event_date": "", "trigger": ""}
    assert given == {name: value for name, value in ENGINE.items() if name not in COMPARISON} | nothing_said


def test_a_comparison_has_the_defaults() -> None:
    settings = Settings()
    assert (settings.iou, settings.share) == (ENGINE["match_iou"], ENGINE["match_share"])
    options = {option.name: option.default for option in evaluate.params}
    assert {name: options[name] for name in ("iou", "share", "min_area")} == {
        "iou": settings.iou,
        "share": settings.share,
        "min_area": settings.min_area,
    }


@pytest.mark.parametrize("function", [Inputs, load_bundle])
def test_other_functions_have_the_same_defaults(function: Any) -> None:
    names = {"name_or_path": "bundle"}
    mapped = defaults_of(map_scene)
    found = {names.get(name, name): value for name, value in defaults_of(function).items()}
    assert found == {name: mapped[name] for name in found}


def test_the_command_does_what_python_does(called: dict[str, Any]) -> None:
    result = CliRunner().invoke(l4s_map, ["scene.tif", "--out", "i.gpkg"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (called.pop("scene"), called.pop("out")) == ("scene.tif", "i.gpkg")
    del called["reporter"]
    expected = defaults_of(map_scene)
    assert called == {name: expected[name] for name in called}
    assert expected.keys() - called.keys() == {"out", "reporter", "mask_classes"}


@pytest.mark.parametrize("command", [info, stack], ids=["info", "stack"])
def test_other_commands_describe_a_scene_alike(command: click.Command, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Inputs] = []

    def take(inputs: Inputs, *rest: Any, **more: Any) -> None:
        given.append(inputs)
        raise click.Abort

    monkeypatch.setattr("l4s_geo.stack.open.open_stack", take)
    monkeypatch.setattr("l4s_geo.stack.write.write_stack", take)
    out = [] if command is info else ["--out", "stack.tif"]
    CliRunner().invoke(command, ["scene.tif", *out])
    assert [dataclasses.asdict(inputs) for inputs in given] == [dataclasses.asdict(Inputs("scene.tif"))]


CHOICES = [option for option in l4s_map.params if isinstance(option.type, click.Choice)]


@pytest.mark.parametrize("option", CHOICES, ids=lambda option: option.name)
def test_the_command_offers_what_python_takes(option: Any) -> None:
    assert sorted(option.type.choices) == sorted(literals(option.name or ""))


def test_the_help_names_the_mask_classes() -> None:
    text = CliRunner().invoke(l4s_map, ["--help"]).output
    assert ",".join(str(number) for number in defaults.MASK_CLASSES) in text


def constants(module: str) -> dict[str, Any]:
    """Values of a plugin's module, which only QGIS can import."""
    tree = ast.parse((PLUGIN / f"{module}.py").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def test_the_plugin_has_the_same_defaults() -> None:
    found = constants("defaults")
    assert found == {name: getattr(defaults, name) for name in found}
    left_to_the_engine = {"MASK_CLASSES"}
    assert found.keys() == set(defaults.__all__) - left_to_the_engine


def test_the_plugin_offers_what_python_takes() -> None:
    model, scene = constants("model_parameters"), constants("scene_parameters")
    assert sorted(model["VIEWS"]) == sorted(literals("tta"))
    assert sorted(scene["UNITS"]) == sorted(literals("units"))
    assert sorted(scene["RESAMPLING"]) == sorted(["auto", *literals("resampling")])
    assert set(model["DEVICES"]) <= set(DEVICES)

"""What a message names is told apart from its words."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

import l4s_geo
from l4s_geo.evaluation.evaluate import evaluate
from l4s_geo.events.run import map_scenes
from l4s_geo.events.scene_search import search
from l4s_geo.mentions import PARAMETERS, Option, Program, parts
from l4s_geo.pipeline import map_scene
from l4s_geo.reporting.report import report
from l4s_geo.stack.open import Inputs
from l4s_geo.teaching.teach import teach
from l4s_geo.worker.protocol import Channel

SOURCES = Path(l4s_geo.__file__).parent
_NAMES = re.compile(r"(?<![\w-])--[a-z]|\bgdal_?\w+(\.py)? -|\bogr2ogr |\bpip |\bl4s(-map|-train| bundles| event)\b")
_OWN = ("cli", "reporting", "mentions.py")
"""What words options for the command line alone, or writes command lines."""


def messages() -> Iterator[tuple[str, str]]:
    """Yield all sentences in the engine's source that name an option or a program, each with its place."""
    for path in sorted(SOURCES.rglob("*.py")):
        if path.relative_to(SOURCES).parts[0] in _OWN:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        described = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if node in described or (node in inside and not isinstance(node, ast.JoinedStr)):
                continue
            text = _text(node)
            if " " in text and _NAMES.search(text) and not text.startswith("#"):
                yield f"{path.relative_to(SOURCES)}:{node.lineno}", text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value) for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return "7"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_option_in_a_message_is_told_apart():
    found = list(messages())
    assert len(found) > 60
    words = {text: " ".join(part for part in parts(text) if isinstance(part, str)) for _, text in found}
    assert [f"{place}: {text}" for place, text in found if _NAMES.search(words[text])] == []


def test_every_option_stands_for_a_keyword_of_a_function():
    functions = (map_scene, Inputs, evaluate, report, teach, search, map_scenes)
    keywords = {name for function in functions for name in _keywords(function)}
    assert {parameter for parameter, _ in PARAMETERS.values()} <= keywords


def _keywords(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("or say with --units what they are.", [Option("units")]),
        ("say --units dn if they are that", [Option("units", "dn")]),
        ("give --offset -1000, or leave --crf on out.", [Option("offset", "-1000"), Option("crf", "on")]),
        ("(--band B4=FILE --band B3=FILE)", [Option("scene", "B4=FILE"), Option("scene", "B3=FILE")]),
        ("(--before-band B8=FILE)", [Option("before", "B8=FILE")]),
        ("like --band 'B4=NETCDF:a b.nc:B4'.", [Option("scene", "'B4=NETCDF:a b.nc:B4'")]),
        ("name them (--bands B2,B3,B4,…; - leaves one aside)", [Option("bands", "B2,B3,B4,…")]),
        ("use --device cuda on a machine", [Option("device", "cuda")]),
        ("lower --batch or use --device cpu; --resume", [Option("batch"), Option("device", "cpu"), Option("resume")]),
        ("teach its base, --bundle rgb, from", [Option("bundle", "rgb")]),
        ("as l4s-map --probability writes it.", [Program("l4s-map", "--probability")]),
        ("first (gdalwarp -te LEFT TOP FILE a.tif).", [Program("gdalwarp", "-te LEFT TOP FILE a.tif")]),
        ("so (gdal_calc.py -A FILE --calc='arctan(A)')", [Program("gdal_calc.py", "-A FILE --calc='arctan(A)'")]),
        ("with pip install 'a[cpu]' or 'a[gpu]'.", [Program("pip", "install 'a[cpu]' or 'a[gpu]'")]),
        ("install it first: l4s bundles add /a/b.zip.", [Program("l4s bundles add", "/a/b.zip")]),
        ("run it first (l4s event run).", [Program("l4s event", "run")]),
        ("that l4s-map wrote", [Program("l4s-map", "")]),
        ("a file called --strange.tif, or twelve -- dashes", []),
    ],
)
def test_what_a_message_names(message, named):
    assert [part for part in parts(message) if not isinstance(part, str)] == named


def test_a_driver_gets_the_parts():
    stream = BytesIO()
    Channel(stream).send("error", id=1, kind="SceneError", message="Say with --units what they are.", detail="")
    sent = json.loads(stream.getvalue())
    assert sent["message"] == "Say with --units what they are."
    assert sent["parts"] == ["Say with ", {"parameter": "units", "value": ""}, " what they are."]

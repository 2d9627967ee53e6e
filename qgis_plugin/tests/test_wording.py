"""Nothing that QGIS shows of the engine's messages speaks of the command line."""

from __future__ import annotations

import json
import re
import subprocess

from l4s_landslides.wording import sentence, titles, worded

from conftest import PROVIDER, REPOSITORY

_OF_A_SHELL = re.compile(r"(?<![\w-])--[a-z]|gdal_?[a-z]+(\.py)?\b|ogr2ogr|\bpip\b|\bl4s(-map|-train| bundles)\b")


def engines_messages(engine: str) -> list[list]:
    """All sentences of the engine that name an option or a program, in parts."""
    code = (
        "import json, runpy, sys; from l4s_geo.worker.protocol import sentence; "
        "found = runpy.run_path('tests/l4s_geo/test_mentions.py')['messages'](); "
        "print(json.dumps([sentence(text) for _, text in found]))"
    )
    command = [engine, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return json.loads(done.stdout)


def test_no_message_names_an_option_or_a_program(engine):
    messages = engines_messages(engine)
    assert len(messages) > 60
    assert [text for parts in messages if _OF_A_SHELL.search(text := sentence(parts))] == []


def test_titles_are_those_of_the_dialogs(algorithm):
    names = ("maplandslides", "mapfolder", "buildstack", "teachfromlabels", "comparereference", "makereport")
    names = (*names, "searchscenes", "mapevent")
    made = [algorithm(name) for name in names]
    shown = [parameter.description() for one in made for parameter in one.parameterDefinitions()]
    without = {"batch", "strict_dates"}  # parameters that only the command line has
    missing = [t for key, t in titles().items() if key not in without and not any(s.startswith(t) for s in shown)]
    assert missing == [], PROVIDER


def test_sentences():
    units = {"parameter": "units", "value": ""}
    assert sentence(["or say with ", units, " what."]) == "or say with “Units of the scene's values” what."
    assert sentence([{"parameter": "scene", "value": ""}]) == "“Scene” or “Band layers”"
    band = {"parameter": "before", "value": "B8=FILE"}
    assert sentence(["(", band, ")"]) == "(“Earlier scenes, to map only what is new”)"
    device = {"parameter": "device", "value": "cpu"}
    assert sentence(["use ", device]) == "use “Device: CPU”"
    edit = {"program": "gdal_edit.py", "arguments": "-a_nodata 0 scene.tif"}
    assert sentence([edit]) == "Raster → Conversion → Translate, with the additional parameters “-a_nodata 0”"
    calc = {"program": "gdal_calc.py", "arguments": "-A FILE --type=Float32 --calc='A*0.01' --outfile=metres.tif"}
    assert sentence([calc]) == "Raster → Raster Calculator, with the file as A in the formula A*0.01"
    assert sentence([{"program": "pip", "arguments": "install 'l4s-geo[cpu]'"}]) == "“Set up environment”"


def test_an_engine_that_sends_no_parts():
    assert worded({"message": "As it is."}, "message") == "As it is."
    assert worded({}, "message") == ""

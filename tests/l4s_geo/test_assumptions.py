"""What a run takes for granted: in one place, in words, in the provenance."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from click.testing import CliRunner

from l4s_geo.assumptions import Assumption, Assumptions
from l4s_geo.bands import RGB
from l4s_geo.cli.info import main as info
from l4s_geo.cli.stack import main as stack_command
from l4s_geo.pipeline import run_plan
from l4s_geo.plan import Plan
from l4s_geo.progress import Silent

DEGREES = Affine(9e-5, 0, 141.9, 0, -9e-5, 42.7)


@pytest.mark.parametrize(("assumption", "words"), [
    (Assumption("dn", "values", "they are large", "units"), "dn [assumed from the values, because they are large; "
     "--units overrules]"),
    (Assumption("none", "default", "nothing states one"), "none [assumed, because nothing states one]"),
    (Assumption("-1000", "option", option="offset"), "-1000 [told by --offset]"),
    (Assumption("0", "metadata"), "0 [read from the metadata]"),
    (Assumption("B4", "names", "those of the files"), "B4 [read from the names (those of the files)]"),
    (Assumption("unknown", "none", "nothing tells it"), "unknown [nothing tells it]"),
])  # fmt: skip
def test_every_ground_has_its_words(assumption, words):
    assert assumption.words() == words


class Listener(Silent):
    def __init__(self) -> None:
        self.heard: list[Assumptions] = []

    def assumes(self, assumptions: Assumptions) -> None:
        self.heard.append(assumptions)


def test_a_run_tells_once_what_its_provenance_keeps(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    dn = np.random.default_rng(0).integers(400, 900, (3, 140, 150)).astype(np.uint16)
    path = write_raster("s.tif", dn, names=RGB, nodata=0)
    listener = Listener()
    told = run_plan(Plan.of(scene=path, bundle=red_bundle, units="dn"), listener).provenance["assumptions"]
    (heard,) = listener.heard
    assert told == json.loads(json.dumps(heard.facts()))
    assert list(told) == [field.name for field in fields(Assumptions)]
    origins = {name: entry["origin"] for name, entry in told.items()}
    assert origins == {
        "units": "option",
        "offset": "default",
        "order": "names",
        "sensor": "default",
        "nodata": "metadata",
        "terrain": "none",
        "date": "none",
    }
    assert told["order"]["value"] == "B4 B3 B2"


@pytest.mark.parametrize("command", ["info", "stack"])
def test_other_commands_say_the_same(write_raster, tmp_path: Path, command: str) -> None:
    dn = np.random.default_rng(0).integers(400, 900, (3, 40, 50)).astype(np.uint16)
    dn[:, :5] = 0
    path = str(write_raster("s.tif", dn, names=RGB))
    more = ["--out", str(tmp_path / "o.tif")] if command == "stack" else []
    result = CliRunner().invoke(info if command == "info" else stack_command, [path, *more], catch_exceptions=False)
    lines = result.output.splitlines()
    assert "Taken for granted:" in lines
    assert "  Nodata:  0 in every band [assumed, because the files declare none]" in lines


def test_fill_that_is_found_in_the_values_is_said(write_raster) -> None:
    values = np.random.default_rng(0).integers(400, 900, (3, 60, 70)).astype(np.int16)
    values[:, :9] = -9999
    path = write_raster("s.tif", values, names=RGB, crs="EPSG:4326", transform=DEGREES)
    result = CliRunner().invoke(info, [str(path)], catch_exceptions=False)
    assert "-9999 [assumed from the values, because it is the lowest value of B4, B3, B2" in result.output

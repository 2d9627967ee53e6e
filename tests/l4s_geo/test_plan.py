"""What a call decides before anything runs, and the checks of the values that it goes to."""

from __future__ import annotations

import inspect
import json
from dataclasses import MISSING, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_type_hints

import numpy as np
import pytest
from click.testing import CliRunner

from l4s_geo import pipeline
from l4s_geo.bands import RGB
from l4s_geo.bundles.bundle import Refinement
from l4s_geo.bundles.item import write_bundle
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.change.dates import Dates
from l4s_geo.cli.map import main as command
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import BandError, BundleError, L4SError, OutputError, SceneError, TerrainError
from l4s_geo.inference.predict import PredictSettings
from l4s_geo.inventory.vectorize import VectorizeSettings
from l4s_geo.pipeline import map_scene
from l4s_geo.plan import Outputs, Plan, step_runs
from l4s_geo.stack.open import Inputs

OF_EVENTS = ("seen", "purpose")
"""What the units of an event ask for, and no user of one scene."""
KINDS = (Plan, VectorizeSettings, PredictSettings, Inputs, Dates)
PRIOR = TerrainPrior((5.0, 25.0), (-4.0, 0.0), on=True)


@pytest.fixture
def bundle(red_bundle: Path, tmp_path: Path):
    """Return a function that writes the red bundle with other properties."""

    def write(**properties: object) -> Path:
        plain = find_bundle(red_bundle)
        files = {member.file: plain.network(member) for member in plain.members}
        write_bundle(replace(plain, **properties), files, tmp_path / "other")
        return tmp_path / "other"

    return write


def stack(*, terrain: bool = False, bands: tuple[str, ...] = RGB) -> SimpleNamespace:
    """As much of a stack as a plan asks for."""
    scene = SimpleNamespace(name="s", acquisition=SimpleNamespace(level=""), aside={})
    return SimpleNamespace(scene=scene, bands=bands, has_terrain=terrain)


def options() -> dict[str, object]:
    """The fields that the keywords of `map_scene` go to by their names."""
    found = {field.name: field for kind in KINDS for field in fields(kind)}
    decided = (
        "dates",
        "own_threshold",
        "also",
        "scene",
        "before",
        "inputs",
        "outputs",
        "bundle",
        "predict",
        "refinement",
        "vectorize",
        "threshold",
        "prior",
        "event",
        *OF_EVENTS,
    )
    return {name: field for name, field in found.items() if name not in decided}


def test_every_keyword_has_a_field_with_its_default() -> None:
    """But those that `Plan.of` itself takes, which decide together."""
    signature = inspect.signature(map_scene).parameters
    parameters = inspect.signature(Plan.of).parameters
    taken = {n: p for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY and n not in OF_EVENTS}
    assert {*options(), *taken, "reporter"} == set(signature)
    for name, field in options().items():
        default = signature[name].default
        assert default == field.default if field.default is not MISSING else default is inspect.Parameter.empty
    assert all(signature[name].default == parameter.default for name, parameter in taken.items())


def test_every_keyword_has_the_type_of_its_field() -> None:
    asked = get_type_hints(map_scene, vars(pipeline) | {"GeoDataFrame": object})
    for kind in KINDS:
        hints = get_type_hints(kind)
        for field in fields(kind):
            if field.name in options():
                assert asked[field.name] == hints[field.name], field.name


def test_the_command_has_the_defaults_of_the_function(monkeypatch) -> None:
    calls: list[dict[str, object]] = []
    monkeypatch.setattr("l4s_geo.pipeline.map_scene", lambda **keywords: calls.append(keywords))
    result = CliRunner().invoke(command, ["s.tif", "--out", "i.gpkg"])
    assert result.exit_code == 0, result.output
    (given,) = calls
    signature = inspect.signature(map_scene).parameters
    assert {*given, "mask_classes"} == set(signature)
    for name in given.keys() - {"scene", "out", "reporter"}:
        assert given[name] == signature[name].default, name


def test_an_unknown_option_is_refused(red_bundle: Path) -> None:
    with pytest.raises(TypeError, match="colour"):
        Plan.of(scene="s.tif", bundle=red_bundle, colour="red")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("threshold", 0.0, "The threshold is 0.0; expected a probability above 0 and under 1"),
        ("threshold", 1.0, "The threshold is 1.0"),
        ("threshold", float("nan"), "The threshold is nan"),
        ("min_area", -1, "The setting min_area is -1; expected 0 or more"),
        ("fill_holes", float("inf"), "The setting fill_holes is inf"),
        ("simplify", float("nan"), "The setting simplify is nan"),
        ("connectivity", 6, "Connectivity 6 is unknown; expected 4 or 8"),
        ("skip_flat", -0.5, "The setting skip_flat is -0.5; expected 0 or more"),
        ("tta", "all", "'all' is unknown; expected one of none, flips, d4"),
        ("overlap", 128, "The overlap is 128 pixels; expected 0 to 127"),
        ("overlap", -1, "The overlap is -1 pixels"),
        ("crf", "maybe", "The choice 'maybe' is unknown; expected one of auto, on, off"),
        ("crf", "on", "no CRF parameters"),
        ("units", "feet", "Units 'feet' are unknown"),
        ("composite", "mean", "The composite 'mean' is unknown; expected one of greenest, median, latest"),
        ("before", [3], "The earlier scene 3 is neither a path nor band files by name"),
    ],
)
def test_a_setting_that_cannot_be_is_named_before_the_work(red_bundle: Path, setting, value, message: str) -> None:
    with pytest.raises(L4SError, match=message):
        Plan.of(scene="nosuch.tif", bundle=red_bundle, **{setting: value})


def test_the_smallest_landslide_and_the_largest_hole_in_pixels() -> None:
    def pixels(**settings: float) -> tuple[int, int]:
        vectorize = VectorizeSettings(0.5, **settings)
        return vectorize.min_pixels, vectorize.max_hole

    assert pixels() == (5, 0)
    assert pixels(min_area=0) == (1, 0)
    assert pixels(min_area=501, fill_holes=499) == (6, 4)


class TestOutputs:
    def test_nothing_need_be_written(self) -> None:
        assert Outputs().paths == (None,) * 5
        assert Outputs().first is None

    def test_the_first_is_where_work_is_kept(self, tmp_path: Path) -> None:
        assert Outputs(None, tmp_path / "p.tif", tmp_path / "s.tif").first == tmp_path / "p.tif"

    @pytest.mark.parametrize(
        ("name", "file", "message"),
        [
            ("inventory", "i.tif", "The inventory .* has the suffix '.tif'"),
            ("probability", "p.gpkg", "The probability raster .* has the suffix '.gpkg'"),
            ("spread", "s.png", "The spread raster .* has the suffix '.png'"),
            ("change", "c.vrt", "The change raster .* has the suffix '.vrt'"),
        ],
    )
    def test_each_has_its_suffixes(self, tmp_path: Path, name: str, file: str, message: str) -> None:
        with pytest.raises(OutputError, match=message):
            Outputs(**{name: tmp_path / file})

    def test_two_of_one_name_are_refused(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(OutputError, match=r"Two outputs have the name .*p\.tif; give each a file of its own"):
            Outputs(probability=Path("p.tif"), spread=tmp_path / "p.tif")


@pytest.mark.parametrize("pays", [False, True])
def test_whether_an_optional_step_runs(pays: bool) -> None:
    obstacle = TerrainError("no terrain")
    assert [step_runs(choice, pays, None) for choice in ("on", "off", "auto")] == [True, False, pays]
    assert [step_runs(choice, pays, obstacle) for choice in ("off", "auto")] == [False, False]
    with pytest.raises(TerrainError, match="no terrain"):
        step_runs("on", pays, obstacle)


@pytest.mark.parametrize("pays", [False, True])
def test_the_threshold_is_that_of_what_runs(bundle, pays: bool) -> None:
    path = bundle(crf=Refinement(CRFParameters(), 0.7, pays))

    def decided(**given: object) -> tuple[bool, float]:
        plan = Plan.of(scene="s.tif", bundle=path, **given)
        return plan.refinement is not None, plan.vectorize.threshold

    assert decided() == ((True, 0.7) if pays else (False, 0.5))
    assert decided(crf="on") == (True, 0.7)
    assert decided(crf="off") == (False, 0.5)
    assert decided(crf="on", threshold=0.2) == (True, 0.2)


def test_a_spread_needs_several_answers(red_bundle: Path, tmp_path: Path) -> None:
    wanted = {"scene": "s.tif", "bundle": red_bundle, "spread": tmp_path / "s.tif"}
    with pytest.raises(L4SError, match="one network, which gives no spread"):
        Plan.of(**wanted)
    assert Plan.of(**wanted, tta="flips").outputs.spread == tmp_path / "s.tif"


def test_the_prior_is_decided_when_the_terrain_is_known(bundle) -> None:
    path = bundle(prior=PRIOR)

    def prior(choice: str, terrain: bool) -> TerrainPrior | None:
        plan = Plan.of(scene="s.tif", bundle=path, terrain_prior=choice)
        assert plan.predict.prior is None
        return plan.fitted_to(stack(terrain=terrain)).predict.prior

    assert prior("auto", True) == prior("on", True) == PRIOR
    assert prior("off", True) is prior("auto", False) is None
    with pytest.raises(TerrainError, match="needs terrain"):
        prior("on", False)


def test_a_scene_that_the_plan_does_not_fit_is_refused(red_bundle: Path) -> None:
    plan = Plan.of(scene="s.tif", bundle=red_bundle, skip_flat=3)
    with pytest.raises(BandError, match="lacks B2"):
        plan.fitted_to(stack(bands=("B4", "B3")))
    with pytest.raises(SceneError, match="without terrain"):
        plan.fitted_to(stack())
    with pytest.raises(L4SError, match="no terrain prior"):
        replace(plan, terrain_prior="on").fitted_to(stack(terrain=True))


def test_numbers_of_numpy_mean_what_pythons_mean(red_bundle: Path) -> None:
    own = {"threshold": 0.5, "min_area": 400.0, "overlap": 16, "offset": 0.0, "mask_classes": [3, 8], "connectivity": 8}
    theirs = {
        "threshold": np.float32(0.5),
        "min_area": np.float64(400),
        "overlap": np.int64(16),
        "offset": np.float32(0),
        "mask_classes": np.array([3, 8]),
        "connectivity": np.uint8(8),
    }
    plan = Plan.of(scene="a.tif", bundle=red_bundle, **theirs)
    assert repr(plan) == repr(Plan.of(scene="a.tif", bundle=red_bundle, **own))
    assert json.dumps(plan.vectorize.threshold) == "0.5"


@pytest.mark.parametrize("window", [0, -1, 10**9])
def test_windows_of_a_bundle_that_no_network_takes_are_refused(red_bundle: Path, window: int) -> None:
    with pytest.raises(BundleError, match="has windows of"):
        replace(find_bundle(red_bundle), window=window)

"""What the commands say to those who do not know them yet."""

from __future__ import annotations

import inspect

import pytest
from click.testing import CliRunner, Result

import l4s_geo
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.cli.bundles import score_lines
from l4s_geo.cli.main import main as l4s
from l4s_geo.cli.map import main as l4s_map
from l4s_geo.errors import BundleError
from l4s_training.cli import main as l4s_train


def run(command, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


@pytest.mark.parametrize(("command", "wrong", "hint"), [
    (l4s, ["inf", "scene.tif"], "did you mean info?"),
    (l4s, ["bundles", "shw"], "did you mean show?"),
    (l4s, ["xyz"], "the commands are info, map, "),
    (l4s_train, ["crosvalidate"], "did you mean crossvalidate?"),
])  # fmt: skip
def test_a_command_that_is_nearly_right(command, wrong, hint):
    result = run(command, *wrong)
    assert result.exit_code == 2
    assert "There is no command" in result.stderr
    assert hint in result.stderr


def test_a_bundle_whose_name_is_nearly_right():
    with pytest.raises(BundleError, match="did you mean rgb-fast"):
        find_bundle("rgbfast")
    with pytest.raises(BundleError, match=r"rgb, rgb-fast\.$"):
        find_bundle("/nowhere/at/all")


def test_the_command_alone_says_how_it_is_used():
    result = run(l4s_map)
    assert result.exit_code == 2
    assert "l4s-map scene.tif --dem dem.tif --out inventory.gpkg" in result.stderr
    assert "l4s-map --help" in result.stderr
    assert len(result.stderr.splitlines()) < 10


@pytest.mark.parametrize("command", [l4s, l4s_train])
def test_summaries_are_whole_sentences(command):
    words = run(command, "--help").output.split("Commands:")[1]
    assert "..." not in words
    assert words.count(".") >= len(command.modules)
    for name in command.modules:
        assert run(command, name, "--help").exit_code == 0


def test_scores_are_a_table_by_set_and_measure():
    scores = {"test_f1": 0.5, "test_recall": 0.25, "test_flips_f1": 0.75, "test_recall_from_500_m2": 0.66}
    head, test, flips, size = (line.split() for line in score_lines(scores))
    assert head == ["scores", "F1", "precision", "recall", "IoU", "cal.", "err."]
    assert test == ["test", "0.500", "0.250"]
    assert flips == ["test", "flips", "0.750"]
    assert size == ["test", "recall", "from", "500", "m2", "0.660"]
    assert score_lines({}) == []


def test_every_keyword_of_map_scene_reaches_the_plan(monkeypatch):
    heard = {}

    class StopError(Exception):
        pass

    def of(**options):
        heard.update(options)
        raise StopError

    monkeypatch.setattr("l4s_geo.pipeline.Plan.of", of)
    names = [name for name in inspect.signature(l4s_geo.map_scene).parameters if name != "reporter"]
    marks = {name: object() for name in names}
    with pytest.raises(StopError):
        l4s_geo.map_scene(marks.pop("scene"), **marks)
    assert set(heard) == set(names)
    assert all(heard[name] is mark for name, mark in marks.items())


def test_options_of_another_split_are_refused(tmp_path):
    given = ["fit", "--data", "x.npz", "--out", str(tmp_path / "r"), "--split-plan", "official"]
    result = run(l4s_train, *given, "--guard", "3")
    assert result.exit_code == 2
    assert "--guard belongs to --split-plan blocks" in result.stderr
    assert "--guard" not in run(l4s_train, *given).stderr

"""The commands of events, as users type them."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
from click.testing import CliRunner, Result

from event_scenes import AREA, write_event, write_three
from l4s_geo.cli.main import main
from l4s_geo.cli.map import main as map_main
from l4s_geo.events.event_file import read_event


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["event", *map(str, arguments)])


@pytest.fixture
def scenes(tmp_path) -> Path:
    write_three(tmp_path)
    return tmp_path / "after"


def test_from_a_new_file_to_its_inventory(scenes, tmp_path, red_bundle):
    file = tmp_path / "quake.yaml"
    day = ("--date", "2018-09-06", "--trigger", "earthquake")
    made = run("new", file, "--area", AREA, *day, "--after", "after/*.tif", "--bundle", red_bundle)
    assert made.exit_code == 0, made.output
    assert "l4s event run maps it" in made.output
    assert read_event(file).trigger == "earthquake"
    before = run("status", file)
    assert before.exit_code == 2
    assert before.output.startswith("Error: The job table")
    ran = run("run", file)
    assert ran.exit_code == 0, ran.output
    assert "Unit 54TWN-2018-09-15: 2 landslides" in ran.output
    assert ran.output.count("Taken for granted:") == 1  # what is the same for all is said once
    assert ran.output.rstrip().endswith("quake.gpkg")
    assert len(gpd.read_file(tmp_path / "quake" / "quake.gpkg", layer="landslides")) == 3
    status = run("status", file)
    assert status.exit_code == 0
    lines = status.output.splitlines()
    assert lines[0].split() == ["unit", "state", "landslides", "km²", "attempts", "seconds"]
    assert lines[1].split()[:3] == ["54TWN-2018-09-15", "done", "2"]
    quiet = run("run", file, "-q")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_two_dates_are_an_interval(tmp_path):
    file = tmp_path / "storm.yaml"
    days = ("--date", "2020-07-01", "--date", "2020-07-04")
    assert run("new", file, "--area", AREA, *days, "--trigger", "heavy rain").exit_code == 0
    assert read_event(file).days == "2020-07-01/2020-07-04"


def test_a_mistake_is_one_sentence_and_exit_code_2(scenes, tmp_path, red_bundle):
    event = write_event(tmp_path, red_bundle)
    event.write_text(event.read_text().replace("trigger", "triger"), encoding="utf-8")
    result = run("run", event)
    assert result.exit_code == 2
    assert result.output == f"Error: The event file {event} has the unknown key 'triger'; did you mean trigger?\n"
    assert run("run", tmp_path / "none.yaml").exit_code == 2
    assert run("new", tmp_path / "x.yaml", "--area", "1,2,3", "--date", "2018-09-06", "--trigger", "x").exit_code == 0
    lost = run("run", tmp_path / "x.yaml")
    assert lost.exit_code == 2
    assert "does not exist" in lost.output
    assert run("run", write_event(tmp_path, red_bundle), "--shard", "3/2").exit_code == 2


def test_a_unit_that_fails_is_exit_code_1_and_stands_in_the_table(scenes, tmp_path, red_bundle):
    (scenes / "S2A_54TWN_20180915.tif").write_bytes(b"no raster at all")
    event = write_event(tmp_path, red_bundle)
    result = run("run", event)
    assert result.exit_code == 1
    assert "Unit 54TWN-2018-09-15 failed: The scene" in result.output
    assert "2 of 3 units, 1 failed" in result.output
    status = run("status", event).output.splitlines()
    assert status[1].split()[:2] == ["54TWN-2018-09-15", "failed"]
    assert status[-1].startswith("54TWN-2018-09-15: The scene")


def test_many_scenes_without_an_event_file(scenes, tmp_path, red_bundle):
    command = [str(scenes / "*.tif"), "--bundle", str(red_bundle), "--out-dir", str(tmp_path / "results"), "-q"]
    result = CliRunner().invoke(map_main, command)
    assert (result.exit_code, result.output) == (0, "")
    assert len(gpd.read_file(tmp_path / "results" / "inventory.gpkg", layer="landslides")) == 3
    assert len(list((tmp_path / "results" / "units").glob("*.gpkg"))) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["s.tif"], "Give either --out INVENTORY, or --out-dir FOLDER"),
        (["s.tif", "--out", "i.gpkg", "--out-dir", "d"], "Give either --out INVENTORY, or --out-dir FOLDER"),
        (["s.tif", "--out", "i.gpkg", "--workers", "2"], "--workers is for many scenes"),
        (["s.tif", "--out", "i.gpkg", "--retry"], "--retry is for many scenes"),
        (["s.tif", "--out-dir", "d", "--probability", "p.tif"], "--probability is for one scene"),
        (["s.tif", "--out-dir", "d", "--patch"], "--patch is for one scene"),
        (["none.tif", "--out-dir", "d"], "none.tif, which does not exist"),
        (["--band", "B4=a.tif", "--out-dir", "d"], "Band files by name are one scene"),
    ],
)
def test_options_that_do_not_go_together(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(map_main, arguments)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("command", ["new", "run", "status"])
def test_every_command_teaches(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "FILE" in result.output
    assert run().exit_code in (0, 2)
    assert "did you mean run?" in run("rn").output

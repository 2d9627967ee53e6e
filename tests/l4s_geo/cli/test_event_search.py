"""The commands that search scenes, export inventories and describe results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import pystac
import pytest
import shapely
from click.testing import CliRunner

from l4s_geo.cli.main import main
from l4s_geo.events.event_file import new_event, read_event
from l4s_geo.sources import http
from loopback import QUICK, Server
from searched_scenes import add_elevation, add_scene, degrees
from stac_api import stac_api
from support import SAMPLE

AREA = shapely.box(*degrees(0.2, 0.2, 0.8, 0.8))


@pytest.fixture
def event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(http, "HTTP", QUICK)
    path = tmp_path / "iburi.yaml"
    new_event(path, area=[round(side, 4) for side in AREA.bounds], date="2018-09-06", trigger="earthquake")
    return path


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_a_search_prints_the_choice_as_a_table_and_writes_it(server: Server, event: Path):
    items = [
        add_scene(server.root, server.url, "2018-08-08"),
        add_scene(server.root, server.url, "2018-09-12", cloudy=0.5),
        add_scene(server.root, server.url, "2018-09-17"),
    ]
    dem = [add_elevation(server.root, server.url)]
    with stac_api(event.parent / "catalogue", {"sentinel-2-l2a": items, "cop-dem-glo-30": dem}) as (url, _):
        status, out, err = run("event", "search", str(event), "--api", url)
    assert status == 0, err
    lines = [line.split() for line in out.splitlines()]
    assert ["*", "before", "54TWN", "2018-08-08", "100%", "0", "%", "0.95", "S2A_54TWN_20180808_0_L2A"] in lines
    assert ["*", "after", "54TWN", "2018-09-17", "100%", "0", "%", "0.98", "S2A_54TWN_20180917_0_L2A"] in lines
    assert any(line[:3] == ["after", "54TWN", "2018-09-12"] for line in lines)
    assert "scenes before: 1, after: 1; tiles of elevations: 1." in out
    assert "Searching http://127.0.0.1" in err
    assert len(read_event(event).after) == 1


def test_a_search_that_fails_ends_with_one_sentence_and_code_2(event: Path):
    before = event.read_text()
    status, out, err = run("event", "search", str(event), "--api", "http://127.0.0.1:9")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("Error: http://127.0.0.1:9 cannot be fetched (")
    assert event.read_text() == before


def test_an_export_is_written_and_counted(tmp_path: Path):
    target = tmp_path / "coolr.gpkg"
    status, _, err = run("export", str(SAMPLE / "valley_reference.gpkg"), "--schema", "coolr", "--out", str(target))
    assert status == 0, err
    count = len(gpd.read_file(SAMPLE / "valley_reference.gpkg", layer="landslides"))
    assert f"{count} landslides written" in err
    assert len(gpd.read_file(target, layer="points")) == len(gpd.read_file(target, layer="polygons")) == count


def test_an_export_that_cannot_be_ends_with_code_2(tmp_path: Path):
    status, _, err = run("export", str(tmp_path / "no.gpkg"), "--schema", "usgs", "--out", str(tmp_path / "x.csv"))
    assert status == 2
    assert "no.gpkg does not exist" in err
    assert not (tmp_path / "x.csv").exists()


def test_results_are_described(event: Path):
    out = read_event(event).out
    (out / "units").mkdir(parents=True)
    (out / ".hidden").mkdir()
    for place in ("iburi.gpkg", "units/54TWN.gpkg", ".hidden/half.gpkg"):
        shutil.copy(SAMPLE / "valley_reference.gpkg", out / place)
    only = gpd.read_file(SAMPLE / "valley_reference.gpkg", layer="landslides")
    for place in ("iburi.gpkg", "units/54TWN.gpkg"):
        (out / place).unlink()
        only.to_file(out / place, layer="landslides")
    status, _, err = run("event", "describe", str(event))
    assert status == 0, err
    collection = pystac.Collection.from_file(str(out / "collection.json"))
    assert sorted(item.id for item in collection.get_items()) == ["iburi-gpkg", "units-54TWN-gpkg"]
    # Where nothing was found, the event's area is what was mapped.
    only.iloc[:0].to_file(out / "iburi.gpkg", layer="landslides")
    assert run("event", "describe", str(event))[0] == 0
    assert pystac.Item.from_file(str(out / "iburi.gpkg.stac.json")).bbox == pytest.approx(AREA.bounds, abs=1e-4)
    assert json.loads((out / "iburi.gpkg.stac.json").read_text())["properties"]["l4s:event"] == "iburi"

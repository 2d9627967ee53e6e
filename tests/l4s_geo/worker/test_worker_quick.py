"""Requests that a person waits for: a process that stays, and no request that is left over."""

from __future__ import annotations

import os
import signal
import subprocess
from base64 import b64decode
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

import l4s_geo
from l4s_geo.pipeline import map_scene


@pytest.fixture
def mapped(scene, red_bundle, tmp_path) -> tuple[Path, Path]:
    """An inventory and its probabilities."""
    inventory, probability = tmp_path / "mapped.gpkg", tmp_path / "p.tif"
    map_scene(scene, bundle=red_bundle, out=inventory, probability=probability)
    return inventory, probability


def children(process: subprocess.Popen) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not listed.exists():
        pytest.skip("this system does not list the children of a process")
    return [int(number) for number in listed.read_text().split()]


def test_outlines_are_those_of_the_function_from_a_process_that_stays(worker, mapped):
    _, probability = mapped
    seen = []
    for number, threshold in enumerate((0.5, 0.3)):
        worker.ask("outlines", id=number, probability=str(probability), threshold=threshold)
        result = worker.answer(id=number)["result"]
        expected = l4s_geo.make_inventory(probability, threshold=threshold)
        shapes = [shapely.from_wkb(b64decode(text)) for text in result["polygons"]]
        assert shapely.equals(shapes, expected.geometry.to_numpy()).all()
        assert len(shapes) > 0
        assert (result["threshold"], result["pixel"]) == (threshold, 10)
        seen.append(children(worker.process))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 1


def test_what_stays_ends_with_the_worker_and_is_started_again_if_it_dies(worker, mapped):
    _, probability = mapped
    worker.ask("outlines", probability=str(probability))
    worker.answer()
    (kept,) = children(worker.process)
    os.kill(kept, signal.SIGKILL)
    worker.ask("outlines", id=2, probability=str(probability))
    answer = worker.answer(id=2)
    if answer["type"] == "error":  # it had not been noticed yet
        assert answer["kind"] == "Crash"
        worker.ask("outlines", id=3, probability=str(probability))
        assert worker.answer(id=3)["type"] == "result"
    (other,) = children(worker.process)
    assert other != kept
    worker.process.stdin.close()
    assert worker.process.wait(10) == 0
    assert not Path(f"/proc/{other}").exists()


def test_an_error_leaves_the_process_that_stays(worker, mapped, tmp_path):
    _, probability = mapped
    worker.ask("outlines", probability=str(tmp_path / "nothing.tif"))
    assert worker.answer()["kind"] == "InventoryError"
    before = children(worker.process)
    worker.ask("outlines", id=2, probability=str(probability))
    assert worker.answer(id=2)["type"] == "result"
    assert children(worker.process) == before


def test_measures_what_was_drawn(worker, mapped, tmp_path):
    inventory, probability = mapped
    worker.ask("measure", inventory=str(inventory), probability=str(probability))
    attributes = worker.answer()["result"]["attributes"]
    table = gpd.read_file(inventory, layer="landslides")
    assert [row["area_m2"] for row in attributes] == table["area_m2"].tolist()
    assert [row["prob_mean"] for row in attributes] == table["prob_mean"].tolist()
    assert attributes[0]["slope_mean_deg"] is None
    out = tmp_path / "measured.gpkg"
    worker.ask("measure", id=2, inventory=str(inventory), probability=str(probability), out=str(out))
    assert worker.answer(id=2)["result"]["outputs"] == {"out": str(out)}
    assert len(gpd.read_file(out, layer="landslides")) == len(table)


def test_makes_an_inventory(worker, mapped, tmp_path):
    inventory, probability = mapped
    out = tmp_path / "made.gpkg"
    worker.ask("inventory", probability=str(probability), out=str(out))
    result = worker.answer()["result"]
    assert result["features"] == len(gpd.read_file(inventory, layer="landslides"))
    assert result["outputs"] == {"out": str(out)}
    assert probability.is_file()


def test_a_probability_raster_that_a_comparison_reads_is_no_output(worker, mapped):
    inventory, probability = mapped
    before = probability.read_bytes()
    worker.ask("evaluate", inventory=str(inventory), reference=str(inventory), probability=str(probability))
    answer = worker.answer()
    assert answer["type"] == "result", answer
    assert answer["result"]["pixels"]["scores"]["f1"] == 1
    assert probability.read_bytes() == before

"""Events through the worker."""

from __future__ import annotations

import geopandas as gpd

from event_scenes import AREA, write_three


def test_an_event_from_its_file_to_its_inventory(worker, tmp_path, red_bundle):
    write_three(tmp_path)
    (tmp_path / "after" / "S2B_54TWN_20180920.tif").write_bytes(b"no raster")
    file, page = tmp_path / "quake.yaml", tmp_path / "page.html"
    given = {"area": [float(side) for side in AREA.split(",")], "date": "2018-09-06", "trigger": "earthquake"}
    worker.ask("event_new", path=str(file), **given, after=["after/*.tif"], bundle=str(red_bundle))
    assert worker.answer()["result"] == {"event": str(file)}
    worker.ask("event_run", event=str(file), report=str(page))
    result = worker.answer()["result"]
    assert result["inventory"] == str(tmp_path / "quake" / "quake.gpkg")
    assert result["features"] == len(gpd.read_file(result["inventory"], layer="landslides")) == 3
    assert [unit["state"] for unit in result["units"]] == ["done", "failed", "done"]
    assert "20180920" in result["units"][1]["error"]
    assert page.exists()
    said = [message for message in worker.messages if message["type"] == "log" and message["level"] == "info"]
    assert any(message["text"].startswith("Unit 54TWN-2018-09-20 failed") for message in said)
    worker.ask("event_status", event=str(file))
    assert worker.answer()["result"]["units"] == result["units"]


def test_a_mistake_in_an_event_file_is_an_error_of_its_kind(worker, tmp_path):
    (tmp_path / "quake.yaml").write_text("name: quake\n")
    worker.ask("event_run", event=str(tmp_path / "quake.yaml"))
    answer = worker.answer()
    assert (answer["type"], answer["kind"]) == ("error", "EventError")
    assert "has no area" in answer["message"]
    worker.ask("event_run", event=3)
    assert worker.answer()["kind"] == "ProtocolError"

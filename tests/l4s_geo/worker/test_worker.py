"""The worker from outside: a process that is spoken to over pipes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from l4s_geo.bands import scale_of
from l4s_geo.evaluation.evaluate import evaluate
from l4s_geo.output.claim import claimed
from l4s_geo.pipeline import map_scene
from l4s_geo.worker.methods import _only
from l4s_geo.worker.protocol import MAX_LINE, PROTOCOL, ProtocolError
from support import SAMPLE, add_newness


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def test_says_who_it_is_first(start):
    hello = start().until("hello")

    assert hello["protocol"] == PROTOCOL == 1
    assert hello["engine"] == l4s_geo_version()
    assert Path(hello["executable"]) == Path(sys.executable)


def l4s_geo_version() -> str:
    from importlib.metadata import version

    return version("l4s-geo")


def test_environment_names_the_device_and_the_bundles(worker):
    worker.ask("environment")
    result = worker.answer()["result"]

    assert result["device"] in ("cpu", "cuda")
    assert result["device"] == "cuda" or "cuda" in result["cuda"]
    assert {"name": "rgb", "bands": ["B4", "B3", "B2"]}.items() <= result["bundles"][0].items()
    assert {"numpy", "rasterio", "GDAL"} <= result["packages"].keys()


def test_a_patch_is_checked_and_mapped_if_the_driver_says_so(worker, red_bundle, tmp_path):
    scene, out = tmp_path / "image_12.h5", tmp_path / "patch.gpkg"
    patch = np.where(np.arange(128)[:, None, None] < 20, 4.0, 1.0) * np.ones((128, 128, 14))
    # A hillside that rises by 20° to the right: slope and elevation must fit each other.
    patch[..., 12] = 20 / scale_of(["slope"])
    patch[..., 13] = (100 + 10 * np.tan(np.radians(20)) * np.arange(128)) / scale_of(["DEM"])
    with h5py.File(scene, "w") as file:
        file["img"] = patch
    worker.ask("check", scene=str(scene), bundle=str(red_bundle))
    checked = worker.answer()["result"]
    assert (checked["crs"], checked["shape"]) == ("local coordinates (no CRS)", [128, 128])
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), out=str(out))
    assert "has no coordinates" in worker.answer()["message"]
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), out=str(out), patch=True)
    result = worker.answer()["result"]
    assert (result["features"], result["area_m2"]) == (1, 20 * 128 * 100)


def test_maps_like_the_function(worker, scene, red_bundle):
    out, probability = scene.parent / "Ergebnis ü.gpkg", scene.parent / "p ü.tif"
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), out=str(out), probability=str(probability))
    answer = worker.answer()

    expected = map_scene(scene, bundle=red_bundle)
    assert answer["type"] == "result", answer
    assert answer["result"]["features"] == len(expected) > 0
    assert answer["result"]["outputs"] == {"out": str(out), "probability": str(probability)}
    provenance = answer["result"]["provenance"]
    assert provenance["scene"] == "scene one"
    assert provenance == json.loads(pyogrio.read_info(out, layer="landslides")["layer_metadata"]["l4s"])
    found = gpd.read_file(out, layer=0)
    assert found.geometry.geom_equals(expected.geometry).all()
    assert found.area_m2.tolist() == expected.area_m2.tolist()
    with rasterio.open(probability) as dataset:
        assert dataset.shape == (200, 200)
    assert hidden(scene.parent) == []


def test_an_earlier_scene_is_compared(worker, write_raster, red_bundle, tmp_path):
    bundle = add_newness(red_bundle, tmp_path / "comparing")
    random = np.random.default_rng(0)
    fields = 700 + np.kron(random.integers(0, 400, (3, 20, 20)), np.ones((1, 10, 10), int))
    after = fields.copy()
    after[:, 60:80, 60:90] = 3000
    days = (("after.tif", after), ("before.tif", fields + random.integers(-9, 9, fields.shape)))
    scene, before = (write_raster(name, dn.astype(np.uint16), names=("B4", "B3", "B2")) for name, dn in days)
    change = tmp_path / "change.tif"
    out = tmp_path / "new.gpkg"
    request = {"scene": str(scene), "bundle": str(bundle), "before": [str(before)]}
    worker.ask("check", **request)
    assert worker.answer()["type"] == "result"
    worker.ask("check", **{**request, "before": [str(tmp_path / "none.tif")]})
    assert worker.answer()["type"] == "error"
    worker.ask("map", **request, out=str(out), change=str(change), threshold=0.001)
    answer = worker.answer()
    assert answer["type"] == "result", answer
    assert answer["result"]["outputs"] == {"out": str(out), "change": str(change)}
    assert answer["result"]["provenance"]["change_index"] == "greenness"
    assert change.exists()
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("suffix", [".geojson", ".shp"])
def test_everything_a_format_needs_arrives(worker, scene, red_bundle, suffix):
    out = scene.parent / f"inventory{suffix}"
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), out=str(out))

    provenance = worker.answer()["result"]["provenance"]
    assert provenance["bundle"] == "red"
    assert provenance == json.loads(out.with_name(f"{out.name}.provenance.json").read_text(encoding="utf-8"))
    assert len(gpd.read_file(out, layer=0)) == 1
    assert out.with_suffix(".qml").is_file()


def test_the_provenance_arrives_without_an_inventory(worker, scene, red_bundle):
    spread = scene.parent / "s.tif"
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), spread=str(spread), tta="flips")

    provenance = worker.answer()["result"]["provenance"]
    with rasterio.open(spread) as dataset:
        assert provenance == json.loads(dataset.tags()["l4s"])


def test_tells_stage_progress_and_lines(worker, scene, red_bundle):
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), out=str(scene.parent / "o.gpkg"))
    worker.answer()

    progress = [m for m in worker.messages if m["type"] == "progress"]
    assert [m["stage"] for m in progress if m["stage"] != "map"] == ["open", "write"]
    mapped = [m for m in progress if m["stage"] == "map"]
    assert mapped[-1]["done"] == mapped[-1]["total"] > 0
    assert all({"rate", "remaining_s"} <= m.keys() for m in mapped)
    lines = [m["text"] for m in worker.messages if m["type"] == "log" and m["level"] == "info"]
    assert lines[0].startswith("Device: ")


def test_tells_what_a_run_takes_for_granted(worker, scene, red_bundle):
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), units="dn", out=str(scene.parent / "o.gpkg"))
    provenance = worker.answer()["result"]["provenance"]
    (told,) = [m for m in worker.messages if m["type"] == "assumptions"]
    assert told["assumptions"] == provenance["assumptions"]
    assert told["assumptions"]["units"]["origin"] == "option"
    worker.ask("check", scene=str(scene), units="dn", id=2)
    assert worker.answer(2)["result"]["assumptions"]["units"] == told["assumptions"]["units"]


def test_writes_a_stack(worker, scene):
    out = scene.parent / "stack.tif"
    worker.ask("stack", scene=str(scene), out=str(out))

    assert worker.answer()["result"] == {"outputs": {"out": str(out)}}
    with rasterio.open(out) as dataset:
        assert dataset.descriptions == ("B2", "B3", "B4")
    assert hidden(scene.parent) == []
    assert f"Written: {out}" in [m.get("text") for m in worker.messages]


def test_check_maps_nothing_and_names_what_is_missing(worker, write_raster, scene):
    worker.ask("check", scene=str(scene))
    assert worker.answer()["result"]["bands"] == ["B4", "B3", "B2"]

    lacking = write_raster("blue.tif", np.full((1, 10, 10), 300, np.uint16), names=("B2",))
    worker.ask("check", scene=str(lacking), id="second")
    error = worker.answer("second")
    assert error["kind"] == "BandError"
    assert "lacks B4, B3" in error["message"]


def test_answers_several_requests_in_order(worker, scene):
    for number in range(3):
        worker.ask("check", scene=str(scene), id=number)
    assert [worker.until("result")["id"] for _ in range(3)] == [0, 1, 2]


GARBAGE = [
    (b"hello\n", "not JSON"),
    (b"\xff\xfe\x00\n", "not JSON"),
    (b"[1, 2]\n", "no object"),
    (b"[" * 50_000 + b"\n", "not JSON"),
    (b'{"method": "map"}\n', "no id"),
    (b'{"id": true, "method": "map"}\n', "no id"),
    (b'{"id": 1, "method": "fly"}\n', "unknown"),
    (b'{"id": 1, "method": ["map"]}\n', "unknown"),
    (b'{"id": 1, "method": "map", "params": []}\n', "no object"),
    (b'{"id": 1, "method": "map", "params": {}}\n', "'scene'"),
    (b'{"id": 1, "method": "map", "params": {"scene": "a", "reporter": 1}}\n', "'reporter'"),
    (b'{"id": 1, "method": "stack", "params": {"scene": "a"}}\n', "'out'"),
    (b'{"id": 1, "method": "map", "params": {"scene": "' + b"x" * MAX_LINE + b'"}}\n', "longer than"),
]


def test_garbage_is_an_error_and_the_worker_goes_on(worker, scene):
    for line, words in GARBAGE:
        worker.write(b"\n  \n" + line)
        error = worker.until("error")
        assert error["kind"] == "ProtocolError", line[:80]
        assert words in error["message"], line[:80]

    worker.ask("check", scene=str(scene), id=2)
    assert worker.answer(2)["type"] == "result"


def test_wrong_types_are_errors_not_the_end(worker, scene):
    worker.ask("map", scene=str(scene), threshold="high", min_area=None)
    assert worker.answer()["type"] == "error"
    assert worker.process.poll() is None


@pytest.mark.parametrize("name", ["inventory.txt", "missing/inventory.gpkg"])
def test_output_that_cannot_be_written(worker, scene, name):
    out = scene.parent / name
    worker.ask("map", scene=str(scene), out=str(out))
    error = worker.answer()

    assert error["kind"] == "OutputError"
    assert str(out.parent) in error["message"]
    assert sorted(p.name for p in scene.parent.iterdir()) == [scene.name]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="prints through /dev/stdout")
def test_what_libraries_print_does_not_disturb(start, scene):
    driver = start(CPL_DEBUG="ON", CPL_LOG="/dev/stdout")
    driver.until("hello")
    driver.ask("check", scene=str(scene))
    assert driver.answer()["type"] == "result"


@pytest.mark.parametrize("method", ["map", "stack"])
def test_an_output_that_is_an_input_is_refused(worker, scene, red_bundle, method):
    """Though the engine writes somewhere hidden first."""
    before = scene.read_bytes()
    params = {"scene": str(scene)} | ({"bundle": str(red_bundle)} if method == "map" else {})
    worker.ask(method, **params, **{"probability" if method == "map" else "out": str(scene)})
    error = worker.answer()
    assert error["kind"] == "OutputError"
    assert "is the scene that the run reads" in error["message"]
    assert ".l4s-staged" not in error["message"]
    assert scene.read_bytes() == before
    assert hidden(scene.parent) == []


def test_two_outputs_that_would_share_a_style_are_refused(worker, scene, red_bundle):
    out, probability = scene.parent / "a.geojson", scene.parent / "a.tif"
    worker.ask("map", scene=str(scene), bundle=str(red_bundle), out=str(out), probability=str(probability))
    assert "would both have the style a.qml" in worker.answer()["message"]


def test_an_output_that_another_run_writes_is_refused(worker, scene, red_bundle):
    out = scene.parent / "o.gpkg"
    params = {"scene": str(scene), "bundle": str(red_bundle), "out": str(out)}
    with claimed(out):
        worker.ask("map", **params)
        error = worker.answer()
        assert error["kind"] == "OutputError"
        assert f"another run (process {os.getpid()})" in error["message"]
    worker.ask("map", **params, id=2)
    assert worker.answer(2)["type"] == "result"
    assert hidden(scene.parent) == []


def test_one_worker_says_that_another_has_the_output(start, large_scene, tmp_path, red_bundle):
    params = {"scene": str(large_scene), "bundle": str(red_bundle), "out": str(tmp_path / "o.gpkg")}
    first, second = start(), start()
    first.ask("map", **params)
    first.until("progress", stage="map")
    second.ask("map", **params)
    assert f"another run (process {first.process.pid})" in second.answer()["message"]
    assert first.answer()["type"] == "result"
    assert [p.name for p in tmp_path.iterdir()] == ["o.gpkg"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scene", 5),
        ("scene", None),
        ("scene", {"B4": 1}),
        ("scene", [["a.tif"]]),
        ("threshold", "0.5"),
        ("overlap", 1.5),
        ("overlap", True),
        ("resume", "no"),
        ("offset", "-1000"),
        ("connectivity", "4"),
        ("mask_classes", "abc"),
        ("bands", "B4,B3,B2"),
        ("aoi", [1, 2, 3, 4]),
        ("dem", ["a.tif", 1]),
        ("bundle", ["rgb"]),
        ("tta", 4),
        ("device", None),
    ],
)
def test_a_parameter_of_another_kind_is_no_bug(name, value) -> None:
    with pytest.raises(ProtocolError, match=f"The parameter '{name}' is .*another kind"):
        _only({"scene": "a.tif", name: value}, map_scene)


@pytest.mark.parametrize(
    "params",
    [
        {"dem": None, "aoi": "1,2,3,4", "units": "dn", "offset": 0, "threshold": None, "batch": 4},
        {"dem": ["a.tif", "b.tif"], "mask_classes": [3, 8], "bands": ["B4"], "min_area": 500, "connectivity": 8},
        {"scene": {"B4": "a.tif"}, "resume": True, "fill_holes": 2.5, "units": "of another kind, which others say"},
    ],
)
def test_parameters_of_the_right_kinds_are_taken(params) -> None:
    assert _only({"scene": "a.tif", **params}, map_scene) == {"scene": "a.tif", **params}
    of_evaluate = {"inventory": "a.gpkg", "reference": ["b.gpkg"], "settings": {"iou": 0.5}}
    assert _only(of_evaluate, evaluate) == of_evaluate


@pytest.mark.parametrize("out", [5, ["a.gpkg"], {"a": 1}, True])
def test_an_output_that_is_no_text_does_not_end_the_worker(worker, scene, out) -> None:
    worker.ask("map", scene=str(scene), out=out)
    assert worker.until("error")["kind"] == "ProtocolError"
    worker.ask("check", scene=str(scene), id=2)
    assert worker.answer(2)["type"] == "result"


def test_a_report_and_a_comparison_with_one(worker, tmp_path):
    inventory, out = str(SAMPLE / "valley_reference.gpkg"), tmp_path / "report.html"
    worker.ask("report", inventory=inventory, scene=str(SAMPLE / "valley.tif"), out=str(out))
    result = worker.answer()["result"]
    assert result["outputs"] == {"out": str(out)}
    assert result["bytes"] == out.stat().st_size
    assert "data:image/webp" in out.read_text(encoding="utf-8")

    worker.ask("evaluate", inventory=inventory, reference=inventory, report=str(out))
    assert worker.answer()["result"]["outputs"] == {"report": str(out)}
    assert "Comparison with a reference" in out.read_text(encoding="utf-8")

    worker.ask("evaluate", inventory=inventory, reference=inventory, settings={"sun": [160]})
    assert "expected [azimuth, elevation]" in worker.answer()["message"]

    # A result that cannot be written is told before the other is.
    matches = tmp_path / "matches.gpkg"
    worker.ask("evaluate", inventory=inventory, reference=inventory, out=str(matches), report=str(tmp_path / "r.txt"))
    assert ".html" in worker.answer()["message"]
    assert not matches.exists()

    worker.ask("report", inventory=inventory, out=str(out), evaluation={})
    assert "ask evaluate for a report" in worker.answer()["message"]
    assert not hidden(tmp_path)


def test_a_map_with_a_report(worker, scene, tmp_path):
    out, report = tmp_path / "inventory.gpkg", tmp_path / "report.html"
    worker.ask("map", scene=str(scene), out=str(out), report=str(report))
    assert worker.answer()["result"]["outputs"] == {"out": str(out), "report": str(report)}
    assert "data:image/webp" in report.read_text(encoding="utf-8")
    worker.ask("map", scene=str(scene), report=str(report), id=2)
    assert "needs the parameter 'out'" in worker.answer(2)["message"]
    worker.ask("map", scene=str(scene), out=str(tmp_path / "other.gpkg"), report=str(tmp_path / "r.txt"), id=3)
    assert "expected one of .html" in worker.answer(3)["message"]
    assert not (tmp_path / "other.gpkg").exists()
    assert not hidden(tmp_path)


def test_a_bundle_is_taught(worker, tmp_path):
    pytest.importorskip("lightgbm")
    scene = SAMPLE / "valley.tif"
    outlines = gpd.read_file(SAMPLE / "valley_reference.gpkg", layer="landslides")
    looked = shapely.box(420_000, 3_086_500, 425_120, 3_090_000)
    outlines.to_file(tmp_path / "labels.gpkg")
    gpd.GeoDataFrame(geometry=[looked], crs=outlines.crs).to_file(tmp_path / "area.gpkg")
    files = {"labels": str(tmp_path / "labels.gpkg"), "area": str(tmp_path / "area.gpkg"), "out": str(tmp_path / "v2")}
    files |= {"bundle": "rgb-fast"}
    worker.ask("teach", scene=str(scene), **files, suggest=2, suggestions=str(tmp_path / "next.gpkg"))
    result = worker.answer()["result"]
    assert result["bundle"] == result["outputs"]["out"] == str(tmp_path / "v2")
    assert result["scores"]["labels_f1"] > result["scores"]["labels_base_f1"]
    assert (tmp_path / "next.gpkg").exists()
    assert hidden(tmp_path) == []
    del files["area"]
    worker.ask("teach", scene=str(scene), **files)
    assert worker.answer()["kind"] == "TeachingError"
    assert (tmp_path / "v2" / "bundle.json").exists()


def test_exports_an_inventory_like_the_function(worker, tmp_path):
    from l4s_geo import events

    inventory, out = str(SAMPLE / "valley_reference.gpkg"), tmp_path / "Katalog ü.geojson"
    worker.ask("export", inventory=inventory, schema="usgs", geometry="polygons", out=str(out))
    answer = worker.answer()
    count = events.export(inventory, schema="usgs", geometry="polygons", out=tmp_path / "same.geojson")
    assert answer["result"] == {"features": count, "outputs": {"out": str(out)}}
    assert gpd.read_file(out).equals(gpd.read_file(tmp_path / "same.geojson"))
    worker.ask("export", inventory=inventory, schema="nasa", out=str(out))
    assert worker.answer()["message"] == "There is no catalogue 'nasa'; expected one of coolr, uglc, usgs."


def test_searches_scenes_of_an_event(worker, tmp_path, server):
    from l4s_geo.events.event_file import new_event, read_event
    from searched_scenes import add_scene, degrees
    from stac_api import stac_api

    event = tmp_path / "iburi.yaml"
    new_event(event, area=[round(side, 4) for side in degrees()], date="2018-09-06", trigger="earthquake")
    scenes = [add_scene(server.root, server.url, day) for day in ("2018-08-08", "2018-09-12")]
    with stac_api(tmp_path / "catalogue", {"sentinel-2-l2a": scenes, "cop-dem-glo-30": []}) as (url, _):
        worker.ask("event_search", event=str(event), api=url)
        result = worker.answer()["result"]
    assert [(scene["side"], scene["date"], scene["chosen"]) for scene in result["scenes"]] == [
        ("before", "2018-08-08", True),
        ("after", "2018-09-12", True),
    ]
    assert "has no elevations of the area" in result["notes"][0]
    assert len(read_event(event).after) == 1
    worker.ask("event_describe", event=str(event))
    assert "has no results to describe" in worker.answer()["message"]

"""What stands in a report, for every format and for bad input."""

from __future__ import annotations

import ast
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from click.testing import CliRunner

import l4s_geo
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.cli.evaluate import main as evaluate_command
from l4s_geo.cli.map import main as map_command
from l4s_geo.cli.report import main
from l4s_geo.errors import OutputError, ReportError
from l4s_geo.evaluation.evaluate import Settings
from l4s_geo.evaluation.summary import tables
from l4s_geo.inventory.facts import read_facts
from l4s_geo.inventory.formats import FORMATS
from l4s_geo.reporting import report as module
from l4s_geo.reporting.commands import evaluate_command as evaluate_command_of
from l4s_geo.reporting.commands import map_command as map_command_of
from l4s_geo.reporting.commands import report_command
from l4s_geo.reporting.german import SENTENCES, sentence, table_words
from l4s_geo.reporting.landslides import read_landslides
from l4s_geo.reporting.texts import LANGUAGES, SCRIPT, TEXTS
from l4s_geo.reporting.view import Scenes
from l4s_geo.stack.sun import Sun
from support import ORIGIN, TRANSFORM, make_bundle

from .conftest import HOSTILE, data_of, decode, facts_of, landslides, save, write_scene


class _Words(HTMLParser):
    """The words of a page in one language."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language
        self._skipped: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attributes):
        other = dict(attributes).get("lang", self._language) in set(LANGUAGES) - {self._language} and tag == "span"
        if self._skipped or other or tag in ("script", "style"):
            self._skipped += [] if tag in ("meta", "link", "input", "img", "br", "image", "path") else [tag]

    def handle_endtag(self, tag):
        if self._skipped:
            self._skipped.pop()

    def handle_data(self, data):
        if not self._skipped:
            self.words.append(data)


def words(page, language="en") -> str:
    parser = _Words(language)
    parser.feed(page.read_text(encoding="utf-8"))
    return " ".join(" ".join(parser.words).split())


def test_a_whole_report(made):
    assert l4s_geo.report(made.inventory, out=made.out, scene=made.scene, before=made.before) == made.out
    text = words(made.out)
    frame = gpd.read_file(made.inventory, layer="landslides")
    assert "20 landslides" in text
    assert f"{frame.area.sum() / 1e6:.3f} km² of landslides" in text
    assert "14.4 km² of ground mapped" in text  # 400 × 400 pixels of 10 m, nine tenths of them
    assert "5.0 % of the scene masked" in text
    assert "Landslides that touch the edge of the data and may go on beyond it: 1." in text
    assert "The scene is L2A; the model was trained on L1C." in text
    assert "Landslides of low confidence, of which 32 % were right in tests: 7." in text
    assert "decisions on safety or evacuation" in text
    assert f"F1 {find_bundle('rgb').scores['test_f1']:.2f}" in text
    assert "taken 2018-09-06 01:30 UTC" in text
    assert "l4s-map" in text
    assert "--threshold 0.366 --crf off --terrain-prior off" in text
    assert f"l4s report {made.inventory} --scene {made.scene} --before {made.before} --out {made.out}" in text
    data = data_of(made.out)
    assert data["count"] == 20
    assert sorted(decode(data["attributes"]["id"])) == list(range(1, 21))
    assert decode(data["attributes"]["area"]) == sorted(frame.area.round().astype(int), reverse=True)
    assert set(data["pictures"][0]) == {"0/0/0", "0/0/1", "0/1/0", "0/1/1", "1/0/0"}
    assert data["width"] == data["height"] == 400
    assert [plot["name"] for plot in data["plots"]] == ["sizes", "slope", "elevation", "aspect"]
    assert made.out.read_text().count("<svg viewBox") == 20  # ten largest, before and after


def testtable_words(made):
    l4s_geo.report(made.inventory, out=made.out, scene=made.scene)
    text = words(made.out, "de")
    assert "14,4 km² kartierter Boden" in text
    assert "Rutschungen, die den Rand der Daten berühren" in text
    assert "Landslide inventory" not in text


def test_texts_are_complete():
    pattern = re.compile(r"\{(\w+)\}")
    for name, both in TEXTS.items():
        assert len(both) == len(LANGUAGES)
        assert all(both), name
        assert set(pattern.findall(both[0])) == set(pattern.findall(both[1])), name
    assert set(SCRIPT) <= set(TEXTS)


def test_the_magnitude_is_that_of_all_landslides(made, monkeypatch):
    monkeypatch.setattr(module, "fit_sizes", lambda area, unit: (len(area), unit))
    found = SimpleNamespace(area=np.full(300_000, 900.0))
    assert module._sizes(found, {"min_area": 700.0}) == (300_000, 700.0)
    assert module._sizes(found, {"min_area": "much"}) == (300_000, 500.0)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_reads_back(tmp_path, suffix):
    scene = write_scene(tmp_path / "scene.tif")
    path = tmp_path / f"inventory{suffix}"
    save(landslides(9), path, facts_of(scene))
    found, facts = read_landslides(path), read_facts(path)
    assert facts == facts_of(scene)
    assert found.crs.to_epsg() == 32645
    np.testing.assert_allclose(found.area, sorted(landslides(9).area, reverse=True), rtol=1e-3)
    order = found.ids - 1
    np.testing.assert_allclose(found.number("slope_mean_deg"), landslides(9)["slope_mean_deg"][order], rtol=1e-6)
    assert found.words["confidence"].tolist() == landslides(9)["confidence"][order].tolist()
    assert found.number("touches_edge").sum() == 1
    l4s_geo.report(path, out=tmp_path / "report.html")
    assert data_of(tmp_path / "report.html")["count"] == 9
    assert len(data_of(tmp_path / "report.html")["pictures"]) == 1


def test_polygons_of_somebody_else(tmp_path):
    path = tmp_path / "drawn.geojson"
    gpd.GeoDataFrame({"kind": ["a"] * 3}, geometry=landslides(3).geometry).set_crs(32645).to_crs(4326).to_file(path)
    l4s_geo.report(path, out=tmp_path / "report.html")
    text = words(tmp_path / "report.html")
    assert "The file does not say how it was made" in text
    assert "no scene was given, and the inventory names none" in text
    assert "The inventory names no model" in text
    assert data_of(tmp_path / "report.html")["pictures"] == []


def test_a_scene_that_is_gone_is_said(made):
    made.scene.unlink()
    l4s_geo.report(made.inventory, out=made.out)
    assert f"the scene that the inventory names is no longer there ({made.scene})" in words(made.out)
    assert data_of(made.out)["pictures"] == []
    with pytest.raises(ReportError, match="An earlier scene was given but the scene itself"):
        l4s_geo.report(made.inventory, out=made.out, before=made.before)


def test_a_scene_may_be_named_from_the_inventory_on(made):
    bands = {band: f"{made.scene.name}#{number}" for number, band in enumerate(("B2", "B3", "B4"), 1)}
    save(landslides(3), made.inventory, facts_of(made.scene, bands=bands))
    l4s_geo.report(made.inventory, out=made.out)
    assert data_of(made.out)["pictures"]


def test_a_scene_that_is_named_but_damaged_is_said(made):
    made.scene.write_bytes(made.scene.read_bytes()[:2000])
    l4s_geo.report(made.inventory, out=made.out)
    assert "the scene that the inventory names cannot be read" in words(made.out)


def test_an_inventory_never_makes_a_report_fetch_something(made):
    for place in ("https://example.org/x.tif", "/vsicurl/https://example.org/x.tif"):
        facts = facts_of(made.scene) | {"bands": dict.fromkeys(("B2", "B3", "B4"), f"{place}#1")}
        save(landslides(3), made.inventory, facts)
        l4s_geo.report(made.inventory, out=made.out)
        assert "is no longer there" in words(made.out)


def test_a_scene_elsewhere_is_an_error(made, write_raster):
    values = np.full((3, 50, 50), 900, np.uint16) + np.arange(50, dtype=np.uint16)
    away = replace_corner(TRANSFORM, 100_000)
    scene = write_raster("away.tif", values, transform=away, names=("B2", "B3", "B4"))
    with pytest.raises(ReportError, match="None of the 20 landslides of the inventory lies on the scene away"):
        l4s_geo.report(made.inventory, out=made.out, scene=scene)
    assert not made.out.exists()


def replace_corner(transform, by: float):
    return type(transform)(transform.a, 0, transform.c + by, 0, transform.e, transform.f)


def test_another_scene_than_the_mapped_one_is_said(made):
    l4s_geo.report(made.inventory, out=made.out, scene=made.before)
    text = words(made.out)
    assert "The picture is of the scene before; the inventory says that it was made from after." in text


def test_an_empty_inventory(made):
    save(landslides(0), made.inventory, facts_of(made.scene))
    l4s_geo.report(made.inventory, out=made.out)
    assert "The inventory holds no landslide." in words(made.out)
    made.scene.unlink()
    l4s_geo.report(made.inventory, out=made.out)
    assert "0 landslides" in words(made.out)


def test_a_patch_lies_in_its_own_metres(tmp_path):
    frame = landslides(3)
    frame = frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), lambda p: p - ORIGIN)).set_crs(
        None, allow_override=True
    )
    save(frame, tmp_path / "patch.gpkg", {"scene": "image_1"})
    l4s_geo.report(tmp_path / "patch.gpkg", out=tmp_path / "report.html")
    assert "latitude" not in data_of(tmp_path / "report.html")["attributes"]


def test_names_that_contain_html_do_nothing(tmp_path):
    scene = write_scene(tmp_path / "scene.tif")
    path = tmp_path / "inventory.gpkg"
    facts = facts_of(scene, scene=HOSTILE, acquired=HOSTILE, created=HOSTILE, **{HOSTILE: HOSTILE})
    facts["assumptions"] = {"units": {"value": HOSTILE, "origin": "values", "because": HOSTILE}}
    save(landslides(4, confidence=HOSTILE), path, facts)
    l4s_geo.report(path, out=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<img src=x" not in page
    assert "49" not in words(tmp_path / "report.html").replace("490", "")
    assert page.count("</script>") == 4  # data, Leaflet, uPlot, the page's own
    save(landslides(4), path, facts | {"bundle": HOSTILE, "shape": HOSTILE, "bands": [HOSTILE]})
    l4s_geo.report(path, out=tmp_path / "report.html")
    assert "<img src=x" not in (tmp_path / "report.html").read_text()


def test_facts_that_are_nonsense_are_left_aside(made):
    for facts in (
        {"bands": {"B4": 7}, "shape": [1e400, "x"], "valid_share": "much", "masked_share": [], "min_area": True},
        {"bands": dict.fromkeys(("B2", "B3", "B4"), f"{'x' * 5000}\x00#1")},
        {"bands": {"B4": "x#999999999999", "B3": "x#2"}, "dem": "dem.tif", "offset": [1], "assumptions": "none"},
    ):
        save(landslides(3), made.inventory, facts)
        l4s_geo.report(made.inventory, out=made.out)
        assert "3 landslides" in words(made.out)


def test_the_page_runs_its_own_scripts_only(made):
    l4s_geo.report(made.inventory, out=made.out)
    page = made.out.read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe" not in policy
    assert "img-src data:;" in policy
    assert not re.search(r"<[^>]*\s(?:style|on\w+)=", re.sub(r"<script.*?</script>", "", page, flags=re.S))
    outside = re.findall(r'(?:src|href)="([^"]*)"', re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert all(place.startswith(("data:", "#")) for place in outside)
    assert "sourceMappingURL" not in page
    assert "Redistributions in binary form must reproduce the above copyright" in page
    assert "Copyright (c) 2022 Leon Sorokin" in page


def test_assumptions_are_warned_of(made):
    assumptions = {
        "units": {"value": "digital numbers", "origin": "values", "because": "they reach 9000", "option": "units"},
        "date": {"value": "2018-09-06", "origin": "metadata", "because": "", "option": ""},
    }
    save(landslides(3), made.inventory, facts_of(made.scene, assumptions=assumptions))
    l4s_geo.report(made.inventory, out=made.out)
    text = words(made.out)
    assert "Taken for granted without being told: units: digital numbers (they reach 9000). Where" in text
    assert "2018-09-06;" not in text


def test_further_scenes_are_named(made):
    scenes = {"after_scenes": [{"scene": "after"}], "before_scenes": [{"scene": "june"}, {"scene": "july"}, 7]}
    save(landslides(3), made.inventory, facts_of(made.scene, **scenes))
    l4s_geo.report(made.inventory, out=made.out)
    assert "without them another map results: june, july." in words(made.out)


def test_a_bundle_of_another_version_lends_no_figures(made):
    save(landslides(3), made.inventory, facts_of(made.scene, bundle_sha256="0" * 64, bundle_version="1"))
    l4s_geo.report(made.inventory, out=made.out)
    text = words(made.out)
    assert "The bundle rgb, version 1, that made this inventory is not installed here" in text
    assert "F1 0.7" not in text


def test_newness_can_be_filtered(tmp_path):
    frame = landslides(4).assign(is_new=[True, False, True, False], p_new=[0.9, 0.1, 0.8, np.nan])
    frame.to_file(tmp_path / "new.gpkg", layer="landslides")
    l4s_geo.report(tmp_path / "new.gpkg", out=tmp_path / "report.html")
    data = data_of(tmp_path / "report.html")
    order = np.argsort(-frame.area.to_numpy())
    assert decode(data["attributes"]["is_new"]) == frame["is_new"].astype(int).to_numpy()[order].tolist()
    assert decode(data["attributes"]["new"]) == [[900, 100, 800, -1][i] for i in order]
    assert "2 of them new" in words(tmp_path / "report.html")


def test_terrain_from_a_dem(made, write_raster):
    frame = landslides(6).assign(**dict.fromkeys(("slope_mean_deg", "aspect_deg", "elev_min_m", "elev_max_m"), np.nan))
    save(frame, made.inventory, facts_of(made.scene))
    l4s_geo.report(made.inventory, out=made.out)
    assert "Slope, aspect and elevation are not known" in words(made.out)
    assert "No elevation model was given" in words(made.out)
    # A plane that rises by 0.5 to the east faces west.
    plane = np.broadcast_to(100 + 5.0 * np.arange(500, dtype=np.float32), (1, 500, 500))
    dem = write_raster("dem.tif", plane, transform=replace_corner(TRANSFORM, -500))
    l4s_geo.report(made.inventory, out=made.out, dem=dem)
    attributes = data_of(made.out)["attributes"]
    assert set(decode(attributes["aspect"])) == {270}
    assert np.allclose(decode(attributes["slope"]), 10 * np.degrees(np.arctan(0.5)), atol=1)
    assert "elevation" in attributes


def test_masked_ground_is_shown(made, write_raster):
    mask = np.zeros((1, 400, 400), np.uint8)
    mask[:, :, :40] = 1
    l4s_geo.report(made.inventory, out=made.out, scene=made.scene, mask=write_raster("mask.tif", mask))
    assert data_of(made.out)["hidden"].startswith("data:image/webp;base64,")
    assert "10.0 % of the scene is masked: hatched in magenta on the map." in words(made.out)


def test_ten_thousand_polygons_stay_under_ten_megabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fit_sizes", lambda *_: None)
    random = np.random.default_rng(0)
    corners = np.array(ORIGIN) + random.uniform(0, 50_000, (10_000, 2)).round(-1) * (1, -1)
    steps = np.array([(0, 0), (50, 0), (50, -20), (30, -20), (30, -60), (10, -60), (10, -30), (0, -30)])
    shapes = [shapely.Polygon(corner + steps) for corner in corners]
    gpd.GeoDataFrame({"confidence": ["high"] * 10_000}, geometry=shapes, crs=32645).to_file(tmp_path / "many.gpkg")
    l4s_geo.report(tmp_path / "many.gpkg", out=tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 2e6
    assert data_of(tmp_path / "report.html")["count"] == 10_000
    monkeypatch.setattr(module, "_MOST_DRAWN", 1_000)
    l4s_geo.report(tmp_path / "many.gpkg", out=tmp_path / "report.html")
    assert data_of(tmp_path / "report.html")["count"] == 1_000
    assert "show the 1,000 largest of 10,000 outlines" in words(tmp_path / "report.html")
    assert "10,000 landslides" in words(tmp_path / "report.html")


def test_of_a_comparison(tmp_path, made):
    reference = tmp_path / "reference.gpkg"
    shapes = [
        *landslides(12).geometry,
        shapely.box(ORIGIN[0] + 3000, ORIGIN[1] - 3900, ORIGIN[0] + 3300, ORIGIN[1] - 3600),
    ]
    gpd.GeoDataFrame(geometry=shapes, crs=32645).to_file(reference)
    arguments = [str(made.inventory), "--reference", str(reference), "--report", str(made.out)]
    run = CliRunner().invoke(evaluate_command, arguments)
    assert run.exit_code == 0, run.output
    data = data_of(made.out)
    kinds = np.array(data["kinds"])[decode(data["attributes"]["kind"])]
    assert {name: int((kinds == name).sum()) for name in data["kinds"]} == {
        "hit": 12,
        "false": 8,
        "missed": 1,
        "reference": 12,
    }
    assert data["pictures"]  # of the scene that the inventory names
    text = words(made.out)
    assert f"Reference: {reference}." in text
    assert "Judged: 20 of 20 landslides of the inventory" in text
    assert "12 right, of 20 judged 12 found, of 13 of the reference" in text
    assert f"l4s evaluate {made.inventory} --reference {reference} --report {made.out}" in text
    assert data["ground"] == []
    assert "Pixels of 10 m" in text
    assert "By size" in text
    assert "Note: no area was given" in text
    assert "Genauigkeit" in words(made.out, "de")


def test_the_ground_that_was_judged_is_drawn(tmp_path, made):
    x, y = ORIGIN
    area, doubt = tmp_path / "area.gpkg", tmp_path / "doubt.gpkg"
    hole = [(x + 1000, y - 1000), (x + 1200, y - 1000), (x + 1200, y - 1200), (x + 1000, y - 1200)]
    looked = shapely.Polygon([(x, y), (x + 3000, y), (x + 3000, y - 3000), (x, y - 3000)], [hole])
    gpd.GeoDataFrame(geometry=[looked], crs=32645).to_file(area)
    gpd.GeoDataFrame(geometry=[shapely.box(x, y - 3500, x + 500, y - 2500)], crs=32645).to_crs(4326).to_file(doubt)
    files = ["--reference", str(made.inventory), "--area", str(area), "--doubtful", str(doubt)]
    for imagery in (True, False):
        if not imagery:
            made.scene.unlink()
        run = CliRunner().invoke(evaluate_command, [str(made.inventory), *files, "--report", str(made.out)])
        assert run.exit_code == 0, run.output
        data = data_of(made.out)
        assert bool(data["pictures"]) == imagery
        assert [one["name"] for one in data["ground"]] == ["looked", "doubt"]
        assert decode(data["ground"][0]["parts"]) == [2]  # with its hole
        points = np.cumsum(np.reshape(decode(data["ground"][0]["points"]), (-1, 2)), axis=0) * 10
        assert np.ptp(points, axis=0).tolist() == [3000, 3000]
        text = words(made.out)
        assert "Ground that was looked at" in text
        assert "Doubtful ground, not judged" in text
        assert "Durchgesehener Boden" in words(made.out, "de")


def test_a_comparison_shows_a_reference_far_from_the_inventory(tmp_path):
    near = shapely.box(ORIGIN[0], ORIGIN[1] - 100, ORIGIN[0] + 100, ORIGIN[1])
    far = shapely.affinity.translate(near, 40_000, -20_000)
    gpd.GeoDataFrame(geometry=[near], crs=32645).to_file(tmp_path / "i.gpkg")
    gpd.GeoDataFrame(geometry=[near, far], crs=32645).to_file(tmp_path / "r.gpkg")
    gpd.GeoDataFrame(geometry=[near], crs=4326).iloc[:0].to_file(tmp_path / "empty.gpkg")
    for inventory, count in (("i.gpkg", 3), ("empty.gpkg", 2)):
        found = l4s_geo.evaluate(tmp_path / inventory, tmp_path / "r.gpkg")
        l4s_geo.report(tmp_path / inventory, out=tmp_path / "r.html", evaluation=found)
        data = data_of(tmp_path / "r.html")
        assert data["count"] == count
        assert data["width"] * 10 >= 40_000
        assert data["height"] * 10 >= 20_000


def test_the_command_of_a_comparison_is_a_command(made, tmp_path, write_raster):
    folder = tmp_path / "it's"
    folder.mkdir()
    for layer, count in (("a b", 5), ("other", 5), ("doubt", 1)):
        landslides(count)[["geometry"]].to_file(folder / "r.gpkg", layer=layer)
    reference, area, doubt = (f"{folder / 'r.gpkg'}|layername={layer}" for layer in ("a b", "other", "doubt"))
    plane = np.full((1, 500, 500), 100, np.float32)
    dem = write_raster("dem.tif", plane, transform=replace_corner(TRANSFORM, -500))
    settings = Settings(iou=0.3, share=0.123456789, min_area=1234567.5, sun=Sun(165.25, 31))
    found = l4s_geo.evaluate(made.inventory, reference, area, [doubt], None, dem, settings)
    program, *words_ = shlex.split(evaluate_command_of(found, "r e.html"))
    given = evaluate_command.make_context(program, words_[1:]).params
    assert {name: given[name] for name in ("inventory", "reference", "area", "doubtful", "dem", "report")} == {
        "inventory": str(made.inventory),
        "reference": (reference,),
        "area": area,
        "doubtful": (doubt,),
        "dem": (str(dem),),
        "report": "r e.html",
    }
    assert [given[name] for name in ("iou", "share", "min_area")] == [0.3, 0.123456789, 1234567.5]
    assert given["sun"] == (165.25, 31)
    assert "--iou" not in evaluate_command_of(l4s_geo.evaluate(made.inventory, reference), "r.html")


def test_words_of_a_comparison_are_translated(tmp_path, made):
    found = l4s_geo.evaluate(made.inventory, made.inventory)
    english = {word for title, heads, rows in tables(found) for word in (title, *heads, *(row[0] for row in rows))}
    assert {word for word in english if table_words(word) == word} <= {"", "95 %", "F1", "IoU"}
    assert table_words("from 2,000 m²") == "ab 2.000 m²"
    assert table_words("0.600 to 0.700") == "0,600 bis 0,700"


def test_what_a_run_assumed_is_told_in_german(made):
    # Every ground on which something is assumed has a translation, and every translation its sentence.
    said, written = set(), set()
    for path in Path(l4s_geo.__file__).parent.rglob("*.py"):
        if path.parent.name == "reporting":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            written.add(template(node))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Assumption":
                origin = next((a.value for a in node.args[1:2] if isinstance(a, ast.Constant)), "values")
                said |= {template(a) for a in node.args[:3:2]} if origin in ("values", "default") else set()
    assert said > {"{} bands without names fit {}", "nothing says otherwise"}
    assert {text for text in said if re.search("[a-z]", text)} - {"Sentinel-2"} <= set(SENTENCES)
    parts = {text for text in SENTENCES if not any(text in it for it in written)}
    assert parts == {"reference {}"}
    for english, german in SENTENCES.items():
        assert english.count("{}") == german.count("{}"), english
        assert sentence(english.replace("{}", "x")) == german.replace("{}", "x")

    assumptions = {
        "units": {"value": "digital numbers (reflectance × 10000)", "origin": "values"},
        "order": {"value": "B2", "origin": "values", "because": "13 bands without names fit Sentinel-2's 13"},
        "nodata": {"value": "0 in every band", "origin": "default", "because": "<b>a tenth</b>"},
    }
    assumptions["units"]["because"] = "a tenth are under 561.5, 99 % under 1575"
    save(landslides(3), made.inventory, facts_of(made.scene, assumptions=assumptions))
    l4s_geo.report(made.inventory, out=made.out)
    text = words(made.out, "de")
    assert "Einheiten: digitale Werte (Reflektanz × 10000) (ein Zehntel liegt unter 561,5, 99 % unter 1575)" in text
    assert "Kanäle: B2 (13 Kanäle ohne Namen, wie die 13 von Sentinel-2)" in text
    assert '<span lang="en-GB">&lt;b&gt;a tenth&lt;/b&gt;</span>' in made.out.read_text()  # not known
    assert "Es beschreibt sich auf Englisch so: " in text
    assert "Aus der Modellkarte, auf Englisch:" in text


def template(node) -> str:
    """The text of a string in Python, with braces where values are filled in; "" if it is none."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_notes_of_a_comparison_are_told_in_german(tmp_path):
    x, y = ORIGIN
    bow = shapely.Polygon([(x, y), (x + 100, y - 100), (x + 100, y), (x, y - 100)])
    mixed = [bow, shapely.box(x, y - 200, x + 200, y), shapely.Point(x, y)]
    gpd.GeoDataFrame(geometry=mixed, crs=32645).to_crs(4326).to_file(tmp_path / "a.geojson")
    notes = l4s_geo.evaluate(tmp_path / "a.geojson", tmp_path / "a.geojson").layers.notes
    assert len(notes) == 7  # three of each side, and that no area was given
    assert all(map(sentence, notes))


def test_mapping_writes_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fit_sizes", lambda *_: None)
    scene = write_scene(tmp_path / "scene.tif")
    bundle = make_bundle(tmp_path / "linear", ("B4",), "fixed", slope=50, shift=-120)
    options = [
        "--bundle",
        str(bundle),
        "--out",
        str(tmp_path / "i.gpkg"),
        "--device",
        "cpu",
        "--quiet",
        "--min-area",
        "100",
    ]
    run = CliRunner().invoke(map_command, [str(scene), *options, "--report", str(tmp_path / "r.html")])
    assert run.exit_code == 0, run.output
    assert data_of(tmp_path / "r.html")["count"] == len(gpd.read_file(tmp_path / "i.gpkg", layer="landslides"))
    run = CliRunner().invoke(map_command, [str(scene), *options, "--report", str(tmp_path / "r.pdf")])
    assert run.exit_code == 2
    assert "The report" in run.output


def test_the_command(made, tmp_path):
    run = CliRunner().invoke(main, [str(made.inventory), "--scene", str(made.scene), "--out", str(made.out)])
    assert run.exit_code == 0, run.output
    assert made.out.is_file()
    for arguments, message in (
        ([str(tmp_path / "no.gpkg"), "--out", str(made.out)], "The inventory"),
        ([str(made.inventory), "--out", str(tmp_path / "r.txt")], "expected one of .html"),
        ([str(made.inventory), "--scene", str(tmp_path / "no.tif"), "--out", str(made.out)], "no.tif"),
    ):
        run = CliRunner().invoke(main, arguments)
        assert run.exit_code == 2
        assert message in run.output
        assert len(run.output.strip().splitlines()) == 1


def test_points_are_no_inventory(tmp_path):
    gpd.GeoDataFrame(geometry=[shapely.Point(ORIGIN)], crs=32645).to_file(tmp_path / "points.gpkg")
    with pytest.raises(ReportError, match="holds no polygon but Point"):
        l4s_geo.report(tmp_path / "points.gpkg", out=tmp_path / "report.html")
    with pytest.raises(OutputError):
        l4s_geo.report(tmp_path / "points.gpkg", out=tmp_path / "none" / "report.html")


def test_facts_beside_a_file_may_be_damaged(tmp_path):
    save(landslides(2), tmp_path / "i.geojson", {"scene": "x"})
    for text in ("{", "[1]", json.dumps({"scene": "y" * (5 << 20)})):
        (tmp_path / "i.geojson.provenance.json").write_text(text)
        assert read_facts(tmp_path / "i.geojson") == {}


def test_the_commands_that_make_it_again_are_commands(made, tmp_path):
    dem = str(tmp_path / "it's a dem.tif")
    facts = facts_of(made.scene, dem=[dem], tta="flips", offset={"B2": -1000.0, "B3": -1000.0}, sensor="sentinel-2")
    facts["event"] = {"event": "Iburi, 2018's", "event_date": "2018-09-06", "trigger": ""}
    text = map_command_of(facts, "i n.gpkg")
    program, *words_ = shlex.split(text)
    given = map_command.make_context(program, words_).params
    assert given["scene"] == (str(made.scene),)
    assert given["bands"] == ["B2", "B3", "B4"]
    assert (given["dem"], given["tta"], given["offset"], given["out"]) == ((dem,), "flips", -1000, "i n.gpkg")
    assert (given["threshold"], given["crf"], given["terrain_prior"]) == (0.366, "off", "off")
    assert (given["event"], given["event_date"], given["trigger"]) == ("Iburi, 2018's", "2018-09-06", "")
    files = {band: f"{band}.tif#1" for band in ("B2", "B3", "B4")}
    program, *words_ = shlex.split(map_command_of({"bands": files}, "i.gpkg"))
    assert map_command.make_context(program, words_).params["files"] == {band: f"{band}.tif" for band in files}
    given = Scenes(scene=files, before=["a b.tif", files], bands=["B2"], mask="m.tif", units="dn", offset=5.0)
    program, *words_ = shlex.split(report_command("i.gpkg", "r.html", given, dem))
    parsed = main.make_context("l4s report", words_[1:]).params
    assert (parsed["files"], parsed["before_files"], parsed["before"]) == (files, files, ("a b.tif",))
    assert (parsed["dem"], parsed["mask"], parsed["units"], parsed["offset"]) == ((dem,), "m.tif", "dn", 5.0)

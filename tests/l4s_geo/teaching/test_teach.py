"""Teaching as users do it: labels in, a bundle out, which maps; and what cannot be taught."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner

import l4s_geo
from l4s_geo.bundles.item import read_bundle
from l4s_geo.bundles.registry import add_bundle, find_bundle, installed, remove_bundle
from l4s_geo.cli.main import main
from l4s_geo.errors import BandError, BundleError, L4SError, OutputError, TeachingError
from l4s_geo.output.staging import check_output
from l4s_geo.pipeline import run_plan
from l4s_geo.plan import Plan
from support import ORIGIN

pytest.importorskip("lightgbm")
pytest.importorskip("onnx")


@pytest.fixture
def taught(taught_scene, installed_base, save, slides, looked, tmp_path):
    """A bundle that was taught on the northern half."""
    labels, area = save("labels.gpkg", slides), save("area.gpkg", [looked])
    return l4s_geo.teach(taught_scene, labels=labels, area=area, bundle=installed_base, out=tmp_path / "after")


def f1(found, slides, tmp_path) -> float:
    """F1 by area on the southern half, which was not labelled."""
    south = shapely.box(ORIGIN[0], ORIGIN[1] - 3000, ORIGIN[0] + 3000, ORIGIN[1] - 1800)
    ours, true = (shapely.union_all(list(shapes)).intersection(south) for shapes in (found.geometry, slides))
    return 2 * ours.intersection(true).area / (ours.area + true.area)


def test_the_taught_bundle_maps_better_than_its_base(taught, taught_scene, installed_base, slides, tmp_path):
    before = l4s_geo.map_scene(taught_scene, bundle=installed_base)
    mapped = run_plan(Plan.of(scene=taught_scene, bundle=tmp_path / "after", out=tmp_path / "second.gpkg"))
    assert f1(mapped.landslides, slides, tmp_path) > 0.9 > f1(before, slides, tmp_path)
    assert mapped.provenance["taught"]["base"] == "brightness"
    assert mapped.provenance["bundle_sha256"] == taught.sha256 != find_bundle(installed_base).sha256
    assert json.dumps(mapped.provenance)


def test_the_bundle_says_what_it_is(taught, slides, looked, tmp_path):
    known = taught.taught
    assert known.base_sha256 == find_bundle("brightness").sha256
    north = [shape for shape in slides if shape.intersects(looked)]
    assert known.landslides == len(north) < len(slides)
    assert known.landslide_m2 == sum(shape.intersection(looked).area for shape in north)
    assert known.scores.f1 > known.base_scores.f1
    assert sorted(path.name for path in (tmp_path / "after").iterdir()) == ["README.md", "bundle.json", "trees.onnx"]
    assert taught == find_bundle(tmp_path / "after")
    item = json.loads((tmp_path / "after" / "bundle.json").read_text())
    assert (item["type"], item["stac_version"]) == ("Feature", "1.1.0")
    assert list(item["assets"]) == ["trees.onnx"]
    assert "Out of fold" in taught.card()
    shown = CliRunner().invoke(main, ["bundles", "show", str(tmp_path / "after")])
    assert "taught on  brightness" in shown.output
    assert "labels base" in shown.output


def test_it_goes_where_a_bundle_goes(taught, taught_scene, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "after")
    assert find_bundle(packed).sha256 == taught.sha256
    add_bundle(packed)
    assert "after" in installed()
    assert len(l4s_geo.map_scene(taught_scene, bundle="after")) > 50


def test_a_resumed_map_is_the_undisturbed_one(taught, taught_scene, tmp_path, monkeypatch):
    from l4s_geo.inference import taught as stage

    expected = l4s_geo.map_scene(taught_scene, bundle=tmp_path / "after")
    # Blocks of any size give the same map.
    monkeypatch.setattr(stage, "BLOCK", (128, 200))
    judge, done = stage._judge, []

    def dies(*arguments):
        if done:
            raise KeyboardInterrupt
        done.append(judge(*arguments))

    out = tmp_path / "map.gpkg"
    monkeypatch.setattr(stage, "_judge", dies)
    with pytest.raises(KeyboardInterrupt):
        l4s_geo.map_scene(taught_scene, bundle=tmp_path / "after", out=out)
    monkeypatch.setattr(stage, "_judge", judge)
    resumed = l4s_geo.map_scene(taught_scene, bundle=tmp_path / "after", out=out, resume=True)
    assert resumed.geometry.equals(expected.geometry)


def test_single_polygons_and_strokes_are_enough(taught_scene, installed_base, save, slides, strokes, tmp_path):
    before = l4s_geo.map_scene(taught_scene, bundle=installed_base)
    truth = shapely.union_all(slides)
    random = np.random.default_rng(0)
    few = random.choice(len(strokes), 20, replace=False)
    # Background also where it looks like a landslide: what the base takes for one.
    wrong = list(before.geometry[before.geometry.disjoint(truth)])
    assert len(wrong) > 4
    shapes = [*(slides[i] for i in few), *(strokes[i] for i in few), *wrong]
    labels = save("l.gpkg", shapes, label=["landslide"] * 20 + ["background"] * (20 + len(wrong)))
    l4s_geo.teach(taught_scene, labels=labels, bundle=installed_base, out=tmp_path / "few")
    found = l4s_geo.map_scene(taught_scene, bundle=tmp_path / "few")
    right = [shapely.union_all(list(m.geometry)).intersection(truth).area / m.area.sum() for m in (found, before)]
    assert right[0] > 0.85 > right[1]


def test_too_few_single_polygons_keep_the_base(taught_scene, installed_base, save, slides, strokes, looked, tmp_path):
    labels = save("l.gpkg", [*slides[:19], *strokes], label=["landslide"] * 19 + ["background"] * len(strokes))
    with pytest.raises(TeachingError, match=r"hold 19 landslides .*expected 20 or more.*keep brightness"):
        l4s_geo.teach(taught_scene, labels=labels, bundle=installed_base, out=tmp_path / "few")
    assert not (tmp_path / "few").exists()
    # On ground that was looked at, blocks can tell whether it pays.
    area = save("area.gpkg", [looked])
    assert l4s_geo.teach(taught_scene, labels=labels, area=area, bundle=installed_base, out=tmp_path / "few").taught


def test_a_reviewed_inventory_teaches(taught_scene, installed_base, slides, looked, save, tmp_path):
    first = tmp_path / "first.gpkg"
    l4s_geo.map_scene(taught_scene, bundle=installed_base, out=first)
    review = gpd.read_file(first)
    truth = shapely.union_all(slides)
    review["review"] = np.where(review.geometry.intersection(truth).area > 0.5 * review.area, "accepted", "rejected")
    review.to_file(tmp_path / "reviewed.gpkg")
    taught = l4s_geo.teach(
        taught_scene, labels=tmp_path / "reviewed.gpkg", bundle=installed_base, out=tmp_path / "reviewed"
    )
    assert taught.taught.backgrounds == (review["review"] == "rejected").sum() > 0


def test_suggested_windows_are_where_nothing_is_labelled(taught_scene, installed_base, save, slides, looked, tmp_path):
    l4s_geo.teach(
        taught_scene,
        labels=save("labels.gpkg", slides),
        area=save("area.gpkg", [looked]),
        bundle=installed_base,
        out=tmp_path / "after",
        suggest=4,
        suggestions=tmp_path / "next.gpkg",
    )
    windows = gpd.read_file(tmp_path / "next.gpkg", layer="suggestions")
    check_output(tmp_path / "next.gpkg", (".gpkg",), "layer of suggestions")  # it may be written again
    assert 1 <= len(windows) <= 4
    assert list(windows["number"]) == list(range(1, len(windows) + 1))
    assert not windows.intersects(looked.buffer(-700)).any()
    assert windows["doubt"].between(0, 1).all()
    assert windows.crs.to_epsg() == 32645


def test_a_map_in_the_middle_of_teaching_equals_the_map(taught, taught_scene, tmp_path):
    # Only what labels need was predicted; what was learned there holds for the whole scene.
    probability = tmp_path / "p.tif"
    l4s_geo.map_scene(taught_scene, bundle=tmp_path / "after", probability=probability)
    with rasterio.open(probability) as dataset:
        chance = dataset.read(1)
    assert chance.shape == (300, 300)
    assert ((chance >= 0) & (chance <= 1)).all()


def test_a_scene_without_the_features_is_refused(taught, write_raster, tmp_path):
    values = np.random.default_rng(0).uniform(500, 900, (3, 140, 140)).astype(np.uint16)
    poorer = write_raster("rgb.tif", values, names=("B2", "B3", "B4"))
    with pytest.raises(BandError, match=r"lacks .* features.*after was taught.*the bands B8 \(--band B8=FILE\)"):
        l4s_geo.map_scene(poorer, bundle=tmp_path / "after")


def test_a_base_that_is_gone_or_another_is_said(taught, taught_scene, tmp_path):
    remove_bundle("brightness")
    with pytest.raises(BundleError, match=rf"taught on the bundle brightness .*{taught.taught.base_sha256}.*not inst"):
        l4s_geo.map_scene(taught_scene, bundle=tmp_path / "after")
    shown = CliRunner().invoke(main, ["bundles", "show", str(tmp_path / "after")])
    assert "its base is missing" in shown.output
    from support import make_bundle

    add_bundle(make_bundle(tmp_path / "new" / "brightness", ("B4",), "fixed", slope=3.0))
    with pytest.raises(BundleError, match=r"the one of that name that is installed has [0-9a-f]{64}; install that"):
        l4s_geo.map_scene(taught_scene, bundle=tmp_path / "after")


def test_an_altered_bundle_is_refused(taught, tmp_path):
    file = tmp_path / "after" / "trees.onnx"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(BundleError, match="SHA-256"):
        add_bundle(tmp_path / "after")
    with pytest.raises(BundleError, match="other networks than those of its base"):
        replace(taught, taught=replace(taught.taught, base_sha256="0" * 64))
    item = json.loads((tmp_path / "after" / "bundle.json").read_text())
    item["properties"]["l4s:taught"]["scores"]["recall"] = 7
    (tmp_path / "after" / "bundle.json").write_text(json.dumps(item))
    with pytest.raises(BundleError, match="recall 7"):
        read_bundle(tmp_path / "after")


def test_what_does_not_pay_is_not_written(taught_scene, installed_base, save, slides, looked, tmp_path):
    random = np.random.default_rng(0)
    nonsense = [shapely.affinity.translate(s, *random.uniform(-120, 120, 2)) for s in slides]
    labels, area = save("labels.gpkg", nonsense), save("area.gpkg", [looked])
    given = {"labels": labels, "area": area, "bundle": installed_base, "out": tmp_path / "worse"}
    with pytest.raises(TeachingError, match=r"no better than brightness .* keep brightness.*--force"):
        l4s_geo.teach(taught_scene, **given)
    assert not (tmp_path / "worse").exists()


def test_ground_too_narrow_to_tell_keeps_the_base(taught_scene, installed_base, save, slides, tmp_path):
    arguments = ["teach", taught_scene, "--labels", save("labels.gpkg", slides)]
    left, top = ORIGIN[0] + 600, ORIGIN[1] - 600
    narrow = shapely.box(left, top - 600, left + 600, top)
    arguments += ["--area", save("area.gpkg", [narrow]), "--bundle", installed_base]
    command = [str(a) for a in (*arguments, "--out", tmp_path / "narrow")]
    ran = CliRunner().invoke(main, command)
    assert ran.exit_code == 2
    assert "too narrow to say whether what was learned does better than brightness elsewhere" in ran.output
    assert not (tmp_path / "narrow").exists()
    forced = CliRunner().invoke(main, [*command, "--force"])
    assert forced.exit_code == 0, forced.output
    assert "too narrow" in forced.output
    assert find_bundle(tmp_path / "narrow").taught


def test_a_threshold_that_does_as_much_is_named():
    from types import SimpleNamespace

    from l4s_geo.bundles.taught import Scores
    from l4s_geo.teaching.learner import Gain, Learned, Samples
    from l4s_geo.teaching.teach import _tell_learned

    nothing = np.zeros(0, bool)
    floats = [np.zeros(0, np.float32)] * 4
    samples = Samples(np.zeros((0, 1), np.float32), nothing, nothing, *floats, nothing)
    half = Scores(0.5, 0.5)
    for best, said in ((Gain(0.01, 0.05), True), (Gain(0.2, 0.05), False)):
        learned = Learned(None, 1.0, 0.0, 0.5, Scores(0.8, 0.8), half, 0.125, half, Gain(0.3, 0.05), best, 32)
        for weighs in (True, False):
            lines: list[str] = []
            base_map = SimpleNamespace(base=SimpleNamespace(name="rgb"), weighs=weighs)
            _tell_learned(samples, learned, base_map, SimpleNamespace(say=lines.append))
            assert any("--bundle rgb --threshold 0.125" in line for line in lines) is said
            assert any("--terrain-prior off" in line for line in lines) is (said and weighs)


def test_outputs_are_checked_before_any_work(taught, taught_scene, installed_base, tmp_path):
    def teach(**more):
        return l4s_geo.teach(taught_scene, labels="nowhere.gpkg", bundle=installed_base, **more)

    (tmp_path / "somebodys").mkdir()
    (tmp_path / "somebodys" / "thesis.txt").write_text("x")
    for error, said, more in (
        (BundleError, "in the way", {"out": tmp_path / "somebodys"}),
        (BundleError, "embedded", {"out": tmp_path / "rgb"}),
        (BundleError, "not a plain name", {"out": tmp_path / "so so"}),
        (OutputError, "create it first", {"out": tmp_path / "no" / "where"}),
        (TeachingError, "both --suggest N", {"out": tmp_path / "a", "suggest": 3}),
        (TeachingError, "both --suggest N", {"out": tmp_path / "a", "suggestions": tmp_path / "n.gpkg"}),
        (OutputError, "suffix", {"out": tmp_path / "a", "suggest": 3, "suggestions": tmp_path / "n.tif"}),
        (TeachingError, "does not exist", {"out": tmp_path / "a"}),
        (L4SError, "azimuth", {"out": tmp_path / "a", "sun": (500, 20)}),
        (TeachingError, "by 3 numbers; expected two", {"out": tmp_path / "a", "sun": (150, 20, 1)}),
    ):
        with pytest.raises(error, match=said):
            teach(**more)
    drawn = tmp_path / "drawn.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=32645).to_file(drawn, layer="landslides")
    with pytest.raises(OutputError, match="is the labels that the run reads"):
        l4s_geo.teach(
            taught_scene, labels=drawn, bundle=installed_base, out=tmp_path / "a", suggest=2, suggestions=drawn
        )
    with pytest.raises(BundleError, match="was taught itself"):
        l4s_geo.teach(taught_scene, labels="x.gpkg", bundle=tmp_path / "after", out=tmp_path / "again")
    from support import make_bundle

    with pytest.raises(BundleError, match="is not installed, and a taught bundle finds its base among"):
        l4s_geo.teach(
            taught_scene, labels="x", bundle=make_bundle(tmp_path / "b", ("B4",), "fixed"), out=tmp_path / "a"
        )


def test_what_a_taught_bundle_cannot_do_is_said(taught, taught_scene, tmp_path):
    with pytest.raises(L4SError, match=r"taught on one date.*teach again with it.*--bundle brightness"):
        Plan.of(scene=taught_scene, before=taught_scene, bundle=tmp_path / "after")
    with pytest.raises(L4SError, match="leave --skip-flat out"):
        Plan.of(scene=taught_scene, bundle=tmp_path / "after", skip_flat=3.0)


def test_without_lightgbm_the_extra_is_named(taught_scene, installed_base, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    with pytest.raises(TeachingError, match=r"l4s-geo\[teach\]"):
        l4s_geo.teach(taught_scene, labels="x.gpkg", bundle=installed_base, out=tmp_path / "a")


def test_the_command_teaches_and_says_how_well(taught_scene, installed_base, save, slides, looked, tmp_path):
    arguments = ["teach", taught_scene, "--labels", save("labels.gpkg", slides), "--area", save("area.gpkg", [looked])]
    more = ["--bundle", installed_base, "--out", tmp_path / "after", "--sun", "150,40"]
    ran = CliRunner().invoke(main, [str(a) for a in (*arguments, *more)])
    assert ran.exit_code == 0, ran.output
    assert "On labelled ground not seen" in ran.output
    assert "Left out: slope, relief and illumination" in ran.output
    assert Path(tmp_path / "after" / "bundle.json").is_file()
    wrong = CliRunner().invoke(main, [str(a) for a in (*arguments, "--out", tmp_path / "b", "--field", "colour")])
    assert wrong.exit_code == 2
    assert "no attribute colour" in wrong.output


@pytest.fixture
def earlier(taught_scene, write_raster, places) -> Path:
    """The scene before: half of the landslides were there; its light was another, and its left border is empty."""
    with rasterio.open(taught_scene) as dataset:
        values = dataset.read().astype(np.float64)
    random = np.random.default_rng(9)
    for row, col, height, width in places[::2]:
        shape = (height, width)
        values[2, row : row + height, col : col + width] = 500 + random.normal(0, 25, shape)
    values = values * 0.8 + 90 + random.normal(0, 5, values.shape)
    values[:, :, :12] = 0
    return write_raster("earlier.tif", values.astype(np.uint16), names=("B2", "B3", "B4", "B8"), nodata=0)


@pytest.fixture
def taught_on_two(taught_scene, earlier, installed_base, save, slides, looked, tmp_path):
    """A bundle that was taught on what is new."""
    labels, area = save("new.gpkg", slides[::2]), save("area.gpkg", [looked])
    return l4s_geo.teach(
        taught_scene, before=earlier, labels=labels, area=area, bundle=installed_base, out=tmp_path / "two"
    )


def test_what_is_new_is_learned_from_two_dates(taught_on_two, taught_scene, earlier, slides, tmp_path):
    assert taught_on_two.taught.before == "earlier"
    assert "| earlier scene | earlier (needed to map, too) |" in taught_on_two.card()
    shown = CliRunner().invoke(main, ["bundles", "show", str(tmp_path / "two")])
    assert "with the earlier scene earlier, and needs one to map" in shown.output
    assert any(name.startswith("change_") for name in taught_on_two.taught.features)
    plan = Plan.of(
        scene=taught_scene,
        before=earlier,
        bundle=tmp_path / "two",
        probability=tmp_path / "p.tif",
        change=tmp_path / "change.tif",
    )
    mapped = run_plan(plan)
    assert f1(mapped.landslides, slides[::2], tmp_path) > 0.85
    assert f1(mapped.landslides, slides[1::2], tmp_path) < 0.2
    assert mapped.landslides["is_new"].all()
    assert mapped.landslides["p_new"].to_numpy() == pytest.approx(mapped.landslides["prob_mean"], abs=1e-6)
    assert mapped.landslides["p_before"].isna().all()
    assert mapped.landslides["ndvi_before"].gt(mapped.landslides["ndvi_after"]).mean() > 0.9
    assert mapped.provenance["taught"]["before"] == "earlier"
    assert mapped.provenance["before_scenes"][0]["scene"] == "earlier"
    with rasterio.open(tmp_path / "p.tif") as dataset:  # what the earlier date does not show is not mapped
        chance = dataset.read(1)
    assert np.isnan(chance[:, :10]).all()
    assert np.isfinite(chance[:, 20:]).all()


def test_a_map_of_two_dates_is_the_same_whatever_the_blocks(
    taught_on_two, taught_scene, earlier, tmp_path, monkeypatch
):
    from l4s_geo.inference import taught as stage

    expected = l4s_geo.map_scene(taught_scene, before=earlier, bundle=tmp_path / "two")
    monkeypatch.setattr(stage, "BLOCK", (96, 130))
    again = l4s_geo.map_scene(taught_scene, before=earlier, bundle=tmp_path / "two")
    assert again.geometry.equals(expected.geometry)


def test_a_bundle_of_two_dates_needs_both(taught_on_two, taught_scene, earlier, write_raster, tmp_path):
    two = tmp_path / "two"
    with pytest.raises(L4SError, match=r"taught on two dates \(the earlier one was earlier\), and one .*--before"):
        Plan.of(scene=taught_scene, bundle=two)
    with pytest.raises(L4SError, match="leave --all out"):
        Plan.of(scene=taught_scene, before=earlier, bundle=two, only_new=False)
    with rasterio.open(earlier) as dataset:
        values = dataset.read((1, 2, 3))
    poorer = write_raster("poorer.tif", values, names=("B2", "B3", "B4"), nodata=0)
    with pytest.raises(BandError, match=r"lacks .*the bands B8 of the earlier date \(--before-band B8=FILE\)"):
        l4s_geo.map_scene(taught_scene, before=poorer, bundle=two)
    nothing = write_raster("nothing.tif", np.where(np.arange(300) < 40, values, 0), names=("B2", "B3", "B4"), nodata=0)
    with pytest.raises(BandError):
        l4s_geo.map_scene(taught_scene, before=nothing, bundle=two)


def test_labels_where_the_earlier_date_shows_nothing_teach_nothing(
    taught_scene, earlier, write_raster, installed_base, save, slides, looked, tmp_path
):
    with rasterio.open(earlier) as dataset:
        values = dataset.read()
    values[:, :170] = 0
    hidden = write_raster("hidden.tif", values, names=("B2", "B3", "B4", "B8"), nodata=0)
    with pytest.raises(TeachingError, match=r"cover 0 mapped pixels of landslide"):
        l4s_geo.teach(
            taught_scene,
            before=hidden,
            labels=save("l.gpkg", slides),
            area=save("a.gpkg", [looked]),
            bundle=installed_base,
            out=tmp_path / "x",
        )
    assert not (tmp_path / "x").exists()

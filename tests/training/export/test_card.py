"""The command that measures a bundle on real scenes, and what it writes into the model card."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result
from rasterio.features import shapes
from shapely.geometry import box, shape

import l4s_geo
from l4s_geo import load_bundle
from l4s_geo.bands import BANDS, RGB, SPECTRAL, scale_of
from l4s_geo.errors import DataError
from l4s_training.cli import main
from l4s_training.data.splits import DEFAULT, SplitPlan
from l4s_training.export.card import blocks, scenes, whole_scenes
from l4s_training.export.card.insert import write_section
from l4s_training.scoring.metrics import Scores
from support import ORIGIN, TRANSFORM, UTM, make_bundle
from tests.training.conftest import scars

CARD = """# Bundle `b`

## Scores

F1 0.7

## Training data

Patches.
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def folder_of_scenes(tmp_path_factory) -> Path:
    """All that a card is measured on, small, under the names of the real files; scenes that only `map_scene` opens are
    left out."""
    folder = tmp_path_factory.mktemp("data")
    images, masks = (a.repeat(2, axis=1).repeat(2, axis=2) for a in scars(12, 3))  # windows of 128
    number = np.arange(12)
    np.savez(folder / "l4s_rgb_pairs.npz", rgb=(100 * images).astype(np.uint8), mask=masks, id=number, number=number)
    images, masks = scars(2, len(BANDS), seed=3)
    dn = np.rint(images * scale_of(BANDS)).astype(np.uint16)
    np.savez(folder / "l4s_14band_labelled.npz", dn=dn, mask=masks, number=np.array([7, 9]))
    slovenia = folder / "s2_l1c_slovenia"
    for name in ("s2_aberystwyth", "s2_l1c_l2a_punjab/l2a/one/20200604T1", "s2_l1c_slovenia", "iburi_2018"):
        (folder / name).mkdir(parents=True)
    (folder / "s2_l1c_l2a_punjab/l2a/one/20200604T1/metadata.json").touch()
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "height": 4, "width": 5, "crs": UTM, "nodata": 0}
    with rasterio.open(folder / "s2_aberystwyth/s2_20210527_10band.tif", "w", **profile, transform=TRANSFORM) as coast:
        coast.write(np.full((3, 4, 5), 77, np.uint16))
        coast.descriptions = ("B2", "B3", "B4")
    np.save(slovenia / "REFERENCE_SCENES.npy", np.full((1, 4, 5, 13), 0.1, np.float32))
    np.save(slovenia / "DEM.npy", np.full((4, 5, 1), 300, np.float32))
    corners = [[500_000, 5_000_000], [500_050, 5_000_000], [500_050, 5_000_040], [500_000, 5_000_040]]
    (slovenia / "bbox.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    return folder


@pytest.fixture
def mapped(monkeypatch) -> list[dict]:
    """`map_scene` finds a square of four pixels in every scene, of which two rows have no data; its calls."""
    calls: list[dict] = []

    def map_scene(scene, **options):
        calls.append({"scene": scene, **options})
        if path := options.get("probability"):
            values = np.zeros((10, 10), np.float32)
            values[8:] = np.nan
            profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": 10, "width": 10, "crs": UTM}
            with rasterio.open(path, "w", **profile, transform=TRANSFORM) as dataset:
                dataset.write(values, 1)
        square = box(ORIGIN[0], ORIGIN[1] - 20, ORIGIN[0] + 20, ORIGIN[1])
        return gpd.GeoDataFrame({"area_m2": [square.area]}, geometry=[square], crs=UTM)

    monkeypatch.setattr(l4s_geo, "map_scene", map_scene)
    return calls


def test_a_labelled_patch_becomes_a_scene_of_its_raw_values_inside_its_dem(folder_of_scenes, tmp_path):
    patches = list(scenes.labelled_patches(folder_of_scenes, tmp_path))
    with np.load(folder_of_scenes / "l4s_14band_labelled.npz") as file:
        dn, masks = file["dn"], file["mask"]
    for patch, raw, mask in zip(patches, dn, masks, strict=True):
        assert np.array_equal(patch.mask, mask)
        with rasterio.open(patch.scene.scene) as scene, rasterio.open(patch.scene.dem) as dem:
            assert scene.descriptions == SPECTRAL
            assert np.array_equal(scene.read(), np.moveaxis(raw, -1, 0)[: len(SPECTRAL)])
            assert scene.transform == patch.transform
            assert dem.res == (30, 30)
            assert dem.bounds.left < scene.bounds.left < scene.bounds.right < dem.bounds.right
            assert dem.bounds.bottom < scene.bounds.bottom < scene.bounds.top < dem.bounds.top
    assert len(patches) == 2


def test_the_dem_of_30_m_holds_a_plane_as_it_is():
    rows, cols = np.mgrid[:12, :12] * 10.0 + 5.0
    coarse = scenes.coarse(2 * rows + 3 * cols)
    rows, cols = np.mgrid[-1:5, -1:5] * 30.0 + 15.0
    np.testing.assert_allclose(coarse[0], 2 * rows + 3 * cols, rtol=1e-6)


def test_scenes_that_are_arrays_are_written_where_they_lie(folder_of_scenes, tmp_path):
    found = scenes.landslide_free(folder_of_scenes, tmp_path)
    assert [s.name for s in found] == ["Aberystwyth, L2A", "Punjab 20200604, L2A", "Slovenia 1, L1C"]
    with rasterio.open(found[0].scene) as coast:
        assert (coast.descriptions, coast.nodata, coast.crs) == (("B2", "B3", "B4"), 0, UTM)
        assert (coast.read() == 770).all()  # the original holds reflectance × 1000
    assert set(found[1].scene) == set(RGB)
    with rasterio.open(found[2].scene) as scene, rasterio.open(found[2].dem) as dem:
        assert scene.bounds == dem.bounds == (500_000, 5_000_000, 500_050, 5_000_040)
        assert (scene.res, scene.count, dem.read(1)[0, 0]) == ((10, 10), 13, 300)


def test_patches_are_scored_by_the_pixels_of_their_maps(folder_of_scenes, mapped, tmp_path):
    with np.load(folder_of_scenes / "l4s_14band_labelled.npz") as file:
        masks = file["mask"]
    detected = np.zeros(masks.shape, bool)
    detected[:, :2, :2] = True
    found = whole_scenes.patch_scores(folder_of_scenes, tmp_path, {"bundle": "b"})
    assert found == Scores.of(detected, masks)
    assert [c["min_area"] for c in mapped] == [0, 0]


def test_false_alarms_are_counted_by_the_area_that_was_mapped(mapped, tmp_path):
    found = whole_scenes.false_alarm(scenes.RealScene("coast", "coast.tif", "dem.tif"), {"crf": "off"}, tmp_path)
    assert found == pytest.approx(400 / (80 * 1e-4))  # m² in 80 pixels of 100 m²
    assert (mapped[0]["scene"], mapped[0]["dem"], mapped[0]["crf"]) == ("coast.tif", "dem.tif", "off")


def test_iburi_is_scored_where_the_reference_says_something(mapped, tmp_path):
    kinds = np.zeros((10, 10), np.uint8)
    kinds[:5], kinds[5:7], kinds[1, :4] = 1, 2, 3  # hills, valley floor, landslide on the hills
    kinds[0, 0] = 2  # valley floor where something is found
    rows = []
    for kind, name in ((1, "assessed"), (2, "none"), (3, "landslide")):
        inside = (kinds == kind) | ((kind == 1) & (kinds == 3))
        rows += [{"kind": name, "geometry": shape(s)} for s, _ in shapes(inside.astype(np.uint8), inside, 4, TRANSFORM)]
    gpd.GeoDataFrame(rows, crs=UTM).to_file(tmp_path / "reference.gpkg")
    scene = scenes.RealScene("post", "post.tif")
    scores, floor = whole_scenes.iburi_scores(scene, {}, tmp_path, tmp_path / "reference.gpkg")
    assert scores == Scores(tp=2, fp=2, fn=2)  # found: two pixels of the landslide's four, one of hills, one of floor
    assert floor == pytest.approx(1e6 / 21)


def test_the_reference_has_all_that_iburi_is_scored_by():
    polygons = gpd.read_file(scenes.REFERENCE)
    assert set(polygons.kind) == {"assessed", "none", "landslide"}
    assert polygons.geometry.is_valid.all()
    hills = polygons.geometry[polygons.kind == "assessed"].union_all()
    assert polygons.geometry[polygons.kind == "landslide"].within(hills.buffer(1)).all()


def test_each_block_is_scored_by_itself(folder_of_scenes, tmp_path):
    model = load_bundle(make_bundle(tmp_path / "b", RGB, "window", slope=4.0, shift=-5.0), "cpu")
    plan = SplitPlan(blocks=4, validation=(0,), test=(1, 3), guard=0)
    test = blocks.predict_test_blocks(model, folder_of_scenes, plan)
    assert test.patches.ids.tolist() == [3, 4, 5, 9, 10, 11]
    scores = blocks.block_scores(test)
    assert scores[1] == Scores.of(test.plain[:3] >= 0.5, test.patches.masks[:3])
    assert scores[3] == Scores.of(test.plain[3:] >= 0.5, test.patches.masks[3:])
    lines = "\n".join(blocks.spread_lines(test))
    mean = (scores[1].f1 + scores[3].f1) / 2
    assert f"{scores[1].f1:.3f} (1), {scores[3].f1:.3f} (3);" in lines
    assert f"mean {mean:.3f}, standard deviation {abs(scores[1].f1 - scores[3].f1) / 2**0.5:.3f}." in lines


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")  # nothing here lies at Iburi
def test_the_section_has_a_row_for_each_scene_and_a_column_for_each_way(folder_of_scenes, mapped, tmp_path):
    model = load_bundle(make_bundle(tmp_path / "b", RGB, "window"), "cpu")
    lines = whole_scenes.section(model, str(tmp_path / "b"), folder_of_scenes, tmp_path, tta=True)
    assert lines[0] == whole_scenes.HEADING
    assert f"(`l4s-train card b --data {folder_of_scenes} --tta`)" in lines
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines if line.startswith("| ")}
    assert [c.strip() for c in rows[""]] == ["plain", "TTA"]
    assert [c.strip() for c in rows["Punjab 20200604, L2A, m²/km²"]] == ["50,000", "50,000"]
    assert "Slovenia 1, L1C, m²/km²" in rows
    assert {c["tta"] for c in mapped if "tta" in c} == {"d4"}
    assert {c["bundle"] for c in mapped} == {str(tmp_path / "b")}


def test_scenes_that_a_card_names_as_training_data_are_marked(folder_of_scenes, tmp_path):
    scene = scenes.landslide_free(folder_of_scenes, tmp_path)[1]
    bundle = load_bundle(make_bundle(tmp_path / "b", RGB, "window"), "cpu").bundle
    card = tmp_path / "b" / "README.md"
    for text, expected in (
        ("## On whole scenes\n\n| Punjab 20200604 |\n\n## Training data\n\nPatches.\n", False),
        ("## Training data\n\nFarmland in Punjab.\n", True),
        ("## Training data\n\nWindows of 20200604T1.\n", True),
    ):
        card.write_text(text, encoding="utf-8")
        assert whole_scenes._was_trained_on(scene, bundle) == expected


def test_the_blocks_are_those_of_the_split_that_the_bundle_was_trained_with(tmp_path):
    bundle = load_bundle(make_bundle(tmp_path / "b", RGB, "window"), "cpu").bundle
    told = replace(bundle, trained_on="7 labelled patches (a.npz), split blocks:blocks=4,validation=0,test=1,guard=0")
    assert blocks.plan_of(told) == replace(DEFAULT, blocks=4, validation=(0,), test=(1,), guard=0)
    assert blocks.plan_of(load_bundle("rgb", "cpu").bundle) == DEFAULT
    with pytest.raises(DataError, match="was trained with the split 'study:seed=3'"):
        blocks.plan_of(replace(bundle, trained_on="7 labelled patches (a.npz), split study:seed=3"))


def test_a_section_stands_before_the_training_data_and_takes_the_place_of_an_earlier_one(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(CARD, encoding="utf-8")
    for number in (1, 2):
        write_section(path, [whole_scenes.HEADING, "", f"Measured {number}.", ""])
        before, after = CARD.split("## Training data")
        expected = f"{before}{whole_scenes.HEADING}\n\nMeasured {number}.\n\n## Training data{after}"
        assert path.read_text(encoding="utf-8") == expected


def test_what_cannot_be_measured_is_refused_at_once(folder_of_scenes, tmp_path):
    rgb = make_bundle(tmp_path / "rgb", RGB, "window")
    result = call("card", rgb, "--data", tmp_path)
    assert result.exit_code == 2
    assert "holds no l4s_rgb_pairs.npz, l4s_14band_labelled.npz, s2_aberystwyth" in result.output
    result = call("card", make_bundle(tmp_path / "all", BANDS, "fixed"), "--data", folder_of_scenes)
    assert result.exit_code == 2
    assert "all takes B1, B2" in result.output
    result = call("card", rgb, "--data", folder_of_scenes, "--write")  # its card is empty
    assert result.exit_code == 2
    assert "no model card with the heading '## Training data'" in result.output
    shutil.make_archive(str(tmp_path / "zipped"), "zip", rgb)
    result = call("card", tmp_path / "zipped.zip", "--data", folder_of_scenes, "--write")
    assert result.exit_code == 2
    assert "unpack the bundle" in result.output

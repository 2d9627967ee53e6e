"""How stored values become digital numbers: tags, products, names, units, and what the values say to it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from click.testing import CliRunner

from l4s_geo.assumptions import Assumption, Assumptions
from l4s_geo.bands import BANDS, scale_of
from l4s_geo.cli.info import main as info
from l4s_geo.cli.stack import main as stack_command
from l4s_geo.errors import L4SError, SceneError
from l4s_geo.plan import Plan
from l4s_geo.progress import Silent
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.geotiff import open_raster
from l4s_geo.stack.assumed import assumptions_of, remarks_of
from l4s_geo.stack.input_files import input_files, stamps
from l4s_geo.stack.open import Inputs, open_stack
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.write import write_stack
from safe_products import build_safe, make_site
from stac_items import item_of, write_item
from support import TRANSFORM, UTM

NAMES = ("B2", "B3", "B4")


@pytest.fixture
def dn() -> np.ndarray:
    """Digital numbers of (3, 60, 70): B2, B3, B4 of forest with bare soil; one pixel without data."""
    rng = np.random.default_rng(4)
    soil = rng.random((60, 70)) ** 3
    values = np.stack([450 + 500 * soil, 500 + 900 * soil, 300 + 1700 * soil]) + rng.normal(0, 15, (3, 60, 70))
    values[:, 0, 0] = 0
    return values.round().astype(np.uint16)


def later(dn: np.ndarray) -> np.ndarray:
    """What the baselines from 04.00 on store."""
    return np.where(dn == 0, 0, dn + 1000).astype(np.uint16)


def tag(path: Path, scale: float, offset: float) -> Path:
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (scale,) * dataset.count
        dataset.offsets = (offset,) * dataset.count
    return path


def raw(scene, **how) -> np.ndarray:
    with open_stack(Inputs(scene, **how)) as stack:
        return stack.read_raw(NAMES, stack.grid.whole)


def assumed(scene, **how) -> Assumptions:
    with open_stack(Inputs(scene, **how)) as stack:
        return assumptions_of(stack)


def lines(scene, **how) -> str:
    with open_stack(Inputs(scene, **how)) as stack:
        return "\n".join([*assumptions_of(stack).lines(), *remarks_of(stack)])


def same(found: np.ndarray, dn: np.ndarray, tolerance: float = 0.01) -> None:
    expected = np.where(dn == 0, np.nan, dn.astype(float))
    np.testing.assert_allclose(found, expected, atol=tolerance)


# Tags.


def test_a_rasters_tags_of_scale_and_offset_are_read(write_raster, dn):
    path = tag(write_raster("scene.tif", later(dn), names=NAMES, nodata=0), 1e-4, -0.1)
    same(raw(path), dn)
    assert assumed(path).offset == Assumption("-1000 applied", "metadata", option="offset")


@pytest.mark.parametrize("units", ["dn", "reflectance"])
def test_both_words_for_tagged_values_mean_the_same(write_raster, dn, units):
    same(raw(tag(write_raster("scene.tif", later(dn), names=NAMES), 1e-4, -0.1), units=units), dn)


def test_units_that_contradict_the_tags_are_refused(write_raster, dn):
    path = tag(write_raster("scene.tif", later(dn), names=NAMES), 1e-4, -0.1)
    with pytest.raises(SceneError, match="says itself that its values are digital numbers"):
        raw(path, units="l4s")


def test_another_scale_than_sentinel_2s_is_taken_at_its_word(write_raster, dn):
    stored = np.where(dn == 0, 0, dn * 2.0 + 4000).astype(np.uint16)
    same(raw(tag(write_raster("scene.tif", stored, names=NAMES), 5e-5, -0.2)), dn)


def test_tags_count_in_band_files_folders_and_a_vrt(write_raster, dn, tmp_path):
    files = {n: tag(write_raster(f"f/{n}.tif", v, nodata=0), 1e-4, -0.1) for n, v in zip(NAMES, later(dn), strict=True)}
    same(raw(files), dn)
    same(raw(tmp_path / "f"), dn)
    multi = tag(write_raster("multi.tif", later(dn), names=NAMES, nodata=0), 1e-4, -0.1)
    vrt = tmp_path / "scene.vrt"
    with rasterio.open(multi) as source:
        from rasterio.shutil import copy

        copy(source, vrt, driver="VRT")
    same(raw(vrt), dn)


@pytest.mark.parametrize("stated", [{"scale": 1e-4, "offset": -0.1}, {"scale": 1e-4}, {}])
def test_tags_and_item_are_not_applied_both(write_raster, dn, tmp_path, stated):
    assets = {}
    for name, values in zip(NAMES, later(dn), strict=True):
        tag(write_raster(f"{name}.tif", values, nodata=0), 1e-4, -0.1)
        assets[name] = {"href": f"{name}.tif", "eo:bands": [{"name": name}], "raster:bands": [stated]}
    same(raw(write_item(tmp_path / "item.json", item_of("x", "c", {}, assets))), dn)


def test_tags_that_were_applied_already_are_left_aside(write_raster, dn):
    reflectance = np.where(dn == 0, np.nan, dn / 1e4).astype(np.float32)
    same(raw(tag(write_raster("scene.tif", reflectance, names=NAMES), 1e-4, -0.1)), dn)


def test_digital_numbers_stored_as_floats_have_their_tags_applied(write_raster, dn):
    same(raw(tag(write_raster("scene.tif", later(dn).astype(np.float32), names=NAMES), 1e-4, -0.1)), dn)


def test_tags_of_terrain_count_and_elevations_below_the_sea_stay(write_raster, dn):
    elevation = np.linspace(0, 2000, dn[0].size).reshape(dn[0].shape).round().astype(np.uint16)
    path = write_raster("scene.tif", np.concatenate([dn, elevation[None]]), names=(*NAMES, "DEM"))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (1, 1, 1, 0.5), (0, 0, 0, -50)
    with open_stack(Inputs(path)) as stack:
        (found,) = stack.read_raw(["DEM"], stack.grid.whole)
    np.testing.assert_allclose(found.ravel()[1:], elevation.ravel()[1:] * 0.5 - 50, atol=0.01)


# Products around loose files.


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Path:
    return build_safe(make_site("L2A"), tmp_path_factory.mktemp("product"), "L2A", "05.09")


@pytest.fixture(scope="module")
def expected(product) -> np.ndarray:
    return raw(product)


def images(folder: Path) -> dict[str, Path]:
    return {f"B{path.name[-9]}": path for path in folder.rglob("*_B0[234]_10m.jp2")}


def test_the_inside_of_a_product_has_the_products_offset(product, expected):
    (inside,) = product.glob("GRANULE/*/IMG_DATA/R10m")
    np.testing.assert_array_equal(raw(inside), expected)
    np.testing.assert_array_equal(raw(images(product)), expected)
    offset = assumed(inside).offset
    assert (offset.value, offset.origin) == ("-1000 applied", "metadata")
    assert "MTD_MSIL2A.xml lets expect the offset -1000" in offset.because


def test_a_stack_of_a_product_keeps_what_is_known_of_it(product, expected, tmp_path):
    out = tmp_path / "stack.tif"
    write_stack(Inputs(product), out, reporter=Silent())
    before, after = assumed(product), assumed(out)
    assert (after.date, after.sensor) == (before.date, before.sensor)
    assert after.units.origin == "metadata"
    assert (after.offset.value, after.offset.origin) == ("none applied", "metadata")
    np.testing.assert_array_equal(raw(out), expected)


def test_a_product_folder_of_another_name_is_known_by_its_metadata(product, expected, tmp_path):
    moved = Path(shutil.copytree(product, tmp_path / "download"))
    for path in moved.glob("GRANULE/*/IMG_DATA/R10m/*"):
        path.rename(path.with_name(path.name.split("_", 2)[2]))  # B02_10m.jp2: no day in the name
    (inside,) = moved.glob("GRANULE/*/IMG_DATA/R10m")
    np.testing.assert_array_equal(raw(inside), expected)
    with open_stack(Inputs(inside)) as stack:
        assert (stack.scene.acquisition.level, stack.scene.acquisition.baseline) == ("L2A", "05.09")


@pytest.mark.parametrize("nested", [False, True])
def test_the_files_that_a_vrt_refers_to_are_asked(product, expected, tmp_path, nested):
    files = {}
    for band, path in images(product).items():
        files[band] = tmp_path / f"{band}.vrt"
        inner = tmp_path / f"inner_{band}.vrt" if nested else files[band]
        from rasterio.shutil import copy

        with rasterio.open(path) as source:
            copy(source, inner, driver="VRT")
        if nested:
            with rasterio.open(inner) as source:
                copy(source, files[band], driver="VRT")
    np.testing.assert_array_equal(raw(files), expected)


def test_a_product_info_tells_the_baseline(product, expected, tmp_path):
    for band, path in images(product).items():
        shutil.copy(path, tmp_path / f"{band.replace('B', 'B0')}.jp2")
    (tmp_path / "productInfo.json").write_text(json.dumps({"name": product.name.removesuffix(".SAFE")}))
    np.testing.assert_array_equal(raw(tmp_path), expected)


def test_a_folder_with_a_products_name_tells_the_baseline(product, expected, tmp_path):
    folder = tmp_path / product.name.removesuffix(".SAFE")
    folder.mkdir()
    for band, path in images(product).items():
        shutil.copy(path, folder / f"{band.replace('B', 'B0')}.jp2")
    np.testing.assert_array_equal(raw(folder), expected)


def test_metadata_of_another_day_are_not_a_files(product, dn, write_raster, tmp_path):
    shutil.copy(product / "MTD_MSIL2A.xml", tmp_path / "MTD_MSIL2A.xml")
    files = {n: write_raster(f"T32TNS_20180101T101411_{n}_10m.tif", v) for n, v in zip(NAMES, dn, strict=True)}
    same(raw(files), dn)


@pytest.mark.parametrize(("day", "stored", "value", "origin", "word"), [
    ("20220125", later, "-1000 applied", "names", "lets expect the offset -1000"),
    ("20220125", np.asarray, "none applied", "values", "was taken for applied already"),
    ("20220124", np.asarray, "none applied", "default", "nothing states one"),
])  # fmt: skip
def test_esas_names_let_expect_an_offset_that_the_values_decide_on(write_raster, dn, day, stored, value, origin, word):
    values = zip(NAMES, stored(dn), strict=True)
    files = {n: write_raster(f"T32TNS_{day}T101411_B0{n[1]}_10m.tif", v) for n, v in values}
    same(raw(files), dn)
    found = assumed(files)
    assert (found.offset.value, found.offset.origin) == (value, origin)
    assert word in found.offset.because
    assert (found.date.value, found.date.origin) == (f"2022-01-{day[-2:]}", "names")


def test_values_that_look_lifted_are_said_to(write_raster, dn):
    assert "--offset -1000 takes it off" in lines(write_raster("a.tif", later(dn), names=NAMES))
    assert "takes it off" not in lines(write_raster("b.tif", dn, names=NAMES))


# Offsets against the values.


def stac_item(write_raster, values: np.ndarray, folder: Path) -> Path:
    assets = {}
    for name, band in zip(NAMES, values, strict=True):
        write_raster(f"{name}.tif", band, nodata=0)
        facts = {"scale": 1e-4, "offset": -0.1}
        assets[name] = {"href": f"{name}.tif", "eo:bands": [{"name": name}], "raster:bands": [facts]}
    return write_item(folder / "item.json", item_of("x", "c", {}, assets))


def test_an_items_offset_that_is_not_in_the_pixels_is_refused(write_raster, dn, tmp_path):
    item = stac_item(write_raster, dn, tmp_path)
    with pytest.raises(SceneError, match=r"would bring \d\d% of the values of B4, B3, B2 to 0 or below.*--offset 0"):
        raw(item)
    same(raw(item, offset=0), dn)


def test_a_tags_offset_that_is_not_in_the_pixels_is_refused(write_raster, dn):
    path = tag(write_raster("scene.tif", dn, names=NAMES), 1e-4, -0.1)
    with pytest.raises(SceneError, match="seems to be taken off already"):
        raw(path)
    same(raw(path, offset=0), dn)


def test_a_products_offset_that_is_not_in_the_pixels_is_refused(product, expected, tmp_path):
    moved = Path(shutil.copytree(product, tmp_path / product.name))
    for path in images(moved).values():
        with rasterio.open(path) as dataset:
            profile, values = dataset.profile, dataset.read()
        path.unlink()
        with rasterio.open(path, "w", **profile | {"QUALITY": "100", "REVERSIBLE": "YES"}) as dataset:
            dataset.write(np.where(values == 0, 0, values - 1000).astype(np.uint16))
    with pytest.raises(SceneError, match="--offset 0"):
        raw(moved)
    np.testing.assert_array_equal(raw(moved, offset=0), expected)


def test_dark_water_with_a_true_offset_is_not_refused(write_raster, dn, tmp_path):
    water = later(dn)
    water[:, :40] = np.random.default_rng(0).integers(970, 1030, (3, 40, 70))
    found = raw(stac_item(write_raster, water, tmp_path))
    np.testing.assert_array_equal(found[:, 1:40], np.maximum(water[:, 1:40].astype(float) - 1000, 0))


def test_the_offset_of_a_real_product_is_in_its_values(data):
    (product,) = (data / "s2_l2a_safe").glob("*.SAFE")
    with Stack(open_scene(product)) as stack:
        assert {ref.offset for ref in stack.scene.bands.values()} == {-1000.0}


@pytest.mark.parametrize("units", ["dn", "reflectance", "percent"])
def test_a_given_offset_counts_digital_numbers_in_all_units(write_raster, dn, units):
    factor = {"dn": 1, "reflectance": 1e-4, "percent": 1e-2}[units]
    path = write_raster("scene.tif", (later(dn) * factor).astype(np.float32), names=NAMES)
    same(raw(path, units=units, offset=-1000), dn)
    with pytest.raises(SceneError, match="is no number of digital numbers"):
        Inputs(path, offset=float("nan"))


def test_every_door_takes_the_offset(write_raster, dn, tmp_path):
    path = str(write_raster("scene.tif", later(dn), names=NAMES))
    result = CliRunner().invoke(info, [path, "--offset", "-1000"], catch_exceptions=False)
    assert "[assumed from the values, because a tenth are under" in result.output
    assert "-1000 applied [told by --offset]" in result.output
    stacked = tmp_path / "stack.tif"
    CliRunner().invoke(stack_command, [path, "--offset", "-1000", "--out", str(stacked)], catch_exceptions=False)
    same(raw(stacked), dn)
    assert Plan.of(scene=path, offset=-1000.0).inputs.offset == -1000.0


# Units.


@pytest.mark.parametrize("stretch", ["8 bits", "8 bits in 16", "percent in 8 bits"])
def test_pictures_of_8_bits_are_no_reflectance(write_raster, dn, stretch):
    values = {"8 bits": dn / 8.5, "8 bits in 16": dn / 8.5, "percent in 8 bits": dn / 100}[stretch].clip(0, 255)
    path = write_raster("scene.tif", values.astype(np.uint16 if "16" in stretch else np.uint8), names=NAMES)
    with pytest.raises(SceneError, match=r"8-bit picture.*--units"):
        raw(path)
    assert np.isfinite(raw(path, units="percent")[:, 1:]).all()


@pytest.mark.parametrize("clouds", [False, True])
def test_values_stretched_to_16_bits_are_no_digital_numbers(write_raster, dn, clouds):
    dn = dn.astype(float)
    dn[:, :1, 1:] = 18_000 if clouds else dn[:, :1, 1:]
    low = dn[dn > 0].min()
    values = 1 + (dn - low).clip(0) * (65534 / (dn.max() - low))
    with pytest.raises(SceneError, match=r"stretched to 16 bits.*--units"):
        raw(write_raster("scene.tif", values.astype(np.uint16), names=NAMES))


def test_saturated_pixels_are_no_stretch(write_raster, dn):
    dn[:, 5, :5] = 65535
    same(raw(write_raster("scene.tif", dn, names=NAMES)), dn)


def test_percent_are_told_or_asked_about(write_raster, dn):
    bright = (np.where(dn == 0, np.nan, dn * 2.0 + 1500) / 100).astype(np.float32)
    assert "in percent (0..100) [assumed from the values, because a tenth are under" in lines(
        write_raster("bright.tif", bright, names=NAMES)
    )
    dark = (np.where(dn == 0, np.nan, dn) / 100).astype(np.float32)
    path = write_raster("dark.tif", dark, names=NAMES)
    with pytest.raises(SceneError, match="--units percent or --units l4s"):
        raw(path)
    same(raw(path, units="percent"), dn)


def test_reflectance_times_1000_is_asked_about(write_raster, dn):
    dn[:, 5, 5:9] = 9000  # clouds
    path = write_raster("scene.tif", (dn / 10).round().astype(np.uint16), names=NAMES)
    with pytest.raises(SceneError, match=r"may be reflectance × 1000.*--units dn.*-scale 0.001"):
        raw(path)
    assert "told by --units" in lines(path, units="dn")
    same(raw(tag(path, 0.001, 0)), dn, tolerance=6)


def test_a_real_scene_of_reflectance_times_1000_is_asked_about(data):
    path = data / "s2_aberystwyth" / "s2_20210527_10band.tif"
    with pytest.raises(SceneError, match="may be reflectance × 1000"):
        raw(path)


@pytest.mark.parametrize("times", [39, 39.2, 257])
def test_an_8_bit_picture_that_was_scaled_up_is_no_reflectance(write_raster, dn, times):
    picture = (dn / dn.max() * 255).round()
    path = write_raster("scene.tif", (picture * times).round().astype(np.uint16), names=NAMES)
    with pytest.raises(SceneError, match=r"levels of about .* 8-bit picture that was scaled up"):
        raw(path)


def test_a_stretch_without_gaps_is_told_from_saturation(write_raster, dn):
    bright = np.where(np.random.default_rng(1).random(dn.shape) < 0.008, 24_000, dn).astype(float)
    values = 1 + (bright - 0.3 * np.random.default_rng(2).random(dn.shape)) * (65534 / 24_000)
    values[:, 10, :60] = np.linspace(31_000, 64_000, 60)
    with pytest.raises(SceneError, match="stretched to 16 bits"):
        raw(write_raster("scene.tif", values.clip(1, 65535).astype(np.uint16), names=NAMES))


@pytest.mark.parametrize(
    ("factor", "said"), [(1e-4, "dn"), (1, "reflectance"), (1, "l4s"), (1, "percent"), (1e-2, "reflectance")]
)
def test_units_that_the_values_cannot_have_are_refused(write_raster, dn, factor, said):
    path = write_raster("scene.tif", (dn * factor * (3 if factor == 1e-2 else 1)).astype(np.float32), names=NAMES)
    with pytest.raises(SceneError, match=r"cannot be .*, which --units says"):
        raw(path, units=said)


def test_units_that_the_values_speak_against_are_said(write_raster, dn):
    divided = (dn / scale_of(NAMES)[:, None, None]).astype(np.float32)
    path = write_raster("scene.tif", divided, names=NAMES)
    assert "look like L4S units (raw / M), and --units says percent" in lines(path, units="percent")
    assert "look like" not in lines(path, units="l4s")
    assert assumed(path, units="l4s").units.origin == "option"


def test_an_offset_that_the_values_speak_against_is_said(write_raster, dn):
    plain = write_raster("plain.tif", dn, names=NAMES)
    assert "(--offset) brings" in lines(plain, offset=-1000)
    tagged = tag(write_raster("tagged.tif", later(dn), names=NAMES, nodata=0), 1e-4, -0.1)
    assert "seem to have the offset -1000 that --offset 0 switches off" in lines(tagged, offset=0)
    assert "seem" not in lines(tagged, offset=-1000)
    assert assumed(tagged, offset=-1000).offset == Assumption("-1000 applied", "option", option="offset")


def test_damaged_metadata_around_loose_files_are_asked_about(product, expected, tmp_path):
    moved = Path(shutil.copytree(product, tmp_path / "download"))
    (moved / "MTD_MSIL2A.xml").write_text("<cut")
    files = images(moved)
    with pytest.raises(SceneError, match=r"MTD_MSIL2A.xml cannot be used .*not well-formed.*--offset, -1000"):
        raw(files)
    np.testing.assert_array_equal(raw(files, offset=-1000), expected)


def test_bands_of_different_days_are_said(write_raster, dn):
    names = dict(zip(NAMES, ("20180101", "20180101", "20180111"), strict=True))
    files = {n: write_raster(f"T32TNS_{names[n]}T101411_B0{n[1]}.tif", v) for n, v in zip(NAMES, dn, strict=True)}
    assert "of different days (B2 of 2018-01-01, B3 of 2018-01-01, B4 of 2018-01-11)" in lines(files)


# The order of the bands.

SWAPPED = "B2 and B4 seem to have changed places"


def test_red_and_blue_that_changed_places_are_told(write_raster, dn):
    assert SWAPPED in lines(write_raster("scene.tif", dn[::-1], names=NAMES))
    assert SWAPPED in lines(write_raster("plain.tif", (dn[::-1] / 1e4).astype(np.float32)), bands=NAMES)
    files = {n: write_raster(f"{n}.tif", v) for n, v in zip(NAMES, dn[::-1], strict=True)}
    assert SWAPPED in lines(files)
    assert SWAPPED not in lines(write_raster("right.tif", dn, names=NAMES))


def test_red_and_blue_of_every_patch_are_told_apart(labelled_patches, write_raster):
    for number, patch in enumerate(labelled_patches[0]):
        scene = open_raster(write_raster(f"{number}.tif", patch[1:4].astype(np.uint16), names=NAMES))
        swapped = replace(scene, bands={**scene.bands, "B2": scene.bands["B4"], "B4": scene.bands["B2"]})
        for described, wrong in ((scene, False), (swapped, True)):
            with Stack(described, units="dn") as stack:
                assert any(SWAPPED in note for note in stack.scene.notes) == wrong


GREENER = "B3 and B4 seem to have changed places"
REVERSED = "stand in another order"


def test_red_and_green_that_changed_places_are_told(write_raster, dn):
    assert GREENER in lines(write_raster("scene.tif", dn[[0, 2, 1]], names=NAMES))
    assert GREENER not in lines(write_raster("right.tif", dn, names=NAMES))


def test_red_and_green_of_every_real_patch_are_told_apart(data, write_raster):
    with np.load(data / "l4s_14band_labelled.npz") as file:
        patches = np.moveaxis(file["dn"], -1, 1)
    for number, patch in enumerate(patches):
        right, wrong = (patch[order].astype(np.uint16) for order in ([1, 2, 3], [1, 3, 2]))
        assert GREENER in lines(write_raster(f"{number}.tif", wrong, names=NAMES), units="dn")
        assert "seem to" not in lines(write_raster(f"{number}_.tif", right, names=NAMES), units="dn")


def test_bands_in_reverse_are_told_by_vegetation(labelled_patches, write_raster):
    names = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B11", "B12")
    for number, patch in enumerate(labelled_patches[0]):
        values = patch[[BANDS.index(name) for name in names]].astype(np.uint16)
        path = write_raster(f"{number}.tif", values[::-1], names=names)
        assert "seem to" in lines(path, units="dn")
        assert "seem to" not in lines(write_raster(f"{number}_.tif", values, names=names), units="dn")


@pytest.mark.parametrize("scene", ["iburi_2018/post", "iburi_2018/pre", "s2_l2a_mekong"])
def test_real_scenes_raise_no_false_alarm(data, scene):
    said = lines(data / scene)
    assert "Units:   digital numbers" in said
    assert "seem to" not in said
    assert "none applied [assumed, because nothing states one" in said


# What else values tell.


def test_a_negative_scale_is_refused(write_raster, dn):
    with pytest.raises(SceneError, match=r"states the scale -0\.0001; expected a positive one"):
        raw(tag(write_raster("scene.tif", dn, names=NAMES), -0.0001, 1))


def test_complex_values_are_refused_wherever_they_stand(write_raster, dn):
    scene = write_raster("scene.tif", dn, names=NAMES)
    waves = write_raster("waves.tif", dn[0].astype(np.complex64))
    whole = write_raster("whole.tif", dn.astype(np.complex64), names=NAMES)
    ways = [{"scene": whole}, {"scene": scene, "dem": waves}, {"scene": scene, "mask": waves}, {"scene": {"B4": waves}}]
    for way in ways:
        with pytest.raises(L4SError, match="holds complex numbers"), open_stack(Inputs(**way)):
            pass


def test_complex_whole_numbers_are_refused(dn, tmp_path):
    path = tmp_path / "radar.tif"
    size = {"height": dn.shape[1], "width": dn.shape[2], "crs": UTM, "transform": TRANSFORM}
    with rasterio.open(path, "w", driver="GTiff", count=3, dtype="complex_int16", **size) as dataset:
        dataset.write(dn.astype(np.complex64))
        dataset.descriptions = NAMES
    with pytest.raises(SceneError, match="holds complex numbers"):
        raw(path)


def test_bands_of_different_offsets_are_said(write_raster, dn):
    path = write_raster("scene.tif", later(dn), names=NAMES)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.0001,) * 3, (-0.1, -0.1, 0)
    assert "the bands have different offsets (B2 -1000, B3 -1000, B4 0)" in lines(path)
    assert "different offsets" not in lines(tag(path, 0.0001, -0.1))


def test_an_offset_that_was_taken_off_twice_is_said(write_raster, dn):
    path = write_raster("scene.tif", np.where(dn == 0, 0, dn.astype(np.int16) - 800).astype(np.int16), names=NAMES)
    assert "of the values are negative" in lines(path)
    assert "of the values are negative" not in lines(path, offset=800)
    filled = np.where(dn == 0, -9999, dn).astype(np.int16)
    filled[:, :20] = -9999
    assert "negative" not in lines(write_raster("filled.tif", filled, names=NAMES))


@pytest.mark.parametrize(("fill", "factor"), [(1, 1e4), (5000, 1)])
def test_one_high_value_in_all_bands_is_said(write_raster, dn, fill, factor):
    values = dn / factor
    values[:, 20:30] = fill
    path = write_raster("scene.tif", values.astype(np.float32), names=NAMES)
    assert f"17% of the pixels hold {fill} in all of B4, B3, B2" in lines(path)
    assert "in all of" not in lines(write_raster("plain.tif", (dn / factor).astype(np.float32), names=NAMES))


def test_a_fill_value_makes_no_digital_numbers_of_reflectance(write_raster, dn):
    values = (dn / 1e4).astype(np.float32)
    values[:, 20:30] = 255
    path = write_raster("scene.tif", values, names=NAMES)
    with pytest.raises(SceneError, match=r"gdal_edit.py -a_nodata 255"):
        raw(path)
    with rasterio.open(path, "r+") as dataset:
        dataset.nodata = 255
    np.testing.assert_allclose(raw(path)[:, 30:], dn[:, 30:], atol=0.01)


def test_each_bands_own_nodata_counts_in_a_warped_raster(write_raster, dn, tmp_path):
    """Bands of one VRT that declare different nodata are warped as the same bands in files of their own."""
    place = {"crs": "EPSG:4326", "transform": Affine(9e-5, 0, 85, 0, -9e-5, 28)}
    files = {}
    for band, values, fill in zip(NAMES, dn, (0, 65535, 60000), strict=True):
        filled = values.copy()
        filled[:, :20] = fill
        filled[values == 0] = fill
        files[band] = write_raster(f"{band}.tif", filled, nodata=fill, **place)
    parts = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{number}"><Description>{band}</Description><NoDataValue>{fill}'
        f'</NoDataValue><SimpleSource><SourceFilename relativeToVRT="0">{files[band]}</SourceFilename></SimpleSource>'
        "</VRTRasterBand>"
        for number, (band, fill) in enumerate(zip(NAMES, (0, 65535, 60000), strict=True), start=1)
    )
    vrt = tmp_path / "scene.vrt"
    vrt.write_text(
        f'<VRTDataset rasterXSize="70" rasterYSize="60"><SRS>EPSG:4326</SRS><GeoTransform>85,9e-5,0,28,0,-9e-5'
        f"</GeoTransform>{parts}</VRTDataset>"
    )
    apart, together = raw(files), raw(vrt)
    both = np.isfinite(apart) & np.isfinite(together)
    assert both.mean() > 0.5
    assert (np.isfinite(apart) == np.isfinite(together)).mean() > 0.98
    np.testing.assert_allclose(together[both], apart[both], atol=0.01)
    assert np.nanmax(together) < 4000


def test_a_changed_file_of_a_vrt_is_another_input(write_raster, dn, tmp_path):
    source = write_raster("scene.tif", dn, names=NAMES)
    vrt = tmp_path / "scene.vrt"
    rasterio.shutil.copy(source, vrt, driver="VRT")

    def read() -> list[tuple[str, int, int, int]]:
        inputs = Inputs(vrt)
        with open_stack(inputs) as stack:
            return stamps(input_files(inputs, stack))

    before = read()
    assert read() == before
    times = source.stat()
    content = bytearray(source.read_bytes())
    content[-1] ^= 1
    source.write_bytes(content)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read() != before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dem": ""}, "The path of the DEM is empty"),
        ({"dem": ["", "a.tif"]}, "The path of the DEM is empty"),
        ({"mask": ""}, "The path of the mask is empty"),
        ({"aoi": ""}, "The path of the area of interest is empty"),
        ({"scene": ""}, "The path of the scene is empty"),
        ({"scene": "a\udcff.tif"}, "is not UTF-8"),
        ({"scene": "a\0.tif"}, "holds a zero"),
        ({"mask": "a" * 300}, "leads nowhere"),
        ({"scene": {"B4": ""}}, "The path of the band B4 is empty"),
    ],
)
def test_paths_that_can_be_none_are_refused(given, said):
    with pytest.raises(SceneError, match=said):
        Inputs(**{"scene": "scene.tif", **given})

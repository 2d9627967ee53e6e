"""Mapping units: which scenes come together, and which are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

from event_scenes import AREA, LEFT, write_event, write_scene, write_three
from l4s_geo.errors import EventError, SceneError
from l4s_geo.events.event_file import EventScene, read_event
from l4s_geo.events.scene_facts import describe, expanded, ground_of, named
from l4s_geo.events.units import Unit, group, request_of
from l4s_geo.grid import Grid
from safe_products import build_safe, make_site, zipped


def units_of(event: Path):
    return group(request_of(read_event(event)))


def names(event: Path) -> dict[str, tuple[list[str], list[str]]]:
    return {
        unit.name: ([Path(s).name for s in unit.after], [Path(s).name for s in unit.before])
        for unit in units_of(event).units
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("S2A_MSIL2A_20180915T012651_N0208_R074_T54TWN_20180915T050102.SAFE", ("54TWN", "2018-09-15")),
        ("/data/S2B_MSIL1C_20230102T012651_N0509_R074_T01CDE_20230102T050102.zip", ("01CDE", "2023-01-02")),
        ("https://example.org/collections/x/items/S2A_54TWN_20180915_0_L2A?sig=abc", ("54TWN", "2018-09-15")),
        ("T54TWN_20180915T012651_B04_10m.jp2", ("54TWN", "2018-09-15")),
        ("S2A_4QFJ_20180915_0_L2A", ("04QFJ", "2018-09-15")),
        ("after_2018-09-15.tif", ("", "2018-09-15")),
        ("scene_20181350.tif", ("", "")),
        ("valley.tif", ("", "")),
        ("S2A_54IWN_20180915.tif", ("", "2018-09-15")),  # there is no latitude band I
    ],
)
def test_names_tell_tile_and_day(name, told):
    assert named(name) == told


def test_a_unit_is_a_tile_on_a_day_with_the_earlier_scenes_of_the_tile(tmp_path, red_bundle):
    write_three(tmp_path)
    for seed, name in enumerate(("S2A_54TWN_20170915", "S2A_54TWN_20180801", "S2A_54TWP_20180801")):
        write_scene(tmp_path / "before" / f"{name}.tif", LEFT + 1800 * ("TWP" in name), bodies=(), seed=seed)
    event = write_event(tmp_path, red_bundle, "scenes: {before: before, after: after}")
    earlier = ["S2A_54TWN_20170915.tif", "S2A_54TWN_20180801.tif"]
    assert names(event) == {
        "54TWN-2018-09-15": (["S2A_54TWN_20180915.tif"], earlier),
        "54TWN-2018-09-20": (["S2B_54TWN_20180920.tif"], earlier),
        "54TWP-2018-09-15": (["S2A_54TWP_20180915.tif"], ["S2A_54TWP_20180801.tif"]),
    }


def test_where_no_name_tells_a_tile_the_ground_does(tmp_path, red_bundle):
    write_scene(tmp_path / "after" / "a.tif")
    write_scene(tmp_path / "after" / "b.tif", LEFT + 2200)
    write_scene(tmp_path / "before" / "c.tif", LEFT + 100, bodies=(), seed=1)
    write_scene(tmp_path / "before" / "d.tif", LEFT + 2300, bodies=(), seed=2)
    event = write_event(tmp_path, red_bundle, "scenes: {before: before, after: after}")
    assert names(event) == {"a": (["a.tif"], ["c.tif"]), "b": (["b.tif"], ["c.tif", "d.tif"])}


def test_scenes_of_one_ground_and_day_are_one_unit(tmp_path, red_bundle):
    write_scene(tmp_path / "after" / "a_20180915.tif")
    write_scene(tmp_path / "after" / "b_20180915.tif", LEFT + 100, seed=9)
    write_scene(tmp_path / "after" / "c_20180916.tif", LEFT + 100, seed=10)
    found = names(write_event(tmp_path, red_bundle))
    assert found == {"a_20180915": (["a_20180915.tif", "b_20180915.tif"], []), "c_20180916": (["c_20180916.tif"], [])}


def test_what_the_file_says_of_a_scene_counts_before_its_name(tmp_path, red_bundle):
    write_scene(tmp_path / "after" / "S2A_54TWN_20180915.tif")
    said = "scenes: {after: [{scene: after/S2A_54TWN_20180915.tif, tile: 54TWQ, date: 2018-09-16}]}"
    assert list(names(write_event(tmp_path, red_bundle, said))) == ["54TWQ-2018-09-16"]


def test_an_address_whose_tile_and_day_are_known_is_not_asked(tmp_path, red_bundle):
    said = (
        "scenes: {before: [{scene: 'https://no.example/items/S2A_54TWN_20180801_0_L2A'}], "
        "after: [{scene: 'https://no.example/items/x', tile: 54TWN, date: 2018-09-15}]}"
    )
    (unit,) = units_of(write_event(tmp_path, red_bundle, said)).units
    assert unit.name == "54TWN-2018-09-15"
    assert unit.before == ("https://no.example/items/S2A_54TWN_20180801_0_L2A",)


def test_a_unit_is_json_and_comes_back_as_it_was(tmp_path, red_bundle):
    write_three(tmp_path)
    text = "scenes: {after: after}\noptions: {min-area: 700, probability: true, mask-classes: [3, 8]}"
    for unit in units_of(write_event(tmp_path, red_bundle, text)).units:
        text = json.dumps(unit.json())
        assert json.dumps(Unit.of(json.loads(text)).json()) == text
        assert unit.keywords()["probability"] == str(tmp_path / "quake" / "units" / f"{unit.name}-probability.tif")
        assert unit.keywords()["min_area"] == 700


def test_a_folder_is_a_scene_or_holds_scenes(tmp_path):
    def found(folder: Path) -> list[str]:
        return [str(Path(path).relative_to(tmp_path)) for path in expanded(EventScene(str(folder)), "It")]

    product = build_safe(make_site(), tmp_path / "products", "L1C")
    assert found(tmp_path / "products") == found(product) == [str(product.relative_to(tmp_path))]
    for band in ("B02", "B03", "B04"):
        shutil.copy(write_scene(tmp_path / "s.tif"), write_scene(tmp_path / "bands" / "one" / f"{band}.tif"))
    assert found(tmp_path / "bands" / "one") == ["bands/one"]
    assert found(tmp_path / "bands") == ["bands/one"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(EventError, match="holds no scene"):
        found(tmp_path / "empty")


def test_tiles_of_an_export_are_one_scene(tmp_path, red_bundle):
    write_scene(tmp_path / "after" / "export-0000000000-0000000000.tif")
    write_scene(tmp_path / "after" / "export-0000000000-0000000220.tif", LEFT + 2200)
    (unit,) = units_of(write_event(tmp_path, red_bundle)).units
    assert unit.after == (f"{tmp_path}/after/export-*.tif",)


def test_a_scene_under_two_names_is_told(tmp_path, red_bundle):
    write_scene(tmp_path / "after" / "S2A_54TWN_20180915.tif")
    (tmp_path / "after" / "copy_54TWN_20180916.tif").write_bytes(
        (tmp_path / "after" / "S2A_54TWN_20180915.tif").read_bytes()
    )
    with pytest.raises(EventError, match="hold the same bytes"):
        units_of(write_event(tmp_path, red_bundle))
    (tmp_path / "after" / "copy_54TWN_20180916.tif").unlink()
    (tmp_path / "after" / "copy_54TWN_20180916.tif").hardlink_to(tmp_path / "after" / "S2A_54TWN_20180915.tif")
    with pytest.raises(EventError, match="names one scene twice"):
        units_of(write_event(tmp_path, red_bundle))
    both = "scenes: {before: after/S2A_54TWN_20180915.tif, after: after/S2A_54TWN_20180915.tif}"
    with pytest.raises(EventError, match="names one scene twice"):
        units_of(write_event(tmp_path, red_bundle, both))


def test_a_product_and_its_zip_are_one_scene(tmp_path, red_bundle):
    product = build_safe(make_site(), tmp_path / "after", "L1C")
    zipped(product, tmp_path / "after" / f"{product.stem}.zip")
    event = write_event(tmp_path, red_bundle, "scenes: {after: after}")
    event.write_text(event.read_text().replace(AREA, around(product)), encoding="utf-8")
    with pytest.raises(EventError, match="names one scene twice"):
        units_of(event)


def around(scene: Path) -> str:
    """A box around a scene, in degrees."""
    west, south, east, north = describe(str(scene), {}).bounds
    return f"{west - 0.1:.3f},{south - 0.1:.3f},{east + 0.1:.3f},{north + 0.1:.3f}"


def test_a_scene_that_two_patterns_name_is_one(tmp_path, red_bundle):
    write_three(tmp_path)
    said = "scenes: {after: [after/*.tif, after/S2A_54TWN_20180915.tif, after]}"
    assert len(units_of(write_event(tmp_path, red_bundle, said)).units) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scenes: {}", "names no scene of the time after.*l4s event search"),
        ("scenes: {after: none/*.tif}", "stands for no file"),
        ("scenes: {after: none.tif}", "does not exist"),
        ("scenes: {before: none.tif, after: after}", "scenes: before names .*none.tif, which does not exist"),
        ("scenes: {after: after}\ndem: none.tif", "dem names .*none.tif, which does not exist"),
        ("scenes: {after: after}\ndem: none*.tif", "dem names .*none.*, which stands for no file"),
        (
            "scenes: {after: [{scene: after/S2A_54TWN_20180915.tif, date: 2018-08-01}]}",
            "before the event of 2018-09-06",
        ),
        ("scenes: {before: after/S2A_54TWP_20180915.tif, after: after/S2A_54TWN_20180915.tif}", "after the event of"),
    ],
)
def test_scenes_that_cannot_be_are_refused(tmp_path, red_bundle, text, said):
    write_three(tmp_path)
    with pytest.raises(EventError, match=said):
        units_of(write_event(tmp_path, red_bundle, text))


def test_a_scene_of_another_sensor_is_refused_as_a_map_refuses_it(tmp_path, red_bundle):
    write_three(tmp_path)
    write_scene(tmp_path / "after" / "LC08_L1TP_107030_20180915_20200831_02_T1.tif", seed=8)
    with pytest.raises(SceneError, match="Landsat"):
        units_of(write_event(tmp_path, red_bundle))
    found = names(write_event(tmp_path, red_bundle, "scenes: {after: after}\noptions: {sensor: sentinel-2}"))
    assert len(found) == 4


def test_scenes_beside_the_area_are_left_out_and_none_at_all_is_an_error(tmp_path, red_bundle):
    write_three(tmp_path)
    write_scene(tmp_path / "after" / "S2A_54TXX_20180915.tif", LEFT + 80_000, seed=3)
    found = units_of(write_event(tmp_path, red_bundle))
    assert [unit.name for unit in found.units] == ["54TWN-2018-09-15", "54TWN-2018-09-20", "54TWP-2018-09-15"]
    assert found.notes == ("left out, since they do not meet the area: S2A_54TXX_20180915",)
    event = write_event(tmp_path, red_bundle)
    event.write_text(event.read_text().replace(AREA, "10,40,11,41"), encoding="utf-8")
    with pytest.raises(EventError, match="none of which meets the area"):
        units_of(event)


def test_a_scene_beyond_the_area_is_cut_to_it_and_one_within_is_not(tmp_path, red_bundle):
    write_three(tmp_path)
    assert all("aoi" not in unit.options for unit in units_of(write_event(tmp_path, red_bundle)).units)
    event = write_event(tmp_path, red_bundle)
    event.write_text(event.read_text().replace(AREA, "141.0,42.62,141.2,42.7"), encoding="utf-8")
    assert {unit.options["aoi"] for unit in units_of(event).units} == {"141,42.62,141.2,42.7"}


def test_ground_without_an_earlier_scene_is_said(tmp_path, red_bundle):
    write_three(tmp_path)
    write_scene(tmp_path / "before" / "S2A_54TWN_20170915.tif", bodies=(), seed=4, shape=(200, 100))
    found = units_of(write_event(tmp_path, red_bundle, "scenes: {before: before, after: after}"))
    assert found.notes == (
        "no earlier scene shows the ground of 54TWP-2018-09-15: all its landslides are mapped, old ones too",
    )


def test_a_unit_gets_the_elevations_of_its_ground(tmp_path, red_bundle, write_raster):
    write_three(tmp_path)
    near, far = (
        write_scene(tmp_path / "dem" / f"{name}.tif", left, bodies=())
        for name, left in (("a", LEFT), ("b", LEFT + 2e5))
    )
    copernicus = [f"https://no.example/Copernicus_DSM_COG_10_N42_00_E{lon:03}_00_DEM" for lon in (140, 141, 143)]
    text = f"scenes: {{after: after}}\ndem: [dem/*.tif, {', '.join(copernicus)}]"
    for unit in units_of(write_event(tmp_path, red_bundle, text)).units:
        assert unit.dem == (str(near), *copernicus[:2])
    assert far.exists()


def test_two_products_of_one_acquisition_are_said(tmp_path, red_bundle):
    first = build_safe(make_site(), tmp_path / "after", "L1C", "02.06")
    build_safe(make_site(), tmp_path / "after", "L1C", "05.00")
    event = write_event(tmp_path, red_bundle, "scenes: {after: after}")
    event.write_text(event.read_text().replace(AREA, around(first)), encoding="utf-8")
    found = units_of(event)
    assert [len(unit.after) for unit in found.units] == [2]
    assert "products of one acquisition" in found.notes[0]


def test_a_scene_on_the_date_line_lies_on_both_sides_of_it():
    from affine import Affine
    from rasterio.crs import CRS

    grid = Grid(CRS.from_epsg(32601), Affine(10, 0, 100_000, 0, -10, -1_000_000 + 3e6), 10_980, 10_980)
    west, south, east, north = ground_of(grid)
    assert west < 180 < east < 190
    assert 0 < south < north < 90


def test_a_scene_without_coordinates_is_refused(tmp_path, red_bundle):
    path = tmp_path / "after" / "a.tif"
    path.parent.mkdir()
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "height": 64, "width": 64}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(np.full((3, 64, 64), 500, np.uint16))
    with pytest.raises((EventError, SceneError), match=r"coordinates|CRS|georef"):
        units_of(write_event(tmp_path, red_bundle))

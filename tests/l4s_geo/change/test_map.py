"""Maps that compare two dates, through the same call as l4s-map."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from click.testing import CliRunner
from pandas.testing import assert_frame_equal
from rasterio.warp import calculate_default_transform, reproject
from scipy import ndimage

import l4s_geo
from l4s_geo.bands import RGB
from l4s_geo.cli.map import main
from l4s_geo.errors import BandError, BundleError, L4SError, SceneError
from l4s_geo.inventory.table import CHANGE_DTYPES, DTYPES
from stac_items import item_of, write_item
from support import ORIGIN, TRANSFORM, add_newness

NAMES = (*RGB, "B8")
GREEN, BARE = (500, 700, 600, 3000), (2600, 1500, 900, 2000)
OLD, NEW = (slice(40, 60), slice(50, 90)), (slice(120, 160), slice(150, 175))
SHAPE = (200, 260)


def ground(*scars: tuple[slice, slice], seed: int = 1) -> np.ndarray:
    """Green hills with fields and some noise, and scars: (4, rows, cols) float64 digital numbers."""
    texture = np.random.default_rng(0)
    patches = ndimage.gaussian_filter(texture.normal(size=SHAPE), 4)
    fields = 1 + 0.25 * (patches > 0) + 0.6 * patches
    dn = np.array(GREEN, float)[:, None, None] * fields
    for scar in scars:
        dn[:, *scar] = np.array(BARE)[:, None, None] * (0.9 + 0.2 * texture.random(dn[0][scar].shape))
    return dn * (1 + 0.01 * np.random.default_rng(seed).normal(size=dn.shape))


@pytest.fixture(scope="session")
def bundle(red_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The red bundle with models of newness."""
    return add_newness(red_bundle, tmp_path_factory.mktemp("bundles") / "comparing")


@pytest.fixture
def after(write_raster) -> Path:
    return write_raster("after.tif", ground(OLD, NEW).astype(np.uint16), names=NAMES)


@pytest.fixture
def write_before(write_raster):
    """Return a function that writes an earlier scene with the old scar alone, as another day shows it."""

    def write(name: str = "before.tif", shift: tuple[float, float] = (0, 0), **options) -> Path:
        dn = np.stack([ndimage.shift(band, shift, order=3, mode="nearest") for band in ground(OLD, seed=2)])
        dn = dn * np.array([0.8, 0.9, 1.0, 1.1])[:, None, None] + 50
        return write_raster(name, dn.astype(np.uint16), **{"names": NAMES, **options})

    return write


def covers(found: gpd.GeoDataFrame, place: tuple[slice, slice]) -> bool:
    """Whether a polygon lies on the middle of a place."""
    row, col = ((s.start + s.stop) / 2 for s in place)
    point = gpd.points_from_xy([ORIGIN[0] + 10 * col], [ORIGIN[1] - 10 * row])[0]
    return bool(found.geometry.contains(point).any())


def test_only_what_is_new_is_mapped(after, write_before, bundle, tmp_path) -> None:
    out, change = tmp_path / "new.gpkg", tmp_path / "change.tif"
    arguments = [str(after), "--before", str(write_before()), "--out", str(out), "--change", str(change)]
    result = CliRunner().invoke(main, [*arguments, "--bundle", str(bundle)])
    assert result.exit_code == 0, result.output
    found = gpd.read_file(out, layer="landslides")
    assert list(found.columns) == [*DTYPES, *CHANGE_DTYPES, "geometry"]
    assert len(found) == 1
    assert covers(found, NEW)
    row = found.iloc[0]
    assert row.is_new
    assert row.p_before < 0.05 < 0.9 < row.p_new
    ndvi = [(3000 - 500) / 3500, (2000 - 2600) / 4600]
    assert [row.ndvi_before, row.ndvi_after] == pytest.approx(ndvi, abs=0.05)
    assert row.dndvi == pytest.approx(ndvi[1] - ndvi[0], abs=0.05)
    assert (row.n_before, row.n_after, row.date_before, row.date_after) == (1, 1, "", "")
    with rasterio.open(change) as dataset:
        assert dataset.read(1)[NEW].mean() < -0.8 < -0.1 < dataset.read(1)[OLD].mean()
    assert change.with_suffix(".qml").exists()
    facts = json.loads(pyogrio.read_info(out, layer="landslides")["layer_metadata"]["l4s"])
    assert facts["change_index"] == "rdndvi"
    assert facts["before_scenes"][0]["lines"]["B4"]["gain"] == pytest.approx(1 / 0.8, rel=0.05)
    assert "Compared: 5.2 km²" in result.stderr


def test_all_landslides_are_mapped_and_flagged_if_asked(after, write_before, bundle) -> None:
    plain = l4s_geo.map_scene(after, bundle=bundle)
    found = l4s_geo.map_scene(after, before=write_before(), only_new=False, bundle=bundle)
    assert_frame_equal(found[plain.columns].drop(columns="created"), plain.drop(columns="created"))
    assert found.is_new.tolist() == [False, True]
    assert found.p_before[0] > 0.9


def test_without_an_earlier_scene_nothing_changes(after, bundle) -> None:
    found = l4s_geo.map_scene(after, bundle=bundle)
    assert list(found.columns) == [*DTYPES, "geometry"]
    assert len(found) == 2


@pytest.mark.parametrize("shift", [(1.4, -0.6), (-5.0, 4.0)])
def test_a_scene_that_lies_beside_is_moved_first(after, write_before, bundle, tmp_path, shift) -> None:
    said: list[str] = []
    plan_reporter = Listener(said)
    out = tmp_path / "new.gpkg"
    found = l4s_geo.map_scene(after, before=write_before(shift=shift), bundle=bundle, out=out, reporter=plan_reporter)
    assert len(found) == 1
    facts = json.loads(pyogrio.read_info(out, layer="landslides")["layer_metadata"]["l4s"])["before_scenes"][0]
    assert facts["shift_m"] == pytest.approx([shift[1] * 10, -shift[0] * 10], abs=1.5)
    assert facts["shift_applied"]
    assert any("taken off" in line for line in said)
    assert any("more than products usually do" in line for line in said) == (np.hypot(*shift) > 3)


def test_an_implausible_shift_is_said_and_left(after, write_before, bundle) -> None:
    said: list[str] = []
    l4s_geo.map_scene(after, before=write_before(shift=(20.0, 0.0)), bundle=bundle, reporter=Listener(said))
    assert any("not taken off" in line for line in said)
    assert any("which no two products of Sentinel-2 do" in line for line in said)


def test_an_earlier_scene_of_another_zone_and_resolution(after, write_before, bundle, tmp_path) -> None:
    with rasterio.open(write_before()) as dataset:
        grid = calculate_default_transform(
            dataset.crs, "EPSG:32644", dataset.width, dataset.height, *dataset.bounds, resolution=12
        )
        warped = np.zeros((4, grid[2], grid[1]), np.uint16)
        reproject(
            dataset.read(),
            warped,
            src_transform=dataset.transform,
            src_crs=dataset.crs,
            dst_transform=grid[0],
            dst_crs="EPSG:32644",
            resampling=rasterio.enums.Resampling.cubic,
        )
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 4, "crs": "EPSG:32644", "transform": grid[0], "nodata": 0}
    path = tmp_path / "zone44.tif"
    with rasterio.open(path, "w", **profile, height=grid[2], width=grid[1]) as dataset:
        dataset.write(warped)
        for index, name in enumerate(NAMES, start=1):
            dataset.set_band_description(index, name)
    found = l4s_geo.map_scene(after, before=path, bundle=bundle)
    assert covers(found, NEW)
    assert not covers(found, OLD)
    # At 12 m the old scar's rim is blurred, and a few pixels of it look new.
    assert found.area_m2.min() < 1000 or len(found) == 1


def test_ground_that_the_earlier_scene_does_not_show_is_not_mapped(after, write_before, bundle, write_raster) -> None:
    with rasterio.open(write_before()) as dataset:
        part = dataset.read()[:, :, :165]
    found = l4s_geo.map_scene(after, before=write_raster("part.tif", part, names=NAMES), bundle=bundle)
    assert len(found) == 1
    assert found.total_bounds[2] <= ORIGIN[0] + 1650
    assert found.touches_edge.all()


def test_what_is_masked_on_either_side_is_not_mapped(after, write_before, bundle, write_raster) -> None:
    cloud = np.full(SHAPE, 4, np.uint8)
    cloud[NEW] = 9
    scl = write_raster("SCL.tif", cloud)
    dn = ground(OLD, seed=2).astype(np.uint16)
    bands = {name: write_raster(f"{name}.tif", band) for name, band in zip(NAMES, dn, strict=True)}
    assert len(l4s_geo.map_scene(after, before={**bands, "SCL": scl}, bundle=bundle)) == 0
    every = write_raster("all.tif", np.full(SHAPE, 9, np.uint8))
    with pytest.raises(SceneError, match="No pixel of the scene after can be compared"):
        l4s_geo.map_scene(after, before={**bands, "SCL": every}, bundle=bundle)


def test_a_cloud_that_no_mask_found_is_no_new_landslide(write_raster, write_before, bundle) -> None:
    dn = ground(OLD)
    dn[:, *NEW] = np.array([9000, 6000, 7500, 8800])[:, None, None]
    found = l4s_geo.map_scene(
        write_raster("cloudy.tif", dn.astype(np.uint16), names=NAMES), before=write_before(), bundle=bundle
    )
    assert len(found) == 0


def test_ground_that_a_cloud_hid_before_is_not_compared(after, write_before, bundle, write_raster, tmp_path) -> None:
    """Not by a mask, but by its colours: what the earlier date does not show cannot be new, with --all neither."""
    with rasterio.open(write_before()) as dataset:
        dn = dataset.read()
    dn[:, 110:170, 140:185] = 5000
    before = write_raster("cloudy.tif", dn[:3], names=RGB)
    raster = tmp_path / "p.tif"
    assert len(l4s_geo.map_scene(after, before=before, bundle=bundle, probability=raster)) == 0
    with rasterio.open(raster) as dataset:
        assert np.isnan(dataset.read(1)[NEW]).all()
    every = l4s_geo.map_scene(after, before=before, bundle=bundle, only_new=False)
    assert every.is_new.tolist() == [False, False]
    assert every.p_new.isna().tolist() == [False, True]


def test_the_greenest_of_several_earlier_scenes_avoids_clouds(after, write_before, bundle, write_raster) -> None:
    clear = write_before()
    with rasterio.open(clear) as dataset:
        dn = dataset.read()
    cloudy = dn.copy()
    cloudy[:, 100:180, 120:200] = 7000
    paths = [write_raster(f"day{n}.tif", v, names=NAMES) for n, v in enumerate((cloudy, dn))]
    for method in ("greenest", "median", "latest"):
        found = l4s_geo.map_scene(after, before=paths, composite=method, bundle=bundle)
        assert (len(found) == 1) or method != "greenest"
        assert (found.n_before == 2).all()


def test_several_later_scenes_become_one(after, bundle, write_raster) -> None:
    """The second tile shows what the first does not, and the grid grows for it."""
    dn = ground(OLD, NEW).astype(np.uint16)
    west, east = dn[:, :, :160].copy(), dn[:, :, 120:]
    paths = [
        write_raster("west.tif", west, names=NAMES),
        write_raster("east.tif", east, names=NAMES, transform=TRANSFORM @ Affine.translation(120, 0)),
    ]
    found = l4s_geo.map_scene(paths, bundle=bundle)
    whole = l4s_geo.map_scene(after, bundle=bundle)
    assert found.area_m2.tolist() == pytest.approx(whole.area_m2.tolist(), rel=0.1)
    assert list(found.columns) == [*DTYPES, "geometry"]
    assert found.scene[0] == "west + east"


def test_bands_that_both_dates_have_are_compared(after, write_before, bundle, write_raster) -> None:
    with rasterio.open(write_before()) as dataset:
        visible = write_raster("visible.tif", dataset.read()[:3], names=RGB)
    said: list[str] = []
    found = l4s_geo.map_scene(after, before=visible, bundle=bundle, reporter=Listener(said))
    assert len(found) == 1
    assert found[["ndvi_before", "ndvi_after", "dndvi"]].isna().all(axis=None)
    assert any("visible greenness" in line for line in said)


def test_scenes_without_common_bands_are_refused(after, bundle, write_raster) -> None:
    other = write_raster("swir.tif", np.full((1, *SHAPE), 900, np.uint16), names=("B11",))
    with pytest.raises(SceneError, match="share no band of Sentinel-2"):
        l4s_geo.map_scene(after, before=other, bundle=bundle)
    green = write_raster("green.tif", ground()[1:2].astype(np.uint16), names=("B3",))
    with pytest.raises(BandError, match="share B3; expected B4, B3, B2 on both dates"):
        l4s_geo.map_scene(after, before=green, bundle=bundle)


def test_scenes_that_do_not_overlap_are_refused(after, write_before, bundle) -> None:
    far = write_before(transform=Affine(10, 0, ORIGIN[0] + 50_000, 0, -10, ORIGIN[1]))
    with pytest.raises(SceneError, match="do not overlap; give scenes of the same ground"):
        l4s_geo.map_scene(after, before=far, bundle=bundle)


def test_the_same_scene_twice_is_refused(after, write_before, bundle) -> None:
    with pytest.raises(SceneError, match="The scene after is given twice"):
        l4s_geo.map_scene(after, before=after, bundle=bundle)
    before = write_before()
    with pytest.raises(SceneError, match="The scene before is given twice"):
        l4s_geo.map_scene(after, before=[before, before], bundle=bundle)


@pytest.mark.parametrize("driver", ["copy", "VRT", "COG"])
def test_the_same_values_under_another_name_are_refused(after, bundle, tmp_path, driver) -> None:
    twin = tmp_path / ("twin.vrt" if driver == "VRT" else "twin.tif")
    if driver == "copy":
        twin.write_bytes(after.read_bytes())
    else:
        rasterio.shutil.copy(after, twin, driver=driver)
    with pytest.raises(SceneError, match="The earlier scene twin holds the very values of after"):
        l4s_geo.map_scene(after, before=twin, bundle=bundle)


@pytest.mark.parametrize("what", ["one value", "turned", "veil"])
def test_an_earlier_scene_that_shows_none_of_the_ground_is_refused(after, write_raster, bundle, what) -> None:
    veil = 1300 + 3000 * ndimage.gaussian_filter(np.random.default_rng(5).normal(size=(4, *SHAPE)), (0, 8, 8))
    turned = ground(OLD, seed=2)[:, ::-1, ::-1]
    dn = {"one value": np.full((4, *SHAPE), 700), "turned": turned, "veil": veil}[what]
    before = write_raster("before.tif", dn.clip(1, 9999).astype(np.uint16), names=NAMES)
    with pytest.raises(SceneError, match="Nothing of the ground of after is recognised in the earlier scene before"):
        l4s_geo.map_scene(after, before=before, bundle=bundle)


def test_an_earlier_scene_that_shows_none_of_the_ground_does_not_count(
    after, write_before, write_raster, bundle
) -> None:
    alone = l4s_geo.map_scene(after, before=write_before(), bundle=bundle)
    grey = write_raster("grey.tif", np.full((4, *SHAPE), 1300, np.uint16), names=NAMES)
    said: list[str] = []
    found = l4s_geo.map_scene(
        after, before=[grey, write_before("b.tif")], composite="median", bundle=bundle, reporter=Listener(said)
    )
    assert_frame_equal(found.drop(columns="created"), alone.drop(columns="created"))
    assert found.n_before.tolist() == [1]
    assert any("grey is not compared, since none of the ground is recognised in it" in line for line in said)


def test_what_is_noticed_of_earlier_scenes_is_said(after, write_raster, bundle) -> None:
    before = write_raster("before.tif", (ground(OLD, seed=2) + 1000).astype(np.uint16), names=NAMES)
    said: list[str] = []
    l4s_geo.map_scene(after, before=before, bundle=bundle, reporter=Listener(said))
    (note,) = [line for line in said if "as where 1000 is added" in line]
    assert note.startswith("Note: before: ")


def test_values_that_cannot_be_understood_are_those_of_a_named_scene(after, write_raster, bundle) -> None:
    percent = (ground(OLD, seed=2) / 350 + 9).astype(np.float32)
    before = write_raster("before.tif", percent, names=NAMES)
    with pytest.raises(
        SceneError, match=r"The spectral values of .*before\.tif .* may be reflectance in percent"
    ) as told:
        l4s_geo.map_scene(after, before=before, bundle=bundle)
    assert "--units holds for all scenes" in str(told.value)
    with rasterio.open(before, "r+") as dataset:  # what the message says
        dataset.scales = (0.01,) * 4
    assert len(l4s_geo.map_scene(after, before=before, bundle=bundle)) == 1


def test_a_bundle_without_a_model_of_newness_is_refused(after, write_before, red_bundle, tmp_path) -> None:
    with pytest.raises(BundleError, match=r"has no model of newness for rdndvi \(it has none at all\)"):
        l4s_geo.map_scene(after, before=write_before(), bundle=red_bundle)
    visible = add_newness(red_bundle, tmp_path / "visible", ("greenness",))
    with pytest.raises(BundleError, match="it has greenness"):
        l4s_geo.map_scene(after, before=write_before("b.tif"), bundle=visible)


def test_a_change_raster_needs_an_earlier_scene(after, bundle, tmp_path) -> None:
    with pytest.raises(L4SError, match="A change raster compares two dates"):
        l4s_geo.map_scene(after, change=tmp_path / "change.tif", bundle=bundle)


def test_a_stopped_run_goes_on_and_does_not_mix_earlier_scenes(
    after, write_before, bundle, tmp_path, monkeypatch
) -> None:
    from l4s_geo import pipeline

    out = tmp_path / "new.gpkg"
    whole = l4s_geo.map_scene(after, before=write_before(), bundle=bundle)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "find_landslides", stop)
        with pytest.raises(KeyboardInterrupt):
            l4s_geo.map_scene(after, before=write_before(), bundle=bundle, out=out)
    said: list[str] = []
    other = l4s_geo.map_scene(
        after, before=write_before("other.tif"), bundle=bundle, out=out, resume=True, reporter=Listener(said)
    )
    assert not any(line.startswith("Resuming") for line in said)
    assert_frame_equal(other.drop(columns="created"), whole.drop(columns="created"))
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "find_landslides", stop)
        with pytest.raises(KeyboardInterrupt):
            l4s_geo.map_scene(after, before=write_before(), bundle=bundle, out=out)
    again = l4s_geo.map_scene(
        after, before=tmp_path / "before.tif", bundle=bundle, out=out, resume=True, reporter=Listener(said)
    )
    assert any(line.startswith("Resuming") for line in said)
    assert_frame_equal(again.drop(columns="created"), whole.drop(columns="created"))


class Listener:
    """A reporter that remembers what is said."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def say(self, text: str) -> None:
        self._said.append(text)

    def detail(self, text: str) -> None: ...

    def assumes(self, assumptions: object) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def took(self, stages: object) -> None: ...


@pytest.fixture
def write_dated(write_raster, tmp_path: Path):
    """Return a function that writes a STAC item of a date, with the bands as files beside it."""

    def write(name: str, date: str, dn: np.ndarray) -> Path:
        assets = {}
        for band, key, values in zip(NAMES, ("B04", "B03", "B02", "B08"), dn, strict=True):
            write_raster(f"{name}/{band}.tif", values.astype(np.uint16))
            assets[key] = {"href": f"{band}.tif", "eo:bands": [{"name": key}]}
        properties = {"datetime": date, "s2:processing_baseline": "02.09"}
        return write_item(tmp_path / name / "item.json", item_of(name, "sentinel-2-l1c", properties, assets))

    return write


def test_dates_of_the_products_are_the_interval(write_dated, bundle) -> None:
    before = [
        write_dated(f"b{n}", date, ground(OLD, seed=n))
        for n, date in enumerate(("2018-05-02T01:00:00Z", "2018-08-30T01:00:00Z"), start=2)
    ]
    after = write_dated("a", "2018-09-20T01:00:00Z", ground(OLD, NEW))
    (row,) = l4s_geo.map_scene(after, before=before, bundle=bundle).itertuples()
    assert row.date_before.startswith("2018-08-30T01:00:00")
    assert row.date_after.startswith("2018-09-20T01:00:00")
    assert (row.n_before, row.n_after) == (2, 1)


def test_an_earlier_scene_that_is_later_is_said_or_refused(write_dated, bundle) -> None:
    before = write_dated("b", "2018-10-01T01:00:00Z", ground(OLD, seed=2))
    after = write_dated("a", "2018-09-20T01:00:00Z", ground(OLD, NEW))
    said: list[str] = []
    l4s_geo.map_scene(after, before=before, bundle=bundle, reporter=Listener(said))
    assert any("the earlier scenes reach to 2018-10-01" in line for line in said)
    with pytest.raises(SceneError, match="By their dates, the earlier scenes reach to 2018-10-01"):
        l4s_geo.map_scene(after, before=before, bundle=bundle, strict_dates=True)


@pytest.mark.parametrize("unknown", ["before", "after"])
def test_a_known_date_contradicts_the_other_side_though_another_is_unknown(
    write_dated, write_raster, bundle, unknown
) -> None:
    before = [write_dated("b", "2018-10-01T01:00:00Z", ground(OLD, seed=2))]
    after = [write_dated("a", "2018-09-20T01:00:00Z", ground(OLD, NEW))]
    more = write_raster("more.tif", ground(OLD, seed=7).astype(np.uint16), names=NAMES)
    (before if unknown == "before" else after).append(more)
    with pytest.raises(SceneError, match="the earlier scenes reach to 2018-10-01"):
        l4s_geo.map_scene(after, before=before, bundle=bundle, strict_dates=True)


def test_unknown_dates_are_said_where_the_order_is_to_be_strict(after, write_before, bundle) -> None:
    said: list[str] = []
    l4s_geo.map_scene(after, before=write_before(), bundle=bundle, strict_dates=True, reporter=Listener(said))
    assert any("--strict-dates says nothing of after, before, whose date is unknown" in line for line in said)

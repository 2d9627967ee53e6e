"""Masks and areas of interest, from rasters, vectors and boxes."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from l4s_geo import defaults
from l4s_geo.bands import RGB
from l4s_geo.errors import SceneError
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.scene import BandRef
from l4s_geo.stack.assumed import remarks_of
from l4s_geo.stack.masks import RasterMask, open_area, open_mask
from l4s_geo.stack.open import Inputs, fingerprint, open_stack
from support import ORIGIN, UTM

GRID = Grid(CRS.from_epsg(32645), Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]), 120, 100)


def square(path: Path, crs: str = UTM) -> Path:
    """A vector file with the square of rows 20 to 50 and columns 30 to 60."""
    x, y = ORIGIN
    shape = shapely.box(x + 300, y - 500, x + 600, y - 200)
    gpd.GeoSeries([shape], crs=UTM).to_crs(crs).to_file(path)
    return path


def expected() -> np.ndarray:
    out = np.zeros(GRID.shape, bool)
    out[20:50, 30:60] = True
    return out


def test_classes_of_a_coarser_raster_hide_pixels(write_raster) -> None:
    classes = np.random.default_rng(0).integers(0, 12, (60, 50)).astype(np.uint8)
    path = write_raster("scl.tif", classes, transform=Affine(20, 0, ORIGIN[0], 0, -20, ORIGIN[1]))
    with RasterMask(BandRef(str(path)), GRID, "classes", defaults.MASK_CLASSES) as mask:
        got = mask.read(GRID.whole)
        part = mask.read(Window(13, 7, 50, 31))
    np.testing.assert_array_equal(got, np.kron(np.isin(classes, defaults.MASK_CLASSES), np.ones((2, 2))) > 0)
    np.testing.assert_array_equal(part, got[13:63, 7:38])


def test_a_raster_mask_hides_where_it_is_not_zero(write_raster) -> None:
    path = write_raster("mask.tif", expected().astype(np.uint8))
    np.testing.assert_array_equal(open_mask(path, GRID).read(GRID.whole), expected())


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 255), ("int16", -9999), ("float32", -1)])
@pytest.mark.parametrize("step", [10, 20, 7])
def test_the_nodata_of_a_mask_hides_nothing(write_raster, dtype: str, nodata: float, step: float) -> None:
    values = np.zeros((300, 300), dtype)
    values[:150] = nodata
    values[150:] = 1
    place = Affine(step, 0, ORIGIN[0], 0, -step, ORIGIN[1] - 600 + 150 * step)
    mask = open_mask(write_raster("mask.tif", values, nodata=nodata, transform=place), GRID)
    np.testing.assert_array_equal(mask.read(GRID.whole), np.arange(120)[:, None].repeat(100, 1) >= 60)


def test_the_nodata_of_a_classification_is_a_class(write_raster) -> None:
    classes = np.full((120, 100), 4, np.uint8)
    classes[:30] = 0
    path = write_raster("scl.tif", classes, nodata=0)
    with RasterMask(BandRef(str(path)), GRID, "classes", defaults.MASK_CLASSES) as mask:
        np.testing.assert_array_equal(mask.read(GRID.whole), classes == 0)


@pytest.mark.parametrize("way", ["description", "--bands", "--band", "folder"])
def test_the_classification_is_used_wherever_it_comes_from(write_raster, way: str) -> None:
    dn = np.random.default_rng(0).integers(300, 3000, (3, 120, 100)).astype(np.uint16)
    classes = np.random.default_rng(1).integers(1, 12, (120, 100)).astype(np.uint16)
    together = np.concatenate([dn, classes[None]])
    names = (*RGB, "SCL")
    if way == "description":
        inputs = Inputs(write_raster("scene.tif", together, names=names))
    elif way == "--bands":
        inputs = Inputs(write_raster("scene.tif", together), bands=names)
    else:
        files = {n: write_raster(f"f/{n}.tif", band) for n, band in zip(names, together, strict=True)}
        inputs = Inputs(files if way == "--band" else files["SCL"].parent)
    with open_stack(inputs) as stack:
        valid = np.isfinite(stack.read(RGB, stack.grid.whole)).all(axis=0)
    np.testing.assert_array_equal(valid, ~np.isin(classes, defaults.MASK_CLASSES))


def test_a_mask_or_an_area_beside_the_scene_is_said(write_raster, tmp_path: Path) -> None:
    scene = write_raster("scene.tif", np.full((3, 120, 100), 500, np.uint16), names=RGB)
    raster = write_raster("far.tif", np.ones((20, 20), np.uint8), transform=Affine(10, 0, 700_000, 0, -10, 2_000_000))
    far, near = tmp_path / "far.gpkg", square(tmp_path / "near.gpkg")
    gpd.GeoSeries([shapely.box(0, 0, 1, 1)], crs=4326).to_file(far)
    for mask in (raster, far):
        with open_stack(Inputs(scene, mask=mask)) as stack:
            assert stack.remarks == [f"the mask {mask} does not meet the scene and hides nothing"]
            assert stack.remarks[0] in remarks_of(stack)
    x, y = ORIGIN
    with open_stack(Inputs(scene, mask=near, aoi=f"{x - 500},{y - 500},{x + 500},{y}")) as stack:
        assert stack.remarks == [
            "only 50% of the area of interest lies on the scene",
            "the area of interest covers 20.8% of the scene; the rest is not mapped",
        ]


@pytest.mark.parametrize(("width", "said"), [(100, []), (40, ["covers 40% of the scene; beyond it nothing is hidden"])])
def test_a_mask_that_reaches_a_part_of_the_scene_is_said(write_raster, width: int, said: list[str]) -> None:
    scene = write_raster("scene.tif", np.full((3, 120, 100), 500, np.uint16), names=RGB)
    mask = write_raster("mask.tif", np.zeros((120, width), np.uint8))
    with open_stack(Inputs(scene, mask=mask)) as stack:
        assert stack.remarks == [f"the mask {mask} {text}" for text in said]


def test_an_area_elsewhere_is_refused_with_the_scenes_place_in_degrees() -> None:
    with pytest.raises(SceneError, match=r"which is 84\.\d+,27\.\d+,84\.\d+,28\.\d+ in degrees") as error:
        open_area("1,2,3,4", GRID)
    assert open_area(str(error.value).split("which is ")[1].split(" in degrees")[0], GRID).meets


def test_a_mask_that_covers_half_the_scene_hides_nothing_elsewhere(write_raster) -> None:
    path = write_raster("mask.tif", np.ones((120, 50), np.uint8))
    got = open_mask(path, GRID).read(GRID.whole)
    assert got[:, :50].all()
    assert not got[:, 50:].any()


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp"])
@pytest.mark.parametrize("crs", [UTM, "EPSG:4326"])
def test_polygons_mask_in_any_crs(tmp_path: Path, suffix: str, crs: str) -> None:
    got = open_mask(square(tmp_path / f"m.{suffix}", crs), GRID).read(GRID.whole)
    np.testing.assert_array_equal(got, expected())


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326", "EPSG:3857"])
def test_an_area_of_interest_from_a_file(tmp_path: Path, crs: str) -> None:
    area = open_area(square(tmp_path / "a.gpkg", crs), GRID)
    np.testing.assert_array_equal(area.read(GRID.whole), expected())
    window = area.window()
    assert abs(window.row - 20) <= 1
    assert abs(window.col - 30) <= 1
    np.testing.assert_array_equal(area.read(Window(40, 50, 30, 30)), expected()[40:70, 50:80])


def test_an_area_of_interest_from_a_box() -> None:
    x, y = ORIGIN
    metres = (x + 300, y - 500, x + 600, y - 200)
    degrees = transform_bounds(UTM, "EPSG:4326", *metres)
    inside = open_area(",".join(map(str, metres)), GRID).read(GRID.whole)
    np.testing.assert_array_equal(inside, expected())
    around = open_area(",".join(map(str, degrees)), GRID).read(GRID.whole)
    assert around[expected()].all()
    assert around.sum() <= 1.1 * expected().sum()


@pytest.mark.parametrize(
    ("area", "message"),
    [
        ("10,20,5,30", "is no box"),
        ("nosuch.gpkg", "does not exist"),
        ("-70,-30,-69,-29", "lies outside the scene"),
    ],
)
def test_impossible_areas_are_named(area: str, message: str) -> None:
    with pytest.raises(SceneError, match=message):
        open_area(area, GRID)


def test_a_file_without_polygons_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "points.gpkg"
    gpd.GeoSeries([shapely.Point(*ORIGIN)], crs=UTM).to_file(path)
    with pytest.raises(SceneError, match="no polygon"):
        open_area(path, GRID)


def test_one_layer_of_several_is_chosen(tmp_path: Path) -> None:
    path = square(tmp_path / "two.gpkg")
    gpd.GeoSeries([shapely.Point(ORIGIN).buffer(100)], crs=UTM).to_file(path, layer="other", mode="a")
    chosen = f"{path}|layername=two"
    np.testing.assert_array_equal(open_area(chosen, GRID).read(GRID.whole), expected())
    np.testing.assert_array_equal(open_mask(chosen, GRID).read(GRID.whole), expected())
    for opened in (open_area, open_mask):
        with pytest.raises(SceneError, match="has the layers two, other; expected one"):
            opened(path, GRID)
        with pytest.raises(SceneError, match="does not exist"):
            opened(f"{tmp_path / 'nosuch.gpkg'}|layername=two", GRID)


def test_a_mask_beside_the_scene_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "far.gpkg"
    gpd.GeoSeries([shapely.box(0, 0, 1, 1)], crs=4326).to_file(path)
    assert not open_mask(path, GRID).read(GRID.whole).any()
    with pytest.raises(SceneError, match="lies outside the scene"):
        open_area(path, GRID)


def test_what_is_wrong_with_polygons_is_said_and_not_that_they_are_no_raster(tmp_path: Path) -> None:
    path = square(tmp_path / "cut.shp")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(SceneError, match=r"mask .*cut\.shp cannot be read as a vector file \(it has 228 of 236 bytes"):
        open_mask(path, GRID)


def test_a_changed_layer_of_a_mask_is_another_input(write_raster, tmp_path: Path) -> None:
    scene = write_raster("scene.tif", np.full((3, 120, 100), 500, np.uint16), names=RGB)
    mask = square(tmp_path / "m.gpkg")
    inputs = Inputs(scene, mask=f"{mask}|layername=m")
    with open_stack(inputs) as stack:
        before = fingerprint(inputs, stack)
        assert fingerprint(inputs, stack) == before
        gpd.GeoSeries([shapely.Point(ORIGIN).buffer(100)], crs=UTM).to_file(mask, layer="other", mode="a")
        assert fingerprint(inputs, stack) != before


def test_a_text_file_is_no_mask(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    path.write_text("nothing")
    with pytest.raises(SceneError, match="mask"):
        open_mask(path, GRID)


@pytest.mark.parametrize("step", [10, 20, 60])
@pytest.mark.parametrize("nodata", [None, 0])
def test_a_mask_of_coarser_pixels_hides_its_pixels(write_raster, step: int, nodata: float | None) -> None:
    k = step // 10
    values = np.zeros((120 // k, 102 // k + 1), np.uint8)
    values[::2, ::3] = 1
    path = write_raster("mask.tif", values, nodata=nodata, transform=Affine(step, 0, ORIGIN[0], 0, -step, ORIGIN[1]))
    mask = open_mask(path, GRID)
    whole = np.kron(values, np.ones((k, k)))[:120, :100] > 0
    np.testing.assert_array_equal(mask.read(GRID.whole), whole)
    np.testing.assert_array_equal(mask.read(Window(13, 7, 50, 31)), whole[13:63, 7:38])


def test_the_internal_mask_of_a_coarser_band_is_its_nodata(write_raster) -> None:
    fine = write_raster("B4.tif", np.full((120, 100), 500, np.uint16))
    coarse = write_raster(
        "B5.tif", np.full((60, 50), 600, np.uint16), transform=Affine(20, 0, ORIGIN[0], 0, -20, ORIGIN[1])
    )
    with rasterio.open(coarse, "r+") as dataset:
        dataset.write_mask(np.arange(60)[:, None].repeat(50, 1) >= 20)
    with open_stack(Inputs({"B4": fine, "B5": coarse})) as stack:
        known = np.isfinite(stack.read_raw(["B5"], Window(3, 5, 90, 70))[0])
    np.testing.assert_array_equal(known, np.arange(3, 93)[:, None].repeat(70, 1) >= 40)


@pytest.mark.parametrize("step", [10, 20, 7])
def test_the_class_that_a_classification_declares_as_nodata_hides_wherever_it_lies(write_raster, step: float) -> None:
    classes = np.full((300, 300), 4, np.uint8)
    classes[150:] = 0
    place = Affine(step, 0, ORIGIN[0] - 3 * step, 0, -step, ORIGIN[1] - 600 + 150 * step)
    path = write_raster("scl.tif", classes, nodata=0, transform=place)
    with RasterMask(BandRef(str(path)), GRID, "classes", defaults.MASK_CLASSES) as mask:
        np.testing.assert_array_equal(mask.read(GRID.whole), np.arange(120)[:, None].repeat(100, 1) >= 60)


def test_a_mask_of_several_bands_is_refused(write_raster) -> None:
    path = write_raster("mask.tif", np.ones((4, 120, 100), np.uint8))
    with pytest.raises(SceneError, match=r"has 4 bands; expected one, so take it out \(gdal_translate -b 1"):
        open_mask(path, GRID)


def hidden(write_raster, values: np.ndarray, nodata: float | None = None) -> list[str]:
    """What is said of a mask."""
    scene = write_raster("scene.tif", np.full((3, 120, 100), 500, np.uint16), names=RGB)
    mask = write_raster("mask.tif", values, nodata=nodata)
    with open_stack(Inputs(scene, mask=mask)) as stack:
        return [remark.replace(str(mask), "M") for remark in stack.remarks]


def test_a_mask_that_hides_most_or_only_by_nodata_is_said(write_raster) -> None:
    clouds = expected()
    assert hidden(write_raster, clouds.astype(np.uint8)) == []
    assert hidden(write_raster, (~clouds).astype(np.uint8)) == ["the mask M hides 92% of the scene"]
    only_nodata = ["the mask M is 0 or nodata wherever it was looked at, and neither hides anything"]
    assert hidden(write_raster, clouds.astype(np.uint8), nodata=1) == only_nodata
    assert hidden(write_raster, np.where(clouds, np.nan, 0).astype(np.float32)) == only_nodata


def test_values_that_are_no_classes_are_said(write_raster) -> None:
    bands = {band: write_raster(f"{band}.tif", np.full((120, 100), 500, np.uint16)) for band in RGB}
    classes = write_raster("scl.tif", np.where(expected(), 90, 40).astype(np.uint8))
    with open_stack(Inputs({**bands, "SCL": classes})) as stack:
        assert [remark.partition(" holds ")[2] for remark in stack.remarks] == [
            "40, 90, which are no classes (0 to 11) and hide nothing"
        ]


@pytest.mark.parametrize("box", ["-180,-90,180,90", "0,-80,179,84"])
def test_a_box_of_half_the_world_holds_the_scene(box: str) -> None:
    assert open_area(box, GRID).read(GRID.whole).all()

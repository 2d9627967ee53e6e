"""A folder of band files: the band is told by the name, the finest resolution wins, nothing is guessed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from l4s_geo.errors import BandError, SceneError
from l4s_geo.sources.folder import open_folder
from l4s_geo.sources.geotiff import open_band_files
from l4s_geo.stack.stack import Stack
from safe_products import make_site, write_bands


def pixels(size: float) -> Affine:
    return Affine(size, 0, 300_000, 0, -size, 3_100_000)


def band(value: int = 1000, side: int = 12) -> np.ndarray:
    return np.full((side, side), value, np.uint16)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("B2.tif", "B2"),
        ("b02.TIF", "B2"),
        ("B10.tiff", "B10"),
        ("B1.tif", "B1"),
        ("S2A_MSIL1C_20200717T221941_N0209_R029_T01LAC_20200717T234135_B12.tif", "B12"),
        ("T29UNU_20221005T115411_B02_10m.tif", "B2"),
        ("T01LAC_20200717T221941_B08.tif", "B8"),
        ("my scene.B11.clipped.tif", "B11"),
        ("red.tif", "B4"),
        ("NIR.TIF", "B8"),
    ],
)
def test_a_bands_name_is_found_in_the_file_name(write_raster, tmp_path, name, expected):
    write_raster(f"scene/{name}", band())
    scene = open_folder(tmp_path / "scene")
    assert list(scene.bands) == [expected]
    assert scene.bands[expected].path == str(tmp_path / "scene" / name)
    assert scene.name == "scene"


@pytest.mark.parametrize(
    "name", ["AB2.tif", "B13.tif", "B2x.tif", "B02.txt", "B04_B03_B02.tif", "TCI.tif", "red_list.tif"]
)
def test_other_files_are_left_aside(write_raster, tmp_path, name):
    write_raster("scene/B3.tif", band())
    write_raster(f"scene/{name}", band())
    assert list(open_folder(tmp_path / "scene").bands) == ["B3"]


def test_a_multi_band_file_is_left_aside_unless_its_name_says_it_is_a_band(write_raster, tmp_path):
    write_raster("scene/B3.tif", band())
    write_raster("scene/composite.tif", np.stack([band()] * 3))
    assert list(open_folder(tmp_path / "scene").bands) == ["B3"]
    write_raster("scene/x_B4.tif", np.stack([band()] * 3))
    with pytest.raises(BandError, match=r"x_B4\.tif given for B4 has 3 bands"):
        open_folder(tmp_path / "scene")


def test_slope_dem_and_classes_are_found_by_their_own_names(write_raster, tmp_path):
    for name in ("DEM", "Slope", "B02", "T1_SCL_20m", "copernicus_dem_30m"):
        write_raster(f"scene/{name}.tif", band())
    scene = open_folder(tmp_path / "scene")
    assert list(scene.bands) == ["B2", "slope", "DEM"]
    assert scene.classes is not None
    assert Path(scene.classes.path).name == "T1_SCL_20m.tif"


def test_the_finest_resolution_wins_whatever_the_folders_are_called(write_raster, tmp_path):
    write_raster("p/R60m/T1_B02_60m.tif", band(60, 2), transform=pixels(60))
    write_raster("p/R20m/T1_B02_20m.tif", band(20, 6), transform=pixels(20))
    write_raster("p/R10m/T1_B02_10m.tif", band(10, 12), transform=pixels(10))
    write_raster("p/R20m/T1_B05_20m.tif", band(5, 6), transform=pixels(20))
    write_raster("p/R20m/T1_SCL_20m.tif", band(4, 6), transform=pixels(20))
    write_raster("p/R60m/T1_SCL_60m.tif", band(4, 2), transform=pixels(60))
    write_raster("p/other/T1_B03_10m.tif", band())
    scene = open_folder(tmp_path / "p")
    assert {b: Path(ref.path).name for b, ref in scene.bands.items()} == {
        "B2": "T1_B02_10m.tif",
        "B5": "T1_B05_20m.tif",
    }
    assert scene.grid.shape == (12, 12)
    assert scene.classes is not None
    assert scene.classes.path.endswith("T1_SCL_20m.tif")


def test_two_files_for_one_band_are_not_chosen_between(write_raster, tmp_path):
    write_raster("scene/2020_B02.tif", band())
    write_raster("scene/2021_B2.tif", band())
    with pytest.raises(BandError, match=r"Both .*2020_B02\.tif and .*2021_B2\.tif could be B2"):
        open_folder(tmp_path / "scene")


def test_files_that_do_not_fit_the_others_are_left_aside_and_said(write_raster, tmp_path):
    write_raster("scene/B2.tif", band())
    write_raster("scene/B3.tif", band())
    write_raster("scene/B1.tif", band(side=13))
    scene = open_folder(tmp_path / "scene")
    assert list(scene.bands) == ["B2", "B3"]
    assert scene.order is not None
    assert scene.order.value == "B2 B3"
    assert list(scene.aside) == ["B1"]
    assert "does not cover the same ground" in str(scene.aside["B1"])
    (note,) = scene.notes
    assert note.startswith("B1 is left aside (Band B1 (13 × 13 pixels)")
    write_raster("scene/B9.tif", band(), crs="EPSG:32719")
    (note,) = open_folder(tmp_path / "scene").notes
    assert note.startswith("B1, B9 are left aside")


def test_a_file_that_cannot_be_read_is_refused(write_raster, tmp_path):
    write_raster("scene/B2.tif", band())
    (tmp_path / "scene" / "B9.tif").write_text("no raster")
    with pytest.raises(SceneError, match=r"B9\.tif"):
        open_folder(tmp_path / "scene")


def test_a_folder_without_bands_says_what_is_looked_for(write_raster, tmp_path):
    write_raster("scene/cloud_mask.tif", band())
    write_raster("scene/slope.tif", band())
    with pytest.raises(BandError, match=r"holds no band file.*B02\.tif.*R10m"):
        open_folder(tmp_path / "scene")
    with pytest.raises(SceneError, match="does not exist"):
        open_folder(tmp_path / "nothing")


@pytest.fixture(params=["made", "real"])
def level_2a(request, tmp_path) -> Path:
    """A folder of a Level-2A scene's bands at their native pixel sizes, beside a cloud mask."""
    if request.param == "real":
        return request.getfixturevalue("data") / "s2_l2a_mekong"
    for band, path in write_bands(make_site("L2A", 240), tmp_path / "scene").items():
        path.rename(path.with_name(f"B{band[1:]:0>2}.tif"))
    shutil.copy(tmp_path / "scene" / "B02.tif", tmp_path / "scene" / "cloud_mask.tif")
    return tmp_path / "scene"


def test_a_level_2a_folder_reads_like_its_files_named_one_by_one(level_2a):
    scene = open_folder(level_2a)
    names = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B11", "B12"]
    assert list(scene.bands) == [*names[:8], "B8A", *names[8:]]
    assert scene.name == level_2a.name
    with rasterio.open(level_2a / "B02.tif") as dataset:
        assert scene.grid.shape == dataset.shape
    named = open_band_files({b: level_2a / f"B{int(b[1:]):02d}.tif" for b in names})
    with Stack(scene, units="dn") as ours, Stack(named, units="dn") as theirs:
        window = next(iter(ours.grid.rows(128)))
        np.testing.assert_array_equal(ours.read(names, window), theirs.read(names, window))


@pytest.fixture(params=["made", "real"])
def event(request, write_raster, tmp_path) -> Path:
    """A folder with a DEM, and three bands in degrees in a folder of their own."""
    if request.param == "real":
        return request.getfixturevalue("data") / "iburi_2018"
    place = {"crs": "EPSG:4326", "transform": Affine(9e-5, 0, 141.9, 0, -9e-5, 42.8)}
    for name in ("post/B2", "post/B3", "post/B4", "pre/B2", "dsm", "slope"):
        write_raster(f"event/{name}.tif", np.full((97, 153), 1000, np.uint16), **place)
    return tmp_path / "event"


def test_a_folder_of_three_bands_is_read_and_the_folder_above_it_is_none(event):
    scene = open_folder(event / "post")
    assert list(scene.bands) == ["B2", "B3", "B4"]
    with rasterio.open(event / "post" / "B2.tif") as dataset:
        assert scene.grid.shape == dataset.shape
    assert scene.grid.crs.to_epsg() == 4326
    with pytest.raises(BandError, match="holds no band file"):
        open_folder(event)

"""Scenes of other sensors are not taken for Sentinel-2, and a user who knows better is believed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

from l4s_geo.cli.info import main as info
from l4s_geo.errors import SceneError
from l4s_geo.pipeline import map_scene
from l4s_geo.sources.detect import open_scene
from l4s_geo.stack.assumed import assumptions_of
from l4s_geo.stack.open import Inputs, open_stack
from stac_items import earth_search, write_item
from support import TRANSFORM

NAMES = ("B4", "B3", "B2")
AT_30_M = TRANSFORM @ Affine.scale(3)
LC08 = "LC08_L2SP_107030_20180909_20200831_02_T1"


def scene(side: int = 60) -> np.ndarray:
    """(3, side, side) uint16 digital numbers, with a bright body."""
    dn = np.random.default_rng(1).integers(480, 520, (3, side, side)).astype(np.uint16)
    dn[0, 20:40, 10:30] = 3000
    return dn


@pytest.fixture
def landsat(write_raster) -> Path:
    """A folder of Landsat 8, whose bands of 30 m are told by B2, B3, B4 as Sentinel-2's are."""
    for band, values in zip(NAMES, scene(), strict=True):
        folder = write_raster(f"{LC08}/{LC08}_SR_{band}.TIF", values, transform=AT_30_M).parent
    (folder / f"{LC08}_MTL.txt").write_text('GROUP = L\n  SPACECRAFT_ID = "LANDSAT_8"\nEND_GROUP = L\nEND\n')
    return folder


def test_a_landsat_folder_is_refused_whatever_the_door(landsat: Path, tmp_path: Path) -> None:
    bands = {band: landsat / f"{LC08}_SR_{band}.TIF" for band in NAMES}
    mtl = landsat / f"{LC08}_MTL.txt"
    for suffix in (".json", ".xml"):
        shutil.copy(mtl, mtl.with_suffix(suffix))
    doors = [landsat, bands, mtl, mtl.with_suffix(".json"), mtl.with_suffix(".xml"), bands["B4"]]
    for door in doors:
        with pytest.raises(SceneError, match=r"of Landsat, since the name LC08_\S+ speaks for it.*--sensor sentinel-2"):
            open_scene(door)
    renamed = Path(shutil.move(landsat, tmp_path / "download"))
    with pytest.raises(SceneError, match=r"of Landsat, since the name LC08_\S+_SR_B2\.TIF speaks"):
        open_scene(renamed)


@pytest.mark.parametrize(
    ("name", "sensor"),
    [
        ("LE07_L1TP_107030_20010909_20200917_02_T1_B4.TIF", "Landsat"),
        ("LT05_L2SP_107030_19990909_20200907_02_T1_SR_B4.TIF", "Landsat"),
        ("LC81070302018252LGN00_B4.TIF", "Landsat"),
        ("LC08_107030_20180909.tif", "Landsat"),
        ("landsat8_iburi.tif", "Landsat"),
        ("HLS.L30.T54TXN.2018252T011829.v2.0.B04.tif", "HLS"),
        ("HLS.S30.T54TXN.2018252T012651.v2.0.B04.tif", "HLS"),
        ("20180910_005112_103c_3B_AnalyticMS_SR.tif", "PlanetScope"),
        ("planetscope_mosaic.tif", "PlanetScope"),
        ("RapidEye_2018.tif", "RapidEye"),
        ("S1A_IW_GRDH_1SDV_20180906T083348_20180906T083413_023574_029151_1234.tif", "Sentinel-1"),
        ("MOD09GA.A2018252.h28v04.tif", "MODIS"),
        ("AST_L1T_00309092018013141.tif", "ASTER"),
    ],
)
def test_names_of_other_sensors_are_refused(write_raster, name: str, sensor: str) -> None:
    path = write_raster(name, scene(), names=NAMES)
    with pytest.raises(SceneError, match=rf"of {sensor}.*since the name {name} speaks"):
        open_scene(path)
    with pytest.raises(SceneError, match=sensor):
        open_scene({"B4": path})


@pytest.mark.parametrize(
    "name",
    [
        "S2A_MSIL1C_20221005T115411_N0400_R023_T29UNU_20221005T164454.tif",
        "T54TXN_20180909T012651_B04_10m.tif",
        "sentinel2_instead_of_landsat8.tif",
        "spot_heights.tif",
        "aster2.tif",
        "LC0.tif",
        "toliara.tif",
        "planet.tif",
        "scene.tif",
    ],
)
def test_other_names_are_not(write_raster, name: str) -> None:
    assert set(open_scene(write_raster(name, scene(), names=NAMES)).bands) == set(NAMES)


@pytest.mark.parametrize(
    ("domain", "tags", "message"),
    [
        (None, {"SPACECRAFT_ID": "LANDSAT_9"}, r"of Landsat, since .* \(SPACECRAFT_ID: LANDSAT_9\)"),
        (None, {"sensor": "OLI_TIRS"}, "of Landsat"),
        ("IMAGERY", {"SATELLITEID": "LANDSAT-7"}, "of Landsat"),
        ("ENVI", {"sensor_type": "Landsat OLI"}, "of Landsat"),
        (None, {"instrument": "ETM+"}, "of Landsat"),
        (None, {"platform": "PlanetScope"}, "of PlanetScope"),
        (None, {"platform": "Sentinel-2A", "instrument": "MSI"}, None),
        (None, {"comment": "after the script for landsat-8"}, None),
    ],
)
def test_metadata_of_a_raster_tell_the_sensor(write_raster, domain, tags: dict[str, str], message: str | None) -> None:
    path = write_raster("scene.tif", scene(), names=NAMES)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns=domain, **tags)
    if message is None:
        open_scene(path)
    else:
        with pytest.raises(SceneError, match=message):
            open_scene(path)


def test_what_a_vrt_refers_to_tells_the_sensor(landsat: Path, tmp_path: Path) -> None:
    file = next(landsat.glob("*B4.TIF"))
    vrt = tmp_path / "red.vrt"
    rasterio.shutil.copy(file, vrt, driver="VRT")
    with pytest.raises(SceneError, match="of Landsat, since the name LC08"):
        open_scene({"B4": vrt})


def test_names_of_landsats_bands_tell_the_sensor(write_raster) -> None:
    names = tuple(f"SR_{band}" for band in NAMES)
    path = write_raster("stack.tif", scene(), names=names)
    with pytest.raises(SceneError, match="of Landsat, since the band name SR_B4 speaks"):
        open_scene(path)
    assert set(open_scene(path, sensor="sentinel-2").bands) == set(NAMES)


@pytest.mark.parametrize(
    ("transform", "crs", "message"),
    [
        (AT_30_M, "EPSG:32645", r"of Landsat .* pixels of 30 m"),
        (TRANSFORM @ Affine.scale(0.3), "EPSG:32645", r"of PlanetScope or another finer sensor.* pixels of 3 m"),
        (Affine(0.00027, 0, 85, 0, -0.00027, 28), "EPSG:4326", r"of Landsat .* pixels of 30\.1 m"),
        (TRANSFORM @ Affine.scale(2), "EPSG:32645", None),
        (Affine(9e-5, 0, 85, 0, -9e-5, 28), "EPSG:4326", None),
    ],
)
def test_the_size_of_pixels_tells_the_sensor(write_raster, transform: Affine, crs: str, message: str | None) -> None:
    path = write_raster("scene.tif", scene(), names=NAMES, transform=transform, crs=crs)
    if message:
        with pytest.raises(SceneError, match=message):
            open_scene(path)
        assert "taken for Sentinel-2's, as --sensor says" in open_scene(path, sensor="sentinel-2").notes[0]
    else:
        assert not any("sensor" in note for note in open_scene(path).notes)


def test_the_metadata_of_landsat_in_a_folder_of_renamed_bands_tell(write_raster) -> None:
    for band, values in zip(NAMES, scene(), strict=True):
        folder = write_raster(f"site/{band}.tif", values).parent
    (folder / f"{LC08}_MTL.txt").write_text("GROUP")
    with pytest.raises(SceneError, match=rf"of Landsat, since the metadata {LC08}_MTL\.txt beside it speak"):
        open_scene(folder)


def test_an_item_whose_files_are_of_another_sensor_is_refused(write_raster, tmp_path: Path) -> None:
    for band in ("B02", "B03", "B04"):
        write_raster(f"HLS.S30.T54TXN.2018252T012651.v2.0.{band}.tif", scene()[0], transform=AT_30_M)
    item = earth_search()
    item["assets"] = {
        band: {"href": f"HLS.S30.T54TXN.2018252T012651.v2.0.{band}.tif", "type": "image/tiff"}
        for band in ("B02", "B03", "B04")
    }
    with pytest.raises(SceneError, match=r"of HLS \(30 m\)"):
        open_scene(write_item(tmp_path / "item.json", item))


def test_a_user_who_knows_is_believed_and_the_run_says_so(landsat: Path, red_bundle: Path) -> None:
    plain = Path(shutil.copytree(landsat, landsat.parent / "plain"))
    (plain / f"{LC08}_MTL.txt").unlink()
    for file in plain.iterdir():
        file.rename(plain / f"{file.stem[-2:]}.tif")
    for file in plain.iterdir():
        with rasterio.open(file, "r+") as dataset:
            dataset.transform = TRANSFORM
    with open_stack(Inputs(landsat, sensor="sentinel-2")) as stack:
        assert any("as --sensor says, although the name LC08" in note for note in stack.scene.notes)
        assert assumptions_of(stack).sensor.words() == "Sentinel-2 [told by --sensor]"
        values = stack.read_raw(NAMES, stack.grid.whole)
    assert np.nanmax(values) == 3000
    ordinary = map_scene(plain, bundle=red_bundle)
    assert len(ordinary) == 1
    renamed = plain.rename(plain.parent / LC08.replace("LC08", "LE07"))
    found = map_scene(renamed, bundle=red_bundle, sensor="sentinel-2")
    assert found.geometry.geom_equals(ordinary.geometry).all()


def test_the_command_refuses_and_overrules(landsat: Path) -> None:
    refused = CliRunner().invoke(info, [str(landsat)])
    assert refused.exit_code == 2
    assert "seems to be of Landsat" in refused.output
    accepted = CliRunner().invoke(info, [str(landsat), "--sensor", "sentinel-2"])
    assert accepted.exit_code == 0, accepted.output
    assert "as --sensor says" in accepted.output


def test_an_unknown_sensor_is_named() -> None:
    with pytest.raises(SceneError, match="sensor 'landsat-8' is unknown; expected one of auto, sentinel-2"):
        Inputs("scene.tif", sensor="landsat-8")  # type: ignore[arg-type]

"""GDAL's own names of things, containers, tiles, and products in odd places: read, or refused with what to do."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import zipfile
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from l4s_geo.bands import BANDS
from l4s_geo.errors import L4SError, SceneError
from l4s_geo.grid import Grid
from l4s_geo.pipeline import map_scene
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.names import file_of, lacking_driver, product_of
from l4s_geo.sources.vectors import read_polygons
from l4s_geo.stack.open import Inputs, open_stack
from safe_products import build_safe, make_site, zipped
from support import TRANSFORM, UTM

NAMES = ("B4", "B3", "B2")
RNG = np.random.default_rng(11)


def scene(side: int = 60) -> np.ndarray:
    """(3, side, side) uint16 digital numbers, with a bright body."""
    dn = RNG.integers(480, 520, (3, side, side)).astype(np.uint16)
    dn[0, 20:40, 10:35] = 3000
    return dn


def values(path: object, **inputs: object) -> np.ndarray:
    with open_stack(Inputs(path, **inputs)) as stack:
        return stack.read_raw(NAMES, stack.grid.whole)


def translate(*arguments: object, where: Path) -> None:
    """Run gdal_translate, which writes formats that rasterio does not."""
    if shutil.which("gdal_translate") is None:
        pytest.skip("gdal_translate is not installed")
    done = subprocess.run(["gdal_translate", "-q", *map(str, arguments)], cwd=where, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"gdal_translate lacks the format: {done.stderr.decode()[:80]}")


# --- what names refer to ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ('NETCDF:"{}":B04', "{}"),
        ("NETCDF:{}:B04", "{}"),
        ("netcdf:{}:B04", "{}"),
        ("GPKG:{}:table", "{}"),
        ('ZARR:"{}":/measurements/b04', "{}"),
        ('HDF5:"{}"://group/b04', "{}"),
        ("GTIFF_DIR:2:{}", "{}"),
        ("SENTINEL2_L2A:{}:10m:EPSG_32654", "{}"),
        ("SENTINEL2_L2A:/vsizip/{}/S2A.SAFE/MTD_MSIL2A.xml:10m:EPSG_32654", "{}"),
        ("/vsizip/{}/inner/b.tif", "{}"),
        ("/vsizip/{{{}}}/inner/b.tif", "{}"),
        ("/vsitar/{}/b.tif", "{}"),
        ("{}", "{}"),
        ("C:/scenes/b.tif", "C:/scenes/b.tif"),
        ("NETCDF:/not/there.nc:B04", "/not/there.nc"),
        ("/vsicurl/https://host/b.tif", None),
        ("/vsizip/vsicurl/https://host/b.zip/b.tif", None),
        ("/vsimem/b.tif", None),
        ("https://host/b.tif", None),
    ],
)
def test_the_file_in_a_name_is_told(tmp_path: Path, name: str, file: str | None) -> None:
    path = tmp_path / "a file: of all.nc"
    path.touch()
    assert file_of(name.format(path)) == (file and file.format(path))


def test_the_product_in_a_name_is_told(tmp_path: Path) -> None:
    archive = tmp_path / "S2.zip"
    archive.touch()
    for name in (
        f"SENTINEL2_L2A:/vsizip/{archive}/S2.SAFE/MTD_MSIL2A.xml:10m:EPSG_32654",
        f'SENTINEL2_L1C:"/vsizip/{archive}/S2.SAFE/MTD_MSIL1C.xml":20m:EPSG_32654',
        f"/vsizip/{archive}/S2.SAFE",
        f"/vsizip/{{{archive}}}/S2.SAFE/MTD_MSIL2A.xml",
    ):
        assert product_of(name) == str(archive)
    assert product_of("SENTINEL2_L1C_TILE:/x/MTD_TL.xml:10m") == "/x/MTD_TL.xml"
    assert product_of(str(archive)) is None


# --- Sentinel-2 products ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_products_are_read_by_gdals_names_and_wherever_they_lie(tmp_path: Path, level: str) -> None:
    site = make_site(level)
    product = build_safe(site, tmp_path / "products", level, "05.09")
    archive = zipped(product, tmp_path / "product.zip")
    nested = tmp_path / "again" / product.name / product.name
    shutil.copytree(product, nested)
    with zipfile.ZipFile(tmp_path / "subfolder.zip", "w") as file:
        for path in product.rglob("*"):
            file.write(path, f"one/two/{product.name}/{path.relative_to(product)}")
    plain = tmp_path / "plain"
    shutil.copytree(product, plain / product.name)
    (plain / "readme.txt").write_text("as unzipped")
    metadata = f"MTD_MSI{level}.xml"
    expected = values(product)
    for name in (
        f"SENTINEL2_{level}:{product}/{metadata}:10m:EPSG_{site.epsg}",
        f"SENTINEL2_{level}:/vsizip/{archive}/{product.name}/{metadata}:10m:EPSG_{site.epsg}",
        f"/vsizip/{archive}/{product.name}/{metadata}",
        f"/vsizip/{archive}/{product.name}",
        f"/vsizip/{archive}",
        nested.parent,
        tmp_path / "subfolder.zip",
        plain,
    ):
        np.testing.assert_array_equal(values(name), expected, err_msg=str(name))
    with pytest.raises(SceneError, match=r"gone\.zip does not exist; give the folder or the zip|gone\.zip"):
        open_scene(f"SENTINEL2_{level}:/vsizip/{tmp_path}/gone.zip/{product.name}/{metadata}:10m:EPSG_{site.epsg}")


def test_a_folder_of_several_products_names_them_and_one_is_chosen(tmp_path: Path) -> None:
    product = build_safe(make_site("L2A"), tmp_path / "products", "L2A", "05.09")
    other = product.with_name(product.name.replace("S2A", "S2B"))
    shutil.copytree(product, other)
    with pytest.raises(SceneError, match=rf"holds several products \({product.name}, {other.name}\); give one"):
        open_scene(tmp_path / "products")
    assert open_scene(other).bands


def test_band_files_beside_a_product_are_the_scene(tmp_path: Path, write_raster) -> None:
    build_safe(make_site("L2A"), tmp_path / "site", "L2A", "05.09")
    write_raster("site/B04.tif", scene()[0])
    assert list(open_scene(tmp_path / "site").bands) == ["B4"]


# --- containers -------------------------------------------------------------------------------------------------------


def stacked(write_raster, names: tuple[str, ...] = NAMES) -> tuple[Path, np.ndarray]:
    dn = scene()
    return write_raster("stack.tif", dn, names=names), dn


def test_rasters_in_netcdf_are_given_by_name(tmp_path: Path, write_raster) -> None:
    path, dn = stacked(write_raster)
    translate("-of", "netCDF", path, "scene.nc", where=tmp_path)
    whole = tmp_path / "scene.nc"
    with pytest.raises(SceneError, match=r"holds 3 rasters \(netcdf:.*:Band1, .*\); expected one, .*--band 'B4=NAME'"):
        open_scene(whole)
    # As the message lists them, and as QGIS and gdalinfo write them.
    for form in ("netcdf:{}:Band{}", "NETCDF:{}:Band{}", 'NETCDF:"{}":Band{}'):
        files = {band: form.format(whole, index) for index, band in enumerate(NAMES, start=1)}
        np.testing.assert_array_equal(values(files), dn)
    hills = write_raster("hills.tif", (500 + 3.64 * np.mgrid[:60, :60][1]).astype(np.float32))
    translate("-of", "netCDF", hills, "hills.nc", where=tmp_path)
    with open_stack(Inputs(path, dem=f"NETCDF:{tmp_path}/hills.nc:Band1")) as stack, rasterio.open(hills) as dem:
        np.testing.assert_array_equal(stack.read_raw(("DEM",), stack.grid.whole)[0], dem.read(1))
    with pytest.raises(SceneError, match=r"The scene .*gone\.nc does not exist"):
        open_scene(f"NETCDF:{tmp_path}/gone.nc:Band1")


def test_netcdf_whose_variables_are_called_like_bands_is_a_scene(tmp_path: Path, write_raster) -> None:
    """As openEO writes it."""
    path, dn = stacked(write_raster)
    translate("-of", "netCDF", path, "plain.nc", where=tmp_path)
    shutil.copy(tmp_path / "plain.nc", tmp_path / "openEO.nc")
    try:
        with h5py.File(tmp_path / "openEO.nc", "r+") as file:
            for index, name in enumerate(("B04", "B03", "B02"), start=1):
                file.move(f"Band{index}", name)
    except OSError:
        pytest.skip("this GDAL writes netCDF of another version")
    opened = open_scene(tmp_path / "openEO.nc")
    assert (opened.name, set(opened.bands)) == ("openEO", set(NAMES))
    np.testing.assert_array_equal(values(tmp_path / "openEO.nc"), dn)


def test_rasters_in_zarr_are_given_by_name(tmp_path: Path, write_raster) -> None:
    path, dn = stacked(write_raster)
    translate("-of", "Zarr", path, "scene.zarr", where=tmp_path)
    with pytest.raises(SceneError, match=r"holds \d rasters \(.*/Band1, .*\); expected one"):
        open_scene(tmp_path / "scene.zarr")
    files = {band: f'ZARR:"{tmp_path}/scene.zarr":/Band{index}' for index, band in enumerate(NAMES, start=1)}
    np.testing.assert_array_equal(values(files), dn)


def test_a_raster_in_a_geopackage_is_given_by_file_or_table(tmp_path: Path, write_raster) -> None:
    dn = (scene() // 20).astype(np.uint8)
    path = write_raster("stack.tif", dn, photometric="RGB")
    translate("-of", "GPKG", "-co", "TILE_FORMAT=PNG", path, "scene.gpkg", where=tmp_path)
    area = gpd.GeoDataFrame(geometry=[shapely.box(300_100, 3_099_600, 300_300, 3_099_900)], crs=UTM)
    area.to_file(tmp_path / "scene.gpkg", layer="aoi", mode="a")
    for name in (tmp_path / "scene.gpkg", f"GPKG:{tmp_path}/scene.gpkg:scene"):
        with open_stack(
            Inputs(name, bands=NAMES, units="percent", aoi=f"{tmp_path}/scene.gpkg|layername=aoi")
        ) as stack:
            np.testing.assert_array_equal(stack.read_raw(NAMES, stack.grid.whole), dn * np.float32(100))
            assert stack.area is not None
            assert stack.area.read(stack.grid.whole).sum() == 20 * 30


def test_a_raster_in_a_zip_is_read_by_gdals_name_and_the_zip_says_what_to_do(tmp_path: Path, write_raster) -> None:
    path, dn = stacked(write_raster)
    archive = tmp_path / "scene.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, "inner/stack.tif")
        file.writestr("readme.txt", "two files")
    with pytest.raises(SceneError, match="so unzip it first"):
        open_scene(archive)
    for name in (f"/vsizip/{archive}/inner/stack.tif", f"/vsizip/{{{archive}}}/inner/stack.tif"):
        np.testing.assert_array_equal(values(name), dn)
    with pytest.raises(SceneError, match=r"gone\.zip does not exist"):
        open_scene(f"/vsizip/{{{tmp_path}/gone.zip}}/stack.tif")


def test_a_driver_that_this_gdal_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "scene.sid").write_bytes(b"msid" * 100)
    if lacking_driver("scene.sid") is None:
        pytest.skip("this GDAL reads MrSID")
    with pytest.raises(SceneError, match=r"no driver for MrSID, so convert it to GeoTIFF .*gdal_translate FILE"):
        open_scene(tmp_path / "scene.sid")
    assert lacking_driver("scene.tif") is None


def test_a_product_in_eopf_zarr_is_converted_as_the_message_says(tmp_path: Path, write_raster) -> None:
    """The layout of EOPF's products: arrays under measurements/reflectance, without CRS in GDAL's sense."""
    dn = scene()
    product = tmp_path / "S2B_MSIL2A_20250101T012651_N0511_R074_T54TXN_20250101T030000.zarr"
    store = product / "measurements" / "reflectance" / "r10m"
    store.mkdir(parents=True)
    for folder in (product, product / "measurements", product / "measurements" / "reflectance", store):
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
    for band, pixels in zip(("b04", "b03", "b02"), dn, strict=True):
        array = store / band
        array.mkdir()
        (array / ".zarray").write_text(
            '{"zarr_format": 2, "shape": [60, 60], "chunks": [60, 60], "dtype": "<u2", "compressor": null, '
            '"fill_value": 0, "order": "C", "filters": null}'
        )
        (array / ".zattrs").write_text('{"scale_factor": 0.0001, "add_offset": 0.0}')
        (array / "0.0").write_bytes(pixels.astype("<u2").tobytes())
    with pytest.raises(SceneError, match="is an EOPF product in Zarr") as failure:
        open_scene(product)
    command = str(failure.value).partition("(gdal_translate")[2].partition(")")[0]
    (x, y), (right, bottom) = TRANSFORM @ (0, 0), TRANSFORM @ (60, 60)
    (tmp_path / "bands").mkdir()
    for band in ("b04", "b03", "b02"):
        words = command.replace("/b04", f"/{band}").replace("B04.tif", f"bands/{band}.tif").replace("EPSG:…", UTM)
        for word, text in {"WEST": x, "NORTH": y, "EAST": right, "SOUTH": bottom}.items():
            words = words.replace(word, str(text))
        translate(*shlex.split(words), where=tmp_path)
    np.testing.assert_array_equal(values(tmp_path / "bands"), dn)


# --- tiles ------------------------------------------------------------------------------------------------------------


def tiled(write_raster, dn: np.ndarray, folder: str = "export", **options: object) -> Path:
    """Write a scene as Earth Engine exports it: tiles named by their first row and column; one is left out."""
    for row in (0, 32):
        for col in (0, 32):
            part = dn[:, row : row + 32, col : col + 32]
            name = f"{folder}/iburi-{row:010}-{col:010}.tif"
            path = write_raster(name, part, transform=TRANSFORM @ Affine.translation(col, row), **options)
    return path.parent


@pytest.mark.parametrize("nodata", [None, 0])
def test_tiles_of_earth_engine_are_one_scene(write_raster, tmp_path: Path, nodata: float | None) -> None:
    dn = scene()
    dn[:, :4, :6] = 0
    folder = tiled(write_raster, dn, names=NAMES, nodata=nodata)
    (folder / "notes.txt").write_text("beside")
    expected = np.where(dn == 0, np.float32(np.nan), dn)
    for door in (folder, str(folder / "iburi-*.tif")):
        opened = open_scene(door)
        assert (opened.name, opened.grid.shape, opened.grid.transform) == ("iburi", (60, 60), TRANSFORM)
        np.testing.assert_array_equal(values(door), expected)
    one = folder / "iburi-0000000000-0000000032.tif"
    assert any("one of 4 tiles of an export" in note for note in open_scene(one).notes)
    one.unlink()
    expected[:, :32, 32:] = np.nan
    np.testing.assert_array_equal(values(folder), expected)
    for other in ("0000000032-0000000000", "0000000032-0000000032"):
        (folder / f"iburi-{other}.tif").unlink()
    assert not any("tiles" in note for note in open_scene(next(folder.glob("*.tif"))).notes)


def test_masks_inside_tiles_count(write_raster, tmp_path: Path) -> None:
    dn = scene()
    folder = tiled(write_raster, dn, names=NAMES)
    masked = np.ones((60, 60), bool)
    masked[5:9, 40:50] = False
    for path in folder.glob("*.tif"):
        row, col = (int(part) for part in path.stem.split("-")[1:])
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
            dataset.write_mask(masked[row : row + 32, col : col + 32])
    np.testing.assert_array_equal(values(folder), np.where(masked, dn, np.float32(np.nan)))


def test_tiles_map_as_the_whole_raster(write_raster, red_bundle) -> None:
    dn = scene()
    whole = map_scene(write_raster("whole.tif", dn, names=NAMES), bundle=red_bundle)
    tiles = map_scene(tiled(write_raster, dn, names=NAMES), bundle=red_bundle)
    assert len(whole) == 1
    assert tiles.geometry.geom_equals(whole.geometry).all()


def test_tiles_of_a_dem_are_given_by_a_pattern(write_raster, tmp_path: Path) -> None:
    path, _ = stacked(write_raster)
    hills = (500 + 3.64 * np.mgrid[:60, :60][1]).astype(np.float32)
    folder = tiled(write_raster, hills[None], "dem")
    with open_stack(Inputs(path, dem=str(folder / "iburi-*.tif"))) as stack:
        np.testing.assert_array_equal(stack.read_raw(("DEM",), stack.grid.whole)[0], hills)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ("B2", "B3", "B4")}, "differ in their bands"),
        ({"crs": "EPSG:32646"}, "differ in their CRS"),
        ({"nodata": 3}, "differ in their nodata value"),
        ({"transform": TRANSFORM @ Affine.translation(10.5, 0)}, "differ in their pixels"),
        ({"transform": TRANSFORM @ Affine.scale(2)}, "differ in their pixels"),
        ({"crs": None}, r"iburi-0000000000-0000000096\.tif has no coordinate reference system"),
    ],
)
def test_tiles_of_different_rasters_are_refused(write_raster, change: dict, message: str) -> None:
    folder = tiled(write_raster, scene(), names=NAMES)
    options = {"names": NAMES, "transform": TRANSFORM @ Affine.translation(96, 0)} | change
    write_raster(f"{folder.name}/iburi-0000000000-0000000096.tif", scene(), **options)
    with pytest.raises(SceneError, match=message):
        open_scene(folder)


def test_a_pattern_that_fits_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"nothing-\*\.tif stands for no file"):
        open_scene(str(tmp_path / "nothing-*.tif"))


def test_a_damaged_tile_is_named(write_raster) -> None:
    folder = tiled(write_raster, scene(), names=NAMES)
    tile = sorted(folder.glob("*.tif"))[1]
    os.truncate(tile, tile.stat().st_size // 2)
    with pytest.raises(SceneError, match="iburi"):
        values(folder)


def test_a_run_over_other_tiles_is_not_resumed(write_raster) -> None:
    from l4s_geo.stack.open import fingerprint

    folder = tiled(write_raster, scene(), names=NAMES)
    inputs = Inputs(folder)
    with open_stack(inputs) as stack:
        before = fingerprint(inputs, stack)
    tile = next(folder.glob("*.tif"))
    os.utime(tile, ns=(1, 1))
    with open_stack(inputs) as stack:
        assert fingerprint(inputs, stack) != before


# --- rasters upside down, patches in raw values -----------------------------------------------------------------------


def test_a_raster_whose_first_row_is_the_southernmost_is_the_same_scene(write_raster, red_bundle) -> None:
    dn = scene()
    path = write_raster("north.tif", dn, names=NAMES)
    upside_down = TRANSFORM @ Affine(1, 0, 0, 0, -1, 60)
    turned = write_raster("south.tif", dn[:, ::-1], names=NAMES, transform=upside_down)
    with open_stack(Inputs(turned)) as stack:
        assert (stack.grid.transform, stack.grid.shape) == (TRANSFORM, (60, 60))
    np.testing.assert_array_equal(values(turned), dn)
    found, same = (map_scene(scene_path, bundle=red_bundle) for scene_path in (turned, path))
    assert len(same) == 1
    assert found.geometry.geom_equals(same.geometry).all()


def test_a_patch_in_digital_numbers_is_told_and_can_be_stated(tmp_path: Path) -> None:
    raw = RNG.integers(300, 3000, (14, 128, 128)).astype(float)
    raw[9], raw[12] = 12, 25
    raw[13] = 900
    path = tmp_path / "image_1.h5"
    with h5py.File(path, "w") as file:
        file["img"] = raw.transpose(1, 2, 0)
    opened = open_scene(path)
    assert opened.units == "dn"
    assert any("digital numbers, degrees and metres" in note for note in opened.notes)
    for units in ("auto", "dn"):
        with open_stack(Inputs(path, units=units)) as stack:
            np.testing.assert_array_equal(stack.read_raw(BANDS, stack.grid.whole), raw)
    with (
        pytest.raises(SceneError, match="says itself that its values are digital numbers"),
        open_stack(Inputs(path, units="l4s")),
    ):
        pass


def test_released_units_are_not_taken_for_digital_numbers(data) -> None:
    for number in (1, 28):
        assert open_scene(data / "l4s_h5" / f"image_{number}.h5").units == "l4s"


# --- QGIS's notation of vector layers ---------------------------------------------------------------------------------


def test_qgis_notation_of_layers_is_understood(tmp_path: Path) -> None:
    grid = Grid(rasterio.crs.CRS.from_user_input(UTM), TRANSFORM, 60, 60)
    path = tmp_path / "areas.gpkg"
    for layer, left in (("far", 300_400), ("aoi", 300_100)):
        gpd.GeoDataFrame(geometry=[shapely.box(left, 3_099_600, left + 200, 3_099_900)], crs=UTM).to_file(
            path, layer=layer
        )
    for notation in ("|layername=aoi", "|layerid=1", "|layername=aoi|geometrytype=Polygon", "|layerid=1|layername=aoi"):
        (found,) = read_polygons(f"{path}{notation}", grid, "area of interest")
        assert found.bounds[0] == 300_100
    with pytest.raises(SceneError, match=r"given with QGIS's filter name = 1, which is no part of the file"):
        read_polygons(f"{path}|layername=aoi|subset=name = 1", grid, "area of interest")
    with pytest.raises(L4SError, match="cannot be read as a vector file"):
        read_polygons(f"{path}|layerid=7", grid, "area of interest")

"""SAFE products: what they describe, that they read as plain files do, and that bad ones say what is wrong."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

import safe_products as products
from l4s_geo.bands import SPECTRAL
from l4s_geo.errors import BandError, SceneError
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.geotiff import open_band_files
from l4s_geo.sources.safe import is_safe, open_safe
from l4s_geo.sources.scene import Scene
from l4s_geo.stack.stack import Stack
from safe_metadata import BAND_IDS, Product, write_metadata

PUNJAB = "s2_l1c_l2a_punjab/{level}/0000200/20200604T054639_20200604T054831_T43RCP"
REAL_L2A = "s2_l2a_safe/S2A_MSIL2A_20221005T115411_N0400_R023_T29UNU_20221005T164454.SAFE"
REAL_L1C = "s2_l1c_safe_metadata"


def read(scene: Scene) -> np.ndarray:
    with Stack(scene, units="dn") as stack:
        return stack.read([b for b in SPECTRAL if b in stack.bands], stack.grid.whole)


@pytest.fixture(scope="session")
def sites() -> dict[str, products.Site]:
    """The same 192 × 192 pixels as Level-1C (13 bands) and Level-2A (12)."""
    return {level: products.make_site(level) for level in ("L1C", "L2A")}


@pytest.fixture(scope="session")
def built(sites, tmp_path_factory) -> dict[tuple[str, str], Path]:
    """Products of every generation, by level and baseline; not to be changed."""
    folder = tmp_path_factory.mktemp("safe")
    return {
        (level, baseline): products.build_safe(sites[level], folder / f"{level}{baseline}", level, baseline)
        for level, baseline in products.GENERATIONS
    }


@pytest.fixture
def product(built, tmp_path) -> Path:
    """A Level-2A product to damage."""
    source = built["L2A", "05.09"]
    return Path(shutil.copytree(source, tmp_path / source.name))


@pytest.fixture(params=["made", "punjab-l1c", "punjab-l2a", "mekong"])
def large_site(request) -> tuple[str, products.Site]:
    """The level and the site of a larger tile, one off the 10 m raster; real pixels where they are."""
    if request.param == "made":
        return "L2A", products.make_site("L2A", 300, epsg=32648, left=471_233.7, top=1_214_861.3)
    data = request.getfixturevalue("data")
    if request.param == "mekong":
        with rasterio.open(data / "s2_l2a_mekong" / "B02.tif") as dataset:
            t = dataset.transform
        return "L2A", products.read_site(data / "s2_l2a_mekong", epsg=32648, left=t.c, top=t.f)
    level = request.param.removeprefix("punjab-")
    folder = data / PUNJAB.format(level=level)
    return level.upper(), products.read_site(folder, epsg=32643, left=330_000, top=3_372_000)


def test_a_tile_reads_as_its_plain_files_do_and_a_zip_in_place(large_site, tmp_path):
    level, site = large_site
    product = products.build_safe(site, tmp_path / "built", level)
    archive = products.zipped(product, tmp_path / "product.zip")
    plain = open_band_files(products.write_bands(site, tmp_path / "plain"))
    scene = open_safe(product)
    assert scene.grid == plain.grid
    expected = read(plain)
    np.testing.assert_array_equal(read(scene), expected)
    shutil.rmtree(product)
    np.testing.assert_array_equal(read(open_safe(archive)), expected)
    assert not list(tmp_path.rglob("*.jp2")), "the zip is read in place"


def test_b8_is_the_wide_near_infrared_band_and_not_b8a(built):
    bands = open_safe(built["L1C", "05.09"]).bands
    assert "_B08" in bands["B8"].path
    assert "_B8A" in bands["B8A"].path


def test_stored_zero_is_no_data_and_a_value_below_the_offset_is_zero_reflectance(sites, tmp_path):
    product = products.build_safe(sites["L1C"], tmp_path, "L1C")
    red = next(product.rglob("*_B04.jp2"))
    with rasterio.open(red) as dataset:
        stored = dataset.read(1)
    stored[:6, :6], stored[:6, 6:12] = 0, 400
    products.write_raster(red, stored, sites["L1C"], 10)
    with Stack(open_safe(product)) as stack:
        values, green = stack.read(["B4", "B3"], Window(0, 0, 6, 18))
    assert np.isfinite(green).all()
    assert np.isnan(values[:, :6]).all()
    assert (values[:, 6:12] == 0).all()
    assert (values[:, 12:] > 0).all()


def test_offsets_are_taken_by_band_and_scaled_to_a_quantification_of_10000(sites, tmp_path):
    by_band = {band: -100 * i for i, band in enumerate(BAND_IDS)}
    product = products.build_safe(sites["L2A"], tmp_path, offsets=by_band, quantification=5000)
    for band, ref in open_safe(product).bands.items():
        assert (ref.scale, ref.offset, ref.nodata) == (2, 2 * by_band[band], 0)


def test_the_scene_classification_is_that_of_20_m(built, tmp_path):
    assert open_safe(built["L1C", "05.09"]).classes is None
    folder = open_safe(built["L2A", "05.09"]).classes
    archive = open_safe(products.zipped(built["L2A", "05.09"], tmp_path / "p.zip")).classes
    for classes in (folder, archive):
        assert classes.path.endswith("_SCL_20m.jp2")
        with rasterio.open(classes.path) as dataset:
            assert dataset.shape == (60, 60)
            assert (dataset.read(classes.index) == 4).all()


def test_a_real_level_2a_product_opens_with_the_bands_it_has(data):
    path = data / REAL_L2A
    scene = open_safe(path)
    assert list(scene.bands) == ["B1", "B9"]  # the product's 10 m and 20 m images are not there
    assert scene.notes == (
        "the product's images of B2 (10 m), B3 (10 m), B4 (10 m), B5 (20 m), B6 (20 m), B7 (20 m), B8 (10 m), "
        "B11 (20 m), B12 (20 m) are missing",
    )
    assert scene.grid == Grid(CRS.from_epsg(32629), Affine(10, 0, 499980, 0, -10, 5900040), 10980, 10980)
    assert scene.acquisition.product == path.stem == scene.name
    assert scene.acquisition.level == "L2A"
    assert scene.acquisition.acquired == "2022-10-05T11:54:11.024Z"
    assert scene.acquisition.baseline == "04.00"
    with rasterio.open(scene.bands["B1"].path) as dataset:
        stored = dataset.read(1, window=((1300, 1310), (900, 910)))
    with Stack(scene) as stack:
        values = stack.read(["B1"], Window(7800, 5400, 60, 60))[0]
    assert (stored > 1000).all()
    np.testing.assert_allclose(values[::6, ::6] * 1111.81236406, stored - 1000.0, rtol=1e-6)
    np.testing.assert_array_equal(values, np.repeat(np.repeat(values[::6, ::6], 6, axis=0), 6, axis=1))


@pytest.mark.parametrize("tile", ["T01LAC", "T46RER"])
def test_metadata_of_real_level_1c_products_agree_with_stactools(data, tmp_path, tile):
    """The reference is what the stactools package made of the same products."""
    source = next((data / REAL_L1C).glob(f"*{tile}*"))
    reference = json.loads((source / "expected_output.json").read_text())
    red = reference["assets"]["red"]
    product = Path(shutil.copytree(source, tmp_path / source.name, copy_function=shutil.copyfile))
    for folder in (product, *product.rglob("*")):
        folder.chmod(0o755)
    a, _, left, _, _, top = red["proj:transform"]
    epsg = int(re.search(r"EPSG:(\d+)", next(product.rglob("MTD_TL.xml")).read_text())[1])
    site = products.Site({}, epsg, left, top)
    products.write_raster(product / red["href"], np.ones((61, 61), np.uint16), site, 1800)

    scene = open_safe(product)
    assert list(scene.bands) == ["B4"]
    assert scene.grid.shape == tuple(red["proj:shape"])
    assert list(scene.grid.transform)[:6] == red["proj:transform"]
    assert (scene.grid.transform.a, scene.grid.crs.to_epsg()) == (a, epsg)
    facts = reference["properties"]
    assert f"{scene.acquisition.product}.SAFE" == facts["s2:product_uri"]
    assert scene.acquisition.baseline == facts["s2:processing_baseline"]
    assert scene.acquisition.acquired == facts["datetime"].replace("000Z", "Z")
    assert (scene.acquisition.level, scene.bands["B4"].offset) == ("L1C", 0)


def test_a_product_without_pixels_says_so_and_names_the_bands(tmp_path):
    product = write_metadata(Product("L1C"), tmp_path)
    with pytest.raises(BandError, match=r"none of the images .* bands B1, B2, .*B10, B11, B12; .*IMG_DATA"):
        open_safe(product)


def test_what_counts_as_safe(built, product, tmp_path, write_raster):
    granule = next(product.glob("GRANULE/*"))
    archive = products.zipped(product, tmp_path / "p.ZIP")
    for path in (product, product / "MTD_MSIL2A.xml", granule, granule / "MTD_TL.xml", archive, str(archive)):
        assert is_safe(path)
        assert set(open_safe(path).bands) == set(open_safe(built["L2A", "05.09"]).bands)
    renamed = product.rename(tmp_path / "renamed")
    assert is_safe(renamed)
    empty = tmp_path / "empty.SAFE"
    empty.mkdir()
    assert is_safe(empty)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("scene.tif", b"")
    for path in (other, tmp_path, tmp_path / "absent.SAFE", write_raster("a.tif", np.ones((1, 9, 9)))):
        assert not is_safe(path)


def test_products_of_before_2016_hold_several_tiles_and_open_by_granule(built, tmp_path):
    source = built["L1C", "02.02"]
    product = Path(shutil.copytree(source, tmp_path / source.name))
    assert not list(product.rglob("MTD_*.xml")), "the long names"
    expected = read(open_safe(product))
    products.add_granule(product, "T29UNT")
    with pytest.raises(SceneError, match=r"tiles T29UNT, T29UNU; .*give the folder of one of them"):
        open_safe(product)
    for granule in product.glob("GRANULE/*"):
        np.testing.assert_array_equal(read(open_safe(granule)), expected)


def test_a_product_without_its_metadata(product, tmp_path):
    (product / "MTD_MSIL2A.xml").unlink()
    for path in (product, products.zipped(product, tmp_path / "p.zip")):
        assert is_safe(path)
        with pytest.raises(SceneError, match=r"no product metadata; expected MTD_MSIL1C.xml or MTD_MSIL2A.xml"):
            open_safe(path)
    with pytest.raises(SceneError, match="does not exist"):
        open_safe(tmp_path / "absent.SAFE")


def test_a_missing_granule(product, tmp_path):
    granule = next(product.glob("GRANULE/*"))
    shutil.rmtree(granule)
    for path in (product, products.zipped(product, tmp_path / "p.zip")):
        with pytest.raises(SceneError, match=f"lacks the granule {granule.name} "):
            open_safe(path)


def test_a_granule_without_metadata(product):
    next(product.glob("GRANULE/*/MTD_TL.xml")).unlink()
    with pytest.raises(SceneError, match=r"holds no MTD_TL.xml"):
        open_safe(product)


def test_granules_of_two_tiles(product, tmp_path):
    expected = read(open_safe(product))
    products.add_granule(product, "T29UPU")
    for path in (product, products.zipped(product, tmp_path / "p.zip")):
        with pytest.raises(SceneError, match=r"2 granules, of the tiles T29UNU, T29UPU; .*one of them"):
            open_safe(path)
    np.testing.assert_array_equal(read(open_safe(next(product.glob("GRANULE/*T29UPU*")))), expected)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.5, 0.9, 0.999, -1])
def test_a_truncated_image_within_a_zip_never_reads_as_data(product, tmp_path, kept):
    """GDAL returns whatever is in memory for tiles behind the cut, without an error."""
    image = next(product.rglob("*_B02_10m.jp2"))
    whole = image.read_bytes()
    image.write_bytes(whole[: kept if kept < 0 else int(len(whole) * kept)])
    with pytest.raises(SceneError, match=r"_B02_10m\.jp2.*(truncated|not a raster)"):
        read(open_safe(products.zipped(product, tmp_path / "p.zip")))


def test_every_image_of_a_real_product_counts_as_complete(data, tmp_path):
    """A check that refuses good files would be worse than none; real ones end differently from GDAL's."""
    from l4s_geo.sources.jp2 import is_complete

    images = sorted((data / REAL_L2A).rglob("*.jp2"))
    assert len(images) >= 50
    for image in images:
        with image.open("rb") as stream:
            assert is_complete(stream), image
    cut = tmp_path / "cut.jp2"
    cut.write_bytes(images[0].read_bytes()[:-3])
    with cut.open("rb") as stream:
        assert not is_complete(stream)


def test_an_image_of_another_place(product, sites):
    site = sites["L2A"]
    moved = products.Site(site.bands, site.epsg, site.left + 5000, site.top)
    products.write_raster(next(product.rglob("*_B03_10m.jp2")), site.bands["B3"], moved, 10)
    with pytest.raises(SceneError, match=r"band B3 .* covers .* expected the tile's"):
        open_safe(product)


@pytest.mark.parametrize("kept", [0, 0.1, 0.6, 0.999])
def test_a_zip_that_is_cut_off(product, tmp_path, kept):
    archive = products.zipped(product, tmp_path / "p.zip")
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * kept)])
    assert is_safe(archive)
    with pytest.raises(SceneError, match=r"not a complete zip archive .* download it again"):
        open_safe(archive)


def test_a_zip_with_damage_inside(product, tmp_path):
    archive = products.zipped(product, tmp_path / "p.zip")
    with zipfile.ZipFile(archive) as file:
        member = next(info for info in file.infolist() if info.filename.endswith("_B02_10m.jp2"))
    content = bytearray(archive.read_bytes())
    middle = member.header_offset + member.compress_size // 2
    content[middle : middle + 64] = bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
    archive.write_bytes(content)
    with pytest.raises(SceneError, match=r"_B02_10m\.jp2.*download it again"):
        open_safe(archive)


@pytest.mark.parametrize(
    "name", ["../outside.txt", "P.SAFE/../../outside.txt", "/etc/outside", "a\\..\\b", "C:/outside"]
)
def test_a_zip_that_reaches_outside_itself(product, tmp_path, name):
    archive = products.zipped(product, tmp_path / "p.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, "x")
    with pytest.raises(SceneError, match="leads out of the archive"):
        open_safe(archive)


def test_an_encrypted_zip(product, tmp_path):
    archive = products.zipped(product, tmp_path / "p.zip")
    content = bytearray(archive.read_bytes())
    for entry in re.finditer(b"PK\x01\x02", bytes(content)):
        content[entry.start() + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(SceneError, match="expected one without a password"):
        open_safe(archive)


def test_a_zip_of_two_products(product, tmp_path):
    archive = products.zipped(product, tmp_path / "p.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("Q.SAFE/MTD_MSIL1C.xml", "<a/>")
    with pytest.raises(SceneError, match=r"several products \(.*Q.SAFE"):
        open_safe(archive)


def test_names_in_the_metadata_lead_nowhere_else(product, tmp_path):
    outside = tmp_path / "outside_B02_10m.jp2"
    shutil.copy(next(product.rglob("*_B02_10m.jp2")), outside)
    products.edit(
        product / "MTD_MSIL2A.xml",
        lambda text: re.sub("<IMAGE_FILE>.*_B02_10m<", "<IMAGE_FILE>GRANULE/../../outside_B02_10m<", text),
    )
    with pytest.raises(SceneError, match="lacks the granule"):
        open_safe(product)


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", [BOMB, EXTERNAL], ids=["bomb", "external"])
@pytest.mark.parametrize("name", ["MTD_MSIL2A.xml", "MTD_TL.xml"])
def test_xml_with_entities(product, tmp_path, name, text, encoding):
    next(product.rglob(name)).write_bytes(text.encode(encoding))
    for path in (product, products.zipped(product, tmp_path / "p.zip")):
        with pytest.raises(SceneError, match=f"{name} declares a document type"):
            open_safe(path)


@pytest.mark.parametrize("name", ["MTD_MSIL2A.xml", "MTD_TL.xml"])
def test_xml_that_is_cut_off_or_endless(product, name):
    path = next(product.rglob(name))
    content = path.read_text()
    path.write_text(content[: len(content) // 2])
    with pytest.raises(SceneError, match=f"{name} is not well-formed XML"):
        open_safe(product)
    path.write_text(" " * (33 * 2**20))
    with pytest.raises(SceneError, match=f"{name} is larger than 32 MiB"):
        open_safe(product)


@pytest.mark.parametrize(
    ("name", "pattern", "replacement", "message"),
    [
        ("MTD_MSIL2A.xml", "Level-2A</PROCESSING_LEVEL", "Level-1B</PROCESSING_LEVEL", "states the level Level-1B"),
        ("MTD_MSIL2A.xml", "<BOA_QUANT.*VALUE>", "", "no usable BOA_QUANTIFICATION_VALUE"),
        ("MTD_MSIL2A.xml", ">10000</BOA_QUANT", ">0</BOA_QUANT", "quantification value 0 "),
        ("MTD_MSIL2A.xml", ">10000</BOA_QUANT", ">nan</BOA_QUANT", "quantification value nan "),
        ("MTD_MSIL2A.xml", ">-1000</BOA_ADD", ">much</BOA_ADD", "no usable BOA_QUANTIFICATION_VALUE or BOA_ADD_OFFSET"),
        ("MTD_MSIL2A.xml", 'band_id="12">', 'band_id="-1">', "no usable BOA_QUANTIFICATION_VALUE or BOA_ADD_OFFSET"),
        ("MTD_MSIL2A.xml", '<BOA_ADD_OFFSET band_id="3">-1000</BOA_ADD_OFFSET>', "", "an offset for every band"),
        ("MTD_MSIL2A.xml", "<IMAGE_FILE>.*</IMAGE_FILE>", "", "list no images"),
        ("MTD_TL.xml", r"EPSG:\d+", "https://example.com/crs", "no usable 10 m grid"),
        ("MTD_TL.xml", r"EPSG:\d+", "EPSG:1", "no usable 10 m grid"),
        ("MTD_TL.xml", "<NROWS>.*?</NROWS>", "", "no usable 10 m grid"),
        ("MTD_TL.xml", "<XDIM>10<", "<XDIM>0<", "no usable 10 m grid"),
        ("MTD_TL.xml", "<ULX>.*?<", "<ULX>inf<", "no usable 10 m grid"),
    ],
)
def test_metadata_that_make_no_sense(product, name, pattern, replacement, message):
    products.edit(next(product.rglob(name)), lambda text: re.sub(pattern, replacement, text))
    with pytest.raises(SceneError, match=message):
        open_safe(product)

"""What stands in files beside a raster counts: headers, nodata, positions, masks, overviews."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling

from l4s_geo.errors import SceneError
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.rasters import opened
from l4s_geo.stack.open import Inputs, gdal_settings, open_stack
from support import TRANSFORM, UTM

BANDS = ("B4", "B3", "B2")
RNG = np.random.default_rng(7)
EMPTY = (slice(0, 12), slice(0, 18))


def pixels(side: int = 60) -> np.ndarray:
    """(3, side, side) uint16 digital numbers, with a corner of 7, which is no data where a file says so."""
    dn = RNG.integers(300, 3000, (3, side, side)).astype(np.uint16)
    dn[:, *EMPTY] = 7
    return dn


def write(path: Path, driver: str, array: np.ndarray, **options: object) -> Path:
    """Write a raster as another program may leave it: no statement is made but those in `options`."""
    array = array if array.ndim == 3 else array[None]
    shape = {"count": len(array), "height": array.shape[1], "width": array.shape[2], "dtype": array.dtype}
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="NO"),
        rasterio.open(path, "w", driver=driver, **shape, **options) as dataset,
    ):
        dataset.write(array)
        if len(array) == 3:
            dataset.descriptions = BANDS
    return path


def expected(dn: np.ndarray) -> np.ndarray:
    return np.where(dn == 7, np.float32(np.nan), dn.astype(np.float32))


def read(scene: object, **inputs: object) -> np.ndarray:
    """Raw values of B4, B3 and B2 of a scene, as the commands read them."""
    with open_stack(Inputs(scene, **inputs)) as stack:
        return stack.read_raw(BANDS, stack.grid.whole)


@pytest.fixture(params=["", "EMPTY_DIR"], ids=["plain", "EMPTY_DIR in the environment"], autouse=True)
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users of Cloud Optimized GeoTIFFs often switch the look at a folder off for all programs."""
    if request.param:
        monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", request.param)


@pytest.mark.parametrize(
    ("driver", "name", "header"),
    [
        ("ENVI", "scene.img", "scene.hdr"),
        ("ENVI", "scene", "scene.hdr"),
        ("EHdr", "scene.bil", "scene.hdr"),
        ("ERS", "scene.ers", "scene"),
        ("RRASTER", "scene.grd", "scene.gri"),
        ("PNG", "scene.png", "scene.png.aux.xml"),
    ],
)
def test_headers_are_read(tmp_path: Path, driver: str, name: str, header: str) -> None:
    dn = pixels()
    path = write(tmp_path / name, driver, dn, crs=UTM, transform=TRANSFORM, nodata=7)
    assert (tmp_path / header).exists()
    np.testing.assert_array_equal(read(path, bands=BANDS), expected(dn))


def test_nodata_in_a_sidecar_counts_in_every_kind_of_raster(tmp_path: Path, write_raster) -> None:
    dn = pixels()
    band = '<PAMRasterBand band="{}"><NoDataValue>7</NoDataValue></PAMRasterBand>'
    aux = "".join(map(band.format, (1, 2, 3)))
    scene = write_raster("scene.tif", dn, names=BANDS)
    dem = write_raster("dem.tif", np.where(dn[0] == 7, 7, 500).astype(np.float32))
    slope = write_raster("slope.tif", np.where(dn[0] == 7, 7, 20).astype(np.float32))
    mask = write_raster("mask.tif", np.where(dn[0] == 7, 7, 0).astype(np.uint8))
    for path in (scene, dem, slope, mask):
        Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{aux}</PAMDataset>")
    np.testing.assert_array_equal(read(scene), expected(dn))
    with open_stack(Inputs(write_raster("whole.tif", dn, names=BANDS), dem=dem, slope=slope, mask=mask)) as stack:
        elevation, steepness = stack.read_raw(("DEM", "slope"), stack.grid.whole)
        assert not stack.hidden(stack.grid.whole).any()
    # A pixel beside an unknown elevation has a known one by the nearest; in the corner nothing is known.
    assert np.isnan(elevation[:10, :16]).all()
    np.testing.assert_array_equal(np.isnan(steepness), dn[0] == 7)


@pytest.mark.parametrize("suffix", [".tfw", ".wld", ".tifw"])
def test_a_position_in_a_world_file_counts(tmp_path: Path, suffix: str) -> None:
    dn = pixels()
    path = write(tmp_path / "scene.tif", "GTiff", dn, crs=UTM, nodata=7)
    with pytest.raises(SceneError, match="no position"):
        open_scene(path)
    x, y = TRANSFORM @ (0.5, 0.5)
    path.with_suffix(suffix).write_text(f"10\n0\n0\n-10\n{x}\n{y}\n")
    assert open_scene(path).grid.transform == TRANSFORM
    np.testing.assert_array_equal(read(path), expected(dn))


def test_a_crs_in_a_sidecar_counts(tmp_path: Path) -> None:
    dn = pixels()
    path = write(tmp_path / "scene.tif", "GTiff", dn, transform=TRANSFORM, nodata=7)
    with pytest.raises(SceneError, match="no coordinate reference system"):
        open_scene(path)
    wkt = CRS.from_user_input(UTM).to_wkt()
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset><SRS>{wkt}</SRS></PAMDataset>")
    np.testing.assert_array_equal(read(path), expected(dn))


@pytest.mark.parametrize("warped", [False, True])
def test_a_mask_file_counts(tmp_path: Path, warped: bool) -> None:
    dn = pixels()
    dn[:, *EMPTY] = 900
    valid = np.full(dn.shape[1:], 255, np.uint8)
    valid[EMPTY] = 0
    transform = TRANSFORM @ Affine.translation(0.25, 0.25) @ Affine.scale(1.5) if warped else TRANSFORM
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        path = write(tmp_path / "scene.tif", "GTiff", dn, crs=UTM, transform=transform)
        with rasterio.open(path, "r+") as dataset:
            dataset.write_mask(valid)
    assert Path(f"{path}.msk").exists()
    values = read(path)
    if warped:
        assert np.isnan(values[:, :16, :24]).all()
        assert np.isfinite(values[:, 40:80, 40:80]).all()
    else:
        np.testing.assert_array_equal(values, np.where(valid == 0, np.float32(np.nan), dn))


def test_overviews_beside_a_raster_are_used(tmp_path: Path) -> None:
    path = write(tmp_path / "scene.tif", "GTiff", pixels(1200), crs=UTM, transform=TRANSFORM)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.nearest)
    assert Path(f"{path}.ovr").exists()
    with gdal_settings(), opened(str(path), "scene") as dataset:
        assert dataset.overviews(1) == [2, 4]


# --- SNAP -------------------------------------------------------------------------------------------------------------


def snap(folder: Path, dn: np.ndarray, scale: str = "1.0E-4", offset: str = "0.0", nodata: str = "7.0") -> Path:
    """Write a product as SNAP does, big-endian ENVI files with a header; names, scales and nodata in the .dim alone."""
    data = folder / "S2A.data"
    data.mkdir()
    info, files = "", ""
    for index, (band, values) in enumerate(zip((*BANDS, "quality_mask"), (*dn, dn[0]), strict=True)):
        values.astype(">u2").tofile(data / f"{band}.img")
        (data / f"{band}.hdr").write_text(
            f"ENVI\ndescription = {{{band}}}\nsamples = {values.shape[1]}\nlines = {values.shape[0]}\nbands = 1\n"
            "header offset = 0\nfile type = ENVI Standard\ndata type = 12\ninterleave = bsq\nbyte order = 1\n"
            f"map info = {{UTM, 1, 1, {TRANSFORM.c}, {TRANSFORM.f}, 10, 10, 45, North, WGS-84}}\n"
        )
        files += f"<Data_File><DATA_FILE_PATH href='S2A.data/{band}.hdr'/><BAND_INDEX>{index}</BAND_INDEX></Data_File>"
        info += (
            f"<Spectral_Band_Info><BAND_INDEX>{index}</BAND_INDEX><BAND_NAME>{band}</BAND_NAME>"
            f"<SCALING_FACTOR>{scale}</SCALING_FACTOR><SCALING_OFFSET>{offset}</SCALING_OFFSET>"
            "<LOG10_SCALED>false</LOG10_SCALED><NO_DATA_VALUE_USED>true</NO_DATA_VALUE_USED>"
            f"<NO_DATA_VALUE>{nodata}</NO_DATA_VALUE></Spectral_Band_Info>"
        )
    path = folder / "S2A.dim"
    path.write_text(
        "<?xml version='1.0' encoding='ISO-8859-1'?><Dimap_Document name='S2A.dim'><Metadata_Id>"
        "<METADATA_PROFILE>BEAM-DATAMODEL-V1</METADATA_PROFILE></Metadata_Id>"
        f"<Data_Access>{files}</Data_Access><Image_Interpretation>{info}</Image_Interpretation></Dimap_Document>"
    )
    return path


@pytest.mark.parametrize("suffix", [".dim", ".data"])
def test_a_product_of_snap_is_read_with_its_scale_and_offset(tmp_path: Path, suffix: str) -> None:
    dn = pixels()
    path = snap(tmp_path, np.where(dn == 7, 7, dn + 1000), offset="-0.1").with_suffix(suffix)
    scene = open_scene(path)
    assert (scene.name, tuple(scene.bands), scene.units) == ("S2A", ("B2", "B3", "B4"), "dn")
    np.testing.assert_array_equal(read(path), expected(dn))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("S2A.data/B4.hdr", "../B4.hdr", r"names the file \.\./B4\.hdr, which lies elsewhere"),
        ("<SCALING_FACTOR>1.0E-4", "<SCALING_FACTOR>one", "no usable numbers for the band B4"),
        ("<LOG10_SCALED>false", "<LOG10_SCALED>true", "stored as logarithms"),
        ("<BAND_NAME>B", "<BAND_NAME>band", "holds no band of Sentinel-2"),
        ("<Data_Access>", "<Data_Access", "not well-formed XML"),
        ("<Dimap_Document", "<!DOCTYPE a><Dimap_Document", "declares a document type"),
    ],
)
def test_a_product_of_snap_that_cannot_be_used_is_named(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = snap(tmp_path, pixels())
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(ValueError, match=message):
        open_scene(path)


def test_a_product_of_snap_without_a_file_is_named(tmp_path: Path) -> None:
    path = snap(tmp_path, pixels())
    (tmp_path / "S2A.data" / "B3.img").unlink()
    with pytest.raises(SceneError, match=r"band B3 .*B3\.img does not exist"):
        open_scene(path)


def test_the_folder_of_band_files_that_snap_wrote_is_read_without_its_description(tmp_path: Path) -> None:
    dn = pixels()
    shutil.move(snap(tmp_path, dn), tmp_path / "elsewhere.dim")
    np.testing.assert_array_equal(read(tmp_path / "S2A.data"), dn)

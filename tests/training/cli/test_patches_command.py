"""`l4s-train patches`: what it cuts from a scene, and what it says of scenes and inventories that do not suit."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner, Result

from l4s_geo.bands import BANDS, SPECTRAL, scale_of
from l4s_training.cli import main
from l4s_training.data.readers import read as sources
from support import ORIGIN, SAMPLE, TRANSFORM, UTM

SHAPE = (300, 280)
RNG = np.random.default_rng(0)
RAW = RNG.integers(200, 4000, (14, *SHAPE)).astype(np.uint16)
RAW[12] = RNG.integers(0, 60, SHAPE)
RAW[13] = RNG.integers(100, 900, SHAPE)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["patches", *(str(a) for a in arguments)])


def rectangle(row: int, col: int, height: int, width: int) -> shapely.Polygon:
    """Pixels of the scene as a polygon."""
    left, top = ORIGIN[0] + 10 * col, ORIGIN[1] - 10 * row
    return shapely.box(left, top - 10 * height, left + 10 * width, top)


POLYGONS = [rectangle(10, 20, 30, 5), rectangle(100, 100, 20, 50), rectangle(290, 0, 10, 10)]
MASK = np.zeros(SHAPE, bool)
MASK[10:40, 20:25] = MASK[100:120, 100:150] = MASK[290:300, 0:10] = True


@pytest.fixture
def scene(write_raster) -> Path:
    return write_raster("scene.tif", RAW, names=BANDS)


@pytest.fixture
def inventory(tmp_path) -> Path:
    path = tmp_path / "inventory.gpkg"
    gpd.GeoDataFrame({"name": ["a", "b", "c"]}, geometry=POLYGONS, crs=UTM).to_file(path)
    return path


def windows(patches) -> np.ndarray:
    return patches.windows(np.arange(len(patches))) * scale_of(patches.bands)[:, None, None]


def test_patches_hold_the_raw_values_and_the_inventory_pixel_by_pixel(scene, inventory, tmp_path):
    result = call(scene, inventory, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert "4 patches, 2 with landslides" in result.stdout
    patches = sources.read(tmp_path / "new", BANDS)
    assert patches.values.stores[0].array.dtype == np.uint16  # integers over M, as the released values are
    corners = [(0, 0), (0, 128), (128, 0), (128, 128)]
    for (row, col), image, mask in zip(corners, windows(patches), patches.masks, strict=True):
        assert np.allclose(image, RAW[:, row : row + 128, col : col + 128], rtol=1e-6)
        assert np.array_equal(mask, MASK[row : row + 128, col : col + 128])


def test_the_list_says_where_each_patch_is(scene, inventory, tmp_path):
    call(scene, inventory, "--out", tmp_path / "new")
    with (tmp_path / "new" / "patches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(rows[3][k]) for k in ("left", "top")] == [ORIGIN[0] + 1280, ORIGIN[1] - 1280]
    assert rows[3]["crs"] == UTM
    assert float(rows[0]["landslide_share"]) == pytest.approx(MASK[:128, :128].mean(), abs=1e-6)


def test_a_folder_grows(scene, inventory, tmp_path):
    assert call(scene, inventory, "--out", tmp_path / "new", "--landslides-only").exit_code == 0
    assert call(scene, "--empty", "--out", tmp_path / "new").exit_code == 0
    patches = sources.read(tmp_path / "new", ("B4",))
    assert patches.numbers.tolist() == [1, 2, 3, 4, 5, 6]
    assert patches.masks.any((1, 2)).tolist() == [True, True, False, False, False, False]


def test_a_folder_of_another_layout_is_left_alone(scene, inventory, tmp_path):
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "image_1.h5").write_bytes(b"a patch")
    result = call(scene, inventory, "--out", tmp_path / "flat")
    assert result.exit_code == 2
    assert "holds its patches side by side" in result.stderr
    assert [p.name for p in (tmp_path / "flat").iterdir()] == ["image_1.h5"]


def test_windows_overlap_on_request(scene, inventory, tmp_path):
    assert call(scene, inventory, "--out", tmp_path / "new", "--overlap", 64).exit_code == 0
    patches = sources.read(tmp_path / "new", ("B4",))
    assert len(patches) == 3 * 3
    assert np.allclose(windows(patches)[4, 0], RAW[3, 64:192, 64:192], rtol=1e-6)


@pytest.mark.parametrize("suffix", [".geojson", ".shp", ".parquet"])
def test_inventories_of_other_formats_and_crs_are_drawn_alike(scene, tmp_path, suffix):
    frame = gpd.GeoDataFrame({"name": ["a", "b", "c"]}, geometry=POLYGONS, crs=UTM).to_crs(4326)
    path = tmp_path / f"inventory{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
    result = call(scene, path, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    drawn = sources.read(tmp_path / "new", ("B4",)).masks
    assert np.array_equal(drawn[0], MASK[:128, :128])


def test_windows_with_invalid_pixels_are_left_out_or_written_with_nodata(write_raster, inventory, tmp_path):
    raw = RAW.astype(np.float32)
    raw[:, 5:40, 22:128] = np.nan
    scene = write_raster("holes.tif", raw, names=BANDS, nodata=np.nan)
    assert call(scene, inventory, "--out", tmp_path / "whole").exit_code == 0
    assert len(sources.read(tmp_path / "whole", BANDS)) == 3
    assert call(scene, inventory, "--out", tmp_path / "most", "--min-valid", 0.7).exit_code == 0
    patches = sources.read(tmp_path / "most", BANDS)
    assert len(patches) == 4
    image = windows(patches)[0]
    assert np.allclose(image, raw[:, :128, :128], rtol=1e-6, equal_nan=True)
    known = np.isfinite(raw[0, :128, :128])
    assert np.array_equal(patches.masks[0], MASK[:128, :128] & known)
    result = call(scene, inventory, "--out", tmp_path / "none", "--min-valid", 1, "--aoi", _box(0, 0, 140, 130))
    assert result.exit_code == 2
    assert "became a patch: none has 100% valid pixels" in result.stderr
    assert not (tmp_path / "none").exists()


def _box(row: int, col: int, height: int, width: int) -> str:
    return ",".join(str(v) for v in rectangle(row, col, height, width).bounds)


def test_terrain_comes_from_a_dem(write_raster, inventory, tmp_path):
    scene = write_raster("spectral.tif", RAW[:12], names=SPECTRAL)
    transform = TRANSFORM @ Affine.translation(-10, -10)
    dem = np.add.outer(np.zeros(330), np.arange(310)).astype(np.float32) * 5 + 100  # 50 % to the east
    path = write_raster("dem.tif", dem, transform=transform)
    result = call(scene, inventory, "--dem", path, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    slope = windows(sources.read(tmp_path / "new", ("slope",)))
    assert np.allclose(slope, np.rint(np.degrees(np.arctan(0.5))), atol=1e-4)


def test_chosen_bands_go_to_an_npz_that_is_read_again(write_raster, inventory, tmp_path):
    scene = write_raster("rgbn.tif", RAW[[1, 2, 3, 7]], names=("B2", "B3", "B4", "B8"))
    out = tmp_path / "new.npz"
    result = call(scene, inventory, "--write-bands", "NGB", "--out", out)
    assert result.exit_code == 0, result.output
    patches = sources.read(out, ("B8", "B2"))
    assert np.allclose(windows(patches)[3], RAW[[7, 1], 128:256, 128:256], rtol=1e-6)
    assert np.array_equal(patches.masks[3], MASK[128:256, 128:256])
    with pytest.raises(ValueError, match="holds B8, B3, B2 only, not B4"):
        sources.read(out, ("B4",))
    again = call(scene, inventory, "--write-bands", "NGB", "--out", out)
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_elevations_below_the_sea_and_nodata_survive_an_npz(write_raster, inventory, tmp_path):
    raw = RAW[[3, 13]].astype(np.float32)
    raw[1] -= 400
    raw[:, 0:9, 0:9] = np.nan
    scene = write_raster("low.tif", raw, names=("B4", "DEM"), nodata=np.nan)
    out = tmp_path / "low.npz"
    assert call(scene, inventory, "--write-bands", "DEM,B4", "--min-valid", 0.9, "--out", out).exit_code == 0
    expected = raw[[1, 0], :128, :128]
    assert np.nanmin(expected[0]) < 0
    found = windows(sources.read(out, ("DEM", "B4")))[0]
    assert np.allclose(found, expected, rtol=1e-6, equal_nan=True)


def test_single_band_files_take_the_inventory_as_only_argument(write_raster, inventory, tmp_path):
    files = [f"{band}={write_raster(f'{band}.tif', RAW[BANDS.index(band)])}" for band in ("B4", "B3")]
    bands = ("--band", files[0], "--band", files[1])
    result = call(inventory, *bands, "--write-bands", "B4,B3", "--out", tmp_path / "new.npz")
    assert result.exit_code == 0, result.output
    assert len(sources.read(tmp_path / "new.npz", ("B3",))) == 4


def test_a_scene_without_all_bands_is_refused_with_their_names(write_raster, inventory, tmp_path):
    scene = write_raster("rgb.tif", RAW[[3, 2, 1]], names=("B4", "B3", "B2"))
    result = call(scene, inventory, "--out", tmp_path / "new")
    assert result.exit_code == 2
    assert "lacks B1, B5, B6, B7, B8, B9, B10, B11, B12, slope, DEM and has B4, B3, B2" in result.stderr
    assert "--write-bands" in result.stderr
    spectral = write_raster("spectral.tif", RAW[:12], names=SPECTRAL)
    result = call(spectral, inventory, "--out", tmp_path / "new")
    assert "lacks slope, DEM" in result.stderr
    assert "--dem" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (gpd.GeoDataFrame(geometry=[rectangle(900, 0, 5, 5)], crs=UTM), "None of the polygons .* lies in the scene"),
        (gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=UTM), "holds no polygon but Point; expected polygons"),
        (gpd.GeoDataFrame(geometry=[rectangle(0, 0, 5, 5)]), "no coordinate reference system"),
    ],
)
def test_an_inventory_that_does_not_suit_is_named(scene, tmp_path, frame, message):
    path = tmp_path / "wrong.gpkg"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one has no CRS on purpose
        frame.to_file(path)
    result = call(scene, path, "--out", tmp_path / "new")
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert "wrong.gpkg" in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_no_inventory_is_named(scene, tmp_path):
    for path, message in ((tmp_path / "nowhere.gpkg", "does not exist"), (scene, "cannot be read as a vector file")):
        result = call(scene, path, "--out", tmp_path / "new")
        assert result.exit_code == 2
        assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give either INVENTORY, or --empty"),
        (["--empty", "--landslides-only"], "no patch that --landslides-only would keep"),
        (["--empty", "--write-bands", "RGB"], "go to an .npz"),
        (["--empty", "--aoi", _box(0, 0, 100, 200)], "has 100 x 200 pixels of 10 m; expected at least 128 x 128"),
    ],
)
def test_a_mistake_is_told(scene, tmp_path, arguments, message):
    result = call(scene, "--out", tmp_path / "new", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_pairs_only(scene, inventory, tmp_path, monkeypatch):
    from l4s_training.data.make import write

    original, calls = write.write_image, []

    def fails_at_third(path: Path, raw: np.ndarray) -> None:
        calls.append(path)
        if len(calls) == 3:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        original(path, raw)

    monkeypatch.setattr(write, "write_image", fails_at_third)
    result = call(scene, inventory, "--out", tmp_path / "new")
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert len(sources.read(tmp_path / "new", BANDS)) == 2
    assert not list((tmp_path / "new").glob(".part*"))


def test_sample_scene_and_its_reference_give_patches(tmp_path):
    result = call(
        SAMPLE / "valley.tif", SAMPLE / "valley_reference.gpkg", "--dem", SAMPLE / "valley_dem.tif", "--out", tmp_path
    )
    assert result.exit_code == 0, result.output
    patches = sources.read(tmp_path, BANDS)
    with rasterio.open(SAMPLE / "valley.tif") as source:
        red = source.read(4)
    assert len(patches) == 16
    assert np.allclose(windows(patches)[5, 3], red[128:256, 128:256], rtol=1e-6)
    assert 0.015 < patches.masks.mean() < 0.03

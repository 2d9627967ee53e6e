from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
import shapely
from affine import Affine
from click.testing import CliRunner, Result
from pandas.testing import assert_frame_equal
from rasterio.features import rasterize

import l4s_geo
from l4s_geo.bands import BANDS, RGB, scale_of
from l4s_geo.cli.map import main
from l4s_geo.grid import LOCAL
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.inventory.table import DTYPES
from support import ORIGIN, UTM


def scene(rows: int = 200, cols: int = 260, bands: int = 3) -> np.ndarray:
    """Dark ground with three bright red bodies, one across window borders and one at the edge."""
    dn = np.random.default_rng(5).integers(480, 520, (bands, rows, cols)).astype(np.uint16)
    dn[0, 40:60, 50:90] = 3000
    dn[0, 45:50, 60:70] = 500
    dn[0, 90:150, 120:136] = 3000
    dn[0, 0:10, 200:220] = 3000
    dn[0, 180:182, 10:12] = 3000
    return dn


def dem(rows: int = 260, cols: int = 320) -> np.ndarray:
    return (1500 - 0.5 * np.mgrid[:rows, :cols][0] * 10.0).astype(np.float32)


@pytest.fixture
def files(write_raster) -> tuple[Path, Path]:
    moved = Affine(10, 0, ORIGIN[0] - 300, 0, -10, ORIGIN[1] + 300)
    return write_raster("scene.tif", scene(), names=RGB), write_raster("dem.tif", dem(), transform=moved)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_a_scene_becomes_an_inventory(files, red_bundle: Path, tmp_path: Path) -> None:
    out, probability = tmp_path / "inventory.gpkg", tmp_path / "probability.tif"
    result = run(files[0], "--dem", files[1], "--out", out, "--probability", probability, "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Device: cpu")
    assert lines[3] == "Taken for granted:"
    assert "Units:   digital numbers" in lines[4]
    assert "known for 100% of the scene [told by --dem]" in result.stderr
    assert lines[-1].startswith("3 landslides, 0.191 km²")

    found = gpd.read_file(out, layer="landslides")
    assert list(found.columns) == [*DTYPES, "geometry"]
    assert found.crs == UTM
    assert found.is_valid.all()
    mask = scene()[0] > 1000
    mask[180:182, 10:12] = False  # 400 m², under the minimum mapping unit
    drawn = rasterize(found.geometry, mask.shape, transform=Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]))
    np.testing.assert_array_equal(drawn > 0, mask)
    assert found.touches_edge.tolist() == [True, False, False]
    assert shapely.get_num_interior_rings(found.geometry.to_numpy()).tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.slope_mean_deg, np.degrees(np.arctan(0.5)), atol=0.01)
    np.testing.assert_allclose(found.aspect_deg, 180, atol=0.1)
    long = found.iloc[2]
    assert (long.length_m, long.width_m, long.orientation_deg, long.n_pixels) == (600, 160, 0, 960)
    assert long.relief_m == pytest.approx(0.5 * 590, abs=0.1)
    assert (found.prob_mean > 0.99).all()
    assert found.threshold.tolist() == [0.5] * 3

    with rasterio.open(probability) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.crs == UTM
        np.testing.assert_array_equal(dataset.read(1) >= 0.5, scene()[0] > 1000)
    facts = json.loads(pyogrio.read_info(out, layer="landslides")["layer_metadata"]["l4s"])
    assert facts["units"] == "dn"
    assert facts["assumptions"]["terrain"]["origin"] == "option"
    assert facts["bundle_sha256"]


def test_python_does_the_same(files, red_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "inventory.gpkg"
    run(files[0], "--dem", files[1], "--out", out, "--bundle", red_bundle)
    from_file = gpd.read_file(out, layer="landslides")
    frame = l4s_geo.map_scene(files[0], dem=files[1], bundle=red_bundle)
    assert frame.dtypes.astype(str).to_dict() == {**DTYPES, "geometry": "geometry"}
    assert shapely.equals(frame.geometry.to_numpy(), from_file.geometry.to_numpy()).all()
    columns = [column for column in DTYPES if column != "created"]
    assert_frame_equal(frame[columns], from_file[columns], check_exact=True)


def test_band_files_and_no_dem(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    options = []
    for name, values in zip(RGB, scene(), strict=True):
        options += ["--band", f"{name}={write_raster(f'{name}.tif', values)}"]
    result = run(*options, "--out", tmp_path / "i.geojson", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    found = gpd.read_file(tmp_path / "i.geojson")
    assert len(found) == 3
    assert found[["slope_mean_deg", "elev_min_m", "aspect_deg"]].isna().all(axis=None)


def test_a_geographic_scene_is_mapped_in_its_utm_zone(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    path = write_raster("s.tif", scene(), names=RGB, crs="EPSG:4326", transform=Affine(9e-5, 0, 141.9, 0, -9e-5, 42.7))
    result = run(path, "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    assert "EPSG:32654, warped from 200 × 260 in EPSG:4326" in result.stderr
    found = gpd.read_file(tmp_path / "i.gpkg", layer="landslides")
    assert found.crs.to_epsg() == 32654
    ground = 9e-5 * 9e-5 * 111_320**2 * np.cos(np.radians(42.7)) * (scene()[0] > 1000).sum()
    assert found.area_m2.sum() == pytest.approx(ground, rel=0.08)


def test_nothing_found_is_a_valid_empty_layer(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    dark = np.full((3, 140, 140), 500, np.uint16)
    result = run(write_raster("s.tif", dark, names=RGB), "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    found = gpd.read_file(tmp_path / "i.gpkg", layer="landslides")
    assert len(found) == 0
    assert set(DTYPES) <= set(found.columns)
    assert found.crs == UTM


def test_quiet_prints_nothing_and_verbose_prints_more(files, red_bundle: Path, tmp_path: Path) -> None:
    options = (files[0], "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
    assert run(*options, "--quiet").output == ""
    assert "normalisation window" not in run(*options).output
    assert "normalisation window" in run(*options, "--verbose").output


def test_help_starts_at_once_and_teaches() -> None:
    """It must not import what maps scenes; the time itself is measured in the benchmarks."""
    code = (
        "import sys; from l4s_geo.cli.map import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'rasterio', 'geopandas', 'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("[]\n")
    assert "    l4s-map scene.tif --dem dem.tif --out inventory.gpkg" in out.splitlines()


class TestBadInput:
    """Each ends in one sentence and exit code 2, with no output file."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, red_bundle: Path, write_raster) -> None:
        self.folder = tmp_path
        self.bundle = red_bundle
        self.write = write_raster

    def refused(self, *arguments: object, out: str = "out/inventory.gpkg", bundle: object = None) -> str:
        (self.folder / "out").mkdir(exist_ok=True)
        result = run(*arguments, "--out", self.folder / out, "--bundle", bundle or self.bundle)
        assert result.exit_code == 2, result.output
        error = result.stderr.splitlines()[-1]
        assert error.startswith("Error: ")
        assert error.endswith(".")
        assert [p.name for p in (self.folder / "out").iterdir()] == []
        return error

    def good(self, **changes: object) -> Path:
        return self.write("good.tif", scene(), **{"names": RGB, **changes})

    def test_missing_file(self) -> None:
        assert "nosuch.tif does not exist" in self.refused(self.folder / "nosuch.tif")

    def test_not_a_raster(self) -> None:
        path = self.folder / "table.csv"
        path.write_text("a,b\n1,2\n")
        assert "is not a raster" in self.refused(path)

    def test_text_file_named_tif(self) -> None:
        path = self.folder / "text.tif"
        path.write_text("no pixels here")
        assert "is not a raster" in self.refused(path)

    def test_folder(self) -> None:
        assert "Error" in self.refused(self.folder)

    @pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
    def test_no_crs(self) -> None:
        assert "no coordinate reference system" in self.refused(self.good(crs=None))

    @pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
    def test_no_position(self) -> None:
        assert "no position" in self.refused(self.good(transform=Affine.identity()))

    def test_rotated(self) -> None:
        transform = Affine(10, 2, ORIGIN[0], 2, -10, ORIGIN[1])
        assert "rotated" in self.refused(self.good(transform=transform))

    def test_thirteen_bands_without_names(self) -> None:
        error = self.refused(self.write("s.tif", scene(bands=13)))
        assert "13 bands without names" in error
        assert "14" in error

    def test_missing_bands(self) -> None:
        error = self.refused(self.write("s.tif", scene(bands=2), names=("B4", "B3")))
        assert "lacks B2" in error
        assert "needs B4, B3, B2" in error

    def test_unknown_band_name(self) -> None:
        assert "'B99' is unknown" in self.refused("--band", f"B99={self.good()}")

    def test_dem_that_does_not_overlap(self) -> None:
        far = self.write("dem.tif", dem(), transform=Affine(10, 0, 700_000, 0, -10, 3_500_000))
        assert "no elevation where the scene lies" in self.refused(self.good(), "--dem", far)

    def test_dem_of_another_continent(self) -> None:
        far = self.write("dem.tif", dem(), crs="EPSG:4326", transform=Affine(1e-3, 0, -70, 0, -1e-3, -30))
        assert "DEM" in self.refused(self.good(), "--dem", far)

    def test_dem_all_nodata(self) -> None:
        empty = self.write("dem.tif", np.full((260, 320), -32768, np.int16), nodata=-32768)
        assert "nothing but nodata" in self.refused(self.good(), "--dem", empty)

    def test_missing_dem(self) -> None:
        assert "DEM" in self.refused(self.good(), "--dem", self.folder / "nosuch.tif")

    def test_band_of_another_size(self) -> None:
        red, green, blue = scene()
        files = {"B4": red, "B3": green, "B2": blue[:-20]}
        options = [x for n, v in files.items() for x in ("--band", f"{n}={self.write(f'{n}.tif', v)}")]
        error = self.refused(*options)
        assert "180 × 260" in error
        assert "200 × 260" in error

    def test_all_nodata(self) -> None:
        assert "no valid pixel" in self.refused(self.write("s.tif", scene() * 0, names=RGB, nodata=0))

    def test_all_nan(self) -> None:
        empty = np.full((3, 150, 150), np.nan, np.float32)
        assert "no valid pixel" in self.refused(self.write("s.tif", empty, names=RGB))

    def test_truncated(self) -> None:
        noise = np.random.default_rng(0).integers(1, 9999, (3, 400, 400)).astype(np.uint16)
        path = self.write("s.tif", noise, names=RGB)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert "truncated" in self.refused(path)

    def test_truncated_with_units_given(self) -> None:
        noise = np.random.default_rng(0).integers(1, 9999, (3, 400, 400)).astype(np.uint16)
        path = self.folder / "cog.tif"  # its header comes first, so it opens
        rasterio.shutil.copy(self.write("s.tif", noise, names=RGB), path, driver="COG")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert "cannot be read to its end" in self.refused(path, "--units", "dn")

    def test_output_folder_missing(self) -> None:
        assert "does not exist" in self.refused(self.good(), out="nowhere/inventory.gpkg")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_output_folder_read_only(self) -> None:
        (self.folder / "locked").mkdir(mode=0o555)
        assert "cannot be written" in self.refused(self.good(), out="locked/inventory.gpkg")

    @pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a file system that nobody may write to")
    def test_output_on_a_file_system_without_writing(self) -> None:
        (self.folder / "out").mkdir()
        result = run(self.good(), "--out", "/proc/inventory.gpkg", "--bundle", self.bundle)
        assert result.exit_code == 2
        assert "cannot be written to" in result.stderr

    def test_unknown_suffix(self) -> None:
        assert "'.kml'" in self.refused(self.good(), out="out/inventory.kml")

    def test_unknown_bundle(self) -> None:
        assert "no bundle 'nosuch'" in self.refused(self.good(), bundle="nosuch")

    def test_bundle_with_a_wrong_hash(self) -> None:
        import shutil

        copy = Path(shutil.copytree(self.bundle, self.folder / "altered"))
        (copy / "linear.onnx").write_bytes((copy / "linear.onnx").read_bytes() + b"\0")
        assert "SHA-256" in self.refused(self.good(), bundle=copy)

    def test_cuda_without_a_gpu(self) -> None:
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime may have a GPU")
        assert "cuda was asked for" in self.refused(self.good(), "--device", "cuda")

    def test_values_without_light(self) -> None:
        negative = np.full((3, 150, 150), -5, np.float32)
        assert "Error" in self.refused(self.write("s.tif", negative, names=RGB))

    def test_a_failed_write_leaves_no_output_and_loses_no_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*arguments: object, **options: object) -> None:
            raise OSError(28, "No space left on device")

        scene_file, out = self.good(), self.folder / "inventory.gpkg"
        with monkeypatch.context() as patch:
            patch.setattr(pyogrio, "write_dataframe", full)
            result = run(scene_file, "--out", out, "--bundle", self.bundle)
        assert result.exit_code == 2
        assert "No space left on device" in result.stderr
        assert not list(self.folder.glob("[!.]*.gpkg*"))
        monkeypatch.setattr(
            LoadedBundle, "predict_with_spread", lambda *arguments: pytest.fail("the work was repeated")
        )
        again = run(scene_file, "--out", out, "--bundle", self.bundle, "--resume")
        assert again.exit_code == 0, again.output
        assert len(gpd.read_file(out, layer="landslides")) == 3
        assert not list(self.folder.glob(".inventory*"))

    def test_scene_and_bands_together(self) -> None:
        result = run(self.good(), "--band", "B4=x.tif", "--out", self.folder / "i.gpkg")
        assert result.exit_code == 2
        assert "either SCENE or --band" in result.stderr


def test_nan_and_infinity_inside_are_left_out(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    values = scene().astype(np.float32)
    values[1, 100:110, 125:130] = np.nan
    values[2, 120:130, 125:130] = np.inf
    path = write_raster("s.tif", values, names=RGB)
    result = run(path, "--out", tmp_path / "i.gpkg", "--probability", tmp_path / "p.tif", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert np.isnan(dataset.read(1)).sum() == 100
    found = gpd.read_file(tmp_path / "i.gpkg", layer="landslides")
    assert found.touches_edge.tolist() == [True, False, True]


def test_a_labelled_patch_through_the_command(labelled_patches, write_raster, tmp_path: Path) -> None:
    """A 14-band patch as a GeoTIFF with an assumed origin, with the embedded bundle."""
    dn, masks = labelled_patches
    index = masks.sum(axis=(1, 2)).argmax()
    path = write_raster("patch.tif", dn[index], names=BANDS)
    result = run(path, "--out", tmp_path / "i.gpkg")
    assert result.exit_code == 0, result.output
    found = gpd.read_file(tmp_path / "i.gpkg", layer="landslides")
    drawn = rasterize(found.geometry, (128, 128), transform=Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1])) > 0
    truth = masks[index]
    assert 2 * (drawn & truth).sum() / (drawn.sum() + truth.sum()) > 0.5
    assert found.slope_mean_deg.between(1, 60).all()


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    """A patch of Landslide4Sense: the upper left of the scene, on a slope to the south."""
    import h5py

    raw = np.full((14, 128, 128), 500.0)
    raw[3] = scene()[0, :128, :128]
    raw[12], raw[13] = np.degrees(np.arctan(0.5)), dem(128, 128)
    path = tmp_path / "image_12.h5"
    with h5py.File(path, "w") as file:
        file["img"] = (raw / scale_of(BANDS)[:, None, None]).transpose(1, 2, 0)
    return path


def test_a_patch_lies_nowhere_unless_the_user_says_so(patch: Path, red_bundle: Path, tmp_path: Path) -> None:
    for suffix in (".gpkg", ".geojson", ".fgb", ".parquet", ".shp"):
        result = run(patch, "--out", tmp_path / f"a{suffix}", "--bundle", red_bundle)
        assert result.exit_code == 2
        assert "image_12 has no coordinates, so an inventory of it lies nowhere" in result.stderr
        assert "--patch" in result.stderr
    result = run(patch, "--patch", "--out", tmp_path / "a.geojson", "--bundle", red_bundle)
    assert result.exit_code == 2
    assert "RFC 7946" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image_12.h5"]


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet", ".shp"])
def test_a_patch_is_mapped_in_metres_from_its_corner(patch, red_bundle, tmp_path, suffix) -> None:
    out, probability = tmp_path / f"patch{suffix}", tmp_path / "p.tif"
    result = run(patch, "--patch", "--out", out, "--probability", probability, "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    assert "Note: a patch has no coordinates" in result.stderr
    assert "local coordinates (no CRS), the scene's own" in result.stderr
    assert "Terrain: the scene's own DEM and slope band [read from the names" in result.stderr
    found = gpd.read_parquet(out) if suffix == ".parquet" else gpd.read_file(out, layer=0)
    assert found.crs.is_engineering
    drawn = rasterize(found.geometry, (128, 128), transform=Affine(10, 0, 0, 0, -10, 0))
    np.testing.assert_array_equal(drawn > 0, scene()[0, :128, :128] > 1000)
    np.testing.assert_allclose(found.area_m2, found.area)
    slope = found["slope_mean" if suffix == ".shp" else "slope_mean_deg"]
    np.testing.assert_allclose(slope, np.degrees(np.arctan(0.5)), rtol=1e-5)
    with rasterio.open(probability) as dataset:
        assert dataset.crs == LOCAL
        assert dataset.transform == Affine(10, 0, 0, 0, -10, 0)
        np.testing.assert_array_equal(dataset.read(1) >= 0.5, drawn > 0)
    if suffix == ".gpkg":
        with closing(sqlite3.connect(out)) as database:
            for table in ("gpkg_geometry_columns", "gpkg_contents WHERE data_type = 'features'"):
                assert database.execute(f"SELECT srs_id FROM {table}").fetchall() == [(-1,)]
        facts = json.loads(pyogrio.read_info(out, layer="landslides")["layer_metadata"]["l4s"])
        assert facts["bands"]["B4"] == f"{patch}#4"
        assert facts["crs"] == "local coordinates (no CRS)"
        mapped = run(patch, "--patch", "--out", tmp_path / "masked.gpkg", "--mask", out, "--bundle", red_bundle)
        assert mapped.exit_code == 0, mapped.output  # an inventory of a patch is a mask for it
        assert mapped.stderr.splitlines()[-1].startswith("0 landslides")


def test_a_scene_with_coordinates_is_mapped_there_whether_or_not_patches_may_be(files, red_bundle, tmp_path) -> None:
    result = run(files[0], "--patch", "--out", tmp_path / "a.gpkg", "--bundle", red_bundle)
    assert result.exit_code == 0, result.output
    assert gpd.read_file(tmp_path / "a.gpkg", layer=0).crs == UTM


def test_info_and_resume_know_patches(patch: Path, red_bundle: Path, tmp_path: Path, monkeypatch) -> None:
    from l4s_geo.cli.main import main as l4s

    result = CliRunner().invoke(l4s, ["info", str(patch)])
    assert result.exit_code == 0, result.output
    assert "Scene: image_12, bands B1 B2" in result.output
    assert "Units:   L4S units (raw / M) [read from the metadata]" in result.output
    assert "seem to" not in result.output
    out = tmp_path / "a.gpkg"
    with monkeypatch.context() as broken:
        broken.setattr(pyogrio, "write_dataframe", lambda *a, **k: (_ for _ in ()).throw(OSError("No space left")))
        assert run(patch, "--patch", "--out", out, "--bundle", red_bundle).exit_code == 2
    result = run(patch, "--patch", "--out", out, "--bundle", red_bundle, "--resume")
    assert result.exit_code == 0, result.output
    assert "Resuming" in result.stderr
    assert len(gpd.read_file(out, layer=0)) == 2

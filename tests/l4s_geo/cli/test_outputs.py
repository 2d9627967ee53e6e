"""Outputs that a command refuses before it works, and runs that meet at one output."""

from __future__ import annotations

import builtins
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner, Result

from l4s_geo.bands import RGB
from l4s_geo.bundles.item import write_bundle
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.cli.console import Console
from l4s_geo.cli.main import main
from l4s_geo.errors import BundleError, DeviceError, OutputError
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.output.claim import claimed
from l4s_geo.output.staging import check_name
from l4s_geo.pipeline import map_scene
from safe_products import build_safe, make_site
from support import ORIGIN, UTM


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(main, [command, *map(str, arguments)])


@pytest.fixture
def scene(write_raster) -> Path:
    dn = np.random.default_rng(5).integers(480, 520, (3, 300, 260)).astype(np.uint16)
    dn[0, 40:60, 50:90] = 3000
    return write_raster("scene.tif", dn, names=RGB)


@pytest.fixture
def no_network(monkeypatch) -> None:
    """Let a test fail if the networks run, since what it tests is to be told before."""
    monkeypatch.setattr(LoadedBundle, "predict_with_spread", lambda *_: pytest.fail("the networks ran"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("Error"))
    for word in words:
        assert word in line


@pytest.mark.usefixtures("no_network")
class TestInputs:
    """An output that is an input is refused, whatever either is called."""

    @pytest.mark.parametrize("option", ["--probability", "--spread"])
    def test_a_raster_over_the_scene(self, scene: Path, red_bundle: Path, tmp_path: Path, option: str) -> None:
        (tmp_path / "soft.tif").symlink_to(scene)
        (tmp_path / "hard.tif").hardlink_to(scene)
        (tmp_path / "folder").symlink_to(tmp_path)
        before = contents(tmp_path)
        for name in ("scene.tif", "soft.tif", "hard.tif", "folder/scene.tif", f"../{tmp_path.name}/scene.tif"):
            given = ("--out", tmp_path / "i.gpkg", option, tmp_path / name, "--bundle", red_bundle, "--tta", "flips")
            refused(run("map", scene, *given), "is the scene that the run reads")
        assert contents(tmp_path) == before

    def test_a_stack_over_the_scene(self, scene: Path, tmp_path: Path) -> None:
        before = contents(tmp_path)
        refused(run("stack", scene, "--out", scene), "is the scene that the run reads")
        assert contents(tmp_path) == before

    def test_over_a_file_of_a_virtual_raster_in_a_virtual_raster(self, scene: Path, red_bundle: Path, tmp_path) -> None:
        inner, outer = tmp_path / "inner.vrt", tmp_path / "outer.vrt"
        for vrt, source in ((inner, scene), (outer, inner)):
            bands = "".join(
                f'<VRTRasterBand dataType="UInt16" band="{n}"><Description>{name}</Description><SimpleSource>'
                f'<SourceFilename relativeToVRT="1">{source.name}</SourceFilename><SourceBand>{n}</SourceBand>'
                "</SimpleSource></VRTRasterBand>"
                for n, name in enumerate(RGB, 1)
            )
            with rasterio.open(scene) as dataset:
                place = ", ".join(map(str, dataset.transform.to_gdal()))
            vrt.write_text(
                f'<VRTDataset rasterXSize="260" rasterYSize="300"><SRS>{UTM}</SRS><GeoTransform>{place}</GeoTransform>'
                f"{bands}</VRTDataset>"
            )
        given = ("--out", tmp_path / "i.gpkg", "--bundle", red_bundle, "--probability", scene)
        refused(run("map", outer, *given), "is the scene that the run reads", "scene.tif")

    def test_over_the_dem_and_the_mask(self, scene: Path, write_raster, red_bundle: Path, tmp_path: Path) -> None:
        dem = write_raster("dem.tif", np.full((300, 260), 500, np.float32))
        mask = write_raster("mask.tif", np.zeros((300, 260), np.uint8))
        given = ("--dem", dem, "--mask", mask, "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
        refused(run("map", scene, *given, "--probability", dem), "is the DEM that the run reads")
        refused(run("map", scene, *given, "--probability", mask), "is the mask that the run reads")

    @pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
    def test_an_inventory_over_its_area_of_interest(self, scene, red_bundle, tmp_path: Path, suffix: str) -> None:
        area = tmp_path / f"area{suffix}"
        box = shapely.box(ORIGIN[0], ORIGIN[1] - 2000, ORIGIN[0] + 2000, ORIGIN[1])
        gpd.GeoDataFrame(geometry=[box], crs=UTM).to_file(
            area, **({"layer": "landslides"} if suffix == ".gpkg" else {})
        )
        before = contents(tmp_path)
        for given in (area, f"{area}|layername=landslides" if suffix == ".gpkg" else area):
            result = run("map", scene, "--aoi", given, "--out", area, "--bundle", red_bundle)
            refused(result, "is the area of interest that the run reads")
        assert contents(tmp_path) == before

    def test_parts_of_a_shapefile_that_is_read(self, scene: Path, red_bundle: Path, tmp_path: Path) -> None:
        """The area is named by its .dbf's sibling only."""
        area = tmp_path / "area.shp"
        box = shapely.box(ORIGIN[0], ORIGIN[1] - 2000, ORIGIN[0] + 2000, ORIGIN[1])
        gpd.GeoDataFrame(geometry=[box], crs=UTM).to_file(area)
        other = tmp_path / "other.shp"
        for part in (".shp", ".dbf", ".shx"):
            other.with_suffix(part).symlink_to(area.with_suffix(part))
        result = run("map", scene, "--aoi", area, "--out", other, "--bundle", red_bundle)
        refused(result, "is the area of interest that the run reads")

    def test_inside_a_product(self, red_bundle: Path, tmp_path: Path) -> None:
        site = make_site()
        product = build_safe(site, tmp_path / "products")
        folder = Path(getattr(product, "folder", product))
        before = contents(tmp_path)
        refused(run("map", folder, "--out", folder / "i.gpkg", "--bundle", red_bundle), "would lie inside the scene")
        refused(run("stack", folder, "--out", folder / "GRANULE" / "s.tif"), "would lie inside the scene")
        assert contents(tmp_path) == before

    def test_over_the_bundle(self, scene: Path, red_bundle: Path, tmp_path: Path) -> None:
        packed = Path(shutil.make_archive(str(tmp_path / "red"), "zip", red_bundle))
        (tmp_path / "i.gpkg").symlink_to(packed)
        before = packed.read_bytes()
        refused(run("map", scene, "--out", tmp_path / "i.gpkg", "--bundle", packed), "is the bundle that the run reads")
        assert packed.read_bytes() == before

    @pytest.mark.parametrize("option", ["inventory", "--reference", "--area", "--doubtful"])
    def test_a_comparison_over_what_is_compared(self, tmp_path: Path, option: str) -> None:
        box = shapely.box(ORIGIN[0], ORIGIN[1] - 2000, ORIGIN[0] + 2000, ORIGIN[1])
        for name in ("i", "--reference", "--area", "--doubtful"):
            gpd.GeoDataFrame(geometry=[box], crs=UTM).to_file(tmp_path / f"{name}.gpkg", layer="landslides")
        (tmp_path / "link.gpkg").symlink_to(tmp_path / ("i.gpkg" if option == "inventory" else f"{option}.gpkg"))
        before = contents(tmp_path)
        given = [part for name in ("--reference", "--area", "--doubtful") for part in (name, tmp_path / f"{name}.gpkg")]
        result = run("evaluate", tmp_path / "i.gpkg", *given, "--out", tmp_path / "link.gpkg")
        refused(result, f"is the {option.removeprefix('--')} that the run reads")
        assert contents(tmp_path) == before

    def test_one_output_over_another(self, scene: Path, red_bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "q.tif").symlink_to(tmp_path / "p.tif")
        given = ("--out", tmp_path / "i.gpkg", "--bundle", red_bundle, "--tta", "flips", "--spread", tmp_path / "q.tif")
        refused(run("map", scene, *given, "--probability", tmp_path / "p.tif"), "Two outputs have the name")

    def test_a_style_of_somebodys_own(self, scene: Path, red_bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "i.qml").write_text("mine")
        refused(run("map", scene, "--out", tmp_path / "i.geojson", "--bundle", red_bundle), "The style", "i.qml")
        assert (tmp_path / "i.qml").read_text() == "mine"


def test_a_folder_of_band_files_may_hold_the_inventory(scene: Path, write_raster, red_bundle: Path, tmp_path) -> None:
    """But not in place of a band file."""
    with rasterio.open(scene) as dataset:
        for name, values in zip(RGB, dataset.read(), strict=True):
            write_raster(f"bands/{name}.tif", values)
    folder = tmp_path / "bands"
    given = ("--bundle", red_bundle, "--probability", folder / "B4.tif")
    refused(run("map", folder, "--out", folder / "i.gpkg", *given), "is the scene that the run reads")
    assert run("map", folder, "--out", folder / "i.gpkg", "--bundle", red_bundle).exit_code == 0


def test_the_result_goes_where_a_link_leads(scene: Path, red_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    link, place = tmp_path / "i.gpkg", tmp_path / "large disk" / "inventory.gpkg"
    link.symlink_to(place)
    assert run("map", scene, "--out", link, "--bundle", red_bundle).exit_code == 0
    assert link.is_symlink()
    assert [p.name for p in place.parent.iterdir()] == ["inventory.gpkg"]
    assert len(gpd.read_file(place, layer="landslides")) == 1


class TestTwoRuns:
    """Two runs with one output: one of them says so and stops."""

    COMMAND = (sys.executable, "-c", "from l4s_geo.cli.main import main; main()")

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.COMMAND, *map(str, arguments)], stderr=subprocess.PIPE, text=True)

    @pytest.mark.parametrize("command", ["map", "stack"])
    def test_at_once(self, scene: Path, red_bundle: Path, tmp_path: Path, command: str) -> None:
        folder = tmp_path / "out"
        folder.mkdir()
        out = folder / ("i.gpkg" if command == "map" else "s.tif")
        options = ("--bundle", red_bundle) if command == "map" else ()
        runs = [self.start(command, scene, "--out", out, *options) for _ in range(3)]
        ends = [(run.communicate()[1], run.returncode) for run in runs]
        assert 0 in [code for _, code in ends]
        assert all("is being written by another run (process" in said for said, code in ends if code)
        assert {code for _, code in ends} <= {0, 2}
        assert [p.name for p in folder.iterdir()] == [out.name]
        assert run(command, scene, "--out", out, *options).exit_code == 0  # the remedy

    def test_neither_result_nor_work_of_the_first_is_touched(self, scene: Path, red_bundle: Path, tmp_path) -> None:
        parts = tmp_path / ".i.gpkg.l4s-parts"
        parts.mkdir()
        (parts / "work").write_text("of the first")
        with claimed(tmp_path / "i.gpkg"):
            result = run("map", scene, "--out", tmp_path / "i.gpkg", "--bundle", red_bundle)
            refused(result, f"another run (process {os.getpid()})")
            given = ("--out", tmp_path / "j.gpkg", "--probability", tmp_path / "p.tif", "--bundle", red_bundle)
            assert run("map", scene, *given).exit_code == 0  # another name
        assert (parts / "work").read_text() == "of the first"


def test_a_geopackage_that_is_opened_while_the_networks_run(
    scene: Path, red_bundle: Path, tmp_path, monkeypatch
) -> None:
    """An hour of work is not lost: the result gets another name, and no work is left to go on from."""
    out, original = tmp_path / "i.gpkg", LoadedBundle.predict_with_spread
    assert run("map", scene, "--out", out, "--bundle", red_bundle).exit_code == 0
    with closing(sqlite3.connect(out, isolation_level=None)) as editing:

        def open_and_predict(self: LoadedBundle, *arguments: object) -> object:
            editing.execute("PRAGMA journal_mode=WAL").fetchall()
            editing.execute("SELECT * FROM landslides").fetchall()
            return original(self, *arguments)

        for module in ("geopackage", "siblings"):  # this process is not to be told
            monkeypatch.setattr(f"l4s_geo.output.{module}.writers", lambda *_: [])
        monkeypatch.setattr(LoadedBundle, "predict_with_spread", open_and_predict)
        result = run("map", scene, "--out", out, "--bundle", red_bundle)
        refused(result, "The result is complete and is kept in", "i-2.gpkg")
        editing.execute("DELETE FROM landslides")
    assert [len(gpd.read_file(path, layer="landslides")) for path in (out, tmp_path / "i-2.gpkg")] == [0, 1]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("no_network")
def test_a_crf_without_its_package_is_told_before_the_networks_run(scene: Path, red_bundle, tmp_path, monkeypatch):
    from dataclasses import replace

    from l4s_geo.bundles.bundle import Refinement
    from l4s_geo.crf.parameters import CRFParameters

    bundle = find_bundle(red_bundle)
    files = {member.file: bundle.network(member) for member in bundle.members}
    write_bundle(replace(bundle, crf=Refinement(CRFParameters(), 0.5, False)), files, tmp_path / "crf")
    original = builtins.__import__

    def without_numba(name: str, *arguments: object, **more: object) -> object:
        if name.split(".")[0] == "numba":
            raise ImportError("No module named 'numba'")
        return original(name, *arguments, **more)

    monkeypatch.delitem(sys.modules, "l4s_geo.crf.numba_backend", raising=False)
    monkeypatch.delattr("l4s_geo.crf.numba_backend", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_numba)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(DeviceError, match="The CRF needs numba"):
        map_scene(scene, bundle=tmp_path / "crf", crf="on", out=folder / "i.gpkg")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a" * 210 + ".gpkg", "has 215 bytes; expected 200 at most"),
        ("ü" * 120 + ".gpkg", "has 245 bytes; expected 200 at most"),
        ("a" * 300 + ".gpkg", "expected 200 at most"),
        ("a\nb.gpkg", "holds a line break"),
        ("a\udcff.gpkg", "is not UTF-8"),
        ("loop.gpkg", "leads nowhere"),
    ],
)
def test_names_that_cannot_be_written_are_refused(red_bundle: Path, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "loop.gpkg").symlink_to(tmp_path / "pool.gpkg")
    (tmp_path / "pool.gpkg").symlink_to(tmp_path / "loop.gpkg")
    with pytest.raises(OutputError, match=said):
        map_scene("scene.tif", out=tmp_path / name, bundle=red_bundle)
    with pytest.raises(OutputError, match=said):
        check_name(tmp_path / name, "stack")


@pytest.mark.parametrize("name", ["a" * 195 + ".gpkg", "-a.gpkg", "a b%20 %s é.gpkg"])
def test_names_that_are_odd_can_be_written(scene: Path, red_bundle: Path, tmp_path: Path, name: str) -> None:
    map_scene(scene, out=tmp_path / name, bundle=red_bundle, device="cpu")
    assert (tmp_path / name).exists()


def test_a_bundles_name_that_is_too_long_is_no_bundle() -> None:
    with pytest.raises(BundleError, match="There is no bundle 'aaa"):
        find_bundle("a" * 5000)


LISTING = [sys.executable, "-m", "l4s_geo.cli.main", "bundles", "list"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_printed_ends_in_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(LISTING, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: The disk is full")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_goes_away_hears_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(LISTING, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == ""


def test_a_closed_terminal_keeps_nobody_from_mapping(
    scene: Path, red_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with Console(quiet=False) as console:
        map_scene(scene, out=tmp_path / "a.gpkg", bundle=red_bundle, device="cpu", reporter=console)
    assert (tmp_path / "a.gpkg").exists()

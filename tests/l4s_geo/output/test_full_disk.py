"""Every output on disks of every size: it is whole, or there is an error and what stood there before.

Two kinds of full disk. A limit on the size of a file, which anybody may set, cuts each file that grows beyond it. A
small file system, which needs root, is full for all files together, and for blocks rather than bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.crs import CRS

from l4s_geo.bands import RGB
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.item import read_bundle
from l4s_geo.bundles.registry import add_bundle
from l4s_geo.errors import OutputError
from l4s_geo.grid import Grid
from l4s_geo.inventory.formats import FORMATS, write_inventory
from l4s_geo.inventory.table import DTYPES
from l4s_geo.output.claim import claimed
from l4s_geo.output.probability_raster import write_surface
from l4s_geo.output.staging import staged
from l4s_geo.pipeline import map_scene
from l4s_geo.progress import Silent
from l4s_geo.stack.open import Inputs
from l4s_geo.stack.write import write_stack
from support import TRANSFORM, UTM, largest_file, make_bundle, row_file

PROVENANCE = {"software": "l4s-geo 0.1.0"}
Write = Callable[[Path], None]
Read = Callable[[Path], object]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs root to mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def inventory(count: int = 60) -> gpd.GeoDataFrame:
    angles = np.linspace(0, 2 * np.pi, 40)
    shapes = [shapely.Polygon(np.c_[np.cos(angles), np.sin(angles)] * 40 + 100 * i) for i in range(count)]
    values = {name: np.arange(1, count + 1) for name in DTYPES}
    values |= {name: ["häng"] * count for name in ("scene", "bundle", "created", "confidence") if name in DTYPES}
    frame = gpd.GeoDataFrame(values, geometry=shapes, crs="EPSG:32645")
    return frame.astype({name: dtype for name, dtype in DTYPES.items() if dtype != "str"})


def write_format(path: Path) -> None:
    with staged(path) as (part,):
        write_inventory(inventory(), part, PROVENANCE)


def read_format(path: Path) -> object:
    frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path, layer=0, engine="pyogrio")
    beside = [path.with_name(path.name + ".provenance.json"), path.with_suffix(".qml")]
    return [g.wkb for g in frame.geometry], [p.read_text() for p in beside if p.exists()]


def read_raster(path: Path) -> object:
    with rasterio.open(path) as dataset:
        levels = [dataset.read().tobytes()]
        overviews = range(len(dataset.overviews(1)))
    for level in overviews:
        with rasterio.open(path, overview_level=level) as dataset:
            levels.append(dataset.read().tobytes())
    return levels, path.with_suffix(".qml").exists()


@pytest.fixture
def outputs(tmp_path: Path, write_raster, monkeypatch) -> dict[str, tuple[str, Write, Read]]:
    """Name, writer and reader of every kind of output."""
    values = np.random.default_rng(0).random((2, 300, 300)).astype(np.float32)
    layers, grid = row_file(values, tmp_path), Grid(CRS.from_user_input(UTM), TRANSFORM, 300, 300)
    scene = write_raster("scene.tif", (values[[0, 1, 0]] * 5000).astype(np.uint16), names=RGB)
    bundle = make_bundle(tmp_path / "source" / "red", ("B4", "B3", "B2"), "fixed")
    (bundle / "README.md").write_text("A card. " * 4000)

    def surface(kind: str) -> Write:
        def write(path: Path) -> None:
            with claimed(path), staged(path) as (part,):
                write_surface(layers, grid.whole, grid, part, PROVENANCE, kind)

        return write

    def add(path: Path) -> None:
        monkeypatch.setenv("L4S_BUNDLES", str(path.parent))
        add_bundle(bundle)

    def read(path: Path) -> tuple[Bundle, list[bytes], str]:
        found = read_bundle(path)
        return replace(found, location=Path()), [found.network(m) for m in found.members], found.card()

    formats = {suffix: (f"i{suffix}", write_format, read_format) for suffix in FORMATS}
    return formats | {
        "probability": ("p.tif", surface("probability"), read_raster),
        "spread": ("s.tif", surface("spread"), read_raster),
        "stack": ("stack.tif", lambda path: write_stack(Inputs(scene), path, reporter=Silent()), read_raster),
        "bundle": ("red", add, read),
    }


KINDS = (*FORMATS, "probability", "spread", "stack", "bundle")


def sizes_around(folder: Path) -> list[int]:
    """Sizes of files from nothing to what is more than enough, dense around where each file is just whole."""
    whole = {p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    steps = np.linspace(0, 2 * max(whole), 12).astype(int).tolist()
    return sorted({max(0, size) for size in steps} | {max(0, s + more) for s in whole for more in (-4096, -100, -1, 0)})


def check(path: Path, write: Write, read: Read, expected: object) -> bool:
    """Write; whether it is whole. Otherwise what stood there stands there, and nothing but what a run goes on from."""
    before = {p for p in path.parent.rglob("*") if p.is_file()}
    said = ""
    try:
        write(path)
    except OutputError as error:
        said = str(error)
    assert "\n" not in said
    assert read(path) == expected
    added = {p for p in path.parent.rglob("*") if p.is_file()} - before
    assert all(p.parent.name == f".{path.name}.l4s-parts" for p in added)
    assert not added or "--resume" in said
    shutil.rmtree(path.with_name(f".{path.name}.l4s-parts"), ignore_errors=True)
    return not said


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_may_not_grow(outputs, tmp_path: Path, kind: str) -> None:
    name, write, read = outputs[kind]
    path = tmp_path / "out" / name
    path.parent.mkdir()
    write(path)
    expected = read(path)
    sizes = sizes_around(path.parent)
    whole = []
    for size in sizes:
        with largest_file(size):
            whole.append(check(path, write, read, expected))
    assert not whole[0]
    scratch = 5 << 20  # what a raster is made from is larger than it
    with largest_file(max(*sizes, scratch)):
        assert check(path, write, read, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_is_nearly_full(outputs, small_disk: Path, kind: str) -> None:
    name, write, read = outputs[kind]
    path = small_disk / name
    write(path)
    expected = read(path)
    free = shutil.disk_usage(small_disk).free
    used = sum(p.stat().st_size for p in small_disk.rglob("*") if p.is_file())
    whole = []
    for room in np.linspace(0, min(free, 4 * used + 65536), 20).astype(int).tolist():
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(free - room))
        whole.append(check(path, write, read, expected))
        ballast.unlink()
    assert not whole[0]
    assert check(path, write, read, expected)


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".shp"])
def test_a_whole_run_on_a_disk_that_is_nearly_full(small_disk: Path, write_raster, red_bundle, suffix: str) -> None:
    """An inventory with a raster, and the work that a run goes on from, on one disk; the scene on another."""
    dn = np.random.default_rng(5).integers(480, 520, (3, 300, 260)).astype(np.uint16)
    dn[0, 40:60, 50:90] = 3000
    scene = write_raster("scene.tif", dn, names=RGB)
    out, probability = small_disk / f"i{suffix}", small_disk / "p.tif"
    write = partial(map_scene, scene, bundle=red_bundle, probability=probability)
    write(out=out)

    def read(path: Path) -> object:
        columns = gpd.read_file(path, layer=0, engine="pyogrio").drop(columns="created").to_json()
        return columns, read_raster(probability)

    expected = read(out)
    free = shutil.disk_usage(small_disk).free
    whole = []
    for room in [0, 4096, 65536, *np.linspace(2**17, 5 << 20, 9).astype(int).tolist()]:
        (small_disk / "ballast").write_bytes(bytes(free - room))
        whole.append(check(out, lambda path: write(out=path), read, expected))
        (small_disk / "ballast").unlink()
    assert not whole[0]
    assert whole[-1]

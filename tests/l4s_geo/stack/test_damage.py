"""Damaged files and lying hosts end in a sentence, never in the death of the process; each case runs in its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from loopback import Server
from support import TRANSFORM, UTM

SIDE = 1024
BANDS = ("B2", "B3", "B4", "B8", "B11", "B12")
READ = """
import sys
from l4s_geo.errors import L4SError
from l4s_geo.sources import http
from l4s_geo.stack.open import Inputs, open_stack
from loopback import QUICK
http.HTTP = QUICK
bands = dict(pair.split("=", 1) for pair in sys.argv[1].split("|"))
dem, mask = sys.argv[2:]
try:
    with open_stack(Inputs(bands, dem=dem, mask=mask, units="dn")) as stack:
        for strip in stack.grid.rows(256):
            stack.read([*bands, "slope", "DEM"], strip)
    print("read")
except L4SError as error:
    print("Error:", error)
"""


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six bands as GeoTIFF and as JPEG 2000, a DEM and a mask."""
    folder = tmp_path_factory.mktemp("originals")
    rng = np.random.default_rng(0)
    tiles = {"tiled": True, "blockxsize": 128, "blockysize": 128}
    lossless = {"driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES"}

    def write(name: str, values: np.ndarray, **options: object) -> None:
        size = {"count": 1, "height": SIDE, "width": SIDE, "dtype": values.dtype}
        with rasterio.open(folder / name, "w", crs=UTM, transform=TRANSFORM, **size, **options) as dataset:
            dataset.write(values, 1)
        if name.startswith("B") and name.endswith(".tif"):
            # The sample that tells the units reads these, so that damage is met only later.
            with rasterio.open(folder / name, "r+") as dataset:
                dataset.build_overviews([2, 4])

    for band in BANDS:
        values = rng.integers(300, 420, (SIDE, SIDE)).astype(np.uint16)
        write(f"{band}.tif", values, driver="GTiff", compress="deflate", **tiles)
        write(f"{band}.jp2", values, **lossless, blockxsize=128, blockysize=128)
    rows, _ = np.mgrid[:SIDE, :SIDE]
    write("dem.tif", (4000 - 5.0 * rows).astype(np.float32), driver="GTiff", compress="lzw", **tiles)
    write("mask.tif", (rows > SIDE - 8).astype(np.uint8), driver="GTiff", compress="deflate", **tiles)
    return folder


def read(folder: Path | str, suffix: str, count: int = len(BANDS)) -> subprocess.CompletedProcess[str]:
    """Read all files of a folder, or under an address, as a stack: in a process of its own."""
    bands = "|".join(f"{band}={folder}/{band}{suffix}" for band in BANDS[:count])
    tests = str(Path(__file__).parents[2])
    environment = {**os.environ, "no_proxy": "127.0.0.1", "PYTHONPATH": tests}
    command = [sys.executable, "-c", READ, bands, f"{folder}/dem.tif", f"{folder}/mask.tif"]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def overwrite(path: Path, share: float, count: int, byte: int) -> None:
    """Overwrite bytes of a file from a place on that is a share of its length."""
    content = bytearray(path.read_bytes())
    start = int(share * len(content))
    content[start : start + count] = bytes([byte]) * min(count, len(content) - start)
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
@pytest.mark.parametrize(("share", "count", "byte"), [(0.5, 60_000, 0), (0.05, 4000, 255), (0.9, 4000, 0)])
def test_damage_within_several_files_is_a_sentence(originals, tmp_path, suffix, share, count, byte):
    folder = shutil.copytree(originals, tmp_path / "files")
    for band in BANDS[1::2]:
        overwrite(folder / f"{band}{suffix}", share, count, byte)
    done = read(folder, suffix)
    assert done.returncode == 0, done.stderr
    # JPEG 2000 has no checksums: what was overwritten may decode to something.
    assert "cannot be read to its end" in done.stdout or (
        suffix == ".jp2" and done.stdout.startswith(("read", "Error:"))
    )


def test_one_damaged_file_among_slow_ones_is_waited_for(originals, tmp_path):
    """The threads that decode the others are still at it when the damage of the first is found."""
    folder = shutil.copytree(originals, tmp_path / "files")
    damaged = folder / "B2.tif"
    overwrite(damaged, 0.3, 40_000, 0)
    for band in BANDS[1:]:
        (folder / f"{band}.tif").unlink()
        (folder / f"{band}.jp2").rename(folder / f"{band}.tif")
    for _ in range(3):
        done = read(folder, ".tif")
        assert done.returncode == 0, done.stderr
        assert f"{damaged} cannot be read to its end" in done.stdout


@pytest.mark.parametrize("name", ["dem.tif", "mask.tif"])
@pytest.mark.parametrize("share", [0.002, 0.3, 0.6, 0.98])
def test_damage_in_what_lies_beside_a_scene_is_a_sentence(originals, tmp_path, name, share):
    folder = shutil.copytree(originals, tmp_path / "files")
    overwrite(folder / name, share, 3000, 0)
    done = read(folder, ".tif", count=3)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("Error: ", "read"))
    assert name in done.stdout or done.stdout.startswith("read")


@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
@pytest.mark.parametrize("fault", ["zeros", "wrong range", "lying range", "long", "cut"])
def test_a_host_that_lies_is_a_sentence(originals, server: Server, tmp_path, suffix, fault):
    for path in originals.iterdir():
        shutil.copy(path, tmp_path)
    for band in BANDS[:4]:
        server.faults[f"{band}{suffix}"] = (fault, 10**6)
    done = read(server.url, suffix, count=4)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("Error: ", "read"))
    if fault == "cut" or (suffix == ".tif" and fault in ("zeros", "wrong range")):
        assert done.stdout.startswith("Error: "), done.stdout


@pytest.mark.parametrize("name", ["B3.tif", "dem.tif", "mask.tif"])
def test_a_host_that_drips_is_given_up(originals, server: Server, tmp_path, name):
    for path in originals.iterdir():
        shutil.copy(path, tmp_path)
    server.faults[name] = ("drip", 10**6)
    done = read(server.url, ".tif", count=3)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Error: "), done.stdout
    assert name in done.stdout

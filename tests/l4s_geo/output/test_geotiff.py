"""Files that GDAL cannot write to their end, as on a full disk, are errors, wherever they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from l4s_geo.grid import Grid
from l4s_geo.output.cog import write_cog
from l4s_geo.output.geotiff import check_whole, create

GRID = Grid(CRS.from_epsg(32645), from_origin(3e5, 3.1e6, 10, 10), 700, 600)
TILES = {"tiled": True, "blockxsize": 256, "blockysize": 256, "nodata": np.nan}
PLAIN = dict(TILES)
PACKED = {**TILES, "compress": "ZSTD", "num_threads": "ALL_CPUS"}
ROWS = {"blockysize": 16, "sparse_ok": True}


def values() -> np.ndarray:
    return np.random.default_rng(0).random((2, *GRID.shape), np.float32)


def write(path: Path, **options: object) -> None:
    with create(path, GRID, "float32", count=2, **options) as dataset:
        dataset.write(values())


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let the system refuse to write beyond a size."""
    resource = pytest.importorskip("resource", reason="this system has no limits of files' sizes")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def ends(path: Path) -> list[int]:
    """Sizes at which a file can end too early: in its header, in its blocks, and close to its end."""
    whole = path.stat().st_size
    return [5, 100, 3000, whole // 3, whole - 300_000, whole - 9000, whole - 700, whole - 60, whole - 1]


@pytest.mark.parametrize("options", [PLAIN, PACKED, ROWS], ids=["plain", "packed", "rows"])
def test_a_raster_is_whole_or_an_error(tmp_path, options):
    path = tmp_path / "a.tif"
    write(path, **options)
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), values())
        assert dataset.transform == GRID.transform
    for size in ends(path):
        path.unlink(missing_ok=True)
        with files_end_at(size), pytest.raises(OSError, match=r"."):
            write(path, **options)


def test_a_cog_is_whole_or_an_error(tmp_path):
    source, path = tmp_path / "a.tif", tmp_path / "cog.tif"
    write(source, **PLAIN)
    write_cog(source, path, compress="DEFLATE", level=1)
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), values())
        assert dataset.overviews(1) == [2]
    for size in ends(path):
        path.unlink(missing_ok=True)
        with files_end_at(size), pytest.raises(OSError, match=r"."):
            write_cog(source, path, compress="DEFLATE", level=1)


def test_a_block_that_is_missing_is_found(tmp_path):
    path = tmp_path / "a.tif"
    with create(path, GRID, "float32", sparse_ok=True, **TILES) as dataset:
        dataset.write(values()[0, :256], 1, window=((0, 256), (0, 600)))
    check_whole(path, sparse=True)
    with pytest.raises(OSError, match=r"could not write a\.tif to its end"):
        check_whole(path)


def test_an_overview_that_is_cut_off_is_found(tmp_path):
    source, path = tmp_path / "a.tif", tmp_path / "cog.tif"
    write(source, **PLAIN)
    write_cog(source, path, blocksize=256, overview_count=1)
    check_whole(path)
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.build_overviews([4])  # goes to the end
    check_whole(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 5000)
    with pytest.raises(OSError, match=r"could not write cog\.tif to its end"):
        check_whole(path)

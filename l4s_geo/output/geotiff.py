"""GeoTIFFs that are on disk as a whole, or else an error.

GDAL does not tell rasterio what goes wrong while it closes a file, as when the disk is full for the last blocks and the
directory. So each file is looked at again: it must open, and hold every block.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioError

from l4s_geo.grid import Grid

__all__ = ["check_whole", "create"]


@contextmanager
def create(path: Path, grid: Grid, dtype: str, count: int = 1, **options: Any) -> Iterator[Any]:
    """Open a GeoTIFF on a grid for writing.

    Args:
        path: where to write.
        grid: its grid.
        dtype: of its values.
        count: how many bands it has.
        options: of GDAL's GTiff driver, and `nodata`.

    Yields:
        The open dataset, a `rasterio.io.DatasetWriter`.

    Raises:
        OSError: it cannot be written, or not all of it.
    """
    size = {"count": count, "height": grid.height, "width": grid.width, "crs": grid.crs, "transform": grid.transform}
    try:
        with rasterio.open(path, "w", driver="GTiff", dtype=dtype, bigtiff="IF_SAFER", **size, **options) as dataset:
            yield dataset
    except RasterioError as error:
        raise OSError(str(error.__cause__ or error)) from error
    check_whole(path, sparse=options.get("sparse_ok", False))


def check_whole(path: Path, sparse: bool = False) -> None:
    """Check that a GeoTIFF that has been written holds all its blocks, those of its overviews too.

    Args:
        path: the file.
        sparse: whether blocks may be missing because there is nothing in them.

    Raises:
        OSError: the file does not open, or is shorter than it should be.
    """
    try:
        with rasterio.open(path) as dataset:
            levels = [{}, *({"overview_level": level} for level in range(len(dataset.overviews(1))))]
        places = [place for level in levels for place in _places(path, level)]
    except (RasterioError, SystemError) as error:  # the latter where GDAL fails without a reason
        raise OSError(f"GDAL could not write {path.name} to its end ({error})") from error
    size = path.stat().st_size
    if any(not sparse if place is None else place > size for place in places):
        raise OSError(f"GDAL could not write {path.name} to its end")


def _places(path: Path, level: dict[str, int]) -> Iterator[int | None]:
    """Yield where each block of one resolution ends in the file; None if it is not there."""
    with rasterio.open(path, **level) as dataset:
        for band, (rows, cols) in zip(dataset.indexes, dataset.block_shapes, strict=True):
            for col, row in product(range(-(-dataset.width // cols)), range(-(-dataset.height // rows))):
                offset, length = (
                    dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", dm="TIFF", bidx=band)
                    for what in ("OFFSET", "SIZE")
                )
                yield int(offset) + int(length) if offset and length else None

"""How fast a full tile is vectorised, and in how much memory.

    python benchmarks/bench_vectorize.py --size 10980

The mask is smooth noise cut off so that a tile of 10980 × 10980 pixels holds some ten thousand components. The memory
is that of the process less the mask it was given.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import shapely
from affine import Affine
from rasterio.crs import CRS
from scipy import ndimage

from l4s_geo.grid import Grid
from l4s_geo.inventory.attributes import geometry_attributes
from l4s_geo.inventory.vectorize import components, polygons
from measuring import measure, table


def blobs(size: int) -> np.ndarray:
    """A mask with about 250 components per million pixels."""
    block = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(1098, 1098)).astype(np.float32), 5)
    mask = block > np.quantile(block, 0.97)
    times = -(-size // len(mask))
    return np.tile(mask, (times, times))[:size, :size].copy()


def vectorise(size: int, connectivity: int) -> tuple[float, float, int, int]:
    """Vectorise a mask; return seconds, those for attributes, polygons and how many are invalid."""
    mask = blobs(size)
    grid = Grid(CRS.from_epsg(32645), Affine(10, 0, 3e5, 0, -10, 3.1e6), size, size)
    with TemporaryDirectory() as folder:
        started = perf_counter()
        found = components(lambda w: mask[w.slices], grid, Path(folder) / "labels.tif", 5, connectivity)
        shapes = polygons(found)
        traced = perf_counter() - started
        geometry_attributes(shapes)
    return traced, perf_counter() - started - traced, found.count, int((~shapely.is_valid(shapes)).sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10980)
    size = parser.parse_args().size
    empty = measure(blobs, 64)
    rows = []
    for connectivity in (4, 8):
        measured = measure(vectorise, size, connectivity)
        traced, attributes, count, invalid = measured.result
        peak = measured.peak_gib - empty.peak_gib - size**2 / 2**30
        rows.append((connectivity, count, invalid, traced, attributes, peak))
    print(f"{size} × {size} pixels")
    table(("connectivity", "polygons", "invalid", "vectorise, s", "geometry attributes, s", "peak memory, GiB"), rows)


if __name__ == "__main__":
    main()

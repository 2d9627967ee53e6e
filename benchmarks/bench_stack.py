"""How fast a full tile with a 12.5 m DEM is read and stacked, and in how much memory.

    python benchmarks/bench_stack.py --size 10980 --data ../shared/data

The tile repeats the sample scene, mirrored. It is written as a SAFE product (JPEG 2000, Level-1C, with the metadata of
a real product from --data), as a tiled and as a striped GeoTIFF. *Read* is `Stack.read_raw` over all bands in strips of
128 rows against rasterio alone over the same windows, files and threads, both in this run, in CPU seconds; *stack* is
`l4s stack`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from measuring import measure, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from l4s_geo.bands import SPECTRAL
from l4s_geo.grid import Window
from l4s_geo.progress import Silent
from l4s_geo.stack.open import Inputs, open_stack
from l4s_geo.stack.write import write_stack
from safe_products import Site, build_safe

SAMPLE = Path(__file__).parents[1] / "sample_scenes" / "valley.tif"
ORIGIN = (300_000.0, 3_100_020.0)
ROWS = 128
SIZES = {1: ("B2", "B3", "B4", "B8"), 2: ("B5", "B6", "B7", "B8A", "B11", "B12"), 6: ("B1", "B9", "B10")}


def repeated(array: np.ndarray, size: int) -> np.ndarray:
    """Repeat an image, mirrored, to (size, size)."""
    times = -(-size // array.shape[-1])
    return np.pad(array, (0, (times - 1) * array.shape[-1]), mode="symmetric")[:size, :size]


def bands(size: int) -> dict[str, np.ndarray]:
    """Bands of the tile, each at its own pixel size."""
    with rasterio.open(SAMPLE) as dataset:
        sample = dict(zip(dataset.descriptions, dataset.read(), strict=True))
    sample["B8A"] = sample["B8"]
    return {b: repeated(sample[b][::k, ::k], size // k) for k, names in SIZES.items() for b in names}


def write_geotiff(path: Path, tile: dict[str, np.ndarray], size: int, **options: object) -> Path:
    """Write all bands but B8A at 10 m."""
    profile = {"driver": "GTiff", "dtype": "uint16", "count": len(SPECTRAL), "height": size, "width": size}
    profile |= {"crs": "EPSG:32645", "transform": Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]), "bigtiff": "yes"}
    with rasterio.open(path, "w", **profile, **options) as dataset:
        for index, band in enumerate(SPECTRAL, start=1):
            k = size // tile[band].shape[0]
            dataset.write(np.repeat(np.repeat(tile[band], k, axis=0), k, axis=1), index)
            dataset.set_band_description(index, band)
    return path


def write_dem(path: Path, size: int) -> Path:
    """Write a DEM of 12.5 m around the tile."""
    with rasterio.open(SAMPLE) as dataset:
        elevation = dataset.read(14)
    pixels = int(size * 10 / 12.5) + 40
    profile = {"driver": "GTiff", "dtype": "int16", "count": 1, "height": pixels, "width": pixels, "tiled": True}
    transform = Affine(12.5, 0, ORIGIN[0] - 250, 0, -12.5, ORIGIN[1] + 250)
    with rasterio.open(path, "w", **profile, crs="EPSG:32645", transform=transform, compress="deflate") as dataset:
        dataset.write(repeated(elevation, pixels).astype(np.int16), 1)
    return path


def read_stack(scene: Path) -> None:
    """Read all bands through the stack, in strips."""
    with open_stack(Inputs(scene)) as stack:
        names = [b for b in SPECTRAL if b in stack.bands]
        for row in range(0, stack.grid.height, ROWS):
            stack.read_raw(names, Window(row, 0, min(ROWS, stack.grid.height - row), stack.grid.width))


def read_alone(scene: Path) -> None:
    """Read the same windows of the same files by rasterio alone, as many files at a time."""
    with open_stack(Inputs(scene)) as stack:
        refs, height = [stack.scene.bands[b] for b in SPECTRAL if b in stack.bands], stack.grid.height
        with ThreadPoolExecutor(8) as pool:
            paths = {ref.path: [r.index for r in refs if r.path == ref.path] for ref in refs}
            files = [(rasterio.open(path), indexes) for path, indexes in paths.items()]

            def read(file: tuple, row: int) -> None:
                dataset, indexes = file
                k = height // dataset.height
                top, bottom = row // k, -(-min(row + ROWS, height) // k)
                dataset.read(indexes, window=((top, bottom), (0, dataset.width)))

            for row in range(0, height, ROWS):
                list(pool.map(read, files, [row] * len(files)))
            for dataset, _ in files:
                dataset.close()


def stack(scene: Path, dem: Path, out: Path) -> int:
    """Run `l4s stack`; return the output's size."""
    write_stack(Inputs(scene, dem=dem), out, reporter=Silent())
    return out.stat().st_size


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10980, help="rows and columns of the tile, a multiple of 60")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    size = arguments.size
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tile = bands(size)
        dem = write_dem(folder / "dem.tif", size)
        site = Site("L1C", tile, 32645, *ORIGIN)
        scenes = {
            "SAFE, JPEG 2000": build_safe(arguments.data, site, folder, offset=-1000),
            "GeoTIFF, tiled, zstd": write_geotiff(folder / "tiled.tif", tile, size, tiled=True, compress="zstd"),
            "GeoTIFF, striped, deflate": write_geotiff(folder / "striped.tif", tile, size, compress="deflate"),
        }
        del tile, site
        rows = []
        for title, scene in scenes.items():
            alone, read = measure(read_alone, scene), measure(read_stack, scene)
            stacked = measure(stack, scene, dem, folder / "stack.tif")
            share = f"{alone.cpu_seconds / read.cpu_seconds:.0%}"
            gib = stacked.result / 2**30
            rows.append((title, alone.cpu_seconds, read.cpu_seconds, share, stacked.seconds, stacked.peak_gib, gib))
            print(rows[-1], file=sys.stderr, flush=True)
        print(f"{size} × {size} pixels, {len(SPECTRAL)} bands and terrain")
        read_columns = ("rasterio alone, CPU s", "read, CPU s", "of rasterio's speed")
        table(("scene", *read_columns, "l4s stack, s", "peak, GiB", "file, GiB"), rows)


if __name__ == "__main__":
    main()

"""What mapping costs beyond the networks: whole scenes against the same windows straight through ONNX Runtime.

    python tests/benchmarks/bench_map.py --sizes 2196 5490 10980

Scenes repeat the sample scene, mirrored: 14 bands, uint16, tiled, zstd. *Floor* is `session.run` on as many normalised
windows, in the same batches and with nothing else; *total* is `map_scene` with inventory and probability raster.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import rasterio
from affine import Affine

from l4s_geo import load_bundle, map_scene
from l4s_geo.bands import BANDS
from l4s_geo.grid import starts
from measuring import measure, table

SAMPLE = Path(__file__).parents[2] / "sample_scenes" / "valley.tif"
BATCH = 16


def write_scene(path: Path, size: int) -> Path:
    """Write a scene of (size, size) pixels."""
    with rasterio.open(SAMPLE) as dataset:
        sample = dataset.read()
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 14, "height": size, "width": size, "crs": "EPSG:32645"}
    profile |= {"transform": Affine(10, 0, 3e5, 0, -10, 3.1e6), "tiled": True, "compress": "zstd", "bigtiff": "yes"}
    times = -(-size // sample.shape[1])
    with rasterio.open(path, "w", interleave="band", **profile) as dataset:
        for index, band in enumerate(sample, start=1):
            tile = np.pad(band, (0, (times - 1) * band.shape[0]), mode="symmetric")
            dataset.write(tile[:size, :size], index)
            dataset.set_band_description(index, BANDS[index - 1])
    return path


def floor(bundle: str, count: int) -> float:
    """Run a network on windows that are ready; return seconds for `count` of them."""
    model = load_bundle(bundle, "cpu")
    (session, *_), side = model.sessions, model.bundle.window
    x = np.random.default_rng(0).normal(size=(BATCH, len(model.bands), side, side)).astype(np.float32)
    session.run(None, {session.get_inputs()[0].name: x})
    runs = min(-(-count // BATCH), 60)
    started = perf_counter()
    for _ in range(runs):
        session.run(None, {session.get_inputs()[0].name: x})
    return (perf_counter() - started) * count / (runs * BATCH)


def whole(scene: Path, folder: Path, bundle: str, overlap: int) -> int:
    """Map a scene; return the number of polygons."""
    found = map_scene(
        scene, bundle=bundle, overlap=overlap, out=folder / "i.gpkg", probability=folder / "p.tif", device="cpu"
    )
    return len(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2196, 5490])
    parser.add_argument("--overlaps", type=int, nargs="+", default=[32])
    parser.add_argument("--bundle", default="rgb")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in arguments.sizes:
            scene = write_scene(folder / f"{size}.tif", size)
            for overlap in arguments.overlaps:
                count = len(starts(size, 128, overlap)) ** 2
                least = measure(floor, arguments.bundle, count).result
                mapped = measure(whole, scene, folder, arguments.bundle, overlap)
                ratio = mapped.seconds / least
                rows.append((size, overlap, count, least, mapped.seconds, ratio, mapped.peak_gib, mapped.result))
            scene.unlink()
    header = ("pixels a side", "overlap", "windows", "floor, s", "total, s", "total / floor", "peak, GiB", "polygons")
    table(header, rows)


if __name__ == "__main__":
    main()

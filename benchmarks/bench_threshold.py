"""How long the polygons of a slider take: the worker's method "outlines", as QGIS's Threshold by eye asks for it.

    python benchmarks/bench_threshold.py              # the sample scene (512 × 512), and 2196 × 2196 simulated pixels
    python benchmarks/bench_threshold.py --raster p.tif

The simulated probabilities are smoothed noise, of which 2 % reach 0.5: about as many landslides as after a disaster.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import rasterio
from rasterio.transform import from_origin
from scipy import ndimage

from l4s_geo.review.outlines import outlines

REPOSITORY = Path(__file__).resolve().parents[1]
THRESHOLDS = (0.5, 0.4, 0.3, 0.35, 0.45, 0.55, 0.6, 0.7, 0.8, 0.25)


def main() -> None:
    """Measure, and print a line for each raster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raster", type=Path, help="a probability raster, in place of those that are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rasters = [options.raster] if options.raster else [sample(Path(folder)), simulated(Path(folder), 2196)]
        for path in rasters:
            print(measure(path.resolve()), flush=True)


def sample(folder: Path) -> Path:
    """Map the sample scene."""
    scenes, path = REPOSITORY / "sample_scenes", folder / "sample.tif"
    command = ["map", "-q", scenes / "valley.tif", "--out", folder / "sample.gpkg", "--probability", path]
    subprocess.run([sys.executable, "-m", "l4s_geo.cli.main", *map(str, command)], check=True)
    return path


def simulated(folder: Path, side: int) -> Path:
    """Make a raster of smoothed noise."""
    noise = ndimage.gaussian_filter(np.random.default_rng(23).standard_normal((side, side)), 4)
    cut = np.quantile(noise, 0.98)
    probability = (1 / (1 + np.exp(-6 * (noise - cut) / noise.std()))).astype(np.float32)
    path = folder / "simulated.tif"
    layout = {"driver": "COG", "compress": "DEFLATE", "count": 1, "dtype": "float32", "height": side, "width": side}
    with rasterio.open(path, "w", crs="EPSG:32645", transform=from_origin(420000, 3090000, 10, 10), **layout) as file:
        file.write(probability, 1)
    return path


def measure(path: Path) -> str:
    """Move the slider on a raster that is seen as a whole."""
    with rasterio.open(path) as dataset:
        extent, shape = list(dataset.bounds), dataset.shape
    command = [sys.executable, "-I", "-m", "l4s_geo.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        took, counts = [], []
        for number, threshold in enumerate(THRESHOLDS):
            params = {"probability": str(path), "extent": extent, "threshold": threshold}
            began = perf_counter()
            line = json.dumps({"id": number, "method": "outlines", "params": params})
            worker.stdin.write(line.encode() + b"\n")
            worker.stdin.flush()
            answer = next(m for m in map(json.loads, worker.stdout) if m["type"] in ("result", "error"))
            took.append(perf_counter() - began)
            counts.append(len(answer["result"]["polygons"]))
        worker.stdin.close()
    moves, worked = sorted(took[1:]), processor(path, extent)
    return (
        f"{path.name}, {shape[0]} × {shape[1]} pixels, {min(counts)} to {max(counts)} polygons: first {took[0]:.2f} s "
        f"(with the start of the engine), then {moves[len(moves) // 2]:.2f} s, at most {moves[-1]:.2f} s; "
        f"of the processor's time {worked:.2f} s"
    )


def processor(path: Path, extent: list[float]) -> float:
    """Return the processor time of a move, seconds: what a move takes where nothing else runs."""
    outlines(path, extent=extent, threshold=THRESHOLDS[0])
    times = []
    for threshold in THRESHOLDS[1:]:
        began = process_time()
        outlines(path, extent=extent, threshold=threshold)
        times.append(process_time() - began)
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main()

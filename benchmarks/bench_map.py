"""What mapping costs beyond the networks: whole scenes against the same windows straight through ONNX Runtime.

    python benchmarks/bench_map.py --sizes 2196 5490 10980 --overlaps 0 32 64 --json map.json

Scenes repeat the sample scene, mirrored: 14 bands, uint16, tiled, zstd. *Floor* is `session.run` on as many normalised
windows and nothing else, in batches of 16 and with ONNX Runtime's own settings; *side by side* is the same in small
batches, one to a core, as the mapper runs them. Both are the mean of a turn before the mapping and one after it, since
the speed of a machine drifts. *Total* is `map_scene` with inventory and probability raster. The stages are those that
the run itself states; reading, networks and writing rows overlap, so they may add up to more than the total.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from l4s_geo import load_bundle, map_scene
from l4s_geo.bands import BANDS
from l4s_geo.grid import starts
from l4s_geo.inference.devices import onnxruntime
from l4s_geo.normalize import normalize
from l4s_geo.progress import Silent
from measuring import measure, table

SAMPLE = Path(__file__).parents[1] / "sample_scenes" / "valley.tif"
STAGES = ("read", "networks", "blend", "write rows", "CRF", "vectorise", "write rasters", "write inventory")


class Stages(Silent):
    """A reporter that keeps the seconds of the stages."""

    def __init__(self) -> None:
        self.seconds: Mapping[str, float] = {}

    def took(self, stages: Mapping[str, float]) -> None:
        self.seconds = stages


def write_scene(path: Path, rows: int, cols: int | None = None) -> Path:
    """Write a scene of so many rows and columns, as many of these as of those by default."""
    cols = cols or rows
    with rasterio.open(SAMPLE) as dataset:
        sample = dataset.read()
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 14, "height": rows, "width": cols, "crs": "EPSG:32645"}
    profile |= {"transform": Affine(10, 0, 3e5, 0, -10, 3.1e6), "tiled": True, "compress": "zstd", "bigtiff": "yes"}
    times = -(-max(rows, cols) // min(sample.shape[1:]))
    with rasterio.open(path, "w", interleave="band", **profile) as dataset:
        for index, band in enumerate(sample, start=1):
            tile = np.pad(band, (0, (times - 1) * max(band.shape)), mode="symmetric")
            dataset.write(tile[:rows, :cols], index)
            dataset.set_band_description(index, BANDS[index - 1])
    os.sync()  # or the system writes it out while it is mapped
    return path


def floor(bundle: str, count: int, turns: int) -> NDArray[np.float64]:
    """Return seconds for `count` windows: straight through `session.run`, side by side, and only to normalise them.

    They are measured on `turns` times 256 windows.
    """
    ort = onnxruntime()
    model = load_bundle(bundle, "cpu")
    windows = np.random.default_rng(0).gamma(4, 0.3, (256, len(model.bands), 128, 128)).astype(np.float32)
    seconds = np.zeros(3)
    for network in model.networks:
        member, side = network.member, round(128 * network.member.scale)
        x = windows[:, [model.bands.index(b) for b in member.bands]]
        ready = np.random.default_rng(0).normal(size=(256, len(member.bands), side, side)).astype(np.float32)
        session = ort.InferenceSession(model.bundle.network(member), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        batches = [slice(start, start + 16) for start in range(0, len(x), 16)]
        ways: list[Callable[[], Any]] = [
            lambda s=session, n=name, r=ready, b=batches: [s.run(None, {n: r[part]}) for part in b],
            lambda n=network, r=ready: n.each(len(r), lambda part: n(r[part])),
            lambda m=member, x=x, b=batches: [normalize(x[part], m.normalization, m.statistics) for part in b],
        ]
        for way in ways:
            way()
        seconds += [sum(timed(way) for _ in range(turns)) for way in ways]
    return seconds * count / (turns * len(windows))


def timed(way: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    started = perf_counter()
    way()
    return perf_counter() - started


def whole(
    scene: Path, folder: Path, bundle: str, overlap: int, crf: Any, device: str
) -> tuple[int, Mapping[str, float]]:
    """Map a scene; return the number of polygons and the seconds of the stages."""
    stages = Stages()
    results = {"out": folder / "i.gpkg", "probability": folder / "p.tif"}
    found = map_scene(scene, bundle=bundle, overlap=overlap, crf=crf, device=device, reporter=stages, **results)
    return len(found), stages.seconds


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2196, 5490])
    parser.add_argument("--width", type=int, help="columns of every scene, so that only the rows differ")
    parser.add_argument("--overlaps", type=int, nargs="+", default=[32])
    parser.add_argument("--bundle", default="rgb")
    parser.add_argument("--crf", choices=["auto", "on", "off"], default="auto")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in arguments.sizes:
            width = arguments.width or size
            scene = write_scene(folder / f"{size}.tif", size, width)
            for overlap in arguments.overlaps:
                count = len(starts(size, 128, overlap)) * len(starts(width, 128, overlap))
                turns = max(3, count // 1024)
                before = measure(floor, arguments.bundle, count, turns).result
                mapped = measure(whole, scene, folder, arguments.bundle, overlap, arguments.crf, "cpu")
                after = measure(floor, arguments.bundle, count, turns).result
                least, beside, normalising = ((before + after) / 2).tolist()
                polygons, stages = mapped.result
                row = {
                    "rows": size,
                    "cols": width,
                    "overlap": overlap,
                    "windows": count,
                    "floor, s": least,
                    "side by side, s": beside,
                }
                row |= {"total, s": mapped.seconds, "total / floor": mapped.seconds / least}
                row |= {"peak, GiB": mapped.peak_gib, "polygons": polygons}
                row |= {stage: stages.get(stage, 0.0) for stage in STAGES} | {"normalise, CPU": normalising}
                rows.append(row)
                print(json.dumps(row), flush=True)
            scene.unlink()
    table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""A whole tile through an ensemble of three networks on a GPU, against the networks alone and against the card.

    python benchmarks/bench_gpu.py --make ensembles      # anywhere with the extra train; takes minutes
    python benchmarks/bench_gpu.py --ensembles ensembles --json gpu.json

The ensembles, with scale promotion ×1 and ×4, hold freshly made networks: speed does not depend on their weights. The
tables say

- what the *card* copies and multiplies, float16 matrices of 8192 × 8192 with sums in float32, and what reaches it;
- what the *networks* alone do with windows that lie ready on the GPU, and their share of the card's matrix rate;
- what a *vote* takes beyond the networks (normalisation, promotion, sigmoid, mean and spread), the shortest time in
  which the card could move what that reads and writes once, and a whole *map* against the networks alone;
- how far *fp16* moves probabilities from fp32, for the embedded bundle and for the ensembles.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import rasterio

from bench_map import SAMPLE, Stages, write_scene
from l4s_geo import load_bundle, map_scene
from l4s_geo.bands import BANDS, scale_of
from l4s_geo.bundles.bundle import Bundle, Member
from l4s_geo.bundles.item import write_bundle
from l4s_geo.errors import DeviceError
from l4s_geo.grid import starts
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.normalize import Statistics
from measuring import table

NETWORKS = ("unet-resnet18", "unet-efficientnet-b0", "segformer_b0")
SCALES = (1, 4)
FLOPS = "flops_a_window"
"""Name of the score that keeps the number of floating-point operations, two for a multiplication and addition."""


def make(folder: Path) -> None:
    """Write the ensembles' bundles into a folder."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from l4s_training import models
    from l4s_training.export.bench import settle, smooth_noise
    from l4s_training.export.onnx_file import to_onnx

    for scale in SCALES:
        files, members, flops, side = {}, [], 0, 128 * scale
        for name in NETWORKS:
            torch.manual_seed(0)
            network = models.build(name, len(BANDS), side)
            settle(network, smooth_noise(2, len(BANDS), 128))
            with FlopCounterMode(display=False) as counter, torch.inference_mode():
                network(torch.zeros(1, len(BANDS), side, side))
            flops += counter.get_total_flops()
            file = f"{name}.onnx"
            files[file] = to_onnx(network, len(BANDS), side)
            digest = hashlib.sha256(files[file]).hexdigest()
            statistics = Statistics((1.0,) * len(BANDS), (0.5,) * len(BANDS))
            members.append(Member(file, digest, name, BANDS, "domain", statistics, scale=float(scale)))
            print(f"{name} ×{scale}", flush=True)
        name = f"x{scale}"
        bundle = Bundle(name, "1", "For a benchmark", BANDS, tuple(members), 0.5, scores={FLOPS: float(flops)})
        write_bundle(bundle, files, folder / name)


class Clock:
    """Measures work on the current GPU."""

    def __init__(self, model: LoadedBundle) -> None:
        self.model = model

    def seconds(self, work: Callable[[], Any], repeat: int = 5) -> float:
        """Return the shortest time of several runs after one to warm up."""
        times = []
        for _ in range(repeat + 1):
            self._synchronize()
            started = perf_counter()
            work()
            self._synchronize()
            times.append(perf_counter() - started)
        return min(times[1:])

    def _synchronize(self) -> None:
        self.model.xp.cuda.Device().synchronize()


def card(model: LoadedBundle, clock: Clock) -> dict[str, float]:
    """Measure the GPU itself."""
    xp, count = model.xp, 2**28
    source, target = xp.ones(count, np.float32), xp.empty(count, np.float32)
    copy = clock.seconds(lambda: xp.copyto(target, source), 10)
    host = np.ones(count, np.float32)
    to_device = clock.seconds(lambda: model.to_device(host))
    to_host = clock.seconds(lambda: model.to_host(target))
    side = 8192
    a, b = (xp.random.standard_normal((side, side), np.float32).astype(np.float16) for _ in range(2))
    product = clock.seconds(lambda: a @ b, 10)
    return {
        "copy, GB/s (read + written)": 8e-9 * count / copy,
        "fp16 matrix product, TFLOP/s": 2e-12 * side**3 / product,
        "host to device, GB/s": 4e-9 * count / to_device,
        "device to host, GB/s": 4e-9 * count / to_host,
    }


def networks_alone(model: LoadedBundle, clock: Clock, count: int) -> float:
    """Seconds in which the networks run as many ready windows, without anything else."""
    seconds = 0.0
    for network in model.networks:
        side = round(model.bundle.window * network.member.scale)
        x = model.xp.zeros((network.batch, len(network.member.bands), side, side), np.float32)
        seconds += clock.seconds(lambda n=network, x=x: n(x)) * count / network.batch
    return seconds


def least_traffic(model: LoadedBundle, count: int) -> int:
    """Bytes that a vote must read and write beyond the networks, each array once."""
    total = 0
    for member in model.bundle.members:
        pixels, promoted = model.bundle.window**2, round(model.bundle.window * member.scale) ** 2
        total += 4 * (len(member.bands) * (pixels + promoted) + promoted + 3 * pixels)
    return total * count


def speed(folder: Path, scale: int, precision: Any, size: int, rates: dict[str, float]) -> dict[str, Any]:
    """Measure networks, vote and map of one ensemble in one precision."""
    path = folder / f"x{scale}"
    model = load_bundle(path, "cuda:0", precision)
    clock, count = Clock(model), 115
    windows = np.random.default_rng(0).gamma(4, 0.25, (count, len(BANDS), 128, 128)).astype(np.float32)
    domain = Statistics((1.0,) * len(BANDS), (0.5,) * len(BANDS))
    with model.active():
        ready = model.to_device(windows)
        voting = clock.seconds(lambda: model.predict_with_spread(ready, domain))
        alone = networks_alone(model, clock, count)
    rate = model.bundle.scores[FLOPS] * count / alone * 1e-12
    row: dict[str, Any] = {
        "promotion": f"×{scale}",
        "precision": precision,
        "batch": "/".join(str(network.batch) for network in model.networks),
        "networks, windows/s": count / alone,
        "networks, TFLOP/s": rate,
        "share of the card's fp16 rate": rate / rates["fp16 matrix product, TFLOP/s"],
        "vote / networks": voting / alone,
        "vote beyond networks, ms": 1e3 * (voting - alone),
        "its traffic at the copy rate, ms": 1e-6 * least_traffic(model, count) / rates["copy, GB/s (read + written)"],
    }
    if size:
        total = len(starts(size, 128, 32)) ** 2
        del model, ready
        with tempfile.TemporaryDirectory() as name:
            scene = write_scene(Path(name) / "scene.tif", size)
            stages = Stages()
            started = perf_counter()
            map_scene(
                scene,
                bundle=path,
                out=Path(name) / "i.gpkg",
                probability=Path(name) / "p.tif",
                device="cuda:0",
                precision=precision,
                reporter=stages,
            )
            seconds = perf_counter() - started
        row |= {"map, s": seconds, "map / networks": seconds / (alone * total / count)}
        row |= {stage: round(value, 3) for stage, value in stages.seconds.items()}
    return row


def agreement(bundle: str | Path) -> dict[str, Any]:
    """Compare probabilities in fp16 and in fp32, on windows of the sample scene."""
    with rasterio.open(SAMPLE) as dataset:
        values = dataset.read().astype(np.float32) / scale_of(BANDS)[:, None, None].astype(np.float32)
    places = [(r, c) for r in starts(values.shape[1], 128, 64) for c in starts(values.shape[2], 128, 64)]
    windows = np.stack([values[:, r : r + 128, c : c + 128] for r, c in places])
    found = {}
    for device, precision in (("cpu", "fp32"), ("cuda:0", "fp32"), ("cuda:0", "fp16")):
        model = load_bundle(bundle, device, precision)
        x = np.ascontiguousarray(windows[:, [BANDS.index(b) for b in model.bands]])
        found[device, precision] = model.predict(x)
    reference = found["cuda:0", "fp32"]
    row: dict[str, Any] = {"bundle": Path(bundle).name, "windows": len(windows)}
    for name, key in (("fp16 against fp32", ("cuda:0", "fp16")), ("CPU against fp32", ("cpu", "fp32"))):
        apart = np.abs(found[key] - reference)
        row |= {f"{name}: largest": f"{apart.max():.1e}", f"{name}: mean": f"{apart.mean():.1e}"}
    changed = (found["cuda:0", "fp16"] >= model.threshold) != (reference >= model.threshold)
    return row | {"pixels across the threshold": f"{changed.mean():.1e}"}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", type=Path, metavar="FOLDER", help="write the ensembles here, and end")
    parser.add_argument("--ensembles", type=Path, metavar="FOLDER", help="where --make has written them")
    parser.add_argument("--size", type=int, default=10980, help="pixels a side of the map; 0 for none")
    parser.add_argument("--precisions", nargs="+", default=["fp16", "fp32"], choices=["fp16", "fp32"])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make)
        return
    try:
        model = load_bundle("rgb", "cuda:0", "fp16")
    except DeviceError as error:
        sys.exit(f"There is nothing to measure here. {error}")
    if not arguments.ensembles:
        parser.error("--ensembles is needed; --make writes them")
    with model.active():
        rates = card(model, Clock(model))
    properties = model.xp.cuda.runtime.getDeviceProperties(0)
    facts = {"card": properties["name"].decode(), "runtime": model.describe()}
    print(f"{facts['card']}, {facts['runtime']}\n")
    table(tuple(rates), [tuple(rates.values())])
    rows = [
        speed(arguments.ensembles, scale, precision, arguments.size, rates)
        for scale in SCALES
        for precision in arguments.precisions
    ]
    print()
    table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    print()
    apart = [agreement(b) for b in ("rgb", *(arguments.ensembles / f"x{scale}" for scale in SCALES))]
    table(tuple(apart[0]), [tuple(row.values()) for row in apart])
    if arguments.json:
        figures = facts | {"rates": rates, "speed": rows, "agreement": apart}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What events cost: units against single runs, two workers, merging, and resuming.

    python benchmarks/events.py merge resume throughput workers --json events.json

*merge* makes four units of 10,000 landslides each, on four overlapping tiles in two zones, and merges them. *resume*
makes an event of 100 units whose results are there and runs it again with `l4s event run`. *throughput* maps four units
of 2196 × 2196 pixels, 14 bands as in the sample scene, once as an event and once by four runs of `l4s-map`, in turns.
*workers* maps four units by an event with two workers, and by two processes at once of which each runs an event of two.
Every figure is of whole commands, the start of Python included.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine

from bench_map import write_scene
from l4s_geo.events.merge import Part, merge
from l4s_geo.inventory.attributes import geometry_attributes
from l4s_geo.inventory.table import DTYPES

BIN = Path(sys.executable).parent
PIXEL = 10.0


def part(name: str, crs: str, left: float, top: float, centres: np.ndarray, rng: np.random.Generator) -> Part:
    """Make a unit of a tile of 100 km: pixel polygons around given centres in its CRS, most of them alike in others."""
    side = 100_000.0
    inside = centres[((centres - (left, top - side) > 200) & (centres - (left, top - side) < side - 200)).all(axis=1)]
    corner = np.round(inside / PIXEL) * PIXEL
    steps = rng.integers(2, 12, (len(corner), 2)) * PIXEL
    shapes = shapely.union(
        shapely.box(*corner.T, *(corner + steps).T),
        shapely.box(*(corner + steps / 2 // PIXEL * PIXEL).T, *(corner + steps * 1.5 // PIXEL * PIXEL + PIXEL).T),
    )
    columns: dict[str, Any] = {
        key: {"float64": 0.5, "str": "", "bool": False, "int32": 1}[dtype] for key, dtype in DTYPES.items()
    }
    columns |= geometry_attributes(shapes) | {"prob_mean": rng.uniform(0.5, 1, len(shapes)), "confidence": "high"}
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).astype(DTYPES)
    frame["touches_edge"] = rng.random(len(frame)) < 0.02
    block = 2560.0
    edges = np.append(np.arange(0, side, block), side)
    seen = [
        shapely.box(left + w, top - s, left + e, top - n)
        for n, s in itertools.pairwise(edges)
        for w, e in itertools.pairwise(edges)
    ]
    return Part(name, frame, np.array(seen, object), "2018-09-15", int(rng.integers(1, 30)))


def merging() -> dict[str, Any]:
    """Merge four units of 10,000 landslides: two tiles that overlap almost wholly, and one neighbour in each zone."""
    import pyproj

    rng = np.random.default_rng(0)
    there = pyproj.Transformer.from_crs("EPSG:32654", "EPSG:32655", always_xy=True)
    left, top = 690_000.0, 4_800_000.0
    centres = rng.uniform((left, top - 100_000), (left + 190_000, top), (19_500, 2))
    beyond = np.column_stack(there.transform(*centres.T))
    west = float(there.transform(left + 60_000, top - 50_000)[0])
    parts = [
        part("a", "EPSG:32654", left, top, centres, rng),
        part("b", "EPSG:32654", left, top, centres, rng),
        part("c", "EPSG:32654", left + 88_000, top, centres, rng),
        part("d", "EPSG:32655", west, float(beyond[:, 1].max()), beyond, rng),
    ]
    started = perf_counter()
    merged = merge(parts)
    seconds = perf_counter() - started
    given = sum(len(p.landslides) for p in parts)
    return {"landslides given": given, "merged": len(merged), "seconds": round(seconds, 2), "target": 20}


TILES = ("TWN", "TWP", "TXN", "TXP")


def scenes(folder: Path, size: int, names: Sequence[str]) -> list[Path]:
    """Write scenes of so many rows and columns side by side, each named for a tile."""
    first = write_scene(folder / "first.tif", size)
    paths = []
    for number, name in enumerate(names):
        path = folder / "after" / f"S2A_54{name}_20180915.tif"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(first, path)
        with rasterio.open(path, "r+") as dataset:
            dataset.transform = Affine(10, 0, 3e5 + 10 * size * number, 0, -10, 3.1e6)
        paths.append(path)
    first.unlink()
    os.sync()
    return paths


def event_file(folder: Path, name: str, after: Sequence[Path], bundle: str) -> Path:
    """Write an event file that maps some scenes."""
    path = folder / f"{name}.yaml"
    lines = [f"name: {name}", "area: [80, 20, 110, 35]", "date: 2018-09-06", "trigger: earthquake", f"bundle: {bundle}"]
    path.write_text("\n".join([*lines, f"scenes: {{after: [{', '.join(map(str, after))}]}}", ""]), encoding="utf-8")
    return path


def seconds_of(*commands: Sequence[object]) -> tuple[float, float]:
    """Return the seconds that commands take, all at once, and those of their processors."""
    before, started = os.times(), perf_counter()
    running = [
        subprocess.Popen([str(BIN / word if place == 0 else word) for place, word in enumerate(command)])
        for command in commands
    ]
    if any(process.wait() for process in running):
        raise RuntimeError(f"{commands[0]} failed")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return perf_counter() - started, cpu


def throughput(size: int, bundle: str, turns: int) -> dict[str, Any]:
    """Map four units as an event, and by four runs one after another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = scenes(folder, size, TILES)
        event = event_file(folder, "quake", paths, bundle)
        best = {"event": (np.inf, np.inf), "single": (np.inf, np.inf)}
        for _ in range(turns):
            shutil.rmtree(folder / "quake", ignore_errors=True)
            event.with_name("quake.jobs.sqlite").unlink(missing_ok=True)
            best["event"] = min(best["event"], seconds_of(("l4s", "event", "run", event, "-q")))
            single = np.zeros(2)
            for path in paths:
                out = folder / "single.gpkg"
                single += seconds_of(("l4s-map", path, "--bundle", bundle, "--out", out, "-q"))
            best["single"] = min(best["single"], tuple(single.tolist()))
    return figures("four units of an event", best["event"], "four single runs", best["single"], 1.0)


def workers(size: int, bundle: str, turns: int) -> dict[str, Any]:
    """Map four units with two workers, and by two processes of two units each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = scenes(folder, size, TILES)
        whole = event_file(folder, "quake", paths, bundle)
        halves = [event_file(folder, f"half{n}", paths[2 * n : 2 * n + 2], bundle) for n in range(2)]
        best = {"workers": (np.inf, np.inf), "apart": (np.inf, np.inf)}
        for _ in range(turns):
            for event in (whole, *halves):
                shutil.rmtree(event.with_suffix(""), ignore_errors=True)
                event.with_name(f"{event.stem}.jobs.sqlite").unlink(missing_ok=True)
            best["workers"] = min(best["workers"], seconds_of(("l4s", "event", "run", whole, "--workers", 2, "-q")))
            best["apart"] = min(best["apart"], seconds_of(*(("l4s", "event", "run", half, "-q") for half in halves)))
    return figures("two workers", best["workers"], "two processes", best["apart"], 0.85)


def figures(
    what: str, ours: tuple[float, float], against: str, theirs: tuple[float, float], target: float
) -> dict[str, Any]:
    """Put two measurements side by side: of wall time and of all processors."""
    seconds = {what: ours, against: theirs}
    found: dict[str, Any] = {f"{name}, s": round(pair[0], 1) for name, pair in seconds.items()}
    found |= {f"{name}, CPU s": round(pair[1], 1) for name, pair in seconds.items()}
    found |= {"throughput ratio": round(theirs[0] / ours[0], 2), "by CPU": round(theirs[1] / ours[1], 2)}
    return found | {"target": target}


def resuming(bundle: str) -> dict[str, Any]:
    """Run a finished event of 100 units again."""
    letters = "CDEFGHJKLMNPQRSTUVWX"
    names = [f"{letters[n % 20]}{'ABCDE'[n // 20]}A" for n in range(100)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        event = event_file(folder, "quake", scenes(folder, 128, names), bundle)
        seconds_of(("l4s", "event", "run", event, "-q"))
        again = min(seconds_of(("l4s", "event", "run", event, "-q")) for _ in range(3))
    return {"units": 100, "seconds": round(again[0], 2), "CPU seconds": round(again[1], 2), "target": 3}


def main() -> None:
    """Print the figures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=["merge", "resume", "throughput", "workers"])
    parser.add_argument("--size", type=int, default=2196, help="rows and columns of a unit")
    parser.add_argument("--turns", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--bundle", default="rgb")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    size, bundle, turns = arguments.size, arguments.bundle, arguments.turns
    kinds: dict[str, Callable[[], dict[str, Any]]] = {
        "merge": merging,
        "resume": lambda: resuming(bundle),
        "throughput": lambda: throughput(size, bundle, turns),
        "workers": lambda: workers(size, bundle, turns),
    }
    found = {}
    for kind in arguments.kinds:
        found[kind] = kinds[kind]()
        print(kind, json.dumps(found[kind]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

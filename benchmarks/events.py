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
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from l4s_geo.events.merge import Part, merge
from l4s_geo.inventory.attributes import geometry_attributes
from l4s_geo.inventory.table import DTYPES

BIN = Path(sys.executable).parent
SIDE = 2196
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


def main() -> None:
    """Print the figures that are asked for."""
    kinds: dict[str, Callable[[], dict[str, Any]]] = {"merge": merging}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=kinds)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    found = {kind: kinds[kind]() for kind in arguments.kinds}
    for kind, figures in found.items():
        print(kind, json.dumps(figures), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

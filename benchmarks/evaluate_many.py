"""How long the comparison of two large inventories takes.

    python benchmarks/evaluate_many.py --count 30000

Both are made: rectangles of the sizes of Malamud's general distribution, turned at random, over a tile of 110 km; the
reference is the same, moved and with a third of them elsewhere.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import stats

import l4s_geo
from l4s_geo.evaluation.pixels import scores
from l4s_geo.evaluation.sizes import GENERAL

SIDE = 110_000


def scatter(count: int, seed: int) -> NDArray[np.object_]:
    """Rectangles three times as long as wide."""
    random = np.random.default_rng(seed)
    rho, a, s = GENERAL
    areas = np.clip(stats.invgamma.rvs(rho, loc=s, scale=a, size=count, random_state=seed), 300, 3e5)
    width = np.sqrt(areas / 3)
    x, y = 400_000 + random.uniform(0, SIDE, (2, count)) + np.array([[0], [4_600_000 - 400_000]])
    boxes = shapely.box(x, y, x + 3 * width, y + width)
    return np.array([shapely.affinity.rotate(b, t) for b, t in zip(boxes, random.uniform(0, 180, count), strict=True)])


def main() -> None:
    """Print seconds and scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=30_000)
    count = parser.parse_args().count
    mapped = scatter(count, 0)
    moved = shapely.transform(mapped, lambda xy: np.add(xy, (8, -6)))
    moved[: count // 3] = scatter(count // 3, 1)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("mapped.gpkg", "reference.gpkg")]
        for path, shapes in zip(files, (mapped, moved), strict=True):
            gpd.GeoDataFrame(geometry=shapes, crs=32654).to_file(path, layer="landslides")
        began, spent = time.perf_counter(), time.process_time()
        found = l4s_geo.evaluate(*files)
        took, spent = time.perf_counter() - began, time.process_time() - spent
    print(
        f"{count:,} against {count:,}: {took:.1f} s, {spent:.1f} s of the processor; F1 {scores(found.pixels).f1:.3f}"
    )


if __name__ == "__main__":
    main()

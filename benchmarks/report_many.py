"""How large the report of a large inventory is, and how long it takes to write.

    python benchmarks/report_many.py --count 10000
    python benchmarks/report_many.py --count 200000

Inventory and scenes are made: outlines of pixel steps with areas of Malamud's general distribution, and two dates of
4,000 × 4,000 pixels (`--side`) whose colours are noise at every scale, which is as hard to compress as rugged ground.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage, stats

import l4s_geo
from l4s_geo.evaluation.sizes import GENERAL
from l4s_geo.grid import PIXEL
from l4s_geo.inventory.formats import write_inventory
from l4s_geo.inventory.table import DTYPES

LEFT, TOP = 400_000.0, 4_700_000.0
CRS = "EPSG:32654"


def write_scene(path: Path, side: int, seed: int) -> None:
    """Write three bands of fractal noise."""
    random = np.random.default_rng(seed)
    ground = np.zeros((side, side), np.float32)
    for step in (1, 2, 4, 8, 16, 32, 64):
        coarse = random.standard_normal((side // step + 2, side // step + 2)).astype(np.float32)
        ground += step**0.7 * ndimage.zoom(coarse, step, order=1, grid_mode=True, mode="nearest")[:side, :side]
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint16", "height": side, "width": side, "crs": CRS}
    with rasterio.open(path, "w", transform=Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP), **profile) as raster:
        for band, (name, level) in enumerate((("B2", 700), ("B3", 800), ("B4", 750)), 1):
            own = random.standard_normal((side, side)).astype(np.float32)
            raster.write(np.clip(level + 12 * ground + 20 * own, 1, 9000).astype(np.uint16), band)
            raster.set_band_description(band, name)


def outlines(count: int, side: int) -> NDArray[np.object_]:
    """Outlines of pixel steps: diamonds, longer than wide, of whole rows of pixels."""
    random = np.random.default_rng(0)
    rho, a, s = GENERAL
    areas = np.clip(stats.invgamma.rvs(rho, loc=s, scale=a, size=count, random_state=0), 500, 3e5)
    shapes = np.empty(count, object)
    for number, area in enumerate(areas):
        rows = max(2, round(np.sqrt(2 * area) / PIXEL))
        widths = 1 + np.minimum(np.arange(rows), np.arange(rows)[::-1]) + random.integers(0, 2, rows)
        left = -(widths // 2) + random.integers(0, 2, rows)
        steps = [(x, y) for row in range(rows) for x, y in ((left[row], row), (left[row], row + 1))]
        back = [((left + widths)[row], y) for row in range(rows)[::-1] for y in (row + 1, row)]
        corner = random.integers(50, side - 150, 2)
        points = (np.array(steps + back) + corner) * (PIXEL, -PIXEL) + (LEFT, TOP)
        shapes[number] = shapely.Polygon(points)
    return shapely.make_valid(shapes)


def write_landslides(path: Path, shapes: NDArray[np.object_]) -> None:
    """Write an inventory with every attribute that a report shows."""
    random, count = np.random.default_rng(1), len(shapes)
    values = {name: np.zeros(count) for name in DTYPES} | {
        "id": np.arange(1, count + 1),
        "prob_mean": random.uniform(0.4, 1, count),
        "confidence": random.choice(["high", "medium", "low"], count),
        "slope_mean_deg": random.normal(28, 8, count).clip(0, 80),
        "aspect_deg": random.uniform(0, 360, count),
        "elev_min_m": random.uniform(100, 900, count),
        "elev_max_m": random.uniform(900, 1700, count),
        "p_new": random.uniform(0, 1, count),
        "is_new": random.integers(0, 2, count),
        **{name: ["made"] * count for name in ("scene", "bundle", "created")},
    }
    frame = gpd.GeoDataFrame(values, geometry=shapes, crs=CRS).astype(DTYPES)
    frame["area_m2"] = frame.area
    write_inventory(frame, path, {})


def main() -> None:
    """Print bytes and seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=4_000, help="of the scenes, in pixels")
    parser.add_argument("--out", type=Path, help="keep the report")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        inventory, scenes = Path(folder) / "i.gpkg", [Path(folder) / name for name in ("after.tif", "before.tif")]
        for seed, scene in enumerate(scenes):
            write_scene(scene, given.side, seed)
        write_landslides(inventory, outlines(given.count, given.side))
        began, spent = time.perf_counter(), time.process_time()
        page = l4s_geo.report(
            inventory, out=given.out or Path(folder) / "r.html", scene=scenes[0], before=scenes[1], units="dn"
        )
        took, spent = time.perf_counter() - began, time.process_time() - spent
        size = page.stat().st_size
    print(f"{given.count:,} landslides: {size / 1e6:.2f} MB, {took:.1f} s, {spent:.1f} s of the processor")


if __name__ == "__main__":
    main()

"""Maps the sample scene in Python, counts what was found, and draws it.

    pip install '.[cpu]' matplotlib
    python examples/map_sample.py --out OUT

OUT gets inventory.gpkg, which QGIS opens with its style, and map.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rasterio.plot import plotting_extent

import l4s_geo

SAMPLE = Path(__file__).resolve().parents[1] / "sample_scenes"
COLOURS = {"high": "red", "medium": "orange", "low": "yellow"}


def main() -> None:
    """Map, count, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("map_sample"), help="folder for the results")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    inventory = out / "inventory.gpkg"
    landslides = l4s_geo.map_scene(SAMPLE / "valley.tif", dem=SAMPLE / "valley_dem.tif", out=inventory)
    print(f"{len(landslides)} polygons, {landslides.area_m2.sum() / 1e6:.3f} km²")
    for confidence in COLOURS:
        group = landslides[landslides.confidence == confidence]
        print(f"{confidence} confidence: {len(group)}, on slopes of {group.slope_mean_deg.mean():.0f}°")

    reference = gpd.read_file(SAMPLE / "valley_reference.gpkg")
    met = reference.geometry.intersects(landslides.union_all())
    print(f"{met.sum()} of the {len(reference)} landslides of the reference are met by one of them")

    draw(landslides, reference, out / "map.png")
    print(out / "map.png")


def draw(landslides: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, path: Path) -> None:
    """Draw the scene with the landslides by confidence, and beside it with the reference."""
    with rasterio.open(SAMPLE / "valley.tif") as scene:
        image, extent = true_colour(scene.read([4, 3, 2])), plotting_extent(scene)
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, title in ((left, f"{len(landslides)} mapped"), (right, f"{len(reference)} in the reference")):
        axes.imshow(image, extent=extent)
        axes.set_title(title)
        axes.set_axis_off()
    landslides.plot(ax=left, facecolor="none", edgecolor=landslides.confidence.map(COLOURS))
    reference.plot(ax=right, facecolor="none", edgecolor="cyan")
    figure.savefig(path, dpi=100)


def true_colour(bands: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Turn digital numbers, (3, rows, cols), into colours, (rows, cols, 3), 0 to 1."""
    low, high = np.percentile(bands, (1, 99), axis=(1, 2))[..., None, None]
    return np.moveaxis(np.clip((bands - low) / (high - low), 0, 1), 0, -1)


if __name__ == "__main__":
    main()

"""Draws the pictures of docs/teach.md's tutorial: the sample scene's inventory before and after it was taught.

python benchmarks/draw_teaching.py first.gpkg second.gpkg --out docs/teach-sample.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import rasterio

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

SAMPLE = Path(__file__).resolve().parents[1] / "sample_scenes"
LOOKED = 3_086_500.0
"""Northing of the southern border of the ground that was looked at."""


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inventories", nargs=2, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with rasterio.open(SAMPLE / "valley.tif") as dataset:
        image, bounds = dataset.read((4, 3, 2)).astype(float), dataset.bounds
    image = np.clip(image.transpose(1, 2, 0) / np.percentile(image, 99.5), 0, 1)
    truth = gpd.read_file(SAMPLE / "valley_reference.gpkg", layer="landslides")
    figure, axes = plt.subplots(1, 2, figsize=(9, 2), sharey=True)
    for axis, path, title in zip(axes, arguments.inventories, ("rgb", "taught"), strict=True):
        axis.imshow(image, extent=(bounds.left, bounds.right, bounds.bottom, bounds.top))
        truth.boundary.plot(ax=axis, color="white", linewidth=0.7)
        gpd.read_file(path, layer="landslides").boundary.plot(ax=axis, color="red", linewidth=0.7)
        axis.set(
            title=title,
            xlabel="",
            ylabel="",
            xticks=[],
            yticks=[],
            ylim=(bounds.bottom, LOOKED - 50),
            xlim=(bounds.left, bounds.right),
        )
    handles = [Line2D([], [], color=c, label=text) for c, text in (("white", "true"), ("red", "mapped"))]
    axes[0].legend(handles=handles, fontsize=7, loc="lower left", facecolor="grey")
    figure.tight_layout()
    figure.savefig(arguments.out, dpi=80)


if __name__ == "__main__":
    main()

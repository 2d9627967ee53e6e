"""Draws an inventory over its scene.

python benchmarks/pictures.py sample_scenes/valley.tif inventory.gpkg picture.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from l4s_geo.bands import RGB
from l4s_geo.grid import Window
from l4s_geo.stack.open import Inputs, open_stack

__all__ = ["draw"]


def draw(scene: Any, found: Any, path: Path, corner: tuple[int, int, int] | None = None) -> None:
    """Draw a scene, and beside it the scene with its polygons.

    Args:
        scene: as `map_scene` takes it.
        found: GeoDataFrame of polygons in the mapping grid's CRS.
        path: picture to write.
        corner: (row, column, size) of a cut-out in pixels; None for the whole scene.
    """
    import matplotlib.pyplot as plt

    with open_stack(Inputs(scene)) as stack:
        window = Window(*corner[:2], corner[2], corner[2]) if corner else stack.grid.whole
        image = np.moveaxis(stack.read(RGB, window), 0, -1)
        left, bottom, right, top = stack.grid.part(window).bounds
    low, high = np.nanpercentile(image, [1, 99], axis=(0, 1))
    image = np.nan_to_num(np.clip((image - low) / (high - low), 0, 1), nan=1)
    figure, axes = plt.subplots(1, 2, figsize=(20, 10 * window.height / window.width + 0.5), layout="constrained")
    for axis in axes:
        axis.imshow(image, extent=(left, right, bottom, top), interpolation="nearest")
    if len(found):
        found.boundary.plot(ax=axes[1], color="red", linewidth=0.8)
    for axis, title in zip(axes, ("Scene", f"{len(found)} landslides"), strict=True):
        axis.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top), title=title, xlabel="", ylabel="")
    figure.savefig(path, dpi=50)
    plt.close(figure)


def main() -> None:
    """Draw one picture."""
    import geopandas as gpd

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene")
    parser.add_argument("inventory")
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    draw(arguments.scene, gpd.read_file(arguments.inventory, layer="landslides"), arguments.picture)


if __name__ == "__main__":
    main()

"""Draws the coarse reference of the Iburi landslides, which `l4s-train card` scores against.

    python benchmarks/draw_iburi.py --data ../shared/data

Drawn by hand over the image after the event: two areas of forested hills in which landslides are outlined
(``assessed``), and four of valley floor and open water in which there is none (``none``). Inside the first, pixels are
landslide (``landslide``) that are bare and bright against the forest around them: red at least 1.5 times, and green at
least 1.12 times, its median over about 600 m, and no greener than red. Specks under 1,000 m² are dropped, and so are a
field and a cloud, by hand.

What it is not: a survey. Run-out and deposits in valleys, scars in shadow and old ones are missing; the outlines are
those of bright soil. The rule sees the same three bands as the network (but no slope), so that both err alike on what
is bright and bare: recall comes out too high. The image before the event, half without data and partly under snow, was
only looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry import Polygon, box, shape

from l4s_geo.bands import RGB, scale_of
from l4s_geo.stack.open import Inputs, open_stack
from l4s_training.export.card.scenes import REFERENCE

# Columns and rows of the mapping grid of post/.
HILLS = ((330, 280, 590, 540), (790, 85, 1000, 290))
LEFT_OUT = ((330, 282, 362, 312), (414, 455, 442, 482))
FLOORS = (
    "20 500 60 445 105 420 125 375 160 335 205 300 235 270 245 215 270 180 300 185 345 215 345 240 262 262 245 320 "
    "195 345 150 395 125 450 122 520 125 585 90 580 60 540",
    "150 605 225 612 265 640 300 668 345 690 385 708 405 752 385 745 330 705 260 660 225 640 150 635",
    "205 775 245 760 262 800 225 825 198 820",
    "855 20 900 20 945 55 925 62 870 45",
)
AROUND = 61
"""Pixels across which the median of the surroundings is taken."""
LEAST = 10
"""Pixels."""


def bright(red: NDArray[np.float32], green: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bare, bright pixels; both bands (rows, cols), digital numbers."""
    found = (red >= 1.5 * _around(red)) & (green >= 1.12 * _around(green)) & (red >= green)
    opened = ndimage.binary_opening(found, np.ones((2, 2)))
    labels, count = ndimage.label(opened)
    large = np.bincount(labels.ravel(), minlength=count + 1) >= LEAST
    large[0] = False
    return large[labels]


def _around(band: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of the surroundings, at half the resolution."""
    coarse = ndimage.median_filter(band[::2, ::2], AROUND // 2 + 1)
    return coarse.repeat(2, 0).repeat(2, 1)[: band.shape[0], : band.shape[1]]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    folder = parser.parse_args().data / "iburi_2018" / "post"
    with open_stack(Inputs({b: str(folder / f"{b}.tif") for b in RGB})) as stack:
        red, green, _ = np.nan_to_num(stack.read(RGB, stack.grid.whole)) * scale_of(RGB)[:, None, None]
        grid = stack.grid
    inside = np.zeros(grid.shape, bool)
    for left, top, right, bottom in HILLS:
        inside[top:bottom, left:right] = True
    for left, top, right, bottom in LEFT_OUT:
        inside[top:bottom, left:right] = False
    landslides = bright(red, green) & inside
    outlines = shapes(landslides.astype(np.uint8), landslides, transform=grid.transform)

    def on_ground(pixels: Polygon) -> Polygon:
        return Polygon([grid.transform * xy for xy in pixels.exterior.coords])

    hills = [on_ground(box(*h)) for h in HILLS]
    for h in LEFT_OUT:
        hills = [area.difference(on_ground(box(*h))) for area in hills]
    kinds = {
        "assessed": hills,
        "none": [on_ground(Polygon(np.array(floor.split(), float).reshape(-1, 2))) for floor in FLOORS],
        "landslide": [shape(outline) for outline, _ in outlines],
    }
    rows = [{"kind": kind, "geometry": polygon} for kind, polygons in kinds.items() for polygon in polygons]
    frame = gpd.GeoDataFrame(rows, crs=grid.crs)
    frame.to_file(REFERENCE, driver="GeoJSON", COORDINATE_PRECISION=0, engine="pyogrio")
    print(f"{REFERENCE}: {len(kinds['landslide'])} landslides, {landslides.sum() * 1e-4:.2f} km²")


if __name__ == "__main__":
    main()

"""What the detector of clouds by colour does at Iburi, a scene of red, green and blue that nothing was fitted on.

    python benchmarks/clouds.py --bundle rgb

prints what is found without and with --clouds, what the mask hides of the scene and of the scars that were traced by
hand, and the landslides whose confidence is low for their colours alone: how many, of which class they would be, and
how many of them lie on traced scars, by half of their area.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
from rasterio.features import rasterize

import l4s_geo
from l4s_geo.stack.open import Inputs, open_stack
from l4s_training.export.card.scenes import iburi


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", default="rgb")
    arguments = parser.parse_args()
    scene = iburi(arguments.data)[0]
    bundle = l4s_geo.load_bundle(arguments.bundle, "cpu").bundle
    plain, masked = (
        l4s_geo.map_scene(scene.scene, dem=scene.dem, bundle=arguments.bundle, clouds=clouds)
        for clouds in (False, True)
    )
    scars = gpd.read_file(arguments.data / "iburi_2018" / "inventory_west.gpkg", layer="scar").to_crs(plain.crs)
    inputs = Inputs(scene.scene)
    with open_stack(replace(inputs, clouds=True)) as stack:
        grid = stack.grid
        hidden = stack.hidden(grid.whole)
        drawn = rasterize(scars.geometry, grid.shape, transform=grid.transform).astype(bool)
    print(f"found: {len(plain)} without --clouds, {len(masked)} with")
    print(f"hidden: {hidden.mean():.2%} of the scene, {hidden[drawn].mean():.2%} of the traced scars")
    stated = bundle.confidence.classify(plain.prob_mean.to_numpy())
    on_scar = plain.geometry.intersection(scars.union_all()).area > 0.5 * plain.area
    for name in ("high", "medium"):
        for_colours = (stated == name) & (plain.confidence != name)
        count, real = int(np.sum(for_colours)), int(np.sum(for_colours & on_scar))
        print(f"low for their colours, else {name}: {count} of {int(np.sum(stated == name))}, {real} on traced scars")


if __name__ == "__main__":
    main()

"""What a bundle finds on real data, through the same call as l4s-map.

    python benchmarks/real_scenes.py --data ../shared/data --figures figures

prints one table: pixel scores on the labelled 14-band patches, each written as a GeoTIFF with an assumed UTM
origin and mapped like a scene; false alarms per km² on scenes without landslides; what is found at Iburi. With
--figures it also draws the polygons over the images.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio

import l4s_geo
from l4s_training.export.card.scenes import iburi, landslide_free
from l4s_training.export.card.whole_scenes import patch_scores
from pictures import draw


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", default="rgb")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--figures", type=Path)
    arguments = parser.parse_args()
    options = {"bundle": arguments.bundle, "threshold": arguments.threshold}
    if arguments.figures:
        arguments.figures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scores = patch_scores(arguments.data, folder, options)
        print("| data | measured |\n| --- | --- |")
        print("| labelled 14-band patches | " + ", ".join(f"{k} {v:.3f}" for k, v in scores.as_dict().items()) + " |")
        for given in [*landslide_free(arguments.data, folder), *iburi(arguments.data)]:
            raster = folder / "probability.tif"
            found = l4s_geo.map_scene(given.scene, dem=given.dem, probability=raster, **options)
            with rasterio.open(raster) as dataset:
                mapped = np.isfinite(dataset.read(1)).sum() * 1e-4
            area = found.area_m2.sum()
            print(f"| {given.name} | {len(found)} polygons, {area / mapped:.0f} m²/km² of {mapped:.1f} km² |")
            if arguments.figures:
                name = given.name.lower().replace(",", "").replace(" ", "_")
                draw(given.scene, found, arguments.figures / f"{name}.png")
                if given.name.startswith("Iburi"):
                    for number, corner in enumerate([(60, 100, 256), (420, 560, 256), (660, 780, 256)]):
                        draw(given.scene, found, arguments.figures / f"{name}_{number}.png", corner)


if __name__ == "__main__":
    main()

"""Across an event: taught on one scene, used on another, which teaching never saw.

    python benchmarks/teach_event.py --data ../shared/data/iburi_2018

Iburi's later date is cut into two scenes of their own, north and south, 640 m apart. The default bundle is taught on
the northern one, in a square of 1.28 km, and both map the southern one, where the western inventory judges them. Each
scene has statistics of its own, so that colours and probabilities are not those of one file.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.windows import Window, transform

import l4s_geo
from measuring import table

BANDS = ("B2", "B3", "B4")
APART = 64
SQUARE = 1280
SUN = (165.0, 31.0)


def main() -> None:
    """Cut, teach, map and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/iburi_2018"))
    data = parser.parse_args().data
    read = lambda layer: gpd.read_file(data / "inventory_west.gpkg", layer=layer)  # noqa: E731
    looked, maybe = read("read_area").union_all(), read("maybe").union_all()
    slides = pd.concat([read("scar"), read("deposit")])[["geometry"]]
    with TemporaryDirectory() as folder:
        north, south = (cut(data, Path(folder) / name, upper) for name, upper in (("north", True), ("south", False)))
        given = {"dem": str(data / "dsm.tif"), "device": "cpu"}
        slides.to_file(Path(folder) / "slides.gpkg")
        area = square(north, looked, slides)
        labels, out = str(Path(folder) / "slides.gpkg"), str(Path(folder) / "taught")
        taught = l4s_geo.teach(north, labels=labels, area=area, sun=SUN, out=out, **given).taught
        rows = [("north, on labelled ground not seen", *numbers(taught.scores), *numbers(taught.base_scores))]
        maps = [l4s_geo.map_scene(south, bundle=bundle, min_area=0, **given) for bundle in (out, "rgb")]
        judged = [scores(south, found, slides, looked.difference(maybe)) for found in maps]
        rows.append(("south, another scene", *judged[0], *judged[1]))
    table(("where", "taught: F1", "precision", "recall", "rgb: F1", "precision", "recall"), rows)


def cut(data: Path, folder: Path, upper: bool) -> dict[str, str]:
    """Write the upper or lower part of every band as a scene of its own; band files by band."""
    folder.mkdir()
    files = {}
    for band in BANDS:
        with rasterio.open(data / "post" / f"{band}.tif") as whole:
            half = (whole.height - APART) // 2
            window = Window(0, 0 if upper else whole.height - half, whole.width, half)
            profile = {**whole.profile, "height": half, "transform": transform(window, whole.transform)}
            with rasterio.open(folder / f"{band}.tif", "w", **profile) as part:
                part.write(whole.read(window=window))
        files[band] = str(folder / f"{band}.tif")
    return files


def square(scene: dict[str, str], looked: shapely.Geometry, slides: gpd.GeoDataFrame) -> str:
    """The first square of a scene all of which was read and 2 % of which are landslides, by a seed."""
    ground = looked.intersection(extent(scene, slides.crs))
    union, random = shapely.union_all(slides.geometry.values), np.random.default_rng(0)
    west, south, east, north = ground.bounds
    while True:
        x, y = random.uniform(west, east - SQUARE), random.uniform(south, north - SQUARE)
        box = shapely.box(x, y, x + SQUARE, y + SQUARE)
        if ground.covers(box) and union.intersection(box).area > 0.02 * box.area:
            return ",".join(f"{side:.0f}" for side in box.bounds)


def extent(scene: dict[str, str], crs: object) -> shapely.Geometry:
    """The ground of a scene."""
    with rasterio.open(scene["B4"]) as dataset:
        return gpd.GeoSeries([shapely.box(*dataset.bounds)], crs=dataset.crs).to_crs(crs).iloc[0].buffer(-40)


def scores(
    scene: dict[str, str], found: gpd.GeoDataFrame, slides: gpd.GeoDataFrame, judged: shapely.Geometry
) -> tuple[float, float, float]:
    """F1, precision and recall by pixels of 10 m whose middle a polygon covers."""
    west, south, east, north = extent(scene, found.crs).bounds
    shape = (int((north - south) / 10), int((east - west) / 10))
    place = rasterio.transform.from_origin(west, north, 10, 10)

    def burnt(shapes: gpd.GeoSeries) -> np.ndarray:
        return rasterize(shapes, shape, transform=place).astype(bool)

    where = burnt(gpd.GeoSeries([judged], crs=slides.crs).to_crs(found.crs))
    said, truth = burnt(found.geometry)[where], burnt(slides.to_crs(found.crs).geometry)[where]
    right = float((said & truth).sum())
    precision, recall = right / max(said.sum(), 1), right / truth.sum()
    return 2 * right / (said.sum() + truth.sum()), precision, recall


def numbers(known: object) -> tuple[float, float, float]:
    """F1, precision and recall of scores."""
    return known.f1, known.precision, known.recall  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()

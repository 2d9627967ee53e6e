"""Iburi, 2018, against a hand-traced inventory.

    python benchmarks/iburi_inventory.py --data ../shared/data --bundle rgb

The inventory (koukita/2018_09_06_atumatyou at commit fd58950) was traced from orthophotos of 6 to 11 September 2018 in
the western half of the scene; landslides are its layers `scar` and `deposit`. Scores are those of pixels of the mapping
grid whose centre lies in its layer `read_area`, the ground that was looked at, less `maybe`. The image is two months
younger than the photos and the sun is low; a second person's tracing agrees with this one at F1 0.72.

The second table says which landslides are missed: the recall of the run with the DEM by kind of ground.

- *Light*: the cosine of the angle between the sun's rays and the ground's normal, by the DEM and the sun of `SUN`.
  Shadows that a ridge casts on other ground are not in it.
- *Size*: of the traced polygon that a pixel lies in.
- *Brightness, colour*: B4 and B4 / B3 of a pixel, ranked among the pixels that are no landslide.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

import l4s_geo
from l4s_geo.stack.open import Inputs, open_stack
from l4s_geo.stack.terrain import horn
from l4s_training.export.card.scenes import RealScene, iburi
from l4s_training.scoring.metrics import Scores

WAYS = {
    "no DEM": {"dem": None},
    "with the DEM": {},
    "with the DEM, 8 views": {"tta": "d4"},
}
EXPLAINED = "with the DEM"

SUN = (165.0, 29.0)
"""Azimuth and elevation in degrees: where the sun stands at Sentinel-2's hour in early November at 42.7° N. The day is
not recorded; of all azimuths, those of 165° to 170° make cos i fit the image best."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Ground:
    """What is known of every pixel of the mapping grid, each (rows, cols)."""

    scar: Flags
    deposit: Flags
    judged: Flags
    """Where the inventory says something, and the scene was mapped."""
    size: NDArray[np.float32]
    """Area of the traced polygon, m²; 0 outside."""
    light: NDArray[np.float32]
    """Cosine of the sun's angle to the ground's normal."""
    red: NDArray[np.float32]
    """Digital numbers of B4."""
    redness: NDArray[np.float32]
    """B4 / B3."""

    @property
    def landslide(self) -> Flags:
        """Judged ground that slid."""
        return (self.scar | self.deposit) & self.judged


def ground_of(given: RealScene, inventory: Path, mapped: Flags) -> Ground:
    """Bring inventory, light and colour to the mapping grid."""
    with open_stack(Inputs(given.scene, dem=given.dem)) as stack:
        grid, whole = stack.grid, stack.grid.whole
        red, green = stack.read_raw(["B4", "B3"], whole)
        east, north = horn(stack.read_raw(["DEM"], whole)[0], grid.transform.a)
    azimuth, elevation = np.radians(SUN)
    towards = np.cos(elevation) * (np.sin(azimuth) * east + np.cos(azimuth) * north)
    light = (np.sin(elevation) - towards) / np.sqrt(1 + east**2 + north**2)

    def burn(layer: gpd.GeoSeries | pd.Series, values: bool = False) -> NDArray[np.float32]:
        shapes = zip(layer, layer.area, strict=True) if values else layer
        return rasterize(shapes, grid.shape, transform=grid.transform, dtype="float32")

    scar, deposit, maybe, read_area = (
        gpd.read_file(inventory, layer=layer).geometry.to_crs(grid.crs.to_wkt())
        for layer in ("scar", "deposit", "maybe", "read_area")
    )
    traced = pd.concat([scar, deposit])
    doubtful = (burn(maybe) > 0) & (burn(traced) == 0)
    return Ground(
        burn(scar) > 0,
        burn(deposit) > 0,
        (burn(read_area) > 0) & mapped & ~doubtful,
        burn(traced, values=True),
        light,
        red,
        red / np.maximum(green, 1),
    )


def kinds(ground: Ground) -> Iterator[tuple[str, Flags]]:
    """Yield kinds of ground, each with its pixels."""
    unslid = ground.judged & ~ground.landslide
    yield "all", ground.landslide
    yield "scars", ground.scar
    yield "deposits", ground.deposit & ~ground.scar
    lit = ground.light >= 0.5
    yield "lit (cos i from 0.5 on)", lit
    yield "dimly lit (cos i 0.25 to 0.5)", (ground.light >= 0.25) & ~lit
    yield "in shade or nearly so (cos i under 0.25)", ground.light < 0.25
    for low, high in ((0, 2_000), (2_000, 5_000), (5_000, 20_000), (20_000, np.inf)):
        name = f"traced as {low:,} to {high:,} m²" if np.isfinite(high) else f"traced as {low:,} m² and more"
        yield name, (ground.size > low) & (ground.size <= high)
    dark, bright = np.nanquantile(ground.red[unslid], [0.5, 0.9])
    bare = ground.redness > np.nanquantile(ground.redness[unslid], 0.9)
    yield "darker than half of the ground that did not slide", ground.red < dark
    yield "between", (ground.red >= dark) & (ground.red < bright)
    yield "brighter than nine tenths of it", ground.red >= bright
    yield "no redder than nine tenths of it (stayed green)", ~bare
    yield "redder (bare)", bare
    yield "bare and lit", bare & lit
    yield "bare and not lit", bare & ~lit
    yield "green and lit", ~bare & lit
    yield "green and not lit", ~bare & ~lit


def found_in(given: RealScene, raster: Path, **options: object) -> tuple[int, Flags, Flags]:
    """Map the scene; return the number of polygons, the pixels inside them and those that were mapped."""
    found = l4s_geo.map_scene(given.scene, probability=raster, **{"dem": given.dem, **options})
    with rasterio.open(raster) as dataset:
        drawn = rasterize(found.geometry, dataset.shape, transform=dataset.transform).astype(bool)
        return len(found), drawn, np.isfinite(dataset.read(1))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", default="rgb")
    arguments = parser.parse_args()
    given = iburi(arguments.data)[0]
    inventory = arguments.data / "iburi_2018" / "inventory_west.gpkg"
    explained: tuple[Ground, Flags] | None = None
    print("| run | polygons | F1 | precision | recall |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, options in WAYS.items():
            count, drawn, mapped = found_in(given, Path(folder) / "p.tif", bundle=arguments.bundle, **options)
            ground = ground_of(given, inventory, mapped)
            s = Scores.of(drawn[ground.judged], ground.landslide[ground.judged].astype(np.uint8))
            print(f"| {name} | {count} | {s.f1:.3f} | {s.precision:.3f} | {s.recall:.3f} |", flush=True)
            if name == EXPLAINED:
                explained = ground, drawn
    if explained:
        ground, drawn = explained
        print(f"\n| landslide area, {EXPLAINED} | km² | share | found |\n| --- | --- | --- | --- |")
        for name, flags in kinds(ground):
            here = flags & ground.landslide
            share, recall = here.sum() / ground.landslide.sum(), drawn[here].mean() if here.any() else np.nan
            print(f"| {name} | {here.sum() / 1e4:.2f} | {share:.0%} | {recall:.0%} |")


if __name__ == "__main__":
    main()

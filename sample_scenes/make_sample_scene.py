"""Make the simulated sample scene, its elevation model and its reference inventory.

Everything is drawn from one seed: the same command writes the same rasters, byte for byte.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.transform import Affine, from_origin
from shapely.geometry import MultiPolygon, Polygon, shape

from l4s_geo.bands import BANDS
from l4s_training.data.simulation import DEM_CELL, DEM_MARGIN, PIXEL, Region, simulate_scene

SEED = 11
SIZE = 512
CRS = "EPSG:32645"
WEST, NORTH = 420_000.0, 3_090_000.0
"""Upper left corner of the scene in CRS, m. The place is as made up as the scene."""
SMALLEST = 5
"""Pixels below which a scar is left out of the reference inventory."""


def main() -> None:
    """Parse the command line and write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("sample_scenes"), help="folder to write to")
    parser.add_argument("--seed", type=int, default=SEED, help=f"random seed (default {SEED})")
    parser.add_argument(
        "--size", type=int, default=SIZE, help=f"rows and columns of 10 m pixels, at least 128 (default {SIZE})"
    )
    arguments = parser.parse_args()
    if arguments.size < 128:
        parser.error(f"--size is {arguments.size}; a scene needs at least 128 rows and columns.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_sample(arguments.out, arguments.seed, arguments.size)


def write_sample(folder: Path, seed: int = SEED, size: int = SIZE) -> None:
    """Simulate a scene and write valley.tif, valley_dem.tif and valley_reference.gpkg.

    Args:
        folder: an existing folder.
        seed: random seed.
        size: rows and columns in 10 m pixels.
    """
    scene = simulate_scene(Region(), (size, size), np.random.default_rng(seed))
    grid = from_origin(WEST, NORTH, PIXEL, PIXEL)
    dem_grid = from_origin(WEST - DEM_MARGIN, NORTH + DEM_MARGIN, DEM_CELL, DEM_CELL)
    # No nodata value: every pixel is valid, and 0 is a real slope.
    _write_raster(folder / "valley.tif", scene.dn, grid, BANDS)
    _write_raster(folder / "valley_dem.tif", scene.dem[None], dem_grid, ("elevation",), nodata=-32768)
    _write_reference(folder / "valley_reference.gpkg", scene.landslides, grid)


def _write_raster(
    path: Path,
    layers: NDArray[np.integer],
    transform: Affine,
    names: tuple[str, ...],
    nodata: int | None = None,
) -> None:
    """Write a (bands, rows, cols) integer array as a compressed, tiled GeoTIFF."""
    path.unlink(missing_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=layers.shape[1],
        width=layers.shape[2],
        count=layers.shape[0],
        dtype=layers.dtype,
        crs=CRS,
        transform=transform,
        nodata=nodata,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        interleave="band",
        compress="deflate",
        zlevel=9,
        predictor=2,
    ) as target:
        target.write(layers)
        target.descriptions = names
        target.update_tags(SOURCE="Simulated scene, not an observation")


def _write_reference(path: Path, landslides: NDArray[np.bool_], transform: Affine) -> None:
    """Write the outlines of all scars of at least SMALLEST pixels, largest first."""
    found = shapes(landslides.astype(np.uint8), mask=landslides, connectivity=8, transform=transform)
    outlines = [_multipolygon(geometry) for geometry, _ in found]
    kept = sorted((p for p in outlines if p.area >= SMALLEST * PIXEL**2), key=lambda p: (-p.area, p.bounds))
    columns = {"id": range(1, len(kept) + 1), "area_m2": [p.area for p in kept]}
    path.unlink(missing_ok=True)
    # GDAL stamps a GeoPackage with the current time unless told another.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        gpd.GeoDataFrame(columns, geometry=kept, crs=CRS).to_file(path, layer="landslides", driver="GPKG")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _multipolygon(geometry: dict[str, Any]) -> MultiPolygon:
    """Build a valid multipolygon: cells that touch at a corner only become parts."""
    polygon = shape(geometry).buffer(0)
    return MultiPolygon([polygon]) if isinstance(polygon, Polygon) else polygon


if __name__ == "__main__":
    main()

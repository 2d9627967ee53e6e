"""Scenes of an event at made places and dates, as STAC items over COGs that a server on this machine hands out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from rasterio.warp import transform_bounds, transform_geom
from shapely.geometry import box, mapping, shape

from stac_items import EARTH_SEARCH, SIZE, earth_search

CRS = "EPSG:32654"
ORIGIN = (560_000.0, 4_740_000.0)
METRES = 7_680
"""Side of a scene."""
SHIFTS = (-0.1, -0.1, 0.1, 0.1)
CLEAR, CLOUD = 4, 9
"""Classes of the scene classification: vegetation, cloud."""
TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"


def degrees(left: float = 0, bottom: float = 0, right: float = 1, top: float = 1) -> tuple[float, float, float, float]:
    """A box within the ground of a scene, given by shares of its sides, in degrees: west, south, east, north."""
    west, north = ORIGIN
    south = north - METRES
    bounds = (west + left * METRES, south + bottom * METRES, west + right * METRES, south + top * METRES)
    return transform_bounds(CRS, "EPSG:4326", *bounds)


def write_cog(path: Path, values: np.ndarray, pixel: float, offset: tuple[float, float] = (0, 0)) -> None:
    """Write a COG with overviews on the ground of a scene."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = Affine(pixel, 0, ORIGIN[0] + offset[0], 0, -pixel, ORIGIN[1] + offset[1])
    profile = {"dtype": values.dtype, "count": 1, "height": values.shape[0], "width": values.shape[1], "nodata": 0}
    options = {"blocksize": 128, "overview_count": 2, "overview_resampling": "nearest"}
    with rasterio.open(path, "w", driver="COG", crs=CRS, transform=grid, **profile, **options) as file:
        file.write(values, 1)


def add_scene(
    root: Path,
    url: str,
    day: str,
    *,
    cloudy: float = 0.0,
    cover: float | None = None,
    tile: str = "54TWN",
    at: tuple[float, float] = (0, 0),
    classes: bool = True,
    bands: tuple[str, ...] = (),
    number: int = 0,
    baseline: str = "02.09",
) -> dict[str, Any]:
    """Write a scene's classification and the bands asked for, and return its item.

    Args:
        root: folder that a server hands out at an address.
        url: that address.
        day: when it was taken.
        cloudy: share of it that its classification shows under cloud, from the west on.
        cover: eo:cloud_cover in percent; as the classification says by default.
        tile: MGRS tile.
        at: metres by which it lies east and north of the usual ground.
        classes: whether it has a classification.
        bands: names of bands, such as B04, to write.
        number: of the product.
        baseline: processing baseline.
    """
    name = f"S2A_{tile}_{day.replace('-', '')}_{number}_L2A"
    item = earth_search()
    side = METRES // 20
    scl = np.full((side, side), CLEAR, np.uint8)
    scl[:, : round(cloudy * side)] = CLOUD
    if classes:
        write_cog(root / name / "SCL.tif", scl, 20, at)
    keys = {band: EARTH_SEARCH[band] for band in bands}
    for seed, band in enumerate(bands):
        pixel = SIZE.get(band, 20)
        pixels = np.random.default_rng(seed).integers(300, 3000, (METRES // pixel, METRES // pixel), dtype=np.uint16)
        write_cog(root / name / f"{band}.tif", pixels, pixel, at)
    assets = {key: {**item["assets"][key], "href": f"{url}/{name}/{band}.tif"} for band, key in keys.items()}
    if classes:
        assets["scl"] = {**item["assets"]["scl"], "href": f"{url}/{name}/SCL.tif"}
    ground = ground_of(at)
    properties = {**item["properties"], "datetime": f"{day}T01:06:49Z", "grid:code": f"MGRS-{tile}"}
    properties |= {"eo:cloud_cover": 100 * cloudy if cover is None else cover, "s2:processing_baseline": baseline}
    del properties["s2:product_uri"]
    return {**item, "id": name, "properties": properties, "assets": assets, **ground}


def add_elevation(root: Path, url: str, name: str = "Copernicus_DSM_COG_10_N42_00_E141_00_DEM") -> dict[str, Any]:
    """Write elevations around the ground of a scene and return their item."""
    west, south, east, north = (round(side, 1) + shift for side, shift in zip(degrees(), SHIFTS, strict=True))
    cols, rows = round((east - west) * 3600), round((north - south) * 3600)
    down, across = np.mgrid[:rows, :cols].astype(np.float32)
    path = root / f"{name}.tif"
    transform = rasterio.transform.from_bounds(west, south, east, north, cols, rows)
    with rasterio.open(
        path, "w", driver="COG", crs="EPSG:4326", transform=transform, dtype="float32", count=1, height=rows, width=cols
    ) as file:
        file.write(200 + 10 * down + across, 1)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "cop-dem-glo-30",
        "geometry": mapping(box(west, south, east, north)),
        "bbox": [west, south, east, north],
        "links": [],
        "properties": {"datetime": "2021-04-22T00:00:00Z", "gsd": 30},
        "assets": {"data": {"href": f"{url}/{path.name}", "type": TIFF, "roles": ["data"]}},
    }


def ground_of(at: tuple[float, float]) -> dict[str, Any]:
    """Geometry and bbox of a scene, in degrees."""
    west, north = ORIGIN[0] + at[0], ORIGIN[1] + at[1]
    outline = mapping(box(west, north - METRES, west + METRES, north))
    geometry = shape(transform_geom(CRS, "EPSG:4326", outline))
    return {"geometry": mapping(geometry), "bbox": list(shapely.bounds(geometry))}

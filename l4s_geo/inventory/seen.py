"""The ground that a map has seen: where it says something, be it that there is no landslide.

Maps of several scenes are merged by it (`l4s_geo.events.merge`): what one scene did not see, another one may have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

from l4s_geo.grid import Grid, Window
from l4s_geo.output.scratch_raster import ScratchRaster

__all__ = ["SEEN_SUFFIXES", "seen_ground", "write_seen"]

SEEN_SUFFIXES = (".fgb",)
"""Suffixes of files of seen ground."""

_BLOCK = 256
"""Rows and columns of the blocks that the ground is cut into, so that each polygon has few corners."""


def seen_ground(layers: ScratchRaster, grid: Grid) -> NDArray[np.object_]:
    """Outline the pixels that were mapped.

    Args:
        layers: a surface of probabilities first, NaN where nothing was mapped.
        grid: its grid.

    Returns:
        (n,) polygons in the grid's CRS that do not overlap, each within a block of 256 × 256 pixels.
    """
    return np.array([polygon for strip in grid.rows(_BLOCK) for polygon in _of_strip(layers, strip, grid)], object)


def write_seen(polygons: NDArray[np.object_], grid: Grid, path: Path) -> None:
    """Write seen ground as a vector file.

    Args:
        polygons: those of `seen_ground`.
        grid: their grid.
        path: a FlatGeobuf file.

    Raises:
        OSError: it cannot be written, or not all of it.
    """
    import geopandas as gpd
    import pyogrio
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    frame = gpd.GeoDataFrame({"area_m2": shapely.area(polygons)}, geometry=polygons, crs=grid.crs)
    try:
        pyogrio.write_dataframe(frame, path, driver="FlatGeobuf", geometry_type="Polygon", layer="seen")
        found = pyogrio.read_info(path)["features"]
    except (DataSourceError, FeatureError, GeometryError) as error:
        raise OSError(str(error)) from error
    if found != len(polygons):
        raise OSError(f"{path.name} was not written to its end ({found} of {len(polygons)} polygons)")


def _of_strip(layers: ScratchRaster, strip: Window, grid: Grid) -> Iterator[shapely.Polygon]:
    seen = np.isfinite(layers.read(strip)[0])
    for col in range(0, grid.width, _BLOCK):
        block = Window(strip.row, col, strip.height, min(_BLOCK, grid.width - col))
        inside = seen[:, col : col + block.width]
        part = grid.part(block)
        if inside.all():
            yield shapely.box(*part.bounds)
        elif inside.any():
            yield from _outlined(inside, part)


def _outlined(inside: NDArray[np.bool_], grid: Grid) -> Iterator[shapely.Polygon]:
    for geometry, _ in shapes(inside.astype(np.uint8), mask=inside, connectivity=4, transform=grid.transform):
        shell, *holes = geometry["coordinates"]
        polygon = shapely.Polygon(shell, holes)
        # A ring that touches itself at a corner is parted there.
        whole = polygon if polygon.is_valid else polygon.buffer(0)
        yield from shapely.get_parts(whole)

"""The ground of an event as a coarse raster, on which it is counted how much of it a scene shows, and how clearly.

The raster has at most 256 pixels a side, in degrees. A scene classification is read from its overviews, and only where
the area is: some kilobytes a scene, whatever its size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.features import geometry_mask
from rasterio.transform import array_bounds, from_bounds
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window
from rasterio.windows import from_bounds as window_of

from l4s_geo import defaults
from l4s_geo.sources.rasters import grid_of, opened, reading

__all__ = ["Ground", "ground_of", "read_classes"]

_SIDE = 256
_FINEST = 0.0002
"""Degrees: about the 20 m of a scene classification."""
_WGS84 = CRS.from_epsg(4326)
_NO_DATA = 0

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ground:
    """The area on a coarse raster."""

    transform: Affine
    """From columns and rows to degrees."""
    inside: Mask
    """(rows, cols): which pixels lie in the area."""

    @property
    def pixels(self) -> int:
        """Number of pixels in the area."""
        return int(self.inside.sum())

    def part(self, shape: shapely.Geometry) -> Mask:
        """Return (rows, cols): which pixels of the area lie in a shape, in degrees."""
        if shape.is_empty:
            return np.zeros_like(self.inside)
        outside: Mask = geometry_mask([shape], self.inside.shape, self.transform)
        return self.inside & ~outside

    def share(self, mask: Mask) -> float:
        """Return the share of the area's pixels that a mask holds."""
        return float((mask & self.inside).sum()) / self.pixels


def ground_of(area: shapely.Geometry) -> Ground:
    """Lay a coarse raster over an area.

    Args:
        area: a polygon or multipolygon in degrees, not empty.
    """
    west, south, east, north = area.bounds
    narrow = max(math.cos(math.radians((south + north) / 2)), 0.01)
    step = max((north - south) / _SIDE, (east - west) * narrow / _SIDE, _FINEST)
    rows, cols = max(1, round((north - south) / step)), max(1, round((east - west) * narrow / step))
    transform = from_bounds(west, south, east, north, cols, rows)
    inside = ~geometry_mask([area], (rows, cols), transform, all_touched=True)
    return Ground(transform, inside)


def read_classes(path: str, ground: Ground) -> tuple[Mask, Mask]:
    """Read the part of a scene classification (SCL) that lies over the ground, as coarsely as the ground is.

    Args:
        path: what GDAL opens.
        ground: the ground.

    Returns:
        Which pixels the scene shows, and which of them clearly: of no class that is masked when it is mapped
        (`l4s_geo.defaults.MASK_CLASSES`); each (rows, cols).

    Raises:
        SceneError: it cannot be read.
    """
    rows, cols = ground.inside.shape
    west, south, east, north = array_bounds(rows, cols, ground.transform)
    classes = np.full((rows, cols), _NO_DATA, np.uint8)
    with opened(path, "scene classification") as dataset:
        grid = grid_of(dataset, "scene classification")
        bounds = transform_bounds(_WGS84, grid.crs, west, south, east, north)
        window = _whole(window_of(*bounds, transform=grid.transform), dataset.height, dataset.width)
        if window is not None:
            # Asked for fewer pixels than there are, GDAL reads an overview.
            shape = min(window.height, 2 * rows), min(window.width, 2 * cols)
            with reading(path, "scene classification"):
                coarse = dataset.read(1, window=window, out_shape=shape, resampling=Resampling.nearest)
            scale = Affine.scale(window.width / shape[1], window.height / shape[0])
            placed = grid.transform @ Affine.translation(window.col_off, window.row_off) @ scale
            reproject(
                coarse.astype(np.uint8),
                classes,
                src_transform=placed,
                src_crs=grid.crs,
                dst_transform=ground.transform,
                dst_crs=_WGS84,
                resampling=Resampling.nearest,
            )
    seen = ground.inside & (classes != _NO_DATA)
    return seen, seen & ~np.isin(classes, defaults.MASK_CLASSES)


def _whole(window: Window, height: int, width: int) -> Window | None:
    """Return the whole pixels of a raster that meet a window; None if there are none."""
    top, left = max(0, math.floor(window.row_off)), max(0, math.floor(window.col_off))
    bottom = min(height, math.ceil(window.row_off + window.height))
    right = min(width, math.ceil(window.col_off + window.width))
    if top >= bottom or left >= right:
        return None
    return Window(left, top, right - left, bottom - top)

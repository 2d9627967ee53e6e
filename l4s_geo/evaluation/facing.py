"""The ground under landslides, from a DEM: how steep it is, where it faces, how the sun lit it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from l4s_geo.evaluation.pixels import blocks
from l4s_geo.grid import Grid
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.sun import Sun, illumination
from l4s_geo.stack.terrain import horn, slope_of

__all__ = ["Facing", "face"]


@dataclass(frozen=True)
class Facing:
    """The ground under landslides; each array is (n,) float64, NaN where the terrain is unknown."""

    slope: NDArray[np.float64]
    """Mean slope, degrees."""
    aspect: NDArray[np.float64]
    """Direction of the mean downhill vector, degrees clockwise from grid north."""
    lit: NDArray[np.float64]
    """Mean cos i; NaN everywhere if the sun is unknown."""
    elevation: NDArray[np.float64]
    """Mean elevation, metres."""


def face(shapes: NDArray[np.object_], grid: Grid, dem: DEM, sun: Sun | None) -> Facing:
    """Measure the ground under landslides, at the pixels whose centres they hold, at one inside if they hold none.

    Args:
        shapes: (n,) polygons in the CRS of the grid.
        grid: a grid of 10 m, that of the DEM.
        dem: the elevations.
        sun: where the sun stood; None if that is unknown.
    """
    n = len(shapes)
    sums = np.zeros((6, n + 1))
    numbers = np.arange(1, n + 1)
    points = shapely.point_on_surface(shapes)
    tree = shapely.STRtree(shapes)
    for window in blocks(grid, [shapes]):
        part = grid.part(window)
        near = np.sort(tree.query(shapely.box(*part.bounds)))
        burned = [*zip(shapes[near], numbers[near], strict=True), *zip(points[near], numbers[near], strict=True)]
        labels = rasterize(burned, out_shape=part.shape, transform=part.transform, dtype="int32")
        around = window.grown(1, grid.shape)
        ground = dem.read(around)[0]
        east, north = horn(ground, grid.transform.a)
        inner = (
            slice(window.row - around.row, window.row - around.row + window.height),
            slice(window.col - around.col, window.col - around.col + window.width),
        )
        east, north = east[inner], north[inner]
        known = (labels > 0) & np.isfinite(east + north)
        here, e, s = labels[known], east[known].astype(np.float64), north[known].astype(np.float64)
        steep = np.maximum(np.hypot(e, s), 1e-12)
        lit = illumination(e, s, sun) if sun else np.zeros(len(here))
        values = (np.ones(len(here)), slope_of(e, s), -e / steep, -s / steep, lit, ground[inner][known])
        sums += [np.bincount(here, v, minlength=n + 1) for v in values]
    with np.errstate(invalid="ignore", divide="ignore"):
        count, slope, east_sum, north_sum, light, height = sums[:, 1:]
        aspect = np.where(count > 0, np.degrees(np.arctan2(east_sum, north_sum)) % 360, np.nan)
        return Facing(slope / count, aspect, light / count if sun else np.full(n, np.nan), height / count)

"""Slope and rise of the ground from elevations, and the filling of small voids.

Both follow Horn (1981), "Hill shading and the reflectance map", Proc. IEEE 69. A missing neighbour is extrapolated
linearly from those that are there, so a slope exists wherever an elevation does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.grid import Grid, Window

__all__ = ["MAX_VOID", "Terrain", "fill_voids", "horn", "slope_of", "terrain_of"]

MAX_VOID = 10
"""Largest width, in pixels, of a void in the elevations that is filled."""


@dataclass(frozen=True)
class Terrain:
    """Elevations and slopes of a window."""

    around: NDArray[np.float32]
    """Elevations in metres of the window and of the pixels around it: (rows + 2, cols + 2) float32; NaN if unknown."""
    slope: NDArray[np.float32]
    """Slopes of the window in degrees, 0 to 90: (rows, cols) float32, NaN where unknown."""
    pixel: float
    """Side of a pixel, in metres."""

    @property
    def elevation(self) -> NDArray[np.float32]:
        """Elevations of the window in metres: (rows, cols) float32, NaN where unknown."""
        return self.around[1:-1, 1:-1]

    def rise(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return how the ground rises at some pixels of known elevation, by Horn's formula.

        Args:
            rows: (n,) rows of the pixels.
            cols: (n,) their columns.

        Returns:
            (2, n) metres per metre, towards the east and towards the north.
        """
        return _rise(self.around, rows + 1, cols + 1) / (8 * self.pixel)


def terrain_of(
    read: Callable[[Window], tuple[NDArray[np.float32], NDArray[np.float32]]], grid: Grid, window: Window
) -> Terrain:
    """Read the terrain of a window with the elevations of the pixels around it.

    Args:
        read: gives elevations in metres and slopes in degrees of a window, each (rows, cols) float32, NaN where
            unknown; slopes along the window's border are not used.
        grid: the grid; beyond it nothing is known.
        window: the window.
    """
    grown = window.grown(1, grid.shape)
    top, left = window.row - grown.row, window.col - grown.col
    elevation, slope = read(grown)
    around = np.full((window.height + 2, window.width + 2), np.nan, np.float32)
    around[1 - top : 1 - top + grown.height, 1 - left : 1 - left + grown.width] = elevation
    return Terrain(around, slope[top : top + window.height, left : left + window.width], grid.transform.a)


def horn(elevation: NDArray[np.float32], pixel: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the rise of the ground by Horn's third-order finite difference.

    Args:
        elevation: (rows, cols) float32, metres; NaN where unknown.
        pixel: side of a pixel, metres.

    Returns:
        Rise towards the east and towards the north, metres per metre, each (rows, cols) float32, NaN where the
        elevation is.
    """
    z = np.pad(elevation.astype(np.float64), 1, constant_values=np.nan)
    across, down = z[:, 2:] - z[:, :-2], z[:-2] - z[2:]
    east = across[:-2] + across[2:]
    east += 2 * across[1:-1]
    north = down[:, :-2] + down[:, 2:]
    north += 2 * down[:, 1:-1]
    rows, cols = np.nonzero(np.isnan(east + north) & np.isfinite(elevation))
    if len(rows):
        east[rows, cols], north[rows, cols] = _rise(z, rows + 1, cols + 1)
    return (east / (8 * pixel)).astype(np.float32), (north / (8 * pixel)).astype(np.float32)


def slope_of(east: NDArray[np.float32], north: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the slope in degrees, 0 to 90, from the rise of the ground, see `horn`."""
    slope: NDArray[np.float32] = np.degrees(np.arctan(np.hypot(east, north)))
    return slope


def _rise(z: NDArray[Any], rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float64]:
    """Compute Horn's formula for some pixels, not yet divided by eight pixels: (2, n).

    Of the elevations around a pixel, missing ones are extrapolated linearly from those that are there.
    """
    around = np.array([[z[rows + dr, cols + dc] for dc in (-1, 0, 1)] for dr in (-1, 0, 1)], np.float64)
    centre = around[1, 1]
    for r, c in ((0, 1), (2, 1), (1, 0), (1, 2)):
        straight = np.where(np.isfinite(around[2 - r, 2 - c]), 2 * centre - around[2 - r, 2 - c], centre)
        around[r, c] = np.where(np.isfinite(around[r, c]), around[r, c], straight)
    for r in (0, 2):
        for c in (0, 2):
            corner = around[r, 1] + around[1, c] - centre
            around[r, c] = np.where(np.isfinite(around[r, c]), around[r, c], corner)
    weights = np.array([1.0, 2.0, 1.0])
    return np.stack([weights @ (around[:, 2] - around[:, 0]), weights @ (around[0] - around[2])])


def fill_voids(elevation: NDArray[np.float32], across: int = MAX_VOID) -> NDArray[np.float32]:
    """Fill voids that are at most `across` pixels wide along their row or column, by linear interpolation.

    Only what lies between two known elevations is filled, so nothing is extrapolated beyond a DEM's border, and
    a pixel depends on no pixel farther away than `across`.

    Args:
        elevation: (rows, cols) float32, metres; NaN where unknown.
        across: widest gap to bridge, pixels.

    Returns:
        A copy with the small voids filled: where both directions bridge a void, their mean.
    """
    void = np.isnan(elevation)
    if not void.any():
        return elevation
    along_rows = _bridge(elevation, across)
    along_cols = _bridge(elevation.T, across).T
    both = np.stack([along_rows, along_cols])
    known = np.isfinite(both)
    mean = np.where(known, both, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(void & known.any(axis=0), mean, elevation).astype(np.float32)


def _bridge(values: NDArray[np.float32], across: int) -> NDArray[np.float64]:
    """Interpolate along each row over gaps of at most `across` pixels; NaN in wider ones."""
    rows, cols = values.shape
    position = np.broadcast_to(np.arange(cols), values.shape)
    known = np.isfinite(values)
    left = np.maximum.accumulate(np.where(known, position, -1), axis=1)
    right = np.minimum.accumulate(np.where(known, position, cols)[:, ::-1], axis=1)[:, ::-1]
    row = np.arange(rows)[:, None]
    a = values[row, np.maximum(left, 0)].astype(np.float64)
    b = values[row, np.minimum(right, cols - 1)].astype(np.float64)
    gap = right - left
    share = (position - left) / np.maximum(gap, 1)
    return np.where((left >= 0) & (right < cols) & (gap - 1 <= across), a + (b - a) * share, np.nan)

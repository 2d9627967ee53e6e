"""Slope and aspect from elevations, and the filling of small voids.

Slope and aspect follow Horn (1981), "Hill shading and the reflectance map", Proc. IEEE 69. A missing neighbour is
extrapolated linearly from those that are there, so a slope exists wherever an elevation does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_VOID", "Terrain", "fill_voids", "horn"]

MAX_VOID = 10
"""Voids up to this many pixels across are filled."""


@dataclass(frozen=True)
class Terrain:
    """Terrain of a window; each array is (rows, cols) float32 with NaN where unknown."""

    elevation: NDArray[np.float32]
    """Metres."""
    slope: NDArray[np.float32]
    """Degrees, 0 to 90."""
    aspect: NDArray[np.float32]
    """Direction the slope faces: degrees clockwise from grid north; NaN on flat ground."""


def horn(elevation: NDArray[np.float32], pixel: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and aspect by Horn's third-order finite difference.

    Args:
        elevation: (rows, cols) float32, metres; NaN where unknown.
        pixel: side of a pixel, metres.

    Returns:
        Slope in degrees and aspect in degrees clockwise from north (the direction the ground faces; NaN where
        it is flat), each (rows, cols) float32, NaN where the elevation is.
    """
    z = np.pad(elevation.astype(np.float64), 1, constant_values=np.nan)
    centre = z[1:-1, 1:-1]
    rows, cols = elevation.shape

    def at(dr: int, dc: int) -> NDArray[np.float64]:
        return z[1 + dr : 1 + dr + rows, 1 + dc : 1 + dc + cols]

    def side(dr: int, dc: int) -> NDArray[np.float64]:
        value, opposite = at(dr, dc), at(-dr, -dc)
        return np.where(np.isfinite(value), value, np.where(np.isfinite(opposite), 2 * centre - opposite, centre))

    n, s, w, e = side(-1, 0), side(1, 0), side(0, -1), side(0, 1)

    def corner(dr: int, dc: int) -> NDArray[np.float64]:
        value = at(dr, dc)
        return np.where(np.isfinite(value), value, (n if dr < 0 else s) + (w if dc < 0 else e) - centre)

    nw, ne, sw, se = corner(-1, -1), corner(-1, 1), corner(1, -1), corner(1, 1)
    east = ((ne + 2 * e + se) - (nw + 2 * w + sw)) / (8 * pixel)
    north = ((nw + 2 * n + ne) - (sw + 2 * s + se)) / (8 * pixel)
    slope = np.degrees(np.arctan(np.hypot(east, north)))
    aspect = np.degrees(np.arctan2(-east, -north)) % 360
    aspect[(east == 0) & (north == 0)] = np.nan
    return slope.astype(np.float32), aspect.astype(np.float32)


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

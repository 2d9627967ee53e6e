"""Attributes of landslides: geometry, detection, terrain.

Geometry is measured on the mapping grid, in metres: length and width are the sides of the minimum rotated
rectangle, orientation is the azimuth of its long side, compactness is Polsby and Popper's 4πA/P² (1 for a
circle). Terrain follows what practitioners record: relief H is the elevation range, the reach angle is
atan(H / L) with the planimetric length L, the aspect is a circular mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import shapely
from numpy.typing import NDArray

from l4s_geo.grid import Grid, Window
from l4s_geo.terrain import Terrain
from l4s_geo.vectorize import Components

__all__ = ["TERRAIN_COLUMNS", "detection_attributes", "geometry_attributes", "terrain_attributes", "touches"]

Columns = dict[str, NDArray[np.float64]]

TERRAIN_COLUMNS = (
    "slope_mean_deg",
    "slope_max_deg",
    "elev_min_m",
    "elev_max_m",
    "relief_m",
    "reach_angle_deg",
    "aspect_deg",
)

_STRIP = 512


def geometry_attributes(polygons: NDArray[np.object_]) -> Columns:
    """Measure polygons.

    Args:
        polygons: (n,) shapely polygons in a CRS in metres.

    Returns:
        area_m2, perimeter_m, length_m, width_m, orientation_deg (0 to 180, clockwise from grid north) and
        compactness (0 to 1), each (n,) float64.
    """
    area, perimeter = shapely.area(polygons), shapely.length(polygons)
    length, width, orientation = _rectangles(polygons)
    return {
        "area_m2": area,
        "perimeter_m": perimeter,
        "length_m": length,
        "width_m": width,
        "orientation_deg": orientation,
        "compactness": 4 * np.pi * area / perimeter**2,
    }


def detection_attributes(
    found: Components, probability: NDArray[np.float32], spread: NDArray[np.float32] | None = None
) -> Columns:
    """Measure how sure the networks are of each component.

    Args:
        found: the components.
        probability: (rows, cols) float32.
        spread: (rows, cols) float32, the standard deviation of the probability; None if it is unknown.

    Returns:
        prob_mean, prob_max and prob_spread (the mean of the spread; NaN if unknown), each (count,) float64.
    """
    inside = found.labels > 0
    labels, values = found.labels[inside], probability[inside].astype(np.float64)
    highest = np.zeros(found.count + 1)
    np.maximum.at(highest, labels, values)
    mean = np.bincount(labels, values, minlength=found.count + 1)[1:] / found.n_pixels
    unsure = np.full(found.count, np.nan)
    if spread is not None:
        unsure = np.bincount(labels, spread[inside].astype(np.float64), minlength=found.count + 1)[1:] / found.n_pixels
    return {"prob_mean": mean, "prob_max": highest[1:], "prob_spread": unsure}


def terrain_attributes(
    found: Components,
    read: Callable[[Window], Terrain | None],
    grid: Grid,
    length_m: NDArray[np.float64],
) -> Columns:
    """Measure the terrain under each component, strip by strip.

    Args:
        found: the components, on `grid`.
        read: gives the terrain of a window, or None if it is unknown.
        grid: the mapping grid.
        length_m: (count,) planimetric length L of each component.

    Returns:
        The columns of `TERRAIN_COLUMNS`, each (count,) float64, NaN where the terrain is unknown.
    """
    n = found.count + 1
    pixels, slope_sum, east, north = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    slope_max, highest = np.full(n, -np.inf), np.full(n, -np.inf)
    lowest = np.full(n, np.inf)
    for strip in grid.rows(_STRIP):
        inside = found.labels[strip.slices] > 0
        if not inside.any() or (terrain := read(strip)) is None:
            continue
        inside &= np.isfinite(terrain.elevation) & np.isfinite(terrain.slope)
        labels = found.labels[strip.slices][inside]
        elevation, slope = terrain.elevation[inside].astype(np.float64), terrain.slope[inside].astype(np.float64)
        aspect = np.radians(terrain.aspect[inside].astype(np.float64))
        pixels += np.bincount(labels, minlength=n)
        slope_sum += np.bincount(labels, slope, minlength=n)
        east += np.bincount(labels, np.nan_to_num(np.sin(aspect)), minlength=n)
        north += np.bincount(labels, np.nan_to_num(np.cos(aspect)), minlength=n)
        np.maximum.at(slope_max, labels, slope)
        np.maximum.at(highest, labels, elevation)
        np.minimum.at(lowest, labels, elevation)
    known = pixels[1:] > 0
    relief = np.where(known, highest[1:] - lowest[1:], np.nan)
    facing = known & (np.hypot(east, north)[1:] > 1e-9)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns: Mapping[str, NDArray[np.float64]] = {
            "slope_mean_deg": slope_sum[1:] / pixels[1:],
            "slope_max_deg": slope_max[1:],
            "elev_min_m": lowest[1:],
            "elev_max_m": highest[1:],
            "relief_m": relief,
            "reach_angle_deg": np.degrees(np.arctan2(relief, length_m)),
            "aspect_deg": np.where(facing, np.degrees(np.arctan2(east, north))[1:] % 360, np.nan),
        }
    return {name: np.where(known, values, np.nan) for name, values in columns.items()}


def touches(found: Components, pixels: NDArray[np.bool_], border: bool = False) -> NDArray[np.bool_]:
    """Whether each component lies beside given pixels, so that it may go on there.

    Args:
        found: the components.
        pixels: (rows, cols) bool, none of them in a component.
        border: whether the raster's own border counts too.

    Returns:
        (count,) bool.
    """
    beside = np.zeros(pixels.shape, bool)
    beside[[0, -1], :] = beside[:, [0, -1]] = border
    beside[1:] |= pixels[:-1]
    beside[:-1] |= pixels[1:]
    beside[:, 1:] |= pixels[:, :-1]
    beside[:, :-1] |= pixels[:, 1:]
    touching = np.zeros(found.count + 1, bool)
    touching[found.labels[beside]] = True
    return touching[1:]


def _rectangles(
    polygons: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Length, width and azimuth of the long side of the minimum rotated rectangles."""
    if not len(polygons):
        return np.empty(0), np.empty(0), np.empty(0)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(polygons)).reshape(-1, 5, 2)
    sides = corners[:, 1:3] - corners[:, 0:2]
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    long = lengths.argmax(axis=1)
    each = np.arange(len(polygons))
    azimuth = np.degrees(np.arctan2(sides[each, long, 0], sides[each, long, 1])) % 180
    return lengths[each, long], lengths[each, 1 - long], azimuth

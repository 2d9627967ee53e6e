"""Attributes of landslides: geometry, detection, terrain.

Geometry is measured on the mapping grid, in metres: length and width are the sides of the minimum rotated
rectangle, orientation is the azimuth of its long side, compactness is Polsby and Popper's 4πA/P² (1 for a
circle). Terrain follows what practitioners record: relief H is the elevation range, the reach angle is
atan(H / L) with the planimetric length L, the aspect is a circular mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from l4s_geo.grid import Grid, Window
from l4s_geo.inventory.surface import Layers
from l4s_geo.inventory.vectorize import MaskOf
from l4s_geo.stack.terrain import Terrain

__all__ = [
    "Attributes",
    "Labelled",
    "change_attributes",
    "detection_attributes",
    "geometry_attributes",
    "mean_values",
    "reach_angle",
    "terrain_attributes",
    "touches",
]

Attributes = dict[str, NDArray[np.float64]]


class Labelled(Protocol):
    """Landslides as pixels of a mapping grid: `Components` of a mask, or the `Footprints` of polygons."""

    @property
    def grid(self) -> Grid:
        """The grid of the pixels."""

    @property
    def count(self) -> int:
        """The number of landslides."""

    @property
    def n_pixels(self) -> NDArray[np.int64]:
        """(count,) int64: the number of pixels of each."""

    def strips(self) -> Iterator[tuple[Window, NDArray[np.int32]]]:
        """Yield windows with their labels, (rows, cols) int32: 1…count, and 0 where there is none.

        Windows may share pixels, as landslides of an inventory that somebody drew may; no landslide has a pixel twice.
        """


def geometry_attributes(polygons: NDArray[np.object_]) -> Attributes:
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


def detection_attributes(found: Labelled, layers: Layers) -> Attributes:
    """Measure how sure the networks are of each landslide.

    Args:
        found: the landslides.
        layers: probability and, if it is known, spread; see `l4s_geo.inference.predict.Prediction`.

    Returns:
        prob_mean, prob_max and prob_spread (the mean of the spread; NaN if unknown), each (count,) float64, over the
        pixels that were mapped; NaN where none was.
    """
    n = found.count + 1
    highest, mapped, sums = np.full(n, -np.inf), np.zeros(n), np.zeros((2, n))
    for strip, labels in found.strips():
        values = layers.read(strip)
        inside = (labels > 0) & np.isfinite(values[0])
        here = labels[inside]
        known = values[:, inside].astype(np.float64)
        np.maximum.at(highest, here, known[0])
        mapped += np.bincount(here, minlength=n)
        for total, value in zip(sums, known, strict=False):
            total += np.bincount(here, value, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, spread = sums[:, 1:] / mapped[1:]
    return {
        "prob_mean": mean,
        "prob_max": np.where(mapped[1:] > 0, highest[1:], np.nan),
        "prob_spread": spread if layers.bands > 1 else np.full(found.count, np.nan),
    }


def mean_values(
    found: Labelled, read: Callable[[Window], NDArray[np.float32]], bands: int, of: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Average rasters over components.

    Args:
        found: the components.
        read: gives (bands, rows, cols) float32 of a window, NaN where unknown.
        bands: number of the rasters.
        of: (count,) bool, the components that are wanted.

    Returns:
        (bands, count) float64; NaN where nothing is known, and of components that are not wanted.
    """
    n = found.count + 1
    wanted = np.concatenate([[False], of])
    sums, known = np.zeros((bands, n)), np.zeros(n)
    for strip, labels in found.strips() if of.any() else ():
        inside = wanted[labels]
        if not inside.any():
            continue
        values = read(strip)[:, inside].astype(np.float64)
        there = np.isfinite(values).all(axis=0)
        here = labels[inside][there]
        known += np.bincount(here, minlength=n)
        for total, value in zip(sums, values[:, there], strict=True):
            total += np.bincount(here, value, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.float64] = (sums / known)[:, 1:]
    return mean


def terrain_attributes(
    found: Labelled,
    read: Callable[[Window], Terrain | None],
) -> Attributes:
    """Measure the terrain under each component, strip by strip.

    Args:
        found: the components.
        read: gives the terrain of a window, or None if it is unknown.

    Returns:
        The columns of `l4s_geo.inventory.table.TERRAIN_COLUMNS` but the reach angle, each (count,) float64, NaN where
        the terrain is unknown.
    """
    n = found.count + 1
    pixels, slope_sum, east, north = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    slope_max, highest = np.full(n, -np.inf), np.full(n, -np.inf)
    lowest = np.full(n, np.inf)
    for strip, whole in found.strips():
        if (terrain := read(strip)) is None:
            continue
        inside = np.nonzero(whole)
        there = np.isfinite(terrain.elevation[inside]) & np.isfinite(terrain.slope[inside])
        rows, cols = (index[there] for index in inside)
        labels = whole[rows, cols]
        elevation, slope = (values[rows, cols].astype(np.float64) for values in (terrain.elevation, terrain.slope))
        rise = terrain.rise(rows, cols)
        rise /= np.maximum(np.hypot(*rise), np.finfo(float).tiny)
        pixels += np.bincount(labels, minlength=n)
        slope_sum += np.bincount(labels, slope, minlength=n)
        east -= np.bincount(labels, rise[0], minlength=n)
        north -= np.bincount(labels, rise[1], minlength=n)
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
            "aspect_deg": np.where(facing, np.degrees(np.arctan2(east, north))[1:] % 360, np.nan),
        }
    return {name: np.where(known, values, np.nan) for name, values in columns.items()}


def change_attributes(
    found: Labelled,
    measured: Callable[[Window], Mapping[str, NDArray[np.float32]]],
    observations: Callable[[Window], Mapping[str, NDArray[np.int32]]],
) -> Attributes:
    """Measure how each component has changed between two dates, strip by strip.

    Args:
        found: the components.
        measured: gives values of a window by attribute; see `l4s_geo.change.newness.Comparison.measured`.
        observations: gives the number of clear observations of each pixel by attribute.

    Returns:
        The mean of each value over the pixels where it is known, NaN where it is known of none; the smallest number of
        observations; and dndvi, the difference of the two NDVIs; each (count,) float64.
    """
    n = found.count + 1
    sums: dict[str, NDArray[np.float64]] = {}
    known: dict[str, NDArray[np.float64]] = {}
    fewest: dict[str, NDArray[np.float64]] = {}
    for strip, labels in found.strips():
        inside = labels > 0
        here = labels[inside]
        for name, raster in measured(strip).items():
            values = raster[inside].astype(np.float64)
            there = np.isfinite(values)
            sums[name] = sums.get(name, np.zeros(n)) + np.bincount(here[there], values[there], minlength=n)
            known[name] = known.get(name, np.zeros(n)) + np.bincount(here[there], minlength=n)
        for name, counts in observations(strip).items():
            np.minimum.at(fewest.setdefault(name, np.full(n, np.inf)), here, counts[inside])
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {name: sums[name][1:] / known[name][1:] for name in sums}
    columns |= {name: values[1:] for name, values in fewest.items()}
    if {"ndvi_before", "ndvi_after"} <= set(columns):
        columns["dndvi"] = columns["ndvi_after"] - columns["ndvi_before"]
    return columns


def reach_angle(relief_m: NDArray[np.float64], length_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return atan(H / L) in degrees, from relief and planimetric length of each component."""
    angle: NDArray[np.float64] = np.degrees(np.arctan2(relief_m, length_m))
    return angle


def touches(found: Labelled, pixels: MaskOf, border: bool = False) -> NDArray[np.bool_]:
    """Tell for each component whether it lies beside given pixels, so that it may go on there.

    Args:
        found: the components.
        pixels: gives the pixels of a window, none of them in a component.
        border: whether the raster's own border counts too.

    Returns:
        (count,) bool.
    """
    grid = found.grid
    touching = np.zeros(found.count + 1, bool)
    for strip, labels in found.strips():
        around = strip.grown(1, grid.shape)
        top, left = around.row - strip.row + 1, around.col - strip.col + 1
        near = np.full((strip.height + 2, strip.width + 2), border)
        near[top : top + around.height, left : left + around.width] = pixels(around)
        beside = near[:-2, 1:-1] | near[2:, 1:-1] | near[1:-1, :-2] | near[1:-1, 2:]
        touching[labels[beside]] = True
    return touching[1:]


def _rectangles(
    polygons: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return length, width and azimuth of the long side of the polygons' minimum rotated rectangles, each (n,)."""
    if not len(polygons):
        return np.empty(0), np.empty(0), np.empty(0)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(polygons)).reshape(-1, 5, 2)
    sides = corners[:, 1:3] - corners[:, 0:2]
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    long = lengths.argmax(axis=1)
    each = np.arange(len(polygons))
    azimuth = np.degrees(np.arctan2(sides[each, long, 0], sides[each, long, 1])) % 180
    return lengths[each, long], lengths[each, 1 - long], azimuth

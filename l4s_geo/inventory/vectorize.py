"""From a mask to polygons without seams, a strip of rows at a time.

Each connected component becomes one polygon along its pixels' edges, holes kept. The mask is labelled strip by strip;
labels that meet across the border of two strips are one component, so the result is that of the whole mask while memory
does not grow with its height. With 4-connectivity a polygon never touches itself; with 8-connectivity pixels that meet
at a corner belong together, and such a component is a multipolygon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from l4s_geo import defaults
from l4s_geo.errors import L4SError
from l4s_geo.grid import PIXEL, Grid, Window
from l4s_geo.output.geotiff import create

__all__ = [
    "Components",
    "Connectivity",
    "MaskOf",
    "VectorizeSettings",
    "components",
    "polygons",
    "simplify",
    "without_small_holes",
]

Connectivity = Literal[4, 8]
"""The neighbours of a pixel: those at its sides (4), or those at its corners too (8)."""

MaskOf = Callable[[Window], NDArray[np.bool_]]
"""A function that gives the mask of a strip of rows: (rows, cols) bool."""

_CORNERS = np.ones((3, 3), bool)
_STRIP = 512
_LAYOUT: dict[str, Any] = {"blockysize": 16, "sparse_ok": True}
"""Of scratch rasters: blocks of whole rows, since outlines are traced row by row; empty ones take no room."""


@dataclass(frozen=True)
class VectorizeSettings:
    """What becomes a landslide, and with which outline; `l4s_geo.map_scene` explains the settings."""

    threshold: float
    """Probability from which a pixel is landslide."""
    min_area: float = defaults.MIN_AREA
    """Minimum mapping unit, m²: smaller landslides are left out."""
    connectivity: Connectivity = defaults.CONNECTIVITY
    """4, or 8 for pixels that meet at a corner to belong together."""
    fill_holes: float = defaults.FILL_HOLES
    """Holes up to this area, m², are filled."""
    simplify: float = defaults.SIMPLIFY
    """Tolerance, metres, to which the pixel steps of outlines are smoothed."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise L4SError(f"The threshold is {self.threshold}; expected a probability above 0 and under 1.")
        for name in ("min_area", "fill_holes", "simplify"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise L4SError(f"The setting {name} is {value}; expected 0 or more.")
        if self.connectivity not in (4, 8):
            raise L4SError(f"Connectivity {self.connectivity} is unknown; expected 4 or 8.")

    @property
    def min_pixels(self) -> int:
        """Pixels of the smallest landslide."""
        return max(1, math.ceil(self.min_area / PIXEL**2 - 1e-9))

    @property
    def max_hole(self) -> int:
        """Pixels of the largest hole that is filled."""
        return int(self.fill_holes / PIXEL**2)


@dataclass(frozen=True)
class Components:
    """Connected groups of pixels, whose labels lie on disk."""

    path: Path
    """A GeoTIFF of int32: 0 is background, 1…count are the components, in the order of their first pixels. Beside it,
    with the suffix .mask.tif, lies a uint8 raster of where the components are."""
    grid: Grid
    """The grid of the labels."""
    n_pixels: NDArray[np.int64]
    """Number of pixels of each component: (count,) int64."""
    occupied: tuple[Window, ...]
    """The strips of rows that have a component in them."""
    connectivity: Connectivity = 4
    """Whether pixels that meet at a corner belong together (8) or not (4)."""

    @property
    def count(self) -> int:
        """The number of components."""
        return len(self.n_pixels)

    def strips(self) -> Iterator[tuple[Window, NDArray[np.int32]]]:
        """Yield every strip that has a component in it, with the strip's labels, (rows, cols) int32."""
        with rasterio.open(self.path) as dataset:
            for strip in self.occupied:
                yield strip, dataset.read(1, window=strip.ranges)


def components(mask: MaskOf, grid: Grid, path: Path, min_pixels: int = 1, connectivity: Connectivity = 4) -> Components:
    """Label the connected components of a mask.

    Args:
        mask: gives the mask.
        grid: its grid.
        path: GeoTIFF to write the labels to.
        min_pixels: components with fewer pixels are left out.
        connectivity: 4, pixels that share a side belong together; 8, those that share a corner too.

    Raises:
        OSError: the labels cannot be written.
    """
    found = _Labelling(mask, grid, connectivity)
    kept = found.sizes >= min_pixels
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    occupied = []
    with (
        create(path, grid, "int32", **_LAYOUT) as labelled,
        create(_mask_path(path), grid, "uint8", **_LAYOUT) as masked,
    ):
        for strip, labels in found.strips(number):
            if labels.any():
                labelled.write(labels, 1, window=strip.ranges)
                masked.write((labels > 0).view(np.uint8), 1, window=strip.ranges)
                occupied.append(strip)
    return Components(path, grid, found.sizes[kept], tuple(occupied), connectivity)


def without_small_holes(
    mask: MaskOf, valid: MaskOf, grid: Grid, max_pixels: int, connectivity: Connectivity = 4
) -> MaskOf:
    """Fill holes of a mask that are small and known to be background.

    Args:
        mask: gives the mask.
        valid: gives where there is data; a hole with unknown pixels in it stays.
        grid: their grid.
        max_pixels: largest hole to fill.
        connectivity: that of the mask; its holes have the other one.

    Returns:
        The mask without those holes. Background that reaches the raster's border is no hole.
    """
    holes = _Labelling(lambda strip: ~mask(strip), grid, 4 if connectivity == 8 else 8)
    small = holes.sizes <= max_pixels
    for strip, labels in holes.strips(np.arange(1, len(small) + 1, dtype=np.int32)):
        open_to = [labels[~valid(strip)], labels[:, 0], labels[:, -1]]
        open_to += [labels[0]] if strip.row == 0 else []
        open_to += [labels[-1]] if strip.row + strip.height == grid.height else []
        for touched in open_to:
            small[touched[touched > 0] - 1] = False
    fill = small.astype(np.int32)
    return lambda strip: mask(strip) | (holes.labels(strip, fill) > 0)


def polygons(found: Components) -> NDArray[np.object_]:
    """Return each component's outline in its grid's CRS, holes kept, all valid.

    Returns:
        (count,) of `shapely.Polygon`, or with 8-connectivity of `shapely.MultiPolygon`.
    """
    out = np.empty(found.count, object)
    if not found.count:
        return out
    with rasterio.open(found.path) as labelled, rasterio.open(_mask_path(found.path)) as masked:
        bands = rasterio.band(labelled, 1), rasterio.band(masked, 1)
        for geometry, label in shapes(*bands, connectivity=found.connectivity, transform=found.grid.transform):
            shell, *holes = geometry["coordinates"]
            out[int(label) - 1] = shapely.Polygon(shell, holes)
    # Rings that meet at a corner may come as one ring that touches itself; a zero buffer parts them.
    invalid = ~shapely.is_valid(out)
    out[invalid] = shapely.buffer(out[invalid], 0)
    if found.connectivity == 8:
        out[:] = [shapely.MultiPolygon(shapely.get_parts(shape).tolist()) for shape in out]
    return out


def simplify(outlines: NDArray[np.object_], tolerance: float) -> NDArray[np.object_]:
    """Smooth the pixel steps of outlines so that neighbours keep the borders they share.

    Visvalingam and Whyatt's algorithm on the coverage (`shapely.coverage_simplify`): a vertex goes if its triangle
    has an area under tolerance².

    Args:
        outlines: polygons that do not overlap.
        tolerance: metres.

    Returns:
        As many valid outlines; one that would vanish stays as it was.
    """
    simpler = shapely.coverage_simplify(outlines, tolerance)
    spoilt = ~shapely.is_valid(simpler) | shapely.is_empty(simpler)
    return np.where(spoilt, outlines, simpler)


class _Labelling:
    """Labels of a mask, strip by strip; components are numbered from 1 in the order of their first pixels."""

    def __init__(self, mask: MaskOf, grid: Grid, connectivity: Connectivity) -> None:
        self._mask, self._grid = mask, grid
        self._structure = _CORNERS if connectivity == 8 else None
        self._first: dict[int, int] = {}
        shifts = (-1, 0, 1) if connectivity == 8 else (0,)
        count, sizes, pairs = 0, [np.zeros(1, np.int64)], [np.empty((2, 0), np.int64)]
        above = np.zeros(grid.width, np.int64)
        for strip in grid.rows(_STRIP):
            labels, here = self._label(strip)
            self._first[strip.row] = count
            sizes.append(np.bincount(labels.ravel(), minlength=here + 1)[1:])
            top, bottom = (np.where(row > 0, row + np.int64(count), 0) for row in (labels[0], labels[-1]))
            pairs += [_meeting(above, top, shift) for shift in shifts]
            above, count = bottom, count + here
        self._component, self.sizes = _join(np.concatenate(sizes), np.concatenate(pairs, axis=1))

    def labels(self, strip: Window, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return (rows, cols) int32: each component's value, given in the order of their numbers; 0 elsewhere."""
        labels, here = self._label(strip)
        first = self._first[strip.row] + 1
        lookup = np.zeros(here + 1, np.int32)
        lookup[1:] = values[self._component[first : first + here] - 1]
        return lookup[labels]

    def strips(self, values: NDArray[np.int32]) -> Iterator[tuple[Window, NDArray[np.int32]]]:
        """Yield every strip of the mask with what `labels` gives for it."""
        for strip in self._grid.rows(_STRIP):
            yield strip, self.labels(strip, values)

    def _label(self, strip: Window) -> tuple[NDArray[np.int32], int]:
        """Label a strip by itself; return the labels and how many there are."""
        labels = np.empty((strip.height, strip.width), np.int32)
        count: int = ndimage.label(self._mask(strip), self._structure, output=labels)
        return labels, count


def _meeting(above: NDArray[np.int64], below: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    """Return the labels that meet between two rows, the lower one seen `shift` columns to the right: (2, n)."""
    n = len(above)
    upper, lower = above[max(0, -shift) : n - max(0, shift)], below[max(0, shift) : n - max(0, -shift)]
    both = (upper > 0) & (lower > 0)
    return np.unique(np.stack([upper[both], lower[both]]), axis=1)


def _join(sizes: NDArray[np.int64], pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Join labels that meet.

    Args:
        sizes: (1 + labels,) pixels of each label, 0 included.
        pairs: (2, n) labels that meet.

    Returns:
        (1 + labels,) the number of each label's component, 0 for 0; and (components,) their pixels.
    """
    n = len(sizes)
    count, group = connected_components(coo_array((np.ones(pairs.shape[1], bool), pairs), shape=(n, n)), directed=False)
    # Numbered by their smallest label; 0 meets none and stays 0.
    _, smallest = np.unique(group, return_index=True)
    rank = np.empty(count, np.int64)
    rank[np.argsort(smallest)] = np.arange(count)
    component = rank[group]
    return component, np.bincount(component, sizes, minlength=count)[1:].astype(np.int64)


def _mask_path(path: Path) -> Path:
    return path.with_suffix(".mask.tif")

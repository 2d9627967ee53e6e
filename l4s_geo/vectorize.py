"""From a probability raster to polygons without seams.

The whole mask is labelled at once and each connected component becomes one polygon along its pixels' edges, holes
kept. There are no tiles here, hence no tile borders. With 4-connectivity a polygon never touches itself; with
8-connectivity pixels that meet at a corner belong together, and such a component is a multipolygon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage

from l4s_geo.grid import Grid

__all__ = ["Components", "Connectivity", "components", "fill_holes", "polygons", "simplify"]

Connectivity = Literal[4, 8]

_CORNERS = np.ones((3, 3), bool)
_STRIP = 512


@dataclass(frozen=True)
class Components:
    """Connected groups of pixels."""

    labels: NDArray[np.int32]
    """(rows, cols) int32: 0 is background, 1…count the components, in the order of their first pixels."""
    n_pixels: NDArray[np.int64]
    """(count,) int64: pixels of each component."""
    connectivity: Connectivity = 4

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.n_pixels)


def components(mask: NDArray[np.bool_], min_pixels: int = 1, connectivity: Connectivity = 4) -> Components:
    """Label the connected components of a mask.

    Args:
        mask: (rows, cols) bool.
        min_pixels: components with fewer pixels are left out.
        connectivity: 4, pixels that share a side belong together; 8, those that share a corner too.
    """
    labels = np.empty(mask.shape, np.int32)
    count = ndimage.label(mask, _CORNERS if connectivity == 8 else None, output=labels)
    sizes = _counts(labels, count)
    kept = sizes >= min_pixels
    kept[0] = False
    renumber = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    for strip in _strips(labels):
        strip[...] = renumber[strip]
    return Components(labels, sizes[kept].astype(np.int64), connectivity)


def fill_holes(
    mask: NDArray[np.bool_], valid: NDArray[np.bool_], max_pixels: int, connectivity: Connectivity = 4
) -> NDArray[np.bool_]:
    """Fill holes of a mask that are small and known to be background.

    Args:
        mask: (rows, cols) bool.
        valid: (rows, cols) bool: where there is data; a hole with unknown pixels in it stays.
        max_pixels: largest hole to fill.
        connectivity: that of the mask; its holes have the other one.

    Returns:
        The mask with its small holes filled.
    """
    holes, count = ndimage.label(~mask, None if connectivity == 8 else _CORNERS)
    small = _counts(holes, count) <= max_pixels
    small[0] = False
    small[holes[~valid]] = False
    for border in (holes[0], holes[-1], holes[:, 0], holes[:, -1]):
        small[border] = False
    filled: NDArray[np.bool_] = mask | small[holes]
    return filled


def polygons(found: Components, grid: Grid) -> NDArray[np.object_]:
    """Return each component's outline in the grid's CRS, holes kept, all valid.

    Returns:
        (count,) of `shapely.Polygon`, or with 8-connectivity of `shapely.MultiPolygon`.
    """
    out = np.empty(found.count, object)
    traced = shapes(found.labels, mask=found.labels > 0, connectivity=found.connectivity, transform=grid.transform)
    for geometry, label in traced:
        shell, *holes = geometry["coordinates"]
        out[int(label) - 1] = shapely.Polygon(shell, holes)
    # Rings that meet at a corner may come as one ring that touches itself; a zero buffer parts them.
    invalid = ~shapely.is_valid(out)
    out[invalid] = shapely.buffer(out[invalid], 0)
    if found.connectivity == 8:
        out[:] = [shapely.MultiPolygon(shapely.get_parts(shape).tolist()) for shape in out]
    return out


def _strips(array: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """Views of some rows each: counting and indexing make copies of 8 bytes a pixel, 1 GB for a whole tile."""
    return [array[row : row + _STRIP] for row in range(0, len(array), _STRIP)]


def _counts(labels: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Pixels of each label, 0 included."""
    counts = np.zeros(count + 1, np.int64)
    for strip in _strips(labels):
        counts += np.bincount(strip.ravel(), minlength=count + 1)
    return counts


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

"""From a probability raster to polygons without seams.

The whole mask is labelled at once and each connected component (4-connectivity, so a polygon never touches
itself) becomes one polygon along its pixels' edges, holes kept. There are no tiles here, hence no tile borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage

from l4s_geo.grid import Grid

__all__ = ["Components", "components", "polygons"]


@dataclass(frozen=True)
class Components:
    """Connected groups of pixels."""

    labels: NDArray[np.int32]
    """(rows, cols) int32: 0 is background, 1…count the components, in the order of their first pixels."""
    n_pixels: NDArray[np.int64]
    """(count,) int64: pixels of each component."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.n_pixels)


def components(mask: NDArray[np.bool_], min_pixels: int = 1) -> Components:
    """Label the connected components of a mask.

    Args:
        mask: (rows, cols) bool.
        min_pixels: components with fewer pixels are left out.
    """
    labels, count = ndimage.label(mask, output=np.int32)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = sizes >= min_pixels
    kept[0] = False
    renumber = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return Components(renumber[labels], sizes[kept].astype(np.int64))


def polygons(found: Components, grid: Grid) -> NDArray[np.object_]:
    """Return each component's polygon in the grid's CRS: (count,) of `shapely.Polygon`, holes kept, all valid."""
    out = np.empty(found.count, object)
    for geometry, label in shapes(found.labels, mask=found.labels > 0, connectivity=4, transform=grid.transform):
        shell, *holes = geometry["coordinates"]
        out[int(label) - 1] = shapely.Polygon(shell, holes)
    # Two holes that meet at a corner may come as one ring that touches itself; a zero buffer parts them.
    invalid = ~shapely.is_valid(out)
    out[invalid] = shapely.buffer(out[invalid], 0)
    return out

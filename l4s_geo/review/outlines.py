"""The outlines that a threshold would give on a part of a probability raster, fast enough to follow a slider."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from l4s_geo import defaults
from l4s_geo.errors import InventoryError
from l4s_geo.grid import PIXEL, Grid, Window
from l4s_geo.inventory.landslides import find_landslides
from l4s_geo.inventory.surface import Surface, open_surface
from l4s_geo.inventory.vectorize import Connectivity, VectorizeSettings, polygons
from l4s_geo.inventory.vectorize import simplify as simplify_outlines
from l4s_geo.review.make import threshold_of

__all__ = ["MOST_PIXELS", "Outlines", "outlines"]

PathLike = str | os.PathLike[str]

MOST_PIXELS = 2304**2
"""Pixels of the largest part that is outlined at full resolution; a larger one is seen from the raster's overviews."""
_MARGIN = 16
_KEPT = 2


@dataclass(frozen=True)
class Outlines:
    """What a threshold gives on a part of a raster."""

    shapes: NDArray[np.object_]
    """(n,) polygons or multipolygons in the raster's CRS; one that goes on beyond the part ends where the part does."""
    area_m2: float
    """Their area, together."""
    threshold: float
    """The threshold."""
    pixel: float
    """Side of the pixels that were outlined, metres: 10, or more where the part is seen from overviews."""
    crs: str
    """The raster's CRS as WKT."""


@dataclass(frozen=True)
class _Part:
    """A part of a raster in memory, as `l4s_geo.inventory.surface.Layers`."""

    values: NDArray[np.float32]
    """(1, rows, cols) float32."""
    grid: Grid
    """The grid of the values, whose pixels may be larger than the raster's."""
    inner: tuple[bool, bool, bool, bool]
    """Whether the raster goes on beyond the part's top, bottom, left and right."""
    facts: Mapping[str, Any]
    """The provenance of the raster's run."""
    bands: int = 1

    def read(self, window: Window) -> NDArray[np.float32]:
        """Read a window: (1, rows, cols) float32."""
        rows, cols = window.slices
        return self.values[:, rows, cols]


_parts: OrderedDict[tuple[object, ...], _Part] = OrderedDict()
"""The parts that were looked at last: a slider asks for one again and again."""


def outlines(
    probability: PathLike,
    *,
    extent: Sequence[float] | None = None,
    threshold: float | None = None,
    min_area: float = defaults.MIN_AREA,
    connectivity: Connectivity = defaults.CONNECTIVITY,
    fill_holes: float = defaults.FILL_HOLES,
    simplify: float = defaults.SIMPLIFY,
) -> Outlines:
    """Outline the landslides that a threshold gives on a part of a probability raster.

    They are those of `l4s_geo.make_inventory` where they lie inside the part; one that its border cuts is kept even if
    what is left is smaller than the minimum area.

    Args:
        probability: the raster, as ``l4s-map --probability`` writes it.
        extent: west, south, east, north in the raster's CRS; None for all of it.
        threshold: probability from which a pixel is landslide; None takes that of the raster's run.
        min_area: minimum mapping unit, m².
        connectivity: 4, or 8 for pixels that meet at a corner to belong together.
        fill_holes: holes up to this area, m², are filled.
        simplify: tolerance, m, to which the pixel steps of outlines are smoothed.

    Raises:
        InventoryError: the raster cannot be read or is none of probabilities, the extent is none or does not meet it,
            or no threshold is known.
        L4SError: a setting is impossible.
    """
    part = _part(os.fspath(probability), extent)
    chosen = threshold_of(part.facts, os.fspath(probability), threshold)
    settings = VectorizeSettings(chosen, min_area, connectivity, fill_holes, simplify)
    scale = part.grid.transform.a / PIXEL
    # The pipeline counts pixels of 10 m.
    seen = replace(settings, min_area=0.0, fill_holes=settings.fill_holes / scale**2)
    with TemporaryDirectory(prefix="l4s-") as folder:
        found = find_landslides(part, part.grid, Path(folder) / "labels.tif", seen)
        large = found.n_pixels * scale**2 >= settings.min_pixels
        shapes = polygons(found)
    if settings.simplify > 0 and found.count:
        shapes = simplify_outlines(shapes, settings.simplify)
    shapes = shapes[large | _cut(shapes, part)]
    return Outlines(shapes, float(shapely.area(shapes).sum()), chosen, part.grid.transform.a, part.grid.crs.to_wkt())


def _part(probability: str, extent: Sequence[float] | None) -> _Part:
    """Read a part of a raster, or take it from memory if it was read before and the file is still the same."""
    key = (probability, _stamp(probability), tuple(extent) if extent is not None else None)
    if key not in _parts:
        with open_surface(probability, InventoryError) as surface:
            _parts[key] = _read(surface, extent)
        while len(_parts) > _KEPT:
            _parts.popitem(last=False)
    _parts.move_to_end(key)
    return _parts[key]


def _stamp(name: str) -> tuple[int, int]:
    try:
        stat = os.stat(name)
    except (OSError, ValueError):
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _read(surface: Surface, extent: Sequence[float] | None) -> _Part:
    window = _window(surface, extent)
    step = 2 ** max(0, math.ceil(math.log2(math.sqrt(window.height * window.width / MOST_PIXELS))))
    height, width = math.ceil(window.height / step), math.ceil(window.width / step)
    part = surface.grid.part(window)
    grid = Grid(part.crs, part.transform @ Affine.scale(window.width / width, window.height / height), height, width)
    rows, cols = surface.grid.shape
    bottom, right = window.row + window.height, window.col + window.width
    inner = (window.row > 0, bottom < rows, window.col > 0, right < cols)
    return _Part(surface.reduced(window, height, width), grid, inner, surface.facts)


def _window(surface: Surface, extent: Sequence[float] | None) -> Window:
    """The pixels of an extent, and some around it.

    Raises:
        InventoryError: it is none, or does not meet the raster.
    """
    if extent is None:
        return surface.grid.whole
    if len(extent) != 4 or not all(map(math.isfinite, extent)) or extent[0] >= extent[2] or extent[1] >= extent[3]:
        raise InventoryError(f"The extent is {list(extent)}; expected west, south, east and north, in this order.")
    west, south, east, north = extent
    to_pixels = ~surface.grid.transform
    (left, top), (right, bottom) = to_pixels @ (west, north), to_pixels @ (east, south)
    row, col = max(math.floor(top) - _MARGIN, 0), max(math.floor(left) - _MARGIN, 0)
    height = min(math.ceil(bottom) + _MARGIN, surface.grid.height) - row
    width = min(math.ceil(right) + _MARGIN, surface.grid.width) - col
    if height <= 0 or width <= 0:
        raise InventoryError(
            f"The extent {west:g}, {south:g}, {east:g}, {north:g} does not meet the probability raster "
            f"{surface.path}; expected one on it, in {surface.grid.crs_name}."
        )
    return Window(row, col, height, width)


def _cut(shapes: NDArray[np.object_], part: _Part) -> NDArray[np.bool_]:
    """Tell which outlines reach a border of the part beyond which the raster goes on: (n,) bool."""
    left, bottom, right, top = part.grid.bounds
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    near = part.grid.transform.a / 2
    reaches = (north > top - near, south < bottom + near, west < left + near, east > right - near)
    cut: NDArray[np.bool_] = np.any([side & inner for side, inner in zip(reaches, part.inner, strict=True)], axis=0)
    return cut

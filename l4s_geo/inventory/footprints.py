"""The pixels under polygons that somebody drew, so that what lies under them is measured as under those of a map.

A pixel belongs to a polygon if its centre lies in it, which gives a polygon along pixels' edges its own pixels back.
One so small or thin that it holds no centre has the pixel of a point inside it. Polygons may share ground: those that
meet are looked at one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from l4s_geo.grid import Grid, Window

__all__ = ["Footprints"]

_BLOCK = 512


class Footprints:
    """Polygons as pixels of a mapping grid; `l4s_geo.inventory.attributes.Labelled`."""

    def __init__(self, shapes: NDArray[np.object_], grid: Grid) -> None:
        """Take polygons.

        Args:
            shapes: (n,) valid polygons and multipolygons in the CRS of the grid.
            grid: the grid; what lies beyond it has no pixels.
        """
        self.grid = grid
        self._shapes = shapes
        self._groups = _apart(shapes)
        self.n_pixels = np.zeros(len(shapes), np.int64)
        for _, labels in self._centres():
            self.n_pixels += np.bincount(labels.ravel(), minlength=len(shapes) + 1)[1:]
        self._small = np.nonzero(self.n_pixels == 0)[0]
        self._points = self._pixels_of_points()
        self.n_pixels[self._small] = self._inside(self._points)

    @property
    def count(self) -> int:
        """The number of polygons."""
        return len(self._shapes)

    def strips(self) -> Iterator[tuple[Window, NDArray[np.int32]]]:
        """Yield windows of the grid with their labels, (rows, cols) int32: 1…count, and 0 where there is none."""
        yield from self._centres()
        for number, (row, col) in zip(self._small.tolist(), self._points.tolist(), strict=True):
            if self.n_pixels[number]:
                yield Window(row, col, 1, 1), np.array([[number + 1]], np.int32)

    def _centres(self) -> Iterator[tuple[Window, NDArray[np.int32]]]:
        """Yield blocks of the grid with the labels of the polygons whose centres of pixels they hold."""
        for group in self._groups:
            tree = shapely.STRtree(self._shapes[group])
            for strip in self.grid.rows(_BLOCK):
                if not len(tree.query(shapely.box(*self.grid.part(strip).bounds))):
                    continue
                for col in range(0, self.grid.width, _BLOCK):
                    block = Window(strip.row, col, strip.height, min(_BLOCK, self.grid.width - col))
                    near = group[np.sort(tree.query(shapely.box(*self.grid.part(block).bounds)))]
                    if len(near) and (window := self._around(near, block)):
                        yield window, self._burnt(near, window)

    def _around(self, near: NDArray[np.intp], block: Window) -> Window | None:
        """The part of a block that some polygons reach; None if that is nothing."""
        left, bottom, right, top = shapely.total_bounds(self._shapes[near])
        to_pixels = ~self.grid.transform
        (first_col, first_row), (last_col, last_row) = to_pixels @ (left, top), to_pixels @ (right, bottom)
        row, col = max(int(np.floor(first_row)), block.row), max(int(np.floor(first_col)), block.col)
        height = min(int(np.ceil(last_row)), block.row + block.height) - row
        width = min(int(np.ceil(last_col)), block.col + block.width) - col
        return Window(row, col, height, width) if height > 0 and width > 0 else None

    def _burnt(self, near: NDArray[np.intp], window: Window) -> NDArray[np.int32]:
        part = self.grid.part(window)
        pairs = zip(self._shapes[near], (near + 1).tolist(), strict=True)
        burnt: NDArray[np.int32] = rasterize(pairs, out_shape=part.shape, transform=part.transform, dtype="int32")
        return burnt

    def _pixels_of_points(self) -> NDArray[np.int64]:
        """The row and column of a point in each polygon that holds no centre: (small, 2)."""
        points = shapely.get_coordinates(shapely.point_on_surface(self._shapes[self._small]))
        if not len(points):
            return np.zeros((len(self._small), 2), np.int64)
        cols, rows = ~self.grid.transform @ (points[:, 0], points[:, 1])
        pixels: NDArray[np.int64] = np.floor(np.stack([rows, cols], axis=1)).astype(np.int64)
        return pixels

    def _inside(self, points: NDArray[np.int64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = np.all((points >= 0) & (points < np.array(self.grid.shape)), axis=1)
        return inside


def _apart(shapes: NDArray[np.object_]) -> list[NDArray[np.intp]]:
    """Part polygons into groups in none of which two meet, so that no two share a pixel."""
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    meets: dict[int, list[int]] = {}
    for a, b in zip(one[one > other].tolist(), other[one > other].tolist(), strict=True):
        meets.setdefault(a, []).append(b)
    group = np.zeros(len(shapes), np.intp)
    for number in sorted(meets):
        taken = {int(group[earlier]) for earlier in meets[number]}
        group[number] = next(g for g in range(len(taken) + 1) if g not in taken)
    return [np.nonzero(group == g)[0] for g in range(int(group.max()) + 1 if len(shapes) else 0)]

"""What is not to be mapped: clouds and the like, and ground outside the area of interest.

A mask hides pixels from the networks and from the map. An area of interest only says where the map is wanted: the
networks still see the ground around it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.features import geometry_mask

from l4s_geo.closing import Closing
from l4s_geo.errors import L4SError, SceneError
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.rasters import grid_of, opened, reading, sample
from l4s_geo.sources.scene import BandRef
from l4s_geo.sources.vectors import is_elsewhere, is_vector, read_polygons, vector_file
from l4s_geo.stack.warp import exact_warp

__all__ = ["SCL_CLASSES", "Area", "Mask", "RasterMask", "is_box", "open_area", "open_mask"]

SCL_CLASSES = {
    0: "no data",
    1: "saturated or defective",
    2: "dark area",
    3: "cloud shadow",
    4: "vegetation",
    5: "not vegetated",
    6: "water",
    7: "unclassified",
    8: "cloud, medium probability",
    9: "cloud, high probability",
    10: "thin cirrus",
    11: "snow or ice",
}
"""The classes of Level-2A's scene classification (SCL), and what they mean."""

_NO_CLASS = -1.0
"""What no pixel of a classification holds, in place of the nodata that it declares."""
_SHOWN = 3
_AROUND = 1.0
"""Degrees around a grid beyond which an area of interest does not count."""

PathLike = str | os.PathLike[str]


class Mask(Protocol):
    """Something that tells which pixels are not to be mapped."""

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window of the mapping grid: True where hidden."""


class RasterMask(Closing):
    """A raster whose chosen values hide pixels; a context manager."""

    def __init__(self, ref: BandRef, grid: Grid, what: str, classes: Sequence[int] | None = None) -> None:
        """Open a raster on a mapping grid.

        Args:
            ref: where it is stored.
            grid: the mapping grid.
            what: its part in the run, for messages.
            classes: values that hide a pixel; None for all but 0.
        """
        self._ref, self._what, self._classes = ref, what, classes
        self.by_classes = classes is not None
        """Whether chosen values hide pixels, and not all but 0."""
        self._resources = ExitStack()
        try:
            dataset = self._resources.enter_context(opened(ref.path, what))
            own = grid_of(dataset, what)
            # A class that is declared as nodata, 0 as a rule, stays a class where the raster is warped.
            fill = None if classes is None else _NO_CLASS
            self._raster = self._resources.enter_context(exact_warp(dataset, grid, Resampling.nearest, fill))
            self.covers = _share(own, grid)
            """The share of the mapping grid that the raster covers, 0 to 1."""
        except BaseException:
            self.close()
            raise

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window of the mapping grid: True where hidden, False beyond the raster."""
        with reading(self._ref.path, self._what):
            values = self._raster.read(self._ref.index, window=window.ranges, out_dtype="float32", masked=True)
        hidden: NDArray[np.bool_]
        if self._classes is not None:
            hidden = np.isin(np.asarray(values.data), self._classes)
        else:
            hidden = np.isfinite(values.filled(np.nan)) & (np.asarray(values.data) != 0)
        return hidden

    def strangers(self) -> list[float]:
        """Return the commonest values of a classification that are none of its classes, from a sample; at most 3."""
        if self._classes is None:
            return []
        values = sample(self._ref, self._what)
        values = values[np.isfinite(values) & ~np.isin(values, list(SCL_CLASSES))]
        found, counts = np.unique(values, return_counts=True)
        return [float(value) for value in found[np.argsort(-counts, kind="stable")][:_SHOWN]]

    def has_nodata(self) -> bool:
        """Whether some of its pixels are nodata or NaN, by a sample."""
        return bool(np.isnan(sample(self._ref, self._what)).any())

    def close(self) -> None:
        """Close the raster's file."""
        self._resources.close()


class Area:
    """Polygons on the mapping grid: an area of interest, or a mask drawn by hand."""

    def __init__(self, shape: shapely.Geometry, grid: Grid) -> None:
        """Take a polygon on the mapping grid.

        Args:
            shape: a polygon or several, in the grid's CRS.
            grid: the mapping grid.
        """
        self.shape = shape
        ground = shapely.box(*grid.bounds)
        self.meets = bool(shape.intersects(ground))
        """Whether the polygons cover some of the mapping grid."""
        self.covers = float(shape.intersection(ground).area / ground.area)
        """The share of the mapping grid that they cover, 0 to 1."""
        self._grid = grid

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window of the grid: True where a pixel's centre lies inside the area."""
        transform = self._grid.transform @ Affine.translation(window.col, window.row)
        if self.shape.is_empty:
            return np.zeros((window.height, window.width), bool)
        inside: NDArray[np.bool_] = geometry_mask([self.shape], (window.height, window.width), transform, invert=True)
        return inside

    def share_inside(self) -> float:
        """Return the share of the polygons' area that lies on the mapping grid, 0 to 1."""
        return float(self.shape.intersection(shapely.box(*self._grid.bounds)).area / max(self.shape.area, 1e-12))

    def window(self) -> Window:
        """Return the smallest window of the grid that holds the area."""
        left, bottom, right, top = self.shape.bounds
        (c0, r0), (c1, r1) = (~self._grid.transform @ corner for corner in ((left, top), (right, bottom)))
        row, col = max(0, int(np.floor(r0))), max(0, int(np.floor(c0)))
        return Window(
            row, col, min(self._grid.height, int(np.ceil(r1))) - row, min(self._grid.width, int(np.ceil(c1))) - col
        )


def open_area(area: PathLike, grid: Grid) -> Area:
    """Read an area of interest from a file or a box.

    Args:
        area: a vector file of polygons in any CRS (``FILE|layername=NAME`` if it has several layers), or
            "west,south,east,north" in degrees (WGS 84) or, if the numbers are larger than degrees can be or the grid
            has no coordinates, in the mapping grid's CRS.
        grid: the mapping grid.

    Raises:
        SceneError: it cannot be read, holds no polygon, or does not meet the scene.
    """
    text = os.fspath(area)
    if box := _box(text):
        shape = _to_grid(shapely.box(*box), _is_degrees(box) and not grid.is_local, grid)
    elif not Path(vector_file(text)).exists() and not is_elsewhere(text):
        raise SceneError(f"The area of interest {text} does not exist; give a vector file or west,south,east,north.")
    else:
        shape = shapely.union_all(read_polygons(text, grid, "area of interest"))
    found = Area(shape, grid)
    if not found.meets:
        raise SceneError(
            f"The area of interest {text} lies outside the scene ({_text(grid.bounds)} in {grid.crs_name}"
            f"{_degrees(grid)}); give one that meets it."
        )
    return found


def open_mask(path: PathLike, grid: Grid) -> RasterMask | Area:
    """Open a mask file: a raster that is not 0 where nothing is to be mapped, or a vector file of such polygons.

    Raises:
        SceneError: it is neither.
    """
    try:
        with opened(os.fspath(path), "mask") as dataset:
            bands = dataset.count
    except L4SError:
        if not is_vector(path):
            raise
    else:
        if bands != 1:
            raise SceneError(
                f"The mask {os.fspath(path)} has {bands} bands; expected one, so take it out (gdal_translate -b 1 FILE "
                "band1.tif)."
            )
        return RasterMask(BandRef(os.fspath(path)), grid, "mask")
    return Area(shapely.union_all(read_polygons(path, grid, "mask")), grid)


def _share(own: Grid, grid: Grid) -> float:
    """Return the share of a mapping grid's ground that a raster's bounds cover."""
    bounds = own.bounds_in(grid.crs)
    if bounds is None:
        return 0.0
    if not np.isfinite(bounds).all():
        return 1.0  # a raster of half the world has no bounds in UTM
    ground = shapely.box(*grid.bounds)
    return float(shapely.box(*bounds).intersection(ground).area / ground.area)


def is_box(area: PathLike) -> bool:
    """Whether an area is given as "west,south,east,north", and not as a file.

    Raises:
        SceneError: it is four numbers that are no box.
    """
    return _box(os.fspath(area)) is not None


def _box(text: str) -> tuple[float, float, float, float] | None:
    parts = text.split(",")
    if len(parts) != 4 or Path(vector_file(text)).exists():
        return None
    try:
        west, south, east, north = map(float, parts)
    except ValueError:
        return None
    if not (west < east and south < north and np.isfinite([west, south, east, north]).all()):
        raise SceneError(
            f"The area of interest {text} is no box; expected west,south,east,north with west < east and south < north."
        )
    return west, south, east, north


def _is_degrees(box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    return west >= -180 and east <= 180 and south >= -90 and north <= 90


def _to_grid(box: shapely.Geometry, degrees: bool, grid: Grid) -> shapely.Geometry:
    """Bring a box to the grid's CRS, its sides bent as they must be."""
    import geopandas as gpd

    if not degrees:
        return box
    # Far beyond the grid, its CRS has no coordinates.
    around = grid.bounds_in(CRS.from_epsg(4326))
    if around is not None and np.isfinite(around).all() and around[0] < around[2]:
        near = shapely.box(around[0] - _AROUND, around[1] - _AROUND, around[2] + _AROUND, around[3] + _AROUND)
        box = box.intersection(near)
        if box.is_empty:
            return box
    dense = shapely.segmentize(box, max((box.bounds[2] - box.bounds[0]) / 50, 1e-6))
    return gpd.GeoSeries([dense], crs=4326).to_crs(grid.crs.to_wkt()).iloc[0]


def _degrees(grid: Grid) -> str:
    """Say where a grid lies in longitudes and latitudes, as far as that is known."""
    bounds = None if grid.is_local else grid.bounds_in(CRS.from_epsg(4326))
    if bounds is None:
        return ""
    west, south, east, north = bounds
    return f", which is {west:.4f},{south:.4f},{east:.4f},{north:.4f} in degrees"


def _text(bounds: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.0f}" for value in bounds) + ")"

"""The mapping grid and the windows over it.

Everything is mapped on a *projected grid with square pixels of 10 m*, because the networks learned the size of
landslides in such pixels and because areas are measured on it. A scene that has such a grid keeps it; any
other is warped to its UTM zone on the fly. A grid without coordinates (`LOCAL`) is mapped on if its pixels are such.

Windows are 128×128 as in the competition and overlap. The last window of a row or column is shifted inwards so
that it ends at the border; blend weights are positive everywhere, so the outer ring of pixels is predicted
like any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import calculate_default_transform, transform, transform_bounds

from l4s_geo.errors import SceneError

__all__ = ["LOCAL", "PIXEL", "Grid", "Window", "blend_weights", "mapping_grid", "starts"]

PIXEL = 10.0
"""Side of a pixel of the mapping grid, in metres."""

LOCAL = CRS.from_wkt(
    'LOCAL_CS["Undefined Cartesian SRS",UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],'
    'AXIS["Northing",NORTH]]'
)
"""CRS of a grid without coordinates: metres from a corner that lies nowhere. GeoPackage knows it as srs_id -1."""

_PIXEL_TOLERANCE = 0.001
_AREA_TOLERANCE = 0.01
_MAX_SIDE = 200_000


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels of a grid."""

    row: int
    """First row, counted from the grid's top."""
    col: int
    """First column, counted from the grid's left."""
    height: int
    """Number of rows."""
    width: int
    """Number of columns."""

    @property
    def slices(self) -> tuple[slice, slice]:
        """The slices of rows and of columns that cut the window out of an array of the whole grid."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    def grown(self, margin: int, shape: tuple[int, int]) -> Window:
        """Return the window with a margin on all sides, as far as a raster of `shape` (rows, cols) goes."""
        row, col = max(self.row - margin, 0), max(self.col - margin, 0)
        bottom = min(self.row + self.height + margin, shape[0])
        right = min(self.col + self.width + margin, shape[1])
        return Window(row, col, bottom - row, right - col)

    @property
    def ranges(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The window as rasterio takes it: ((row start, row stop), (column start, column stop))."""
        return (self.row, self.row + self.height), (self.col, self.col + self.width)


@dataclass(frozen=True)
class Grid:
    """A raster's geometry: where its pixels lie on the ground, and how many there are."""

    crs: CRS
    """The coordinate reference system of the raster."""
    transform: Affine
    """The affine transform from (column, row) to the CRS's units."""
    height: int
    """Number of rows."""
    width: int
    """Number of columns."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of columns."""
        return self.height, self.width

    @property
    def whole(self) -> Window:
        """The window that covers the whole grid."""
        return Window(0, 0, self.height, self.width)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The grid's outer borders, (left, bottom, right, top), in the CRS's units."""
        corners = [self.transform @ (c, r) for c in (0, self.width) for r in (0, self.height)]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def bounds_in(self, crs: CRS) -> tuple[float, float, float, float] | None:
        """Return the outer borders, (left, bottom, right, top), in another CRS.

        Returns:
            The borders, some of them infinite where the CRS does not reach; None if no way leads there.
        """
        if crs == self.crs:
            return self.bounds
        try:
            left, bottom, right, top = transform_bounds(self.crs, crs, *self.bounds)
        except RasterioError:
            return None
        return left, bottom, right, top

    @property
    def is_local(self) -> bool:
        """Whether the grid has no coordinates: its CRS is an engineering one, which lies nowhere on Earth."""
        wkt: str = self.crs.to_wkt()
        return wkt.startswith(("LOCAL_CS[", "ENGCRS["))

    @property
    def crs_name(self) -> str:
        """The name of the CRS as people write it: "EPSG:32654" where it has a code."""
        if self.is_local:
            return "local coordinates (no CRS)"
        authority = self.crs.to_authority()
        return ":".join(authority) if authority else str(self.crs.to_dict().get("proj", "a custom CRS"))

    def part(self, window: Window) -> Grid:
        """Return the grid that a window of this grid is."""
        transform = self.transform @ Affine.translation(window.col, window.row)
        return Grid(self.crs, transform, window.height, window.width)

    def rows(self, height: int) -> list[Window]:
        """Return strips of full width and at most `height` rows that cover the grid."""
        return [Window(r, 0, min(height, self.height - r), self.width) for r in range(0, self.height, height)]


def mapping_grid(native: Grid) -> Grid:
    """Return the grid on which a scene is mapped: its own if it fits, else one in its UTM zone.

    Args:
        native: the scene's own grid.

    Returns:
        A projected, north-up grid with square pixels of 10 m that covers the scene.

    Raises:
        SceneError: the scene is rotated or cannot be projected.
    """
    t = native.transform
    if t.b or t.d:
        raise SceneError(
            f"The scene's transform is rotated or sheared ({t.b:g}, {t.d:g}); expected a raster whose rows run "
            "west to east, so warp it first (gdalwarp FILE straight.tif)."
        )
    if fits(native):
        return native
    if t.e > 0 and fits(upright := _upright(native)):
        return upright
    if native.is_local:
        raise SceneError(
            f"The scene has no coordinates and pixels of {abs(t.a):g} × {abs(t.e):g} of its units; expected pixels of "
            "10 m, north up, so assign its CRS (gdal_translate -a_srs EPSG:… FILE placed.tif) or resample it "
            "(gdalwarp -tr 10 10 FILE resampled.tif)."
        )
    crs = utm_crs(native)
    try:
        target, width, height = calculate_default_transform(
            native.crs, crs, native.width, native.height, *native.bounds, resolution=PIXEL
        )
    except Exception as error:
        raise SceneError(f"The scene cannot be projected from {native.crs_name} to UTM ({error}).") from error
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise SceneError(
            f"The scene would be {height} × {width} pixels of 10 m in {crs.to_string()}; check its CRS and transform."
        )
    left, top = (math.floor(target.c / PIXEL) * PIXEL, math.ceil(target.f / PIXEL) * PIXEL)
    return Grid(crs, Affine(PIXEL, 0, left, 0, -PIXEL, top), height + 1, width + 1)


def _upright(grid: Grid) -> Grid:
    """Return the same pixels with the northernmost row first, of a grid that has it last."""
    return Grid(grid.crs, grid.transform @ Affine(1, 0, 0, 0, -1, grid.height), grid.height, grid.width)


def fits(grid: Grid) -> bool:
    """Tell whether a grid can be mapped on as it is: metres on the ground, pixels of 10 m, north up."""
    t = grid.transform
    square = abs(t.a - PIXEL) <= _PIXEL_TOLERANCE and abs(-t.e - PIXEL) <= _PIXEL_TOLERANCE
    if grid.is_local:
        return square and bool(pyproj.CRS.from_wkt(grid.crs.to_wkt()).axis_info[0].unit_conversion_factor == 1)
    return square and is_metric(grid.crs, grid.bounds)


def is_metric(crs: CRS, bounds: tuple[float, float, float, float]) -> bool:
    """Tell whether a CRS is projected in metres and true to area within 1 % at the centre of `bounds`."""
    if not crs.is_projected or crs.linear_units_factor[1] != 1.0:
        return False
    left, bottom, right, top = bounds
    (lon,), (lat,) = transform(crs, "EPSG:4326", [(left + right) / 2], [(bottom + top) / 2])
    factors = pyproj.Proj(pyproj.CRS.from_wkt(crs.to_wkt())).get_factors(lon, lat)
    return abs(factors.areal_scale - 1) <= _AREA_TOLERANCE


def utm_crs(grid: Grid) -> CRS:
    """Return the UTM zone (WGS 84) of a grid's centre."""
    x, y = grid.transform @ (grid.width / 2, grid.height / 2)
    try:
        (lon,), (lat,) = transform(grid.crs, "EPSG:4326", [x], [y])
    except Exception as error:
        raise SceneError(f"The scene's centre cannot be located from {grid.crs_name} ({error}).") from error
    if not (math.isfinite(lon) and -80 <= lat <= 84):
        raise SceneError(
            f"The scene's centre lies at longitude {lon:.4f}, latitude {lat:.4f}; expected one within UTM's range, "
            "80° S to 84° N. Check the scene's CRS and transform."
        )
    zone = int((lon + 180) % 360 // 6) + 1
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def starts(length: int, size: int, overlap: int) -> list[int]:
    """Return the first pixels of the windows along one axis.

    Args:
        length: pixels along the axis.
        size: pixels of a window.
        overlap: pixels that neighbours share, less than `size`.

    Returns:
        Ascending starts; consecutive windows overlap by at least `overlap`, and the last ends at `length`.
        A single 0 if the axis is not longer than a window.
    """
    if length <= size:
        return [0]
    regular = list(range(0, length - size, size - overlap))
    return [*regular, length - size]


def blend_weights(size: int) -> NDArray[np.float32]:
    """Return the weights with which overlapping windows are averaged: a pyramid, positive everywhere.

    Args:
        size: rows and columns of a window.

    Returns:
        (size, size) float32, from 1/size² at the corners to about 1 in the middle.
    """
    i = np.arange(size)
    ramp = (np.minimum(i, size - 1 - i) + 0.5) / (size / 2)
    return np.outer(ramp, ramp).astype(np.float32)

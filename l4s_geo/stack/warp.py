"""Rasters warped on the fly, with the same value for a pixel whatever window it is read in."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from l4s_geo.errors import SceneError
from l4s_geo.grid import Grid

__all__ = ["exact_warp", "pixels_per_pixel", "repeats"]

# GDAL approximates coordinates between the ends of a window's rows, and derives the width of its kernel from the
# window. Both make a pixel depend on the window; a vanishing error limit and a stated scale take that away.
_COORDINATE_ERROR = 1e-9


def exact_warp(dataset: Any, grid: Grid, resampling: Resampling, nodata: float | None = None) -> Any:
    """Return a dataset as it looks on a grid: itself if it is on it, else a warped view.

    Args:
        dataset: an open rasterio dataset.
        grid: where to bring it.
        resampling: how.
        nodata: stored value that means no data, if the dataset does not say so itself.

    Returns:
        A context manager that gives what windows of `grid` are read from, as a dataset's `read` does: float32 with
        NaN as nodata if it had to be warped.
    """
    k = repeats(dataset, grid)
    if k == 1 and dataset.shape == grid.shape:
        return dataset
    if k > 1 and resampling is Resampling.nearest:
        return nullcontext(Repeated(dataset, k))
    nodata = dataset.nodata if nodata is None else nodata
    if nodata is None and np.issubdtype(np.dtype(dataset.dtypes[0]), np.floating):
        nodata = np.nan
    source = Grid(dataset.crs, dataset.transform, dataset.height, dataset.width)
    across, down = pixels_per_pixel(source, grid)
    return WarpedVRT(
        dataset,
        src_crs=_unwrapped(source),
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=resampling,
        src_nodata=nodata,
        nodata=np.nan,
        dtype="float32",
        tolerance=_COORDINATE_ERROR,
        UNIFIED_SRC_NODATA="NO",
        XSCALE=repr(_kernel_scale(across)),
        YSCALE=repr(_kernel_scale(down)),
    )


def _unwrapped(source: Grid) -> CRS:
    """Return the CRS of a grid; if it crosses the antimeridian, one whose longitudes go on beyond 180°."""
    left, _, right, _ = source.bounds
    if not source.crs.is_geographic or (left >= -180 and right <= 180):
        return source.crs
    return CRS.from_proj4(f"+proj=longlat +datum=WGS84 +lon_wrap={(left + right) / 2:.6f} +no_defs")


class Repeated:
    """A raster of coarser pixels on a grid that splits each of them into k × k: every value is repeated."""

    def __init__(self, dataset: Any, k: int) -> None:
        self._dataset = dataset
        self._k = k
        self.dtypes = dataset.dtypes
        self.nodatavals = dataset.nodatavals
        self.mask_flag_enums = dataset.mask_flag_enums

    def read(self, indexes: Any, window: Any, out: Any = None, **how: Any) -> Any:
        """Read a window of the fine grid, as a dataset's `read` does."""
        (top, bottom), (left, right) = window
        k = self._k
        coarse = ((top // k, -(-bottom // k)), (left // k, -(-right // k)))
        values = self._dataset.read(indexes, window=coarse, **how)
        offset = left - coarse[1][0] * k
        wide = values.repeat(k, axis=-1)[..., offset : offset + right - left]
        rows = np.arange(top, bottom) // k - coarse[0][0]
        if out is None:
            return wide[..., rows, :]
        out[:] = wide[..., rows, :]
        return out


def repeats(dataset: Any, grid: Grid) -> int:
    """Return k if each pixel of a dataset is k × k pixels of a grid from the same corner on, else 0."""
    ratio = dataset.transform.a / grid.transform.a
    k = round(ratio)
    scaled = grid.transform @ Affine.scale(k)
    same = dataset.crs == grid.crs and k >= 1 and dataset.transform.almost_equals(scaled, precision=1e-6)
    covers = dataset.height * k >= grid.height and dataset.width * k >= grid.width
    return k if same and covers else 0


def _kernel_scale(pixels: float) -> float:
    """Widen the kernel only where the plain one would miss source pixels; a plane stays a plane until then."""
    return 1.0 if pixels < 2 else 1 / pixels


def pixels_per_pixel(source: Grid, target: Grid) -> tuple[float, float]:
    """Return how many pixels of one grid one pixel of another spans, at the other's centre.

    Args:
        source: the grid whose pixels are counted.
        target: the grid in whose pixel they are counted.

    Returns:
        The count along the target's rows and along its columns.

    Raises:
        SceneError: the target's centre has no place in the source's CRS.
    """
    if target.crs != source.crs and (target.is_local or source.is_local):
        raise SceneError(
            f"The scene is in {target.crs_name} and this in {source.crs_name}, to which no way leads; expected one CRS "
            "for both, so assign it to the one without (gdal_translate -a_srs EPSG:… FILE placed.tif)."
        )
    col, row = target.width / 2, target.height / 2
    xs, ys = zip(*(target.transform @ p for p in ((col, row), (col + 1, row), (col, row + 1))), strict=True)
    try:
        xs, ys = transform(target.crs, source.crs, xs, ys)
    except RasterioError as error:
        raise SceneError(f"{target.crs_name} cannot be brought to {source.crs_name} ({error}).") from error
    if not np.isfinite([*xs, *ys]).all():
        raise SceneError(
            f"The scene's centre has no coordinates in {source.crs_name}; expected a CRS that is valid there."
        )
    (c0, r0), (c1, r1), (c2, r2) = (~source.transform @ point for point in zip(xs, ys, strict=True))
    return math.hypot(c1 - c0, r1 - r0), math.hypot(c2 - c0, r2 - r0)

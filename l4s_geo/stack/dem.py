"""Terrain on the mapping grid, from DEM files in any CRS and resolution.

The slope is computed on the DEM's own pixels in a metric CRS and brought to the mapping grid afterwards, as for the
Landslide4Sense patches: the elevation bilinearly, the slope by the nearest pixel. Several files make a mosaic;
where they overlap, the first that knows the elevation counts. What fills holes and collars without being declared as
nodata is told by its values, and unknown like them.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling

from l4s_geo.address import is_network
from l4s_geo.closing import Closing
from l4s_geo.errors import SceneError, TerrainError
from l4s_geo.grid import PIXEL, Grid, Window
from l4s_geo.sources import http
from l4s_geo.sources.rasters import grid_of, opened, reading
from l4s_geo.sources.stac import elevation_file, is_item
from l4s_geo.sources.vrt import outside
from l4s_geo.stack.slopes import NOT_FLAT, check_degrees, is_slope, is_void, probe_windows, unlike, without_fill
from l4s_geo.stack.terrain import MAX_VOID, fill_voids, horn, slope_of
from l4s_geo.stack.voids import HIGHEST, LOWEST, find_voids, impossible, in_metres, is_scaled, without_voids
from l4s_geo.stack.warp import exact_warp, pixels_per_pixel

__all__ = ["DEM"]

_FOOT = 0.3048
_UNITS = {
    **dict.fromkeys(("dm", "decimetre", "decimeter", "decimetres", "decimeters"), 0.1),
    **dict.fromkeys(("cm", "centimetre", "centimeter", "centimetres", "centimeters"), 0.01),
    **dict.fromkeys(("mm", "millimetre", "millimeter", "millimetres", "millimeters"), 0.001),
    **dict.fromkeys(("km", "kilometre", "kilometer", "kilometres", "kilometers"), 1000.0),
    **dict.fromkeys(("yd", "yard", "yards"), 0.9144),
}
"""Units of heights by their names, in metres; feet have too many names."""
_FLAT, _TOO_STEEP = 2.0, 55.0
"""Degrees under which 99 % of the ground is nowhere but on plains, and over which half of it is nowhere."""
_HALO = 2
_SAMPLES = 64
_BLOCK, _BLOCKS = 512, 256
_FEW = 100
_SOME = 0.005

PathLike = str | os.PathLike[str]


class DEM(Closing):
    """A mosaic of DEM files, and perhaps a ready slope, read on a mapping grid; a context manager."""

    def __init__(self, paths: PathLike | Sequence[PathLike], grid: Grid, slope: PathLike | None = None) -> None:
        """Open DEM files.

        Args:
            paths: rasters of elevations in metres, or STAC items of such.
            grid: the mapping grid to read them on.
            slope: a raster of slopes in degrees, to take in place of computed ones.

        Raises:
            TerrainError: a file cannot be read, has no CRS, is not in metres (or the slope not in degrees), or
                none has an elevation anywhere on the grid.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        self.paths = tuple(map(_file_of, given))
        self.grid = grid
        self.slope_path = os.fspath(slope) if slope is not None else None
        self.voids_filled = False
        """Whether reading has met small voids in the elevations and filled them."""
        self.remarks: list[str] = []
        """What a user should know of how the elevations were understood, one sentence each."""
        self._resources = ExitStack()
        self._handles = [self._resources.enter_context(ExitStack()) for _ in self.paths]
        self._voids: dict[int, tuple[float, ...]] = {}
        try:
            datasets = [self._open(path, "DEM", files) for path, files in zip(self.paths, self._handles, strict=True)]
            self.remarks += outside(self.paths)
            self._own = _metric_grid([grid_of(d, "DEM", TerrainError) for d in datasets], grid)
            known = [self._without_voids(index, dataset) for index, dataset in enumerate(datasets)]
            self._rasters = [self._on(self._own, d, f) for d, f in zip(known, self._handles, strict=True)]
            self._slope = self._on(grid, self._open_slope()) if self.slope_path else None
            self.remarks += outside([self.slope_path] if self.slope_path else [])
            self.covered = self._coverage()
            self.remarks += self._doubts()
            if self._slope is not None:
                self._check_slope()
            self.voids_filled = False  # what was looked at so far is not what anybody reads
        except BaseException:
            self.close()
            raise

    def read(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read the terrain of a window of the mapping grid.

        Returns:
            Elevation in metres (bilinear) and slope in degrees (nearest), each (rows, cols) float32, NaN where
            unknown.
        """
        elevation, computed = self._sampled(window)
        if self._slope is None:
            return elevation, computed
        slope = self._read_raster(self._slope, window.ranges, "slope", str(self.slope_path))
        slope[~is_slope(slope)] = np.nan
        return elevation, np.where(is_void(slope, computed), computed, slope)

    def close(self) -> None:
        """Close the DEM's files."""
        self._resources.close()

    def _open(self, path: str, what: str, files: ExitStack) -> Any:
        dataset = files.enter_context(opened(path, what, TerrainError))
        if dataset.count != 1:
            raise TerrainError(
                f"The {what} {path} has {dataset.count} bands; expected one, so take it out (gdal_translate -b 1 FILE "
                "band1.tif)."
            )
        if what == "DEM" and dataset.dtypes[0] == "uint8":
            self.remarks.append(
                f"the DEM {path} has 8 bits, heights of 0 to 255 m, as a picture of the ground (a hillshade) has; give "
                "elevations"
            )
        unit = _unit(dataset)
        if what == "DEM" and (metres := _metres(unit)) != 1:
            raise TerrainError(
                f"The {what} {path} states its heights in {unit!r}; expected metres, so convert it first "
                f"(gdal_translate -a_srs EPSG:… -scale 0 1 0 {metres:g} -ot Float32 FILE metres.tif, with the code of "
                "the CRS without heights)."
            )
        return dataset

    def _without_voids(self, index: int, dataset: Any) -> Any:
        """Return a DEM without what is no elevation in it: itself if there is nothing of the kind, else a view."""
        path = self.paths[index]
        pixel = PIXEL / math.sqrt(math.prod(_pixels(grid_of(dataset, "DEM", TerrainError), self.grid)))
        voids = find_voids(_Blocks(dataset, path, _window_around(self.grid, dataset)), pixel)
        if not voids.share:
            return self._view(index, dataset, ()) if is_scaled(dataset) else dataset
        values = ", ".join(f"{value:g}" for value in (*voids.constants, *voids.beyond))
        if voids.scaled:
            raise TerrainError(
                f"Most values of the DEM {path} lie beyond {LOWEST:g} to {HIGHEST:g} ({values}, …), where no ground "
                "does; expected metres, so convert it first (gdal_calc.py -A FILE --type=Float32 --calc='A*0.01' "
                "--outfile=metres.tif for centimetres)."
            )
        self.remarks.append(
            f"{voids.share:.2%} of the DEM {path} around the scene hold {values}, which no ground there can have; they "
            "count as unknown"
        )
        return self._view(index, dataset, voids.constants)

    def _view(self, index: int, dataset: Any, constants: Sequence[float]) -> Any:
        self._voids[index] = tuple(constants)
        return self._handles[index].enter_context(without_voids(dataset, self._voids[index]))

    def _open_anew(self, index: int) -> None:
        """Open a file again whose connection broke, or whose signature is good no more."""
        files = self._handles[index]
        files.close()
        dataset = files.enter_context(opened(self.paths[index], "DEM", TerrainError))
        if index in self._voids:
            dataset = self._view(index, dataset, self._voids[index])
        self._rasters[index] = self._on(self._own, dataset, files)

    def _open_slope(self) -> Any:
        dataset = self._open(str(self.slope_path), "slope", self._resources)
        grid_of(dataset, "slope", TerrainError)
        step = max(1, max(dataset.shape) // 512)
        shape = (-(-dataset.height // step), -(-dataset.width // step))
        with reading(dataset.name, "slope", TerrainError):
            values = dataset.read(1, out_shape=shape, masked=True, out_dtype="float64").filled(np.nan)
        values = in_metres(dataset, values)
        if not len(without_fill(values.ravel())):
            raise TerrainError(f"The slope {dataset.name} holds nothing but nodata; give one in degrees.")
        return self._resources.enter_context(without_voids(dataset, ())) if is_scaled(dataset) else dataset

    def _on(self, grid: Grid, dataset: Any, files: ExitStack | None = None) -> Any:
        """Return a DEM, with its own files, or a ready slope on a grid."""
        resampling = Resampling.nearest if files is None else Resampling.bilinear
        try:
            return (files or self._resources).enter_context(exact_warp(dataset, grid, resampling))
        except SceneError as error:
            raise TerrainError(f"The DEM {dataset.name} does not lie where the scene does: {error}") from error

    def _sampled(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read elevations, and the slopes computed from them."""
        own = self._own
        to_own = ~own.transform @ self.grid.transform
        cols = (np.arange(window.col, window.col + window.width) + 0.5) * to_own.a + to_own.c - 0.5
        rows = (np.arange(window.row, window.row + window.height) + 0.5) * to_own.e + to_own.f - 0.5
        row0, row1 = math.floor(rows.min()) - _HALO, math.ceil(rows.max()) + _HALO + 1
        col0, col1 = math.floor(cols.min()) - _HALO, math.ceil(cols.max()) + _HALO + 1
        known = self._read_own(row0, row1, col0, col1)
        elevation = _bilinear(known, rows - row0, cols - col0)
        slope = slope_of(*horn(known, own.transform.a))
        nearest = np.ix_(np.floor(rows - row0 + 0.5).astype(np.intp), np.floor(cols - col0 + 0.5).astype(np.intp))
        return elevation, slope[nearest]

    def _doubts(self) -> list[str]:
        """Say if the ground of the elevations is flatter or steeper than any with landslides, as in wrong units."""
        slopes = np.concatenate([self._sampled(window)[1].ravel() for window in probe_windows(self.grid)])
        slopes = slopes[np.isfinite(slopes)]
        names = ", ".join(self.paths)
        if slopes.size < _FEW:
            return []
        middle, most = np.percentile(slopes, [50, 99])
        if most < _FLAT:
            return [
                f"by the DEM {names} 99% of the ground is under {most:.2g}° steep, so hardly a landslide is likely "
                "there; if it is steeper, the elevations are in another unit than metres, or no elevations"
            ]
        if middle > _TOO_STEEP:
            return [
                f"by the DEM {names} half of the ground is over {middle:.0f}° steep, which no country is; the "
                "elevations seem to be in another unit than metres, such as feet, or no elevations"
            ]
        return []

    def _check_slope(self) -> None:
        """Refuse a ready slope that is not in degrees, by its range and beside the slopes computed here."""
        windows = list(probe_windows(self.grid))
        ready = [
            self._read_raster(self._slope, window.ranges, "slope", str(self.slope_path)).ravel() for window in windows
        ]
        computed = np.concatenate([self._sampled(window)[1].ravel() for window in windows])
        stated = np.concatenate(ready)
        check_degrees(stated, computed, f"slope {self.slope_path}")
        voids = is_void(stated, computed)
        if (share := float(voids.mean())) > _SOME:
            self.remarks.append(
                f"the slope {self.slope_path} is 0 on {share:.0%} of the scene where that of the DEM is over "
                f"{NOT_FLAT:g}°, where it knows nothing; the slope of the DEM counts there"
            )
        if difference := unlike(stated[~voids], computed[~voids]):
            self.remarks.append(
                f"the slope {self.slope_path} differs by {difference:.0f}° from that of the DEM at half of the places; "
                "do they belong together?"
            )

    def _read_own(self, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.float32]:
        """Read the mosaic on its metric grid, small voids filled; NaN outside it."""
        halo = MAX_VOID + 1
        wide = self._mosaic(row0 - halo, row1 + halo, col0 - halo, col1 + halo)
        inner = (slice(halo, halo + row1 - row0), slice(halo, halo + col1 - col0))
        filled = fill_voids(wide)[inner]
        self.voids_filled |= bool((np.isfinite(filled) & np.isnan(wide[inner])).any())
        return filled

    def _mosaic(self, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.float32]:
        out = np.full((row1 - row0, col1 - col0), np.nan, np.float32)
        top, bottom = max(row0, 0), min(row1, self._own.height)
        left, right = max(col0, 0), min(col1, self._own.width)
        if top >= bottom or left >= right:
            return out
        part = out[top - row0 : bottom - row0, left - col0 : right - col0]
        for index in range(len(self._rasters)):
            if (missing := np.isnan(part)).any():
                part[missing] = self._read_dem(index, ((top, bottom), (left, right)))[missing]
        return out

    def _read_dem(self, index: int, window: Any) -> NDArray[np.float32]:
        """Read a window of a file, opening it anew where a network fails."""
        path, started = self.paths[index], time.monotonic()
        for further in reversed(range(1 + http.HTTP.retries)):
            try:
                return self._read_raster(self._rasters[index], window, "DEM", path)
            except TerrainError:
                if not further or not is_network(path) or time.monotonic() - started > http.HTTP.read:
                    raise
            http.wait_as_asked(path)
            self._open_anew(index)
        raise AssertionError("the last attempt returns or raises")

    def _read_raster(self, raster: Any, window: Any, what: str, path: str) -> NDArray[np.float32]:
        with reading(path, what, TerrainError):
            values: NDArray[np.float32] = raster.read(1, out_dtype="float32", masked=True, window=window).filled(np.nan)
        values[~np.isfinite(values)] = np.nan
        if what == "DEM":
            # Also where a large DEM was not looked at.
            values[impossible(values)] = np.nan
        return values

    def _coverage(self) -> float:
        """Return the share of the mapping grid on which the elevation is known, from a sample of its pixels."""
        step = max(1, max(self.grid.shape) // _SAMPLES)
        to_own = ~self._own.transform @ self.grid.transform
        rows = ((np.arange(0, self.grid.height, step) + 0.5) * to_own.e + to_own.f).astype(np.intp)
        cols = ((np.arange(0, self.grid.width, step) + 0.5) * to_own.a + to_own.c).astype(np.intp)
        known = 0
        for row in rows.tolist():
            line = self._mosaic(row, row + 1, int(cols[0]), int(cols[-1]) + 1)[0]
            known += int(np.isfinite(line[cols - cols[0]]).sum())
        if known == 0:
            left, bottom, right, top = (f"{value:.0f}" for value in self.grid.bounds)
            raise TerrainError(
                f"The DEM {', '.join(self.paths)} has no elevation where the scene lies (x {left} to {right}, y "
                f"{bottom} to {top} in {self.grid.crs_name}): it does not overlap the scene or holds nothing but "
                "nodata there; give a DEM of the scene's area."
            )
        return known / (len(rows) * len(cols))


@dataclass(frozen=True)
class _Blocks:
    """Blocks of a DEM at full resolution, evenly spread over a window of it; read anew by every iteration."""

    dataset: Any
    path: str
    window: Window

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        (top, bottom), (left, right) = self.window.ranges
        corners = [(row, col) for row in range(top, bottom, _BLOCK) for col in range(left, right, _BLOCK)]
        for index in np.unique(np.linspace(0, len(corners) - 1, min(_BLOCKS, len(corners))).round().astype(int)):
            row, col = corners[index]
            place = ((row, min(row + _BLOCK, bottom)), (col, min(col + _BLOCK, right)))
            with reading(self.path, "DEM", TerrainError):
                block = self.dataset.read(1, window=place, masked=True, out_dtype="float32").filled(np.nan)
            yield in_metres(self.dataset, block)


def _window_around(grid: Grid, dataset: Any) -> Window:
    """Return the part of a DEM that a grid needs; nothing if they do not meet, and all of it if nobody can tell."""
    whole = Window(0, 0, dataset.height, dataset.width)
    bounds = grid.bounds_in(dataset.crs)
    if bounds is None:
        return whole
    left, bottom, right, top = bounds
    if not np.isfinite(bounds).all() or left > right:
        return whole
    to_pixels = ~dataset.transform
    cols, rows = zip(*(to_pixels @ (x, y) for x in (left, right) for y in (bottom, top)), strict=True)
    row, col = max(math.floor(min(rows)) - MAX_VOID, 0), max(math.floor(min(cols)) - MAX_VOID, 0)
    height = min(math.ceil(max(rows)) + MAX_VOID, dataset.height) - row
    width = min(math.ceil(max(cols)) + MAX_VOID, dataset.width) - col
    return Window(row, col, max(height, 0), max(width, 0)) if height > 0 and width > 0 else Window(0, 0, 0, 0)


def _pixels(native: Grid, grid: Grid) -> tuple[float, float]:
    """Return how many pixels of a DEM one pixel of the mapping grid spans, see `pixels_per_pixel`."""
    try:
        return pixels_per_pixel(native, grid)
    except SceneError as error:
        raise TerrainError(f"The DEM does not lie where the scene does: {error}") from error


def _metres(unit: str) -> float:
    """Return how many metres a unit of heights is; 1 for one that nobody knows."""
    if unit in _UNITS:
        return _UNITS[unit]
    feet = unit.startswith("f") or "foot" in unit or "feet" in unit
    return _FOOT if feet else 1.0


def _file_of(path: PathLike) -> str:
    """Return the raster that a path is, or that a STAC item names."""
    if not is_item(path):
        return os.fspath(path)
    try:
        return elevation_file(path)
    except SceneError as cause:
        raise TerrainError(str(cause)) from cause


def _unit(dataset: Any) -> str:
    """Return the unit of the heights: as the band states it, else as a compound CRS does; '' if neither does."""
    if dataset.units[0]:
        return str(dataset.units[0]).lower()
    wkt = dataset.crs.to_wkt() if dataset.crs else ""
    vertical = wkt[wkt.find("VERT_CS") :] if "VERT_CS" in wkt else ""
    return "foot" if "foot" in vertical.lower() or "feet" in vertical.lower() else ""


def _metric_grid(natives: Sequence[Grid], grid: Grid) -> Grid:
    """Return the grid for slopes, around the mapping grid: the first DEM's own pixels if it shares the CRS.

    A DEM in another CRS gets pixels of the same size in the mapping grid's. One with much finer pixels than the
    mapping grid is averaged to that size, or its slopes would be those of single trees and walls.
    """
    native = natives[0]
    side = PIXEL / math.sqrt(math.prod(_pixels(native, grid)))
    t = native.transform
    square = not (t.b or t.d) and t.e < 0 and math.isclose(t.a, -t.e, rel_tol=1e-3)
    own = native.crs == grid.crs and square and t.a > PIXEL / 2
    side = t.a if own else side if side > PIXEL / 2 else PIXEL
    left, bottom, right, top = grid.bounds
    margin = (_HALO + MAX_VOID + 2) * side
    x, y = left - margin, top + margin
    if own:
        x, y = t.c + math.floor((x - t.c) / side) * side, t.f + math.ceil((y - t.f) / side) * side
    height, width = math.ceil((y - bottom + margin) / side), math.ceil((right + margin - x) / side)
    return Grid(grid.crs, Affine(side, 0, x, 0, -side, y), height, width)


def _bilinear(values: NDArray[np.float32], rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sample at fractional pixel centres; a value beside an unknown one falls back to the nearest known."""
    r0, c0 = np.floor(rows).astype(np.intp), np.floor(cols).astype(np.intp)
    fr, fc = (rows - r0)[:, None], (cols - c0)[None, :]
    total = np.zeros((len(rows), len(cols)))
    weight = np.zeros_like(total)
    for dr, wr in ((0, 1 - fr), (1, fr)):
        for dc, wc in ((0, 1 - fc), (1, fc)):
            value = values[np.ix_(r0 + dr, c0 + dc)]
            share = np.where(np.isnan(value), 0.0, wr * wc)
            total += share * np.nan_to_num(value)
            weight += share
    with np.errstate(invalid="ignore"):
        return np.where(weight >= 0.5, total / weight, np.nan).astype(np.float32)

"""Reads bands from files onto a grid: several files at a time, and again if a network breaks."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError

from l4s_geo.address import is_network
from l4s_geo.grid import Grid, Window
from l4s_geo.sources import http
from l4s_geo.sources.rasters import bare, opened, read_error
from l4s_geo.sources.scene import BandRef
from l4s_geo.stack.fill import same_value
from l4s_geo.stack.warp import exact_warp, repeats

__all__ = ["Reader"]

_THREADS = min(8, os.cpu_count() or 1)

_File = tuple[str, float | None]
"""A file's path, and the value that means no data in it if the file does not say so itself."""


class Reader:
    """Keeps files open on a grid; each is read by one thread at a time."""

    def __init__(self, grid: Grid, resampling: Resampling | None = None) -> None:
        """Prepare to read files on a grid; none is opened yet.

        Args:
            grid: where bands are brought to.
            resampling: how; None repeats pixels that are k × k of the grid's, and interpolates bilinearly otherwise.
        """
        self._grid = grid
        self._resampling = resampling
        self._rasters: dict[_File, Any] = {}
        self._handles: dict[_File, ExitStack] = {}
        self._threads = ThreadPoolExecutor(_THREADS)

    def read(self, refs: Sequence[BandRef], window: Window) -> NDArray[np.float32]:
        """Read bands as the files store them, without scale and offset.

        Returns:
            (bands, rows, cols) float32; NaN where a file has no data or no finite value.

        Raises:
            SceneError: a file cannot be read to its end.
        """
        out = np.empty((len(refs), window.height, window.width), np.float32)
        files: dict[_File, list[int]] = {}
        for place, ref in enumerate(refs):
            files.setdefault((ref.path, ref.nodata), []).append(place)

        def read(file: _File) -> RasterioError | None:
            places = files[file]
            # Neighbouring bands of a file are read straight into place.
            straight = places == list(range(places[0], places[-1] + 1))
            part = out[places[0] : places[-1] + 1] if straight else np.empty((len(places), *out.shape[1:]), np.float32)
            try:
                _read_into(part, self._rasters[file], [refs[place].index for place in places], window, file[1])
            except RasterioError as error:
                return error
            if not straight:
                out[places] = part
            return None

        pending, started = list(files), time.monotonic()
        for further in reversed(range(1 + http.HTTP.retries)):
            for file in pending:
                self._open(file)
            # All are waited for before anything is raised: a file must not be closed while a thread reads it.
            errors = dict(zip(pending, list(self._threads.map(read, pending)), strict=True))
            failed = {file: error for file, error in errors.items() if error is not None}
            over = not further or time.monotonic() - started > http.HTTP.read
            for file, error in failed.items():
                if over or not is_network(file[0]):
                    raise read_error(file[0], "scene", error) from bare(error)
            for file in failed:
                self._close(file)
            if failed:
                http.wait_as_asked(next(iter(failed))[0])
            pending = list(failed)
        return out

    def close(self) -> None:
        """Close all files that are open, once no thread reads them any more."""
        self._threads.shutdown(cancel_futures=True)
        for file in list(self._handles):
            self._close(file)

    def _open(self, file: _File) -> None:
        if file in self._rasters:
            return
        with ExitStack() as handle:
            dataset = handle.enter_context(opened(file[0], "scene"))
            usual = Resampling.nearest if repeats(dataset, self._grid) else Resampling.bilinear
            raster = exact_warp(dataset, self._grid, self._resampling or usual, file[1])
            self._rasters[file] = handle.enter_context(raster)
            self._handles[file] = handle.pop_all()

    def _close(self, file: _File) -> None:
        """Close a file: only then does GDAL forget the half of a response that a broken connection left."""
        del self._rasters[file]
        self._handles.pop(file).close()


def _read_into(
    part: NDArray[np.float32], raster: Any, indexes: list[int], window: Window, nodata: float | None
) -> None:
    """Read bands of one file into (bands, rows, cols) float32; NaN where there is no data or no finite value."""
    if any(MaskFlags.per_dataset in raster.mask_flag_enums[i - 1] for i in indexes):
        part[:] = raster.read(indexes, window=window.ranges, out_dtype="float32", masked=True).filled(np.nan)
    else:
        raster.read(indexes, window=window.ranges, out=part)
    floating = any(np.issubdtype(raster.dtypes[i - 1], np.floating) for i in indexes)
    for empty in {raster.nodatavals[i - 1] for i in indexes} | {nodata}:
        if empty is not None and not np.isnan(empty):
            part[same_value(part, empty) if floating else part == np.float32(empty)] = np.nan
    if floating:
        part[np.isinf(part)] = np.nan

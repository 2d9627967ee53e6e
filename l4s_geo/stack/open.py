"""What a user gives to describe a scene, and the stack that it becomes: the same for every command."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from rasterio.enums import Resampling as Method

from l4s_geo import defaults
from l4s_geo.address import unsigned
from l4s_geo.errors import SceneError
from l4s_geo.grid import Grid, mapping_grid
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.http import http_options
from l4s_geo.sources.mosaic import is_mosaic, tiles_of
from l4s_geo.sources.names import check_path, file_of
from l4s_geo.sources.sensor import SENSORS, Sensor
from l4s_geo.sources.vectors import vector_file
from l4s_geo.sources.vrt import outside
from l4s_geo.stack.clouds import CloudMask
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.masks import SCL_CLASSES, Area, RasterMask, open_area, open_mask
from l4s_geo.stack.slopes import probe_windows
from l4s_geo.stack.stack import Stack
from l4s_geo.units import UNITS, Units

__all__ = ["RESAMPLING", "STREAMING_CACHE", "Inputs", "Resampling", "fingerprint", "gdal_settings", "open_stack"]

PathLike = str | os.PathLike[str]
Resampling = Literal["nearest", "bilinear", "cubic", "average"]
"""A way of bringing bands to the mapping grid, by GDAL's name for it."""

RESAMPLING: tuple[Resampling, ...] = ("nearest", "bilinear", "cubic", "average")

# GDAL's default cache is a share of the machine's memory; a fixed one keeps a run's memory the same everywhere.
READING_CACHE = 192 << 20
"""Bytes of GDAL's cache while reading: enough for a row of blocks of all bands of a whole Sentinel-2 tile."""
STREAMING_CACHE = 32 << 20
"""Bytes of GDAL's cache where every block is read or written once."""
_MAX_OFFSET = 10_000
_WHOLE = 0.995
_MOST = 0.5


@dataclass(frozen=True)
class Inputs:
    """A scene and what belongs to it, as a user gives it: paths, names and choices, nothing opened."""

    scene: PathLike | Mapping[str, PathLike]
    """A SAFE product, a STAC item, a folder of band files, a product of SNAP, a patch of Landslide4Sense, a raster or
    its tiles, or single-band files by band name."""
    bands: Sequence[str] | None = None
    """Names of a multi-band raster's bands, in order, if it does not carry them."""
    dem: PathLike | Sequence[PathLike] | None = None
    """One file of elevations in metres, or several."""
    slope: PathLike | None = None
    """A ready slope in degrees, used in place of one computed from the DEM."""
    units: Units | Literal["auto"] = defaults.UNITS
    """Units of the spectral values; "auto" takes those the source states, or detects them."""
    offset: float | None = None
    """Digital numbers to add to the stored values of the spectral bands, such as -1000; 0 switches off an offset that
    the source states, and None takes it."""
    sensor: Sensor = defaults.SENSOR
    """The sensor of the scene: "auto" refuses what seems to be another's than Sentinel-2's, "sentinel-2" overrules."""
    resampling: Resampling | None = None
    """How bands come to the mapping grid; None repeats coarser pixels and interpolates where the grid changes."""
    mask: PathLike | None = None
    """A raster that is not 0 where nothing is to be mapped, or a vector file with polygons of such ground;
    FILE|layername=NAME for one of several layers."""
    mask_classes: Sequence[int] = defaults.MASK_CLASSES
    """Classes of a Level-2A product's scene classification that are not mapped."""
    clouds: bool = False
    """Whether to detect clouds and mask them: with s2cloudless in Level-1C scenes that have its bands, else by their
    colours."""
    aoi: PathLike | None = None
    """Area of interest: a vector file, FILE|layername=NAME for one of several layers, or "west,south,east,north"."""

    def __post_init__(self) -> None:
        for what, given in self._paths():
            check_path(given, what)
        if self.units not in ("auto", *UNITS):
            raise SceneError(f"Units {self.units!r} are unknown; expected auto or one of {', '.join(UNITS)}.")
        if self.sensor not in SENSORS:
            raise SceneError(
                f"The sensor {self.sensor!r} is unknown; expected one of {', '.join(SENSORS)}, since the bundles are "
                "trained on Sentinel-2."
            )
        if self.offset is not None and not (math.isfinite(self.offset) and abs(self.offset) <= _MAX_OFFSET):
            raise SceneError(
                f"The offset {self.offset:g} is no number of digital numbers; expected one from -{_MAX_OFFSET} to "
                f"{_MAX_OFFSET}, such as -1000."
            )
        if self.resampling is not None and self.resampling not in RESAMPLING:
            raise SceneError(f"Resampling {self.resampling!r} is unknown; expected one of {', '.join(RESAMPLING)}.")
        if unknown := [c for c in self.mask_classes if c not in SCL_CLASSES]:
            known = ", ".join(f"{number} {name}" for number, name in SCL_CLASSES.items())
            raise SceneError(f"Mask class {unknown[0]} is unknown; the classes are {known}.")
        if self.slope is not None and not self.dem:
            raise SceneError("A slope was given without a DEM; give both, since elevations are needed too.")

    def _paths(self) -> Iterator[tuple[str, PathLike]]:
        """Yield what the given paths are, and the paths."""
        if isinstance(self.scene, Mapping):
            yield from ((f"band {band}", path) for band, path in self.scene.items())
        else:
            yield "scene", self.scene
        if isinstance(self.dem, str | os.PathLike):
            yield "DEM", self.dem
        else:
            yield from (("DEM", path) for path in self.dem or ())
        beside = {"slope": self.slope, "mask": self.mask, "area of interest": self.aoi}
        yield from ((what, path) for what, path in beside.items() if path is not None)


def gdal_settings(cache: int = READING_CACHE) -> rasterio.Env:
    """Return GDAL's settings for reading and writing, with a block cache of so many bytes: a context manager."""
    # What stands beside the parts of a virtual raster is looked for when they are read.
    return rasterio.Env(GDAL_CACHEMAX=cache, GDAL_DISABLE_READDIR_ON_OPEN="NO", **http_options())


@contextmanager
def open_stack(inputs: Inputs, grid: Grid | None = None) -> Iterator[Stack]:
    """Open all that a user gave, on the scene's mapping grid.

    Args:
        inputs: what the user gave.
        grid: a projected grid of 10 m to open it on instead.

    Raises:
        L4SError: one of its children, if something cannot be read or does not fit.
    """
    with gdal_settings(), ExitStack() as files:
        scene = open_scene(inputs.scene, inputs.bands, inputs.sensor)
        grid = grid or mapping_grid(scene.grid)
        dem = files.enter_context(DEM(inputs.dem, grid, inputs.slope)) if inputs.dem else None
        area = open_area(inputs.aoi, grid) if inputs.aoi is not None else None
        method = Method[inputs.resampling] if inputs.resampling else None
        units = None if inputs.units == "auto" else inputs.units
        stack = files.enter_context(Stack(scene, dem, units, area, method, grid, inputs.offset))
        if area and (inside := area.share_inside()) < _WHOLE:
            stack.remarks.append(f"only {inside:.0%} of the area of interest lies on the scene")
        if area and area.covers < _WHOLE:
            stack.remarks.append(f"the area of interest covers {area.covers:.1%} of the scene; the rest is not mapped")
        if scene.classes and inputs.mask_classes:
            classes = RasterMask(scene.classes, grid, "scene classification", tuple(inputs.mask_classes))
            stack.masks.append(files.enter_context(classes))
            stack.remarks += _coverage(classes, grid, f"scene classification {scene.classes.path}")
        if inputs.mask is not None:
            mask = open_mask(inputs.mask, grid)
            stack.remarks += outside([os.fspath(inputs.mask)])
            stack.masks.append(files.enter_context(mask) if isinstance(mask, RasterMask) else mask)
            stack.remarks += _coverage(mask, grid, f"mask {os.fspath(inputs.mask)}")
        if inputs.clouds:
            clouds = CloudMask(stack.scene, grid, stack.units)
            stack.masks.append(clouds)
            stack.remarks += clouds.remarks
        yield stack


def _coverage(mask: RasterMask | Area, grid: Grid, what: str) -> list[str]:
    """Say if a mask does not reach all of the scene, as polygons need not, or hides nothing or most of it."""
    if mask.covers == 0:
        return [f"the {what} does not meet the scene and hides nothing"]
    said = []
    if isinstance(mask, RasterMask) and mask.covers < _WHOLE:
        said.append(f"the {what} covers {mask.covers:.0%} of the scene; beyond it nothing is hidden")
    if isinstance(mask, RasterMask) and (strangers := mask.strangers()):
        listed = ", ".join(f"{value:g}" for value in strangers)
        said.append(f"the {what} holds {listed}, which are no classes (0 to 11) and hide nothing")
    hidden = float(np.mean(np.concatenate([mask.read(window).ravel() for window in probe_windows(grid)])))
    if isinstance(mask, RasterMask) and not mask.by_classes and not hidden and mask.has_nodata():
        said.append(f"the {what} is 0 or nodata wherever it was looked at, and neither hides anything")
    if hidden > _MOST:
        said.append(f"the {what} hides {hidden:.0%} of the scene")
    return said


def fingerprint(inputs: Inputs, stack: Stack, *more: object) -> str:
    """Return a digest of all that a result depends on: inputs, files as they are now, and what is given besides.

    An address that was only signed anew names the same file.
    """
    beside = [os.fspath(p) if p is not None else "" for p in (inputs.slope, inputs.mask, inputs.aoi)]
    dems = list(stack.dem.paths) if stack.dem else []
    classes = [stack.scene.classes.path] if stack.scene.classes else []
    files = [*sorted(ref.path for ref in stack.scene.bands.values()), *classes, *dems, *beside]
    parts = [part for file in files for part in (tiles_of(file) if is_mosaic(file) else [vector_file(file)])]
    places = [Path(file_of(part) or "") for part in parts]
    stamps = [(place.stat().st_size, place.stat().st_mtime_ns) if place.is_file() else () for place in places]
    how = (tuple(inputs.mask_classes), inputs.clouds, inputs.resampling, stack.units, stack.grid)
    refs = [(band, replace(ref, path=unsigned(ref.path))) for band, ref in sorted(stack.scene.bands.items())]
    text = repr(([unsigned(file) for file in files], stamps, refs, how, more))
    return hashlib.sha256(text.encode()).hexdigest()

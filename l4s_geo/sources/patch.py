"""A patch of Landslide4Sense as a scene: ``image_N.h5``, which has all 14 bands, as a rule in its units, and no place.

Its pixels are 10 m, and metres are counted from its upper left corner: the pixel of row r and column c begins at
x = 10 c, y = -10 r of a CRS that lies nowhere (`l4s_geo.grid.LOCAL`). GDAL is often built without HDF5, and knows no
patch's bands, units or grid; so a patch is read with h5py, whole, and given to GDAL as a raster in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from l4s_geo.assumptions import Assumption
from l4s_geo.bands import BANDS, RGB, scale_of
from l4s_geo.errors import L4SError, SceneError
from l4s_geo.grid import LOCAL, PIXEL, Grid
from l4s_geo.sources.hdf5 import read_array
from l4s_geo.sources.scene import BandRef, Scene
from l4s_geo.units import Units

__all__ = ["is_patch", "open_patch", "patch_raster", "read_image"]

PathLike = str | os.PathLike[str]

_SUFFIXES = (".h5", ".hdf5")
_LOWEST = {"DEM": -500.0}
_HIGHEST = {"slope": 90.0, "DEM": 9000.0}
_DN = 65535.0
# Clouds reach 33 L4S units in the visible bands; digital numbers of ground are hundreds.
_L4S_MOST = 40.0


def is_patch(path: PathLike) -> bool:
    """Whether a path is that of a patch, judged by its suffix."""
    return os.fspath(path).lower().endswith(_SUFFIXES)


def open_patch(path: PathLike) -> Scene:
    """Describe the scene of a patch.

    Args:
        path: ``image_N.h5``.

    Raises:
        SceneError: it is missing, damaged, or no image of Landslide4Sense.
    """
    text = os.fspath(path)
    with patch_raster(text, "scene") as dataset:
        grid = Grid(dataset.crs, dataset.transform, dataset.height, dataset.width)
        units: Units = "dn" if _is_raw(dataset.read()) else "l4s"
    notes = [
        "a patch has no coordinates; metres are counted from its upper left corner, 10 a pixel, y negative downwards"
    ]
    if units == "dn":
        notes.append("the patch holds digital numbers, degrees and metres, not divided by M as the released ones are")
    refs = {band: BandRef(text, index) for index, band in enumerate(BANDS, start=1)}
    order = Assumption(" ".join(BANDS), "default", "every patch has these")
    return Scene(Path(text).stem, refs, grid, units, notes=tuple(notes), order=order)


@contextmanager
def patch_raster(path: str, what: str, error: type[L4SError] = SceneError) -> Iterator[Any]:
    """Open a patch as a raster in memory.

    Args:
        path: ``image_N.h5``.
        what: its part in the run, for messages.
        error: class to raise.

    Yields:
        A rasterio dataset of the 14 bands: float32, L4S units or raw values, NaN as nodata.
    """
    try:
        with open(path, "rb") as stream:
            image = _read_image(stream, f"The {what} {path}", error).astype(np.float32)
    except OSError as cause:
        raise error(f"The {what} {path} cannot be opened ({cause.strerror}); check the file.") from cause
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": len(image),
        "height": image.shape[1],
        "width": image.shape[2],
        "crs": LOCAL,
        "transform": Affine(PIXEL, 0, 0, 0, -PIXEL, 0),
        "nodata": np.nan,
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(image)
        with memory.open() as dataset:
            yield dataset


def read_image(stream: BinaryIO, name: str, error: type[L4SError]) -> NDArray[np.floating[Any]]:
    """Read the image of a patch, with every check.

    An image has the key ``img``, float64, rows × cols × 14, L4S units. The released ones are valid everywhere; others
    may have pixels without data, NaN in all bands, if the attribute ``_FillValue`` declares it as in NetCDF.

    Args:
        stream: the HDF5 file.
        name: its name, for messages.
        error: class to raise.

    Returns:
        (14, rows, cols) in the file's dtype, float64 as a rule, L4S units; NaN only where the file declares it.

    Raises:
        L4SError: the file is damaged, has no such image, or values that are not finite or out of range.
    """
    bands = _read_image(stream, name, error)
    _check_range(bands, name, error)
    return bands


def _read_image(stream: BinaryIO, name: str, error: type[L4SError]) -> NDArray[np.floating[Any]]:
    """Read the image of a patch in L4S units or, as a scene may be, in raw values: digital numbers, degrees, metres."""
    image, nan_declared = read_array(stream, "img", (len(BANDS),), name, error)
    missing = ~np.isfinite(image)
    if missing.any() and not (nan_declared and np.isnan(image[missing]).all()):
        raise error(
            f"{name} holds {int(missing.sum())} values that are not finite; the released patches hold none, so fetch "
            "the file again or leave the patch out."
        )
    bands = np.ascontiguousarray(image.transpose(2, 0, 1))
    if not _is_raw(bands):
        _check_range(bands, name, error)
    return bands


def _is_raw(image: NDArray[np.floating[Any]]) -> bool:
    """Whether an image holds raw values: too bright for L4S units, and possible as digital numbers, degrees, metres."""
    visible = image[[BANDS.index(band) for band in RGB]]
    bright = bool(np.isfinite(visible).any() and np.nanmedian(visible) > _L4S_MOST)
    return bright and not _out_of_range(image, np.ones(len(BANDS))).any()


def _out_of_range(image: NDArray[np.floating[Any]], scale: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each band whether values, multiplied by its scale, are beyond what raw ones can be."""
    low = np.array([_LOWEST.get(band, 0.0) for band in BANDS])
    high = np.array([_HIGHEST.get(band, _DN) for band in BANDS])
    smallest, largest = np.fmin.reduce(image, axis=(1, 2)), np.fmax.reduce(image, axis=(1, 2))
    beyond: NDArray[np.bool_] = (smallest * scale < low - 0.5) | (largest * scale > high + 0.5)
    return beyond


def _check_range(image: NDArray[np.floating[Any]], name: str, error: type[L4SError]) -> None:
    """Tell values that are not in L4S units: raw values are the usual mistake."""
    scale = scale_of(BANDS)
    wrong = _out_of_range(image, scale)
    if wrong.any():
        at = int(wrong.argmax())
        low, high = _LOWEST.get(BANDS[at], 0.0), _HIGHEST.get(BANDS[at], _DN)
        raise error(
            f"{name} holds {BANDS[at]} from {np.fmin.reduce(image[at], axis=None):g} to "
            f"{np.fmax.reduce(image[at], axis=None):g}; expected {low / scale[at]:.4g} to {high / scale[at]:.4g}, "
            f"which is {low:g} to {high:g} divided by M, so bring it to L4S units or leave the patch out."
        )

"""One Landslide4Sense patch as HDF5: ``image_N.h5`` and ``mask_N.h5``, read with every check and written.

An image has the key ``img``, float64, rows x cols x 14, L4S units; a mask the key ``mask``, rows x cols, 0 or 1. The
released images are valid everywhere. Those that this project writes may have pixels without data, NaN in all bands,
which the attribute ``_FillValue`` declares as in NetCDF.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import DataError
from l4s_training.data.readers.archive import Archive

__all__ = ["read_image", "read_mask", "write_image", "write_mask"]

_LARGEST = 4096
"""Rows and columns of a patch."""
_LOWEST = {"DEM": -500.0}
_HIGHEST = {"slope": 90.0, "DEM": 9000.0}
_DN = 65535.0


def read_image(archive: Archive, name: str) -> NDArray[np.float64]:
    """Read an image.

    Args:
        archive: the folder.
        name: the file's name in it.

    Returns:
        (14, rows, cols) float64 (float32 if the file is), L4S units; NaN only where the file declares it.

    Raises:
        DataError: the file is damaged, has no key ``img``, another shape, or values not finite or out of range.
    """
    path = archive.path(name)
    with _dataset(archive, name, "img") as dataset:
        if len(dataset.shape) != 3 or dataset.shape[2] != len(BANDS) or max(dataset.shape) > _LARGEST:
            raise DataError(f"{path} holds an image of shape {dataset.shape}; expected (rows, cols, {len(BANDS)}).")
        fill = dataset.attrs.get("_FillValue")
        image = _numbers(dataset, path)
    missing = ~np.isfinite(image)
    declared = fill is not None and np.isnan(fill)
    if missing.any() and not (declared and np.isnan(image[missing]).all()):
        raise DataError(
            f"{path} holds {int(missing.sum())} values that are not finite; the released patches "
            "hold none, so fetch the file again or leave the patch out."
        )
    bands = np.ascontiguousarray(image.transpose(2, 0, 1))
    _check_range(bands, path)
    return bands


def read_mask(archive: Archive, name: str) -> NDArray[np.uint8]:
    """Read a mask.

    Args:
        archive: the folder.
        name: the file's name in it.

    Returns:
        (rows, cols) uint8, 0 or 1.

    Raises:
        DataError: the file is damaged, has no key ``mask``, another shape, or holds something else than 0 and 1.
    """
    path = archive.path(name)
    with _dataset(archive, name, "mask") as dataset:
        if len(dataset.shape) != 2 or max(dataset.shape) > _LARGEST:
            raise DataError(f"{path} holds a mask of shape {dataset.shape}; expected (rows, cols).")
        mask = _numbers(dataset, path)
    if not np.isin(mask, (0, 1)).all():
        raise DataError(f"{path} holds mask values from {mask.min()} to {mask.max()}; expected only 0 and 1.")
    return mask.astype(np.uint8)


def write_image(path: Path, raw: NDArray[np.floating[Any]] | NDArray[np.integer[Any]]) -> None:
    """Write an image.

    Args:
        path: ``image_N.h5``.
        raw: (14, rows, cols) raw values, rounded to integers as the released ones are; NaN where there is no data.
    """
    values = np.rint(raw.astype(np.float64)) / scale_of(BANDS)[:, None, None]
    with h5py.File(path, "w") as file:
        # Shuffled bytes compress best: many values repeat (coarse bands, whole degrees).
        options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        dataset = file.create_dataset("img", data=values.transpose(1, 2, 0), **options)
        if np.isnan(values).any():
            dataset.attrs["_FillValue"] = np.nan


def write_mask(path: Path, mask: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    """Write a mask, (rows, cols), 0 or 1, as ``mask_N.h5``."""
    with h5py.File(path, "w") as file:
        file.create_dataset("mask", data=mask.astype(np.uint8), compression="gzip", compression_opts=1)


@contextmanager
def _dataset(archive: Archive, name: str, key: str) -> Iterator[Any]:
    """Open the dataset of a file; damage found while it is open is an error that names the file."""
    path = archive.path(name)
    try:
        with archive.open(name) as stream, h5py.File(stream, "r") as file:
            found = file.get(key)
            if not isinstance(found, h5py.Dataset):
                raise DataError(f"{path} has no key {key!r} but {', '.join(file) or 'none'}; expected an L4S file.")
            yield found
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{path} cannot be read as HDF5 ({error}); it is damaged or cut short, so fetch it again."
        ) from error


def _numbers(dataset: Any, path: str) -> NDArray[Any]:
    if dataset.dtype.kind not in "fiub":
        raise DataError(f"{path} holds values of type {dataset.dtype}; expected numbers.")
    return np.asarray(dataset[()])


def _check_range(image: NDArray[np.floating[Any]], path: str) -> None:
    """Tell values that are not in L4S units: raw values are the usual mistake."""
    low = np.array([_LOWEST.get(band, 0.0) for band in BANDS])
    high = np.array([_HIGHEST.get(band, _DN) for band in BANDS])
    scale = scale_of(BANDS)
    smallest, largest = np.fmin.reduce(image, axis=(1, 2)), np.fmax.reduce(image, axis=(1, 2))
    wrong = (smallest * scale < low - 0.5) | (largest * scale > high + 0.5)
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(
            f"{path} holds {BANDS[at]} from {smallest[at]:g} to {largest[at]:g}; expected "
            f"{low[at] / scale[at]:.4g} to {high[at] / scale[at]:.4g}, which is {low[at]:g} to {high[at]:g} divided by "
            "M, so bring it to L4S units or leave the patch out."
        )

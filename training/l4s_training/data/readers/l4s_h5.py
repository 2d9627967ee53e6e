"""One Landslide4Sense patch as HDF5: ``image_N.h5`` and ``mask_N.h5``, read with every check and written.

An image is what `l4s_geo.sources.patch` reads as a scene; a mask has the key ``mask``, rows x cols, 0 or 1.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import DataError
from l4s_geo.sources import patch
from l4s_geo.sources.hdf5 import read_array
from l4s_training.data.readers.archive import Archive

__all__ = ["read_image", "read_mask", "write_image", "write_mask"]


def read_image(archive: Archive, name: str) -> NDArray[np.floating[Any]]:
    """Read an image.

    Args:
        archive: the folder.
        name: the file's name in it.

    Returns:
        (14, rows, cols) float64 (float32 if the file is), L4S units; NaN only where the file declares it.

    Raises:
        DataError: the file is damaged, has no key ``img``, another shape, or values not finite or out of range.
    """
    with archive.open(name) as stream:
        return patch.read_image(stream, archive.path(name), DataError)


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
    with archive.open(name) as stream:
        mask, _ = read_array(stream, "mask", (), path, DataError)
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
    with _written(path) as file:
        # Shuffled bytes compress best: many values repeat (coarse bands, whole degrees).
        options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        dataset = file.create_dataset("img", data=values.transpose(1, 2, 0), **options)
        if np.isnan(values).any():
            dataset.attrs["_FillValue"] = np.nan


def write_mask(path: Path, mask: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    """Write a mask, (rows, cols), 0 or 1, as ``mask_N.h5``."""
    with _written(path) as file:
        file.create_dataset("mask", data=mask.astype(np.uint8), compression="gzip", compression_opts=1)


@contextmanager
def _written(path: Path) -> Iterator[h5py.File]:
    """Give an HDF5 file in memory, and write it out; HDF5 itself is left in an undefined state by a full disk."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        yield file
    path.write_bytes(buffer.getvalue())

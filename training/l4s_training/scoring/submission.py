"""The competition's submission: a flat zip of ``mask_N.h5``, each with a uint8 mask, 0 or 1, under the key ``mask``."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_geo.output.atomic import atomic_write

__all__ = ["write_submission"]


def write_submission(path: Path, numbers: NDArray[np.int64], masks: NDArray[np.bool_]) -> None:
    """Write a submission, or nothing.

    Args:
        path: the zip.
        numbers: (n,) N of each patch.
        masks: (n, rows, cols), true where there is a landslide.

    Raises:
        DataError: a number stands twice.
        OutputError: the disk is full, or cannot be written to.
    """
    if len(np.unique(numbers)) < len(numbers):
        raise DataError(
            "Some patches have the same number, as those of different splits do; predict one split's folder at a time."
        )
    advice = "make room, or choose another place."
    with atomic_write(path, advice) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, mask in zip(numbers.tolist(), masks, strict=True):
            # A fixed date makes equal masks an equal file.
            archive.writestr(zipfile.ZipInfo(f"mask_{number}.h5"), _h5(mask), zipfile.ZIP_DEFLATED)


def _h5(mask: NDArray[np.bool_]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", track_order=False) as file:
        file.create_dataset("mask", data=mask.astype(np.uint8), track_times=False)
    return buffer.getvalue()

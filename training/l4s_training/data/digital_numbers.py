"""Reader of Landslide4Sense patches that were stored as raw integers.

One ``.npz`` holds ``dn`` (n, 128, 128, 14) uint16, the raw values (= h5 value * M, exact); ``mask``
(n, 128, 128); ``number``, the official number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches

__all__ = ["from_arrays"]

KEYS = ("dn", "mask", "number")


def from_arrays(path: Path, arrays: dict[str, np.ndarray], bands: tuple[str, ...]) -> Patches:
    """Make patches, in L4S units, of the arrays of a file of raw values.

    Args:
        path: the file, for messages.
        arrays: what the file holds.
        bands: the bands wanted, in order.

    Raises:
        DataError: an array is missing or malformed.
    """
    if missing := [key for key in KEYS if key not in arrays]:
        raise DataError(f"{path} has no array {missing[0]!r}; expected {', '.join(KEYS)}.")
    dn, mask = arrays["dn"], arrays["mask"]
    if dn.ndim != 4 or dn.shape[3] != len(BANDS):
        raise DataError(f"{path} has 'dn' of shape {dn.shape}; expected (n, rows, cols, {len(BANDS)}).")
    if mask.shape != dn.shape[:3]:
        raise DataError(f"{path} has 'mask' of shape {mask.shape}; expected {dn.shape[:3]}, that of its images.")
    values = dn[..., [BANDS.index(b) for b in bands]] / scale_of(bands)
    number = arrays["number"].astype(np.int64)
    return Patches(
        np.ascontiguousarray(values.transpose(0, 3, 1, 2).astype(np.float32)),
        (mask > 0).astype(np.uint8),
        number,
        number,
        np.zeros(len(values), np.float32),
        bands,
        path.name,
    ).take(np.argsort(number, kind="stable"))

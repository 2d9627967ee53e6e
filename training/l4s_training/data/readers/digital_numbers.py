"""Reader and writer of patches that are stored as raw integers.

One ``.npz`` holds ``dn`` (n, rows, cols, bands) uint16, or int32 where elevations lie below the sea: the raw values
(= h5 value * M); ``mask`` (n, rows, cols), 0 or 1; ``number`` (n,), the official number. Beside them it may hold
``bands``, the names of the bands if they are not the 14 of Landslide4Sense, ``nodata``, the value of pixels without
data, and ``provenance`` (`l4s_training.data.provenance`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import BANDS
from l4s_geo.errors import DataError
from l4s_training.data import provenance
from l4s_training.data.patches import Patches
from l4s_training.data.pixels import NODATA, Pixels, Store

__all__ = ["from_arrays", "write"]


def from_arrays(path: Path, arrays: dict[str, np.ndarray], bands: tuple[str, ...], labelled: bool = True) -> Patches:
    """Make patches, in L4S units, of the arrays of a file of raw values.

    Args:
        path: the file, for messages.
        arrays: what the file holds.
        bands: the bands wanted, in order.
        labelled: False to leave the masks aside, whether there are some or not; numbers are then counted from 1 if the
            file has none.

    Raises:
        DataError: an array is missing or malformed, or a band is not in the file.
    """
    needed = ("dn", "mask", "number") if labelled else ("dn",)
    if missing := [key for key in needed if key not in arrays]:
        raise DataError(f"{path} has no array {missing[0]!r}; expected {', '.join(needed)}.")
    dn = arrays["dn"]
    stored = tuple(str(band) for band in arrays["bands"].ravel()) if "bands" in arrays else BANDS
    if dn.ndim != 4 or dn.shape[3] != len(stored):
        raise DataError(f"{path} has 'dn' of shape {dn.shape}; expected (n, rows, cols, {len(stored)}).")
    if dn.dtype.kind not in "ui" or ("nodata" in arrays and arrays["nodata"].tolist() != NODATA):
        raise DataError(f"{path} has 'dn' of {dn.dtype}; expected whole numbers, with {NODATA} for no data if any.")
    if unknown := [band for band in stored if band not in BANDS]:
        raise DataError(f"{path} names the bands {', '.join(unknown)}; expected some of {', '.join(BANDS)}.")
    if absent := [band for band in bands if band not in stored]:
        raise DataError(
            f"{path} holds {', '.join(stored)} only, not {', '.join(absent)}; ask for its bands with --bands or give "
            "data that has them."
        )
    n = len(dn)
    mask = arrays["mask"] if labelled else np.zeros(dn.shape[:3], np.uint8)
    if mask.shape != dn.shape[:3]:
        raise DataError(f"{path} has 'mask' of shape {mask.shape}; expected {dn.shape[:3]}, that of its images.")
    number = arrays["number"].astype(np.int64) if "number" in arrays else np.arange(1, n + 1)
    planes = tuple(stored.index(band) for band in bands)
    return Patches(
        Pixels.of(Store(np.ascontiguousarray(dn.transpose(0, 3, 1, 2)), planes, bands, "nodata" in arrays)),
        (mask > 0).astype(np.uint8),
        number,
        number,
        np.zeros(n, np.float32),
        bands,
        path.name,
        labelled,
    ).take(np.argsort(number, kind="stable"))


def write(
    path: Path,
    raw: NDArray[np.floating[Any]],
    masks: NDArray[np.uint8],
    numbers: NDArray[np.int64],
    bands: tuple[str, ...],
    note: str = "",
) -> None:
    """Write patches to an ``.npz``.

    Args:
        path: the file.
        raw: (n, bands, rows, cols) raw values, rounded to integers; NaN where there is no data.
        masks: (n, rows, cols), 0 or 1.
        numbers: (n,).
        bands: names of the bands.
        note: where they come from, see `l4s_training.data.provenance`.
    """
    missing = np.isnan(raw)
    whole = np.rint(np.where(missing, NODATA, raw))
    arrays: dict[str, Any] = {
        "dn": whole.astype(np.int32 if whole.min() < 0 else np.uint16).transpose(0, 2, 3, 1),
        "mask": masks.astype(np.uint8),
        "number": numbers,
        "bands": np.array(bands),
    }
    if missing.any():
        arrays["nodata"] = np.array(NODATA)
    if note:
        arrays[provenance.KEY] = np.array(provenance.as_text(note))
    np.savez_compressed(path, **arrays)

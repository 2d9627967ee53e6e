"""Reader of Landslide4Sense patches that were published as 8-bit RGB with their masks.

One ``.npz`` holds ``rgb`` (n, 128, 128, 3) uint8 = floor(255 * x / max) of B4, B3, B2 with one maximum per patch
over the three bands, so ratios between bands are kept and the scale of each patch is lost; ``mask``
(n, 128, 128); ``id``, the position in the source; ``number``, the official number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l4s_geo.bands import RGB
from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches

__all__ = ["from_arrays"]

KEYS = ("rgb", "mask", "id", "number")


def from_arrays(path: Path, arrays: dict[str, np.ndarray], bands: tuple[str, ...], labelled: bool = True) -> Patches:
    """Make patches of the arrays of an RGB file.

    Args:
        path: the file, for messages.
        arrays: what the file holds.
        bands: the bands wanted, in order; each one of B4, B3, B2.
        labelled: False to leave the masks aside.

    Raises:
        DataError: an array is missing or malformed, or a band is not in the file.
    """
    if missing := [key for key in KEYS if key not in arrays]:
        raise DataError(f"{path} has no array {missing[0]!r}; expected {', '.join(KEYS)}.")
    if absent := [band for band in bands if band not in RGB]:
        raise DataError(
            f"{path} holds {', '.join(RGB)} only, not {', '.join(absent)}; ask for its bands with --bands or "
            "train on the .h5 files."
        )
    rgb, mask = arrays["rgb"], arrays["mask"]
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3:
        raise DataError(f"{path} has 'rgb' of {rgb.dtype} {rgb.shape}; expected uint8 (n, rows, cols, 3).")
    if mask.shape != rgb.shape[:3]:
        raise DataError(f"{path} has 'mask' of shape {mask.shape}; expected {rgb.shape[:3]}, that of its images.")
    values = np.ascontiguousarray(rgb[..., [RGB.index(b) for b in bands]].transpose(0, 3, 1, 2))
    order = np.argsort(arrays["id"], kind="stable")
    patches = Patches(
        values,
        (mask > 0).astype(np.uint8),
        arrays["id"].astype(np.int64),
        arrays["number"].astype(np.int64),
        np.ones(len(values), np.float32),
        bands,
        path.name,
    ).take(order)
    return patches if labelled else patches.unlabelled()

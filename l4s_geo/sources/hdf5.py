"""One array out of an HDF5 file that may come from anybody.

HDF5 files can point to other files (links, external and virtual data sets), name filters that are loaded as programs,
and claim any size. None of that belongs in a patch of Landslide4Sense, so it is refused before a value is read.
"""

from __future__ import annotations

import math
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import L4SError

__all__ = ["LARGEST", "read_array"]

LARGEST = 2048
"""Most rows and columns of an array."""

_FILTERS = {1, 2, 3, 32000}
"""HDF5's numbers of deflate, shuffle, fletcher32 and lzf, which come with h5py."""
_NAMES_SHOWN = 8


def read_array(
    stream: BinaryIO, key: str, trailing: tuple[int, ...], name: str, error: type[L4SError]
) -> tuple[NDArray[Any], bool]:
    """Read an array of numbers.

    Args:
        stream: an HDF5 file.
        key: the array's name at the top of the file.
        trailing: its shape after rows and columns: ``(14,)`` for an image, ``()`` for a mask.
        name: the file's name, for messages.
        error: class to raise.

    Returns:
        The array, (rows, cols, *trailing) in the file's dtype, and whether its attribute ``_FillValue`` declares NaN
        as no data.

    Raises:
        L4SError: the file is no HDF5 or damaged, or the array is missing, not of that shape, not of numbers, not
            stored in the file itself, or compressed with a filter that HDF5 would have to load.
    """
    import h5py

    try:
        with h5py.File(stream, "r") as file:
            dataset = file.get(key) if isinstance(file.get(key, getlink=True), h5py.HardLink) else None
            if not isinstance(dataset, h5py.Dataset):
                keys = ", ".join(list(file)[:_NAMES_SHOWN]) or "none"
                raise error(
                    f"{name} has no key {key!r} but {keys}; expected a file of Landslide4Sense (give the "
                    'rasters in another as HDF5:"FILE"://NAME).'
                )
            if problem := _problem(dataset, trailing):
                raise error(f"{name} {problem}.")
            return np.asarray(dataset[()]), _declares_nan(dataset)
    except L4SError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as cause:
        raise error(
            f"{name} cannot be read as HDF5 ({cause}); it is damaged, cut short or something else, so fetch it again."
        ) from cause


def _problem(dataset: Any, trailing: tuple[int, ...]) -> str:
    """Say why an array is not read, or nothing."""
    what = "an image" if trailing else "a mask"
    shape = dataset.shape or ()
    if len(shape) != 2 + len(trailing) or shape[2:] != trailing or not 0 < min(shape) <= max(shape) <= LARGEST:
        expected = ", ".join(map(str, ("rows", "cols", *trailing)))
        return f"holds {what} of shape {shape}; expected ({expected}) with at most {LARGEST} rows and columns"
    if dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8:
        return f"holds values of type {dataset.dtype}; expected numbers"
    if dataset.is_virtual or dataset.external:
        return f"keeps its values in other files; expected {what} stored in the file itself (h5repack)"
    if dataset.chunks and math.prod(dataset.chunks) > LARGEST**2 * math.prod(trailing):
        return f"is stored in chunks of {dataset.chunks} values; expected chunks no larger than {what} (h5repack)"
    plist = dataset.id.get_create_plist()
    filters = {plist.get_filter(number)[0] for number in range(plist.get_nfilters())}
    if unknown := sorted(filters - _FILTERS):
        return f"is compressed with HDF5's filter {unknown[0]}; expected gzip, lzf or none (h5repack -f GZIP=1)"
    return ""


def _declares_nan(dataset: Any) -> bool:
    try:
        fill = np.asarray(dataset.attrs.get("_FillValue", 0), float)
    except (TypeError, ValueError):
        return False
    return fill.size == 1 and bool(np.isnan(fill).all())

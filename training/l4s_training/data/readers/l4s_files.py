"""Reader of Landslide4Sense patches as the organisers publish them.

A folder, or a zip that is read in place, holds ``img/image_N.h5`` and ``mask/mask_N.h5`` (see `l4s_h5`); the files may
also lie flat beside each other. N is 1-based and serves as the id. TrainData, ValidData and TestData are such folders.

A published value times M is an integer, the raw value. Patches are kept as these integers in uint16, in a cache on disk
that is memory-mapped, which is exact; patches of other values are kept as float32.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches
from l4s_training.data.pixels import NODATA, Pixels, Store
from l4s_training.data.readers import cache
from l4s_training.data.readers.archive import Archive
from l4s_training.data.readers.l4s_h5 import read_image, read_mask
from l4s_training.data.roles import FOLDERS

__all__ = ["has_masks", "official_folders", "read_archive"]

_VERSION = 1
"""Version of the cache's format."""
_IMAGE = re.compile(r"(?:.*/)?image_(\d+)\.h5")
_MASK = re.compile(r"(?:.*/)?mask_(\d+)\.h5")
_INTEGER = 0.01
"""Distance from an integer within which a raw value is one: files in float32 come as near as this."""


def official_folders(archive: Archive) -> list[Archive]:
    """Return the archives of TrainData, ValidData and TestData that lie inside this one."""
    return [archive.inside(name) for name in FOLDERS if name in archive.folders()]


def has_masks(archive: Archive) -> bool:
    """Return whether a folder holds ``mask/``, or masks beside its images."""
    return "mask" in archive.folders() or bool(_numbered(archive.names(), _MASK))


def read_archive(
    archive: Archive, bands: tuple[str, ...], labelled: bool = True, place: str | Path | None = None
) -> Patches:
    """Read all patches of a folder.

    Args:
        archive: holds ``img/`` and ``mask/``, or the files of both side by side.
        bands: the bands wanted, in order.
        labelled: False to leave masks aside, whether there are some or not.
        place: the cache folder; see `l4s_training.data.readers.cache.entry`.

    Raises:
        DataError: there are no patches, a mask is missing, has no image or not its image's size, sizes differ, values
            are out of range, or a file cannot be read.
    """
    index = _find(archive, labelled)
    stamps = archive.stamps([*index.images, *index.masks])
    kept = cache.entry([("l4s", _VERSION, int(labelled)), *stamps], lambda folder: _keep(archive, index, folder), place)
    stored = _mapped(archive, index, kept) if kept else _in_memory(archive, index)
    planes = tuple(BANDS.index(band) for band in bands)
    raw = bands if stored.images.dtype != np.float32 else ()
    masks = stored.masks if labelled else np.zeros((len(stored.images), *stored.images.shape[2:]), np.uint8)
    return Patches(
        Pixels.of(Store(stored.images, planes, raw, stored.nodata and bool(raw))),
        masks,
        index.numbers,
        index.numbers,
        np.zeros(len(index.numbers), np.float32),
        bands,
        archive.name,
        labelled,
        role=FOLDERS.get(archive.name),
    )


@dataclass(frozen=True)
class _Index:
    """The files of a folder, by ascending number."""

    numbers: NDArray[np.int64]
    images: list[str]
    masks: list[str]
    """Names of the masks, one for each image; empty if they are left aside."""


@dataclass(frozen=True)
class _Stored:
    """All patches of a folder."""

    images: NDArray[Any]
    """(n, 14, rows, cols) uint16 raw values or float32 L4S units."""
    masks: NDArray[np.uint8]
    """(n, rows, cols); empty if they are left aside."""
    nodata: bool
    """Whether NODATA among raw values means no data."""


class _NotRaw(Exception):  # noqa: N818 - no error: the reader starts again with float32
    """A value is not an integer in uint16 when multiplied by M."""


def _find(archive: Archive, labelled: bool) -> _Index:
    """Pair images with masks."""
    separate = "img" in archive.folders()
    images = _numbered(archive.names("img" if separate else ""), _IMAGE)
    masks = _numbered(archive.names("mask" if separate else ""), _MASK) if labelled else {}
    here = archive.path("").rstrip("/")
    if not images:
        raise DataError(f"{here} holds no img/image_N.h5 and no image_N.h5; name a folder of L4S patches.")
    numbers = sorted(images)
    if labelled:
        if lacking := [n for n in numbers if n not in masks]:
            expected = archive.path(f"mask/mask_{lacking[0]}.h5" if separate else f"mask_{lacking[0]}.h5")
            raise DataError(
                f"{archive.path(images[lacking[0]])} has no mask: {expected} does not exist"
                + (f" ({len(lacking)} masks are missing)" if len(lacking) > 1 else "")
                + "; add it, or leave the image out."
            )
        if spare := sorted(set(masks) - set(images)):
            raise DataError(
                f"{archive.path(masks[spare[0]])} has no image"
                + (f" ({len(spare)} images are missing)" if len(spare) > 1 else "")
                + "; fetch the images again, or take the mask away."
            )
    gaps = sorted(set(range(1, numbers[-1] + 1)) - set(numbers))
    if gaps and archive.name in FOLDERS:
        warnings.warn(
            f"{here} holds {len(numbers)} patches with numbers up to {numbers[-1]}: {len(gaps)} are not there, the "
            f"first is {gaps[0]}.",
            stacklevel=4,
        )
    return _Index(
        np.array(numbers, np.int64), [images[n] for n in numbers], [masks[n] for n in numbers] if labelled else []
    )


def _numbered(names: list[str], pattern: re.Pattern[str]) -> dict[int, str]:
    """Return the files of a kind by their numbers.

    Raises:
        DataError: two have the same, as image_1.h5 and image_01.h5.
    """
    found: dict[int, str] = {}
    for name in names:
        if (match := pattern.fullmatch(name)) and (other := found.setdefault(int(match[1]), name)) != name:
            raise DataError(f"{other} and {name} have the same number; take one of them away.")
    return found


def _keep(archive: Archive, index: _Index, folder: Path) -> None:
    """Write the cache's files; as raw values if possible."""
    try:
        _write(archive, index, folder, np.uint16)
    except _NotRaw:
        _write(archive, index, folder, np.float32)


def _write(archive: Archive, index: _Index, folder: Path, dtype: type[np.uint16] | type[np.float32]) -> None:
    # Written in order, not through a mapping: a full disk is an error then, and not a killed process.
    nodata = False
    with (folder / "images.npy").open("wb") as images, (folder / "masks.npy").open("wb") as masks:
        for number, patch in enumerate(_patches(archive, index, dtype)):
            if not number:
                _header(images, np.dtype(dtype), (len(index.images), *patch.image.shape))
                _header(masks, np.dtype(np.uint8), (len(index.masks), *patch.image.shape[1:]))
            images.write(patch.image.tobytes())
            if patch.mask is not None:
                masks.write(patch.mask.tobytes())
            nodata |= patch.nodata
    np.save(folder / "nodata.npy", np.array(nodata), allow_pickle=False)


def _header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    entries = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, entries)


def _mapped(archive: Archive, index: _Index, kept: Path) -> _Stored:
    try:
        images = np.load(kept / "images.npy", mmap_mode="r", allow_pickle=False)
        masks = np.load(kept / "masks.npy", allow_pickle=False)
        return _Stored(images, masks, bool(np.load(kept / "nodata.npy", allow_pickle=False)))
    except (OSError, ValueError, EOFError):
        cache.remove(kept)
        return _in_memory(archive, index)


def _in_memory(archive: Archive, index: _Index) -> _Stored:
    try:
        return _collected(archive, index, np.uint16)
    except _NotRaw:
        return _collected(archive, index, np.float32)


def _collected(archive: Archive, index: _Index, dtype: type[np.uint16] | type[np.float32]) -> _Stored:
    images: NDArray[Any] = np.empty(0)
    masks = np.empty((0,), np.uint8)
    nodata = False
    for number, patch in enumerate(_patches(archive, index, dtype)):
        if not number:
            images = np.empty((len(index.images), *patch.image.shape), dtype)
            masks = np.empty((len(index.masks), *patch.image.shape[1:]), np.uint8)
        images[number] = patch.image
        if patch.mask is not None:
            masks[number] = patch.mask
        nodata |= patch.nodata
    return _Stored(images, masks, nodata)


@dataclass(frozen=True)
class _Patch:
    image: NDArray[Any]
    """(14, rows, cols) uint16 raw values or float32 L4S units."""
    mask: NDArray[np.uint8] | None
    nodata: bool


def _patches(archive: Archive, index: _Index, dtype: type[np.uint16] | type[np.float32]) -> Iterator[_Patch]:
    """Read and check one patch after the other."""
    first: tuple[int, ...] = ()
    progress = tqdm(index.images, f"Reading {archive.name}", leave=False, delay=2, disable=None)  # None: on a terminal
    for number, name in enumerate(progress):
        image = read_image(archive, name)
        if first and image.shape != first:
            raise DataError(
                f"{archive.path(name)} is {image.shape[1:]} pixels and those before it {first[1:]}; patches "
                "trained on together must be of one size."
            )
        first = image.shape
        mask = None
        if index.masks:
            mask = read_mask(archive, index.masks[number])
            if mask.shape != image.shape[1:]:
                raise DataError(
                    f"{archive.path(index.masks[number])} has shape {mask.shape}; expected {image.shape[1:]}, that of "
                    "its image."
                )
        values = _raw(image) if dtype is np.uint16 else image.astype(np.float32)
        yield _Patch(values, mask, bool(np.isnan(image).any()))


def _raw(image: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
    """(14, rows, cols) L4S units to raw values."""
    values = image.astype(np.float64) * scale_of(BANDS)[:, None, None]
    values[np.isnan(values)] = NODATA
    whole = np.rint(values)
    if np.abs(values - whole).max() > _INTEGER or whole.min() < 0 or whole.max() > NODATA:
        raise _NotRaw
    return whole.astype(np.uint16)

"""Reader of Landslide4Sense patches as the organisers publish them.

A folder holds ``img/image_N.h5`` (key ``img``, float64, rows x cols x 14, L4S units) and ``mask/mask_N.h5`` (key
``mask``, rows x cols, 0 or 1); the files may also lie flat beside each other. N is 1-based and serves as the id.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import BANDS
from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches

__all__ = ["read_folder", "read_image", "read_mask"]

_IMAGE = re.compile(r"image_(\d+)\.h5")


def read_image(path: Path, bands: tuple[str, ...] = BANDS) -> NDArray[np.float32]:
    """Read one ``image_N.h5``.

    Args:
        path: the file.
        bands: the bands wanted, in order.

    Returns:
        (bands, rows, cols) float32, L4S units.

    Raises:
        DataError: the file is damaged, has no key ``img``, another shape, or values that are not finite.
    """
    image = _dataset(path, "img")
    if image.ndim != 3 or image.shape[2] != len(BANDS):
        raise DataError(f"{path} holds an image of shape {image.shape}; expected (rows, cols, {len(BANDS)}).")
    chosen = image[..., [BANDS.index(b) for b in bands]]
    if not np.isfinite(chosen).all():
        raise DataError(
            f"{path} holds {int((~np.isfinite(chosen)).sum())} values that are not finite; the released patches "
            "hold none, so fetch the file again or leave the patch out."
        )
    return np.ascontiguousarray(chosen.transpose(2, 0, 1).astype(np.float32))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read one ``mask_N.h5``.

    Returns:
        (rows, cols) uint8, 0 or 1.

    Raises:
        DataError: the file is damaged, has no key ``mask``, or holds something else than 0 and 1.
    """
    mask = _dataset(path, "mask")
    if mask.ndim != 2:
        raise DataError(f"{path} holds a mask of shape {mask.shape}; expected (rows, cols).")
    if not np.isin(mask, (0, 1)).all():
        raise DataError(f"{path} holds mask values from {mask.min()} to {mask.max()}; expected only 0 and 1.")
    return mask.astype(np.uint8)


def read_folder(folder: Path, bands: tuple[str, ...]) -> Patches:
    """Read all labelled patches of a folder.

    Args:
        folder: holds ``img/`` and ``mask/``, or the files of both side by side.
        bands: the bands wanted, in order.

    Raises:
        DataError: there are no patches, a mask is missing or does not have its image's size, sizes differ, or a
            file cannot be read.
    """
    images, masks = (folder / "img", folder / "mask") if (folder / "img").is_dir() else (folder, folder)
    found = {int(m[1]): p for p in images.glob("image_*.h5") if (m := _IMAGE.fullmatch(p.name))}
    if not found:
        raise DataError(f"{folder} holds no img/image_N.h5 and no image_N.h5; name a folder of L4S patches.")
    numbers = np.array(sorted(found), np.int64)
    values: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.uint8]] = []
    for number in numbers.tolist():
        mask_path = masks / f"mask_{number}.h5"
        if not mask_path.is_file():
            raise DataError(f"{found[number]} has no mask: {mask_path} does not exist; add it, or leave the image out.")
        image, mask = read_image(found[number], bands), read_mask(mask_path)
        if mask.shape != image.shape[1:]:
            raise DataError(f"{mask_path} has shape {mask.shape}; expected {image.shape[1:]}, that of its image.")
        if values and image.shape != values[0].shape:
            raise DataError(
                f"{found[number]} is {image.shape[1:]} pixels and those before it {values[0].shape[1:]}; patches "
                "trained on together must be of one size."
            )
        values.append(image)
        labels.append(mask)
    return Patches(
        np.stack(values), np.stack(labels), numbers, numbers, np.zeros(len(numbers), np.float32), bands, folder.name
    )


def _dataset(path: Path, key: str) -> NDArray[np.float64]:
    try:
        with h5py.File(path, "r") as file:
            if key not in file:
                raise DataError(f"{path} has no key {key!r} but {', '.join(file) or 'none'}; expected an L4S file.")
            return np.asarray(file[key][()])
    except OSError as error:
        raise DataError(
            f"{path} cannot be read as HDF5 ({error}); it is damaged or cut short, so fetch it again."
        ) from error

"""Folders in Zarr: GDAL reads them, but not where those of Sentinel-2 in the format EOPF lie.

EOPF states CRS and position in ways that GDAL does not know, so a product in it has to be converted band by band.
"""

from __future__ import annotations

import os
from pathlib import Path

from l4s_geo.errors import SceneError

__all__ = ["is_zarr", "refuse_eopf"]

_MARKS = (".zgroup", ".zarray", ".zmetadata", "zarr.json")
_REFLECTANCE = "measurements/reflectance/r10m"


def is_zarr(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a Zarr store, be it a group or an array."""
    return any((Path(path) / mark).is_file() for mark in _MARKS)


def refuse_eopf(path: str | os.PathLike[str]) -> None:
    """Refuse a product of Sentinel-2 in EOPF, ESA's format in Zarr.

    Raises:
        SceneError: it is one.
    """
    if (Path(path) / _REFLECTANCE).is_dir():
        raise SceneError(
            f"The scene {path} is an EOPF product in Zarr, whose place GDAL cannot tell; expected SAFE or band files, "
            "so download it as SAFE, or convert each band, with the product's proj:epsg and proj:bbox (gdal_translate "
            f"-a_srs EPSG:… -a_ullr WEST NORTH EAST SOUTH 'ZARR:\"{path}\":/{_REFLECTANCE}/b04' B04.tif), and give the "
            "folder of the files."
        )

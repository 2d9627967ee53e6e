"""GDAL's own names of things: ``NETCDF:"x.nc":Band1``, ``/vsizip/x.zip/b.tif``, ``SENTINEL2_L2A:MTD_MSIL2A.xml:10m:…``.

Users copy them from QGIS and from `gdalinfo`. What follows a file's name in them is GDAL's business; that the file
exists, and that this GDAL has the driver, is ours, since GDAL's own messages speak of something else then.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import rasterio

from l4s_geo.address import shown
from l4s_geo.errors import SceneError

__all__ = ["check_path", "file_of", "lacking_driver", "product_of"]

_DRIVERS = {
    "NETCDF": "netCDF",
    "HDF5": "HDF5",
    "BAG": "BAG",
    "GPKG": "GPKG",
    "ZARR": "Zarr",
    "GTIFF_DIR": "GTiff",
    "NITF_IM": "NITF",
    "RASTERLITE": "Rasterlite",
    **dict.fromkeys(("HDF4_SDS", "HDF4_EOS", "HDF4_GR"), "HDF4Image"),
    **dict.fromkeys(("SENTINEL2_L1C", "SENTINEL2_L1C_TILE", "SENTINEL2_L2A", "SENTINEL2_L1B"), "SENTINEL2"),
}
"""GDAL's drivers by the words with which names of their rasters begin."""

_SUFFIXES = {
    ".nc": "netCDF",
    ".hdf": "HDF4",
    ".h4": "HDF4",
    ".he5": "HDF5",
    ".grb": "GRIB",
    ".grib": "GRIB",
    ".zarr": "Zarr",
    ".ecw": "ECW",
    ".sid": "MrSID",
    ".kea": "KEA",
    ".jp2": "JP2OpenJPEG",
}
_PREFIX = re.compile(rf"({'|'.join(_DRIVERS)}):(.+)", re.DOTALL | re.IGNORECASE)
_NUMBERED = ("GTIFF_DIR", "NITF_IM")
_ARCHIVE = re.compile(r"/vsi(?:zip|tar|gzip|7z|rar)/(?!vsi)(.+)", re.DOTALL)
_PRODUCT = re.compile(r"SENTINEL2_L(?:1C|1C_TILE|2A):(.+?)(?::(?:\d\dm|TCI|PREVIEW))?(?::EPSG_\d+)?", re.DOTALL)


def check_path(path: str | os.PathLike[str], what: str) -> None:
    """Check that a path that a user gave can be one.

    Args:
        path: the path, an address, or a name of GDAL's.
        what: its part in the run, for the message.

    Raises:
        SceneError: it is empty, not UTF-8, holds a zero, is too long, or a link that leads to itself.
    """
    text = os.fspath(path)
    if not text:
        raise SceneError(f"The path of the {what} is empty; give one, or leave it out.")
    try:
        text.encode()
        os.stat(text)
    except UnicodeEncodeError:
        raise SceneError(
            f"The path of the {what} {shown(text)} is not UTF-8, in which alone GDAL opens files; rename it."
        ) from None
    except ValueError:
        raise SceneError(f"The path of the {what} {shown(text)!r} holds a zero; give the path of a file.") from None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise SceneError(f"The {what} {text} leads nowhere ({error.strerror}); give the path of a file.") from None


def file_of(path: str) -> str | None:
    """Return the file of this machine that a name refers to; None if it is another kind of place.

    Args:
        path: a path, or a name of GDAL's.
    """
    if match := _PREFIX.fullmatch(path):
        rest = match[2].partition(":")[2] if match[1].upper() in _NUMBERED else match[2]
        return file_of(rest if rest.startswith("/vsi") else _unquoted(rest))
    if match := _ARCHIVE.fullmatch(path):
        rest = match[1]
        return rest[1 : rest.find("}")] if rest.startswith("{") else _existing(rest, "/") or rest
    return None if "://" in path or path.startswith("/vsi") else path


def product_of(path: str) -> str | None:
    """Return the product that GDAL's name of an image of Sentinel-2 refers to, or a path into a zip; else None."""
    if match := _PRODUCT.fullmatch(path):
        return file_of(match[1].strip('"'))
    return file_of(path) if _ARCHIVE.fullmatch(path) else None


def lacking_driver(path: str) -> str | None:
    """Return the driver that a raster needs and that this GDAL was built without; None if it is another trouble."""
    match = _PREFIX.fullmatch(path)
    needed = _DRIVERS[match[1].upper()] if match else _SUFFIXES.get(Path(path).suffix.lower())
    with rasterio.Env() as settings:
        return needed if needed and needed not in settings.drivers() else None


def _unquoted(text: str) -> str:
    """Return the file at the beginning of ``"file":rest``, ``file:rest`` or ``file``."""
    if text.startswith('"'):
        return text[1:].partition('"')[0]
    return _existing(text, ":") or text.partition(":")[0]


def _existing(text: str, separator: str) -> str | None:
    """Return the longest beginning of a text, up to a separator, that is a file or a Zarr store."""
    parts = text.split(separator)
    beginnings = (separator.join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((b for b in beginnings if b and (Path(b).is_file() or (separator == ":" and Path(b).is_dir()))), None)

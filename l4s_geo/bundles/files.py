"""Reads the files of a bundle, from its folder or from one zip of it, within bounds."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from l4s_geo.errors import BundleError

__all__ = ["MAX_NETWORK", "MAX_TEXT", "read_file"]

MAX_TEXT = 4 << 20
"""Largest description or model card that is read, in bytes."""

MAX_NETWORK = 2 << 30
"""Largest ONNX file that is read, in bytes."""


def read_file(location: Path, name: str, limit: int) -> bytes:
    """Read one file of a bundle.

    Args:
        location: the bundle's folder or zip.
        name: a plain file name inside it.
        limit: bytes that are read at most.

    Raises:
        BundleError: the name leads elsewhere, or the file is missing, damaged or larger than the limit.
    """
    if PurePosixPath(name).name != name or name.startswith("."):
        raise BundleError(f"Bundle {location} names the file {name!r}; expected a plain file name inside it.")
    try:
        if location.is_dir():
            size = (location / name).stat().st_size
            _check_size(location, name, size, limit)
            return (location / name).read_bytes()
        with zipfile.ZipFile(location) as archive:
            entry = _entry(archive, name)
            _check_size(location, name, entry.file_size, limit)
            return archive.read(entry)
    except (OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise BundleError(f"Bundle {location} has no readable {name!r} ({error}).") from error


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Find a file at the archive's top, or in the one folder that the archive holds."""
    folders = {n.split("/", 1)[0] for n in archive.namelist()}
    if name not in archive.namelist() and len(folders) == 1:
        return archive.getinfo(f"{folders.pop()}/{name}")
    return archive.getinfo(name)


def _check_size(location: Path, name: str, size: int, limit: int) -> None:
    if size > limit:
        raise BundleError(f"{name!r} in bundle {location} has {size} bytes; at most {limit} are read.")

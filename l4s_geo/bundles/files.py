"""Reads the files of a bundle, from its folder or from one zip of it, defensively.

A bundle may come from a stranger. Sizes are limited before anything is read, whatever an archive claims; what packs
itself far better than networks can be packed is refused; links are not followed out of the bundle's folder.
"""

from __future__ import annotations

import lzma
import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from l4s_geo.errors import BundleError

__all__ = ["MAX_NETWORK", "MAX_TEXT", "read_file"]

MAX_TEXT = 4 << 20
"""Bytes of a description or a model card that are read at most."""

MAX_NETWORK = 1 << 30
"""Bytes of an ONNX file that are read at most: three times the largest network that this project trains, in float32."""

_MAX_RATIO = 100
"""Times that a file may be larger than its packed form; texts reach 10, networks 2."""
_SMALL = 1 << 20
"""Bytes up to which the ratio does not matter."""
_MAX_ENTRIES = 10_000
_ENCRYPTED = 0x1
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(location: Path, name: str, limit: int) -> bytes:
    """Read one file of a bundle.

    Args:
        location: the bundle's folder or zip.
        name: a plain file name inside it.
        limit: bytes that are read at most.

    Raises:
        BundleError: the name leads elsewhere, or the file is missing, a link, encrypted, damaged, packed in a way that
            is unknown or suspicious, or larger than the limit.
    """
    if PurePosixPath(name).name != name or name.startswith(".") or "\\" in name or "\0" in name:
        raise BundleError(f"Bundle {location} names the file {name!r}; expected a plain file name inside it.")
    try:
        return _from_folder(location, name, limit) if location.is_dir() else _from_zip(location, name, limit)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise BundleError(f"Bundle {location} has no readable {name!r} ({error}); fetch or export it again.") from error


def _from_folder(location: Path, name: str, limit: int) -> bytes:
    path = location / name
    if path.is_symlink():
        raise BundleError(f"{path} is a link; a bundle holds its files itself, so put a copy in its place.")
    with open(os.open(path, _FLAGS), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path} is not an ordinary file; a bundle holds nothing else.")
        _check_size(location, name, status.st_size, limit)
        return _bounded(location, name, file.read(limit + 1), limit)


def _from_zip(location: Path, name: str, limit: int) -> bytes:
    with zipfile.ZipFile(location) as archive:
        entry = _entry(archive, location, name)
        if entry.flag_bits & _ENCRYPTED:
            raise BundleError(f"{name!r} in bundle {location} is encrypted; pack the bundle without a password.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise BundleError(f"{name!r} in bundle {location} is a link; a bundle holds its files themselves.")
        _check_size(location, name, entry.file_size, limit)
        ratio = entry.file_size / max(entry.compress_size, 1)
        if entry.file_size > _SMALL and ratio > _MAX_RATIO:
            raise BundleError(
                f"{name!r} in bundle {location} would unpack to {ratio:,.0f} times its packed size; expected at most "
                f"{_MAX_RATIO} times, so it is not unpacked."
            )
        try:
            with archive.open(entry) as file:
                return _bounded(location, name, file.read(limit + 1), limit)
        except (NotImplementedError, RuntimeError) as error:
            raise BundleError(
                f"{name!r} in bundle {location} is packed in a way that cannot be read ({error}); pack the bundle "
                "as an ordinary zip (deflate)."
            ) from error


def _entry(archive: zipfile.ZipFile, location: Path, name: str) -> zipfile.ZipInfo:
    """Find a file at the archive's top, or in the one folder that the archive holds."""
    names = archive.namelist()
    if len(names) > _MAX_ENTRIES:
        raise BundleError(f"Bundle {location} holds {len(names):,} files; expected at most {_MAX_ENTRIES:,}.")
    folders = {n.split("/", 1)[0] for n in names}
    if name not in names and len(folders) == 1:
        return archive.getinfo(f"{folders.pop()}/{name}")
    return archive.getinfo(name)


def _check_size(location: Path, name: str, size: int, limit: int) -> None:
    if size > limit:
        raise BundleError(f"{name!r} in bundle {location} has {size:,} bytes; at most {limit:,} are read.")


def _bounded(location: Path, name: str, data: bytes, limit: int) -> bytes:
    _check_size(location, name, len(data), limit)
    return data

"""The files of a SAFE product: those of a folder, or the members of a zip that is read in place.

A product is not trusted. Its files are those that a listing shows, so that no name in the metadata or in a zip leads
out of it, and its XML may not declare a document type, hence no entities either.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from xml.etree.ElementTree import Element

from l4s_geo.errors import SceneError
from l4s_geo.sources.markup import MAX_XML, parse_xml
from l4s_geo.sources.rasters import read_error

__all__ = ["TILE_METADATA", "SafeFiles", "is_safe", "locate", "metadata_in", "read_xml"]

# The long names are those of products from before December 2016, which hold several tiles.
_PRODUCT_METADATA = re.compile(r"MTD_MSIL(1C|2A)\.xml|S2[A-D]_\w{4}_MTD_SAFL(1C|2A)\w*\.xml")
TILE_METADATA = re.compile(r"MTD_TL\.xml|S2[A-D]_\w{4}_MTD_L(1C|2A)_\w+\.xml")
"""Names that the file with a granule's metadata may have."""

_READ_ERRORS = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class SafeFiles:
    """The files of a product, by their names relative to its root ("GRANULE/…/MTD_TL.xml")."""

    path: Path
    """The product's folder, or the zip it lies in."""
    prefix: str
    """The product's folder in the zip, with a slash at the end; empty if the product is no zip."""
    names: frozenset[str]
    """Names of all files of the product."""
    metadata: str
    """Name of the file with the product's metadata."""
    granule: str | None = None
    """Name of the granule that was asked for; None if the product was."""

    @property
    def zipped(self) -> bool:
        """Whether the product's files are members of a zip."""
        return self.path.is_file()

    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file of the product."""
        return f"/vsizip/{self.path.absolute()}/{self.prefix}{name}" if self.zipped else str(self.path / name)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file of the product; every way in which reading it fails is a SceneError."""
        try:
            if not self.zipped:
                with open(self.path / name, "rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.prefix + name) as stream:
                    yield stream
        except _READ_ERRORS as cause:
            raise read_error(self.gdal_path(name), "file", cause) from cause


def is_safe(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is meant as a SAFE product, be it whole or not.

    It is if it is a folder named ``*.SAFE``, a folder with a product's metadata, a granule's folder in it, one of
    their metadata files, or a zip that holds such. A zip that cannot be listed counts too: `open_safe` says why.
    """
    given = Path(path)
    if given.is_dir():
        return given.suffix.upper() == ".SAFE" or bool(metadata_in(given)) or given.absolute().parent.name == "GRANULE"
    if given.suffix.lower() == ".zip" and given.is_file():
        try:
            with zipfile.ZipFile(given) as archive:
                names = archive.namelist()
        except (*_READ_ERRORS, NotImplementedError, ValueError):
            return True
        return any(".SAFE/" in name or _PRODUCT_METADATA.fullmatch(PurePosixPath(name).name) for name in names)
    return given.is_file() and bool(_PRODUCT_METADATA.fullmatch(given.name) or TILE_METADATA.fullmatch(given.name))


def locate(path: Path) -> SafeFiles:
    """Find a product's root and list its files."""
    if not path.exists():
        raise SceneError(f"The scene {path} does not exist; give the folder or the zip of a SAFE product.")
    if path.is_file() and path.suffix.lower() == ".zip":
        names = _zip_names(path)
        found = sorted(name for name in names if _PRODUCT_METADATA.fullmatch(PurePosixPath(name).name))
        _check_one_metadata(path, found)
        prefix = found[0].removesuffix(PurePosixPath(found[0]).name)
        inside = frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))
        return SafeFiles(path, prefix, inside, found[0].removeprefix(prefix))
    granule = None
    root, found = path, metadata_in(path)
    if path.is_file():
        root, found = path.parent, [path.name] if _PRODUCT_METADATA.fullmatch(path.name) else []
    if not found and root.absolute().parent.name == "GRANULE":
        granule, root = root.absolute().name, root.absolute().parents[1]
        found = metadata_in(root)
    _check_one_metadata(path, found)
    below = (item for item in (root / "GRANULE").rglob("*") if item.is_file())
    names = frozenset(item.relative_to(root).as_posix() for item in below)
    return SafeFiles(root, "", names | {found[0]}, found[0], granule)


def metadata_in(folder: Path) -> list[str]:
    """Return the names of the files with a product's metadata that lie in a folder."""
    if not folder.is_dir():
        return []
    return sorted(item.name for item in folder.iterdir() if _PRODUCT_METADATA.fullmatch(item.name))


def _check_one_metadata(path: Path, found: list[str]) -> None:
    if not found:
        raise SceneError(
            f"The scene {path} holds no product metadata; expected MTD_MSIL1C.xml or MTD_MSIL2A.xml, so download or "
            "unzip the SAFE product whole."
        )
    if len(found) > 1:
        raise SceneError(f"The scene {path} holds several products ({', '.join(found)}); give one of them alone.")


def _zip_names(path: Path) -> frozenset[str]:
    """List a zip's files, refusing archives that cannot be read in place or that reach outside themselves."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            every = [member.orig_filename for member in archive.infolist()]
    except (*_READ_ERRORS, NotImplementedError, ValueError) as cause:
        raise SceneError(
            f"The scene {path} is not a complete zip archive ({cause}); it seems to be cut off or damaged, so download "
            "it again."
        ) from cause
    for name in every:
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or re.match("[A-Za-z]:", name):
            raise SceneError(
                f"The zip {path} has a member named {name!r}, which leads out of the archive; expected names relative "
                "to it with forward slashes, so get the product from a source you trust."
            )
    for member in members:
        if member.flag_bits & 0x1:
            raise SceneError(f"The zip {path} is encrypted; expected one without a password, so unzip it first.")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SceneError(
                f"The zip {path} uses compression method {member.compress_type}; expected stored or deflated members, "
                "so unzip it first."
            )
    return frozenset(member.filename for member in members)


def read_xml(files: SafeFiles, name: str) -> Element:
    """Parse an XML file that declares no document type."""
    with files.open(name) as stream:
        text = stream.read(MAX_XML + 1)
    return parse_xml(text, f"metadata {files.gdal_path(name)}")

"""A folder of files, on disk or inside a zip that is read in place.

Nothing is extracted: a member of a zip is read into memory, at most `LARGEST` bytes of it.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from l4s_geo.errors import DataError
from l4s_training.data.roles import FOLDERS

__all__ = ["LARGEST", "Archive", "Stamp", "Zip", "open_archive"]

LARGEST = 64 << 20
"""Most bytes that a file inside a zip may have; an official patch has 1.8 million."""

_MEMBERS = 100_000
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # encrypted, or compressed in a way that is not known
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)

Stamp = tuple[str, int, int]
"""Name, size in bytes and time of the last change of a file."""


class Archive(Protocol):
    """Files under one folder, by names relative to it."""

    @property
    def name(self) -> str:
        """The folder's name."""

    def names(self, folder: str = "") -> list[str]:
        """Names of the files that lie in a folder."""

    def folders(self) -> list[str]:
        """Names of the folders that lie at the top."""

    def path(self, name: str) -> str:
        """The file's place as a user knows it, for messages."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            DataError: it cannot be read.
        """

    def inside(self, folder: str) -> Archive:
        """The archive of a folder of this one."""

    def stamps(self, names: Sequence[str]) -> list[Stamp]:
        """What tells files that have changed."""


@dataclass(frozen=True)
class Directory:
    """A folder on disk."""

    folder: Path
    """The folder."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    def names(self, folder: str = "") -> list[str]:
        """Names of the files that lie in a folder."""
        place = self.folder / folder
        return [_join(folder, p.name) for p in place.iterdir() if p.is_file()] if place.is_dir() else []

    def folders(self) -> list[str]:
        """Names of the folders that lie at the top."""
        return [p.name for p in self.folder.iterdir() if p.is_dir()]

    def path(self, name: str) -> str:
        """The file's path."""
        return str(self.folder / name)

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        try:
            return (self.folder / name).open("rb")
        except OSError as error:
            raise DataError(f"{self.path(name)} cannot be opened ({error.strerror}); check the file.") from error

    def inside(self, folder: str) -> Directory:
        """The archive of a folder of this one."""
        return Directory(self.folder / folder)

    def stamps(self, names: Sequence[str]) -> list[Stamp]:
        """Size and modification time of files."""
        stats = [(self.folder / name).stat() for name in names]
        return [(self.path(name), s.st_size, s.st_mtime_ns) for name, s in zip(names, stats, strict=True)]


@dataclass(frozen=True)
class Zip:
    """A folder inside a zip."""

    file: zipfile.ZipFile
    location: Path
    """The zip."""
    members: dict[str, zipfile.ZipInfo] = field(repr=False)
    """The files of the zip, by their full names."""
    root: str = ""
    """Folder inside the zip; "" for its top."""
    called: str = ""
    """The folder's name, where it is not that of ``root``."""

    @property
    def name(self) -> str:
        """The folder's name, or the zip's."""
        return self.called or (PurePosixPath(self.root).name if self.root else self.location.stem)

    @property
    def holds_patches(self) -> bool:
        """Whether patches lie here, or in a folder ``img``, and not only in further folders."""
        return any(name.endswith(".h5") for name in self.names()) or "img" in self.folders()

    def names(self, folder: str = "") -> list[str]:
        """Names of the files that lie in a folder."""
        place = _join(self.root, folder)
        start = len(self.root) + 1 if self.root else 0
        return [name[start:] for name in self.members if name.rpartition("/")[0] == place]

    def folders(self) -> list[str]:
        """Names of the folders that lie at the top."""
        start = self.root + "/" if self.root else ""
        found = {name[len(start) :].partition("/") for name in self.members if name.startswith(start)}
        return sorted({first for first, slash, _ in found if slash})

    def path(self, name: str) -> str:
        """The zip's path and the member's name."""
        return f"{self.location}/{_join(self.root, name)}"

    def open(self, name: str) -> BinaryIO:
        """Read a member into memory."""
        member = self.members[_join(self.root, name)]
        if member.file_size > LARGEST:
            raise DataError(
                f"{self.path(name)} has {member.file_size >> 20} MB; expected at most {LARGEST >> 20} MB of an L4S "
                "patch, so check where the zip comes from."
            )
        try:
            with self.file.open(member) as stream:
                return io.BytesIO(stream.read(LARGEST + 1))
        except _UNREADABLE as error:
            raise DataError(
                f"{self.path(name)} cannot be read from its zip ({error}); the zip is damaged, so fetch it again."
            ) from error

    def inside(self, folder: str) -> Zip:
        """The archive of a folder of this one."""
        return Zip(self.file, self.location, self.members, _join(self.root, folder))

    def stamps(self, names: Sequence[str]) -> list[Stamp]:
        """Place, size and checksum of members; those of the zip itself go first."""
        stat = self.location.stat()
        chosen = [(name, self.members[_join(self.root, name)]) for name in names]
        return [
            (str(self.location.resolve()), stat.st_size, stat.st_mtime_ns),
            *((self.path(name), member.file_size, member.CRC) for name, member in chosen),
        ]


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a folder or a zip.

    A zip's single top folder (TrainData/ in TrainData.zip) counts as the archive itself if no patch lies beside it. A
    zip that is called like an official folder is that folder, however its top folder is called.

    Raises:
        DataError: the zip is damaged, or not what a set of patches can be.
    """
    if path.is_dir():
        yield Directory(path)
        return
    try:
        file = zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as a zip ({error}); fetch it again.") from error
    with file:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in file.infolist():
            if info.is_dir() or "__MACOSX" in PurePosixPath(info.filename).parts:
                continue
            if info.filename in members:
                raise DataError(f"{path} holds {info.filename!r} twice; nobody knows which counts, so zip it anew.")
            members[info.filename] = info
        if len(members) > _MEMBERS:
            raise DataError(f"{path} holds {len(members)} files; expected at most {_MEMBERS} of a set of patches.")
        if outside := [name for name in members if name.startswith("/") or ".." in PurePosixPath(name).parts]:
            raise DataError(
                f"{path} names a file {outside[0]!r}, which lies outside of it; check where the zip comes from."
            )
        archive = Zip(file, path, members)
        while not archive.holds_patches and len(tops := archive.folders()) == 1 and tops[0] != "mask":
            archive = archive.inside(tops[0])
        yield replace(archive, called=path.stem) if path.stem in FOLDERS and archive.holds_patches else archive


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name

"""What a unit is made of, by content: units of one key have one result, whatever their files are called.

A file is read once; its digest is kept in the job table with its size and times, and holds while these stay the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from l4s_geo.address import unsigned
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.errors import EventError
from l4s_geo.events.job_table import JobTable
from l4s_geo.events.scene_facts import SceneFacts
from l4s_geo.events.units import Unit
from l4s_geo.output.identity import local_files
from l4s_geo.stack.input_files import files_of

__all__ = ["Contents", "stamp_of"]

_SPEED_ONLY = ("device", "batch")
"""Options that say where and how fast a unit is mapped, and not what of it."""
_FILES = ("mask", "slope", "aoi")


class Contents:
    """Knows the content of files and units, with the memory of a job table."""

    def __init__(self, table: JobTable) -> None:
        self._table = table
        self._bundles: dict[str, str] = {}
        self._reads = True
        self.digests: dict[str, tuple[tuple[int, int, int], str]] = {}
        """Size and times, and digest, of each file that was asked for, by its place."""

    def described(self, source: str, known: Mapping[str, Any], find: Callable[[], SceneFacts]) -> SceneFacts:
        """Return what is known of a scene, found out anew if its files have changed.

        Args:
            source: the scene.
            known: what an event file says of it.
            find: finds it out.
        """
        stamp = json.dumps([dict(known), _stamp_of_source(source)], sort_keys=True, default=str)
        if facts := self._table.known(source, stamp):
            with suppress(KeyError, TypeError):
                return SceneFacts.of(facts)
        found = find()
        self._table.keep_known(source, stamp, found.facts())
        return found

    def key(self, unit: Unit) -> str:
        """Return a digest of the contents of a unit's inputs and of its options.

        Args:
            unit: the unit.

        Raises:
            EventError: a file cannot be read.
            BundleError: there is no such bundle.
        """
        options = {name: value for name, value in unit.options.items() if name not in _SPEED_ONLY}
        parts: dict[str, Any] = {
            "after": [self._content(source, unit.files.get(source, ())) for source in unit.after],
            "before": [self._content(source, unit.files.get(source, ())) for source in unit.before],
            "dem": [self._content(path, map(str, files_of(path))) for path in unit.dem],
            "bundle": self._bundle(unit.bundle),
        }
        for name in _FILES:
            given = options.get(name)
            if isinstance(given, str) and local_files(given):
                options[name] = self._content(given, map(str, files_of(given)))
        text = json.dumps([parts, options], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def key_if_known(self, unit: Unit) -> str | None:
        """Return what `key` does if that takes no reading; None if a file has changed, was never read, or is not there.

        Args:
            unit: the unit.

        Raises:
            BundleError: there is no such bundle.
        """
        self._reads = False
        try:
            return self.key(unit)
        except (_UnreadError, EventError):
            return None
        finally:
            self._reads = True

    def _bundle(self, name: str) -> str:
        if name not in self._bundles:
            self._bundles[name] = find_bundle(name).sha256
        return self._bundles[name]

    def _content(self, source: str, files: Iterable[str]) -> list[str]:
        """Return digests of a source's files, with their names where there are several; its address without any."""
        places = list(_every_file(files))
        if not places:
            return [unsigned(source)]
        if len(places) == 1:
            return [self._digest(places[0][1])]
        return sorted(f"{name} {self._digest(path)}" for name, path in places)

    def _digest(self, path: Path) -> str:
        try:
            place, stamp = str(path.resolve()), stamp_of(path)
            if found := self._table.digest(place, stamp):
                self.digests[place] = stamp, found
                return found
            if not self._reads:
                raise _UnreadError
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            changed = stamp_of(path) != stamp
        except OSError as error:
            raise EventError(
                f"The input {path} cannot be read ({error.strerror}); correct it, and run again."
            ) from error
        if changed:
            raise EventError(f"The input {path} changes while it is read; wait until it is complete, and run again.")
        self._table.keep_digest(place, stamp, digest)
        self.digests[place] = stamp, digest
        return digest


class _UnreadError(Exception):
    """A file would have to be read."""


def stamp_of(path: Path) -> tuple[int, int, int]:
    """Return the size of a file, and when its content and anything at all of it last changed, in nanoseconds."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _every_file(files: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield files, and those in folders, with the names by which they are known inside what they belong to."""
    for given in dict.fromkeys(files):
        path = Path(given)
        if path.is_dir():
            inside = sorted(Path(folder, name) for folder, _, names in os.walk(path) for name in names)
            yield from ((str(file.relative_to(path)), file) for file in inside if file.is_file() and _counts(file))
        elif path.is_file():
            yield path.name, path


def _stamp_of_source(source: str) -> list[Any]:
    """Return what tells whether a source has changed: stamps of its files and of those in its folders."""
    files = local_files(source)
    return [(name, *stamp_of(path)) for name, path in _every_file(map(str, files))]


def _counts(file: Path) -> bool:
    """Whether a file in a folder belongs to it, and is not what other programs keep beside images."""
    return not file.name.startswith(".") and not file.name.lower().endswith((".aux.xml", ".ovr", ".part"))

"""Keeps an object store equal to the finished files of an event: what is there already is not copied again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from l4s_geo.address import gdal_name, is_network
from l4s_geo.errors import EventError
from l4s_geo.events.content import stamp_of
from l4s_geo.events.job_table import JobTable
from l4s_geo.events.object_store import ObjectStore
from l4s_geo.events.run_unit import make_folder
from l4s_geo.events.units import Unit

__all__ = ["Delivery", "check_no_input"]


class Delivery:
    """Copies files of a folder into a store, or from it; the job table remembers which file each object is."""

    def __init__(self, store: ObjectStore, table: JobTable, folder: Path) -> None:
        """Take a store, and a folder of the same structure.

        Args:
            store: the store.
            table: the job table.
            folder: the folder of the results.
        """
        self._store = store
        self._table = table
        self._folder = folder
        self._tags: dict[str, str] | None = None

    def send(self, paths: Iterable[Path]) -> int:
        """Copy files that the store does not have, or has otherwise, in the order given; return how many those were.

        Raises:
            OutputError: one cannot be copied.
        """
        sent = 0
        for path in paths:
            name = path.relative_to(self._folder).as_posix()
            if self._tags is None:
                self._tags = self._store.tags()
            if self._known(name, path) != self._tags.get(name, ""):
                self._tags[name] = self._store.send(path, name)
                self._keep(name, path, self._tags[name])
                sent += 1
        return sent

    def received(self, tags: Mapping[str, str]) -> None:
        """Copy objects that others have put into the store into the folder.

        Args:
            tags: their entity tags by name.

        Raises:
            EventError: an object is gone, or has become another.
            OutputError: one cannot be read, or a file not be written.
        """
        for name, tag in tags.items():
            path = self._folder / name
            make_folder(path.parent)
            if self._store.fetch(name, path) != tag:
                raise EventError(
                    f"The object {self._store.place(name)} is not the one that a worker has just written; see that "
                    "nothing else writes there, and run again."
                )
            if self._tags is not None:
                self._tags[name] = tag
            self._keep(name, path, tag)

    def _known(self, name: str, path: Path) -> str | None:
        """Return the tag of the object that a file is as it is now; None if it was never sent, or has changed."""
        kept = self._table.note(f"sent {name}")
        stamp, tag = json.loads(kept) if kept else (None, None)
        return str(tag) if stamp == list(stamp_of(path)) else None

    def _keep(self, name: str, path: Path, tag: str) -> None:
        self._table.keep_note(f"sent {name}", json.dumps([stamp_of(path), tag]))


def check_no_input(store: ObjectStore, folder: Path, units: Sequence[Unit], merged: Path) -> None:
    """Check that no object that is to be written is one that is read.

    Raises:
        EventError: one is.
    """
    paths = [merged, *(Path(path) for unit in units for path in unit.outputs.values())]
    written = {store.place(path.relative_to(folder).as_posix()) for path in paths}
    for unit in units:
        for source in (*unit.after, *unit.before, *unit.dem, *map(str, unit.options.values())):
            if is_network(source) and (name := _plain(source)) in written:
                raise EventError(
                    f"The object {name} is an input of the unit {unit.name} and would be replaced; choose another out."
                )


def _plain(source: str) -> str:
    try:
        return gdal_name(source)
    except ValueError:
        return source

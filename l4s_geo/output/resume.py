"""Work that is done already, kept beside an output until the output is complete, so that a stopped run can go on.

The parts of ``inventory.gpkg`` lie in the hidden folder ``.inventory.gpkg.l4s-parts``. Each appears under its name only
when it is complete. A key tells which command they belong to; another command's are thrown away.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import OutputError, OutputKeptError
from l4s_geo.output.atomic import SUFFIX, replacing

__all__ = ["ResumeStore"]


class ResumeStore:
    """Keeps the parts of one output in a folder until the output is complete."""

    def __init__(self, output: Path, key: str, resume: bool, facts: dict[str, str] | None = None) -> None:
        """Find the parts of an earlier run, or prepare for new ones.

        Args:
            output: the file that they are parts of.
            key: digest of all that the parts depend on.
            resume: whether to keep the parts of an earlier run with the same key.
            facts: what to remember of this run; a resumed run has those of the earlier one in `facts`.
        """
        place = output.resolve()
        self.folder = place.with_name(f".{place.name}.l4s-parts")
        self._about = self.folder / "about.json"
        self._key = key
        self.facts = facts or {}
        self.resumed = False
        if resume and (about := self._read_about()).get("key") == key and isinstance(about.get("facts"), dict):
            self.facts, self.resumed = about["facts"], True
        else:
            self.discard()

    def inner(self, name: str) -> ResumeStore:
        """Return a store for the parts of one step, inside this one; it goes when this one is discarded."""
        self.begin()
        return ResumeStore(self.folder / name, self._key, self.resumed)

    def names(self) -> set[str]:
        """Return the names of the parts that are complete."""
        return {p.name for p in self.folder.glob("*") if p != self._about and p.suffix != SUFFIX}

    def begin(self) -> None:
        """Make the folder, so that parts can be written.

        Raises:
            OutputError: it cannot be made.
        """
        if not self._about.exists():
            with self.writing():
                self.folder.mkdir(exist_ok=True)
                with replacing(self._about) as part:
                    part.write_text(json.dumps({"key": self._key, "facts": self.facts}), encoding="utf-8")

    def path(self, name: str) -> Path:
        """Return where a part lies that its owner writes by itself, piece by piece."""
        return self.folder / name

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn a failure to write inside the ``with`` block into an error that says how to go on.

        Raises:
            OutputError: something could not be written; the parts that are complete stay.
        """
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"The work done so far cannot be kept in {self.folder} ({error}); free some space, then run the same "
                "command with --resume."
            ) from error

    def write(self, name: str, write: Callable[[Path], None]) -> None:
        """Write a part: `write` gets a path to write to, which is then moved to its name.

        Raises:
            OutputError: it cannot be written; the parts that are complete stay.
        """
        self.begin()
        with self.writing(), replacing(self.path(name)) as part:
            write(part)

    def save(self, name: str, **arrays: NDArray[Any]) -> None:
        """Write arrays as a part."""

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)

        self.write(name, write)

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Read a part that `save` has written; None if there is none, or if it is damaged."""
        try:
            with np.load(self.folder / name, allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error):
            return None

    @contextmanager
    def done_with(self) -> Iterator[None]:
        """Remove all parts when the ``with`` block ends with the output complete, be it under another name."""
        try:
            yield
        except OutputKeptError:
            self.discard()
            raise
        self.discard()

    def discard(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_about(self) -> dict[str, Any]:
        try:
            about = json.loads(self._about.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return about if isinstance(about, dict) else {}

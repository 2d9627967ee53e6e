"""Outputs of training: files that are written whole, or not at all; folders that one run has at a time."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from l4s_geo.errors import OutputError
from l4s_geo.output.atomic import atomic_write
from l4s_geo.output.claim import claimed
from l4s_geo.output.identity import is_same, local_files

__all__ = ["check_apart", "claimed_folder", "write_table", "write_text"]


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    """Keep other runs from a folder while the ``with`` block runs; the folders around it are created if need be.

    Raises:
        OutputError: another run has it, or it cannot be created.
    """
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error}); choose another with --out.") from error
    with claimed(folder):
        yield


def check_apart(out: Path, *read: Iterable[str | os.PathLike[str]]) -> None:
    """Check that an output is none of the files or folders that a command reads, whatever their names.

    Raises:
        OutputError: it is one.
    """
    for name in (name for names in read for name in names):
        if any(is_same(out, path) for path in local_files(name)):
            raise OutputError(f"The output {out} is {name}, which the command reads; choose another place for it.")


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")
        if part.read_text(encoding="utf-8") != text:
            raise OSError("it was not written to its end")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    write_text(path, out.getvalue())

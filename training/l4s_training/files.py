"""Text files and tables that are written whole, or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from l4s_geo.output.atomic import atomic_write

__all__ = ["write_table", "write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    write_text(path, out.getvalue())

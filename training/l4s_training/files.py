"""Files that are written whole, or not at all: beside their name first, then renamed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from l4s_geo.errors import OutputError

__all__ = ["atomic_write", "write_table", "write_text"]

_ADVICE = "make room and run the same command again."


@contextmanager
def atomic_write(path: Path, advice: str = _ADVICE, errors: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """Give a path to write to, and move it to its name when it is complete.

    Args:
        path: the final name; what stands there stays if writing fails.
        advice: ends the message.
        errors: what else than OSError means that writing failed.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    part = path.with_name(path.name + ".part")
    failures: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        yield part
        part.replace(path)
    except failures as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error}); {advice}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        OutputError: see `atomic_write`.
    """
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file.

    Raises:
        OutputError: see `atomic_write`.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    write_text(path, out.getvalue())

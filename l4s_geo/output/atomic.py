"""Files that are written whole, or not at all: beside their name first, then renamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from l4s_geo.errors import OutputError
from l4s_geo.output.claim import claimed

__all__ = ["SUFFIX", "atomic_write", "replacing"]

SUFFIX = ".part"
"""Ends the name of a file that is not complete yet."""

_ADVICE = "make room and run the same command again."


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, and move it to its name when the ``with`` block ends without an error.

    If the block raises, what stood under the name stays, and nothing is left beside it.

    Args:
        path: the final name.

    Yields:
        A path in the same folder.

    Raises:
        OSError: the file cannot be moved to its name.
    """
    part = path.with_name(path.name + SUFFIX)
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_write(path: Path, advice: str = _ADVICE, errors: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """Claim the file, do as `replacing` does, and turn a failure to write into an error for the user.

    Args:
        path: the final name.
        advice: what to do about a failure; it ends the message.
        errors: what else than OSError means that writing failed.

    Yields:
        A path to write to.

    Raises:
        OutputError: the disk is full, or cannot be written to; or another run writes the same file.
    """
    failures: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        with claimed(path), replacing(path) as part:
            yield part
    except OutputError:
        raise
    except failures as error:
        raise OutputError(f"{path} cannot be written ({error}); {advice}") from error

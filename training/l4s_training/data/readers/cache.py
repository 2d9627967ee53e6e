"""Where patches are kept in a form that reads fast: beside nothing of the user's, and safe to delete at any time.

An entry is a folder whose name is a digest of the files it was made of (place, size, time of change). It is written
beside its final name and renamed, so that an entry that exists is complete, whoever else writes it at the same time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from l4s_training.data.readers.archive import Stamp

__all__ = ["OFF", "entry", "folder", "remove"]

OFF = "off"
"""What is given in place of a folder so that nothing is kept."""

_ABANDONED = 24 * 3600.0
"""Age, in seconds, from which a half-written entry belongs to a process that was killed."""


def folder() -> Path | None:
    """Return the cache folder: the environment variable L4S_CACHE ("off" for none), or a folder of the user's."""
    if chosen := os.environ.get("L4S_CACHE"):
        return None if chosen == OFF else Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "l4s"


def entry(stamps: Sequence[Stamp], write: Callable[[Path], None], place: str | Path | None = None) -> Path | None:
    """Return the entry made of these files, writing it first if there is none.

    Args:
        stamps: the files.
        write: fills an empty folder; its errors go to the caller, except OSError.
        place: the cache folder, OFF for none, None for `folder`.

    Returns:
        The entry's folder; None if nothing is to be kept, or cannot be (a folder without room or permission).
    """
    root = folder() if place is None else None if str(place) == OFF else Path(place)
    if root is None:
        return None
    final = root / hashlib.sha256(repr(stamps).encode()).hexdigest()[:32]
    if final.is_dir():
        return final
    part: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=root))
        write(part)
        os.rename(part, final)
    except OSError:
        if not final.is_dir():  # somebody else may have been faster
            return None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return final


def remove(path: Path) -> None:
    """Remove an entry that turned out to be damaged."""
    shutil.rmtree(path, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed processes left half-written."""
    for part in root.glob(".part-*"):
        if time.time() - part.stat().st_mtime > _ABANDONED:
            shutil.rmtree(part, ignore_errors=True)

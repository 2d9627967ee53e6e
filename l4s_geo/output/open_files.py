"""Which programs have a file open for writing, as far as the operating system tells (Linux: in /proc)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["writers"]

_PROCESSES = Path("/proc")


def writers(*paths: Path) -> list[str]:
    """Name the programs that hold files open for writing.

    Args:
        paths: the files; those that do not exist are passed over.

    Returns:
        Each program once, as in "qgis (process 4711)"; none where nobody does, or where the system does not tell:
        other systems, and other users' programs.
    """
    wanted = {(status.st_dev, status.st_ino) for path in paths if (status := _status(path))}
    if not wanted or not _PROCESSES.is_dir():
        return []
    numbers = sorted(int(entry.name) for entry in _PROCESSES.iterdir() if entry.name.isdigit())
    return [_name(number) for number in numbers if not wanted.isdisjoint(_written(number))]


def _written(process: int) -> Iterator[tuple[int, int]]:
    """Yield device and number of the files that a process may write to."""
    folder = _PROCESSES / str(process)
    try:
        descriptors = os.listdir(folder / "fd")
    except OSError:
        return
    for descriptor in descriptors:
        status = _status(folder / "fd" / descriptor)
        if status and _is_for_writing(folder / "fdinfo" / descriptor):
            yield status.st_dev, status.st_ino


def _is_for_writing(about: Path) -> bool:
    try:
        lines = about.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.split()[1] for line in lines if line.startswith("flags:")), "0")
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY


def _name(process: int) -> str:
    try:
        name = (_PROCESSES / str(process) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = ""
    return f"{name or 'a program'} (process {process})"


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None

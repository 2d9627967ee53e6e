"""Results that appear whole or not at all.

A file is written into a hidden folder beside its final place and moved there when it is complete.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from l4s_geo.errors import OutputError

__all__ = ["LAYER", "check_output", "staged"]


LAYER = "landslides"
"""Name of the layer of landslides, in formats whose layers have names."""


def check_output(path: Path, suffixes: tuple[str, ...], what: str) -> None:
    """Check, before any work is done, that a result can be written.

    Args:
        path: where it is to appear.
        suffixes: those allowed.
        what: "inventory" or "probability raster", for the message.

    Raises:
        OutputError: unknown suffix, or a folder that is missing or cannot be written to.
    """
    if path.suffix.lower() not in suffixes:
        raise OutputError(
            f"The {what} {path} has the suffix {path.suffix or '(none)'!r}; expected one of {', '.join(suffixes)}."
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} for the {what} does not exist; create it first.")
    if path.is_dir():
        raise OutputError(f"The {what} {path} is a folder; give the name of a file.")
    _check_replaceable(path)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be written to ({error.strerror}); choose another for the {what}."
        ) from error


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a GeoPackage that holds somebody's other layers."""
    if path.suffix.lower() != ".gpkg" or not path.exists():
        return
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise OutputError(
            f"The GeoPackage {path} is open in another program, which has changes that are not saved ({log.name}); "
            "close it there, or choose another name."
        )
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT table_name FROM gpkg_contents")}
    except sqlite3.Error:
        return
    if others := sorted(tables - {LAYER, "layer_styles"}):
        raise OutputError(
            f"The GeoPackage {path} holds other layers ({', '.join(others)}) that would be lost; give the inventory "
            "a file of its own."
        )


@contextmanager
def staged(*finals: Path | None) -> Iterator[tuple[Path | None, ...]]:
    """Give paths to write results to, and move them to their final names when all of them are complete.

    Everything written beside such a path with the same stem (a shapefile's parts, a style) moves with it. If the
    block raises, nothing appears and nothing is left over.

    Args:
        finals: the final paths; None for a result that is not asked for.

    Yields:
        A path for each, or None.

    Raises:
        OutputError: writing failed, for instance because the disk is full.
    """
    folders: list[Path | None] = []
    try:
        for final in finals:
            folder = final and final.absolute().parent / f".{final.name}.l4s-staged"
            if folder:
                shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed while writing
                folder.mkdir()
            folders.append(folder)
        yield tuple(
            folder / final.name if folder and final else None for folder, final in zip(folders, finals, strict=True)
        )
        for folder, final in zip(folders, finals, strict=True):
            if folder and final:
                # The file that carries the name goes last: whoever sees it sees the whole.
                for part in sorted(folder.iterdir(), key=lambda p: p.name == final.name):
                    os.replace(part, final.absolute().parent / part.name)
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, OutputError):
            raise
        names = " and ".join(str(f) for f in finals if f)
        raise OutputError(
            f"{names} could not be written ({error}); free some space, then run the same command with --resume."
        ) from error
    finally:
        for folder in folders:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

"""Results that appear whole or not at all.

A file is written into a hidden folder beside its final place and moved there when it is complete. Where its name is a
link, its place is where the link leads.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from l4s_geo.address import shown
from l4s_geo.errors import OutputError, OutputKeptError
from l4s_geo.output.geopackage import check_replaceable
from l4s_geo.output.siblings import check_siblings, check_unused, clear_siblings
from l4s_geo.output.style import restyle, style_file

__all__ = ["check_name", "check_output", "clear_staging", "destination", "staged"]

_LONGEST = 200
"""Bytes of a name, so that file systems which end at 255 leave room for what the hidden files beside it add."""


_VECTORS = (".gpkg", ".geojson", ".fgb", ".shp")
"""Formats that pyogrio writes; it takes what follows a ; or ! in a path for parameters or a place in an archive."""


def check_output(path: Path, suffixes: tuple[str, ...], what: str, styled: bool = True) -> None:
    """Check, before any work is done, that a result can be written.

    Args:
        path: where it is to appear.
        suffixes: those allowed.
        what: "inventory" or "probability raster", for the message.
        styled: whether it comes with a style for QGIS.

    Raises:
        OutputError: unknown suffix, a folder that is missing or cannot be written to, or a result that would replace
            what somebody else has open or has made.
    """
    if path.suffix.lower() not in suffixes:
        raise OutputError(
            f"The {what} {path} has the suffix {path.suffix or '(none)'!r}; expected one of {', '.join(suffixes)}."
        )
    check_name(path, what)
    place = path.resolve()
    folder = place.parent
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} for the {what} does not exist; create it first.")
    if place.is_dir():
        raise OutputError(f"The {what} {path} is a folder; give the name of a file.")
    if path.suffix.lower() in _VECTORS and any(mark in str(place) for mark in ";!"):
        raise OutputError(
            f"The {what} {place} has ; or ! in its path, to which no vector file can be written; rename it."
        )
    _check_replaceable(place, styled)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be written to ({error.strerror}); choose another for the {what}."
        ) from error


def check_name(path: Path, what: str) -> None:
    """Check that a name can be written to, and names of hidden files beside it that are made of it.

    Raises:
        OutputError: it is too long, a link that leads to itself, not UTF-8, or holds a line break.
    """
    if (length := len(os.fsencode(path.name))) > _LONGEST:
        raise OutputError(
            f"The name of the {what} {path} has {length} bytes; expected {_LONGEST} at most, so give a shorter one."
        )
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise OutputError(
            f"The name of the {what} {shown(str(path))} is not UTF-8, which the drivers need; give another name."
        ) from None
    if any(ord(sign) < ord(" ") for sign in str(path)):
        raise OutputError(f"The name of the {what} {path} holds a line break or the like; give another name.")
    try:
        path.resolve().exists()
    except (OSError, RuntimeError) as error:
        raise OutputError(f"The {what} {path} leads nowhere ({error}); give another name.") from None


def destination(path: Path) -> Path:
    """Return where a path leads that `staged` gave: its final place; of any other path, itself."""
    folder = path.absolute().parent
    return folder.parent / path.name if folder.name == _hidden(path.name) else path


@contextmanager
def staged(*finals: Path | None) -> Iterator[tuple[Path | None, ...]]:
    """Give paths to write results to, and move them to their final names when all of them are complete.

    Everything written beside such a path with the same stem (a shapefile's parts, a style) moves with it. If the
    block raises, nothing appears and nothing is left over. What has come to be open in another program, or to be
    somebody else's, since `check_output` is not replaced: the result gets another name then.

    Whoever calls this has claimed the files (`l4s_geo.output.claim.claimed`).

    Args:
        finals: the final paths; None for a result that is not asked for.

    Yields:
        A path for each, or None.

    Raises:
        OutputError: writing failed, for instance because the disk is full.
        OutputKeptError: the results are complete, but one is under another name.
    """
    places = [final.resolve() if final else None for final in finals]
    folders = [place.with_name(_hidden(place.name)) if place else None for place in places]
    try:
        for folder in filter(None, folders):
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed while writing
            folder.mkdir()
        pairs = list(zip(folders, places, strict=True))
        yield tuple(folder / place.name if folder and place else None for folder, place in pairs)
        # The first is what the others belong to: once it is in its place, all are, whenever a run is killed.
        kept = [_publish(folder, place) for folder, place in reversed(pairs) if folder and place]
        if obstacles := [obstacle for obstacle in kept if obstacle]:
            raise OutputKeptError(" ".join(reversed(obstacles)))
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        names = " and ".join(str(f) for f in finals if f)
        raise OutputError(
            f"{names} could not be written ({error}); free some space, then run the same command with --resume."
        ) from error
    finally:
        for folder in filter(None, folders):
            shutil.rmtree(folder, ignore_errors=True)


def clear_staging(*finals: Path) -> None:
    """Remove what a run that was killed while it moved its results to these names has left beside them.

    Whoever calls this has claimed the files.
    """
    for final in finals:
        place = final.resolve()
        shutil.rmtree(place.with_name(_hidden(place.name)), ignore_errors=True)


def _hidden(name: str) -> str:
    """Return the name of the folder in which a file is made."""
    return f".{name}.l4s-staged"


def _check_replaceable(place: Path, styled: bool) -> None:
    """Check that a result can take its place without loss of what somebody else has open or has made."""
    check_replaceable(place)
    check_unused(place)
    check_siblings(place, styled)


def _publish(folder: Path, place: Path) -> str:
    """Move a result to its place.

    Returns:
        Why it had to get another name, and which; "" if it did not.
    """
    try:
        _check_replaceable(place, style_file(folder / place.name).exists())
        clear_siblings(place)
        _move(folder, place)
    except (OutputError, PermissionError) as obstacle:  # Windows lets nobody replace a file that is open
        kept = _free_name(place)
        _move(folder, kept)
        return f"The result is complete and is kept in {kept}, because {place} could not be replaced: {obstacle}"
    return ""


def _move(folder: Path, place: Path) -> None:
    """Move all that a folder holds to a place, under the stem of that; what carries the name goes last."""
    stem = _stem_in(folder)
    parts = sorted(folder.iterdir(), key=lambda part: part.name == stem + place.suffix)
    for part in parts:
        os.replace(part, place.with_name(place.stem + part.name.removeprefix(stem)))
    if stem != place.stem and style_file(place).exists():
        restyle(place)


def _stem_in(folder: Path) -> str:
    """Return the stem of the file that a folder was made for."""
    return Path(folder.name.removeprefix(".").removesuffix(".l4s-staged")).stem


def _free_name(place: Path) -> Path:
    """Return a path in the same folder, with the same suffix, of whose stem there is nothing yet."""
    taken = {path.name for path in place.parent.iterdir()}
    stems = (f"{place.stem}-{number}" for number in count(2))
    free = next(stem for stem in stems if not any(name == stem or name.startswith(f"{stem}.") for name in taken))
    return place.with_name(free + place.suffix)

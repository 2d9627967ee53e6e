"""Whether an output is one of the inputs, told by the files themselves and not by their names.

One file has many names: links, hard links, other capitals where the file system does not care, ``..``, GDAL's and
QGIS's notations around a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from l4s_geo.errors import OutputError

__all__ = ["Files", "check_apart", "is_same", "local_files"]

Files = Mapping[str, Iterable[Path]]
"""Files and folders by what they are to a run ("DEM"); all of a folder counts."""

_VIRTUAL = re.compile(r"/vsi[a-z0-9_]+/")
_REMOTE = ("/vsicurl", "/vsis3", "/vsigs", "/vsiaz", "/vsiadls", "/vsioss", "/vsiswift", "/vsihdfs", "/vsimem")


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths are one file; of files that do not exist yet, whether they would be."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return not one.exists() and not other.exists() and one.resolve() == other.resolve()


def local_files(name: str | os.PathLike[str]) -> list[Path]:
    """Return the files and folders of this machine that a data source is made of, by its name.

    Args:
        name: a path, or what GDAL or QGIS write around one: ``file.gpkg|layername=a``, ``/vsizip/a.zip/b.tif``,
            ``NETCDF:"a.nc":B4``.

    Returns:
        Those that exist; a zip for what is inside it, none for addresses on a network.
    """
    text = os.fspath(name)
    if Path(text).exists():
        return [Path(text)]
    if text.startswith(_REMOTE) or (re.match(r"[a-z0-9+]+://", text) and not text.startswith("file://")):
        return []
    pieces = [text.split("|")[0], *re.split(r'[:"|,?{}]+', text)]
    bare = [_VIRTUAL.sub(start, piece.removeprefix("file://")) for piece in pieces for start in ("/", "")]
    found = (_existing(Path(piece.replace("//", "/"))) for piece in bare)
    return list({path.resolve(): path for path in found if path}.values())


def check_apart(outputs: Iterable[Path], inputs: Files) -> None:
    """Check that no output would replace an input, or lie inside one that is a folder.

    Args:
        outputs: the files that a run writes, which need not exist.
        inputs: the files that it reads.

    Raises:
        OutputError: one would.
    """
    read = [(what, path) for what, paths in inputs.items() for path in paths]
    for output in outputs:
        for what, path in read:
            if is_same(output, path):
                raise OutputError(
                    f"The output {output} is the {what} that the run reads ({path}), which would be lost; give the "
                    "output another name."
                )
            if path.is_dir() and any(is_same(folder, path) for folder in output.resolve().parents):
                raise OutputError(
                    f"The output {output} would lie inside the {what} that the run reads ({path}); choose another "
                    "folder for it."
                )


def _existing(path: Path) -> Path | None:
    """Return a path, or the file that it leads into, as into a zip; None if there is neither."""
    if not path.name:  # the root, or nothing at all
        return None
    try:
        return path if path.exists() else next((folder for folder in path.parents if folder.is_file()), None)
    except (OSError, ValueError):
        return None

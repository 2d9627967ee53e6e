"""Opens whatever ``--data`` names: a folder of L4S files, a zip of one, or an ``.npz``.

A folder, or a zip, may hold the official folders TrainData, ValidData and TestData; a folder also their zips as they
are published, each of which counts unless it is unpacked beside itself.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches
from l4s_training.data.readers import digital_numbers, l4s_files, rgb_pairs
from l4s_training.data.readers.archive import Archive, open_archive
from l4s_training.data.roles import FOLDERS, Role

__all__ = ["official_roles", "read", "read_all", "read_as_it_is", "read_role_unlabelled", "read_unlabelled"]


def read(path: Path, bands: tuple[str, ...], labelled: bool = True, cache: str | Path | None = None) -> Patches:
    """Read one source of patches.

    Args:
        path: a folder, zip or ``.npz``.
        bands: the bands wanted, in order.
        labelled: False to leave masks aside.
        cache: folder that keeps patches of L4S files in a form that reads fast; "off" for none, None for the user's.

    Raises:
        DataError: there is no such source, it is damaged, or it is a folder of several official folders.
    """
    path = Path(path)
    if _is_archive(path):
        with _opened(path) as (archive, inside):
            if inside:
                raise DataError(
                    f"{path} holds {' and '.join(folder.name for folder in inside)}, of which one is wanted here; name "
                    "it."
                )
            return l4s_files.read_archive(archive, bands, labelled, cache)
    if not path.is_file():
        raise _absent(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as .npz ({error}); name a folder, a zip or an .npz.") from error
    from_arrays = digital_numbers.from_arrays if "dn" in arrays else rgb_pairs.from_arrays
    return from_arrays(path, arrays, bands, labelled)


def read_unlabelled(path: str | Path, bands: tuple[str, ...], cache: str | Path | None = None) -> Patches:
    """Read one source without its masks, whether or not it has any."""
    return read(Path(path), bands, labelled=False, cache=cache)


def read_all(paths: Sequence[str | Path], bands: tuple[str, ...], cache: str | Path | None = None) -> list[Patches]:
    """Read every source; one that holds TrainData, ValidData or TestData gives a set for each that has masks.

    Raises:
        DataError: see `read`; or none of the official folders has masks.
    """
    sets: list[Patches] = []
    for path in map(Path, paths):
        if _is_archive(path):
            with _opened(path) as (archive, inside):
                folders = _labelled(inside, path) if inside else [archive]
                sets += [l4s_files.read_archive(folder, bands, place=cache) for folder in folders]
        else:
            sets.append(read(path, bands))
    return sets


def read_as_it_is(path: str | Path, bands: tuple[str, ...], cache: str | Path | None = None) -> list[Patches]:
    """Read a source for looking at: a set for each official folder in it, unlabelled where there are no masks.

    Raises:
        DataError: see `read`.
    """
    path = Path(path)
    if not _is_archive(path):
        return [read(path, bands, labelled=_has_masks(path))]
    with _opened(path) as (archive, inside):
        folders = inside or [archive]
        return [l4s_files.read_archive(f, bands, l4s_files.has_masks(f), cache) for f in folders]


def read_role_unlabelled(
    paths: Sequence[str | Path], role: Role, bands: tuple[str, ...], cache: str | Path | None = None
) -> list[Patches]:
    """Read the images of one official folder among the sources, whether or not it has masks, without them.

    Returns:
        A set for each source that holds the folder.

    Raises:
        DataError: see `read`.
    """
    sets = []
    for path in filter(_is_archive, map(Path, paths)):
        with _opened(path) as (archive, inside):
            wanted = [folder for folder in inside or [archive] if FOLDERS.get(folder.name) == role]
            sets += [l4s_files.read_archive(folder, bands, labelled=False, place=cache) for folder in wanted]
    return sets


def official_roles(paths: Sequence[str | Path]) -> list[Role | None]:
    """Return the publisher's role of each set that `read_all` would give, without reading a patch.

    Raises:
        DataError: see `read_all`.
    """
    roles: list[Role | None] = []
    for path in map(Path, paths):
        if _is_archive(path):
            with _opened(path) as (archive, inside):
                folders = _labelled(inside, path) if inside else [archive]
                roles += [FOLDERS.get(folder.name) for folder in folders]
        else:
            roles.append(None)
    return roles


def _labelled(inside: Sequence[Archive], path: Path) -> list[Archive]:
    """Return those of the official folders inside a source that have masks."""
    # Validation and test data were published without masks at first.
    labelled = [folder for folder in inside if l4s_files.has_masks(folder)]
    if not labelled:
        raise DataError(
            f"{path} holds {' and '.join(folder.name for folder in inside)}, none of them with a folder mask/; fetch "
            "the masks too."
        )
    if without := [f for f in inside if FOLDERS[f.name] == "train" and f not in labelled]:
        raise DataError(
            f"{without[0].path('').rstrip('/')} has no mask/mask_N.h5, and training needs them; put mask/ and img/ "
            "right into it, or name the official folder that is wanted."
        )
    return labelled


def _has_masks(path: Path) -> bool:
    """Return whether an ``.npz`` has masks, or is none, of which `read` tells more."""
    if not zipfile.is_zipfile(path):
        return True
    with zipfile.ZipFile(path) as file:
        return "mask.npy" in file.namelist()


def _is_archive(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ".zip"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Archive, list[Archive]]]:
    """Open a source, and the official folders in it or zipped beside each other in it, if any."""
    if not path.exists():
        raise _absent(path)
    with ExitStack() as stack:
        archive = stack.enter_context(open_archive(path))
        inside = {folder.name: folder for folder in l4s_files.official_folders(archive)}
        for name in FOLDERS if path.is_dir() else ():
            if name not in inside and (file := path / f"{name}.zip").is_file():
                inside[name] = stack.enter_context(open_archive(file))
        yield archive, [inside[name] for name in FOLDERS if name in inside]


def _absent(path: Path) -> DataError:
    return DataError(f"{path} does not exist; name a folder of L4S patches, a zip of one or an .npz with --data.")

"""Opens whatever ``--data`` names: a folder of L4S files or one ``.npz``."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from l4s_geo.bands import BANDS, parse_band
from l4s_geo.errors import DataError
from l4s_training.data import digital_numbers, l4s_files, rgb_pairs
from l4s_training.data.patches import Patches

__all__ = ["parse_bands", "read", "read_all"]


def parse_bands(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of bands ("B4,B3,B2").

    Raises:
        DataError: a name is none of the 14 bands, or stands twice.
    """
    names = [name for name in text.split(",") if name.strip()]
    bands = tuple(band for name in names if (band := parse_band(name)) in BANDS)
    if len(bands) != len(names) or not bands or len(set(bands)) != len(bands):
        raise DataError(
            f"--bands is {text!r}; expected different names of B1 to B12 (without B8A), slope and DEM, separated "
            "by commas."
        )
    return bands


def read(path: Path, bands: tuple[str, ...]) -> Patches:
    """Read one source of labelled patches.

    Raises:
        DataError: there is no such source, or it is damaged.
    """
    if path.is_dir():
        return l4s_files.read_folder(path, bands)
    if not path.is_file():
        raise DataError(f"{path} does not exist; name a folder of L4S patches or an .npz with --data.")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as .npz ({error}); name a folder or an .npz.") from error
    if "dn" in arrays:
        return digital_numbers.from_arrays(path, arrays, bands)
    return rgb_pairs.from_arrays(path, arrays, bands)


def read_all(paths: Sequence[str | Path], bands: tuple[str, ...]) -> list[Patches]:
    """Read every source."""
    return [read(Path(path), bands) for path in paths]

"""Writes patches in the official layout: ``img/image_N.h5`` and ``mask/mask_N.h5`` under a folder."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import OutputError
from l4s_training.data.readers.l4s_h5 import write_image, write_mask

__all__ = ["PatchWriter", "new_folder"]


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes its final name when the block ends, and disappears if it raises.

    Raises:
        OutputError: something has that name already, or the folder cannot be written.
    """
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise OutputError(f"{final} exists already; give the name of a new folder with --out.")
    parent = final.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=parent))
    except OSError as error:
        raise OutputError(f"{final} cannot be written ({error}); choose another folder with --out.") from error
    try:
        yield part
        part.chmod(0o755)
        os.replace(part, final.absolute())
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{final} could not be written ({error}); free some space and start again.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


class PatchWriter:
    """Adds patches to a folder, numbered on from those that are there.

    A mask appears before its image, and each file as a whole: whatever stops the writer leaves a set that can be read.
    """

    def __init__(self, folder: Path) -> None:
        """Open a folder; it is created if need be.

        Raises:
            OutputError: it cannot be written, or holds patches side by side, which readers would no longer see.
        """
        self._folder = folder
        if any(folder.glob("image_*.h5")):
            raise OutputError(f"{folder} holds its patches side by side; move them to img/ and mask/ inside it first.")
        try:
            for name in ("img", "mask"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written ({error}); choose another with --out.") from error
        names = (re.fullmatch(r"(?:image|mask)_(\d+)\.h5", p.name) for p in folder.glob("*/*.h5"))
        self.next_number = 1 + max((int(match[1]) for match in names if match), default=0)

    def add(self, raw: NDArray[np.floating[Any]] | NDArray[np.integer[Any]], mask: NDArray[np.bool_]) -> int:
        """Write one patch.

        Args:
            raw: (14, rows, cols) raw values; NaN where there is no data.
            mask: (rows, cols), True where there is a landslide.

        Returns:
            Its number.

        Raises:
            OutputError: it cannot be written, for instance because the disk is full.
        """
        number = self.next_number
        part = self._folder / f".part-{number}.h5"
        try:
            write_mask(part, mask)
            part.replace(self._folder / "mask" / f"mask_{number}.h5")
            write_image(part, raw)
            part.replace(self._folder / "img" / f"image_{number}.h5")
        except OSError as error:
            part.unlink(missing_ok=True)
            (self._folder / "mask" / f"mask_{number}.h5").unlink(missing_ok=True)
            raise OutputError(f"Patch {number} could not be written to {self._folder} ({error}).") from error
        self.next_number += 1
        return number

"""A raster on disk that grows row by row, so that memory does not grow with a scene's height.

Plain float32 values, for each row its bands one after the other. Rows that are there are complete: a row that a killed
process had begun does not count and is overwritten.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l4s_geo.grid import Window

__all__ = ["ScratchRaster"]

_PIECE = 1 << 24


class ScratchRaster:
    """Rows of `bands` × `width` float32 values in a file."""

    def __init__(self, path: Path, bands: int, width: int) -> None:
        """Take up a file, or begin one with the first `append`.

        Args:
            path: the file.
            bands: number of values of a pixel.
            width: number of pixels of a row.
        """
        self.path, self.bands, self.width = path, bands, width
        self.checksum = 0
        """CRC-32 of the rows that `append` added, after those that `keep` left."""

    @property
    def height(self) -> int:
        """Number of complete rows."""
        return self.path.stat().st_size // (4 * self.bands * self.width) if self.path.exists() else 0

    def append(self, values: NDArray[np.float32]) -> None:
        """Add rows.

        Args:
            values: (bands, rows, cols) float32.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        rows = np.ascontiguousarray(values.swapaxes(0, 1)).data
        with self.path.open("ab") as file:
            file.write(rows)
        self.checksum = zlib.crc32(rows, self.checksum)

    def keep(self, rows: int) -> None:
        """Drop all but the first rows, and what may have been written of the next; `checksum` is then that of the file.

        Rows that are not there do not come into being.
        """
        size = min(rows, self.height) * 4 * self.bands * self.width
        with self.path.open("ab") as file:
            file.truncate(size)
        self.checksum = 0
        with self.path.open("rb") as file:
            while part := file.read(_PIECE):
                self.checksum = zlib.crc32(part, self.checksum)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return a copy of a window: (bands, rows, cols) float32."""
        rows, cols = window.slices
        if not self.height:
            return np.empty((self.bands, 0, window.width), np.float32)
        # Mapped for this window alone: what stays mapped counts as the process's memory.
        values = np.memmap(self.path, np.float32, "r", shape=(self.height, self.bands, self.width))
        return np.array(values[rows, :, cols]).swapaxes(0, 1)

"""What the mean field asks of a backend: sums over windows, on some device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Backend", "Field", "Floats"]


Floats = NDArray[np.float32]
"""An array of float32 of any shape."""


@dataclass(frozen=True)
class Field:
    """The pixels of a raster between which the mean field passes messages."""

    features: Floats
    """The values that the bilateral kernel compares: (bands, rows, cols) float32, L4S units, C-contiguous."""
    valid: NDArray[np.bool_]
    """Which pixels take part at all: (rows, cols) bool."""
    ys: NDArray[np.int64]
    """Rows of the pixels whose sums are needed: (n,) int64, first those of the active pixels, then those of the valid
    pixels within the kernels' radius of an active one."""
    xs: NDArray[np.int64]
    """Columns of the pixels whose sums are needed, in the order of `ys`: (n,) int64."""
    active: int
    """Number of active pixels, which send messages; they come first in `ys` and `xs`."""


class Backend(Protocol):
    """Sums the messages that reach each pixel from the window around it, on some device."""

    xp: Any
    """The module that computes with the device's arrays: numpy, or one that works alike."""

    def sums(self, images: Any, count: int) -> Any:
        """Sum an image under each kernel around the first pixels.

        Args:
            images: (2, rows, cols) float32: for the Gaussian and for the bilateral kernel, 0 at invalid pixels.
            count: for how many of the field's pixels, from the first one on, the sums are needed.

        Returns:
            (2, count) float32.
        """

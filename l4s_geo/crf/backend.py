"""What the mean field asks of a backend: sums over windows, on some device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Field"]


Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Field:
    """What a backend needs: the pixels of a raster and which of them send messages."""

    features: Floats
    """(bands, rows, cols) float32, C-contiguous."""
    valid: NDArray[np.bool_]
    """(rows, cols): which pixels take part."""
    ys: NDArray[np.int64]
    """Rows of the pixels whose sums are needed: first the active ones, then valid ones within `radius` of them."""
    xs: NDArray[np.int64]
    """Their columns."""
    active: int
    """How many of them are active."""


class Backend(Protocol):
    """Sums over windows on some device."""

    xp: Any
    """numpy, or a module that works alike on the device's arrays."""

    def sums(self, images: Any, count: int) -> Any:
        """Sum an image under each kernel around the first pixels.

        Args:
            images: (2, rows, cols) float32: for the Gaussian and for the bilateral kernel, 0 at invalid pixels.
            count: how many of the field's pixels.

        Returns:
            (2, count) float32.
        """

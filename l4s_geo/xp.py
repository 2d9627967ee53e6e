"""Arrays on the CPU (numpy) and on a GPU (cupy), by one set of functions."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["namespace"]


def namespace(array: Any) -> Any:
    """Return the module whose functions take an array: numpy, or cupy for an array on a GPU."""
    if isinstance(array, np.ndarray):
        return np
    import cupy

    return cupy

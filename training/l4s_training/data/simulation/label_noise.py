"""Labels as people draw them: outlines too round or too wide, displaced, and some landslides left out.

The labels of Landslide4Sense come from several inventories and are noisy, as its makers say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_training.data.simulation.noise import fractal
from l4s_training.data.simulation.terrain import PIXEL

__all__ = ["add_label_noise"]

_OMITTED, _SMALL, _SMALL_AREA = 0.10, 0.40, 12
"""Share of landslides left out at full noise; of those smaller than so many pixels."""
_OUTLINE = 1.5
"""Standard deviation of an outline's displacement at full noise, pixels."""
_OFFSET = 2.0
"""Largest displacement of the whole inventory at full noise, pixels."""


def add_label_noise(landslides: NDArray[np.bool_], strength: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the inventory of a scene carelessly.

    Args:
        landslides: (rows, cols) bool, the truth.
        strength: 0 (the truth itself) to 1 (a poor inventory).
        rng: source of randomness.
    """
    if strength <= 0:
        return landslides
    labels, count = ndimage.label(landslides, np.ones((3, 3)))
    area = np.bincount(labels.ravel(), minlength=count + 1)
    omitted = rng.random(count + 1) < strength * np.where(area < _SMALL_AREA, _SMALL, _OMITTED)
    omitted[0] = True
    kept = ~omitted[labels]
    inside, outside = ndimage.distance_transform_edt(kept), ndimage.distance_transform_edt(~kept)
    # Half a pixel lies between an outline and the centres beside it.
    depth = np.where(kept, inside - 0.5, 0.5 - outside) if kept.any() else np.full(kept.shape, -np.inf)
    wobble = strength * _OUTLINE * fractal(rng, kept.shape, PIXEL, (4 * PIXEL, 40 * PIXEL), beta=2.0)
    offset = np.rint(rng.uniform(-1, 1, 2) * strength * _OFFSET).astype(int)
    drawn: NDArray[np.bool_] = ndimage.shift(depth + wobble > 0, offset, order=0, mode="constant", cval=False)
    return drawn

"""Blends overlapping windows: weighted sums over one row of windows and what of it the next row overlaps.

Every pixel's sum is formed in the same order whatever the strip, so mapping strip by strip equals mapping whole. The
sums live where the networks run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.grid import blend_weights
from l4s_geo.inference.runtime import LoadedBundle

__all__ = ["Blend"]


class Blend:
    """Weighted sums of the windows that one replica of the networks has run."""

    def __init__(self, model: LoadedBundle, layers: int, width: int) -> None:
        """Begin with sums of zero.

        Args:
            model: the replica, on whose device the sums are formed.
            layers: how many values of a pixel are blended.
            width: columns of the scene.
        """
        self._model, self._side = model, model.bundle.window
        with model.active():
            self._weights: Any = model.to_device(blend_weights(self._side))
            self._sums: Any = model.to_device(np.zeros((1 + layers, self._side, width), np.float32))

    def add(self, columns: Sequence[int], *layers: Any) -> None:
        """Add windows.

        Args:
            columns: first column of each window.
            layers: for each layer the windows' values, (n, side, side) float32 on the device.
        """
        width = min(self._side, self._sums.shape[2])
        with self._model.active():
            weights = self._weights[:, :width]
            weighted = [(values * self._weights)[:, :, :width] for values in layers]
            for number, col in enumerate(columns):
                place = self._sums[:, :, col : col + width]
                place[0] += weights
                for total, values in zip(place[1:], weighted, strict=True):
                    total += values[number]

    def finish(self, rows: int) -> NDArray[np.float32]:
        """Take away the first rows, which no later window reaches.

        Returns:
            (1 + layers, rows, width) float32, on the host: the sums of the weights and of the weighted values.
        """
        with self._model.active():
            done = self._model.to_host(self._sums[:, :rows].copy())
            self._sums[:, : self._side - rows] = self._sums[:, rows:].copy()
            self._sums[:, self._side - rows :] = 0
        return done

    def state(self, rows: int) -> NDArray[np.float32]:
        """Return the first rows of the sums, on the host."""
        with self._model.active():
            return self._model.to_host(self._sums[:, :rows].copy())

    def restore(self, sums: NDArray[np.float32]) -> None:
        """Take up sums that `state` has returned."""
        with self._model.active():
            self._sums[:, : sums.shape[1]] = self._model.to_device(sums)

"""Labelled patches of one or more sources, held in memory.

The complete Landslide4Sense training set in three bands is 750 MB in float32, so nothing is streamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_geo.normalize import Kind, Statistics, statistics_of

__all__ = ["Patches", "concatenate"]


@dataclass(frozen=True)
class Patches:
    """Windows with their landslide masks, in the order of their ids."""

    values: NDArray[np.float32] | NDArray[np.uint8]
    """(n, bands, rows, cols), L4S units or, where `quantum` is not 0, integers on a scale of their own."""
    masks: NDArray[np.uint8]
    """(n, rows, cols), 1 where there is a landslide."""
    ids: NDArray[np.int64]
    """(n,) position in the source; neighbours in id are mostly neighbours on the ground."""
    numbers: NDArray[np.int64]
    """(n,) official number N of the patch in Landslide4Sense."""
    quantum: NDArray[np.float32]
    """(n,) width of the interval that a stored value stands for: 1 for floored integers, 0 for exact values."""
    bands: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        n = len(self.values)
        if self.values.ndim != 4 or self.values.shape[1] != len(self.bands):
            raise DataError(
                f"{self.source} has values of shape {self.values.shape}; expected (n, {len(self.bands)}, rows, "
                f"cols) for the bands {', '.join(self.bands)}."
            )
        if self.masks.shape != (n, *self.values.shape[2:]):
            raise DataError(
                f"{self.source} has masks of shape {self.masks.shape}; expected {(n, *self.values.shape[2:])}, "
                "one for each image and of its size."
            )
        if not len(self.ids) == len(self.numbers) == len(self.quantum) == n:
            raise DataError(f"{self.source} does not give one id and one number for each of its {n} patches.")

    def __len__(self) -> int:
        return len(self.values)

    def check_scale(self, kind: Kind) -> None:
        """Check that a normalisation makes sense of these values.

        Raises:
            DataError: it needs L4S units and some patches are on a scale of their own.
        """
        if kind != "window" and self.quantum.any():
            raise DataError(
                f"{self.source} holds 8-bit values without a common scale, which normalisation {kind!r} needs; "
                "use --normalization window, or data in L4S units."
            )

    def statistics(self, kind: Kind, training: Statistics) -> Statistics:
        """Return what these patches are standardised with: for ``domain`` their own, else those of training."""
        if kind != "domain":
            return training
        return statistics_of(self.windows(np.arange(len(self))), "domain")

    def windows(self, index: NDArray[np.int64], rng: np.random.Generator | None = None) -> NDArray[np.float32]:
        """Return patches as a network's input before normalisation.

        A floored integer k stands for an interval [k, k + 1): with ``rng`` a value is drawn from it
        (dequantisation, so that a network does not learn the steps), without it is the middle.

        Args:
            index: (m,) positions in this set.
            rng: draws the values; None for evaluation.

        Returns:
            (m, bands, rows, cols) float32.
        """
        x = self.values[index].astype(np.float32)
        quantum = self.quantum[index][:, None, None, None]
        if quantum.any():
            x += quantum * (np.float32(0.5) if rng is None else rng.random(x.shape, dtype=np.float32))
        return x

    def take(self, index: NDArray[np.int64]) -> Patches:
        """Return the patches at these positions."""
        return Patches(
            self.values[index],
            self.masks[index],
            self.ids[index],
            self.numbers[index],
            self.quantum[index],
            self.bands,
            self.source,
        )


def concatenate(sets: Sequence[Patches]) -> Patches:
    """Join sets of the same bands and window size.

    Raises:
        DataError: there are none, or their bands or sizes differ.
    """
    if not sets:
        raise DataError("No training data was given; name at least one file or folder with --data.")
    first = sets[0]
    for other in sets[1:]:
        if other.bands != first.bands or other.values.shape[1:] != first.values.shape[1:]:
            raise DataError(
                f"{other.source} holds {other.values.shape[1:]} of {', '.join(other.bands)} and {first.source} "
                f"{first.values.shape[1:]} of {', '.join(first.bands)}; data trained on together must agree."
            )
    if len(sets) == 1:
        return first
    return Patches(
        np.concatenate([s.values for s in sets]),
        np.concatenate([s.masks for s in sets]),
        np.concatenate([s.ids for s in sets]),
        np.concatenate([s.numbers for s in sets]),
        np.concatenate([s.quantum for s in sets]),
        first.bands,
        ", ".join(s.source for s in sets),
    )

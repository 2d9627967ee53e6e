"""Patches of one or more sources, with their landslide masks, ids and, for pseudo-labels, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_geo.normalize import Normalization
from l4s_training.data.pixels import Pixels, Store
from l4s_training.data.roles import Role

__all__ = ["Patches", "concatenate"]


@dataclass(frozen=True)
class Patches:
    """Windows with their landslide masks, in the order of their ids."""

    values: Pixels | NDArray[np.float32] | NDArray[np.uint8]
    """(n, bands, rows, cols), L4S units or, where `quantum` is not 0, integers on a scale of their own; read them with
    `windows`."""
    masks: NDArray[np.uint8]
    """(n, rows, cols), 1 where there is a landslide; all 0 where `labelled` is False."""
    ids: NDArray[np.int64]
    """(n,) position in the source; neighbours in id are mostly neighbours on the ground."""
    numbers: NDArray[np.int64]
    """(n,) official number N of the patch in Landslide4Sense."""
    quantum: NDArray[np.float32]
    """(n,) width of the interval that a stored value stands for: 1 for floored integers, 0 for exact values."""
    bands: tuple[str, ...]
    """Names of the bands, in order."""
    source: str
    """Name of the folder or file, for messages."""
    labelled: bool = True
    """Whether the masks say anything: labels of the source, or pseudo-labels."""
    weights: NDArray[np.float32] | None = None
    """(n, rows, cols) weight of each pixel in the loss, 0 for one that is ignored; None for 1 everywhere."""
    role: Role | None = None
    """Role that the publisher gave the source (TrainData, ValidData, TestData), if any."""

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
        if self.weights is not None and self.weights.shape != self.masks.shape:
            raise DataError(
                f"{self.source} has weights of shape {self.weights.shape}; expected {self.masks.shape}, one for each "
                "pixel of its masks."
            )
        if not len(self.ids) == len(self.numbers) == len(self.quantum) == n:
            raise DataError(f"{self.source} does not give one id and one number for each of its {n} patches.")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a patch: (bands, rows, cols)."""
        bands, rows, cols = self.values.shape[1:]
        return bands, rows, cols

    def check_scale(self, kind: Normalization) -> None:
        """Check that a normalisation makes sense of these values.

        Raises:
            DataError: it needs L4S units and some patches are on a scale of their own.
        """
        if kind != "window" and self.quantum.any():
            raise DataError(
                f"{self.source} holds 8-bit values without a common scale, which normalisation {kind!r} needs; "
                "use --normalization window, or data in L4S units."
            )

    def windows(self, index: NDArray[np.int64], rng: np.random.Generator | None = None) -> NDArray[np.float32]:
        """Return patches as a network's input before normalisation.

        A floored integer k stands for an interval [k, k + 1): with ``rng`` a value is drawn from it
        (dequantisation, so that a network does not learn the steps), without it is the middle.

        Args:
            index: (m,) positions in this set.
            rng: draws the values; None for evaluation.

        Returns:
            (m, bands, rows, cols) float32; NaN where a patch has no data.
        """
        x = self.values[index].astype(np.float32, copy=not isinstance(self.values, Pixels))
        quantum = self.quantum[index][:, None, None, None]
        if quantum.any():
            x += quantum * (np.float32(0.5) if rng is None else rng.random(x.shape, dtype=np.float32))
        return x

    def take(self, index: NDArray[np.int64]) -> Patches:
        """Return the patches at these positions."""
        return replace(
            self,
            values=self.values.take(index) if isinstance(self.values, Pixels) else self.values[index],
            masks=self.masks[index],
            ids=self.ids[index],
            numbers=self.numbers[index],
            quantum=self.quantum[index],
            weights=None if self.weights is None else self.weights[index],
        )

    def relabelled(self, masks: NDArray[np.uint8], weights: NDArray[np.float32] | None = None) -> Patches:
        """Return the same images with other labels, as self-training makes them.

        Args:
            masks: (n, rows, cols) uint8, 0 or 1.
            weights: (n, rows, cols) float32, 0 for a pixel to ignore; None for 1 everywhere.

        Raises:
            DataError: a shape is not that of the images, or a label is neither 0 nor 1.
        """
        if masks.size and masks.max() > 1:
            raise DataError(f"Labels for {self.source} go up to {masks.max()}; expected only 0 and 1.")
        return replace(self, masks=masks.astype(np.uint8), weights=weights, labelled=True)

    def unlabelled(self) -> Patches:
        """Return the same images without labels."""
        return replace(self, masks=np.zeros_like(self.masks), weights=None, labelled=False)


def concatenate(sets: Sequence[Patches]) -> Patches:
    """Join sets of the same bands and window size, without reading images that are kept on disk.

    Labelled sets (pseudo-labelled ones count) do not mix with unlabelled ones.

    Raises:
        DataError: there are none, or their bands, sizes or kinds differ.
    """
    if not sets:
        raise DataError("No training data was given; name at least one file or folder with --data.")
    first = sets[0]
    for other in sets[1:]:
        if other.bands != first.bands or other.shape != first.shape:
            raise DataError(
                f"{other.source} holds {other.shape} of {', '.join(other.bands)} and {first.source} "
                f"{first.shape} of {', '.join(first.bands)}; data trained on together must agree."
            )
        if other.labelled != first.labelled:
            with_labels, without = (first, other) if first.labelled else (other, first)
            raise DataError(
                f"{without.source} has no labels and {with_labels.source} has; give the unlabelled data as a target "
                "domain of its own."
            )
    if len(sets) == 1:
        return first
    weights = None
    if any(s.weights is not None for s in sets):
        weights = np.concatenate([np.ones(s.masks.shape, np.float32) if s.weights is None else s.weights for s in sets])
    return Patches(
        Pixels.joined([_pixels(s) for s in sets]),
        np.concatenate([s.masks for s in sets]),
        np.concatenate([s.ids for s in sets]),
        np.concatenate([s.numbers for s in sets]),
        np.concatenate([s.quantum for s in sets]),
        first.bands,
        ", ".join(s.source for s in sets),
        first.labelled,
        weights,
        first.role if len({s.role for s in sets}) == 1 else None,
    )


def _pixels(patches: Patches) -> Pixels:
    if isinstance(patches.values, Pixels):
        return patches.values
    return Pixels.of(Store(patches.values, tuple(range(len(patches.bands)))))

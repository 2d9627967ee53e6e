"""Images as they are stored, brought to float32 only when they are read.

The complete Landslide4Sense training set is 1.7 GB as uint16 raw values and 3.5 GB as float32. Kept as it is stored, it
can stay on disk (memory-mapped), be selected from and joined without a copy, and read in any subset of its bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import scale_of

__all__ = ["NODATA", "Pixels", "Store"]

NODATA = 65535
"""Raw value that means no data, where a store says that it has such pixels."""

Stored = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int32] | NDArray[np.float32]


@dataclass(frozen=True)
class Store:
    """An array of images, and what its values are."""

    array: Stored
    """(n, planes, rows, cols), perhaps memory-mapped."""
    planes: tuple[int, ...]
    """Planes that are read, in order."""
    raw: tuple[str, ...] = ()
    """Bands of these planes if their values are raw (digital numbers, degrees, metres); else empty."""
    nodata: bool = False
    """Whether the raw value NODATA stands for pixels without data."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (m, planes, rows, cols) float32, in L4S units if the values are raw; NaN where there is no data."""
        stored = self.array[rows[:, None], np.asarray(self.planes)]
        values: NDArray[np.float32] = stored.astype(np.float32)
        if self.raw:
            values /= scale_of(self.raw).astype(np.float32)[:, None, None]
        if self.nodata:
            values[stored == NODATA] = np.nan
        return values


@dataclass(frozen=True)
class Pixels:
    """Images of one or several stores, by position; indexing reads them."""

    stores: tuple[Store, ...]
    """The arrays that hold the images."""
    at: NDArray[np.int64]
    """(n, 2) store and row of each image."""

    @classmethod
    def of(cls, store: Store) -> Pixels:
        """Return all images of a store."""
        rows = np.arange(len(store.array))
        return cls((store,), np.stack([np.zeros_like(rows), rows], axis=1))

    @classmethod
    def joined(cls, sets: Sequence[Pixels]) -> Pixels:
        """Return the images of several sets, of one shape, after each other."""
        first = np.cumsum([0, *(len(s.stores) for s in sets)])
        at = np.concatenate([s.at + np.array([offset, 0]) for s, offset in zip(sets, first, strict=False)])
        return cls(tuple(store for s in sets for store in s.stores), at)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all images: (n, bands, rows, cols)."""
        first = self.stores[0]
        return len(self.at), len(first.planes), *first.array.shape[2:]

    @property
    def ndim(self) -> int:
        """Number of dimensions, always 4."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read images: (m,) positions -> (m, bands, rows, cols) float32."""
        chosen = self.at[index]
        stores = np.unique(chosen[:, 0])
        if len(stores) == 1:
            return self.stores[int(stores[0])].read(chosen[:, 1])
        out = np.empty((len(chosen), *self.shape[1:]), np.float32)
        for store in stores:
            here = chosen[:, 0] == store
            out[here] = self.stores[int(store)].read(chosen[here, 1])
        return out

    def take(self, index: NDArray[np.int64]) -> Pixels:
        """Return the images at these positions, without reading them."""
        return Pixels(self.stores, self.at[index])

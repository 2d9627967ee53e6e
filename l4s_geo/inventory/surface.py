"""A probability raster read back: what its pixels are, where they lie, and what its run said of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import L4SError
from l4s_geo.grid import Grid, Window, fits
from l4s_geo.inventory.facts import parse_facts
from l4s_geo.sources.rasters import grid_of, opened, reading

__all__ = ["Layers", "Surface", "open_surface"]

PathLike = str | os.PathLike[str]

_WHAT = "probability raster"


class Layers(Protocol):
    """Probabilities of a scene, read window by window."""

    @property
    def bands(self) -> int:
        """1, or 2 if the spread is known too."""

    def read(self, window: Window) -> NDArray[np.float32]:
        """Read a window.

        Returns:
            (bands, rows, cols) float32: the probability, and its spread if it is known; NaN where nothing was mapped.
        """


@dataclass(frozen=True)
class Surface:
    """An open probability raster; reading is not thread-safe."""

    path: str
    """The raster, as it was named."""
    grid: Grid
    """The mapping grid that the raster's pixels are."""
    facts: Mapping[str, Any]
    """The provenance of its run (`l4s_geo.provenance.provenance`); {} if it carries none that can be read."""
    dataset: Any
    """The rasterio dataset."""
    error: type[L4SError]
    """Class of the errors that reading raises."""
    bands: int = 1

    def read(self, window: Window) -> NDArray[np.float32]:
        """Read the probabilities of a window: (1, rows, cols) float32, NaN where nothing was mapped.

        Raises:
            L4SError: of the class `error`: the file is damaged, or holds other values than 0 to 1.
        """
        return self.reduced(window, window.height, window.width)

    def reduced(self, window: Window, height: int, width: int) -> NDArray[np.float32]:
        """Read a window in so many rows and columns, from the raster's overviews: (1, height, width) float32.

        Raises:
            L4SError: as for `read`.
        """
        with reading(self.path, _WHAT, self.error):
            values: NDArray[np.float32] = self.dataset.read(
                [1], window=window.ranges, out_shape=(1, height, width), out_dtype="float32"
            )
        if self.dataset.nodata is not None:
            values[values == np.float32(self.dataset.nodata)] = np.nan
        known = values[np.isfinite(values)]
        if known.size and not (known.min() >= 0 and known.max() <= 1):
            raise self.error(
                f"The probability raster {self.path} holds {known.min():g} to {known.max():g}; expected "
                "probabilities, 0 to 1."
            )
        return values


@contextmanager
def open_surface(path: PathLike, error: type[L4SError]) -> Iterator[Surface]:
    """Open a raster of probabilities, and check that it is one.

    Args:
        path: the raster, as ``l4s-map --probability`` writes it.
        error: class to raise.

    Raises:
        L4SError: of that class: it cannot be read, is no raster of probabilities, or its pixels are not of 10 m.
    """
    name = os.fspath(path)
    with opened(name, _WHAT, error) as dataset:
        if dataset.count != 1 or not dataset.dtypes[0].startswith("float"):
            raise error(
                f"The probability raster {name} has {dataset.count} bands of {dataset.dtypes[0]}; expected one of "
                "floating-point probabilities, as l4s-map --probability writes it."
            )
        grid = grid_of(dataset, _WHAT, error)
        if not fits(grid):
            raise error(
                f"The probability raster {name} has another grid than the mapper's; expected pixels of 10 m in a "
                "metric CRS, as l4s-map --probability writes it."
            )
        yield Surface(name, grid, parse_facts(dataset.tags().get("l4s", "")), dataset, error)

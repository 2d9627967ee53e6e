"""Several scenes of one place as one: of each pixel, the observation that serves best.

A *composite* is read like a scene, window by window, and holds what was seen clearly: no masked pixel, none without
data. "greenest" takes the observation with the largest NDVI, or with the largest visible greenness less the blue where
there is no near infrared; it avoids clouds even where no mask found them (the choice of HazMapper, Scheip and Wegmann
2021). "median" takes the middle value of each band, and "latest" the last clear observation.

Networks look at the composite, not at each scene: that costs one run whatever the number of scenes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import REFLECTANCE_TO_DN, RGB, SPECTRAL, TERRAIN
from l4s_geo.change.dates import Method
from l4s_geo.change.fit import Fit
from l4s_geo.change.indices import NIR, greenness, ndvi
from l4s_geo.errors import SceneError
from l4s_geo.grid import Window
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.terrain import Terrain

__all__ = ["Composite", "Observed", "observations"]

_BLUE = np.float32(2.0)
"""How much a reflectance in blue counts against visible greenness: bare soil is dark in blue, a cloud is not."""
_COLUMNS = 1024
"""Columns that are read at a time where all observations are needed at once, so that memory stays flat."""


@dataclass(frozen=True)
class Observed:
    """A scene of one side, and how it fits the reference."""

    stack: Stack
    """The scene, on the mapping grid with its shift taken off."""
    fit: Fit = field(default_factory=Fit)
    """How its values become the reference's; without a line, they are left alone."""
    counts: bool = True
    """Whether it is looked at: False for a scene in which none of the reference's ground is recognised."""

    def read(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        """Read bands as digital numbers under the reference's sun and air; see `Stack.read_raw`."""
        if not self.counts:
            return np.full((len(bands), window.height, window.width), np.nan, np.float32)
        values = self.stack.read_raw(bands, window)
        for band, band_values in zip(bands, values, strict=True):
            if line := self.fit.lines.get(band):
                band_values *= np.float32(line.gain)
                band_values += np.float32(line.offset)
                np.maximum(band_values, 0, out=band_values)
        return values


class Composite(Stack):
    """Scenes on one grid, read as one; its terrain and area are those of the stack that lends its grid."""

    def __init__(self, scenes: Sequence[Observed], ground: Stack, method: Method) -> None:
        """Put scenes together.

        Args:
            scenes: one or more; they stay their owner's to close.
            ground: the stack whose grid, terrain and area of interest hold.
            method: which observation counts.

        Raises:
            SceneError: the scenes have no spectral band in common.
        """
        self.scenes = tuple(scenes)
        self.method = method
        lead = scenes[0].stack
        shared = [b for b in SPECTRAL if all(b in o.stack.bands for o in scenes)]
        if not shared:
            names = " and ".join(o.stack.scene.name for o in scenes)
            raise SceneError(f"The scenes {names} share no band of Sentinel-2; give scenes with the same bands.")
        bands = {b: ref for b, ref in lead.scene.bands.items() if b in shared}
        self.scene = replace(lead.scene, name=" + ".join(o.stack.scene.name for o in scenes), bands=bands)
        self.units, self.radiometry = lead.units, lead.radiometry
        self.grid, self.dem, self.area = ground.grid, ground.dem, ground.area
        self.masks = [mask for o in scenes for mask in o.stack.masks]
        self.remarks = list(lead.remarks)
        self._ground, self._spectral = ground, tuple(shared)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands that can be read: the spectral ones that all scenes have, and the ground's terrain."""
        return (*self._spectral, *(b for b in TERRAIN if b in self._ground.bands))

    @property
    def is_remote(self) -> bool:
        """Whether some scene is read over a network."""
        return any(o.stack.is_remote for o in self.scenes)

    @property
    def has_terrain(self) -> bool:
        """Whether elevations are known."""
        return self._ground.has_terrain

    def hidden(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window: True where masks hide a pixel in every scene."""
        out: NDArray[np.bool_] = np.logical_and.reduce([o.stack.hidden(window) for o in self.scenes])
        return out

    def read_raw(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        """Read bands of a window as raw values; see `Stack.read_raw`."""
        spectral = [b for b in bands if b not in TERRAIN]
        values = self._composite(spectral, window) if spectral else None
        if values is not None and spectral == list(bands):
            return values
        out = np.empty((len(bands), window.height, window.width), np.float32)
        if values is not None:
            out[[bands.index(b) for b in spectral]] = values
        terrain = [b for b in bands if b in TERRAIN]
        out[[bands.index(b) for b in terrain]] = self._ground.read_raw(terrain, window)
        return out

    def close(self) -> None:
        """Do nothing: the scenes are closed by who opened them."""

    def terrain(self, window: Window) -> Terrain | None:
        """Read the terrain of a window, that of the ground."""
        return self._ground.terrain(window)

    def slope(self, window: Window) -> NDArray[np.float32]:
        """Read the slopes of a window, those of the ground."""
        return self._ground.slope(window)

    def _composite(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        if len(self.scenes) == 1:
            return self.scenes[0].read(bands, window)
        if self.method == "median":
            return self._median(bands, window)
        if self.method == "latest":
            return self._latest(bands, window)
        return self._greenest(bands, window)

    def _greenest(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        judged = [b for b in (("B4", NIR) if {"B4", NIR} <= set(self._spectral) else RGB) if b in self._spectral]
        asked = [*bands, *(b for b in judged if b not in bands)]
        best = np.full((len(bands), window.height, window.width), np.nan, np.float32)
        highest = np.full((window.height, window.width), -np.inf, np.float32)
        for observed in self.scenes:
            values = observed.read(asked, window)
            score = _score({b: values[asked.index(b)] for b in judged})
            better = np.isfinite(values).all(axis=0) & (score > highest)
            best[:, better] = values[: len(bands)][:, better]
            highest[better] = score[better]
        return best

    def _latest(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        last = np.full((len(bands), window.height, window.width), np.nan, np.float32)
        for observed in sorted(self.scenes, key=lambda o: o.stack.scene.acquisition.acquired, reverse=True):
            gaps = np.isnan(last).any(axis=0)
            if not gaps.any():
                break
            values = observed.read(bands, window)
            gaps &= np.isfinite(values).all(axis=0)
            last[:, gaps] = values[:, gaps]
        return last

    def _median(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        out = np.empty((len(bands), window.height, window.width), np.float32)
        for part in _parts(window):
            seen = np.stack([observed.read(bands, part) for observed in self.scenes])
            out[:, :, part.col - window.col : part.col - window.col + part.width] = _nanmedian(seen)
        return out


def observations(side: Stack, bands: Sequence[str], window: Window) -> NDArray[np.int32]:
    """Return how many scenes of a side show each pixel clearly, in all of some bands: (rows, cols) int32."""
    scenes = side.scenes if isinstance(side, Composite) else (Observed(side),)
    count = np.zeros((window.height, window.width), np.int32)
    for observed in scenes:
        count += np.isfinite(observed.read(bands, window)).all(axis=0)
    return count


def _score(values: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return how green pixels are; NaN counts as the least."""
    if NIR in values:
        return np.nan_to_num(ndvi(values), nan=-2)
    if set(RGB) <= set(values):
        bright = values["B2"] * (_BLUE / np.float32(REFLECTANCE_TO_DN))
        return np.nan_to_num(greenness(values) - bright, nan=-1e6)
    darkest: NDArray[np.float32] = -np.sum(list(values.values()), axis=0)
    return np.nan_to_num(darkest, nan=-1e9)


def _parts(window: Window) -> Iterator[Window]:
    for col in range(0, window.width, _COLUMNS):
        yield Window(window.row, window.col + col, window.height, min(_COLUMNS, window.width - col))


def _nanmedian(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median over scenes, of those that show a pixel in all bands.

    Args:
        seen: (scenes, bands, rows, cols) float32.
    """
    clear = np.isfinite(seen).all(axis=1, keepdims=True)
    ordered = np.sort(np.where(clear, seen, np.nan), axis=0)  # NaN last
    count = clear.sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    high = np.minimum(high, len(seen) - 1)
    pick = [np.take_along_axis(ordered, np.broadcast_to(i, ordered.shape[1:])[None], axis=0)[0] for i in (low, high)]
    out: NDArray[np.float32] = (pick[0] + pick[1]) / np.float32(2)
    return out

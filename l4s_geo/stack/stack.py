"""A scene and its terrain on the mapping grid, read window by window in L4S units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling

from l4s_geo.address import is_network
from l4s_geo.bands import BANDS, SPECTRAL, TERRAIN, scale_of
from l4s_geo.closing import Closing
from l4s_geo.errors import TerrainError
from l4s_geo.grid import Grid, Window, mapping_grid
from l4s_geo.sources.scene import Scene
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.fill import clear_beyond, declared, empty_pixels
from l4s_geo.stack.masks import Area, Mask
from l4s_geo.stack.radiometry import Radiometry, settle
from l4s_geo.stack.reader import Reader
from l4s_geo.stack.slopes import check_degrees, is_slope, probe_windows
from l4s_geo.stack.terrain import Terrain, horn, slope_of, terrain_of
from l4s_geo.stack.voids import impossible
from l4s_geo.units import Units, raw_factors

__all__ = ["Stack"]

_STRIP = 512


class Stack(Closing):
    """A scene with its terrain and masks; a context manager that keeps the files open.

    Reading is not thread-safe: a thread needs a stack of its own. Within one read, files are decoded in parallel.
    """

    def __init__(
        self,
        scene: Scene,
        dem: DEM | None = None,
        units: Units | None = None,
        area: Area | None = None,
        resampling: Resampling | None = None,
        grid: Grid | None = None,
        offset: float | None = None,
    ) -> None:
        """Open a scene's files on its mapping grid.

        Args:
            scene: the scene.
            dem: terrain on the mapping grid; takes the place of the scene's own slope and DEM bands.
            units: the units of the scene's values; None takes those that the source states, or detects them.
            area: where a map is wanted; None for everywhere.
            resampling: how bands are brought to the mapping grid; None repeats the pixels of coarser bands, as in
                the data set, and interpolates bilinearly where the grid changes.
            grid: the mapping grid, where a caller has worked it out already; None for `mapping_grid(scene.grid)`.
            offset: digital numbers to add to the stored values of the spectral bands; None takes what the source
                states.

        Raises:
            SceneError: the scene cannot be read or holds no valid pixel, or its units or offset cannot hold.
            TerrainError: the scene's own slopes are not in degrees.
        """
        known = settle(scene, units, offset)
        scene = known.scene
        self.dem = dem
        self.masks: list[Mask] = []
        """The masks that hide pixels of the mapping grid; more may be added before anything is read."""
        self.area = area
        self.remarks: list[str] = []
        """What a user should know of masks and area, one sentence each."""
        self.grid: Grid = grid or mapping_grid(scene.grid)
        if self.grid != scene.grid:
            spectral = [b for b in scene.bands if b in SPECTRAL]
            scene = replace(scene, bands=declared(scene.bands, spectral))
        self.scene = scene
        self.units: Units = known.units
        self.radiometry: Radiometry = known
        """How the stored values were understood, and on what grounds."""
        self._reader = Reader(self.grid, resampling)
        if "slope" in self.scene.bands and not dem:
            try:
                self._check_slope()
            except BaseException:
                self.close()
                raise

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands that can be read."""
        own = [b for b in self.scene.bands if b in BANDS and not (self.dem and b in TERRAIN)]
        return (*own, *(TERRAIN if self.dem else ()))

    @property
    def is_remote(self) -> bool:
        """Whether some of the scene is read over a network."""
        return any(is_network(ref.path) for ref in self.scene.bands.values())

    @property
    def has_terrain(self) -> bool:
        """Whether elevations are known, from a DEM or from the scene's own band."""
        return self.dem is not None or "DEM" in self.scene.bands

    def hidden(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window: True where a mask hides a pixel."""
        out = np.zeros((window.height, window.width), bool)
        for mask in self.masks:
            out |= mask.read(window)
        return out

    def hidden_share(self) -> float:
        """Return the share of the grid that masks hide, 0 to 1."""
        if not self.masks:
            return 0.0
        hidden = sum(int(self.hidden(strip).sum()) for strip in self.grid.rows(_STRIP))
        return hidden / (self.grid.height * self.grid.width)

    def read(
        self, bands: Sequence[str], window: Window, instead: Mapping[str, float] = MappingProxyType({})
    ) -> NDArray[np.float32]:
        """Read bands of a window in L4S units.

        Args:
            bands: canonical names.
            window: a window of `self.grid`.
            instead: what stands for bands that are not among `self.bands`, in L4S units.

        Returns:
            (bands, rows, cols) float32, L4S units; NaN where the scene has no valid value or a mask hides it.

        Raises:
            SceneError: a file cannot be read to its end.
        """
        present = [b for b in bands if b in self.bands]
        known = self.read_raw(present, window)
        known /= scale_of(present).astype(np.float32)[:, None, None]
        if present == list(bands):
            return known
        out = np.empty((len(bands), window.height, window.width), np.float32)
        for place, band in enumerate(bands):
            out[place] = known[present.index(band)] if band in present else instead[band]
        return out

    def read_raw(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        """Read bands of a window as raw values: digital numbers, slope in degrees, DEM in metres.

        Args:
            bands: canonical names, each one of `self.bands`.
            window: a window of `self.grid`.

        Returns:
            (bands, rows, cols) float32; NaN where the scene has no valid value or a mask hides it.
        """
        own = [b for b in bands if not (self.dem and b in TERRAIN)]
        values = self._own(own, window)
        if own == list(bands):
            out = values
        else:
            out = np.empty((len(bands), window.height, window.width), np.float32)
            out[[bands.index(b) for b in own]] = values
        if self.dem and len(own) < len(bands):
            elevation, slope = self.dem.read(window)
            for band, terrain in (("slope", slope), ("DEM", elevation)):
                if band in bands:
                    out[bands.index(band)] = terrain
        if self.masks:
            out[:, self.hidden(window)] = np.nan
        return out

    def terrain(self, window: Window) -> Terrain | None:
        """Read the terrain of a window, or None if no elevations are known."""
        if not self.has_terrain:
            return None
        return terrain_of(self._elevation_and_slope, self.grid, window)

    def slope(self, window: Window) -> NDArray[np.float32]:
        """Read the slopes of a window: (rows, cols) float32, degrees, NaN where unknown.

        Raises:
            TerrainError: no elevations are known.
        """
        if not self.has_terrain:
            raise TerrainError(f"The scene {self.scene.name} has no terrain; give a DEM (--dem).")
        if not self.dem and "slope" in self.scene.bands:
            return self._own(["slope"], window).reshape(window.height, window.width)
        grown, inner = _grow(window, self.grid)
        _, slope = self._elevation_and_slope(grown)
        return slope[inner]

    def close(self) -> None:
        """Close the scene's files."""
        self._reader.close()

    def _elevation_and_slope(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read elevations and slopes; a slope computed here is wrong along the border of the window."""
        if self.dem:
            return self.dem.read(window)
        if "slope" in self.scene.bands:
            elevation, slope = self._own(["DEM", "slope"], window)
            return elevation, slope
        (elevation,) = self._own(["DEM"], window)
        return elevation, slope_of(*horn(elevation, self.grid.transform.a))

    def _own(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        """Read the scene's own bands as raw values, masked or not; NaN where invalid or impossible."""
        out = self._stated(bands, window)
        for values, band in zip(out, bands, strict=True):
            if band == "slope":
                values[~is_slope(values)] = np.nan
            elif band == "DEM":
                values[impossible(values)] = np.nan
        return out

    def _stated(self, bands: Sequence[str], window: Window) -> NDArray[np.float32]:
        """Read the scene's own bands as raw values; slopes and elevations as they are, possible or not."""
        refs = [self.scene.bands[b] for b in bands]
        out = self._reader.read(refs, window)
        factors = raw_factors(bands, self.units)
        spectral = [i for i, b in enumerate(bands) if b in SPECTRAL]
        if spectral:
            scales = [refs[i].scale * float(factors[i]) for i in spectral]
            out[:, empty_pixels(out[spectral], [bands[i] for i in spectral], scales)] = np.nan
        for values, band, ref, factor in zip(out, bands, refs, factors, strict=True):
            if ref.scale * factor != 1:
                with np.errstate(over="ignore"):
                    values *= np.float32(ref.scale * factor)
            if band in SPECTRAL:
                clear_beyond(values)
            if ref.offset:
                values += np.float32(ref.offset * factor)
                if band not in TERRAIN:
                    np.maximum(values, 0, out=values)
        return out

    def _check_slope(self) -> None:
        """Refuse own slopes that are not in degrees, by their range and beside the own elevations' slopes."""
        own = ["slope", "DEM"] if "DEM" in self.scene.bands else ["slope"]
        stated, computed = [], []
        for window in probe_windows(self.grid):
            slope, *elevation = self._stated(own, window)
            stated.append(slope.ravel())
            for z in elevation:
                z[impossible(z)] = np.nan
                computed.append(slope_of(*horn(z, self.grid.transform.a)).ravel())
        beside = np.concatenate(computed) if computed else None
        check_degrees(np.concatenate(stated), beside, f"slope band of the scene {self.scene.name}")


def _grow(window: Window, grid: Grid) -> tuple[Window, tuple[slice, slice]]:
    """Grow a window by one pixel within the grid; return it and the slices that cut the window out of it."""
    grown = window.grown(1, grid.shape)
    top, left = window.row - grown.row, window.col - grown.col
    return grown, (slice(top, top + window.height), slice(left, left + window.width))

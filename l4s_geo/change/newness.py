"""From the probabilities of two dates to that of a new landslide, strip by strip.

Only where the networks see something on the later date is the earlier one looked at: elsewhere no landslide is new. So
a comparison costs little more than one map where landslides are rare. Of the earlier date the highest probability of a
pixel and its neighbours counts, or the rims of old scars would be new wherever two scenes fit to half a pixel only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.bands import RGB
from l4s_geo.change.composite import Composite, observations
from l4s_geo.change.evidence import REACH, NewnessModel, evidence, pooled
from l4s_geo.change.indices import INDEX_BANDS, NIR, Index, change_of, ndvi, vigour
from l4s_geo.grid import Window
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.stack.cloud_colours import cloud_colours
from l4s_geo.stack.stack import Stack

__all__ = ["FLOOR", "Compared", "Comparison", "Suspects", "highest_near"]

FLOOR = 0.05
"""Probability on the later date under which a pixel is not compared: it stays no landslide."""

_STRIP = 128


class Suspects:
    """The pixels that the networks do not rule out on the later date, and their neighbours: what is worth comparing."""

    def __init__(self, layers: ScratchRaster, floor: float) -> None:
        """Take the probabilities of the later date, and from which on a pixel counts."""
        self._layers, self._floor = layers, floor

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window: True where a pixel is to be compared."""
        grown, inner = _with_margin(window, (self._layers.height, self._layers.width), 1)
        values = self._layers.read(grown)[0]
        near: NDArray[np.bool_] = ndimage.binary_dilation(values >= self._floor, np.ones((3, 3), bool))[inner]
        return near


def highest_near(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the highest probability of each pixel and its eight neighbours, of those that are known.

    Args:
        probability: (rows, cols) float32, NaN where unknown.

    Returns:
        The same shape; NaN where a pixel itself is unknown.
    """
    out: NDArray[np.float32] = ndimage.maximum_filter(np.nan_to_num(probability, nan=-1), 3, mode="nearest")
    return np.where(np.isnan(probability), np.float32(np.nan), out)


@dataclass(frozen=True)
class Comparison:
    """Two dates of one place, and what tells new landslides from old ones."""

    after: Stack
    """The later side."""
    before: Composite
    """The earlier side, on the same grid, normalised to the later one."""
    model: NewnessModel | None
    """Weighs the evidence; None if the probability on the later date is that of something new already."""
    index: Index
    """The measure of change."""
    p_after: ScratchRaster
    """Probability of landslide on the later date first."""
    p_before: ScratchRaster | None
    """That on the earlier date, NaN where nothing is worth comparing; None if it was not computed."""
    floor: float = FLOOR
    """Probability on the later date from which a pixel is compared."""

    def surfaces(self, parts: ResumeStore, with_change: bool) -> tuple[ScratchRaster, ScratchRaster | None]:
        """Compute the probability of a new landslide, and the change of the index.

        Args:
            parts: where finished rows are kept, and taken from if they are there.
            with_change: whether the change is wanted.

        Returns:
            Layers like those of the later date with the probability of a new landslide in the first place, NaN where a
            date shows no clear ground; and the change as one layer, if it is wanted.

        Raises:
            L4SError: a file cannot be read, or the disk is full.
        """
        new = ScratchRaster(parts.path("new.f32"), self.p_after.bands, self.p_after.width)
        change = ScratchRaster(parts.path("change.f32"), 1, self.p_after.width) if with_change else None
        wanted = [new, *([change] if change else [])]
        start = min(raster.height for raster in wanted) // _STRIP * _STRIP
        if all(raster.height == self.p_after.height for raster in wanted):
            return new, change
        with parts.writing():
            for raster in wanted:
                raster.keep(start)
        for strip in self.after.grid.rows(_STRIP):
            if strip.row < start:
                continue
            layers, difference = self._compare(strip)
            with parts.writing():
                new.append(layers)
                if change:
                    change.append(difference[None])
        return new, change

    def measured(self, new: ScratchRaster, window: Window) -> dict[str, NDArray[np.float32]]:
        """Return what landslides of a window are measured on, by attribute, each (rows, cols) float32.

        Args:
            new: the probability of a new landslide first.
            window: where.

        Returns:
            `p_new`, `p_before` if it was computed and, with near infrared on both dates, `ndvi_before` and
            `ndvi_after`; NaN where unknown.
        """
        out = {"p_new": new.read(window)[0]}
        if self.p_before:
            out["p_before"] = self.p_before.read(window)[0]
        if self.index == "rdndvi":
            for name, side in (("ndvi_before", self.before), ("ndvi_after", self.after)):
                red, infrared = side.read_raw(("B4", NIR), window)
                out[name] = ndvi({"B4": red, NIR: infrared})
        return out

    def observations(self, window: Window) -> dict[str, NDArray[np.int32]]:
        """Return how many scenes of each side show a pixel clearly: `n_before` and `n_after`, (rows, cols) int32."""
        bands = INDEX_BANDS[self.index]
        return {
            "n_before": observations(self.before, bands, window),
            "n_after": observations(self.after, bands, window),
        }

    def hidden(self, window: Window) -> NDArray[np.bool_]:
        """Return (rows, cols) bool for a window: True where masks hide one of the sides."""
        return self.after.hidden(window) | self.before.hidden(window)

    def _compare(self, strip: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the layers of a strip, and the change of the index in it."""
        layers = self.p_after.read(strip)
        grown, inner = _with_margin(strip, self.after.grid.shape, REACH)
        bands = INDEX_BANDS[self.index]
        sides = [side.read_raw(bands, grown) for side in (self.after, self.before)]
        after, before = (dict(zip(bands, values[:, *inner], strict=True)) for values in sides)
        clear = np.logical_and.reduce([np.isfinite(values[:, *inner]).all(axis=0) for values in sides])
        difference = change_of(vigour(before, self.index), vigour(after, self.index), self.index)
        difference[~clear] = np.nan
        layers[:, ~clear] = np.nan
        suspects = layers[0] >= self.floor
        if self.model and self.p_before and suspects.any():
            p_before = highest_near(self.p_before.read(grown)[0])[inner][suspects]
            around = self.p_after.read(grown)[0]
            later, earlier = (dict(zip(bands, pooled(v, around)[:, *inner][:, suspects], strict=True)) for v in sides)
            rows = evidence(layers[0][suspects], p_before, later, earlier, self.index)
            # What is new is a landslide in the first place, and both dates show the ground.
            found = np.minimum(self.model(rows), layers[0][suspects])
            found[_clouded(later) | _clouded(earlier)] = np.nan
            layers[0][suspects] = found
        return layers, difference


def _clouded(values: Mapping[str, NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Return which pixels have the colours of a cloud that no mask has hidden: (n,) bool."""
    return cloud_colours().found(np.stack([values[band] for band in RGB]))


@dataclass(frozen=True)
class Compared:
    """What a comparison has found."""

    comparison: Comparison
    new: ScratchRaster
    """Layers of the later date with the probability of a new landslide in the first place."""
    change: ScratchRaster | None
    """The change of the index; None if it was not asked for."""
    only_new: bool
    """Whether landslides are made of what is new, or of all that the later date shows."""
    threshold: float
    """Probability of a new landslide from which one counts as new."""
    date_before: str
    """Time of the last earlier scene, ISO 8601; "" if unknown."""
    date_after: str
    """Time of the first later scene, ISO 8601; "" if unknown."""

    @property
    def mapped(self) -> ScratchRaster:
        """The layers of which landslides are made."""
        return self.new if self.only_new else self.comparison.p_after

    def pixels(self) -> int:
        """Count the pixels that both sides show clearly."""
        strips = self.comparison.after.grid.rows(_STRIP)
        return sum(int(np.isfinite(self.new.read(strip)[0]).sum()) for strip in strips)


def _with_margin(window: Window, shape: tuple[int, int], by: int) -> tuple[Window, tuple[slice, slice]]:
    """Return a window with some pixels around it, and the slices that cut the window out of that."""
    grown = window.grown(by, shape)
    top, left = window.row - grown.row, window.col - grown.col
    return grown, (slice(top, top + window.height), slice(left, left + window.width))

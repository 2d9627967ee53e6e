"""How one scene has to be moved and recoloured to fit another: from a sample of both, read once.

The sample is up to 64 blocks, evenly spread over the ground that the two share. Where the sample says nothing sure, the
scene is left as it is, and a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from scipy import ndimage

from l4s_geo.bands import RGB, SPECTRAL
from l4s_geo.change.indices import INDEX_BANDS
from l4s_geo.change.normalisation import Line, normalisation
from l4s_geo.change.registration import IMPLAUSIBLE, LARGE, Shift, agreed, block_shift
from l4s_geo.errors import SceneError
from l4s_geo.grid import Grid, Window, starts
from l4s_geo.stack.stack import Stack

__all__ = ["Fit", "fit_scene", "shared_window"]

_OF_THE_AIR = ("B1", "B9", "B10")
"""Bands that show aerosol, vapour and cirrus more than the ground; they are left as they are."""
_SIDES = (128, 48)
"""Rows and columns of a block, and of those in scenes that hold few such."""
_FEW = 4
"""Blocks of a size that a scene has to hold at least for it, and blocks with which it can be recognised."""
_BLOCKS = 64
_PIXELS = 60_000
"""Pixels from which the colours are fitted at most."""
_SMALLEST = 0.1
"""Pixels under which a shift is not worth the blur of resampling."""

_Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Fit:
    """How a scene fits a reference."""

    shift: Shift | None = None
    """How far its content lies beside the reference's; None if nothing sure can be said."""
    applied: bool = False
    """Whether the scene is read with the shift taken off."""
    lines: Mapping[str, Line] = field(default_factory=dict)
    """How each band's values become those under the reference's sun and air; without a band, they are left alone."""
    notes: tuple[str, ...] = ()
    """What a user should know of it, one sentence each."""
    recognised: bool = True
    """Whether the scene may show the reference's ground: False if enough of both was seen, and neither do any blocks
    agree on a place nor do the colours correlate, as under clouds and haze."""
    identical: bool = False
    """Whether all values of the sample are the reference's own, so that both are one scene."""

    def grid(self, grid: Grid) -> Grid:
        """Return where a scene is read so that its content falls on a grid."""
        if not (self.applied and self.shift):
            return grid
        moved = grid.transform @ Affine.translation(self.shift.cols, self.shift.rows)
        return Grid(grid.crs, moved, grid.height, grid.width)

    def facts(self) -> dict[str, Any]:
        """Return the fit as JSON-serialisable facts."""
        shift = self.shift
        return {
            "shift_m": [round(shift.cols * 10, 2), round(-shift.rows * 10, 2)] if shift else None,
            "shift_blocks": [shift.agreeing, shift.blocks] if shift else None,
            "shift_applied": self.applied,
            "recognised": self.recognised,
            "lines": {band: asdict(line) for band, line in self.lines.items()},
        }


def fit_scene(reference: Stack, stack: Stack) -> Fit:
    """Fit a scene to a reference.

    Args:
        reference: a scene on the mapping grid.
        stack: another scene, on the same grid.

    Raises:
        SceneError: the two share no ground, or no spectral band.
    """
    bands = [b for b in SPECTRAL if b in reference.bands and b in stack.bands and b not in _OF_THE_AIR]
    if not bands:
        raise SceneError(
            f"The scenes {stack.scene.name} and {reference.scene.name} share no band of Sentinel-2, so they cannot be "
            "compared; give scenes that share red, green and blue at least."
        )
    pairs = [_read(reference, stack, bands, window) for window in _windows(reference, stack)]
    visible = [bands.index(b) for b in RGB if b in bands] or list(range(len(bands)))
    shift, applied, notes = _shift(pairs, visible, stack.scene.name, reference.scene.name)
    lines = _lines(pairs, bands, shift if applied else None)
    if not lines:
        what = f"the colours of {stack.scene.name} cannot be brought to those of {reference.scene.name}"
        notes = (*notes, f"{what}, since the two have too little unchanged ground in common; they are left as they are")
    recognised = bool(shift or lines) or not _enough_seen(pairs)
    return Fit(shift, applied, lines, notes, recognised, _identical(pairs))


def shared_window(reference: Stack, stack: Stack) -> Window:
    """Return the smallest window of the reference's grid that holds all ground which a scene shares with it.

    Raises:
        SceneError: they share none.
    """
    grid, own = reference.grid, stack.scene.grid
    bounds = grid.bounds if own.is_local and grid.is_local else own.bounds
    if own.crs != grid.crs:
        try:
            bounds = transform_bounds(own.crs, grid.crs, *own.bounds)
        except RasterioError:
            bounds = (np.nan,) * 4
    if np.isfinite(bounds).all():
        (left, top), (right, bottom) = (~grid.transform @ (bounds[0], bounds[3]), ~grid.transform @ bounds[2:0:-1])
        row, col = max(int(np.floor(top)), 0), max(int(np.floor(left)), 0)
        window = Window(
            row, col, min(int(np.ceil(bottom)), grid.height) - row, min(int(np.ceil(right)), grid.width) - col
        )
        if window.height > 0 and window.width > 0:
            return window
    raise SceneError(
        f"The scenes {stack.scene.name} and {reference.scene.name} do not overlap; give scenes of the same ground."
    )


def _windows(reference: Stack, stack: Stack) -> list[Window]:
    """Return up to 64 blocks, evenly spread over the ground that two scenes share."""
    shared = shared_window(reference, stack)
    side = _SIDES[0] if shared.height * shared.width >= _FEW * _SIDES[0] ** 2 else _SIDES[1]
    places = [
        Window(shared.row + r, shared.col + c, min(side, shared.height), min(side, shared.width))
        for r in starts(shared.height, side, 0)
        for c in starts(shared.width, side, 0)
    ]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(_BLOCKS, len(places))).round().astype(int))
    return [places[i] for i in chosen]


def _read(reference: Stack, stack: Stack, bands: list[str], window: Window) -> _Pair:
    return reference.read_raw(bands, window), stack.read_raw(bands, window)


def _seen(pair: _Pair) -> NDArray[np.bool_]:
    """Return which pixels of a block are known in both scenes: (rows, cols) bool."""
    known: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(np.concatenate(pair)))
    return known


def _enough_seen(pairs: list[_Pair]) -> bool:
    """Whether so much is known in both scenes that ground which they share would have been recognised."""
    judged = sum(_seen(pair).mean() >= 0.5 and min(pair[0].shape[1:]) >= _SIDES[1] for pair in pairs)
    return bool(judged >= max(_FEW, len(pairs) / 2))


def _identical(pairs: list[_Pair]) -> bool:
    """Whether two scenes have the very same values wherever both are known, and there is such ground."""
    known = [_seen(pair) for pair in pairs]
    same = (np.array_equal(one[:, k], other[:, k]) for (one, other), k in zip(pairs, known, strict=True))
    return any(k.any() for k in known) and all(same)


def _shift(
    pairs: list[_Pair], visible: list[int], name: str, beside: str
) -> tuple[Shift | None, bool, tuple[str, ...]]:
    """Measure the shift; return it, whether it is to be taken off, and what is to be said of it."""
    measured = [block_shift(one[visible].mean(axis=0), other[visible].mean(axis=0)) for one, other in pairs]
    found = [shift for shift in measured if shift is not None]
    shift = agreed(found)
    if shift is None:
        why = f"{len(found)} of {len(pairs)} blocks gave a shift{' and they disagree' if len(found) > 1 else ''}"
        return None, False, (f"how far {name} lies beside {beside} cannot be told ({why}), so it is taken as it lies",)
    if shift.pixels > IMPLAUSIBLE:
        note = f"{name} seems to lie {shift.pixels:.1f} pixels beside {beside}, which no two products of Sentinel-2 do"
        return shift, False, (f"{note}; this is not taken off, so look whether both show the same ground",)
    notes: tuple[str, ...] = ()
    if shift.pixels > LARGE:
        notes = (f"{name} lies {shift.pixels:.1f} pixels beside {beside}, more than products usually do; look at both",)
    return shift, shift.pixels >= _SMALLEST, notes


def _lines(pairs: list[_Pair], bands: list[str], shift: Shift | None) -> dict[str, Line]:
    """Fit the colours on pixels of the sample, with the shift taken off; of all bands, or else of those of an index."""
    ones, others = [], []
    for one, other in pairs:
        if shift:
            other = np.stack([ndimage.shift(b, (-shift.rows, -shift.cols), order=1, cval=np.nan) for b in other])
        known = _seen((one, other))
        step = max(1, known.size * len(pairs) // _PIXELS)
        ones.append(one[:, known][:, ::step])
        others.append(other[:, known][:, ::step])
    reference, image = np.concatenate(ones, axis=1), np.concatenate(others, axis=1)
    for chosen in (bands, [b for b in bands if b in INDEX_BANDS["rdndvi"]]):
        picks = [bands.index(b) for b in chosen]
        lines = normalisation(reference[picks], image[picks]) if picks else None
        if lines:
            return dict(zip(chosen, lines, strict=True))
    return {}

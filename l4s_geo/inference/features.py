"""Features of a pixel: what is known of it and of the ground around it, besides what a network says.

Trees that were taught from a few labels decide by these numbers (`l4s_geo.inference.taught`). Each has a name; which
there are depends on what a scene has, and a feature that it lacks is left out, never made up. A feature depends on
nothing farther away than `HALO` pixels, so that a scene computed window by window comes out as if it were computed
whole.

Means around a pixel are two box filters one after the other, a pyramid that is close to a Gaussian, over the pixels
that are known: sum of the values / sum of the weights. ``_cN`` in a name is a contrast, the difference from the mean
over N pixels to each side (twice), ``_mN`` such a mean. Reflectances enter by their logarithm: differences are ratios
then, which haze and light change less. Where a value is unknown, its features are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.bands import SPECTRAL
from l4s_geo.grid import PIXEL
from l4s_geo.inference.devices import available_cpus
from l4s_geo.stack.sun import Sun, illumination
from l4s_geo.stack.terrain import horn, slope_of

__all__ = ["GROUPS", "HALO", "Known", "View", "available", "bands_of", "compute", "group_of"]

HALO = 64
"""Pixels around a window that its features may depend on."""

GROUPS = ("network", "bands", "colour", "texture", "terrain", "light")
"""The kinds of features."""

_DARKEST = 1e-3
_SURE = 1e-4
_VISIBLE = ("B2", "B3", "B4")
_SCALES = (2, 5, 15, 30)
"""Box radii of the contrasts of visible bands; other bands have the middle two."""
_RATIOS = {
    "green_blue": ("B3", "B2"),
    "red_green": ("B4", "B3"),
    "ndvi": ("B8", "B4"),
    "ndwi": ("B3", "B8"),
    "nbr": ("B8", "B12"),
    "swir": ("B12", "B11"),
    "moisture": ("B8", "B11"),
}
"""Ratios of two bands, by the name of the index that rises with them."""
_WIDEST = 60
_DIFFUSE = 0.15
_FAINTEST = 0.1

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """What a scene has that features can be computed from."""

    bands: tuple[str, ...]
    """Its spectral bands."""
    spread: bool
    """Whether the base bundle says how far its networks and views disagree."""
    terrain: bool
    """Whether elevations are known."""
    sun: bool
    """Whether it is known where the sun stood."""


@dataclass(frozen=True)
class View:
    """A window with what lies around it; each array is (rows, cols) float32, NaN where unknown."""

    bands: Mapping[str, Floats]
    """Spectral bands by name, L4S units."""
    probability: Floats
    """What the base bundle says."""
    spread: Floats | None = None
    """How far its networks and views disagree."""
    elevation: Floats | None = None
    """Elevations, metres."""
    sun: Sun | None = None
    """Where the sun stood."""

    @property
    def known(self) -> Known:
        """What features there can be."""
        return Known(tuple(self.bands), self.spread is not None, self.elevation is not None, self.sun is not None)


def available(known: Known) -> tuple[str, ...]:
    """Return the names of the features that there are, in order."""
    dot = np.zeros((1, 1), np.float32)
    view = View(
        dict.fromkeys(known.bands, dot),
        dot,
        dot if known.spread else None,
        dot if known.terrain else None,
        Sun(180, 45) if known.sun else None,
    )
    return tuple(name for _, name, _ in _all(view))


def group_of(name: str) -> str:
    """Return the kind of a feature, one of `GROUPS`.

    Raises:
        KeyError: there is no such feature.
    """
    return _groups()[name]


@cache
def _groups() -> dict[str, str]:
    """The kind of every feature that there can be."""
    dot = np.zeros((1, 1), np.float32)
    view = View(dict.fromkeys(SPECTRAL, dot), dot, dot, dot, Sun(180, 45))
    return {name: group for group, name, _ in _all(view)}


def bands_of(names: Collection[str]) -> tuple[str, ...]:
    """Return the spectral bands that some features are computed from, in order."""
    needed = {name.partition("_")[0] for name in names} & set(SPECTRAL)
    for ratio, pair in _RATIOS.items():
        if any(name == ratio or name.startswith((f"{ratio}_m", f"{ratio}_c")) for name in names):
            needed |= set(pair)
    if any(group_of(name) == "texture" or name.startswith("evened") for name in names):
        needed |= set(_VISIBLE)
    return tuple(band for band in SPECTRAL if band in needed)


def compute(view: View, names: Sequence[str], inner: tuple[slice, slice]) -> NDArray[np.float32]:
    """Compute features.

    Args:
        view: the window with `HALO` pixels around it, as far as the scene goes.
        names: the features wanted, among those `available`.
        inner: the rows and columns of the window within the view.

    Returns:
        (features, rows, cols) float32 of the window, finite; 0 where a feature's value is unknown.
    """
    makers = {name: make for _, name, make in _all(view)}
    rows, cols = (len(range(size)[part]) for size, part in zip(view.probability.shape, inner, strict=True))
    out = np.empty((len(names), rows, cols), np.float32)

    def fill(place: int) -> None:
        out[place] = makers[names[place]]()[inner]

    with ThreadPoolExecutor(available_cpus()) as pool:  # the filters are of SciPy, which lets other threads run
        list(pool.map(fill, range(len(names))))
    return np.nan_to_num(out, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


Feature = tuple[str, str, Callable[[], Floats]]
"""A feature's kind, its name and what computes it."""


def _all(view: View) -> Iterator[Feature]:
    yield from _network(view)
    logs = {band: np.log(np.maximum(values, np.float32(_DARKEST))) for band, values in view.bands.items()}
    yield from _bands(logs)
    yield from _colour(logs)
    bright: Floats | None = None
    if all(band in logs for band in _VISIBLE):
        bright = np.asarray(np.mean([logs[band] for band in _VISIBLE], axis=0), np.float32)
    if bright is not None:
        yield from _texture(bright)
    if view.elevation is not None:
        east, north = horn(view.elevation, PIXEL)
        yield from _terrain(view.elevation, slope_of(east, north))
        if view.sun:
            yield from _light(illumination(east, north, view.sun).astype(np.float32), bright)


def _network(view: View) -> Iterator[Feature]:
    sure = np.clip(view.probability, _SURE, 1 - _SURE)
    logit = _Around(np.log(sure / (1 - sure)))
    yield "network", "logit", logit.itself
    for radius in (1, 4, 12):
        yield "network", f"logit_m{radius}", partial(logit.mean, radius)
    yield "network", "logit_highest", partial(logit.highest, 4)
    if view.spread is not None:
        yield "network", "spread", _Around(view.spread).itself


def _bands(logs: Mapping[str, Floats]) -> Iterator[Feature]:
    for band, values in logs.items():
        around = _Around(values)
        yield "bands", band, around.itself
        for radius in _SCALES if band in _VISIBLE else _SCALES[1:3]:
            yield "bands", f"{band}_c{radius}", partial(around.contrast, radius)


def _colour(logs: Mapping[str, Floats]) -> Iterator[Feature]:
    for name, (above, below) in _RATIOS.items():
        if above in logs and below in logs:
            ratio = _Around(logs[above] - logs[below])
            yield "colour", name, ratio.itself
            for radius in (1, 4, 15):
                yield "colour", f"{name}_m{radius}", partial(ratio.mean, radius)
            for radius in (6, 20):
                yield "colour", f"{name}_c{radius}", partial(ratio.contrast, radius)


def _texture(bright: Floats) -> Iterator[Feature]:
    for radius in (2, 5):
        yield "texture", f"texture_m{radius}", partial(_deviation, bright, radius)


def _terrain(elevation: Floats, slope: Floats) -> Iterator[Feature]:
    height, steep = _Around(elevation), _Around(slope)
    yield "terrain", "slope", steep.itself
    yield "terrain", "slope_m5", partial(steep.mean, 5)
    for radius in (2, 4, 12, 30):
        yield "terrain", f"height_c{radius}", partial(height.contrast, radius)
    for radius in (20, _WIDEST):
        yield "terrain", f"above_lowest_{radius}", partial(height.above_lowest, radius)
    yield "terrain", "relief_10", partial(height.range, 10)


def _light(lit: Floats, bright: Floats | None) -> Iterator[Feature]:
    light = _Around(lit)
    yield "light", "lit", light.itself
    yield "light", "lit_m5", partial(light.mean, 5)
    if bright is not None:
        evened = _Around(bright - np.log(np.maximum(lit, np.float32(_FAINTEST)) + np.float32(_DIFFUSE)))
        yield "light", "evened", evened.itself
        yield "light", "evened_c15", partial(evened.contrast, 15)


class _Around:
    """Values, and what lies around each of them, over what is known."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._known = np.isfinite(values)
        self._whole = bool(self._known.all())

    def itself(self) -> Floats:
        """The values."""
        return self.values

    def mean(self, radius: int) -> Floats:
        """The mean around each pixel; NaN where the pixel itself is unknown."""
        if self._whole:
            return _pyramid(self.values, radius) / _weights(self.values.shape, radius)
        filled = np.where(self._known, self.values, np.float32(0))
        weights = _pyramid(self._known.astype(np.float32), radius)
        with np.errstate(invalid="ignore", divide="ignore"):
            out: Floats = np.where(self._known, _pyramid(filled, radius) / weights, np.float32(np.nan))
        return out

    def contrast(self, radius: int) -> Floats:
        """The difference of each pixel from the mean around it."""
        return self.values - self.mean(radius)

    def highest(self, radius: int) -> Floats:
        """The highest value known in a square around each pixel."""
        out: Floats = ndimage.maximum_filter(
            np.where(self._known, self.values, -np.inf), 2 * radius + 1, mode="constant", cval=-np.inf
        )
        return np.where(self._known, out, np.float32(np.nan)).astype(np.float32)

    def above_lowest(self, radius: int) -> Floats:
        """How far each pixel is above the lowest value known in a square around it."""
        return self.values + _Around(-self.values).highest(radius)

    def range(self, radius: int) -> Floats:
        """How far the values known in a square around each pixel range."""
        return self.highest(radius) + _Around(-self.values).highest(radius)


def _pyramid(values: Floats, radius: int) -> Floats:
    """Sum with a pyramid's weights: two box filters; nothing counts beyond the border."""
    for _ in range(2):
        values = ndimage.uniform_filter(values, 2 * radius + 1, mode="constant", cval=0.0)
    return values


@lru_cache(maxsize=64)
def _weights(shape: tuple[int, ...], radius: int) -> Floats:
    """The sums of weights of a window all of which is known."""
    return _pyramid(np.ones(shape, np.float32), radius)


def _deviation(values: Floats, radius: int) -> Floats:
    """The standard deviation around each pixel, of what is left when the wider mean is taken off."""
    rest = _Around(values).contrast(15)
    mean, square = _Around(rest).mean(radius), _Around(rest * rest).mean(radius)
    return np.sqrt(np.maximum(square - mean * mean, 0))

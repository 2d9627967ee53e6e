"""Features of a pixel: what is known of it and of the ground around it, besides what a network says.

Trees that were taught from a few labels decide by these numbers (`l4s_geo.inference.taught`). Each has a name; which
there are depends on what a scene has, and a feature that it lacks is left out, never made up. A feature depends on
nothing farther away than `HALO` pixels, so that a scene computed window by window comes out as if it were computed
whole.

Means around a pixel are two box filters one after the other, a pyramid that is close to a Gaussian, over the pixels
that are known: sum of the values / sum of the weights. They are computed by repeated integration (Heckbert, SIGGRAPH
1986): sums of sums are taken once, and every radius costs three look-ups along rows and three along columns. ``_cN`` in
a name is a contrast, the difference from the mean over N pixels to each side (twice), ``_mN`` such a mean. Reflectances
enter by their logarithm: differences are ratios then, which haze and light change less. Where a value is unknown, its
features are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache, partial
from itertools import pairwise
from operator import methodcaller

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.bands import SPECTRAL
from l4s_geo.grid import PIXEL
from l4s_geo.inference.devices import available_cpus
from l4s_geo.stack.sun import Sun, illumination
from l4s_geo.stack.terrain import horn, slope_of

__all__ = ["GROUPS", "HALO", "Known", "View", "available", "bands_of", "compute", "earlier_bands_of", "group_of"]

HALO = 64
"""Pixels around a window that its features may depend on."""

GROUPS = ("network", "bands", "colour", "texture", "terrain", "light", "change")
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
_BEFORE, _CHANGE = "before_", "change_"
_WIDEST = 60
_AT_ONCE = 32
"""Rows that are computed at once, so that they stay in the processor's cache."""
_TEXTURED = 12
"""Pixels around a window of which the texture has to be known."""
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
    earlier: tuple[str, ...] = ()
    """Spectral bands of an earlier scene of the same ground."""


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
    earlier: Mapping[str, Floats] = field(default_factory=dict)
    """Spectral bands of an earlier date by name, L4S units, under the sun and air of the later one."""

    @property
    def known(self) -> Known:
        """What features there can be."""
        terrain, sun = self.elevation is not None, self.sun is not None
        return Known(tuple(self.bands), self.spread is not None, terrain, sun, tuple(self.earlier))


def available(known: Known) -> tuple[str, ...]:
    """Return the names of the features that there are, in order."""
    dot = np.zeros((1, 1), np.float32)
    view = View(
        dict.fromkeys(known.bands, dot),
        dot,
        dot if known.spread else None,
        dot if known.terrain else None,
        Sun(180, 45) if known.sun else None,
        dict.fromkeys(known.earlier, dot),
    )
    return tuple(name for source in _all(view) for name in source.features)


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
    every = dict.fromkeys(SPECTRAL, dot)
    view = View(every, dot, dot, dot, Sun(180, 45), every)
    return {name: source.group for source in _all(view) for name in source.features}


def bands_of(names: Collection[str]) -> tuple[str, ...]:
    """Return the spectral bands that some features are computed from, in order."""
    return _bands_in([name.removeprefix(_CHANGE) for name in names if not name.startswith(_BEFORE)])


def earlier_bands_of(names: Collection[str]) -> tuple[str, ...]:
    """Return the spectral bands of the earlier date that some features are computed from, in order."""
    of_change = [name for name in names if name.startswith((_BEFORE, _CHANGE))]
    return _bands_in([name.removeprefix(_BEFORE).removeprefix(_CHANGE) for name in of_change])


def _bands_in(names: Collection[str]) -> tuple[str, ...]:
    """The bands of features of one date."""
    needed = {name.partition("_")[0] for name in names} & set(SPECTRAL)
    for ratio, pair in _RATIOS.items():
        if any(name == ratio or name.startswith((f"{ratio}_m", f"{ratio}_c")) for name in names):
            needed |= set(pair)
    if any(name.startswith(("texture", "evened")) for name in names):
        needed |= set(_VISIBLE)
    return tuple(band for band in SPECTRAL if band in needed)


def compute(
    view: View, names: Sequence[str], inner: tuple[slice, slice], room: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Compute features.

    Args:
        view: the window with `HALO` pixels around it, as far as the scene goes.
        names: the features wanted, among those `available`.
        inner: the rows and columns of the window within the view.
        room: 1-D memory for the result, at least as many float32 as it has; None for new memory.

    Returns:
        (features, rows, cols) float32 of the window, finite; 0 where a feature's value is unknown.
    """
    places = {name: place for place, name in enumerate(names)}
    rows, cols = (len(range(size)[part]) for size, part in zip(view.probability.shape, inner, strict=True))
    out = np.empty(len(names) * rows * cols, np.float32) if room is None else room[: len(names) * rows * cols]
    out = out.reshape(len(names), rows, cols)

    def fill(source: _Source) -> None:
        around = _Around(source.values(), inner)
        for name in source.features.keys() & places.keys():
            found = source.features[name](around)
            known = np.isfinite(found)
            out[places[name]] = found if known.all() else np.where(known, found, np.float32(0))

    wanted = [source for source in _all(view) if source.features.keys() & places.keys()]
    with ThreadPoolExecutor(available_cpus()) as pool:  # NumPy and SciPy let other threads run
        list(pool.map(fill, wanted))
    return out


@dataclass(frozen=True)
class _Source:
    """Values from which, and from what lies around them, features are computed."""

    group: str
    """Kind of the features."""
    values: Callable[[], Floats]
    """Computes the values of a view."""
    features: Mapping[str, Callable[[_Around], Floats]]
    """What computes each feature, by its name."""


def _all(view: View) -> Iterator[_Source]:
    yield from _network(view)
    yield from _bands(view)
    yield from _colour(view)
    bright = partial(_brightness, view.bands) if all(band in view.bands for band in _VISIBLE) else None
    if bright:
        yield _Source("texture", bright, {f"texture_m{radius}": methodcaller("deviation", radius) for radius in (2, 5)})
    if view.elevation is not None:
        east, north = horn(view.elevation, PIXEL)
        yield from _terrain(view.elevation, slope_of(east, north))
        if view.sun:
            yield from _light(illumination(east, north, view.sun).astype(np.float32), bright)
    yield from _change(view)


def _network(view: View) -> Iterator[_Source]:
    means = {f"logit_m{radius}": methodcaller("mean", radius) for radius in (1, 4, 12)}
    features = {"logit": methodcaller("itself"), **means, "logit_highest": methodcaller("highest", 4)}
    yield _Source("network", partial(_logit, view.probability), features)
    if view.spread is not None:
        yield _Source("network", partial(np.asarray, view.spread), {"spread": methodcaller("itself")})


def _bands(view: View) -> Iterator[_Source]:
    for band in view.bands:
        radii = _SCALES if band in _VISIBLE else _SCALES[1:3]
        contrasts = {f"{band}_c{radius}": methodcaller("contrast", radius) for radius in radii}
        yield _Source("bands", partial(_log, view.bands, band), {band: methodcaller("itself"), **contrasts})


def _colour(view: View) -> Iterator[_Source]:
    for name, (above, below) in _RATIOS.items():
        if above in view.bands and below in view.bands:
            means = {f"{name}_m{radius}": methodcaller("mean", radius) for radius in (1, 4, 15)}
            contrasts = {f"{name}_c{radius}": methodcaller("contrast", radius) for radius in (6, 20)}
            values = partial(_log_ratio, view.bands, above, below)
            yield _Source("colour", values, {name: methodcaller("itself"), **means, **contrasts})


def _terrain(elevation: Floats, slope: Floats) -> Iterator[_Source]:
    steep = {"slope": methodcaller("itself"), "slope_m5": methodcaller("mean", 5)}
    yield _Source("terrain", partial(np.asarray, slope), steep)
    contrasts = {f"height_c{radius}": methodcaller("contrast", radius) for radius in (2, 4, 12, 30)}
    above = {f"above_lowest_{radius}": methodcaller("above_lowest", radius) for radius in (20, _WIDEST)}
    height = {**contrasts, **above, "relief_10": methodcaller("range", 10)}
    yield _Source("terrain", partial(np.asarray, elevation), height)


def _light(lit: Floats, bright: Callable[[], Floats] | None) -> Iterator[_Source]:
    yield _Source("light", partial(np.asarray, lit), {"lit": methodcaller("itself"), "lit_m5": methodcaller("mean", 5)})
    if bright:

        def evened() -> Floats:
            return bright() - np.log(np.maximum(lit, np.float32(_FAINTEST)) + np.float32(_DIFFUSE))

        yield _Source("light", evened, {"evened": methodcaller("itself"), "evened_c15": methodcaller("contrast", 15)})


def _change(view: View) -> Iterator[_Source]:
    """The earlier date, and how each band and ratio has changed since."""
    single = {band: partial(_log, band=band) for band in view.bands if band in view.earlier}
    ratios = {
        name: partial(_log_ratio, above=above, below=below)
        for name, (above, below) in _RATIOS.items()
        if above in single and below in single
    }
    for name, of in (single | ratios).items():
        later, earlier = partial(of, view.bands), partial(of, view.earlier)
        before = f"{_BEFORE}{name}"
        yield _Source(
            "change", earlier, {before: methodcaller("itself"), f"{before}_c15": methodcaller("contrast", 15)}
        )
        change = f"{_CHANGE}{name}"
        means = {f"{change}_m{radius}": methodcaller("mean", radius) for radius in (1, 4)}
        features = {change: methodcaller("itself"), **means, f"{change}_c20": methodcaller("contrast", 20)}
        yield _Source("change", partial(_less, later, earlier), features)


def _logit(probability: Floats) -> Floats:
    sure = np.clip(probability, _SURE, 1 - _SURE)
    out: Floats = np.log(sure / (1 - sure))
    return out


def _log(bands: Mapping[str, Floats], band: str) -> Floats:
    out: Floats = np.log(np.maximum(bands[band], np.float32(_DARKEST)))
    return out


def _log_ratio(bands: Mapping[str, Floats], above: str, below: str) -> Floats:
    return _log(bands, above) - _log(bands, below)


def _brightness(bands: Mapping[str, Floats]) -> Floats:
    return np.asarray(np.mean([_log(bands, band) for band in _VISIBLE], axis=0), np.float32)


def _less(later: Callable[[], Floats], earlier: Callable[[], Floats]) -> Floats:
    return later() - earlier()


class _Around:
    """Values, and what lies around each pixel of a window, over what is known."""

    def __init__(self, values: Floats, inner: tuple[slice, slice]) -> None:
        """Take the values of a view, whose window has the rows and columns `inner`.

        What is missing of the `HALO` around the window, at the border of a scene, is unknown.
        """
        bounds = [part.indices(size) for size, part in zip(values.shape, inner, strict=True)]
        missing = [
            (HALO - start, HALO - size + stop) for size, (start, stop, _) in zip(values.shape, bounds, strict=True)
        ]
        beyond = np.maximum(missing, 0)
        self._values = np.pad(values, beyond, constant_values=np.nan) if beyond.any() else values
        self._first = tuple(start + before for (start, *_), (before, _) in zip(bounds, beyond, strict=True))
        self._size = tuple(stop - start for start, stop, _ in bounds)

    @cached_property
    def _sums(self) -> _Sums:
        return _Sums(self._values)

    def itself(self, more: int = 0) -> Floats:
        """The values of the window, and of so many pixels around it."""
        return self._values[self._part(more)]

    def mean(self, radius: int, more: int = 0) -> Floats:
        """The mean around each pixel; NaN where the pixel itself is unknown."""
        return self._sums.mean(radius, self._part(more))

    def contrast(self, radius: int, more: int = 0) -> Floats:
        """The difference of each pixel from the mean around it."""
        return self.itself(more) - self.mean(radius, more)

    def deviation(self, radius: int) -> Floats:
        """The standard deviation around each pixel, of what is left when the wider mean is taken off."""
        part = (slice(_TEXTURED, -_TEXTURED),) * 2
        mean, square = (sums.mean(radius, part) for sums in self._rest)
        return np.sqrt(np.maximum(square - mean * mean, 0))

    @cached_property
    def _rest(self) -> tuple[_Sums, _Sums]:
        """What is left when the wider mean is taken off, and its square."""
        rest = self.contrast(15, _TEXTURED)
        return _Sums(rest), _Sums(rest * rest)

    def highest(self, radius: int) -> Floats:
        """The highest value known in a square around each pixel."""
        return self._highest(self._values, radius)

    def above_lowest(self, radius: int) -> Floats:
        """How far each pixel is above the lowest value known in a square around it."""
        return self.itself() + self._highest(-self._values, radius)

    def range(self, radius: int) -> Floats:
        """How far the values known in a square around each pixel range."""
        return self.highest(radius) + self._highest(-self._values, radius)

    def _highest(self, values: Floats, radius: int) -> Floats:
        near = values[self._part(radius)]
        filled = np.where(np.isfinite(near), near, np.float32(-np.inf))
        highest = ndimage.maximum_filter(filled, 2 * radius + 1)[radius:-radius, radius:-radius]
        return np.where(np.isfinite(self.itself()), highest, np.float32(np.nan)).astype(np.float32)

    def _part(self, more: int) -> tuple[slice, slice]:
        rows, cols = (slice(f - more, f + n + more) for f, n in zip(self._first, self._size, strict=True))
        return rows, cols


class _Sums:
    """Sums of sums of values, of which means around pixels are the differences."""

    def __init__(self, values: Floats) -> None:
        self._known = np.isfinite(values)
        self._whole = bool(self._known.all())
        # Sums of what is near 0 lose no digits.
        some = values if self._whole else values[self._known]
        self._middle = float(some.mean()) if some.size else 0.0
        filled = values.astype(np.float64)
        filled -= self._middle
        if not self._whole:
            filled[~self._known] = 0
        self._twice = _integrated(filled)

    def mean(self, radius: int, part: tuple[slice, slice]) -> Floats:
        """The mean around each pixel of a part, see `_pyramid`; NaN where the pixel itself is unknown."""
        total = _pyramid(self._twice, radius, part)
        if self._whole:
            total /= (2 * radius + 1) ** 4
        else:
            known = self._known[part]
            total[~known] = np.nan
            ranges = [of.indices(size)[:2] for of, size in zip(part, self._known.shape, strict=True)]
            total /= _weights(np.packbits(self._known).tobytes(), self._known.shape, radius, *ranges)
        total += self._middle
        return total.astype(np.float32)


def _integrated(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum up twice along columns and twice along rows, in place."""
    for _ in range(2):
        np.cumsum(values, axis=1, out=values)
    for _ in range(2):  # row by row, which NumPy's own sum along columns does not do
        for above, row in pairwise(values):
            row += above
    return values


def _pyramid(twice: NDArray[np.float64], radius: int, part: tuple[slice, slice]) -> NDArray[np.float64]:
    """Sum with a pyramid's weights, that of two boxes: second differences of what was integrated twice.

    Looks at 2 · radius + 2 pixels around the part, which must be there.
    """
    side = 2 * radius + 1
    (top, bottom, _), (left, right, _) = (of.indices(size) for of, size in zip(part, twice.shape, strict=True))
    out = np.empty((bottom - top, right - left), np.float64)
    for row in range(top, bottom, _AT_ONCE):
        end = min(row + _AT_ONCE, bottom)
        above, middle, below = (twice[row + by : end + by] for by in (-side - 1, -1, side - 1))
        down = above + below - 2 * middle
        before, middle, after = (down[:, left + by : right + by] for by in (-side - 1, -1, side - 1))
        out[row - top : end - top] = before + after - 2 * middle
    return out


@lru_cache(maxsize=32)
def _weights(
    known: bytes, shape: tuple[int, ...], radius: int, rows: tuple[int, int], cols: tuple[int, int]
) -> NDArray[np.float64]:
    """The sums of a pyramid's weights over what is known."""
    bits = np.unpackbits(np.frombuffer(known, np.uint8), count=shape[0] * shape[1]).reshape(shape)
    weights = _pyramid(_integrated(bits.astype(np.float64)), radius, (slice(*rows), slice(*cols)))
    return np.maximum(weights, 1.0)

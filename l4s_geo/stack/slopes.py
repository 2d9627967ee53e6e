"""Whether slopes are stated in degrees: told by their range, and by the slopes of a DEM where there is one.

Programs state slopes in degrees, in radians (R's terra and raster), in percent or as rise over run. Ranges alone tell
steep country apart; gentle slopes in percent look like degrees, and flat ground in degrees like radians, until
they are compared with a DEM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import TerrainError
from l4s_geo.grid import Grid, Window, starts

__all__ = ["NOT_FLAT", "check_degrees", "is_slope", "is_void", "probe_windows", "unlike", "without_fill"]

NOT_FLAT = 10.0
"""Degrees from which ground in a DEM is not flat by any other measure."""
_STEEPEST = 90.0
_RADIANS_BELOW = 2.5
_FLAT = 0.5
"""Degrees up to which ground tells nothing of the units of its slope."""
_ENOUGH = 100
_ALIKE = 0.1
"""Median difference from the DEM's slopes, as a share of their median, up to which slopes are those of this DEM."""
_SAME_GROUND = 0.5
"""The same difference from which they are of other ground, or on another scale."""
_FAR_TOO_GENTLE = 0.1
_GENTLE = "rise over run or radians"
_FILLS = 2

_Reading = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_TO_DEGREES: dict[str, tuple[_Reading, str]] = {
    "degrees": (lambda s: s, ""),
    "radians": (np.degrees, "degrees(A)"),
    "percent": (lambda s: np.degrees(np.arctan(s / 100)), "degrees(arctan(A/100))"),
    "rise over run": (lambda s: np.degrees(np.arctan(s)), "degrees(arctan(A))"),
}


def is_slope(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which values can be slopes in degrees, 0 to 90; NaN cannot."""
    with np.errstate(invalid="ignore"):
        out: NDArray[np.bool_] = (values >= 0) & (values <= _STEEPEST)
    return out


def is_void(slope: NDArray[np.float32], computed: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell where a slope is exactly 0 and that of a DEM far from it: there 0 stands for what is not known.

    Args:
        slope: slopes in degrees as they are stated, of any shape; NaN where unknown.
        computed: those of the DEM at the same places.
    """
    with np.errstate(invalid="ignore"):
        out: NDArray[np.bool_] = (slope == 0) & (computed > NOT_FLAT)
    return out


def unlike(slope: NDArray[np.float32], computed: NDArray[np.float32]) -> float:
    """Return the median difference from the DEM's slopes, degrees, if it is as if of other ground; else 0."""
    ground = (computed > _FLAT) & np.isfinite(slope)
    if ground.sum() < _ENOUGH:
        return 0.0
    difference = float(np.median(np.abs(slope[ground] - computed[ground])))
    return difference if difference > _SAME_GROUND * float(np.median(computed[ground])) else 0.0


def without_fill(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return those of (n,) values that are neither unknown nor fill: at most two different ones under 0, or above 90°.

    A constant that no slope has stands for nodata that was not declared (−9999, 255).
    """
    known = values[np.isfinite(values)]
    under, above = known < 0, known > _STEEPEST
    for beyond in (under, above):
        if len(np.unique(known[beyond])) > _FILLS:
            beyond[:] = False
    return known[~(under | above)]


def probe_windows(grid: Grid, side: int = 256, most: int = 9) -> Iterator[Window]:
    """Yield a few windows, evenly spread over a grid."""
    places = [(r, c) for r in starts(grid.height, side, 0) for c in starts(grid.width, side, 0)]
    for index in np.unique(np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)):
        row, col = places[index]
        yield Window(row, col, min(side, grid.height), min(side, grid.width))


def check_degrees(slope: NDArray[np.float32], computed: NDArray[np.float32] | None, what: str) -> None:
    """Refuse slopes that are not in degrees.

    Args:
        slope: (n,) values as they are stated; NaN where unknown.
        computed: (n,) slopes of a DEM at the same places, degrees, NaN where unknown; None if there is no DEM.
        what: where the slopes are from, for the message.

    Raises:
        TerrainError: they look like something else; the message says what, and how to convert it.
    """
    known = without_fill(slope.astype(np.float64))
    if known.size == 0:
        return
    low, high = np.percentile(known, [0, 99.9])
    looks = _by_range(known, low, high)
    if computed is not None and looks not in ("no slope", "elevations or directions"):
        looks = _by_dem(slope.astype(np.float64), computed.astype(np.float64), looks)
    if looks == "degrees":
        return
    _, formula = _TO_DEGREES.get(looks, (None, ""))
    convert = (
        f"convert it (gdal_calc.py -A FILE --type=Float32 --calc='{formula}' --outfile=degrees.tif)"
        if formula
        else "give one in degrees"
    )
    raise TerrainError(
        f"The {what} runs from {low:g} to {high:g}, which looks like {looks}; expected degrees, so {convert}, or leave "
        "it out and slopes are computed from the DEM."
    )


def _by_range(known: NDArray[np.float64], low: float, high: float) -> str:
    if low < 0:
        return "no slope"
    if np.median(known) > _STEEPEST:
        return "elevations or directions"
    if high > _STEEPEST:
        return "percent"
    return _GENTLE if high < _RADIANS_BELOW else "degrees"


def _by_dem(slope: NDArray[np.float64], computed: NDArray[np.float64], looks: str) -> str:
    """Return what slopes look like beside those of the DEM; what they look like by themselves, if it does not tell."""
    steep = computed > _FLAT
    ground = steep & (slope > 0)
    if steep.sum() < _ENOUGH:
        flat = np.isfinite(computed).sum() >= _ENOUGH and looks == _GENTLE
        return "degrees" if flat else looks
    if ground.sum() < _ENOUGH:
        return "no slope" if (slope[steep] == 0).mean() > 0.5 else looks
    typical = float(np.median(computed[ground]))
    errors = {
        name: float(np.median(np.abs(reading(slope[ground]) - computed[ground]))) / typical
        for name, (reading, _) in _TO_DEGREES.items()
    }
    if looks == "percent":
        return looks if errors["percent"] < _SAME_GROUND else "percent, or degrees on another scale"
    if float(np.median(slope[ground])) < _FAR_TOO_GENTLE * typical:
        return min(("radians", "rise over run"), key=errors.__getitem__)
    # Slopes of another DEM may be half as steep again and right; those of this one leave no doubt.
    certain = errors["percent"] < min(_ALIKE, errors["degrees"] / 2)
    return "percent" if certain else "degrees"

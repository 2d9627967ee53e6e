"""What tells that the ground has changed: indices of vegetation and brightness, on both dates.

With near infrared it is the relative difference of the NDVI, ``(after − before) / √(before + after)`` (rdNDVI; Scheip
and Wegmann 2021); without, the difference of the *visible greenness* ``(B3 − B4) / (B3 + B4)``.
All values are digital numbers, those of both dates brought to the same sun and air.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import RGB

__all__ = ["INDEX_BANDS", "NIR", "Index", "brightness", "change_of", "greenness", "index_for", "ndvi", "vigour"]

Index = Literal["rdndvi", "greenness"]
"""A measure of change: the relative difference of the NDVI, or the difference of the visible greenness."""

NIR = "B8"
"""The near infrared band of the NDVI."""

INDEX_BANDS: dict[Index, tuple[str, ...]] = {"rdndvi": (*RGB, NIR), "greenness": RGB}
"""The bands that the evidence of change needs."""

_SMALLEST = 0.3
"""Sum of both dates' NDVI under which its root would blow up small differences: that of bare ground on both. With it,
no difference is more than doubled."""

Values = NDArray[np.float32]


def index_for(bands: Collection[str]) -> Index | None:
    """Return the best index that bands allow, or None if they allow none."""
    return next((index for index in INDEX_BANDS if set(INDEX_BANDS[index]) <= set(bands)), None)


def ndvi(values: Mapping[str, Values]) -> Values:
    """Return the normalised difference vegetation index, -1 to 1; NaN where both bands are 0."""
    return _normalised_difference(values[NIR], values["B4"])


def greenness(values: Mapping[str, Values]) -> Values:
    """Return the visible greenness: the normalised difference of green and red, -1 to 1."""
    return _normalised_difference(values["B3"], values["B4"])


def brightness(values: Mapping[str, Values]) -> Values:
    """Return the mean of red, green and blue, in digital numbers."""
    out: Values = (values["B4"] + values["B3"] + values["B2"]) / np.float32(3)
    return out


def vigour(values: Mapping[str, Values], index: Index) -> Values:
    """Return the index of one date whose difference is the change: NDVI or visible greenness."""
    return ndvi(values) if index == "rdndvi" else greenness(values)


def change_of(before: Values, after: Values, index: Index) -> Values:
    """Return how the vegetation has changed; negative where it has been lost.

    Args:
        before: `vigour` of the earlier date.
        after: `vigour` of the later date.
        index: rdNDVI, whose root is guarded where there was no vegetation on either date, or the plain difference of
            the greenness.
    """
    difference: Values = after - before
    if index == "greenness":
        return difference
    out: Values = difference / np.sqrt(np.maximum(before + after, np.float32(_SMALLEST)))
    return out


def _normalised_difference(one: Values, other: Values) -> Values:
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Values = (one - other) / (one + other)
    out[~np.isfinite(out)] = np.nan
    return np.clip(out, -1, 1, out=out)

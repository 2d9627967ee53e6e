"""The units in which a scene states its bands, and the way from there to raw values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import REFLECTANCE_TO_DN, TERRAIN, scale_of
from l4s_geo.errors import SceneError

__all__ = ["LONG_NAMES", "UNITS", "Units", "detect_units", "raw_factors"]

Units = Literal["dn", "reflectance", "l4s"]
"""The units in which a scene's spectral bands may be stated."""

UNITS: tuple[Units, ...] = ("dn", "reflectance", "l4s")
"""All units in which a scene's spectral bands may be stated."""

LONG_NAMES: dict[Units, str] = {
    "dn": "digital numbers (reflectance × 10000)",
    "reflectance": "reflectance (0..1)",
    "l4s": "L4S units (raw / M)",
}
"""The units as people read them."""

# The darkest tenth of a land scene's visible pixels has reflectances under 0.1, or 0.4 and more in L4S units, or
# hundreds as digital numbers; water is darker in all three. The brightest pixels, clouds, reach a reflectance of
# 1.6 and 33 L4S units.
_DARKEST, _BRIGHTEST = 10, 99
_REFLECTANCE_DARK, _REFLECTANCE_BRIGHT = 0.25, 1.6
_L4S_DARK, _L4S_BRIGHT = 12.0, 40.0


def detect_units(sample: NDArray[np.float32], bands: Iterable[str]) -> Units:
    """Tell the units of a scene from a sample of its spectral bands.

    The bands B2 to B4 are asked if the scene has them, because their divisors M are large enough to keep the
    three value ranges a factor of five apart.

    Args:
        sample: (bands, pixels) float32 raw values; NaN marks invalid ones.
        bands: canonical names of the sample's bands.

    Returns:
        "dn", "reflectance" or "l4s".

    Raises:
        SceneError: the values fit none of the three, or there are none.
    """
    names = list(bands)
    visible = [i for i, name in enumerate(names) if name in ("B2", "B3", "B4")]
    chosen = visible or [i for i, name in enumerate(names) if name not in (*TERRAIN, "B10")]
    values = sample[chosen]
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise SceneError("The scene has no valid pixel in its spectral bands, so there is nothing to map.")
    dark, bright = np.percentile(values, [_DARKEST, _BRIGHTEST])
    if bright <= 0:
        raise SceneError(
            f"The scene's spectral values are not positive (99 % are at or under {bright:g}); expected digital "
            "numbers, reflectance or L4S units."
        )
    if dark < _REFLECTANCE_DARK and bright < _REFLECTANCE_BRIGHT:
        return "reflectance"
    return "l4s" if dark < _L4S_DARK and bright < _L4S_BRIGHT else "dn"


def raw_factors(bands: Iterable[str], units: Units) -> NDArray[np.float64]:
    """Return the factors that turn a scene's values into raw ones: digital numbers, degrees, metres.

    Slope and DEM are degrees and metres already unless the scene is in L4S units.

    Args:
        bands: canonical band names.
        units: the units of the spectral bands.

    Returns:
        (bands,) float64.
    """
    names = list(bands)
    if units == "l4s":
        return scale_of(names)
    spectral = REFLECTANCE_TO_DN if units == "reflectance" else 1.0
    return np.array([1.0 if name in TERRAIN else spectral for name in names])

"""The 14 bands of Landslide4Sense, their order and their value space.

A patch of the data set holds ``raw / M`` with one constant vector M for all patches, where a raw value is
the Level-1C digital number (reflectance x 10000), the slope in degrees or the elevation in metres. This
project calls ``raw / M`` *L4S units*. M was published by the organisers in their issue tracker and turns
every value of the released patches into an integer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import BandError

__all__ = [
    "BANDS",
    "REFLECTANCE_TO_DN",
    "RGB",
    "SENSED",
    "SPECTRAL",
    "TERRAIN",
    "find_band",
    "named_band",
    "parse_band",
    "scale_of",
]

_M = {
    "B1": 1111.81236406,
    "B2": 824.63171476,
    "B3": 663.41636217,
    "B4": 445.17289745,
    "B5": 645.8582926,
    "B6": 1547.73508126,
    "B7": 1960.44401001,
    "B8": 1941.32229668,
    "B9": 674.07572865,
    "B10": 9.04787384,
    "B11": 1113.98338755,
    "B12": 519.90397929,
    "slope": 20.29228266,
    "DEM": 772.83144788,
}

BANDS: tuple[str, ...] = tuple(_M)
"""All 14 bands in the order of the data set's patches, which leave B8A out and have B10."""

SPECTRAL: tuple[str, ...] = BANDS[:12]
"""The twelve bands of Sentinel-2 among the 14 of the data set."""

TERRAIN: tuple[str, ...] = BANDS[12:]
"""The two bands of terrain: slope (degrees) and elevation (metres)."""

SENSED: tuple[str, ...] = (*SPECTRAL[:8], "B8A", *SPECTRAL[8:])
"""All 13 bands of Sentinel-2. B8A is not among the 14, but a scene may hold it: the cloud detector asks for it."""

RGB: tuple[str, ...] = ("B4", "B3", "B2")
"""The bands that show red, green and blue, in this order."""

REFLECTANCE_TO_DN = 10000.0
"""Sentinel-2's quantification value: a digital number is the reflectance x 10000."""

_ALIASES = {"SLOPE": "slope", "DEM": "DEM", "ELEVATION": "DEM"}
_WORD = re.compile(r"[A-Z0-9]+")
_SPECTRAL_NAME = re.compile(r"B0?(1[0-2]|8A|[1-9])")
_TOKEN = re.compile(r"(?<![A-Z0-9])(?:B8A|B0?[1-9]|B1[0-2]|SCL)(?![A-Z0-9])", re.IGNORECASE)
# STAC's common names (eo extension), of Sentinel-2.
_COMMON_NAMES = {
    "coastal": "B1",
    "blue": "B2",
    "green": "B3",
    "red": "B4",
    **dict.fromkeys(("rededge1", "rededge071"), "B5"),
    **dict.fromkeys(("rededge2", "rededge075"), "B6"),
    **dict.fromkeys(("rededge3", "rededge078"), "B7"),
    "nir": "B8",
    "nir08": "B8A",
    "nir09": "B9",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
    "scl": "SCL",
}


def parse_band(name: str) -> str | None:
    """Return a band's canonical name, or None if it is neither one of the 14 nor B8A.

    The first word counts, as people write it: "b04", "B4 (red)", "Slope" are B4, B4 and slope.
    """
    first = _WORD.match(name.strip().upper())
    text = first[0] if first else ""
    if match := _SPECTRAL_NAME.fullmatch(text):
        return f"B{match[1]}"
    return _ALIASES.get(text)


def named_band(name: str) -> str | None:
    """Return the band that a name of its own stands for, "SCL" for the scene classification, or None.

    Beside what `parse_band` knows, these are STAC's common names ("red", "swir16"), and keys with a resolution.
    """
    text = re.sub(r"(_\d+m)?(-jp2)?$", "", name.strip().lower())
    return _COMMON_NAMES.get(text) or parse_band(text)


def find_band(name: str) -> str | None:
    """Return the band in a longer name ("T29UNU_20221005T115411_B02_10m"), "SCL", or None.

    A name with several bands is a composite's.
    """
    tokens = {token.upper() for token in _TOKEN.findall(name)}
    bands = {parse_band(token) or token for token in tokens}
    return bands.pop() if len(bands) == 1 else None


def scale_of(bands: Iterable[str]) -> NDArray[np.float64]:
    """Return the divisors M that turn raw values into L4S units.

    Args:
        bands: canonical band names.

    Returns:
        (bands,) float64, in the order given: DN, degrees or metres per L4S unit.

    Raises:
        BandError: a name is none of the 14 bands.
    """
    names = list(bands)
    if unknown := [name for name in names if name not in _M]:
        raise BandError(f"Unknown band {', '.join(unknown)}; the bands are {', '.join(BANDS)}.")
    return np.array([_M[name] for name in names])

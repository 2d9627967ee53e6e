"""Sets of bands by name, as the papers compare them.

"NIR" is B8 and "SWIR" the three bands B10, B11 and B12 (outcome-2022, Table III, where RGB+NIR+SWIR counts seven
bands); "NGB" is near infrared, green, blue; "height" is slope and DEM (study-2023, section 5.1).
"""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType

from l4s_geo.bands import BANDS, RGB, TERRAIN, parse_band
from l4s_geo.errors import DataError

__all__ = ["BAND_SETS", "COMPONENTS", "components", "parse"]

_NIR = ("B8",)
_SWIR = ("B10", "B11", "B12")

BAND_SETS = MappingProxyType(
    {
        "all": BANDS,
        "RGB": RGB,
        "SWIR": _SWIR,
        "NGB": ("B8", "B3", "B2"),
        "RGB+NIR": (*RGB, *_NIR),
        "RGB+SWIR": (*RGB, *_SWIR),
        "RGB+NIR+SWIR": (*RGB, *_NIR, *_SWIR),
        "RGB+height": (*RGB, *TERRAIN),
        "RGB+height+NIR": (*RGB, *TERRAIN, *_NIR),
        "PCA-3": BANDS,
    }
)
"""Bands that are read, by the set's name."""

COMPONENTS = MappingProxyType({"PCA-3": 3})
"""Number of principal components that a set's bands are projected to; see `l4s_training.data.projection`."""


def parse(text: str, option: str = "--bands") -> tuple[str, ...]:
    """Return the bands of a set's name ("RGB+NIR", upper or lower case) or of a comma-separated list ("B4,B3,slope").

    Args:
        text: the name or the list.
        option: where it was given, for messages.

    Raises:
        DataError: it is neither, or a band stands twice.
    """
    if name := _name(text):
        return BAND_SETS[name]
    names = [part for part in text.split(",") if part.strip()]
    bands = tuple(band for part in names if (band := parse_band(part)) in BANDS)
    if len(bands) != len(names) or not bands or len(set(bands)) != len(bands):
        near = get_close_matches(text.strip(), BAND_SETS, 1)
        raise DataError(
            f"{option} is {text!r}; expected different names of B1 to B12 (without B8A), slope and DEM, separated "
            f"by commas, or one of the sets {', '.join(BAND_SETS)}" + (f"; did you mean {near[0]}?" if near else ".")
        )
    return bands


def components(text: str) -> int | None:
    """Return how many principal components a set's bands are projected to; None for the bands themselves."""
    return COMPONENTS.get(_name(text) or "")


def _name(text: str) -> str | None:
    return next((name for name in BAND_SETS if name.lower() == text.strip().lower()), None)

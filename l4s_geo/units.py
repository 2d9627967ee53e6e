"""The units in which a scene states its bands, and the way from there to raw values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import REFLECTANCE_TO_DN, TERRAIN, scale_of
from l4s_geo.errors import SceneError

__all__ = ["LONG_NAMES", "STACK_UNITS", "UNITS", "Units", "check_units", "detect_units", "evidence", "raw_factors"]

Units = Literal["dn", "reflectance", "percent", "l4s"]
"""The units in which a scene's spectral bands may be stated."""

UNITS: tuple[Units, ...] = ("dn", "reflectance", "percent", "l4s")
"""All units in which a scene's spectral bands may be stated."""

LONG_NAMES: dict[Units, str] = {
    "dn": "digital numbers (reflectance × 10000)",
    "reflectance": "reflectance (0..1)",
    "percent": "reflectance in percent (0..100)",
    "l4s": "L4S units (raw / M)",
}
"""The units as people read them."""

STACK_UNITS = "dn, degrees, metres"
"""What a raster that ``l4s stack`` wrote says of its units, in its tag ``units``."""

# The darkest tenth of a land scene's visible pixels has reflectances under 0.1, which are 0.4 to 1.3 in L4S units, or
# hundreds as digital numbers; water is darker in all. The brightest pixels, clouds, reach a reflectance of 1.6 and 33
# L4S units. Percent are five times L4S units: a bright scene of the one looks like a dark scene of the other.
_DARKEST, _BRIGHTEST = 10, 99
_REFLECTANCE_DARK, _REFLECTANCE_BRIGHT = 0.25, 1.6
_L4S_DARK, _L4S_BRIGHT = 1.4, 8.0
_PERCENT_DARK, _PERCENT_BRIGHT = 12.0, 40.0
_PERCENT_MOST = 160.0
# No digital number of ground or cloud is so large; and numbers that were stretched to 16 bits leave gaps between them.
_DN_BRIGHT = 20_000.0
_STRETCHED_TO = 65_000.0
_BEYOND_CLOUDS = 30_000.0
_GAPS = 0.8
# Only forest and water are so dark as a whole; as reflectance × 1000 it would be ordinary ground.
_DN_VERY_DARK, _DN_VERY_DIM = 150.0, 450.0
_8_BIT = 255.0
_FEWEST_LEVELS, _MOST_LEVELS = 32, 256
_MANY = 10
# Reflectances between which a tenth and 99 % of the visible pixels of every scene lie, with room to spare.
_LEAST_REFLECTANCE, _MOST_REFLECTANCE = 0.003, 2.0


def detect_units(sample: NDArray[np.float32], bands: Iterable[str]) -> Units:
    """Tell the units of a scene from a sample of its spectral bands.

    The bands B2 to B4 are asked if the scene has them, because their divisors M are large enough to keep digital
    numbers, reflectance and L4S units a factor of five apart.

    Args:
        sample: (bands, pixels) float32 raw values; NaN marks invalid ones.
        bands: canonical names of the sample's bands.

    Returns:
        "dn", "reflectance", "percent" or "l4s".

    Raises:
        SceneError: the values fit none of them, or more than one, or there are none.
    """
    values = _telling(sample, bands)
    if values.size == 0:
        raise SceneError("The scene has no valid pixel in its spectral bands, so there is nothing to map.")
    dark, bright = np.percentile(values, [_DARKEST, _BRIGHTEST])
    if bright <= 0:
        raise SceneError(
            f"The scene's spectral values are not positive (99 % are at or under {bright:g}); expected digital "
            "numbers, reflectance or L4S units."
        )
    whole = bool((values == np.rint(values)).all())
    if whole and values.max() <= _8_BIT:
        raise SceneError(
            f"The scene's spectral values are whole numbers up to {values.max():g}, as in an 8-bit picture; expected "
            "digital numbers, reflectance or L4S units, so export the bands as they were measured (16 bits or floating "
            "point), or say with --units what the values are."
        )
    if whole and (levels := _levels(values)):
        raise SceneError(
            f"The scene's spectral values have {levels} levels of about {values.max() / _8_BIT:.4g} each, up to "
            f"{values.max():g}, as an 8-bit picture that was scaled up; expected digital numbers, reflectance or L4S "
            "units, so export the bands as they were measured (16 bits or floating point), or say with --units what "
            "the values are."
        )
    if bright > _DN_BRIGHT or (whole and values.max() >= _STRETCHED_TO and _is_stretched(values)):
        raise SceneError(
            f"The scene's spectral values reach {values.max():g} (99 % are under {bright:g}), more than clouds have as "
            "digital numbers, so they seem to be stretched to 16 bits; expected digital numbers, reflectance or L4S "
            "units, so export the bands as they were measured, or say with --units what the values are."
        )
    if dark < _REFLECTANCE_DARK and bright < _REFLECTANCE_BRIGHT:
        return "reflectance"
    if whole and dark < _DN_VERY_DARK and bright < _DN_VERY_DIM:
        raise SceneError(
            f"The scene's spectral values ({evidence(sample, bands)}) may be reflectance × 1000, or the digital "
            "numbers (reflectance × 10000) of a very dark scene; say --units dn if they are that, and otherwise state "
            "the scale in the file (gdal_edit.py -scale 0.001)."
        )
    if not whole and bright > _PERCENT_MOST and np.median(values) < _REFLECTANCE_BRIGHT:
        raise SceneError(
            f"The scene's spectral values are {np.median(values):.4g} and less by half, and {bright:.4g} in one of a "
            "hundred, which no units explain; if that one fills what was not seen, declare it "
            f"(gdal_edit.py -a_nodata {bright:.4g} scene.tif), or say with --units what the values are."
        )
    if whole or bright > _PERCENT_MOST:
        return "dn"
    if dark < _L4S_DARK and bright < _L4S_BRIGHT:
        return "l4s"
    if dark > _PERCENT_DARK or bright > _PERCENT_BRIGHT:
        return "percent"
    raise SceneError(
        f"The scene's spectral values ({evidence(sample, bands)}) may be reflectance in percent, or a bright scene's "
        "L4S units; say which with --units percent or --units l4s."
    )


def evidence(sample: NDArray[np.float32], bands: Iterable[str]) -> str:
    """Say in a few words which values `detect_units` judges by; its arguments are the same."""
    dark, bright = np.percentile(_telling(sample, bands), [_DARKEST, _BRIGHTEST])
    return f"a tenth are under {dark:.4g}, 99 % under {bright:.4g}"


def _telling(sample: NDArray[np.float32], bands: Iterable[str]) -> NDArray[np.float32]:
    """Return the valid values of the bands that tell the units."""
    names = list(bands)
    visible = [i for i, name in enumerate(names) if name in ("B2", "B3", "B4")]
    chosen = visible or [i for i, name in enumerate(names) if name not in (*TERRAIN, "B10")]
    values = sample[chosen]
    return values[np.isfinite(values)]


def check_units(sample: NDArray[np.float32], bands: Iterable[str], units: Units) -> str:
    """Hold units that a user states against a sample of the values.

    Args:
        sample: (bands, pixels) float32 raw values; NaN marks invalid ones.
        bands: canonical names of the sample's bands.
        units: what the user says that they are.

    Returns:
        What a user should know, one sentence; empty if the values agree or say nothing.

    Raises:
        SceneError: the values would be reflectances that no scene has.
    """
    names = list(bands)
    reflectance = sample * (raw_factors(names, units)[:, None] / REFLECTANCE_TO_DN).astype(np.float32)
    values = _telling(reflectance, names)
    if not values.size:
        return ""
    dark, bright = np.percentile(values, [_DARKEST, _BRIGHTEST])
    if bright < _LEAST_REFLECTANCE or dark > _MOST_REFLECTANCE:
        raise SceneError(
            f"The scene's spectral values ({evidence(sample, names)}) cannot be {LONG_NAMES[units]}, which --units "
            f"says: a tenth of the reflectances would be under {dark:.4g} and 99 % under {bright:.4g}; correct "
            "--units, or leave it out and the units are told by the values."
        )
    try:
        looks = detect_units(sample, names)
    except SceneError:
        return ""
    if looks == units:
        return ""
    return f"the values ({evidence(sample, names)}) look like {LONG_NAMES[looks]}, and --units says {units}"


def _levels(values: NDArray[np.float32]) -> int:
    """Return the number of levels of an 8-bit picture whose whole numbers were multiplied; 0 if it is none."""
    levels = np.unique(values)
    step = float(levels[-1]) / _8_BIT
    if step < 2 or not _FEWEST_LEVELS <= levels.size <= _MOST_LEVELS:
        return 0
    return levels.size if bool((np.abs(levels - np.rint(levels / step) * step) <= 1).all()) else 0


def _is_stretched(values: NDArray[np.float32]) -> bool:
    """Whether whole numbers up to 65535 were stretched: they leave gaps, or go on beyond what clouds have.

    Saturated pixels, too, are 65535; but there is nothing between them and the clouds.
    """
    low, high = np.percentile(values, [10, 60])
    steps = np.diff(np.unique(values[(values >= low) & (values <= high)]))
    gaps = steps.size > 0 and float((steps > 1).mean()) > _GAPS
    between = int(((values > _BEYOND_CLOUDS) & (values < _STRETCHED_TO)).sum())
    return gaps or between >= max(_MANY, int((values >= _STRETCHED_TO).sum()))


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
    spectral = {"dn": 1.0, "reflectance": REFLECTANCE_TO_DN, "percent": REFLECTANCE_TO_DN / 100}[units]
    return np.array([1.0 if name in TERRAIN else spectral for name in names])

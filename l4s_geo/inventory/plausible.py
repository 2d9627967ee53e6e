"""Terrain attributes that cannot be: the last look before an inventory is written.

Whatever went wrong with a DEM or a slope, it shows here: slopes beyond 90°, elevations that no ground has, or relief
that the slopes of the same ground do not allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import TerrainError
from l4s_geo.stack.voids import HIGHEST, LOWEST

__all__ = ["check_terrain"]

_STEEPEST = 90.0
_PIXELS = 9
"""Pixels from which a landslide's relief and slope are compared."""
_TOO_HIGH, _ERROR = 2.0, 20.0
"""Times that the relief may exceed a climb at the steepest slope along half the outline, and metres beyond that."""
_TOO_LOW = 0.05
"""Share that the relief has at least of a climb at the mean slope along the landslide's length."""


def check_terrain(columns: Mapping[str, NDArray[Any]]) -> None:
    """Refuse terrain attributes that cannot be.

    Slopes and elevations must each be possible for every landslide. Relief is held against slope over all landslides
    of at least nine pixels, since an error of the DEM may spoil a single one: it does not fit if it is not possible
    for more than half of them.

    Args:
        columns: the columns of `l4s_geo.inventory.table.COLUMNS` about shape and terrain, each (n,); NaN where
            the terrain is unknown.

    Raises:
        TerrainError: something cannot be; the message says what.
    """
    advice = "so look at the values and units of the DEM and of the slope, or map without them"
    for column, low, high, unit in (
        ("slope_mean_deg", 0, _STEEPEST, "°"),
        ("slope_max_deg", 0, _STEEPEST, "°"),
        ("elev_min_m", LOWEST, HIGHEST, " m"),
        ("elev_max_m", LOWEST, HIGHEST, " m"),
    ):
        values = columns[column]
        if (wrong := values[(values < low) | (values > high)]).size:
            raise TerrainError(
                f"The terrain gives {wrong.size} landslides a {column} that cannot be ({wrong[0]:g}{unit}; expected "
                f"{low:g} to {high:g}{unit}), {advice}."
            )
    relief, length = columns["relief_m"], columns["length_m"]
    large = np.isfinite(relief) & (columns["n_pixels"] >= _PIXELS)
    if not large.any():
        return
    steepest, mean = (np.tan(np.radians(np.minimum(columns[f"slope_{kind}_deg"], 89))) for kind in ("max", "mean"))
    too_high = large & (relief > _TOO_HIGH * steepest * columns["perimeter_m"] / 2 + _ERROR)
    too_low = large & (relief + 1 < _TOO_LOW * mean * length)
    for wrong, kind in ((too_high, "larger"), (too_low, "smaller")):
        if wrong.sum() > large.sum() / 2:
            one = int(np.nonzero(wrong)[0][0])
            raise TerrainError(
                f"The relief of {wrong.sum()} landslides is {kind} than their slope allows ({relief[one]:.3g} m along "
                f"{length[one]:.0f} m at a mean of {columns['slope_mean_deg'][one]:.3g}°), {advice}."
            )

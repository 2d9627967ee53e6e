"""Where the sun stood, and how it lit the ground.

Illumination is the cosine of the angle between the sun and the ground's normal, cos i: 1 where the sun stands straight
over the slope, 0 where it grazes it, below 0 where the slope lies in its own shade. Shadows cast by other slopes are
not told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from rasterio.warp import transform

from l4s_geo.errors import L4SError
from l4s_geo.stack.stack import Stack

__all__ = ["Sun", "illumination", "sun_at", "sun_of"]

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Sun:
    """Where the sun stood."""

    azimuth: float
    """Degrees clockwise from north."""
    elevation: float
    """Degrees above the horizon."""

    def __post_init__(self) -> None:
        if not (0 <= self.azimuth <= 360 and 0 < self.elevation <= 90):
            raise L4SError(
                f"The sun's azimuth is {self.azimuth:g} and its elevation {self.elevation:g}; expected degrees, the "
                "azimuth from 0 to 360 clockwise from north, the elevation above 0 and up to 90."
            )


def illumination(east: NDArray[np.float32], north: NDArray[np.float32], sun: Sun) -> NDArray[np.float64]:
    """Compute cos i from the rise of the ground towards the east and the north, metres per metre."""
    azimuth, elevation = math.radians(sun.azimuth), math.radians(sun.elevation)
    across = -(east * math.sin(azimuth) + north * math.cos(azimuth)) * math.cos(elevation)
    lit: NDArray[np.float64] = (across + math.sin(elevation)) / np.sqrt(1.0 + east**2 + north**2)
    return lit


def sun_of(stack: Stack) -> Sun | None:
    """Compute where the sun stood over the middle of a scene when it was taken.

    Returns:
        The sun; None if the scene's metadata do not say when it was taken, the scene has no coordinates, or it was
        night by them.
    """
    acquired, grid = stack.scene.acquisition.acquired, stack.grid
    try:
        time = datetime.fromisoformat(acquired)
    except ValueError:
        return None
    if "T" not in acquired or grid.is_local:
        return None
    left, bottom, right, top = grid.bounds
    (longitude,), (latitude,) = transform(grid.crs, "EPSG:4326", [(left + right) / 2], [(bottom + top) / 2])
    azimuth, elevation = sun_at(time if time.tzinfo else time.replace(tzinfo=UTC), longitude, latitude)
    return Sun(round(azimuth, 2), round(elevation, 2)) if elevation > 0 else None


def sun_at(time: datetime, longitude: float, latitude: float) -> tuple[float, float]:
    """Compute azimuth and elevation of the sun, degrees, by the Astronomical Almanac's formula of low precision.

    From 1950 to 2050 it is good to 0.01° (Michalsky, "The Astronomical Almanac's algorithm for approximate solar
    position", Solar Energy 40, 1988). Refraction is not added.

    Args:
        time: the time, with its zone.
        longitude: degrees, east positive.
        latitude: degrees, north positive.
    """
    days = (time - _J2000).total_seconds() / 86400
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal = math.radians((280.46062 + 360.98564737 * days + longitude) % 360)
    hour, place = sidereal - ascension, math.radians(latitude)
    up = math.sin(place) * math.sin(declination) + math.cos(place) * math.cos(declination) * math.cos(hour)
    north = math.cos(place) * math.sin(declination) - math.sin(place) * math.cos(declination) * math.cos(hour)
    east = -math.cos(declination) * math.sin(hour)
    return math.degrees(math.atan2(east, north)) % 360, math.degrees(math.asin(up))

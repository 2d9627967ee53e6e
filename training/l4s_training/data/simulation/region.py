"""What a simulated region looks like: relief, vegetation, light, air and the landslide event.

A `Region` holds every number that differs between two places on earth, so that a domain shift is a second
`Region` and not a second program. Lengths are metres, angles degrees, reflectances 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Air", "Event", "LandUse", "Region", "Relief", "Soil", "Sun", "Vegetation"]


@dataclass(frozen=True)
class Relief:
    """Shape of the terrain."""

    base_elevation: float = 1120.0
    """Elevation of the trunk river where it leaves the scene, m."""
    steepness: float = 46.0
    """Channel steepness k in slope = k · area^-0.45 (area in m²)."""
    hillslope: tuple[float, float] = (29.0, 43.0)
    """Range of the threshold slope of hillsides, degrees."""
    river_azimuth: float = 68.0
    """Direction of the trunk valley, degrees clockwise from north."""
    river_gradient: float = 0.008
    """Fall of the trunk river per metre."""
    floor_width: tuple[float, float] = (90.0, 270.0)
    """Half width of the valley floor, narrowest and widest, m."""
    roughness: float = 2.8
    """Standard deviation of relief finer than 150 m on a 35° slope, m."""


@dataclass(frozen=True)
class Vegetation:
    """Forest and grass."""

    broadleaf: float = 0.45
    """Share of bright broadleaved forest; the rest is dark forest."""
    grass: float = 0.10
    """Share of slopes under grass and shrub."""
    canopy_relief: float = 3.0
    """Standard deviation of the canopy's height, m; it makes the crinkled texture of forest."""
    texture: float = 0.11
    """Relative standard deviation of the brightness from crown to crown."""
    outcrops: float = 0.0
    """Share of the slopes that is bare rock, on the steep and convex ones."""


@dataclass(frozen=True)
class Soil:
    """Colour of what is not green."""

    redness: float = 0.0
    """Relative change of its reflectance from blue to red and beyond: 0.2 is a tenth less in blue, a tenth more in
    red."""
    brightness: float = 1.0
    """Factor on its reflectance in all bands."""


@dataclass(frozen=True)
class LandUse:
    """What people made."""

    parcel: tuple[float, float] = (45.0, 110.0)
    """Shorter and longer side of a typical field, m."""
    harvested: float = 0.22
    """Share of fields without green cover."""
    road_width: float = 9.0
    villages: int = 2


@dataclass(frozen=True)
class Sun:
    """Position of the sun."""

    elevation: float = 52.0
    azimuth: float = 146.0


@dataclass(frozen=True)
class Air:
    """Haze and clouds."""

    haze: float = 1.0
    """Factor on the path reflectance of clear air."""
    clouds: int = 2
    cloud_radius: float = 190.0


@dataclass(frozen=True)
class Event:
    """The scars to be mapped."""

    share: float = 0.02
    """Share of the scene that is scar (Landslide4Sense: about 1 in 50 pixels)."""
    length: tuple[float, float] = (60.0, 500.0)
    width: tuple[float, float] = (20.0, 60.0)
    slope: tuple[float, float] = (26.0, 46.0)
    """Slopes on which scars start, degrees."""
    minimum_slope: float = 10.0
    """Scars end where the ground is flatter, degrees."""
    branching: float = 0.4
    """Probability that a scar gets a neighbour that may run into it."""


@dataclass(frozen=True)
class Region:
    """One simulated place."""

    relief: Relief = field(default_factory=Relief)
    vegetation: Vegetation = field(default_factory=Vegetation)
    soil: Soil = field(default_factory=Soil)
    land_use: LandUse = field(default_factory=LandUse)
    sun: Sun = field(default_factory=Sun)
    air: Air = field(default_factory=Air)
    event: Event = field(default_factory=Event)

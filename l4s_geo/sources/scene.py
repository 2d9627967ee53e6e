"""What every kind of source comes down to: named bands in files, on a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from l4s_geo.grid import Grid
from l4s_geo.units import Units

__all__ = ["Acquisition", "BandRef", "Scene"]


@dataclass(frozen=True)
class BandRef:
    """Where one band is stored."""

    path: str
    """Anything that `l4s_geo.sources.rasters.opened` opens: whatever GDAL does, and patches of Landslide4Sense."""
    index: int = 1
    """1-based band of that file."""
    scale: float = 1.0
    offset: float = 0.0
    """A value is what is stored × scale + offset; Sentinel-2's baselines from 04.00 on have the offset −1000."""
    nodata: float | None = None
    """Stored value that means no data, if the file does not say so itself."""


@dataclass(frozen=True)
class Acquisition:
    """What a product's metadata say of it; empty where they say nothing."""

    product: str = ""
    """Product identifier."""
    level: str = ""
    """Processing level: "L1C" or "L2A"."""
    acquired: str = ""
    """Sensing time, ISO 8601, UTC."""
    baseline: str = ""
    """Processing baseline, like "04.00"."""


@dataclass(frozen=True)
class Scene:
    """A scene as its source describes it; no pixel has been read."""

    name: str
    bands: Mapping[str, BandRef]
    """By canonical name, B8A included. All cover the same ground; pixel sizes may differ."""
    grid: Grid
    """The scene's own grid: that of its finest band."""
    units: Units | None = None
    """Units of its spectral values if the source states them (after scale and offset); None to detect them."""
    classes: BandRef | None = None
    """Level-2A's scene classification (SCL)."""
    acquisition: Acquisition = Acquisition()
    notes: tuple[str, ...] = ()
    """What a user should know of how it was understood, one sentence each."""

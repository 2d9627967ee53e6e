"""What every kind of source comes down to: named bands in files, on a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from l4s_geo.address import shown
from l4s_geo.assumptions import Assumption, Origin
from l4s_geo.errors import SceneError
from l4s_geo.grid import Grid
from l4s_geo.units import Units

__all__ = ["Acquisition", "BandRef", "Presumption", "Scene"]


@dataclass(frozen=True)
class BandRef:
    """Where one band of a scene is stored, and how its values are to be read."""

    path: str
    """Anything that `l4s_geo.sources.rasters.opened` opens: whatever GDAL does, and patches of Landslide4Sense."""
    index: int = 1
    """Number of the band in its file, from 1 on."""
    scale: float = 1.0
    """Factor of the stored values: a band's value is what is stored × `scale` + `offset`."""
    offset: float = 0.0
    """What is added to the scaled values; −1000 in Sentinel-2's products of the baselines from 04.00 on."""
    nodata: float | None = None
    """Stored value that means no data; None if there is none, or if the file says it itself."""


@dataclass(frozen=True)
class Acquisition:
    """What a product's metadata say of its origin; fields are empty where they say nothing."""

    product: str = ""
    """The product's identifier, like "S2A_MSIL1C_…"."""
    level: str = ""
    """The processing level, "L1C" or "L2A"."""
    acquired: str = ""
    """The sensing time, UTC, as ISO 8601 writes it."""
    baseline: str = ""
    """The processing baseline, like "04.00"."""


@dataclass(frozen=True)
class Presumption:
    """An offset that what lies around a scene's files, or their names, lets expect; its values decide on it."""

    offsets: Mapping[str, float]
    """What is to be added to the stored digital numbers, by band."""
    reason: str
    """What lets expect it, as the subject of a sentence."""
    origin: Origin
    """What kind of thing that is: metadata or names."""
    obstacle: str = ""
    """Why the metadata that would tell the offset cannot be used; empty if they can."""


@dataclass(frozen=True)
class Scene:
    """A scene as its source describes it; no pixel has been read."""

    name: str
    """Name of the scene in messages and in the inventory."""
    bands: Mapping[str, BandRef]
    """The bands by canonical name, B8A included; all cover the same ground, in pixels that may differ in size."""
    grid: Grid
    """The scene's own grid, that of its finest band."""
    units: Units | None = None
    """Units of the spectral values, after scale and offset, if the source states them; None to detect them."""
    classes: BandRef | None = None
    """The scene classification (SCL) of a Level-2A product."""
    acquisition: Acquisition = Acquisition()
    """What the product's metadata say of its origin."""
    notes: tuple[str, ...] = ()
    """What a user should know of how the scene was understood, one sentence each."""
    presumption: Presumption | None = None
    """An offset that the values are still to confirm; not in `bands`."""
    order: Assumption | None = None
    """On what grounds the bands are told apart, its value the bands; None if the product's metadata say it."""
    sensor: Assumption | None = None
    """The sensor, if the user said it; None otherwise."""
    dated: Assumption | None = None
    """When the scene was taken, if something else than its own metadata says it."""
    aside: Mapping[str, SceneError] = field(default_factory=dict)
    """Bands that lie with the scene and do not fit the others, each with what is wrong: raised if a bundle needs it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name))
        object.__setattr__(self, "notes", tuple(map(shown, self.notes)))

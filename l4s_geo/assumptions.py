"""What a run takes for granted of its scene, and on what grounds: read, told by the user, or assumed.

One value holds all of it, so that the command line, the provenance, the worker and QGIS say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from l4s_geo.address import shown

__all__ = ["Assumption", "Assumptions", "Origin"]

Origin = Literal["metadata", "names", "option", "values", "default", "none"]
"""On what grounds something is taken for granted: the files' or the product's metadata say it, the names of files or
bands say it, the user said it by an option, the values suggest it, or nothing says otherwise; "none" if nothing is."""


@dataclass(frozen=True)
class Assumption:
    """One thing that a run takes for granted."""

    value: str
    """What is taken for granted, in a few words."""
    origin: Origin
    """On what grounds."""
    because: str = ""
    """More about the grounds: where it was read, or what in the values speaks for it; may be empty."""
    option: str = ""
    """Name of the option that says it, or that overrules it: "units" for ``--units``; empty if there is none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", shown(self.value))
        object.__setattr__(self, "because", shown(self.because))

    def words(self) -> str:
        """Word the value and its grounds in one line for the command line."""
        told = f"--{self.option}" if self.option else "an option"
        how = {
            "none": self.because,
            "metadata": "read from the metadata",
            "names": "read from the names",
            "option": f"told by {told}",
            "values": "assumed from the values",
            "default": "assumed",
        }[self.origin]
        if self.because and self.origin != "none":
            how += f", because {self.because}" if self.origin in ("values", "default") else f" ({self.because})"
        if self.option and self.origin != "option":
            how += f"; {told} {'gives one' if self.origin == 'none' else 'overrules'}"
        return f"{self.value} [{how}]"


@dataclass(frozen=True)
class Assumptions:
    """All that a run takes for granted of its scene."""

    units: Assumption
    """The units of the stored values of the spectral bands."""
    offset: Assumption
    """What is added to them, in digital numbers."""
    order: Assumption
    """Which band is which."""
    sensor: Assumption
    """The satellite's instrument, and the processing level."""
    nodata: Assumption
    """Which stored values mean no data."""
    terrain: Assumption
    """Where slopes and elevations come from."""
    date: Assumption
    """When the scene was taken."""

    def lines(self) -> list[str]:
        """Return a heading and a line for each assumption, for the command line."""
        entries = [(field.name, getattr(self, field.name)) for field in fields(self)]
        width = max(len(name) for name, _ in entries) + 1
        listed = (f"  {name.capitalize() + ':':<{width}} {assumption.words()}" for name, assumption in entries)
        return ["Taken for granted:", *listed]

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Return value, origin, because and option of each by its name, JSON-serialisable."""
        return asdict(self)

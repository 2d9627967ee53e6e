"""Simulated Sentinel-2 scenes after a landslide event, with their truth.

The steps are separate: relief (`terrain`, `drainage`), land cover (`cover`), scars (`scars`), reflectance
(`spectra`), air and instrument (`sensor`); `scene` puts them in order. `regions` names places, `dataset` makes patches
of them with `label_noise`, and `likeness` compares patches. Everything is drawn from one random generator, and nothing
here reads or writes files.
"""

from l4s_training.data.simulation.cover import Cover
from l4s_training.data.simulation.region import Air, Event, LandUse, Region, Relief, Soil, Sun, Vegetation
from l4s_training.data.simulation.scars import Scar
from l4s_training.data.simulation.scene import SimulatedScene, simulate_scene
from l4s_training.data.simulation.terrain import DEM_CELL, DEM_MARGIN, PIXEL

__all__ = [
    "DEM_CELL",
    "DEM_MARGIN",
    "PIXEL",
    "Air",
    "Cover",
    "Event",
    "LandUse",
    "Region",
    "Relief",
    "Scar",
    "SimulatedScene",
    "Soil",
    "Sun",
    "Vegetation",
    "simulate_scene",
]

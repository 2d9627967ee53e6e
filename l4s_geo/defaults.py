"""What a run does where nothing else is asked: the defaults that commands, functions and the QGIS plugin share.

The plugin cannot import this package, and repeats what its dialogs show in a module of the same name; a test holds it
to this one. `l4s_geo.map_scene` explains the settings.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BUNDLE",
    "COMPOSITE",
    "CONNECTIVITY",
    "CRF",
    "DEVICE",
    "FILL_HOLES",
    "MASK_CLASSES",
    "MATCH_IOU",
    "MATCH_SHARE",
    "MIN_AREA",
    "ONLY_NEW",
    "OVERLAP",
    "PRECISION",
    "SENSOR",
    "SIMPLIFY",
    "SKIP_FLAT",
    "TERRAIN_PRIOR",
    "TTA",
    "UNITS",
]

UNITS: Final = "auto"
"""Units of a scene's values: those that the source states, or else those that its values look like."""

SENSOR: Final = "auto"
"""The sensor of a scene: Sentinel-2, unless something speaks for another one, which is an error."""

MASK_CLASSES: Final = (0, 1, 3, 8, 9, 10, 11)
"""Classes of a Level-2A scene classification that are not mapped: no data, saturated, cloud shadow, clouds, cirrus,
snow."""

BUNDLE: Final = "rgb"
"""The embedded bundle that runs when none is named."""

MIN_AREA: Final = 500.0
"""Minimum mapping unit, m²: five pixels."""

OVERLAP: Final = 32
"""Pixels that neighbouring windows share."""

TTA: Final = "none"
"""Test-time augmentation: every window is seen once, as it is."""

SKIP_FLAT: Final = 0.0
"""Slope, in degrees, that a window must reach somewhere to be run: every window is run."""

CRF: Final = "auto"
"""Whether a DenseCRF refines the probabilities: if the bundle was measured to gain from it."""

TERRAIN_PRIOR: Final = "auto"
"""Whether the slope of the ground weighs the probabilities: if the bundle was measured to gain from it."""

CONNECTIVITY: Final = 4
"""Neighbours of a pixel: those at its sides, not those at its corners."""

FILL_HOLES: Final = 0.0
"""Area, m², up to which holes are filled: none are."""

SIMPLIFY: Final = 0.0
"""Tolerance, m, to which outlines are smoothed: they keep their pixel steps."""

DEVICE: Final = "auto"
"""Where networks run: on the GPU if there is one that works, else on the CPU."""

PRECISION: Final = "auto"
"""Floating-point numbers of the networks: 16 bits on a GPU, 32 elsewhere."""

MATCH_IOU: Final = 0.5
"""Intersection over union from which two landslides of two inventories are a match."""

MATCH_SHARE: Final = 0.5
"""Share of its area in the other inventory from which a landslide is found or right."""

COMPOSITE: Final = "greenest"
"""How several scenes of one side become one: of each pixel, the observation with the most vegetation."""

ONLY_NEW: Final = True
"""Where earlier scenes are given, only what is new since then is mapped."""

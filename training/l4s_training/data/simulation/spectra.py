"""Reflectance of surfaces, and what the sun and the terrain make of it.

The spectra are typical surface reflectances of spectral libraries and Sentinel-2 studies, brought to the
bands of the instrument; a cell of ground is a linear mixture of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_training.data.simulation.noise import Array, smoothstep
from l4s_training.data.simulation.region import Soil, Sun

__all__ = ["SPECTRA", "SURFACES", "illumination", "sunlit", "tinted"]

#                  B1    B2    B3    B4    B5    B6    B7    B8    B9    B10   B11   B12
_TABLE = {
    "conifer":    (.014, .018, .034, .020, .052, .150, .188, .197, .20, .20, .110, .046),
    "broadleaf":  (.017, .023, .050, .026, .076, .230, .292, .303, .30, .25, .162, .069),
    "grass":      (.023, .033, .062, .046, .112, .225, .268, .282, .28, .25, .225, .125),
    "crop":       (.020, .027, .061, .036, .104, .275, .350, .365, .36, .30, .190, .095),
    "stubble":    (.040, .052, .079, .088, .138, .190, .218, .232, .24, .25, .275, .190),
    "field_soil": (.045, .054, .071, .084, .104, .125, .140, .150, .16, .17, .200, .165),
    "scar_soil":  (.083, .106, .148, .188, .208, .226, .238, .248, .26, .26, .318, .258),
    "scar_rock":  (.125, .145, .176, .201, .208, .216, .220, .225, .23, .23, .270, .235),
    "gravel":     (.110, .124, .138, .146, .154, .160, .166, .170, .17, .18, .190, .158),
    "water":      (.046, .053, .063, .049, .040, .022, .019, .016, .012, .010, .006, .004),
    "asphalt":    (.080, .090, .102, .110, .116, .124, .130, .135, .14, .14, .155, .140),
    "roof_white": (.280, .310, .340, .360, .370, .380, .390, .400, .40, .40, .380, .320),
    "roof_red":   (.085, .096, .116, .180, .200, .220, .232, .242, .25, .25, .290, .250),
}  # fmt: skip

SURFACES: tuple[str, ...] = tuple(_TABLE)
"""Names of the pure surfaces, in the order of `SPECTRA`."""

SPECTRA: NDArray[np.float32] = np.array(list(_TABLE.values()), np.float32)
"""(surfaces, 12) float32 reflectance of a horizontal surface in B1 … B12 (without B8A)."""

_EARTH = ("stubble", "field_soil", "scar_soil", "scar_rock", "gravel")
_RED = np.array([-.6, -.5, -.2, .5, .55, .5, .5, .5, .5, .4, .3, .3], np.float32)  # fmt: skip
"""How a red soil differs from a grey one in B1 … B12, as iron oxides colour it."""

_MINNAERT = 0.92
"""Exponent of the cosine of incidence: vegetation is less contrasty than a Lambertian surface."""


def tinted(soil: Soil) -> NDArray[np.float32]:
    """Return `SPECTRA` with the soils of a region."""
    spectra = SPECTRA.copy()
    earth = [SURFACES.index(name) for name in _EARTH]
    spectra[earth] *= np.float32(soil.brightness) * (1 + np.float32(soil.redness) * _RED)
    return spectra


def illumination(surface: Array, cell: float, sun: Sun) -> Array:
    """Compute the direct light on each cell relative to level ground: (cos i / cos sun zenith)^k, 0 in cast shadow.

    Args:
        surface: (rows, cols) float32 height of the ground and what stands on it, m.
        cell: size of a cell, m.
        sun: position of the sun.

    Returns:
        (rows, cols) float32, 1 on sunlit level ground.
    """
    azimuth, elevation = np.radians(sun.azimuth), np.radians(sun.elevation)
    south, east = np.gradient(surface, cell)
    normal = np.sqrt(1 + south**2 + east**2)
    facing = -east * np.sin(azimuth) + south * np.cos(azimuth)
    cosine = (np.sin(elevation) + np.cos(elevation) * facing) / normal
    relative = np.clip(cosine / np.sin(elevation), 0, None) ** _MINNAERT
    lit: Array = (relative * sunlit(surface, cell, sun)).astype(np.float32)
    return lit


def sunlit(surface: Array, cell: float, sun: Sun, reach: float = 800.0) -> Array:
    """Compute the share of the sun's disc that the terrain leaves free, by marching towards the sun.

    Args:
        surface: (rows, cols) float32 height, m.
        cell: size of a cell, m.
        sun: position of the sun.
        reach: farthest obstacle looked for, m.

    Returns:
        (rows, cols) float32, 0 (shadow) to 1.
    """
    coarse = ndimage.gaussian_filter(surface, 2)[::4, ::4]
    step = 4 * cell
    azimuth = np.radians(sun.azimuth)
    rise = np.tan(np.radians(sun.elevation)) * step
    above = np.full(coarse.shape, -np.inf, np.float32)
    for n in range(1, int(reach / step)):
        moved = ndimage.shift(coarse, (n * np.cos(azimuth), -n * np.sin(azimuth)), order=1, mode="nearest")
        np.maximum(above, moved - coarse - n * rise, out=above)
    factors = [n / m for n, m in zip(surface.shape, coarse.shape, strict=True)]
    return smoothstep(ndimage.zoom(above, factors, order=1, grid_mode=True, mode="nearest"), 3.0, -3.0)

"""From ground reflectance to digital numbers: air, clouds, optics, pixels, noise.

Values are what a Level-1C product holds: top-of-atmosphere reflectance x 10000 without offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_training.data.simulation.noise import Array, fractal
from l4s_training.data.simulation.region import Air, Sun
from l4s_training.data.simulation.terrain import CELL, PAD, PIXEL, Terrain

__all__ = ["PIXEL_SIZE", "Clouds", "expose", "make_clouds", "through_air"]

PIXEL_SIZE: tuple[int, ...] = (60, 10, 10, 10, 20, 20, 20, 10, 60, 60, 20, 20)
"""Native pixel of B1 … B12 (without B8A), m."""

# Per band, B1 … B12: path reflectance at sea level, two-way transmittance, share of diffuse light, share of
# light scattered in from the neighbourhood, reflectance of a thick cloud, noise (DN). They follow the
# darkest pixels of Landslide4Sense patches between 100 m and 3200 m.
_PATH = (.128, .090, .055, .034, .027, .019, .014, .012, .005, .0010, .002, .001)  # fmt: skip
_TRANSMITTANCE = (.72, .77, .82, .87, .87, .89, .91, .92, .36, .002, .94, .93)  # fmt: skip
_DIFFUSE = (.36, .31, .23, .18, .17, .15, .13, .12, .12, .12, .07, .06)  # fmt: skip
_ADJACENCY = (.16, .13, .10, .08, .07, .06, .05, .05, .05, .05, .03, .03)  # fmt: skip
_CLOUD = (.50, .50, .50, .52, .54, .55, .56, .57, .28, .004, .42, .34)  # fmt: skip
_NOISE = (2.0, 5.0, 5.0, 5.0, 5.0, 6.0, 7.0, 9.0, 3.0, 0.6, 5.0, 5.0)
_SCALE_HEIGHT = 5500.0
"""Path reflectance falls by 1/e over this height, m."""


@dataclass(frozen=True)
class Clouds:
    """Clouds over the padded 5 m grid."""

    opacity: Array
    """(rows, cols) float32, 0 to 1."""
    shade: Array
    """(rows, cols) float32 share of the direct light that the clouds take, 0 to 1."""


def make_clouds(terrain: Terrain, air: Air, sun: Sun, avoid: Array, rng: np.random.Generator) -> Clouds:
    """Place soft cumulus clouds and their shadows where they hide little of what matters.

    Args:
        terrain: the ground.
        air: number and size of clouds.
        sun: position of the sun.
        avoid: (rows, cols) float32, large where a cloud or shadow is unwelcome (scars).
        rng: source of randomness.
    """
    rows, cols = terrain.shape
    billows = fractal(rng, terrain.shape, CELL, (60.0, 500.0), beta=2.6)
    y, x = np.indices(terrain.shape, np.float32) * CELL
    thick = np.full(terrain.shape, -1.0, np.float32)
    reach = rng.uniform(500, 700) / np.tan(np.radians(sun.elevation)) / CELL
    azimuth = np.radians(sun.azimuth)
    shift = (reach * np.cos(azimuth), -reach * np.sin(azimuth))
    burden = ndimage.gaussian_filter(avoid, air.cloud_radius / CELL / 2)
    burden = burden + ndimage.shift(burden, (-shift[0], -shift[1]), order=1, mode="nearest")
    for _ in range(air.clouds):
        spots = rng.uniform(0.15, 0.85, (30, 2)) * (rows, cols)
        best = min(spots.tolist(), key=lambda s: float(burden[int(s[0]), int(s[1])]))
        burden = burden + np.exp(-((y / CELL - best[0]) ** 2 + (x / CELL - best[1]) ** 2) / (rows / 6) ** 2)
        radius = air.cloud_radius * rng.uniform(0.7, 1.25)
        stretch = rng.uniform(0.75, 1.3)
        r2 = ((y - best[0] * CELL) * stretch) ** 2 + ((x - best[1] * CELL) / stretch) ** 2
        thick = np.maximum(thick, 1 - r2 / radius**2 + 0.33 * billows * np.exp(-r2 / (2.5 * radius**2)))
    folds = 0.40 + 0.12 * np.tanh(fractal(rng, terrain.shape, CELL, (40.0, 250.0), beta=2.2))
    opacity = (folds * (1 - np.exp(-3.0 * np.maximum(thick + 0.15, 0) ** 1.5))).astype(np.float32)
    shade = ndimage.shift(ndimage.gaussian_filter(opacity, 3), shift, order=1, mode="nearest")
    return Clouds(opacity, np.clip(1.5 * shade, 0, 0.85).astype(np.float32))


def through_air(
    reflectance: Array, band: int, light: Array, z: Array, clouds: Clouds, haze: Array
) -> NDArray[np.float32]:
    """Return the top-of-atmosphere reflectance of one band.

    Args:
        reflectance: (rows, cols) float32 reflectance of the ground.
        band: index among B1 … B12.
        light: (rows, cols) float32 direct light relative to level ground.
        z: (rows, cols) float32 elevation, m.
        clouds: what hangs above.
        haze: (rows, cols) float32 factor on the path reflectance.
    """
    direct = light * (1 - clouds.shade)
    lit = reflectance * (_DIFFUSE[band] + (1 - _DIFFUSE[band]) * direct)
    share = _ADJACENCY[band]
    lit = (1 - share) * lit + share * ndimage.gaussian_filter(lit, 16)
    path = _PATH[band] * haze * np.exp(-z / _SCALE_HEIGHT)
    clear = path + _TRANSMITTANCE[band] * lit
    result: NDArray[np.float32] = clear + clouds.opacity * (_CLOUD[band] - clear)
    return result


def expose(toa: NDArray[np.float32], band: int, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Sample one band with the instrument's pixels and bring it to 10 m by nearest neighbour.

    Args:
        toa: (rows, cols) float32 top-of-atmosphere reflectance on the padded 5 m grid.
        band: index among B1 … B12.
        size: rows and columns of the scene in 10 m pixels.
        rng: source of randomness.

    Returns:
        (rows, cols) uint16 digital numbers of the scene.
    """
    pixel = PIXEL_SIZE[band]
    cells = int(pixel / CELL)
    blurred = ndimage.gaussian_filter(toa, 0.42 * cells)
    rows, cols = (n // cells for n in toa.shape)
    native = blurred[: rows * cells, : cols * cells].reshape(rows, cells, cols, cells).mean((1, 3)) * 1e4
    native += rng.normal(0, _NOISE[band], native.shape)
    counts = np.clip(np.rint(native), 1, 65535).astype(np.uint16)
    repeat = int(pixel / PIXEL)
    start = int(PAD / PIXEL)
    fine = counts.repeat(repeat, 0).repeat(repeat, 1)
    scene: NDArray[np.uint16] = fine[start : start + size[0], start : start + size[1]]
    return scene

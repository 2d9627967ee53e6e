"""Terrain with real valleys: a small landscape evolution model, then finer relief.

Rock is lifted, rivers cut it by the stream power law (dz/dt = U - A^m S, solved implicitly from outlet to
ridge: Braun & Willett 2013), and hillsides fail to a threshold slope. The trunk river and its flat valley
floor are the base level. The model runs from coarse to fine cells, because large valleys need many steps
and small gullies need few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from l4s_training.data.simulation.drainage import accumulate, fill_depressions, route
from l4s_training.data.simulation.noise import Array, fractal
from l4s_training.data.simulation.region import Relief

__all__ = ["CELL", "DEM_CELL", "PAD", "PIXEL", "Terrain", "horn_slope", "make_terrain", "native_dem", "to_pixels"]

PIXEL = 10.0
"""Pixel of the scene, m."""
CELL = 5.0
"""Cell of the simulated ground, m: half a pixel, so that edges become mixed pixels."""
PAD = 240.0
"""Ground simulated beyond each border of the scene, m: a multiple of 60 m keeps all sensor grids aligned."""
DEM_CELL = 12.5
"""Pixel of the elevation model, m (ALOS PALSAR)."""
DEM_MARGIN = 187.5
"""How far the elevation model reaches beyond the scene, m."""

_OUTER = 1200.0
_AREA_EXPONENT = 0.45
_LEVELS = ((100.0, 72), (50.0, 24), (25.0, 12))
"""Cell (m) and number of steps, coarse to fine."""


@dataclass(frozen=True)
class Terrain:
    """Simulated ground on the padded 5 m grid; positions are metres from the scene's upper left corner."""

    z: Array
    """(rows, cols) float32 elevation, m."""
    slope: Array
    """(rows, cols) float32 slope over 20 m, degrees."""
    area: Array
    """(rows, cols) float32 upslope area, m²."""
    axis: NDArray[np.float64]
    """(points, 3) valley axis: x (east) m, y (south) m, elevation m, from the upper end."""
    half_width: NDArray[np.float64]
    """(points,) half width of the valley floor along the axis, m."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the padded 5 m grid."""
        return self.z.shape[0], self.z.shape[1]


def horn_slope(z: NDArray[np.floating] | NDArray[np.integer], cell: float) -> Array:
    """Compute the slope by Horn's formula.

    Args:
        z: (rows, cols) elevation, m; the border is continued by its own values.
        cell: size of a cell, m.

    Returns:
        (rows, cols) float32, degrees.
    """
    p = np.pad(np.asarray(z, np.float64), 1, mode="edge")
    east = p[:-2, 2:] + 2 * p[1:-1, 2:] + p[2:, 2:] - p[:-2, :-2] - 2 * p[1:-1, :-2] - p[2:, :-2]
    south = p[2:, :-2] + 2 * p[2:, 1:-1] + p[2:, 2:] - p[:-2, :-2] - 2 * p[:-2, 1:-1] - p[:-2, 2:]
    result: Array = np.degrees(np.arctan(np.hypot(east, south) / (8 * cell))).astype(np.float32)
    return result


def make_terrain(relief: Relief, size: tuple[int, int], rng: np.random.Generator) -> Terrain:
    """Simulate the ground under a scene.

    Args:
        relief: shape of the terrain.
        size: rows and columns of the scene in 10 m pixels.
        rng: source of randomness.
    """
    streams = rng.spawn(4)
    extent = np.ceil((max(size) * PIXEL + 2 * _OUTER) / 100) * 100
    axis, half_width = _valley_axis(relief, size, float(extent), streams[0])
    coarse = _evolve(relief, float(extent), axis, half_width, streams[1])

    shape = (int((size[0] * PIXEL + 2 * PAD) / CELL), int((size[1] * PIXEL + 2 * PAD) / CELL))
    # Cell centres of the fine grid in index coordinates of the 25 m grid, which starts at -_OUTER.
    along = [((np.arange(n) + 0.5) * CELL - PAD + _OUTER) / _LEVELS[-1][0] - 0.5 for n in shape]
    z = ndimage.map_coordinates(coarse, np.meshgrid(*along, indexing="ij"), order=3, mode="nearest")
    steep = np.clip(np.tan(np.radians(horn_slope(z, CELL))) / 0.7, 0.05, 1.3)
    detail = fractal(streams[2], shape, CELL, (25.0, 220.0), beta=3.2)
    z = z + relief.roughness * ndimage.gaussian_filter(steep, 6) * detail

    pixels = to_pixels(z)
    flow = route(fill_depressions(ndimage.gaussian_filter(pixels, 0.7)))
    area = accumulate(flow).reshape(pixels.shape) * PIXEL**2
    return Terrain(
        z.astype(np.float32),
        horn_slope(ndimage.gaussian_filter(z, 2.0), CELL),
        area.repeat(2, 0).repeat(2, 1).astype(np.float32),
        axis,
        half_width,
    )


def to_pixels(fine: NDArray[np.floating]) -> NDArray[np.floating]:
    """Average 5 m cells to 10 m pixels."""
    rows, cols = fine.shape[0] // 2, fine.shape[1] // 2
    mean: NDArray[np.floating] = fine[: rows * 2, : cols * 2].reshape(rows, 2, cols, 2).mean((1, 3))
    return mean


def native_dem(terrain: Terrain, size: tuple[int, int]) -> NDArray[np.int16]:
    """Return the elevation model that comes with the scene: 12.5 m pixels, whole metres.

    Args:
        terrain: the simulated ground.
        size: rows and columns of the scene in 10 m pixels.

    Returns:
        (rows, cols) int16, m; its upper left corner lies DEM_MARGIN north-west of the scene's.
    """
    counts = [int(np.ceil((n * PIXEL + 2 * DEM_MARGIN) / DEM_CELL)) for n in size]
    smooth = ndimage.gaussian_filter(terrain.z, 1.6)
    along = [((np.arange(n) + 0.5) * DEM_CELL - DEM_MARGIN + PAD) / CELL - 0.5 for n in counts]
    sampled = ndimage.map_coordinates(smooth, np.meshgrid(*along, indexing="ij"), order=1, mode="nearest")
    dem: NDArray[np.int16] = np.rint(sampled).astype(np.int16)
    return dem


def _valley_axis(
    relief: Relief, size: tuple[int, int], extent: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lay the trunk valley through the middle of the scene: axis points (x, y, z) and half widths."""
    t = np.arange(-0.75 * extent, 0.75 * extent, 10.0)
    waves = fractal(rng, (2, t.size), 10.0, (1500.0, 6000.0), beta=2.5)
    swing = 0.06 * extent * waves[0]
    azimuth = np.radians(relief.river_azimuth)
    east, south = np.sin(azimuth), -np.cos(azimuth)
    x = size[1] * PIXEL / 2 + t * east - swing * south
    y = size[0] * PIXEL / 2 + t * south + swing * east
    outlet = 0.5 * max(size) * PIXEL
    z = relief.base_elevation + relief.river_gradient * (outlet - t)
    narrow, wide = relief.floor_width
    half_width = narrow + (wide - narrow) * np.clip(0.5 + 0.35 * waves[1].astype(np.float64), 0, 1)
    return np.column_stack([x, y, z]), half_width


def _evolve(
    relief: Relief,
    extent: float,
    axis: NDArray[np.float64],
    half_width: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Run the landscape evolution model over the scene and its surroundings.

    Returns:
        (rows, cols) float64 elevation on 25 m cells from -_OUTER on.
    """
    tree = cKDTree(axis[:, :2])
    z = np.empty((0, 0))
    low, high = np.tan(np.radians(relief.hillslope))
    for cell, steps in _LEVELS:
        n = int(extent / cell)
        centres = (np.arange(n) + 0.5) * cell - _OUTER
        distance, nearest = tree.query(np.stack(np.meshgrid(centres, centres), -1))
        floor = distance < half_width[nearest]
        base = axis[nearest, 2] + 0.012 * distance
        if not z.size:
            # A start that falls towards the trunk everywhere leaves no closed basins behind.
            z = base + 0.3 * distance + 12.0 * fractal(rng, (n, n), cell, (2 * cell, 2000.0), beta=2.5)
        else:
            z = ndimage.zoom(z, n / z.shape[0], order=1, grid_mode=True, mode="nearest")
            z = z + 0.03 * cell * fractal(rng, (n, n), cell, (2 * cell, 400.0), beta=2.0)
        hard = fractal(rng, (n, n), cell, (400.0, 3000.0), beta=2.5)
        erodibility = np.exp(0.25 * hard).ravel()
        threshold = low + (high - low) * np.clip(0.5 - 0.3 * hard, 0, 1).ravel()
        # The uneven ground keeps flow from lining up with the eight directions of the raster; creep rounds
        # ridges and fills hollows.
        uneven = 0.06 * cell * fractal(rng, (n, n), cell, (2 * cell, 12 * cell), beta=1.5)
        for step in range(steps):
            if step % 6 == 0:
                # A basin without an outlet would rise for ever as an uncut plateau.
                z = fill_depressions(np.where(floor, base, z), floor, rise=0.02 * cell)
            z = _step(np.where(floor, base, z) + uneven, floor, cell, relief.steepness, erodibility, threshold)
            z = ndimage.gaussian_filter(z - uneven, 0.55)
        z = np.where(floor, base, z)
    return z


def _step(
    z: NDArray[np.float64],
    floor: NDArray[np.bool_],
    cell: float,
    uplift: float,
    erodibility: NDArray[np.float64],
    threshold: NDArray[np.float64],
    dt: float = 0.6,
) -> NDArray[np.float64]:
    """Lift and erode once; cells of the valley floor stay where they are."""
    flow = route(z)
    fixed = floor.ravel()
    rate = erodibility * (accumulate(flow) * cell**2) ** _AREA_EXPONENT * dt / (flow.distance * cell)
    height = np.where(fixed, z.ravel(), z.ravel() + uplift * dt)
    for cells in flow.levels[1:]:
        cells = cells[~fixed[cells]]
        below = height[flow.receiver[cells]]
        cut = (height[cells] + rate[cells] * below) / (1 + rate[cells])
        height[cells] = np.minimum(cut, below + threshold[cells] * flow.distance[cells] * cell)
    return height.reshape(z.shape)

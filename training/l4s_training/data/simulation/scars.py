"""Landslide scars: where they start, how they run down the slope, and what they look like.

A scar starts on a steep, convex upper slope, follows the steepest way down and ends after its length, on
gentle ground or in a stream. It is widest near its head, narrow in its track and spreads again where it
comes to rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_training.data.simulation.cover import Cover, Ground
from l4s_training.data.simulation.noise import Array, fractal, smoothstep
from l4s_training.data.simulation.region import Event
from l4s_training.data.simulation.terrain import CELL, PAD, Terrain

__all__ = ["Scar", "paint_scars", "place_scars"]

_MEDIAN_LENGTH = 180.0
_LENGTH_SPREAD = 0.75
"""Lognormal sizes: median (m) and spread of the logarithm."""
_ATTEMPTS = 4000
"""Heads tried at most: gentle ground may have no room for the share wanted."""
_OWN_SHARE = 0.6
"""Share of length x width that a scar adds, ends and overlaps taken off."""


@dataclass(frozen=True)
class Scar:
    """One landslide; positions are metres from the scene's upper left corner (x east, y south)."""

    path: NDArray[np.float64]
    """(points, 3) x, y and elevation from head to toe, 5 m apart."""
    width: float
    """Width near the head, m."""
    freshness: float
    """Share of the scar that is bare, 0 to 1."""

    @property
    def length(self) -> float:
        """Length of the path in plan, m."""
        return float(np.hypot(*np.diff(self.path[:, :2], axis=0).T).sum())


def place_scars(
    terrain: Terrain, event: Event, allowed: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Scar, ...]:
    """Choose scars until they cover the event's share of the scene.

    Args:
        terrain: the ground.
        event: sizes, share and starting slopes.
        allowed: (rows, cols) bool, cells where a scar may start.
        rng: source of randomness.
    """
    smooth = ndimage.gaussian_filter(terrain.z, 2.5)
    weight = _susceptibility(terrain, smooth, event, allowed, rng)
    rows, cols = (n * CELL - 2 * PAD for n in terrain.shape)
    wanted = event.share * rows * cols
    cumulative = np.cumsum(weight.ravel(), dtype=np.float64)
    if cumulative[-1] <= 0:
        return ()
    scars: list[Scar] = []
    covered = 0.0
    attempts = 0
    while covered < wanted and attempts < _ATTEMPTS:
        attempts += 1
        cell = int(np.searchsorted(cumulative, rng.random() * cumulative[-1]))
        start = np.array(divmod(cell, terrain.shape[1]), np.float64)
        starts = [start]
        if rng.random() < event.branching:
            starts += [start + rng.normal(0, 8, 2) for _ in range(rng.geometric(0.4))]
        for head in starts:
            scar = _run_out(smooth, terrain, head, event, rng)
            if scar is not None:
                scars.append(scar)
                covered += _OWN_SHARE * scar.length * scar.width
    return tuple(scars)


def paint_scars(
    ground: Ground, terrain: Terrain, scars: tuple[Scar, ...], keep: Array, rng: np.random.Generator
) -> Array:
    """Strip the vegetation off the scars.

    Args:
        ground: the cover so far; painted into.
        terrain: the ground.
        scars: what to paint.
        keep: (rows, cols) float32, 0 where no scar may be (gentle ground, the river), 1 elsewhere.
        rng: source of randomness.

    Returns:
        (rows, cols) float32 share of each cell that lies inside a scar, 0 to 1.
    """
    shape = terrain.shape
    ragged = fractal(rng, shape, CELL, (14.0, 110.0), beta=1.7)
    reach = np.full(shape, -99.0, np.float32)
    fresh = np.zeros(shape, np.float32)
    toe = np.zeros(shape, np.float32)
    for scar in scars:
        _stamp(scar, reach, fresh, toe)
    inside = smoothstep(reach + 3.4 * ragged, -2.5, 2.5) * keep
    grain = fractal(rng, shape, CELL, (10.0, 35.0), beta=0.8)
    patches = fractal(rng, shape, CELL, (25.0, 120.0), beta=2.0)
    # Rafts of trees and first grass stay inside a scar; thin edges keep more of them.
    bare = np.clip(fresh + 0.16 * patches + 0.10 * grain - 0.25 * smoothstep(reach, 6.0, 0.0), 0.1, 1.0)
    rock = np.clip(0.35 + 0.22 * patches + 0.35 * toe, 0, 0.9)
    moist = np.clip(0.18 - 0.15 * grain - 0.1 * patches, 0, 0.5) * (1 - rock)
    soil = 1 - rock - moist
    ground.paint(Cover.SCAR, (inside * bare).astype(np.float32), scar_soil=soil, scar_rock=rock, field_soil=moist)
    ground.kind[inside >= 0.5] = Cover.SCAR
    light = 1 + 0.16 * grain + 0.10 * patches
    ground.brightness[:] = ground.brightness * (1 - inside) + inside * light.clip(0.55, 1.6)
    return inside


def _susceptibility(
    terrain: Terrain,
    smooth: NDArray[np.floating],
    event: Event,
    allowed: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Weight of every cell as the head of a scar: steep, convex, high on the slope, in clusters."""
    low, high = event.slope
    steep = smoothstep(terrain.slope, low, low + 8) * smoothstep(terrain.slope, high + 4, high)
    convex = smoothstep(-ndimage.gaussian_laplace(smooth, 4), -0.02, 0.05)
    ridge = ndimage.maximum_filter(smooth, 101) - smooth
    valley = smooth - ndimage.minimum_filter(smooth, 101)
    high_up = smoothstep(valley / np.maximum(valley + ridge, 1), 0.25, 0.6)
    cluster = np.exp(1.3 * fractal(rng, terrain.shape, CELL, (500.0, 2500.0), beta=2.5))
    weight = steep * (0.15 + convex) * (0.1 + high_up) * cluster * allowed
    margin = int(PAD / CELL)
    weight[:margin] = weight[-margin:] = 0
    weight[:, :margin] = weight[:, -margin:] = 0
    result: NDArray[np.float64] = weight.astype(np.float64)
    return result


def _run_out(
    smooth: NDArray[np.floating], terrain: Terrain, head: NDArray[np.float64], event: Event, rng: np.random.Generator
) -> Scar | None:
    """Follow the steepest way down from a head; None if the way is too short to be a scar."""
    shortest, longest = event.length
    length = float(np.clip(_MEDIAN_LENGTH * rng.lognormal(0, _LENGTH_SPREAD), shortest, longest))
    width = float(np.clip((0.15 * length + 12) * rng.lognormal(0, 0.25), *event.width))
    rows, cols = smooth.shape
    position = head.copy()
    heading = np.zeros(2)
    points = []
    for _ in range(int(length / CELL)):
        r, c = np.rint(position).astype(int)
        if not (2 <= r < rows - 2 and 2 <= c < cols - 2) or terrain.slope[r, c] < event.minimum_slope + 2:
            break
        points.append((*((position[::-1] + 0.5) * CELL - PAD), float(smooth[r, c])))
        down = np.array([smooth[r - 1, c] - smooth[r + 1, c], smooth[r, c - 1] - smooth[r, c + 1]])
        down /= max(float(np.linalg.norm(down)), 1e-9)
        # Debris has momentum: it does not turn at every bump.
        heading = 0.5 * heading + 0.5 * down
        heading /= max(float(np.linalg.norm(heading)), 1e-9)
        position = position + heading
        if terrain.area[r, c] > 8e5 and len(points) * CELL > shortest and rng.random() < 0.2:
            break
    path = np.array(points).reshape(-1, 3)
    if (len(path) - 1) * CELL < shortest or path[0, 2] - path[-1, 2] < 0.15 * len(path) * CELL:
        return None
    return Scar(path, width, float(np.clip(rng.normal(0.88, 0.12), 0.5, 1.0)))


def _stamp(scar: Scar, reach: Array, fresh: Array, toe: Array) -> None:
    """Write a scar's discs: depth inside the outline (m), freshness and nearness to the toe."""
    t = np.linspace(0, 1, len(scar.path))
    body = 0.62 + 0.38 * np.exp(-(((t - 0.22) / 0.2) ** 2)) + 0.22 * smoothstep(t, 0.75, 0.95)
    ends = np.sqrt(np.clip(np.minimum((t + 0.02) / 0.2, (1.04 - t) / 0.12), 0.1, 1))
    radius = 0.5 * scar.width * body * ends
    for (x, y, _), r, u in zip(scar.path, radius, t, strict=True):
        half = int(np.ceil((r + 8) / CELL))
        row, col = (y + PAD) / CELL - 0.5, (x + PAD) / CELL - 0.5
        r0, c0 = max(int(row) - half, 0), max(int(col) - half, 0)
        window = np.s_[r0 : int(row) + half + 2, c0 : int(col) + half + 2]
        i, j = np.indices(reach[window].shape)
        depth = r - np.hypot(i + r0 - row, j + c0 - col) * CELL
        deeper = depth > reach[window]
        reach[window][deeper] = depth[deeper]
        fresh[window][deeper] = scar.freshness
        toe[window][deeper] = u

"""Land cover on the simulated ground: forest, grass, river, fields, roads and villages.

Each step paints its surfaces over the ones before, so that a cell ends as a mixture and edges are soft.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from l4s_training.data.simulation.noise import Array, fractal, smoothstep
from l4s_training.data.simulation.region import LandUse, Vegetation
from l4s_training.data.simulation.spectra import SURFACES
from l4s_training.data.simulation.terrain import CELL, PAD, PIXEL, Terrain

__all__ = ["Cover", "Ground", "add_outcrops", "add_people", "add_river", "grow_vegetation"]


class Cover(IntEnum):
    """Classes of the cover map."""

    FOREST = 0
    GRASS = 1
    CROP = 2
    FALLOW = 3
    WATER = 4
    GRAVEL = 5
    ROAD = 6
    VILLAGE = 7
    SCAR = 8
    CLOUD = 9
    CLOUD_SHADOW = 10
    OUTCROP = 11


@dataclass(frozen=True)
class Ground:
    """What covers the padded 5 m grid; the steps of the simulation paint into its arrays."""

    abundance: NDArray[np.float32]
    """(surfaces, rows, cols) float32 share of each surface of `SURFACES`; they add up to 1."""
    brightness: Array
    """(rows, cols) float32 factor on the reflectance."""
    canopy: Array
    """(rows, cols) float32 height of the canopy, m."""
    kind: NDArray[np.uint8]
    """(rows, cols) uint8 `Cover` that dominates."""

    def paint(self, kind: Cover, alpha: Array, **mixture: float | Array) -> None:
        """Cover the ground by a mixture of surfaces.

        Args:
            kind: class of the new cover; it counts where alpha is at least a half.
            alpha: (rows, cols) float32 opacity.
            mixture: shares of surfaces by name; they add up to 1.
        """
        self.abundance[:] *= 1 - alpha
        for name, share in mixture.items():
            self.abundance[SURFACES.index(name)] += alpha * share
        self.canopy[:] *= 1 - alpha
        self.kind[alpha >= 0.5] = kind


def grow_vegetation(terrain: Terrain, vegetation: Vegetation, rng: np.random.Generator) -> Ground:
    """Cover the ground by forest and grass."""
    shape = terrain.shape
    fields = [
        fractal(rng, shape, CELL, wavelengths, beta)
        for wavelengths, beta in (
            ((150.0, 2500.0), 2.5),
            ((20.0, 260.0), 1.6),
            ((20.0, 180.0), 2.0),
            ((60.0, 900.0), 2.2),
            ((40.0, 700.0), 2.0),
            ((10.0, 60.0), 1.2),
        )
    ]
    stands, crowns, canopy, tone, meadow, tufts = fields
    ground = Ground(
        np.zeros((len(SURFACES), *shape), np.float32),
        (1 + vegetation.texture * crowns + 0.10 * tone).clip(0.5, 1.6),
        vegetation.canopy_relief * canopy,
        np.zeros(shape, np.uint8),
    )
    # Broadleaved trees prefer hollows and low slopes, where water gathers.
    moist = 0.25 * (np.log10(np.maximum(terrain.area, 100.0)) - 3.5)
    level = float(np.quantile(stands + moist, 1 - vegetation.broadleaf))
    broad = smoothstep(stands + moist + 0.35 * crowns, level - 0.9, level + 0.9)
    everywhere = np.ones(shape, np.float32)
    ground.paint(Cover.FOREST, everywhere, conifer=1 - broad, broadleaf=broad)
    ground.canopy[:] = vegetation.canopy_relief * canopy
    open_land = meadow - 0.02 * terrain.slope
    level = float(np.quantile(open_land, 1 - vegetation.grass))
    alpha = smoothstep(open_land + 0.12 * tufts, level - 0.35, level + 0.45) * 0.8
    dry = np.clip(0.25 + 0.2 * tone, 0, 0.7)
    ground.paint(Cover.GRASS, alpha, grass=1 - dry, stubble=0.5 * dry, broadleaf=0.5 * dry)
    return ground


def add_outcrops(ground: Ground, terrain: Terrain, share: float, rng: np.random.Generator) -> None:
    """Bare the rock of steep, convex ground: from above it looks much like a scar.

    Args:
        ground: the cover so far; painted into.
        terrain: the ground.
        share: share of all cells that is bare.
        rng: source of randomness.
    """
    if share <= 0:
        return
    convex = -ndimage.gaussian_laplace(terrain.z, 6)
    ledges = fractal(rng, terrain.shape, CELL, (25.0, 400.0), beta=2.0)
    grain = fractal(rng, terrain.shape, CELL, (10.0, 50.0), beta=1.0)
    bareness = 0.08 * terrain.slope + 0.6 * convex / convex.std() + ledges
    level = float(np.quantile(bareness, 1 - share))
    alpha = smoothstep(bareness + 0.15 * grain, level - 0.3, level + 0.5)
    weeds = np.clip(0.3 + 0.15 * grain, 0, 0.7)
    ground.paint(
        Cover.OUTCROP, alpha * np.float32(0.9), scar_rock=0.8 * (1 - weeds), gravel=0.2 * (1 - weeds), grass=weeds
    )
    ground.brightness[:] = ground.brightness * (1 - alpha) + alpha * (0.9 + 0.12 * grain)


def add_river(ground: Ground, terrain: Terrain, rng: np.random.Generator) -> Array:
    """Lay the meandering trunk river with its gravel bars, and the larger streams.

    Returns:
        (rows, cols) float32 distance to the river's centre line, m.
    """
    points = len(terrain.axis)
    swing = fractal(rng, (1, points), 10.0, (400.0, 1400.0), beta=2.0)[0]
    room = np.maximum(terrain.half_width - 60.0, 0.0)
    line = shifted_axis(terrain, np.clip(0.55 * swing, -1, 1) * room)
    distance, _ = distance_to(terrain, line)
    bars = fractal(rng, terrain.shape, CELL, (60.0, 400.0), beta=2.2)
    grain = fractal(rng, terrain.shape, CELL, (10.0, 40.0), beta=1.0)
    half = 15.0 + 3.0 * bars
    belt = half + np.clip(28.0 * bars - 8.0, 0.0, 55.0) + 2.0 * grain
    gravel = smoothstep(distance - belt, 4.0, -4.0)
    wet = np.clip(0.12 - 0.05 * bars, 0, 0.3)
    weeds = np.clip(0.28 + 0.06 * bars + 0.12 * grain, 0, 0.7)
    ground.paint(Cover.GRAVEL, gravel, gravel=1 - wet - weeds, water=wet, grass=weeds)
    water = smoothstep(distance - half, 3.5, -3.5)
    shallow = np.clip(0.06 + 0.05 * grain + 0.06 * bars, 0, 0.3)
    ground.paint(Cover.WATER, water, water=1 - shallow, gravel=shallow)
    ground.brightness[:] = np.where(gravel > 0.5, 1 + 0.10 * grain, ground.brightness)
    ground.brightness[:] = np.where(water > 0.5, 1 + 0.02 * grain, ground.brightness)

    channel = ndimage.gaussian_filter((terrain.area > 6e5).astype(np.float32), 0.9)
    stream = np.where(distance > half + 30, np.clip(channel, 0, 0.8), 0).astype(np.float32)
    stony = smoothstep(bars + 0.5 * np.log10(terrain.area / 2e6), 0.2, 1.2)
    ground.paint(Cover.WATER, stream * 0.45, gravel=0.55 * stony, water=0.3, conifer=0.7 - 0.55 * stony)
    return distance


def add_people(ground: Ground, terrain: Terrain, land_use: LandUse, river: Array, rng: np.random.Generator) -> None:
    """Lay fields on the valley floor, a road and a forest track, and villages on the road.

    Args:
        ground: the cover so far; painted into.
        terrain: the ground.
        land_use: sizes and shares.
        river: (rows, cols) float32 distance to the river, m.
        rng: source of randomness.
    """
    axis_distance, nearest = distance_to(terrain, terrain.axis[:, :2])
    half_width = terrain.half_width[nearest]
    flat = smoothstep(terrain.slope, 9.0, 6.0) * smoothstep(axis_distance - half_width, 25.0, 5.0)
    dry = smoothstep(river, 30.0, 45.0) * (ground.kind != Cover.GRAVEL) * flat
    _sow(ground, dry.astype(np.float32), terrain, land_use, rng)

    offset = 0.84 * terrain.half_width
    road = shifted_axis(terrain, ndimage.gaussian_filter1d(offset, 25))
    to_road, _ = distance_to(terrain, road)
    # A forest track keeps to a contour that climbs slowly along the valley, on the road's side.
    climb = terrain.axis[nearest, 2] + 90.0 + 0.035 * np.maximum(nearest - len(terrain.axis) * 0.4, 0) * 10.0
    off_contour = np.abs(ndimage.gaussian_filter(terrain.z, 2) - climb)
    off_contour /= np.tan(np.radians(np.clip(terrain.slope, 8, 60)))
    on_side = to_road < axis_distance
    track = smoothstep(off_contour, 5.0, 2.0) * on_side * (axis_distance < 1500) * 0.55
    ground.paint(Cover.ROAD, track.astype(np.float32), asphalt=0.45, field_soil=0.35, stubble=0.2)
    width = land_use.road_width / 2
    ground.paint(Cover.ROAD, smoothstep(to_road, width + 2.5, width - 2.5), asphalt=0.85, field_soil=0.15)
    _build(ground, terrain, land_use, road, np.asarray(to_road), rng)


def _sow(ground: Ground, alpha: Array, terrain: Terrain, land_use: LandUse, rng: np.random.Generator) -> None:
    """Cut the valley floor into parcels and give each its crop."""
    rows, cols = terrain.shape
    y, x = (np.indices(terrain.shape, np.float32) + 0.5) * CELL
    # Blocks of parcels that share a direction: a Voronoi diagram of seeds about 350 m apart.
    count = max(4, int(rows * cols * CELL**2 / 350.0**2))
    seeds = rng.uniform(0, [rows * CELL, cols * CELL], (count, 2))
    angles = rng.uniform(0, np.pi, count)
    inside = alpha > 0.02
    block = np.zeros(terrain.shape, np.int64)
    block[inside] = cKDTree(seeds).query(np.column_stack([y[inside], x[inside]]))[1]
    angle = angles[block]
    u = x * np.cos(angle) + y * np.sin(angle)
    v = -x * np.sin(angle) + y * np.cos(angle)
    short, long = (side * rng.uniform(0.65, 1.4, count)[block] for side in land_use.parcel)
    strip = np.floor(v / short)
    shift = rng.uniform(0, 100, 4096)[(block * 31 + strip.astype(np.int64) * 17) % 4096]
    plot = np.floor((u + shift) / long)
    parcel = (block * 7919 + strip.astype(np.int64) * 104_729 + plot.astype(np.int64) * 1_299_709) % 4096

    bare = rng.random(4096) < land_use.harvested
    green = np.where(bare, rng.uniform(0.05, 0.3, 4096), rng.uniform(0.55, 0.98, 4096))[parcel]
    soil = (1 - green) * np.where(bare, rng.uniform(0.2, 0.9, 4096), rng.uniform(0.3, 0.6, 4096))[parcel]
    tone = rng.normal(1.0, 0.07, 4096)[parcel]
    grain = fractal(rng, terrain.shape, CELL, (12.0, 80.0), beta=1.2)
    groves = fractal(rng, terrain.shape, CELL, (30.0, 300.0), beta=1.8)
    alpha = alpha * smoothstep(groves, 1.25, 0.85)
    trees = rng.random(4096)[parcel] < 0.10
    green = np.clip(green + 0.06 * grain, 0, 1)
    soil = np.clip(soil, 0, 1 - green)
    for mask, kind in ((~bare[parcel], Cover.CROP), (bare[parcel], Cover.FALLOW)):
        ground.paint(
            kind,
            (alpha * mask * ~trees).astype(np.float32),
            crop=(0.7 * green).astype(np.float32),
            grass=(0.3 * green).astype(np.float32),
            field_soil=soil.astype(np.float32),
            stubble=(1 - green - soil).astype(np.float32),
        )
    edge = np.minimum(np.abs((v / short) % 1 - 0.5), 1.0) > 0.5 - 3.0 / short
    edge |= np.abs(((u + shift) / long) % 1 - 0.5) > 0.5 - 3.0 / long
    ground.paint(Cover.CROP, (alpha * edge * 0.45).astype(np.float32), broadleaf=0.6, grass=0.4)
    field = alpha * ~trees
    ground.brightness[:] = ground.brightness * (1 - field) + field * tone * (1 + 0.035 * grain)


def _build(
    ground: Ground,
    terrain: Terrain,
    land_use: LandUse,
    road: NDArray[np.float64],
    to_road: Array,
    rng: np.random.Generator,
) -> None:
    """Scatter houses and gardens around points of the road inside the scene."""
    rows, cols = terrain.shape
    y, x = (np.indices(terrain.shape, np.float32) + 0.5) * CELL - PAD
    limit = np.array([cols * CELL, rows * CELL]) - 2 * PAD
    visible = road[((road > 150) & (road < limit - 150)).all(1)]
    if not len(visible):
        return
    for centre in visible[rng.integers(0, len(visible), land_use.villages)]:
        radius = rng.uniform(80, 150)
        near = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * (radius / 1.6) ** 2))
        plots = rng.random(((rows + 1) // 2, (cols + 1) // 2)).repeat(2, 0).repeat(2, 1)[:rows, :cols]
        roof = rng.random(plots.shape) < 0.85
        free = (ground.kind != Cover.WATER) & (terrain.slope < 14)
        gardens = (smoothstep(near, 0.25, 0.6) * free).astype(np.float32)
        ground.paint(Cover.VILLAGE, gardens * 0.75, grass=0.4, broadleaf=0.35, field_soil=0.25)
        houses = (plots < 0.38 * near) & roof & free & (to_road > PIXEL / 2)
        tint = rng.random(((rows + 1) // 2, (cols + 1) // 2)).repeat(2, 0).repeat(2, 1)[:rows, :cols]
        for low, high, name in ((0.0, 0.3, "roof_white"), (0.3, 0.65, "roof_red"), (0.65, 1.0, "asphalt")):
            chosen = houses & (tint >= low) & (tint < high)
            ground.paint(Cover.VILLAGE, chosen.astype(np.float32) * 0.8, **{name: 1.0})


def shifted_axis(terrain: Terrain, offset: NDArray[np.floating]) -> NDArray[np.float64]:
    """Move the valley axis sideways: (points, 2) x and y, m.

    Args:
        terrain: the ground.
        offset: (points,) distance to the right of the way down the valley, m.
    """
    line = terrain.axis[:, :2]
    tangent = np.gradient(ndimage.gaussian_filter1d(line, 15, axis=0), axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    moved: NDArray[np.float64] = line + normal * np.asarray(offset)[:, None]
    return moved


def distance_to(terrain: Terrain, line: NDArray[np.float64]) -> tuple[Array, NDArray[np.intp]]:
    """Return the distance of every cell to a line (m) and the index of its nearest point.

    Close to the line both are exact; farther off they are interpolated from every eighth cell.
    """
    dense = np.linspace(0, len(line) - 1, 4 * len(line))
    points = np.column_stack([np.interp(dense, np.arange(len(line)), line[:, i]) for i in (0, 1)])
    tree = cKDTree(points)
    step = 8
    coarse = [(np.arange((n + step - 1) // step) * step + step / 2) * CELL - PAD for n in terrain.shape]
    y, x = np.meshgrid(*coarse, indexing="ij")
    far, index = tree.query(np.stack([x, y], -1))
    cut = np.s_[: terrain.shape[0], : terrain.shape[1]]
    distance = ndimage.zoom(far, step, order=1, grid_mode=True, mode="nearest")[cut].astype(np.float32)
    nearest = index.repeat(step, 0).repeat(step, 1)[cut]
    rows, cols = np.nonzero(distance < 100.0)
    position = (np.column_stack([cols, rows]) + 0.5) * CELL - PAD
    distance[rows, cols], nearest[rows, cols] = tree.query(position)
    return distance, np.minimum(nearest // 4, len(line) - 1)

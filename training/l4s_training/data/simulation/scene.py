"""A whole simulated scene: the one place that knows the order of the steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from l4s_training.data.simulation.cover import Cover, add_outcrops, add_people, add_river, grow_vegetation
from l4s_training.data.simulation.noise import fractal
from l4s_training.data.simulation.region import Region
from l4s_training.data.simulation.scars import Scar, paint_scars, place_scars
from l4s_training.data.simulation.sensor import PIXEL_SIZE, Clouds, expose, make_clouds, through_air
from l4s_training.data.simulation.spectra import illumination, tinted
from l4s_training.data.simulation.terrain import (
    CELL,
    DEM_CELL,
    DEM_MARGIN,
    PAD,
    PIXEL,
    horn_slope,
    make_terrain,
    native_dem,
    to_pixels,
)

__all__ = ["SimulatedScene", "simulate_scene"]


@dataclass(frozen=True)
class SimulatedScene:
    """A simulated scene with its truth and its elevation model."""

    dn: NDArray[np.uint16]
    """(14, rows, cols) uint16 raw values in Landslide4Sense order: Level-1C digital numbers without offset,
    slope in whole degrees, elevation in whole metres."""
    landslides: NDArray[np.bool_]
    """(rows, cols) bool, True where at least half of the pixel is scar."""
    cover: NDArray[np.uint8]
    """(rows, cols) uint8 `Cover` of each pixel, clouds and their shadows on top."""
    scars: tuple[Scar, ...]
    """Paths of the landslides."""
    dem: NDArray[np.int16]
    """(rows, cols) int16 elevation model of 12.5 m pixels that reaches DEM_MARGIN beyond the scene, m."""


def simulate_scene(region: Region, size: tuple[int, int], rng: np.random.Generator) -> SimulatedScene:
    """Simulate a Sentinel-2 scene after a landslide event.

    Args:
        region: what the place looks like.
        size: rows and columns in 10 m pixels.
        rng: source of randomness; the same state gives the same scene.
    """
    streams = rng.spawn(9)
    terrain = make_terrain(region.relief, size, streams[0])
    dem = native_dem(terrain, size)
    slope_dn, dem_dn = _terrain_bands(dem, size)

    ground = grow_vegetation(terrain, region.vegetation, streams[1])
    add_outcrops(ground, terrain, region.vegetation.outcrops, streams[8])
    river = add_river(ground, terrain, streams[2])
    add_people(ground, terrain, region.land_use, river, streams[3])
    steep = _to_cells(slope_dn >= region.event.minimum_slope, terrain.shape)
    wild = np.isin(ground.kind, (Cover.FOREST, Cover.GRASS))
    scars = place_scars(terrain, region.event, wild, streams[4])
    keep = ndimage.gaussian_filter((steep & (river > 35)).astype(np.float32), 0.6) * steep
    inside = paint_scars(ground, terrain, scars, keep.astype(np.float32), streams[4])

    clouds = make_clouds(terrain, region.air, region.sun, inside, streams[5])
    light = illumination(terrain.z + ground.canopy, CELL, region.sun)
    haze = region.air.haze * (1 + 0.04 * fractal(streams[6], terrain.shape, CELL, (800.0, 6000.0)))
    noise = streams[7].spawn(len(PIXEL_SIZE))
    spectra = tinted(region.soil)
    bands = []
    for band in range(len(PIXEL_SIZE)):
        reflectance = np.tensordot(spectra[:, band], ground.abundance, axes=1) * ground.brightness
        toa = through_air(reflectance, band, light, terrain.z, clouds, haze)
        bands.append(expose(toa, band, size, noise[band]))

    landslides = _crop(to_pixels(inside), size) >= 0.5
    return SimulatedScene(
        np.stack([*bands, slope_dn, dem_dn]),
        landslides,
        _cover_map(ground.kind, clouds, landslides),
        scars,
        dem,
    )


def _terrain_bands(dem: NDArray[np.int16], size: tuple[int, int]) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Slope (on the native pixels, then resampled) and elevation on the scene's pixels."""
    along = [((np.arange(n) + 0.5) * PIXEL + DEM_MARGIN) / DEM_CELL - 0.5 for n in size]
    where = np.meshgrid(*along, indexing="ij")
    layers = (horn_slope(dem, DEM_CELL), dem.astype(np.float32))
    slope, height = (np.rint(ndimage.map_coordinates(a, where, order=1)).astype(np.uint16) for a in layers)
    return slope, height


def _to_cells(pixels: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Bring a mask of the scene to the padded 5 m grid; the padding continues the border."""
    fine = pixels.repeat(2, 0).repeat(2, 1)
    pad = int(PAD / CELL)
    padding = [(pad, n - m - pad) for n, m in zip(shape, fine.shape, strict=True)]
    return np.pad(fine, padding, mode="edge")


def _crop(padded: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.floating]:
    """Cut the scene out of a padded 10 m raster."""
    start = int(PAD / PIXEL)
    return padded[start : start + size[0], start : start + size[1]]


def _cover_map(kind: NDArray[np.uint8], clouds: Clouds, landslides: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The class that holds most of each pixel; scars, shadows and clouds go on top in this order."""
    size = landslides.shape[0], landslides.shape[1]
    shares = np.stack([_crop(to_pixels((kind == k).astype(np.float32)), size) for k in Cover])
    shares[Cover.SCAR] = 0
    # Ties go to the later class: it was painted over the other.
    cover: NDArray[np.uint8] = (len(Cover) - 1 - shares[::-1].argmax(0)).astype(np.uint8)
    cover[landslides] = Cover.SCAR
    cover[_crop(to_pixels(clouds.shade), size) > 0.35] = Cover.CLOUD_SHADOW
    cover[_crop(to_pixels(clouds.opacity), size) > 0.1] = Cover.CLOUD
    return cover

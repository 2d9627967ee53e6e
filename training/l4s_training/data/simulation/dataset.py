"""Patches of simulated regions: tiles without overlap and splits of other places, as in Landslide4Sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_training.data.roles import ROLES, Role
from l4s_training.data.simulation.label_noise import add_label_noise
from l4s_training.data.simulation.regions import REGIONS, vary
from l4s_training.data.simulation.scene import simulate_scene

__all__ = ["DEFAULT_REGIONS", "SIDE", "Part", "SimulatedPatch", "simulate_patches"]

SIDE = 128
"""Rows and columns of a patch."""
_TILES = 3
"""Most patches along the side of a scene."""

DEFAULT_REGIONS: dict[Role, tuple[str, ...]] = {
    "train": ("alpine-valley", "island-hills", "monsoon-ghats", "subtropical-range"),
    "validation": ("dry-foothills",),
    "test": ("high-mountains",),
}
"""Regions of each split: none in two, as in the competition."""


@dataclass(frozen=True)
class Part:
    """One split of a simulated data set."""

    count: int
    """Number of patches."""
    regions: tuple[str, ...]
    """Names of `REGIONS`, which share the patches evenly."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.regions if name not in REGIONS]:
            raise DataError(f"There is no simulated region {unknown[0]!r}; expected some of {', '.join(REGIONS)}.")
        if self.count and not self.regions:
            raise DataError(f"{self.count} patches were asked for of no region; name some of {', '.join(REGIONS)}.")


@dataclass(frozen=True)
class SimulatedPatch:
    """A patch cut from a simulated scene."""

    region: str
    """Name of its region."""
    dn: NDArray[np.uint16]
    """(14, rows, cols) raw values."""
    labels: NDArray[np.bool_]
    """(rows, cols), True where there is a landslide, drawn with label noise."""
    truth: NDArray[np.bool_]
    """(rows, cols), True where there is a landslide."""


@dataclass(frozen=True)
class _Job:
    region: str
    count: int
    seed: np.random.SeedSequence


def simulate_patches(
    parts: Mapping[Role, Part], seed: int, label_noise: float, workers: Executor | None = None
) -> Iterator[tuple[Role, SimulatedPatch]]:
    """Simulate the patches of a data set, split after split and region after region.

    Args:
        parts: the splits.
        seed: the same seed gives the same patches, however many workers there are; a larger count adds to them.
        label_noise: see `add_label_noise`.
        workers: run scenes side by side; None for one after the other.
    """
    for number, role in enumerate(ROLES):
        if role not in parts:
            continue
        jobs = _jobs(parts[role], seed, number)
        run = partial(_scene_patches, label_noise=label_noise)
        for patches in map(run, jobs) if workers is None else workers.map(run, jobs):
            for patch in patches:
                yield role, patch


def _jobs(part: Part, seed: int, role: int) -> list[_Job]:
    """Scenes that together hold the patches of a split."""
    jobs = []
    for place, region in enumerate(part.regions):
        left = len(range(place, part.count, len(part.regions)))
        for scene in range(-(-left // _TILES**2)):
            sequence = np.random.SeedSequence(seed, spawn_key=(role, list(REGIONS).index(region), scene))
            jobs.append(_Job(region, min(left, _TILES**2), sequence))
            left -= _TILES**2
    return jobs


def _scene_patches(job: _Job, label_noise: float) -> list[SimulatedPatch]:
    """Simulate one scene and cut it, row by row."""
    rng = np.random.default_rng(job.seed)
    cols = int(np.ceil(np.sqrt(job.count)))
    rows = -(-job.count // cols)
    region = vary(REGIONS[job.region], rng, cloudiness=rows * cols / (2 * _TILES**2))
    scene = simulate_scene(region, (rows * SIDE, cols * SIDE), rng)
    labels = add_label_noise(scene.landslides, label_noise, rng)
    corners = ((row * SIDE, col * SIDE) for row in range(rows) for col in range(cols))
    windows = (np.s_[row : row + SIDE, col : col + SIDE] for row, col in islice(corners, job.count))
    return [SimulatedPatch(job.region, scene.dn[:, *w], labels[w], scene.landslides[w]) for w in windows]

"""Labelled pixels with their features, collected block by block, and a sample of the ground that nobody labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.evaluation.pixels import Cover
from l4s_geo.grid import Grid, Window
from l4s_geo.inference.features import HALO
from l4s_geo.inference.taught import Sight, blocks
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.stack.masks import Area
from l4s_geo.stack.stack import Stack
from l4s_geo.teaching.labels import Labels
from l4s_geo.teaching.learner import Samples

__all__ = ["BaseMap", "Ground", "collect"]

MOST = 300_000
"""Labelled pixels that are learned from at most; of more, a random share is taken."""

PRESUMED = 20_000
"""Pixels of ground that nobody labelled, where single polygons were drawn alone."""

NEAR = 640.0
"""Metres around labels within which they are drawn: from farther away, trees would learn where labels are."""

_APART = 2
"""Pixels around labels from which none of these are drawn: outlines are crooked."""


@dataclass(frozen=True)
class Ground:
    """The blocks of a scene that are needed to learn from labels."""

    blocks: tuple[Window, ...]
    """Blocks that polygons meet, from the top, left to right."""
    grid: Grid
    """The scene's grid."""

    @classmethod
    def of(cls, labels: Labels) -> Ground:
        """Find the blocks."""
        tree, grid = shapely.STRtree(labels.every), labels.grid
        every = (window for strip in blocks(grid) for window in strip)
        return cls(tuple(w for w in every if len(tree.query(shapely.box(*grid.part(w).bounds)))), grid)

    def area(self, wanted: Area | None) -> Area:
        """Return the ground that has to be mapped for the blocks' features, inside what is wanted."""
        around = [window.grown(HALO, self.grid.shape) for window in self.blocks]
        shape = shapely.union_all([shapely.box(*self.grid.part(window).bounds) for window in around])
        return Area(shape.intersection(wanted.shape) if wanted else shape, self.grid)


@dataclass(frozen=True)
class BaseMap:
    """What the base bundle's map says where networks have been asked, weighed by the slope as `l4s-map` does."""

    base: Bundle
    """The base bundle."""
    stack: Stack
    """The scene."""

    @property
    def weighs(self) -> bool:
        """Whether the terrain prior runs."""
        return self.base.prior is not None and self.base.prior.on and self.stack.has_terrain

    def says(self, probability: NDArray[np.float32], window: Window) -> NDArray[np.bool_]:
        """Return where the map says landslide, (rows, cols), from the networks' probabilities of a window."""
        if self.base.prior and self.weighs:
            probability = self.base.prior.apply(probability, self.stack.slope(window))
        said: NDArray[np.bool_] = probability >= self.base.threshold
        return said


def collect(
    labels: Labels, ground: Ground, layers: ScratchRaster, sight: Sight, base_map: BaseMap, seed: int
) -> Samples:
    """Collect samples.

    Args:
        labels: the labels.
        ground: the blocks to look at.
        layers: what the base bundle said, NaN where it was not asked.
        sight: computes features.
        base_map: what the base's map says.
        seed: of what is drawn by chance.
    """
    chance = np.random.default_rng(seed)
    reader = labels.reader()
    labelled = sum(float(shape.area) for shape in labels.every) / labels.grid.transform.a**2
    share = min(1.0, MOST / max(labelled, 1.0))
    near = None if labels.has_area else Cover(shapely.buffer(labels.every, NEAR), labels.grid)
    each = PRESUMED // max(len(ground.blocks), 1)
    parts = []
    for window in ground.blocks:
        drawn = reader.read(window)
        base = layers.read(window)[0]
        mapped = np.isfinite(base)
        known = drawn.landslide | drawn.background
        chosen = known & mapped
        if share < 1:
            chosen &= chance.random(chosen.shape) < share
        presumed = np.zeros_like(chosen)
        if near:
            beside = mapped & near.read(window) & ~ndimage.binary_dilation(known, iterations=_APART)
            presumed = _some(beside, each, chance)
        taken = chosen | presumed
        if not taken.any():
            continue
        rows, cols = np.nonzero(taken)
        parts.append(
            Samples(
                sight.read(window)[:, taken].T,
                drawn.landslide[taken] & ~presumed[taken],
                presumed[taken],
                drawn.weight[taken],
                (rows + window.row).astype(np.int32),
                (cols + window.col).astype(np.int32),
                base[taken],
                base_map.says(base, window)[taken],
            )
        )
    return _joined(parts, len(sight.features))


def _some(there: NDArray[np.bool_], count: int, chance: np.random.Generator) -> NDArray[np.bool_]:
    """Choose some of the pixels that are there."""
    places = np.flatnonzero(there)
    out = np.zeros(there.shape, bool)
    out.flat[chance.choice(places, min(count, len(places)), replace=False)] = True
    return out


def _joined(parts: list[Samples], features: int) -> Samples:
    nothing = Samples(
        np.zeros((0, features), np.float32),
        *(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, np.float32)),
        *(np.zeros(0, np.int32), np.zeros(0, np.int32)),
        *(np.zeros(0, np.float32), np.zeros(0, bool)),
    )
    return Samples(
        **{name: np.concatenate([getattr(p, name) for p in (nothing, *parts)]) for name in Samples.__dataclass_fields__}
    )

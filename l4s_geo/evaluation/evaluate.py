"""The comparison of an inventory with a reference, whole: pixels, landslides, classes of them, sizes, probabilities."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from l4s_geo import defaults
from l4s_geo.errors import EvaluationError
from l4s_geo.evaluation.curve import Curve
from l4s_geo.evaluation.facing import Facing, face
from l4s_geo.evaluation.layers import Layers, read_layers
from l4s_geo.evaluation.objects import Matching, Shared, crossing, intersect, match
from l4s_geo.evaluation.pixels import Cover, Tally, blocks, look
from l4s_geo.evaluation.sizes import Sizes, fit_sizes
from l4s_geo.grid import Window
from l4s_geo.inventory.surface import Surface, open_surface
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.sun import Sun

__all__ = ["ClassRow", "Evaluation", "Files", "Settings", "evaluate"]

PathLike = str | os.PathLike[str]

_SIZES = (500, 2_000, 10_000)
_SLOPES = (0, 10, 20, 30, 40, 91)
_ASPECTS = ("north", "east", "south", "west")
_LIT = ((-1.01, 0.0, "cos i < 0 (own shade)"), (0.0, 0.3, "0 to 0.3 (grazed)"), (0.3, 1.01, "from 0.3 (lit)"))


@dataclass(frozen=True)
class Settings:
    """How landslides are matched."""

    iou: float = defaults.MATCH_IOU
    """Intersection over union from which two landslides are a match, above 0 and up to 1."""
    share: float = defaults.MATCH_SHARE
    """Share of its area from which a landslide is found or right, above 0 and up to 1."""
    min_area: float = defaults.MIN_AREA
    """The minimum mapping unit from which sizes are fitted, m²."""
    sun: Sun | None = None
    """Where the sun stood."""

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("iou", "share"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise EvaluationError(f"The least {name} is {value:g}; expected a number above 0 and up to 1.")
        if not 0 < self.min_area < float("inf"):
            raise EvaluationError(f"The minimum mapping unit is {self.min_area:g} m²; expected a number above 0.")


@dataclass(frozen=True)
class Files:
    """The files of a comparison, as they were given; `evaluate` explains them."""

    inventory: PathLike
    reference: tuple[PathLike, ...]
    area: PathLike | None = None
    doubtful: tuple[PathLike, ...] = ()
    probability: PathLike | None = None
    dem: tuple[PathLike, ...] = ()


@dataclass(frozen=True)
class ClassRow:
    """How many landslides of a class there are, and how many of them were found or are right."""

    kind: str
    """What the class is by: "size", "slope", "aspect" or "illumination"."""
    name: str
    """The class."""
    reference: int
    """Landslides of the reference."""
    found: int
    """Those of them that were found."""
    mapped: int
    """Landslides of the inventory."""
    right: int
    """Those of them that are right."""


@dataclass(frozen=True)
class Evaluation:
    """A comparison."""

    files: Files
    """What it was made from."""
    layers: Layers
    """What was compared."""
    settings: Settings
    """How."""
    pixels: Tally
    """Counts of pixels, one entry a square of ground of 1 km that holds landslides of either side."""
    shared: Shared
    """Which landslides overlap."""
    matching: Matching
    """How they belong together."""
    ground: tuple[float, float, float]
    """Area of the inventory, of the reference, and of what is common, m²; what several cover counts once."""
    offset: tuple[float, float, float] | None
    """Median offset of the inventory's matched centroids from the reference's, to the east and to the north, and the
    median of their distances, m; None without matches."""
    classes: tuple[ClassRow, ...]
    """Landslides by size, and by slope, aspect and illumination where these are known."""
    sizes: tuple[Sizes | None, Sizes | None]
    """The sizes of the inventory's and of the reference's landslides."""
    curve: Curve | None
    """Probabilities against the reference, if a raster of them was given."""

    @property
    def mapping_error(self) -> float:
        """(A or B - A and B) / (A or B) by area: Carrara et al. (1992); Galli et al. (2008), Geomorphology 94."""
        mapped, reference, common = self.ground
        union = mapped + reference - common
        return max(0.0, 1 - common / union) if union else float("nan")  # rounding may leave more common than union


def evaluate(
    inventory: PathLike,
    reference: PathLike | Sequence[PathLike],
    area: PathLike | None = None,
    doubtful: PathLike | Sequence[PathLike] = (),
    probability: PathLike | None = None,
    dem: PathLike | Sequence[PathLike] | None = None,
    settings: Settings | None = None,
) -> Evaluation:
    """Compare an inventory with a reference.

    Args:
        inventory: a vector file of polygons; ``FILE|layername=NAME`` for one of several layers.
        reference: a file, or several that together are the reference.
        area: polygons of the ground that was looked at in both; what lies outside counts on neither side.
        doubtful: files of polygons that are judged on neither side.
        probability: a raster of probabilities of the inventory, on a grid of 10 m: adds the curve of thresholds.
        dem: elevations in metres: adds classes of slope and aspect, and of illumination if the settings have the sun.
        settings: how landslides are matched.

    Returns:
        The comparison.

    Raises:
        EvaluationError: a layer cannot be read or compared, none of the two holds a landslide, or the sun is given
            without elevations.
        TerrainError: the DEM cannot be read, or does not cover the landslides.
    """
    settings = settings or Settings()
    given = Files(inventory, _several(reference), area, _several(doubtful), probability, _several(dem or ()))
    if settings.sun is not None and not dem:
        raise EvaluationError(
            "The sun (--sun) lights nothing without elevations; give them with --dem, or leave the sun out."
        )
    with ExitStack() as files:
        raster = files.enter_context(open_surface(probability, EvaluationError)) if probability is not None else None
        grid = raster.grid if raster is not None else None
        layers = read_layers(inventory, given.reference, area, given.doubtful, grid)
        if not (len(layers.mapped.ground) or len(layers.reference.ground)):
            raise EvaluationError(
                "Neither the inventory nor the reference has a landslide on the ground that is judged; expected one at "
                "least, so check the files and the area."
            )
        pixels, curve = _look(layers, raster)
    shared = intersect(layers.mapped.ground, layers.reference.ground)
    shared = shared.among(len(layers.mapped.shapes), len(layers.reference.shapes))
    matching = match(shared, settings.iou, settings.share)
    return Evaluation(
        files=given,
        layers=layers,
        settings=settings,
        pixels=pixels,
        shared=shared,
        matching=matching,
        ground=_ground(layers),
        offset=_offset(layers, matching),
        classes=_classes(layers, shared, matching, dem, settings),
        sizes=(fit_sizes(shared.mapped_area, settings.min_area), fit_sizes(shared.reference_area, settings.min_area)),
        curve=curve if curve is not None and curve.known else None,
    )


def _several(paths: PathLike | Sequence[PathLike]) -> tuple[PathLike, ...]:
    return (paths,) if isinstance(paths, str | os.PathLike) else tuple(paths)


def _look(layers: Layers, raster: Surface | None) -> tuple[Tally, Curve | None]:
    """Count the pixels of the blocks that landslides meet, and the probabilities of all blocks."""
    mapped, reference = (Cover(side.ground, layers.grid) for side in (layers.mapped, layers.reference))
    area = Cover(layers.area, layers.grid) if layers.area is not None else None
    doubt = Cover(layers.doubt, layers.grid) if layers.doubt is not None else None
    every = [layers.mapped.ground, layers.reference.ground]
    meant = [layers.grid.bounds] if raster is not None and area is None else []
    where = [*every, *([np.array([shapely.box(*b) for b in meant])] if meant else [])]
    if raster is not None and layers.area is not None:
        where.append(layers.area)
    tallies, curve = [], Curve.empty() if raster is not None else None
    for window in blocks(layers.grid, where):
        block = look(window, mapped, reference, area, doubt)
        tallies.append(Tally.of(block))
        if curve is not None and raster is not None:
            curve = _add_probabilities(curve, raster, window, block.judged, block.reference)
    tally = Tally.together(tallies)
    held = (tally.mapped > 0) | (tally.reference > 0)
    return tally.where(held), curve


def _add_probabilities(
    curve: Curve, raster: Surface, window: Window, judged: NDArray[np.bool_], reference: NDArray[np.bool_]
) -> Curve:
    values = raster.read(window)[0]
    known = judged & np.isfinite(values)
    return curve.adding(values[known], reference[known])


def _ground(layers: Layers) -> tuple[float, float, float]:
    ours, theirs = _dissolved(layers.mapped.ground), _dissolved(layers.reference.ground)
    common = intersect(ours, theirs).common.sum()
    return float(shapely.area(ours).sum()), float(shapely.area(theirs).sum()), float(common)


def _dissolved(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """The polygons, those that share ground with others united."""
    several = crossing(shapes)
    united = shapely.get_parts(shapely.union_all(shapes[several]))
    return np.concatenate([shapes[~several], united])


def _offset(layers: Layers, matching: Matching) -> tuple[float, float, float] | None:
    if not len(matching.pairs):
        return None
    first, second = matching.pairs.T
    ends = [
        shapely.get_coordinates(shapely.centroid(s))
        for s in (layers.mapped.shapes[first], layers.reference.shapes[second])
    ]
    moved = ends[0] - ends[1]
    east, north = np.median(moved, axis=0)
    return float(east), float(north), float(np.median(np.hypot(*moved.T)))


def _classes(
    layers: Layers,
    shared: Shared,
    matching: Matching,
    dem: PathLike | Sequence[PathLike] | None,
    settings: Settings,
) -> tuple[ClassRow, ...]:
    sides = (shared.reference_area, shared.mapped_area)
    rows = [
        _row(matching, "size", f"from {size:,} m²", *(areas >= size * (1 - 1e-9) for areas in sides)) for size in _SIZES
    ]
    if dem is None:
        return tuple(rows)
    with DEM(dem, layers.grid) as terrain:
        ground = [face(side.shapes, layers.grid, terrain, settings.sun) for side in (layers.reference, layers.mapped)]
    return (*rows, *_terrain_rows(matching, ground[0], ground[1], settings.sun is not None))


def _terrain_rows(matching: Matching, reference: Facing, mapped: Facing, sun: bool) -> Iterator[ClassRow]:
    both = (reference, mapped)
    for low, high in itertools.pairwise(_SLOPES):
        name = f"{low}° to {high}°" if high < 90 else f"from {low}°"
        yield _row(matching, "slope", name, *((f.slope >= low) & (f.slope < high) for f in both))
    for number, name in enumerate(_ASPECTS):
        yield _row(matching, "aspect", name, *((((f.aspect + 45) % 360) // 90) == number for f in both))
    for least, most, name in _LIT if sun else ():
        yield _row(matching, "illumination", name, *((f.lit >= least) & (f.lit < most) for f in both))


def _row(matching: Matching, kind: str, name: str, reference: NDArray[np.bool_], mapped: NDArray[np.bool_]) -> ClassRow:
    found, right = matching.found[reference].sum(), matching.right[mapped].sum()
    return ClassRow(kind, name, int(reference.sum()), int(found), int(mapped.sum()), int(right))

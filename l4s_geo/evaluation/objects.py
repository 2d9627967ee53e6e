"""Landslides of two inventories, matched: one to one, one to many, many to one.

Two landslides are a *match* if their intersection over union reaches a threshold, and each has one match at most: of
all ways to pair them, the one with the greatest sum of IoU (optimal assignment). Beside it, a landslide counts as
*found*, or as *right*, if at least a share of its area lies in the other inventory, in however many pieces; that is
blind to splitting. Where several landslides of the inventory lie in one of the reference, this one is *split*; where
one lies over several of the reference, these are *amalgamated* (Marc & Hovius 2015, NHESS 15, 723-733).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["OUTCOMES", "Matching", "Shared", "crossing", "intersect", "match", "outcomes"]

OUTCOMES = ("hit", "split", "amalgamated", "false", "missed")
"""What can become of a landslide in a comparison."""

Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Shared:
    """Which landslides of two inventories overlap, and by how much."""

    mapped_area: NDArray[np.float64]
    """(n,) areas of the inventory's landslides, m²."""
    reference_area: NDArray[np.float64]
    """(m,) areas of the reference's landslides, m²."""
    mapped: NDArray[np.intp]
    """(k,) for each overlapping pair, the number of the inventory's landslide."""
    reference: NDArray[np.intp]
    """(k,) for each overlapping pair, the number of the reference's landslide."""
    common: NDArray[np.float64]
    """(k,) area of their intersection, m²."""
    mapped_covered: NDArray[np.float64]
    """(n,) share of each of the inventory's landslides that lies in the reference, 0 to 1."""
    reference_covered: NDArray[np.float64]
    """(m,) share of each of the reference's landslides that lies in the inventory, 0 to 1."""

    @property
    def iou(self) -> NDArray[np.float64]:
        """(k,) intersection over union of each pair."""
        union = self.mapped_area[self.mapped] + self.reference_area[self.reference] - self.common
        return self.common / union

    def among(self, mapped: int, reference: int) -> Shared:
        """Return the overlaps of the first so many landslides of each side; what covers them stays all that did."""
        kept = (self.mapped < mapped) & (self.reference < reference)
        return Shared(
            self.mapped_area[:mapped],
            self.reference_area[:reference],
            self.mapped[kept],
            self.reference[kept],
            self.common[kept],
            self.mapped_covered[:mapped],
            self.reference_covered[:reference],
        )


@dataclass(frozen=True)
class Matching:
    """How the landslides of two inventories belong together."""

    pairs: NDArray[np.intp]
    """(p, 2) numbers of the inventory's and the reference's landslides that match one to one."""
    iou: NDArray[np.float64]
    """(p,) intersection over union of each match."""
    right: NDArray[np.bool_]
    """(n,) which of the inventory's landslides lie in the reference by the least share or more."""
    found: NDArray[np.bool_]
    """(m,) which of the reference's landslides lie in the inventory by the least share or more."""
    pieces: NDArray[np.intp]
    """(m,) how many landslides of the inventory lie in each of the reference."""
    holds: NDArray[np.intp]
    """(n,) how many landslides of the reference lie in each of the inventory."""
    links: NDArray[np.intp]
    """(l, 2) the pairs that these counts are of."""


def intersect(mapped: Shapes, reference: Shapes) -> Shared:
    """Measure the overlaps of two inventories.

    Args:
        mapped: (n,) valid polygons, in metres.
        reference: (m,) valid polygons, in the same CRS.

    Returns:
        The pairs whose common area is not zero. What several landslides of one inventory cover together counts once in
        the covered shares.
    """
    first, second = shapely.STRtree(reference).query(mapped, predicate="intersects")
    pieces = shapely.intersection(mapped[first], reference[second])
    common = shapely.area(pieces)
    real = common > 0
    first, second, pieces, common = first[real], second[real], pieces[real], common[real]
    areas = shapely.area(mapped), shapely.area(reference)
    covered = (
        _covered(first, second, pieces, common, areas[0], crossing(reference)),
        _covered(second, first, pieces, common, areas[1], crossing(mapped)),
    )
    return Shared(*areas, first, second, common, *covered)


def match(shared: Shared, least_iou: float, least_share: float) -> Matching:
    """Match the landslides of two inventories.

    Args:
        shared: their overlaps.
        least_iou: intersection over union from which two are a match, above 0 and up to 1.
        least_share: share of its area from which a landslide is found or right, above 0 and up to 1; and share of the
            smaller of two that lies in the other from which they count as pieces of one another.
    """
    chosen = _assign(shared, least_iou)
    smaller = np.minimum(shared.mapped_area[shared.mapped], shared.reference_area[shared.reference])
    linked = _reaches(shared.common, least_share * smaller)
    return Matching(
        pairs=np.stack([shared.mapped[chosen], shared.reference[chosen]], axis=1),
        iou=shared.iou[chosen],
        right=_reaches(shared.mapped_covered, least_share),
        found=_reaches(shared.reference_covered, least_share),
        pieces=np.bincount(shared.reference[linked], minlength=len(shared.reference_area)),
        holds=np.bincount(shared.mapped[linked], minlength=len(shared.mapped_area)),
        links=np.stack([shared.mapped[linked], shared.reference[linked]], axis=1),
    )


def outcomes(matching: Matching) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Name what became of each landslide.

    Returns:
        (n,) and (m,), of the inventory's and the reference's landslides: "false" or "missed" if too little of it lies
        in the other inventory; else "amalgamated" if one of the inventory holds it with others, "split" if it is one
        of several pieces of, or in several pieces in, the other; else "hit".
    """
    mapped = np.where(matching.right, "hit", "false").astype("<U11")
    reference = np.where(matching.found, "hit", "missed").astype("<U11")
    first, second = matching.links.T
    for several, word in ((matching.pieces[second] > 1, "split"), (matching.holds[first] > 1, "amalgamated")):
        for names, members, true in ((mapped, first, matching.right), (reference, second, matching.found)):
            touched = np.unique(members[several])
            names[touched[true[touched]]] = word
    return mapped, reference


def _reaches(value: NDArray[np.float64], least: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Compare with room for the rounding of areas."""
    return value >= least * (1 - 1e-9)


def crossing(shapes: Shapes, least: float = 0.0) -> NDArray[np.bool_]:
    """Tell which polygons share more than so many m² with another of the same inventory: (n,) bool."""
    found = np.zeros(len(shapes), bool)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    other = first < second
    first, second = first[other], second[other]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second])) > least
    found[first[shared]] = found[second[shared]] = True
    return found


def _covered(
    ones: NDArray[np.intp],
    others: NDArray[np.intp],
    pieces: Shapes,
    common: NDArray[np.float64],
    areas: NDArray[np.float64],
    several: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Share of the area of each that pieces cover; pieces of others that cross each other are united first."""
    total = np.bincount(ones, common, minlength=len(areas))
    for one in np.unique(ones[several[others]]):
        total[one] = shapely.union_all(pieces[ones == one]).area
    return np.divide(total, areas, out=np.zeros(len(areas)), where=areas > 0)


def _assign(shared: Shared, least: float) -> NDArray[np.intp]:
    """Choose, among the pairs of at least an IoU, those of the greatest sum in which nobody is twice."""
    able = np.flatnonzero(_reaches(shared.iou, least))
    n, m = len(shared.mapped_area), len(shared.reference_area)
    if not len(able):
        return able
    first, second, iou = shared.mapped[able], shared.reference[able], shared.iou[able]
    graph: Any = coo_array((np.ones(len(able)), (first, n + second)), shape=(n + m, n + m))
    _, group = connected_components(graph, directed=False)
    group = group[first]
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    best = [part[_best(first[part], second[part], iou[part])] for part in np.split(order, bounds)]
    chosen: NDArray[np.intp] = able[np.sort(np.concatenate(best))]
    return chosen


def _best(first: NDArray[np.intp], second: NDArray[np.intp], iou: NDArray[np.float64]) -> NDArray[np.intp]:
    """Solve the assignment of one group of pairs that hang together; return which of them are chosen."""
    if len(first) == 1:
        return np.zeros(1, np.intp)
    rows, row = np.unique(first, return_inverse=True)
    cols, col = np.unique(second, return_inverse=True)
    gain = np.zeros((len(rows), len(cols)))
    which = np.full(gain.shape, -1, np.intp)
    gain[row, col], which[row, col] = iou, np.arange(len(iou))
    chosen = which[linear_sum_assignment(gain, maximize=True)]
    pairs: NDArray[np.intp] = chosen[chosen >= 0]
    return pairs

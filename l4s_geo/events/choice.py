"""Which scenes to take: those that show the area most clearly, of the right season and near the event.

A scene before the event scores by its clear share less 0.3 × how far its season is off (0 for the same day of the year,
1 for half a year away): phenology, snow and shadows change slopes more than a few clouds do. One after it scores by its
clear share less 0.1 × how late it is in the time searched. Of a tile the best scores first; another is added as long as
it shows ground clearly that those chosen do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import shapely

from l4s_geo.events.candidate import Candidate
from l4s_geo.events.ground import Ground, Mask

__all__ = ["Look", "choose", "score", "season_apart", "tiles_of"]

SEASON_WEIGHT, LATE_WEIGHT = 0.3, 0.1
LEAST_CLEAR = 0.1
"""Clear share under which a scene is not taken: all of it is cloudy."""
_ENOUGH = 0.98
_GAIN = 0.05
_TILE_GAIN = 0.01
_YEAR = 365.25


@dataclass(frozen=True)
class Look:
    """A candidate with what was seen of the ground."""

    candidate: Candidate
    part: Mask
    """(rows, cols): the area in the candidate's tile."""
    clear: Mask | None
    """(rows, cols): where it shows the ground clearly; None if it has no scene classification that could be read."""
    share: float
    """Clear share of the area in its tile, 0 to 1: counted, or from the cloud cover of the whole scene."""
    score: float = 0.0


def season_apart(day: date, other: date) -> float:
    """Return how far two days are apart in the course of the year: 0 for the same day, 1 for half a year.

    Args:
        day: a day of any year.
        other: another.
    """
    off = abs(day.timetuple().tm_yday - other.timetuple().tm_yday)
    return min(off, _YEAR - off) / (_YEAR / 2)


def score(share: float, when: datetime, first: date, last: date, after_days: int) -> float:
    """Return what a scene is worth; see the module.

    Args:
        share: its clear share, 0 to 1.
        when: when it was taken.
        first: first day of the event.
        last: its last day.
        after_days: days after the event that were searched.
    """
    day = when.date()
    if day < first:
        return share - SEASON_WEIGHT * season_apart(day, first)
    return share - LATE_WEIGHT * (day - last).days / max(after_days, 1)


def choose(looks: Sequence[Look], most: int) -> list[Look]:
    """Choose scenes of one tile and one side of the event.

    Args:
        looks: what there is.
        most: number of scenes to take at most.

    Returns:
        The chosen ones, the best first; none if all are cloudy.
    """
    best = sorted(looks, key=lambda look: (-look.score, look.candidate.name))
    chosen: list[Look] = []
    known, covered = np.zeros(0, bool), 0.0
    for look in best:
        if len(chosen) >= most or covered >= _ENOUGH or look.share < LEAST_CLEAR:
            continue
        if look.clear is None:
            gain = look.share * (1 - covered)  # clouds of two dates lie where they lie, apart from each other
        else:
            size = max(int(look.part.sum()), 1)
            fresh = look.clear & look.part if not known.size else look.clear & look.part & ~known
            gain = float(fresh.sum()) / size
        if chosen and gain < _GAIN:
            continue
        chosen.append(look)
        covered += gain
        if look.clear is not None:
            known = look.clear & look.part if not known.size else known | (look.clear & look.part)
    return chosen


def tiles_of(candidates: Sequence[Candidate], ground: Ground) -> dict[str, Mask]:
    """Find the tiles that are needed to see the area, and which part of it each shows.

    Tiles overlap by 10 km, so that a small area may lie in four of them; those that add less than a hundredth of it are
    left aside.

    Returns:
        (rows, cols) masks by the tile's name, the largest part first.
    """
    shapes: dict[str, list[shapely.Geometry]] = {}
    for candidate in candidates:
        shapes.setdefault(candidate.tile, []).append(candidate.footprint)
    parts = {tile: ground.part(shapely.union_all(found)) for tile, found in shapes.items()}
    needed: dict[str, Mask] = {}
    covered = np.zeros_like(ground.inside)
    while parts:
        tile = max(parts, key=lambda name: (int((parts[name] & ~covered).sum()), name))
        part = parts.pop(tile)
        if ground.share(part & ~covered) < (_TILE_GAIN if needed else 1e-9):
            break
        needed[tile] = part
        covered = covered | part
    return needed

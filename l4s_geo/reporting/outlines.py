"""Outlines and attributes as short texts: whole numbers, as differences, in the letters of Google's encoded polylines.

A page with 10,000 outlines of pixel steps takes half a megabyte for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from l4s_geo.grid import PIXEL

__all__ = ["Outlines", "draw_outlines", "encode"]

_TOLERANCES = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0)
_ON_LATTICE = 0.3
_CHUNKS = 7


@dataclass(frozen=True)
class Outlines:
    """Outlines of polygons as texts that `encode` wrote."""

    unit: float
    """Metres that a whole number of the coordinates stands for."""
    points: str
    """x, y of all points as differences from the point before, y downwards; rings are not closed."""
    rings: str
    """Number of points of each ring; a part's first ring is its outer one."""
    parts: str
    """Number of rings of each part."""
    shapes: str
    """Number of parts of each polygon."""
    tolerance: float
    """Metres to which outlines were simplified; 0 if they were not."""

    @property
    def size(self) -> int:
        """Bytes that they take."""
        return sum(map(len, (self.points, self.rings, self.parts, self.shapes)))


def draw_outlines(shapes: NDArray[np.object_], corner: tuple[float, float], budget: int) -> Outlines:
    """Encode polygons, simplified as far as it takes to fit.

    Args:
        shapes: (n,) polygons and multipolygons, none empty.
        corner: x and y of the upper left corner from which coordinates count.
        budget: most bytes; if even outlines simplified to 160 m do not fit, these are returned.
    """
    for tolerance in _TOLERANCES:
        drawn = shapely.simplify(shapes, tolerance) if tolerance else shapes
        outlines = _drawn(np.where(shapely.is_empty(drawn), shapes, drawn), corner, tolerance)
        if outlines.size <= budget:
            break
    return outlines


def encode(values: NDArray[np.int64]) -> str:
    """Write whole numbers of less than 2**33 as text: five bits a letter, the lowest first, the sign in the lowest."""
    zigzag = (values << 1) ^ (values >> 63)
    shifted = zigzag[:, None] >> (5 * np.arange(_CHUNKS + 1))
    more = shifted[:, 1:] > 0
    letters = (shifted[:, :-1] & 31) + 32 * more + 63
    kept = np.concatenate([np.ones((len(values), 1), bool), more[:, :-1]], axis=1)
    return str(letters[kept].astype(np.uint8).tobytes(), "ascii")


def _drawn(shapes: NDArray[np.object_], corner: tuple[float, float], tolerance: float) -> Outlines:
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    closing = np.append(ring[1:] != ring[:-1], True) if len(ring) else np.zeros(0, bool)
    points, ring = points[~closing], ring[~closing]
    away = (points - corner) * (1, -1)
    near = np.abs(away / PIXEL - np.round(away / PIXEL)) * PIXEL
    unit = PIXEL if len(near) and near.max() <= _ON_LATTICE else 1.0
    whole = np.round(away / unit).astype(np.int64)
    return Outlines(
        unit=unit,
        points=encode(np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64)).ravel()),
        rings=encode(np.bincount(ring, minlength=len(rings)).astype(np.int64)),
        parts=encode(np.bincount(part, minlength=len(parts)).astype(np.int64)),
        shapes=encode(np.bincount(owner, minlength=len(shapes)).astype(np.int64)),
        tolerance=tolerance,
    )

"""Small pictures of the largest landslides, each with its outline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from l4s_geo.grid import PIXEL, Grid, Window
from l4s_geo.reporting.imagery import Reduced, webp
from l4s_geo.reporting.landslides import Landslides
from l4s_geo.reporting.page import Figure
from l4s_geo.reporting.view import View

__all__ = ["thumbnails"]

_SIDE = 224
_AROUND = 0.3
_LEAST_AROUND = 160.0
_QUALITY = 80


def thumbnails(largest: Landslides, view: View, reduced: Sequence[Reduced]) -> Iterator[Figure]:
    """Return landslides, each with its outline on a small picture of each date.

    Args:
        largest: the landslides, in the CRS of the view's grid.
        view: the ground and its scenes.
        reduced: the scenes as they are shown, the later one first.
    """
    positions = largest.positions()
    cameras = [camera for camera in (view.after, view.before) if camera]
    for number, shape in enumerate(largest.shapes):
        window = _around(shape, view.grid)
        pictures = []
        step = 1
        if window is not None:
            step = max(1, round(max(window.height, window.width) / _SIDE))
            for camera, look in zip(cameras, reduced, strict=True):
                pictures.append(webp(look.show(camera.read(window))[::step, ::step], quality=_QUALITY))
        yield Figure(
            number=number,
            id=int(largest.ids[number]),
            area=float(largest.area[number]),
            confidence=str(largest.words["confidence"][number]) if "confidence" in largest.words else "",
            slope=float(largest.number("slope_mean_deg")[number]),
            position=None if positions is None else (float(positions[number, 1]), float(positions[number, 0])),
            pictures=tuple(pictures[::-1]),
            size=(window.width, window.height) if window is not None else (1, 1),
            path=_path(shape, view.grid, window) if window is not None else "",
        )


def _around(shape: shapely.Geometry, grid: Grid) -> Window | None:
    """A square of the grid around a polygon, cut to the grid; None if it lies outside."""
    west, south, east, north = shape.bounds
    half = max(east - west, north - south) / 2
    half += max(half * _AROUND, _LEAST_AROUND)
    x, y = (west + east) / 2, (south + north) / 2
    (c0, r0), (c1, r1) = (~grid.transform @ corner for corner in ((x - half, y + half), (x + half, y - half)))
    row, col = max(0, int(np.floor(r0))), max(0, int(np.floor(c0)))
    height, width = min(grid.height, int(np.ceil(r1))) - row, min(grid.width, int(np.ceil(c1))) - col
    return Window(row, col, height, width) if height > 1 and width > 1 else None


def _path(shape: shapely.Geometry, grid: Grid, window: Window) -> str:
    """A polygon as the path of an SVG, in pixels of a window."""
    rings: list[str] = []
    for ring in shapely.get_rings(shapely.get_parts(shape)):
        points: NDArray[np.float64] = shapely.get_coordinates(ring)
        columns = (points[:, 0] - grid.transform.c) / PIXEL - window.col
        rows = (grid.transform.f - points[:, 1]) / PIXEL - window.row
        rings.append("M" + "L".join(f"{c:.1f} {r:.1f}" for c, r in zip(columns[:-1], rows[:-1], strict=True)) + "Z")
    return "".join(rings)

"""Flow over a raster: depressions filled, each cell drains to its steepest neighbour (D8)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Flow", "accumulate", "fill_depressions", "route"]

_STEPS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True)
class Flow:
    """Where the water of each cell goes (flat indices)."""

    receiver: NDArray[np.intp]
    """(cells,) the cell below; a cell that keeps its water names itself."""
    distance: NDArray[np.float64]
    """(cells,) distance to the receiver, in cells (1 for cells that keep their water)."""
    levels: tuple[NDArray[np.intp], ...]
    """Cells by the number of steps to their outlet, outlets first."""


def route(z: NDArray[np.floating]) -> Flow:
    """Send each cell's water to its steepest lower neighbour.

    Args:
        z: (rows, cols) elevation, m. The border lets no water out; pits keep theirs.
    """
    rows, cols = z.shape
    padded = np.pad(np.asarray(z, np.float64), 1, constant_values=np.inf)
    index = np.arange(rows * cols).reshape(rows, cols)
    steepest = np.zeros((rows, cols))
    receiver = index.copy()
    distance = np.ones((rows, cols))
    for dr, dc in _STEPS:
        step = float(np.hypot(dr, dc))
        fall = (z - padded[1 + dr : 1 + dr + rows, 1 + dc : 1 + dc + cols]) / step
        better = fall > steepest
        steepest[better] = fall[better]
        receiver[better] = index[better] + dr * cols + dc
        distance[better] = step
    flat = receiver.ravel()
    return Flow(flat, distance.ravel(), _levels(flat))


def _levels(receiver: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
    """Group cells by the number of steps to their outlet, by pointer doubling."""
    depth = (receiver != np.arange(receiver.size)).astype(np.int64)
    jump = receiver.copy()
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            break
        depth += depth[jump]
        jump = further
    order = np.argsort(depth, kind="stable")
    return tuple(np.split(order, np.flatnonzero(np.diff(depth[order])) + 1))


def accumulate(flow: Flow) -> NDArray[np.float64]:
    """Count the cells that drain through each cell, itself included: (cells,) float64."""
    area = np.ones(flow.receiver.size)
    for cells in reversed(flow.levels[1:]):
        np.add.at(area, flow.receiver[cells], area[cells])
    return area


def fill_depressions(
    z: NDArray[np.floating], outlets: NDArray[np.bool_] | None = None, rise: float = 1e-3
) -> NDArray[np.float64]:
    """Raise pits until every cell drains to an outlet (priority flood, Barnes et al. 2014).

    Args:
        z: (rows, cols) elevation, m.
        outlets: (rows, cols) bool, cells where water leaves; the border by default.
        rise: least fall between neighbours that is left on filled ground, m.
    """
    rows, cols = z.shape
    filled = np.asarray(z, np.float64).ravel().tolist()
    if outlets is None:
        outlets = np.zeros((rows, cols), bool)
        outlets[[0, -1], :] = outlets[:, [0, -1]] = True
    done = bytearray(outlets.ravel().tobytes())
    queue = [(filled[i], i) for i in np.flatnonzero(outlets).tolist()]
    heapq.heapify(queue)
    steps = [dr * cols + dc for dr, dc in _STEPS]
    while queue:
        level, i = heapq.heappop(queue)
        for step in steps:
            j = i + step
            # Flat indices wrap around at the border; neighbours never lie more than a column apart.
            if not 0 <= j < len(filled) or done[j] or abs(j % cols - i % cols) > 1:
                continue
            done[j] = 1
            if filled[j] <= level:
                filled[j] = level + rise
            heapq.heappush(queue, (filled[j], j))
    return np.array(filled).reshape(rows, cols)

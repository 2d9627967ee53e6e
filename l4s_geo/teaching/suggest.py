"""Where to look next: windows whose labels would teach most, spread over the ground and over the kinds of doubt.

Two kinds: the trees cannot decide there (uncertainty sampling, Lewis and Gale, 1994), or trees and networks decide
differently, so that one of them is wrong (query by committee, Seung et al., 1992). Windows are taken in turn from both,
the most doubtful first, none beside one that was taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from l4s_geo.errors import OutputError
from l4s_geo.grid import Grid, Window
from l4s_geo.output.geopackage import SUGGESTIONS
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.output.staging import staged
from l4s_geo.teaching.labels import Labels

__all__ = ["Suggestion", "suggest", "write_suggestions"]

SIDE = 64
"""Side of a window, pixels."""

_UNDECIDED = "the taught bundle cannot decide"
_AT_ODDS = "the taught bundle and its base decide differently"
_MAPPED = 0.5
_LABELLED = 0.1
_STEEP = 2.0
_APART = (4, 2, 1)
"""Windows between two that are taken, counted by sides; the last is used when nothing else is left."""
_CLIP = 1e-4


@dataclass(frozen=True)
class Suggestion:
    """A window to look at."""

    window: Window
    """Where it is on the scene's grid."""
    reason: str
    """What kind of doubt there is."""
    doubt: float
    """How much: the share of its pixels in doubt, 0 to 1."""


def suggest(
    count: int, labels: Labels, judged: ScratchRaster, base: ScratchRaster, threshold: float, base_threshold: float
) -> list[Suggestion]:
    """Choose windows.

    Args:
        count: how many; there may be fewer on a small scene.
        labels: what has been labelled already, which is left out.
        judged: what the taught bundle says.
        base: what its base says.
        threshold: probability from which the taught bundle counts a pixel as landslide.
        base_threshold: the same for the base.
    """
    found = list(_doubts(labels, judged, base, threshold, base_threshold))
    ranked = {
        reason: sorted((s for s in found if s.reason == reason), key=lambda s: -s.doubt)
        for reason in (_UNDECIDED, _AT_ODDS)
    }
    chosen: list[Suggestion] = []
    for apart in _APART:
        left = {reason: iter(list(some)) for reason, some in ranked.items()}
        while left and len(chosen) < count:
            for reason in list(left):
                following = next((s for s in left[reason] if all(_far(s, c, apart) for c in chosen)), None)
                if following is None or following.doubt <= 0:
                    del left[reason]
                elif len(chosen) < count:
                    chosen.append(following)
    return chosen


def write_suggestions(found: list[Suggestion], grid: Grid, path: Path) -> None:
    """Write windows as a layer of polygons, the most doubtful first, with number, reason and doubt.

    Raises:
        OutputError: the file cannot be written.
    """
    import geopandas as gpd
    import pyogrio
    from pyogrio.errors import DataSourceError

    shapes = [shapely.box(*grid.part(s.window).bounds) for s in found]
    columns = {
        "number": list(range(1, len(found) + 1)),
        "reason": [s.reason for s in found],
        "doubt": [round(s.doubt, 3) for s in found],
    }
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=None if grid.is_local else grid.crs.to_wkt())
    with staged(path) as (part,):
        try:
            pyogrio.write_dataframe(frame, part, layer=SUGGESTIONS, driver="GPKG")
        except DataSourceError as error:
            raise OutputError(
                f"{path} cannot be written ({error}); make room and run the same command again."
            ) from error


def _doubts(
    labels: Labels, judged: ScratchRaster, base: ScratchRaster, threshold: float, base_threshold: float
) -> Iterator[Suggestion]:
    """Measure both kinds of doubt in every window that is mapped and not labelled yet."""
    reader, grid = labels.reader(), labels.grid
    for strip in grid.rows(SIDE):
        chance, before = judged.read(strip)[0], base.read(strip)[0]
        for col in range(0, grid.width, SIDE):
            window = Window(strip.row, col, strip.height, min(SIDE, grid.width - col))
            part = slice(col, col + window.width)
            mapped = np.isfinite(chance[:, part])
            drawn = reader.read(window)
            if mapped.mean() < _MAPPED or (drawn.landslide | drawn.background).mean() > _LABELLED:
                continue
            here, there = chance[:, part][mapped], before[:, part][mapped]
            off = np.abs(_logit(here) - _logit(np.float32(threshold)))
            yield Suggestion(window, _UNDECIDED, float(np.maximum(1 - off / _STEEP, 0).mean()))
            yield Suggestion(window, _AT_ODDS, float(((here >= threshold) != (there >= base_threshold)).mean()))


def _logit(chance: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    sure = np.clip(chance, _CLIP, 1 - _CLIP)
    out: NDArray[np.float32] = np.log(sure / (1 - sure))
    return out


def _far(one: Suggestion, other: Suggestion, apart: int) -> bool:
    distance = max(abs(one.window.row - other.window.row), abs(one.window.col - other.window.col))
    return distance >= apart * SIDE

"""The elevations of an event, and where each file of them lies, so that a unit is given no more than its own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from glob import glob, has_magic

from l4s_geo.address import is_network
from l4s_geo.errors import EventError, TerrainError
from l4s_geo.events.scene_facts import Bounds, ground_of
from l4s_geo.sources.rasters import grid_of, opened
from l4s_geo.stack.open import gdal_settings

__all__ = ["elevations"]

_COPERNICUS = re.compile(r"_([NS])(\d\d)_\d\d_([EW])(\d{3})_\d\d")
"""In names of Copernicus' and NASA's tiles: the degrees of the corner in the southwest."""


def elevations(given: Sequence[str], where: str) -> dict[str, Bounds | None]:
    """Return the files and addresses that elevations are given as, with the ground of each.

    Args:
        given: files, patterns, STAC items.
        where: begins the messages.

    Returns:
        The ground by path or address, in degrees; None where nothing short of asking a network tells it.

    Raises:
        EventError: a file or a pattern leads nowhere.
        TerrainError: a file is no raster.
    """
    found: dict[str, Bounds | None] = {}
    for path in given:
        several = has_magic(path) and not is_network(path) and not os.path.exists(path)
        files = sorted(glob(path)) if several else [path]
        if not files:
            raise EventError(f"{where}: dem names {path}, which stands for no file; correct the pattern.")
        found |= {file: _ground(file, where) for file in files}
    return found


def _ground(path: str, where: str) -> Bounds | None:
    if is_network(path) or path.endswith(".json"):
        if match := _COPERNICUS.search(path):
            south = int(match[2]) * (1 if match[1] == "N" else -1)
            west = int(match[4]) * (1 if match[3] == "E" else -1)
            return float(west), float(south), float(west + 1), float(south + 1)
        return None
    if not path.startswith("/vsi") and ':"' not in path and not os.path.exists(path):
        raise EventError(
            f"{where}: dem names {path}, which does not exist; correct the path, which counts from the file."
        )
    with gdal_settings(), opened(path, "DEM", TerrainError) as dataset:
        if dataset.crs is None:
            return None  # the unit that uses it says so
        return ground_of(grid_of(dataset, "DEM", TerrainError))

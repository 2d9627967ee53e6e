"""Patches cut from a scene: windows of the mapping grid with the landslides of an inventory drawn on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize

from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import DataError
from l4s_geo.grid import Grid, Window
from l4s_geo.sources.vectors import read_polygons
from l4s_geo.stack.stack import Stack

__all__ = ["SIDE", "Cut", "Cutting", "cut", "landslide_mask", "require_bands"]

SIDE = 128
"""Rows and columns of a patch."""


@dataclass(frozen=True)
class Cutting:
    """Which windows become patches."""

    overlap: int = 0
    """Pixels that neighbouring windows share. With none, no ground stands in two patches."""
    min_valid: float = 1.0
    """Least share of a window's pixels that is valid in all bands."""
    landslides_only: bool = False
    """Whether windows without a landslide pixel are left out."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < SIDE:
            raise DataError(f"The overlap is {self.overlap}; expected 0 to {SIDE - 1} pixels.")
        if not 0 < self.min_valid <= 1:
            raise DataError(f"The least valid share is {self.min_valid}; expected above 0 and at most 1.")


@dataclass(frozen=True)
class Cut:
    """One patch, and where it is from."""

    window: Window
    """Where it lies on the mapping grid."""
    raw: NDArray[np.float32]
    """(bands, SIDE, SIDE) raw values: digital numbers, degrees, metres; NaN where a pixel is not valid in all bands."""
    mask: NDArray[np.bool_]
    """(SIDE, SIDE), True where there is a landslide; False where there is no data."""

    @property
    def valid_share(self) -> float:
        """Share of valid pixels."""
        return float(np.isfinite(self.raw[0]).mean())


def require_bands(stack: Stack, bands: tuple[str, ...]) -> None:
    """Check that a scene has the bands wanted.

    Raises:
        DataError: some are missing.
    """
    missing = [band for band in bands if band not in stack.bands]
    if not missing:
        return
    advice = "give a DEM with --dem" if set(missing) <= {"slope", "DEM"} else "name those wanted with --write-bands"
    raise DataError(
        f"The scene {stack.scene.name} lacks {', '.join(missing)} and has {', '.join(stack.bands)}; "
        + ("patches of Landslide4Sense need all 14 bands, so " if bands == BANDS else "")
        + f"{advice}."
    )


def landslide_mask(inventory: str | os.PathLike[str], grid: Grid) -> NDArray[np.bool_]:
    """Draw an inventory on a grid.

    Args:
        inventory: a vector file of polygons in any CRS; ``FILE|layername=NAME`` if it has several layers.
        grid: the mapping grid.

    Returns:
        (rows, cols) bool, True where the centre of a pixel lies inside a landslide.

    Raises:
        DataError: it cannot be read, has no CRS, holds no polygon, or none of them meets the grid.
    """
    shapes = read_polygons(inventory, grid, "inventory", DataError)
    if not len(shapes):
        raise DataError(
            f"None of the polygons of {os.fspath(inventory)} lies in the scene; give the scene's inventory, or --empty "
            "for a scene without landslides."
        )
    drawn: NDArray[np.uint8] = rasterize(shapes, grid.shape, transform=grid.transform, dtype="uint8")
    return drawn.astype(bool)


def cut(stack: Stack, bands: tuple[str, ...], landslides: NDArray[np.bool_] | None, how: Cutting) -> Iterator[Cut]:
    """Cut a scene into patches, row by row.

    Args:
        stack: the scene, which has these bands.
        bands: bands of the patches.
        landslides: (rows, cols) bool on the mapping grid; None if there are none.
        how: which windows are kept.

    Raises:
        DataError: the scene is smaller than a patch.
        SceneError: a file cannot be read to its end.
    """
    area = stack.area.window() if stack.area else stack.grid.whole
    if min(area.height, area.width) < SIDE:
        raise DataError(
            f"The scene {stack.scene.name} has {area.height} x {area.width} pixels of 10 m; expected at least {SIDE} x "
            f"{SIDE}, one patch."
        )
    step = SIDE - how.overlap
    scale = scale_of(bands).astype(np.float32)[:, None, None]
    for row in range(area.row, area.row + area.height - SIDE + 1, step):
        for col in range(area.col, area.col + area.width - SIDE + 1, step):
            window = Window(row, col, SIDE, SIDE)
            mask = np.zeros((SIDE, SIDE), bool) if landslides is None else landslides[window.slices]
            if how.landslides_only and not mask.any():
                continue
            raw = stack.read(bands, window) * scale
            if stack.area:
                raw[:, ~stack.area.read(window)] = np.nan
            valid = np.isfinite(raw).all(0)
            raw[:, ~valid] = np.nan
            mask = mask & valid
            if valid.mean() >= how.min_valid and (mask.any() or not how.landslides_only):
                yield Cut(window, raw, mask)

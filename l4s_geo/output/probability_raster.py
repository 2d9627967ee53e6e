"""A raster of probabilities, of their spread or of a change on disk: a Cloud Optimized GeoTIFF, styled for QGIS.

The values and their overviews are laid out as plain tiles first, in one pass over the strips, for GDAL to copy: left to
make the overviews, it takes three times as long over them as over the raster itself.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from l4s_geo.grid import Grid, Window
from l4s_geo.output.cog import add_source, vrt, write_cog
from l4s_geo.output.geotiff import create
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.output.siblings import RASTERS
from l4s_geo.output.style import style, write_style

__all__ = ["SUFFIXES", "RasterLayer", "halve", "write_surface"]

SUFFIXES = RASTERS
"""Suffixes that a raster may have."""

RasterLayer = Literal["probability", "spread", "change"]

_LAYERS: dict[RasterLayer, tuple[int, str]] = {
    "probability": (0, "probability of landslide"),
    "spread": (1, "standard deviation of the probability of landslide"),
    "change": (0, "change of the vegetation, negative where it was lost"),
}
_STRIP = _TILE = 512


def write_surface(
    layers: ScratchRaster, window: Window, grid: Grid, path: Path, provenance: Mapping[str, Any], kind: RasterLayer
) -> None:
    """Write a raster of probabilities, of their spread or of a change.

    Args:
        layers: probability and spread, or the change; NaN where nothing is known.
        window: the part of them to write.
        grid: the grid of all of them.
        path: where to write.
        provenance: facts about the run; JSON-serialisable, kept in the file's metadata.
        kind: which of them.

    Raises:
        OSError: the file cannot be written.
    """
    layer, description = _LAYERS[kind]
    part = grid.part(window)
    strips = part.rows(_STRIP)
    values = (layers.read(Window(s.row + window.row, window.col, s.height, s.width))[layer] for s in strips)
    with TemporaryDirectory(prefix=f"{kind}-", dir=layers.path.parent) as name:
        root = vrt(part, provenance)
        band = ET.SubElement(root, "VRTRasterBand", dataType="Float32", band="1")
        ET.SubElement(band, "Description").text = description
        ET.SubElement(band, "NoDataValue").text = "nan"
        for number, file in enumerate(_write_levels(values, part, Path(name))):
            add_source(band, "Overview" if number else "SimpleSource", file.name)
        source = Path(name) / f"{kind}.vrt"
        source.write_text(ET.tostring(root, encoding="unicode"), encoding="utf-8")
        # Noise in the last digits: higher levels and predictors take longer and gain 4 %.
        write_cog(source, path, compress="DEFLATE", level=1)
    write_style(path, style(kind))


def halve(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the mean of each 2 × 2 pixels, of those of them that are known.

    Args:
        values: (rows, cols) float32, NaN where unknown.

    Returns:
        (rows / 2, cols / 2) float32, rounded up; NaN where all four are unknown.
    """
    rows, cols = (size % 2 for size in values.shape)
    if rows or cols:
        values = np.pad(values, ((0, rows), (0, cols)), constant_values=np.nan)
    four = [values[row::2, col::2] for row in (0, 1) for col in (0, 1)]
    mean: NDArray[np.float32] = (four[0] + four[1] + four[2] + four[3]) * np.float32(0.25)
    gaps = np.nonzero(np.isnan(mean))
    around = np.stack([pixels[gaps] for pixels in four])
    known = np.isfinite(around)
    with np.errstate(invalid="ignore"):
        mean[gaps] = np.where(known, around, 0).sum(axis=0) / known.sum(axis=0)
    return mean


def _write_levels(strips: Iterable[NDArray[np.float32]], grid: Grid, folder: Path) -> list[Path]:
    """Write values, and what they are at a half, a quarter … of the resolution, until it fits into one tile."""
    grids = [grid]
    while max(grids[-1].shape) > _TILE:
        height, width = (-(-size // 2) for size in grids[-1].shape)
        grids.append(Grid(grid.crs, grid.transform @ Affine.scale(2 ** len(grids)), height, width))
    paths = [folder / f"{number}.tif" for number in range(len(grids))]
    layout: dict[str, Any] = {"nodata": np.nan, "tiled": True, "blockxsize": _TILE, "blockysize": _TILE}
    with ExitStack() as files:
        levels = [files.enter_context(create(p, g, "float32", **layout)) for p, g in zip(paths, grids, strict=True)]
        rows = [0] * len(levels)
        for values in strips:
            for number, level in enumerate(levels):
                values = halve(values) if number else values
                level.write(values, 1, window=((rows[number], rows[number] + len(values)), (0, values.shape[1])))
                rows[number] += len(values)
    return paths

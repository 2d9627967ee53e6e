"""A raster of probabilities or of their spread on disk: a Cloud Optimized GeoTIFF, styled for QGIS.

GDAL sees the values where they lie, through a VRT. Its overviews are made here, strip by strip: GDAL would take three
times as long over them as over the raster itself.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from l4s_geo.grid import Grid, Window
from l4s_geo.output.cog import vrt, write_cog
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.output.style import style

__all__ = ["SUFFIXES", "RasterLayer", "halve", "write_surface"]

SUFFIXES = (".tif", ".tiff")
"""Suffixes that a raster may have."""

RasterLayer = Literal["probability", "spread"]

_LAYERS: dict[RasterLayer, tuple[int, str]] = {
    "probability": (0, "probability of landslide"),
    "spread": (1, "standard deviation of the probability of landslide"),
}
_STRIP = _TILE = 512


def write_surface(
    layers: ScratchRaster, window: Window, grid: Grid, path: Path, provenance: Mapping[str, Any], kind: RasterLayer
) -> None:
    """Write a raster of probabilities or of their spread.

    Args:
        layers: both, NaN where nothing was mapped.
        window: the part of them to write.
        grid: the grid of all of them.
        path: where to write.
        provenance: facts about the run; JSON-serialisable, kept in the file's metadata.
        kind: which of the two.

    Raises:
        OSError: the file cannot be written.
    """
    layer, description = _LAYERS[kind]
    part = grid.part(window)
    with TemporaryDirectory(prefix=f"{kind}-", dir=layers.path.parent) as name:
        levels = []
        for number, file in enumerate(_overviews(layers, layer, window, part, Path(name)), start=1):
            smaller = Grid(part.crs, part.transform @ Affine.scale(2**number), file.height, file.width)
            root = vrt(smaller, {})
            _add_band(root, file, 0, smaller.whole)
            levels.append(_save(root, file.path))
        root = vrt(part, provenance)
        band = _add_band(root, layers, layer, window)
        ET.SubElement(band, "Description").text = description
        for level in levels:
            overview = ET.SubElement(band, "Overview")
            ET.SubElement(overview, "SourceFilename", relativeToVRT="1").text = level.name
            ET.SubElement(overview, "SourceBand").text = "1"
        # Noise in the last digits: higher levels and predictors take longer and gain 4 %.
        write_cog(_save(root, Path(name) / kind), path, compress="DEFLATE", level=1)
    path.with_suffix(".qml").write_text(style(kind), encoding="utf-8")


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


def _overviews(layers: ScratchRaster, layer: int, window: Window, grid: Grid, folder: Path) -> list[ScratchRaster]:
    """Write a layer at a half, a quarter … of its resolution, until it fits into one tile."""
    height, width = grid.shape
    files: list[ScratchRaster] = []
    while max(height, width) > _TILE:
        height, width = -(-height // 2), -(-width // 2)
        files.append(ScratchRaster(folder / f"{len(files)}.f32", 1, width))
    for strip in grid.rows(_STRIP) if files else ():
        values = layers.read(Window(strip.row + window.row, window.col, strip.height, strip.width))[layer]
        for file in files:
            values = halve(values)
            file.append(values[np.newaxis])
    return files


def _add_band(root: ET.Element, file: ScratchRaster, layer: int, window: Window) -> ET.Element:
    """Add to a VRT the values of a window of one layer, where they lie."""
    band = ET.SubElement(root, "VRTRasterBand", dataType="Float32", band="1", subClass="VRTRawRasterBand")
    ET.SubElement(band, "NoDataValue").text = "nan"
    ET.SubElement(band, "SourceFilename", relativeToVRT="0").text = str(file.path)
    line = 4 * file.bands * file.width
    start = window.row * line + 4 * (layer * file.width + window.col)
    for name, value in (("ImageOffset", start), ("PixelOffset", 4), ("LineOffset", line)):
        ET.SubElement(band, name).text = str(value)
    ET.SubElement(band, "ByteOrder").text = "LSB" if sys.byteorder == "little" else "MSB"
    return band


def _save(root: ET.Element, path: Path) -> Path:
    """Write a VRT under a name, with its suffix."""
    path = path.with_suffix(".vrt")
    path.write_text(ET.tostring(root, encoding="unicode"), encoding="utf-8")
    return path

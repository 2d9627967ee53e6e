"""A raster of probabilities or of their spread on disk: a Cloud Optimized GeoTIFF, styled for QGIS."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from l4s_geo.cog import vrt, write_cog
from l4s_geo.grid import Grid, Window
from l4s_geo.inventory import style
from l4s_geo.rowfile import RowFile

__all__ = ["SUFFIXES", "Kind", "write_surface"]

SUFFIXES = (".tif", ".tiff")

Kind = Literal["probability", "spread"]

_KINDS: dict[Kind, tuple[int, str]] = {
    "probability": (0, "probability of landslide"),
    "spread": (1, "standard deviation of the probability of landslide"),
}


def write_surface(
    layers: RowFile, window: Window, grid: Grid, path: Path, provenance: Mapping[str, Any], kind: Kind
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
    view = layers.path.with_name(f"{kind}.vrt")
    view.write_text(_view(layers, window, grid.part(window), provenance, kind), encoding="utf-8")
    try:
        # Noise in the last digits: higher levels and predictors take longer and gain 4 %.
        write_cog(view, path, compress="DEFLATE", level=1)
    finally:
        view.unlink(missing_ok=True)
    path.with_suffix(".qml").write_text(style(kind), encoding="utf-8")


def _view(layers: RowFile, window: Window, grid: Grid, provenance: Mapping[str, Any], kind: Kind) -> str:
    """A VRT that lets GDAL see a window of one layer where it lies, without a copy."""
    layer, description = _KINDS[kind]
    root = vrt(grid, provenance)
    band = ET.SubElement(root, "VRTRasterBand", dataType="Float32", band="1", subClass="VRTRawRasterBand")
    ET.SubElement(band, "Description").text = description
    ET.SubElement(band, "NoDataValue").text = "nan"
    ET.SubElement(band, "SourceFilename", relativeToVRT="1").text = layers.path.name
    line = 4 * layers.bands * layers.width
    start = window.row * line + 4 * (layer * layers.width + window.col)
    for name, value in (("ImageOffset", start), ("PixelOffset", 4), ("LineOffset", line)):
        ET.SubElement(band, name).text = str(value)
    ET.SubElement(band, "ByteOrder").text = "LSB" if sys.byteorder == "little" else "MSB"
    return ET.tostring(root, encoding="unicode")

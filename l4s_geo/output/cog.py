"""Cloud Optimized GeoTIFFs, copied from VRTs that put GeoTIFFs together."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from l4s_geo.grid import Grid
from l4s_geo.output.geotiff import check_whole

__all__ = ["add_source", "vrt", "write_cog"]


def vrt(grid: Grid, facts: Mapping[str, Any]) -> ET.Element:
    """Begin a VRT on a grid, without bands, with JSON-serialisable facts in its metadata."""
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    ET.SubElement(root, "SRS").text = grid.crs.to_wkt()
    ET.SubElement(root, "GeoTransform").text = ", ".join(repr(v) for v in grid.transform.to_gdal())
    metadata = ET.SubElement(root, "Metadata")
    ET.SubElement(metadata, "MDI", key="l4s").text = json.dumps(dict(facts))
    return root


def add_source(band: ET.Element, kind: Literal["SimpleSource", "Overview"], file: str, index: int = 1) -> ET.Element:
    """Add to a VRT's band where values come from: a band of a file beside the VRT."""
    source = ET.SubElement(band, kind)
    ET.SubElement(source, "SourceFilename", relativeToVRT="1").text = file
    ET.SubElement(source, "SourceBand").text = str(index)
    return source


def write_cog(source: Path, path: Path, **options: Any) -> None:
    """Copy a raster to a Cloud Optimized GeoTIFF.

    Args:
        source: what GDAL can read.
        path: where to write.
        options: of GDAL's COG driver.

    Raises:
        OSError: it cannot be written, or not all of it.
    """
    shared = {"bigtiff": "IF_SAFER", "overview_resampling": "AVERAGE", "num_threads": "ALL_CPUS"}
    try:
        rasterio.shutil.copy(source, path, driver="COG", **shared, **options)
    except (RasterioError, CPLE_BaseError, SystemError) as error:  # depends on what GDAL says, and whether it does
        raise OSError(str(error.__cause__ or error)) from error
    check_whole(path)

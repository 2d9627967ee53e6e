"""A probability raster on disk: a Cloud Optimized GeoTIFF, styled for QGIS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from l4s_geo.grid import Grid
from l4s_geo.inventory import style

__all__ = ["SUFFIXES", "write_probability"]

SUFFIXES = (".tif", ".tiff")


def write_probability(probability: NDArray[np.float32], grid: Grid, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write a probability raster.

    Args:
        probability: (rows, cols) float32, NaN where nothing was mapped.
        grid: its grid.
        path: where to write.
        provenance: facts about the run; JSON-serialisable, kept in the file's metadata.
    """
    try:
        with rasterio.open(
            path,
            "w",
            driver="COG",
            dtype="float32",
            count=1,
            height=grid.height,
            width=grid.width,
            crs=grid.crs,
            transform=grid.transform,
            nodata=np.nan,
            compress="DEFLATE",
            predictor="FLOATING_POINT",
            overview_resampling="AVERAGE",
            num_threads="ALL_CPUS",
            bigtiff="IF_SAFER",
        ) as dataset:
            dataset.write(probability, 1)
            dataset.set_band_description(1, "probability of landslide")
            dataset.update_tags(l4s=json.dumps(dict(provenance)))
    except RasterioError as error:
        raise OSError(str(error.__cause__ or error)) from error
    path.with_suffix(".qml").write_text(style("probability"), encoding="utf-8")

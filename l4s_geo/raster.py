"""A raster of probabilities or of their spread on disk: a Cloud Optimized GeoTIFF, styled for QGIS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from l4s_geo.grid import Grid
from l4s_geo.inventory import style

__all__ = ["SUFFIXES", "Kind", "write_surface"]

SUFFIXES = (".tif", ".tiff")

Kind = Literal["probability", "spread"]

_DESCRIPTIONS: dict[Kind, str] = {
    "probability": "probability of landslide",
    "spread": "standard deviation of the probability of landslide",
}


def write_surface(
    values: NDArray[np.float32], grid: Grid, path: Path, provenance: Mapping[str, Any], kind: Kind
) -> None:
    """Write a raster of probabilities or of their spread.

    Args:
        values: (rows, cols) float32, NaN where nothing was mapped.
        grid: its grid.
        path: where to write.
        provenance: facts about the run; JSON-serialisable, kept in the file's metadata.
        kind: which of the two.
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
            dataset.write(values, 1)
            dataset.set_band_description(1, _DESCRIPTIONS[kind])
            dataset.update_tags(l4s=json.dumps(dict(provenance)))
    except RasterioError as error:
        raise OSError(str(error.__cause__ or error)) from error
    path.with_suffix(".qml").write_text(style(kind), encoding="utf-8")

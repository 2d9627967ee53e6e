"""The landslides of a comparison as a layer: what became of each, styled in QGIS."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyproj

from l4s_geo.evaluation.evaluate import Evaluation
from l4s_geo.evaluation.layers import Side
from l4s_geo.evaluation.objects import outcomes
from l4s_geo.output.claim import claimed
from l4s_geo.output.geopackage import LAYER, add_style, check_whole
from l4s_geo.output.identity import check_apart
from l4s_geo.output.staging import check_output, destination, staged
from l4s_geo.output.style import style
from l4s_geo.stack.input_files import files_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

PathLike = str | os.PathLike[str]

__all__ = ["check_results", "matches", "write_matches"]


def check_results(outputs: Iterable[Path], **read: PathLike | Sequence[PathLike] | None) -> None:
    """Check, before anything is compared, that no result of a comparison would replace what is compared.

    Args:
        outputs: the results.
        read: the arguments of `l4s_geo.evaluate` that are files, by their names.

    Raises:
        OutputError: one would.
    """
    several = {what: [given] if isinstance(given, str | os.PathLike) else given or () for what, given in read.items()}
    files = {what: [file for one in given for file in files_of(one)] for what, given in several.items()}
    check_apart([destination(output) for output in outputs], files)


def matches(found: Evaluation) -> GeoDataFrame:
    """Return the landslides of both inventories with what became of them.

    Returns:
        A GeoDataFrame in the CRS of the comparison: side ("inventory" or "reference"), id, outcome (one of
        `l4s_geo.evaluation.objects.OUTCOMES`), match (id of the landslide that it matches one to one, null if none),
        iou (with that one), covered (share of its area in the other inventory) and area_m2.
    """
    import geopandas as gpd

    layers, matching, shared = found.layers, found.matching, found.shared
    words = outcomes(matching)
    frames = [
        _frame("inventory", layers.mapped, layers.reference, words[0], matching.pairs, matching.iou),
        _frame("reference", layers.reference, layers.mapped, words[1], matching.pairs[:, ::-1], matching.iou),
    ]
    table = pd.concat(frames, ignore_index=True)
    table["covered"] = np.concatenate([shared.mapped_covered, shared.reference_covered]).round(4)
    table["area_m2"] = np.concatenate([shared.mapped_area, shared.reference_area]).round(1)
    shapes = np.concatenate([layers.mapped.shapes, layers.reference.shapes])
    return gpd.GeoDataFrame(table, geometry=shapes, crs=pyproj.CRS.from_wkt(layers.grid.crs.to_wkt()))


def write_matches(found: Evaluation, path: Path) -> None:
    """Write the landslides of a comparison as a GeoPackage with a style.

    Args:
        found: the comparison.
        path: the file, .gpkg.

    Raises:
        OutputError: the file cannot be written.
    """
    import pyogrio
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    check_output(path, (".gpkg",), "comparison")
    with claimed(path), staged(path) as (beside,):
        if beside is None:  # for the type checker: a path is staged as a path
            return
        try:
            pyogrio.write_dataframe(
                matches(found),
                beside,
                driver="GPKG",
                layer=LAYER,
                geometry_type="MultiPolygon",
                promote_to_multi=True,
                VERSION="1.3",
            )
        except (DataSourceError, FeatureError, GeometryError) as error:
            raise OSError(str(error)) from error
        add_style(beside, style("comparison"), "Landslides by what became of them")
        check_whole(beside, metadata=False)


def _frame(side: str, own: Side, other: Side, words: np.ndarray, pairs: np.ndarray, iou: np.ndarray) -> pd.DataFrame:
    match = pd.array(np.zeros(len(own.ids)), dtype="Int64")
    match[:] = pd.NA
    match[pairs[:, 0]] = other.ids[pairs[:, 1]]
    value = np.full(len(own.ids), np.nan)
    value[pairs[:, 0]] = iou.round(4)
    return pd.DataFrame({"side": side, "id": own.ids, "outcome": words, "match": match, "iou": value})

"""The landslides that a report shows, read back from any format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from l4s_geo.errors import ReportError
from l4s_geo.evaluation.evaluate import Evaluation
from l4s_geo.evaluation.layers import metric_crs
from l4s_geo.evaluation.matches import matches
from l4s_geo.inventory.table import SHAPEFILE_NAMES
from l4s_geo.sources.vectors import read_features

__all__ = ["Landslides", "read_landslides"]

PathLike = str | os.PathLike[str]

_NUMBERS = (
    *("prob_mean", "slope_mean_deg", "aspect_deg", "elev_min_m", "elev_max_m", "relief_m"),
    *("touches_edge", "touches_mask", "is_new", "p_new"),
)
_WORDS = ("confidence",)


@dataclass(frozen=True)
class Landslides:
    """Landslides in one CRS, the largest first."""

    crs: pyproj.CRS
    """A metric CRS, or the local one of a scene without coordinates."""
    shapes: NDArray[np.object_]
    """(n,) polygons and multipolygons."""
    ids: NDArray[np.int64]
    """(n,) their numbers in the file."""
    area: NDArray[np.float64]
    """(n,) areas, m²."""
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """(n,) attributes by the names of `l4s_geo.inventory.table.COLUMNS`, NaN where unknown; flags are 0 or 1."""
    words: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    """(n,) attributes of words; "" where unknown."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        """Take the landslides of both sides of a comparison, with what became of each: words side and outcome."""
        table = matches(evaluation)
        words = {name: table[name].to_numpy().astype(str) for name in ("side", "outcome")}
        words["outcome"] = np.where(
            (words["side"] == "reference") & (words["outcome"] != "missed"), "reference", words["outcome"]
        )
        shapes = table.geometry.to_numpy()
        crs = pyproj.CRS.from_wkt(table.crs.to_wkt())
        numbers = {"covered": table["covered"].to_numpy(np.float64)}
        return cls(crs, shapes, table["id"].to_numpy(np.int64), shapely.area(shapes), numbers, words)._sorted()

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def is_local(self) -> bool:
        """Whether they lie nowhere on Earth."""
        return bool(self.crs.is_engineering)

    def moved(self, crs: pyproj.CRS) -> Self:
        """Return them in another CRS.

        Raises:
            ReportError: they cannot be brought there.
        """
        if self.crs.equals(crs, ignore_axis_order=True) or (self.is_local and crs.is_engineering):
            return self
        try:
            way = pyproj.Transformer.from_crs(self.crs, crs, always_xy=True)
            shapes = shapely.transform(self.shapes, way.transform, interleaved=False)
        except ProjError as cause:
            raise _elsewhere(self.crs, crs, str(cause)) from cause
        if not np.isfinite(shapely.bounds(shapes)).all():
            raise _elsewhere(self.crs, crs, "some places have no coordinates there")
        return type(self)(crs, shapes, self.ids, shapely.area(shapes), self.numbers, self.words)._sorted()

    def first(self, count: int) -> Self:
        """Return the largest, at most so many."""
        return self._taken(np.arange(min(count, len(self))))

    def known(self, name: str) -> bool:
        """Whether a number is known of any of them."""
        return name in self.numbers and bool(np.isfinite(self.numbers[name]).any())

    def number(self, name: str) -> NDArray[np.float64]:
        """Return (n,) the values of a number; NaN where unknown."""
        return self.numbers[name] if name in self.numbers else np.full(len(self), np.nan)

    def positions(self) -> NDArray[np.float64] | None:
        """Return (n, 2) longitudes and latitudes of points in them; None if they lie nowhere on Earth."""
        if self.is_local:
            return None
        way = pyproj.Transformer.from_crs(self.crs, 4326, always_xy=True)
        points = shapely.get_coordinates(shapely.point_on_surface(self.shapes))
        return np.stack(way.transform(*points.T), axis=1) if len(points) else points

    def _sorted(self) -> Self:
        return self._taken(np.argsort(-self.area, kind="stable"))

    def _taken(self, which: NDArray[np.intp]) -> Self:
        numbers = {name: values[which] for name, values in self.numbers.items()}
        words = {name: values[which] for name, values in self.words.items()}
        return type(self)(self.crs, self.shapes[which], self.ids[which], self.area[which], numbers, words)


def read_landslides(path: PathLike) -> Landslides:
    """Read an inventory of any format that is written, or other polygons.

    Args:
        path: the file; ``FILE|layername=NAME`` for one of several layers.

    Returns:
        The landslides in the inventory's CRS if that is metric, else in the UTM zone of their centre.

    Raises:
        ReportError: it cannot be read, or holds other geometries but no polygon.
    """
    names = [*_NUMBERS, *_WORDS]
    every = [*names, *(SHAPEFILE_NAMES[name] for name in names if name in SHAPEFILE_NAMES)]
    given = read_features(path, "inventory", ReportError, every, local=True)
    values = {name: given.attributes.get(name, given.attributes.get(SHAPEFILE_NAMES.get(name, ""))) for name in names}
    found = Landslides(
        crs=given.crs,
        shapes=given.shapes,
        ids=given.ids,
        area=shapely.area(given.shapes),
        numbers={name: _as_numbers(v) for name in _NUMBERS if (v := values[name]) is not None},
        words={name: _as_words(v) for name in _WORDS if (v := values[name]) is not None},
    )
    if given.crs.is_engineering or not len(found):
        return found._sorted()
    return found._sorted().moved(metric_crs(given, ()))


def _as_numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    import pandas as pd

    series = pd.to_numeric(pd.Series(values), errors="coerce")
    numbers: NDArray[np.float64] = series.to_numpy(np.float64, na_value=np.nan).copy()
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _as_words(values: NDArray[Any]) -> NDArray[np.str_]:
    return np.array([value[:40] if isinstance(value, str) else "" for value in values], str)


def _elsewhere(own: pyproj.CRS, other: pyproj.CRS, cause: str) -> ReportError:
    return ReportError(
        f"The inventory is in {own.name} and cannot be brought to {other.name}, the scene's ({cause}); expected both "
        "of the same ground, so check the files."
    )

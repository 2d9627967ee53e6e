"""The columns of an inventory, once: names, dtypes, and what each is called where names are short."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

__all__ = ["COLUMNS"]


COLUMNS: dict[str, str] = {
    "id": "int32",
    "area_m2": "float64",
    "perimeter_m": "float64",
    "length_m": "float64",
    "width_m": "float64",
    "orientation_deg": "float64",
    "compactness": "float64",
    "n_pixels": "int32",
    "prob_mean": "float64",
    "prob_max": "float64",
    "prob_spread": "float64",
    "confidence": "str",
    "slope_mean_deg": "float64",
    "slope_max_deg": "float64",
    "elev_min_m": "float64",
    "elev_max_m": "float64",
    "relief_m": "float64",
    "reach_angle_deg": "float64",
    "aspect_deg": "float64",
    "touches_edge": "bool",
    "touches_mask": "bool",
    "scene": "str",
    "bundle": "str",
    "threshold": "float64",
    "created": "str",
}
"""Attributes of a landslide and their dtypes, in order."""

SHAPEFILE_NAMES = {
    "perimeter_m": "perim_m",
    "orientation_deg": "orient_deg",
    "compactness": "compact",
    "slope_mean_deg": "slope_mean",
    "slope_max_deg": "slope_max",
    "reach_angle_deg": "reach_deg",
    "prob_spread": "prob_std",
    "touches_edge": "edge",
    "touches_mask": "mask",
}
"""Shapefiles cut names at ten characters; these stay readable."""

"""A unit's inventory as it is now: as the engine wrote it, or as somebody has corrected it since in another program.

What people do to outlines is taken as it is: some are gone, some are new and have no attributes, some have another
shape than their attributes say. What is measured on an outline is measured anew where it does not fit any more; what
only the engine knows (probabilities, terrain) stays as it is, or empty.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from l4s_geo.errors import EventError
from l4s_geo.inventory.attributes import geometry_attributes
from l4s_geo.inventory.table import CHANGE_DTYPES, DTYPES
from l4s_geo.output.geopackage import LAYER

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["read_unit"]

_PIXEL_M2 = 100.0
_SAME_M2 = 0.5
"""An outline has changed if its area is off by more."""


def read_unit(inventory: str | Path, seen: str | Path) -> tuple[GeoDataFrame, NDArray[np.object_]]:
    """Read what a unit found, and where it looked.

    Args:
        inventory: its inventory, .gpkg.
        seen: the ground that it saw, as `l4s_geo.inventory.seen.write_seen` wrote it.

    Returns:
        The landslides, one polygon a row, with the columns of `l4s_geo.inventory.table.COLUMNS`, and those of
        `CHANGE_COLUMNS` if the unit was compared with earlier scenes; and (n,) polygons of the ground, both in the
        CRS of the ground, in metres.

    Raises:
        EventError: one of them cannot be read, or has not the attributes that it was written with.
    """
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        frame = pyogrio.read_dataframe(inventory, layer=LAYER)
        ground = pyogrio.read_dataframe(seen)
    except (DataSourceError, DataLayerError) as error:
        raise EventError(
            f"The inventory {inventory} of a unit cannot be read ({error}); delete it, and run again."
        ) from error
    dtypes = {**DTYPES, **CHANGE_DTYPES} if "is_new" in frame else DTYPES
    if lacking := [name for name in dtypes if name not in frame]:
        raise EventError(
            f"The inventory {inventory} of a unit has no attribute {lacking[0]}; expected it as it was written, so "
            "delete it, and run again."
        )
    if frame.crs is None:
        raise EventError(
            f"The inventory {inventory} of a unit has no CRS; expected that of its scene, so set it, or delete the "
            "inventory, and run again."
        )
    outlined = _measured(_in_polygons(frame if frame.crs == ground.crs else frame.to_crs(ground.crs)))
    for name, dtype in dtypes.items():
        if dtype != "float64":
            outlined[name] = outlined[name].fillna("" if dtype == "str" else 0)
    return outlined.astype(dtypes)[[*dtypes, "geometry"]], np.asarray(ground.geometry.to_numpy(), object)


def _in_polygons(frame: GeoDataFrame) -> GeoDataFrame:
    """Bring outlines into the form in which the engine writes them: flat, valid polygons, one a row."""
    shapes = shapely.force_2d(frame.geometry.to_numpy())
    parts, row = shapely.get_parts(shapely.make_valid(shapes), return_index=True)
    inner, of_part = shapely.get_parts(parts, return_index=True)  # make_valid may put polygons and lines together
    polygons = (shapely.get_type_id(inner) == shapely.GeometryType.POLYGON) & (shapely.area(inner) > 0)
    kept = row[of_part[polygons]]
    if len(kept) == len(frame) and bool((kept == np.arange(len(frame))).all()):
        return frame.set_geometry(inner[polygons], crs=frame.crs)
    return frame.iloc[kept].reset_index(drop=True).set_geometry(inner[polygons], crs=frame.crs)


def _measured(frame: GeoDataFrame) -> GeoDataFrame:
    """Measure outlines anew whose attributes are of another shape, or that have none."""
    areas = shapely.area(frame.geometry.to_numpy())
    said = frame["area_m2"].to_numpy(float)
    changed = np.flatnonzero(~(np.abs(areas - said) <= _SAME_M2))
    if len(changed):
        measured: dict[str, Any] = dict(geometry_attributes(frame.geometry.to_numpy()[changed]))
        measured["n_pixels"] = np.round(measured["area_m2"] / _PIXEL_M2)
        for name, values in measured.items():
            frame[name] = frame[name].astype(float)
            frame.loc[frame.index[changed], name] = values
    return frame

"""The area of an event as a shape on the globe."""

from __future__ import annotations

import numpy as np
import pyproj
import shapely
from pyproj import Geod

from l4s_geo.errors import EventError
from l4s_geo.events.event_file import MOST_KM2, Event
from l4s_geo.sources.vectors import read_features

__all__ = ["area_of"]

_WGS84 = "EPSG:4326"
_HALF = 180.0


def area_of(event: Event) -> shapely.Geometry:
    """Return the ground that an event is about, a polygon or multipolygon in degrees of WGS 84.

    Args:
        event: its area is a box, or a vector file, which is read.

    Raises:
        EventError: the file cannot be read or holds no ground, crosses the date line, or is larger than a continent.
    """
    if not isinstance(event.area, str):
        return shapely.box(*event.area)
    what = f"area of the event file {event.path},"
    found = read_features(event.area, what, EventError)
    forward = pyproj.Transformer.from_crs(found.crs, _WGS84, always_xy=True)
    shapes = shapely.transform(found.shapes, forward.transform, interleaved=False)
    place = f"The {found.what}"
    if not len(shapes) or not np.isfinite(shapely.total_bounds(shapes)).all():
        raise EventError(f"{place} holds no ground; expected polygons around the event, so give a file that has some.")
    west, _, east, _ = shapely.total_bounds(shapes)
    if east - west > _HALF or max(abs(west), abs(east)) > _HALF:
        raise EventError(
            f"{place} reaches from {west:.1f}° to {east:.1f}° and crosses the date line; expected polygons on one side "
            "of it, so make an event of each side."
        )
    shape = shapely.union_all(shapely.make_valid(shapes))
    if (size := abs(Geod(ellps="WGS84").geometry_area_perimeter(shape)[0]) / 1e6) > MOST_KM2:
        raise EventError(
            f"{place} has {size / 1e6:.1f} million km², more than a continent; expected the ground of one event, so "
            "give a smaller area."
        )
    return shape

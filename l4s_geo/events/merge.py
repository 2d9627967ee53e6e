"""One inventory of several: what units have in common is taken from the best observation, and nothing counts twice.

Landslides of different units that overlap, or that meet where one unit's ground ends, are the same landslide: a
*cluster*. In a cluster the units are ranked: one whose landslides nothing cuts off (no edge, no mask) before others,
then the higher class of confidence, then the fewer days from the event, then the higher probability. The first one's
outlines stand. Those of the next are added as far as its scenes show ground that the first's do not, and so on; pieces
that meet across such a border become one landslide. Where a better observation has found something of a landslide, no
other outlines it on the ground that this one shows; what it has found beside it takes nothing away.

What one unit found and others that see the same ground did not is kept; the attributes `n_seen` and `n_found` tell.

All of it depends on what the units hold and their names, and not on the order in which they were mapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from l4s_geo import defaults
from l4s_geo.inventory.attributes import geometry_attributes, reach_angle
from l4s_geo.inventory.table import CHANGE_DTYPES, DTYPES, EVENT_DTYPES

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["Part", "merge"]

_GAP = 5.0
"""Metres, half a pixel: grids of two zones are turned against one another, and do not meet exactly."""
_CONTACT = 37.5
"""m²: two polygons that share a pixel's side have more in common once one is grown by `_GAP`, a corner less."""
_TOUCH = 1.0
"""m² that two polygons have in common from which they overlap."""
_SLIVER = 50.0
"""m²: what is left of a landslide beyond a border counts from half a pixel on."""
_CLASSES = {"high": 0, "medium": 1, "low": 2}
_HIGHEST = ("prob_max", "slope_max_deg", "elev_max_m")
_LOWEST = ("elev_min_m",)

Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Part:
    """What a unit found, and where it looked."""

    name: str
    """The unit's name."""
    landslides: GeoDataFrame
    """Its inventory, with the columns of `l4s_geo.inventory.table.COLUMNS`, in metres."""
    seen: Shapes
    """(n,) polygons of the ground that it saw, in the same CRS."""
    day: str = ""
    """When its scenes were taken."""
    away: int = 0
    """Days between that and the event."""
    min_area: float = defaults.MIN_AREA
    """Its minimum mapping unit, m²."""

    @property
    def crs(self) -> pyproj.CRS:
        """The CRS in which it is measured."""
        return pyproj.CRS.from_wkt(self.landslides.crs.to_wkt())


def merge(parts: Sequence[Part], event: Mapping[str, str] | None = None) -> GeoDataFrame:
    """Merge the inventories of units.

    Args:
        parts: one or more units, in any order.
        event: values of the event's own columns, by name: event, event_date, trigger, event_type.

    Returns:
        One row a landslide with the columns of `l4s_geo.inventory.table.COLUMNS`, those of `CHANGE_COLUMNS` if one of
        the units has them, and those of `EVENT_COLUMNS`; in the CRS of most units. Areas are measured in each unit's
        own zone. Numbers go from the north to the south.
    """
    import geopandas as gpd
    import pandas as pd

    merging = _Merging(sorted(parts, key=lambda part: part.name))
    rows, shapes = merging.rows()
    changed = any("is_new" in part.landslides for part in parts)
    dtypes = {**DTYPES, **(CHANGE_DTYPES if changed else {}), **EVENT_DTYPES}
    table = pd.DataFrame(rows)
    for name, dtype in dtypes.items():
        fill: Any = {"str": "", "float64": np.nan, "bool": False, "int32": 0}[dtype]
        table[name] = fill if name not in table else table[name].where(table[name].notna(), fill)
    for name, value in (event or {}).items():
        table[name] = value
    order = _from_north(shapes)
    table = table.iloc[order].reset_index(drop=True)
    table["id"] = np.arange(1, len(table) + 1)
    frame = gpd.GeoDataFrame(table, geometry=shapes[order], crs=merging.crs)
    return frame.astype(dtypes)[[*dtypes, "geometry"]]


class _Merging:
    """Units on one plane."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.crs = _common(parts)
        lengths = [len(part.landslides) for part in parts]
        self.unit = np.repeat(np.arange(len(parts)), lengths)
        self.row = np.concatenate([np.arange(length) for length in lengths])
        self.shapes = _all([self._here(part, part.landslides.geometry.to_numpy()) for part in parts])
        self.seen = [self._here(part, part.seen) for part in parts]
        self.trees = [shapely.STRtree(seen) for seen in self.seen]
        self.records = [part.landslides.drop(columns="geometry").to_dict("records") for part in parts]
        self.cut = self._column("touches_edge", False).astype(bool) | self._column("touches_mask", False).astype(bool)

    def rows(self) -> tuple[list[dict[str, Any]], Shapes]:
        """Return the merged landslides: their attributes, and their outlines on the common plane."""
        cluster = self._clusters()
        sizes = np.bincount(cluster) if len(cluster) else np.zeros(0, int)
        found: list[tuple[dict[str, Any], shapely.Geometry]] = []
        alone = np.flatnonzero(sizes[cluster] == 1) if len(cluster) else np.zeros(0, int)
        found += [(self._record(i, (int(self.unit[i]),)), self.shapes[i]) for i in alone.tolist()]
        members = np.argsort(cluster, kind="stable")
        for group in np.split(members, np.flatnonzero(np.diff(cluster[members])) + 1):
            if len(group) > 1:
                found += self._resolved(group)
        shapes = _array([shape for _, shape in found])
        rows = [row for row, _ in found]
        self._count_seen(rows, shapes)
        self._uncut(rows, shapes)
        return rows, shapes

    def _clusters(self) -> NDArray[np.int64]:
        """Return (n,) numbers: landslides of one number are, perhaps, the same."""
        n = len(self.shapes)
        if len(self.parts) < 2 or not n:
            return np.arange(n)
        one, other = shapely.STRtree(self.shapes).query(self.shapes, predicate="dwithin", distance=_GAP)
        there = (one < other) & (self.unit[one] != self.unit[other])
        one, other = one[there], other[there]
        overlapping = shapely.area(shapely.intersection(self.shapes[one], self.shapes[other])) > _TOUCH
        beside = ~overlapping & self.cut[one] & self.cut[other]
        beside[beside] = _meet(self.shapes[one[beside]], self.shapes[other[beside]])
        kept = overlapping | beside
        pairs = (np.ones(kept.sum(), bool), (one[kept], other[kept]))
        labels: NDArray[np.int64] = connected_components(coo_array(pairs, shape=(n, n)), directed=False)[1]
        return labels

    def _resolved(self, group: NDArray[np.int64]) -> list[tuple[dict[str, Any], shapely.Geometry]]:
        """Return the landslides that a cluster is."""
        ranked = sorted({int(unit) for unit in self.unit[group]}, key=lambda unit: self._rank(unit, group))
        pieces: list[tuple[int, shapely.Geometry]] = []
        for place, unit in enumerate(ranked):
            better = [piece for _, piece in pieces]  # also what somebody drew beyond the ground that a unit saw
            for index in group[self.unit[group] == unit]:
                rest = self._unseen(self.shapes[index], self._judges(index, group, ranked[:place]), better)
                whole = rest is self.shapes[index]
                parts = [rest] if whole else [part for part in _polygons(rest) if part.area >= _SLIVER]
                pieces += [(int(index), part) for part in parts]
        found = []
        for joined in _joined(pieces, self.unit):
            shape = shapely.union_all([piece for _, piece in joined]) if len(joined) > 1 else joined[0][1]
            row = self._joined_row(joined, shape, group)
            if (
                row["area_m2"] >= self.parts[self.unit[joined[0][0]]].min_area
                or joined[0][1] is self.shapes[joined[0][0]]
            ):
                found.append((row, shape))
        return found

    def _rank(self, unit: int, group: NDArray[np.int64]) -> tuple[Any, ...]:
        """Return what sorts the units of a cluster, the best first."""
        own = group[self.unit[group] == unit]
        areas = shapely.area(self.shapes[own])
        largest = self.records[unit][self.row[own[int(areas.argmax())]]]
        sure = largest.get("p_new")
        sure = largest["prob_mean"] if sure is None or np.isnan(sure) else sure
        part = self.parts[unit]
        return (
            bool(self.cut[own].any()),
            _CLASSES.get(largest["confidence"], 3),
            part.away,
            -round(float(sure), 6),
            unit,
        )

    def _judges(self, index: int, group: NDArray[np.int64], units: Sequence[int]) -> list[int]:
        """Return those of some units that found something of a landslide: they have the say in what it is.

        A unit that has found no more than what lies beside it has not seen it, and does not take it away.
        """
        overlap = shapely.area(shapely.intersection(self.shapes[group], self.shapes[index])) > _TOUCH
        found = set(self.unit[group[overlap]].tolist())
        return [unit for unit in units if unit in found]

    def _unseen(
        self, shape: shapely.Geometry, units: Iterable[int], outlined: Sequence[shapely.Geometry]
    ) -> shapely.Geometry:
        """Return what of a shape lies beyond the ground that some units saw, and beyond what they outlined."""
        rest = shape
        for unit in units:
            near = self.trees[unit].query(rest, predicate="intersects")
            if len(near):
                rest = rest.difference(shapely.union_all(self.seen[unit][np.sort(near)]))
        if not rest.is_empty and (beyond := [piece for piece in outlined if piece.intersects(rest)]):
            rest = rest.difference(shapely.union_all(beyond))
        return shape if shape.area - rest.area < _TOUCH else rest

    def _record(self, index: int, units: Iterable[int]) -> dict[str, Any]:
        """Return the attributes of a landslide as its unit has them, with those of an event."""
        unit = self.unit[index]
        part = self.parts[unit]
        names = "+".join(self.parts[u].name for u in dict.fromkeys(units))
        return {**self.records[unit][self.row[index]], "units": names, "observed": part.day, "n_found": 1}

    def _joined_row(
        self, pieces: Sequence[tuple[int, shapely.Geometry]], shape: shapely.Geometry, group: NDArray[np.int64]
    ) -> dict[str, Any]:
        """Return the attributes of what pieces have become; those of the best observation where they are no sums."""
        first = pieces[0][0]
        row = self._record(first, (int(self.unit[index]) for index, _ in pieces))
        overlapped = shapely.area(shapely.intersection(self.shapes[group], shape)) > _TOUCH
        row["n_found"] = len({*self.unit[group[overlapped]].tolist(), int(self.unit[first])})
        if len(pieces) == 1 and pieces[0][1] is self.shapes[first]:
            return row
        measured = geometry_attributes(_array([self._there(int(self.unit[first]), shape)]))
        row |= {name: float(values[0]) for name, values in measured.items()}
        areas = [float(self._there(int(self.unit[index]), piece).area) for index, piece in pieces]
        row["area_m2"] = float(sum(areas))
        row["n_pixels"] = round(row["area_m2"] / 100)
        records = [self.records[self.unit[index]][self.row[index]] for index, _ in pieces]
        for names, choose in ((_HIGHEST, np.fmax.reduce), (_LOWEST, np.fmin.reduce)):
            row |= {name: float(choose([record[name] for record in records])) for name in names}
        row |= {name: any(record[name] for record in records) for name in ("touches_edge", "touches_mask")}
        row["relief_m"] = row["elev_max_m"] - row["elev_min_m"]
        row["reach_angle_deg"] = float(reach_angle(np.array([row["relief_m"]]), np.array([row["length_m"]]))[0])
        return row

    def _count_seen(self, rows: Sequence[dict[str, Any]], shapes: Shapes) -> None:
        """Count for each landslide the units that see its ground."""
        counts = np.zeros(len(rows), int)
        points = shapely.point_on_surface(shapes)
        for tree in self.trees:
            counts[np.unique(tree.query(points, predicate="intersects")[0])] += 1
        for row, count in zip(rows, counts, strict=True):
            row["n_seen"] = max(int(count), row["n_found"])

    def _uncut(self, rows: Sequence[dict[str, Any]], shapes: Shapes) -> None:
        """Take back that a landslide may go on beyond an edge or a mask, where another unit shows what is there."""
        flagged = [i for i, row in enumerate(rows) if row["touches_edge"] or row["touches_mask"]]
        if len(self.parts) < 2 or not flagged:
            return
        around = shapely.buffer(shapes[flagged], _GAP, join_style="mitre")
        every = _all(self.seen)
        number, near = shapely.STRtree(every).query(around, predicate="intersects")
        for place, index in enumerate(flagged):
            ground = shapely.union_all(every[np.sort(near[number == place])])
            if around[place].difference(ground).area < _SLIVER / 2:
                rows[index] |= {"touches_edge": False, "touches_mask": False}

    def _here(self, part: Part, shapes: Shapes) -> Shapes:
        """Bring shapes of a unit to the common plane."""
        return _moved(shapes, part.crs, self.crs)

    def _there(self, unit: int, shape: shapely.Geometry) -> shapely.Geometry:
        """Bring a shape to the plane in which a unit is measured."""
        return _moved(_array([shape]), self.crs, self.parts[unit].crs)[0]

    def _column(self, name: str, default: Any) -> NDArray[Any]:
        return np.concatenate(
            [part.landslides.get(name, np.full(len(part.landslides), default)) for part in self.parts]
        )


def _joined(
    pieces: Sequence[tuple[int, shapely.Geometry]], unit: NDArray[np.int64]
) -> list[list[tuple[int, shapely.Geometry]]]:
    """Bring together pieces of different units that meet; the better observation comes first in each."""
    units = unit[[index for index, _ in pieces]]
    if (units == units[0]).all():
        return [[piece] for piece in pieces]
    shapes = _array([piece for _, piece in pieces])
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=_GAP)
    there = (one < other) & (units[one] != units[other])
    one, other = one[there], other[there]
    met = _meet(shapes[one], shapes[other])
    links = (np.ones(met.sum(), bool), (one[met], other[met]))
    _, labels = connected_components(coo_array(links, shape=(len(pieces),) * 2), directed=False)
    return [[pieces[i] for i in np.flatnonzero(labels == label).tolist()] for label in dict.fromkeys(labels)]


def _meet(one: Shapes, other: Shapes) -> NDArray[np.bool_]:
    """Whether pairs of polygons share a border, be there a gap of less than half a pixel between."""
    common = shapely.intersection(shapely.buffer(one, _GAP, join_style="mitre"), other)
    # Two corners are no side, however many there are: each place where they touch counts by itself.
    parts, pair = shapely.get_parts(common, return_index=True)
    met = np.zeros(len(one), bool)
    met[pair[shapely.area(parts) > _CONTACT]] = True
    return met


def _common(parts: Sequence[Part]) -> pyproj.CRS:
    """Return the CRS of most units; of several, the one of the first unit by name."""
    known: list[pyproj.CRS] = []
    counts: list[int] = []
    for part in parts:
        place = next((i for i, crs in enumerate(known) if crs == part.crs), len(known))
        if place == len(known):
            known.append(part.crs)
            counts.append(0)
        counts[place] += 1
    return known[int(np.argmax(counts))]


def _moved(shapes: Shapes, source: pyproj.CRS, target: pyproj.CRS) -> Shapes:
    if source == target or not len(shapes):
        return shapes
    forward = pyproj.Transformer.from_crs(source, target, always_xy=True)
    moved: Shapes = shapely.transform(shapes, forward.transform, interleaved=False)
    return moved


def _from_north(shapes: Shapes) -> NDArray[np.int64]:
    """Return the order of shapes from the north to the south, and from the west to the east."""
    if not len(shapes):
        return np.zeros(0, np.int64)
    west, south, _, north = shapely.bounds(shapes).T
    return np.lexsort((shapely.area(shapes), south, west, -north))


def _polygons(shape: shapely.Geometry) -> list[shapely.Geometry]:
    """Return the polygons of a shape, whatever lines and points a difference has left beside them."""
    return [part for part in shapely.get_parts(shape).tolist() if part.geom_type == "Polygon"]


def _array(shapes: Sequence[shapely.Geometry]) -> Shapes:
    found = np.empty(len(shapes), object)
    found[:] = list(shapes)
    return found


def _all(arrays: Sequence[Shapes]) -> Shapes:
    return np.concatenate([*arrays, np.empty(0, object)])

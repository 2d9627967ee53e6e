"""Merging: one landslide is one, wherever units overlap or meet, and nothing is outlined twice."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations, permutations

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from rasterio.features import rasterize
from rasterio.features import shapes as outlines
from scipy import ndimage

from l4s_geo.events.merge import Part, merge
from l4s_geo.inventory.attributes import geometry_attributes
from l4s_geo.inventory.table import DTYPES, EVENT_DTYPES

ZONE, NEXT = "EPSG:32654", "EPSG:32655"
X, Y = 500_000.0, 4_700_000.0
EVENT = {"event": "quake", "event_date": "2018-09-06", "trigger": "earthquake", "event_type": ""}


def box(left: float, bottom: float, right: float, top: float) -> shapely.Polygon:
    """A box by metres from the corner that all tests share."""
    return shapely.box(X + left, Y + bottom, X + right, Y + top)


def part(name, shapes, seen, *, crs=ZONE, away=0, edge=(), mask=(), sure=0.9, confidence="high", **more) -> Part:
    """A unit of landslides on seen ground; numbers of those that touch the edge, or a mask, are listed."""
    shapes = np.array([*shapes, None], object)[:-1]
    empty = {"float64": np.nan, "str": "", "bool": False, "int32": 0}
    columns = {column: np.full(len(shapes), empty[dtype]) for column, dtype in DTYPES.items()}
    columns |= geometry_attributes(shapes)
    columns |= {"id": np.arange(1, len(shapes) + 1), "n_pixels": np.round(columns["area_m2"] / 100)}
    columns |= {"prob_mean": np.full(len(shapes), sure), "confidence": np.full(len(shapes), confidence, object)}
    columns |= {"scene": np.full(len(shapes), name, object)}
    columns |= {
        "touches_edge": np.isin(np.arange(len(shapes)), edge),
        "touches_mask": np.isin(range(len(shapes)), mask),
    }
    frame = gpd.GeoDataFrame({**columns, **more}, geometry=shapes, crs=crs)
    ground = np.array(list(shapely.get_parts(shapely.union_all(seen if isinstance(seen, list) else [seen]))), object)
    return Part(name, frame.astype(DTYPES), ground, f"2018-09-{10 + away:02}", away)


LEFT, RIGHT = box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)
OVERLAPPING = box(800, 0, 2000, 1000)


def test_what_one_unit_found_stays_as_it_is():
    one = part("a", [box(100, 100, 200, 150), box(300, 300, 350, 400)], LEFT)
    merged = merge([one], EVENT)
    assert list(merged.columns) == [*DTYPES, *EVENT_DTYPES, "geometry"]
    assert merged.crs == pyproj.CRS(ZONE)
    assert merged.geometry.tolist() == [box(300, 300, 350, 400), box(100, 100, 200, 150)]  # from the north
    assert merged["id"].tolist() == [1, 2]
    for name, value in {**EVENT, "units": "a", "observed": "2018-09-10", "n_seen": 1, "n_found": 1}.items():
        assert (merged[name] == value).all()


def test_a_landslide_that_two_units_show_is_one_with_the_outline_of_the_better():
    good = part("a", [box(850, 100, 950, 200)], LEFT, sure=0.8)
    poor = part("b", [box(840, 110, 960, 220)], OVERLAPPING, sure=0.9, confidence="medium")
    merged = merge([good, poor])
    assert merged.geometry.tolist() == [box(850, 100, 950, 200)]
    assert merged.area_m2.tolist() == [10_000]
    assert merged.units.tolist() == ["a"]
    assert (merged.n_seen.tolist(), merged.n_found.tolist()) == ([2], [2])


@pytest.mark.parametrize(
    ("better", "poorer"),
    [
        ({"away": 9, "confidence": "low"}, {"mask": [0]}),
        ({"confidence": "high", "away": 9}, {"confidence": "medium"}),
        ({"away": 1, "sure": 0.6}, {"away": 2, "sure": 0.9}),
        ({"sure": 0.9}, {"sure": 0.8}),
    ],
    ids=["clear", "confidence", "date", "probability"],
)
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_the_best_observation_is_clear_then_sure_then_near(better, poorer, names):
    one = part(names[0], [box(850, 100, 950, 200)], LEFT, **better)
    other = part(names[1], [box(840, 110, 960, 220)], LEFT, **poorer)
    assert merge([one, other]).units.tolist() == [names[0]]


def test_a_landslide_on_the_border_of_two_units_is_one():
    west = part("a", [box(900, 100, 1000, 200)], LEFT, edge=[0])
    east = part("b", [box(1000, 120, 1150, 200)], RIGHT, edge=[0], sure=0.6)
    merged = merge([west, east])
    assert merged.geometry.tolist()[0].equals(shapely.union(box(900, 100, 1000, 200), box(1000, 120, 1150, 200)))
    assert merged.area_m2.tolist() == [22_000]
    assert merged.n_pixels.tolist() == [220]
    assert merged.units.tolist() == ["a+b"]
    assert merged.touches_edge.tolist() == [False]  # the other unit shows what is there
    expected = geometry_attributes(merged.geometry.to_numpy())
    for name in ("perimeter_m", "length_m", "width_m", "orientation_deg"):
        assert merged[name].to_numpy() == pytest.approx(expected[name])


def test_landslides_that_meet_at_a_corner_or_not_at_all_stay_two():
    west = part("a", [box(900, 100, 1000, 200), box(900, 500, 990, 600)], LEFT, edge=[0, 1])
    east = part("b", [box(1000, 200, 1100, 300), box(1000, 500, 1100, 600)], RIGHT, edge=[0, 1])
    assert len(merge([west, east])) == 4


def test_two_corners_are_no_side():
    hooked = shapely.union_all([box(900, 100, 1000, 200), box(900, 200, 910, 300), box(900, 290, 1000, 300)])
    west = part("a", [hooked], LEFT, edge=[0])
    east = part("b", [box(1000, 200, 1100, 290)], RIGHT, edge=[0])
    assert len(merge([west, east])) == 2


def test_what_somebody_drew_beyond_the_ground_that_was_seen_counts_once():
    drawn = part("a", [box(900, 100, 1200, 200)], LEFT, sure=0.9)
    found = part("b", [box(1100, 100, 1300, 200)], OVERLAPPING, sure=0.8)
    merged = merge([drawn, found])
    assert merged.area_m2.tolist() == [40_000]
    assert merged.geometry[0].equals(box(900, 100, 1300, 200))


def test_what_a_cloud_hides_in_one_scene_another_shows():
    hidden = box(400, 0, 600, 1000)
    cloudy = part("a", [box(300, 100, 400, 200)], LEFT.difference(hidden), mask=[0], confidence="high")
    clear = part("b", [box(320, 100, 550, 190)], LEFT, confidence="high", away=5)
    # The clear one is better.
    assert merge([cloudy, clear]).geometry.tolist() == [box(320, 100, 550, 190)]
    # Cut itself, it is added where the better one shows nothing.
    cut = part("b", [box(320, 100, 550, 190)], LEFT, away=5, edge=[0])
    (joined,) = merge([cloudy, cut]).geometry
    assert joined.equals(shapely.union(box(300, 100, 400, 200), box(400, 100, 550, 190)))
    assert merge([cloudy, cut]).touches_mask.tolist() == [False]


def test_what_is_left_beyond_a_border_counts_from_the_smallest_unit_on():
    west = part("a", [box(800, 100, 900, 200)], LEFT, sure=0.95)
    east = part("b", [box(850, 100, 860, 150), box(880, 120, 1300, 130)], OVERLAPPING)
    merged = merge([west, east])
    # Of the long one, the ground beyond the first unit's is a landslide of its own: it does not reach the border there.
    expected = shapely.MultiPolygon([box(800, 100, 900, 200), box(1000, 120, 1300, 130)])
    assert shapely.MultiPolygon(list(merged.geometry)).equals(expected)
    small = part("b", [box(880, 120, 1040, 130)], OVERLAPPING)
    assert merge([west, small]).geometry.tolist() == [box(800, 100, 900, 200)]
    assert len(merge([west, replace(small, min_area=100.0)])) == 2


def test_across_zones_areas_are_each_zones_own():
    forward = pyproj.Transformer.from_crs(ZONE, NEXT, always_xy=True)
    x = 743_000.0  # near 144° E, the border of the zones
    body = shapely.box(x - 300, Y, x + 200, Y + 400)
    ground = shapely.box(x - 5000, Y - 5000, x, Y + 5000)
    beyond = shapely.segmentize(shapely.box(x, Y - 5000, x + 5000, Y + 5000), 100)
    west = part("a", [body.intersection(ground)], ground, edge=[0])
    there = [shapely.transform(shape, forward.transform, interleaved=False) for shape in (body - ground, beyond)]
    east = part("b", [there[0]], there[1], crs=NEXT, edge=[0], sure=0.5)
    merged = merge([west, east, part("c", [], ground)])
    assert merged.crs == pyproj.CRS(ZONE)
    assert len(merged) == 1
    assert merged.area_m2[0] == pytest.approx(300 * 400 + there[0].area, abs=0.5)
    assert merged.geometry[0].symmetric_difference(body).area < 1
    assert merged.touches_edge.tolist() == [False]
    geod = pyproj.Geod(ellps="WGS84")
    lonlat = gpd.GeoSeries([body], crs=ZONE).to_crs(4326)[0]
    true = abs(geod.geometry_area_perimeter(lonlat)[0])
    assert merged.area_m2[0] == pytest.approx(true, rel=2e-3)


def test_units_without_landslides_and_change_columns_in_some_units():
    plain = part("a", [box(100, 100, 200, 200)], LEFT)
    empty = part("b", [], LEFT)
    assert len(merge([plain, empty])) == 1
    assert merge([plain, empty]).n_seen.tolist() == [2]
    assert len(merge([empty])) == 0
    compared = part("c", [box(1500, 100, 1600, 200)], RIGHT)
    changes = {"is_new": True, "p_new": 0.8, "p_before": 0.1, "ndvi_before": 0.5, "ndvi_after": 0.2, "dndvi": -0.3}
    changes |= {"date_before": "2018-08-01", "date_after": "2018-09-15", "n_before": 2, "n_after": 1}
    compared = replace(compared, landslides=compared.landslides.assign(**changes))
    merged = merge([plain, compared])
    assert merged.is_new.tolist() == [False, True]
    assert np.isnan(merged.p_new[0])
    assert merged.p_new[1] == 0.8
    assert merged.date_before.tolist() == ["", "2018-08-01"]


def test_terrain_of_a_joined_landslide_is_that_of_all_of_it():
    terrain = {"elev_min_m": 200.0, "elev_max_m": 300.0, "slope_max_deg": 20.0, "relief_m": 100.0}
    west = part("a", [box(900, 100, 1000, 200)], LEFT, edge=[0], **terrain)
    higher = {"elev_min_m": 290.0, "elev_max_m": 380.0, "slope_max_deg": 35.0, "relief_m": 90.0}
    east = part("b", [box(1000, 100, 1100, 200)], RIGHT, edge=[0], sure=0.5, **higher)
    merged = merge([west, east])
    assert merged[["elev_min_m", "elev_max_m", "relief_m", "slope_max_deg"]].to_numpy().tolist() == [
        [200, 380, 180, 35]
    ]
    assert merged.reach_angle_deg[0] == pytest.approx(np.degrees(np.arctan(180 / 200)))


@st.composite
def units(draw) -> list[Part]:
    """Two to four units on overlapping ground, with pixel bodies, and masks that hide some."""
    parts = []
    for number in range(draw(st.integers(2, 4))):
        left = draw(st.integers(0, 60)) * 10
        ground = box(left, 0, left + 600, 600)
        if draw(st.booleans()):
            hole = draw(st.integers(0, 50)) * 10
            ground = ground.difference(box(left + hole, 100, left + hole + 150, 500))
        bodies = []
        for _ in range(draw(st.integers(0, 6))):
            x, y = (draw(st.integers(0, 110)) * 10 for _ in range(2))
            body = box(x, y, x + draw(st.integers(3, 20)) * 10, y + draw(st.integers(3, 20)) * 10).intersection(ground)
            if not body.is_empty:
                bodies += [p for p in shapely.get_parts(body) if p.geom_type == "Polygon" and p.area > 400]
        joined = shapely.get_parts(shapely.union_all(bodies)).tolist() if bodies else []
        joined = [shape for shape in joined if shape.geom_type == "Polygon"]
        cut = [i for i, shape in enumerate(joined) if not ground.covers(shape.buffer(1))]
        away, sure = draw(st.integers(0, 3)), draw(st.sampled_from([0.6, 0.7]))
        parts.append(part(f"u{number}", joined, ground, edge=cut, away=away, sure=sure))
    return parts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(units())
def test_nothing_counts_twice_nothing_is_invented_and_nothing_seen_well_is_lost(parts):
    merged = merge(parts)
    shapes = merged.geometry.to_numpy()
    for one, other in combinations(shapes, 2):
        assert one.intersection(other).area < 1.0 + 1e-6
    every = shapely.union_all([shape for p in parts for shape in p.landslides.geometry])
    assert shapely.union_all(shapes).difference(every).area < 1e-6
    assert merged.area_m2.to_numpy() == pytest.approx(shapely.area(shapes))
    for p in parts:
        for shape in p.landslides.geometry:
            others = [
                q for q in parts if q is not p and any(s.intersection(shape).area > 1 for s in q.landslides.geometry)
            ]
            if not others:  # no other observation of it
                assert any(shape.difference(found).area < 1e-6 for found in shapes)


@settings(max_examples=15, deadline=None)
@given(units())
def test_the_order_of_units_changes_nothing(parts):
    expected = merge(parts, EVENT)
    for order in list(permutations(parts))[1:4]:
        found = merge(order, EVENT)
        assert (
            shapely.to_wkb(found.geometry.to_numpy()).tolist() == shapely.to_wkb(expected.geometry.to_numpy()).tolist()
        )
        assert_frame_equal(found.drop(columns="geometry"), expected.drop(columns="geometry"), check_exact=True)


N = 40
PIXELS = Affine(10, 0, X, 0, -10, Y + 10 * N)
CROSS = ndimage.generate_binary_structure(2, 1)
Found = tuple[Part, np.ndarray, np.ndarray]
"""A unit, its landslides as numbered pixels, and the pixels that it saw."""


def traced(inside: np.ndarray) -> list[shapely.Geometry]:
    """Outlines of pixels that have sides in common."""
    found = outlines(inside.astype(np.uint8), mask=inside, transform=PIXELS, connectivity=4)
    return [shapely.make_valid(shapely.geometry.shape(geometry)) for geometry, _ in found]


def drawn_by_lot(rng: np.random.Generator, name: str) -> Found:
    """A unit of random blobs on random ground with holes."""
    seen = np.zeros((N, N), bool)
    (top, bottom), (left, right) = (sorted(rng.choice(N + 1, 2, replace=False)) for _ in range(2))
    seen[max(0, top - 8) : bottom + 8, max(0, left - 8) : right + 8] = True
    for _ in range(rng.integers(0, 3)):
        row, col = rng.integers(0, N, 2)
        seen[row : row + rng.integers(1, 9), col : col + rng.integers(1, 9)] = False
    field = ndimage.gaussian_filter(rng.normal(size=(N, N)), 1.5)
    labels, count = ndimage.label(seen & (field > np.quantile(field, rng.choice([0.7, 0.85, 0.92]))))
    numbers, shapes, cut = np.zeros((N, N), int), [], []
    for label in range(1, count + 1):
        (shape,) = traced(labels == label)
        if shape.area >= 400 and shape.geom_type == "Polygon":
            around = ndimage.binary_dilation(np.pad(labels == label, 1), CROSS)
            cut += [len(shapes)] * bool((around & ~np.pad(seen, 1)).any())
            shapes.append(shape)
            numbers[labels == label] = len(shapes)
    how = {"sure": float(rng.choice([0.6, 0.7])), "confidence": str(rng.choice(["high", "medium", "low"]))}
    ground = [shape for shape in traced(seen) if shape.area]
    return part(name, shapes, ground, edge=cut, away=int(rng.integers(0, 3)), **how), numbers, seen


def connected(count: int, meet) -> list[list[int]]:
    """Groups of numbers, of which those meet that `meet` says."""
    group = list(range(count))
    for one, other in combinations(range(count), 2):
        if group[one] != group[other] and meet(one, other):
            group = [group[one] if number == group[other] else number for number in group]
    return [[i for i in range(count) if group[i] == number] for number in dict.fromkeys(group)]


def beside(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((ndimage.binary_dilation(one, CROSS) & other).any())


def meeting(pieces: list[tuple], i: int, j: int) -> bool:
    """Whether two pieces of different units have a side of a pixel in common."""
    return pieces[i][0] != pieces[j][0] and beside(pieces[i][1], pieces[j][1])


def merged_by_pixels(units: list[Found]) -> list[np.ndarray]:
    """What the module's first paragraphs say, said again with pixels."""
    every = [(u, k) for u, (one, *_) in enumerate(units) for k in range(len(one.landslides))]
    pixels = [units[u][1] == k + 1 for u, k in every]
    cut = [bool(units[u][0].landslides.touches_edge[k]) for u, k in every]

    def same(i: int, j: int) -> bool:
        meet = (pixels[i] & pixels[j]).any() or (cut[i] and cut[j] and beside(pixels[i], pixels[j]))
        return every[i][0] != every[j][0] and bool(meet)

    def rank(u: int, cluster: list[int]) -> tuple:
        first = units[u][0].landslides.iloc[0]
        grade = ["high", "medium", "low"].index(first.confidence)
        return any(cut[i] for i in cluster if every[i][0] == u), grade, units[u][0].away, -first.prob_mean, u

    found = []
    for cluster in connected(len(every), same):
        pieces: list[tuple] = []
        order = sorted({every[i][0] for i in cluster}, key=lambda u: rank(u, cluster))
        for u in order:
            before, better = order[: order.index(u)], list(pieces)
            for i in (i for i in cluster if every[i][0] == u):
                judges = [v for v in before if any((pixels[i] & pixels[j]).any() for j in cluster if every[j][0] == v)]
                known = np.any([np.zeros((N, N), bool), *(units[v][2] for v in judges), *(p for _, p, _ in better)], 0)
                labels, count = ndimage.label(pixels[i] & ~known)
                whole = not (pixels[i] & known).any()
                pieces += [(u, labels == label, whole) for label in range(1, count + 1)]
        for group in connected(len(pieces), partial(meeting, pieces)):
            area = np.any([pieces[i][1] for i in group], axis=0)
            if pieces[min(group)][2] or area.sum() * 100 >= units[0][0].min_area:
                found.append(area)
    return found


@pytest.mark.parametrize("seed", [*range(20), 120, 196, 236])
def test_polygons_are_merged_as_their_pixels_are(seed):
    rng = np.random.default_rng(seed)
    units = [drawn_by_lot(rng, f"u{number}") for number in range(rng.integers(2, 5))]
    merged = merge([unit for unit, *_ in units])
    found = [rasterize([shape], (N, N), transform=PIXELS).astype(bool) for shape in merged.geometry]
    expected = merged_by_pixels(units)
    assert len(expected) > 0
    assert sorted(area.tobytes() for area in found) == sorted(area.tobytes() for area in expected)
    assert merged.area_m2.tolist() == [100.0 * area.sum() for area in found]
    assert np.sum(found, axis=0).max() == 1

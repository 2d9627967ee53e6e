"""Labels as people make them, and every way in which they can be wrong."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from l4s_geo.errors import TeachingError
from l4s_geo.grid import Grid
from l4s_geo.teaching.labels import read_labels
from support import ORIGIN, UTM

GRID = Grid(CRS.from_user_input(UTM), Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]), 300, 300)


def box(row: float, col: float, height: float, width: float) -> shapely.Polygon:
    left, top = ORIGIN
    return shapely.box(left + 10 * col, top - 10 * (row + height), left + 10 * (col + width), top - 10 * row)


SLIDE, FIELD = box(10, 10, 10, 10), box(10, 40, 5, 10)


def drawn(labels):
    return labels.reader().read(GRID.whole)


def test_a_field_says_which_is_which(save):
    for words in (
        *(("landslide", "background"), ("Scar", "none"), (1, 0), (True, False), ("1.0", "0"), (1.0, 0.0)),
        *(("Landslides", "Non-landslide"), (" slide\n", "not_landslide"), ("Y", "N"), ("true", "false")),
        *(("Rutschung", "Hintergrund"), ("ja", "nein"), ("Erdrutsch", "keine Rutschung")),
    ):
        found = drawn(read_labels(save("labels.gpkg", [SLIDE, FIELD], label=list(words)), GRID))
        assert (found.landslide.sum(), found.background.sum()) == (100, 50)
        assert found.landslide[10:20, 10:20].all()


def test_outlines_weigh_less(save):
    found = drawn(read_labels(save("labels.gpkg", [SLIDE, FIELD], kind=["slide", "stable"]), GRID))
    assert found.weight[11:19, 11:19].min() == 1
    assert set(found.weight[10, 10:20]) == {np.float32(0.5)}


def test_a_reviewed_inventory_is_labels(save):
    decisions = ["accepted", "edited", "added", "rejected", None]
    shapes = [box(10 * i, 10, 5, 5) for i in range(5)]
    labels = read_labels(save("reviewed.gpkg", shapes, review=decisions, kind=["a"] * 5), GRID)
    found = drawn(labels)
    assert (found.landslide.sum(), found.background.sum()) == (75, 25)
    assert any("1 of 5 polygons" in note and "not reviewed" in note for note in labels.notes)


def test_what_nobody_decided_on_is_no_background_of_looked_at_ground(save):
    shapes = [box(10, 10, 5, 5), box(30, 10, 5, 5)]
    labels = save("reviewed.gpkg", shapes, review=["accepted", ""])
    found = drawn(read_labels(labels, GRID, area=save("area.gpkg", [box(0, 0, 50, 50)])))
    assert (found.landslide.sum(), found.background.sum()) == (25, 2500 - 50)


def test_background_may_be_a_layer_of_its_own_in_another_crs(save, tmp_path):
    far = tmp_path / "background.geojson"
    gpd.GeoDataFrame(geometry=[FIELD], crs=UTM).to_crs(4326).to_file(far)
    labels = read_labels(save("slides.gpkg", [SLIDE]), GRID, background=far)
    assert drawn(labels).background.sum() == pytest.approx(50, abs=2)
    assert any("taken for landslides" in note for note in labels.notes)


def test_ground_labelled_both_ways_counts_as_neither(save):
    labels = read_labels(save("l.gpkg", [SLIDE, box(15, 10, 20, 10)], label=["landslide", "background"]), GRID)
    found = drawn(labels)
    assert (found.landslide.sum(), found.background.sum()) == (50, 150)
    assert any("5,000 m²" in note for note in labels.notes)


def test_polygons_outside_the_scene_are_counted(save):
    labels = save("l.gpkg", [SLIDE, FIELD, box(900, 900, 5, 5)], label=[1, 0, 1])
    assert any("1 of 3 polygons" in note for note in read_labels(labels, GRID).notes)


@pytest.mark.parametrize(
    ("shapes", "columns", "said"),
    [
        ([box(900, 900, 9, 9)], {"label": [1]}, r"No polygon .* meets the scene"),
        ([SLIDE], {"label": [1]}, r"landslides alone; expected background"),
        ([FIELD], {"label": [0]}, r"holds no landslide"),
        ([SLIDE, FIELD], {"label": ["slide", "water"]}, r"says 'water'; expected landslide or background"),
        ([SLIDE, FIELD], {"label": ["slide", None]}, r"says nothing"),
        ([SLIDE, FIELD], {"review": ["accepted", "perhaps"]}, r"'perhaps'; expected accepted, edited"),
        ([SLIDE, FIELD], {"label": [1, 2]}, r"says '2'; expected landslide or background, or 1 or 0"),
        ([SLIDE, FIELD], {"review": [None, ""]}, r"review .* is empty for all 2 polygons; .*review some"),
        ([SLIDE, FIELD], {"review": ["accepted", None]}, r"landslides alone"),
        ([SLIDE, FIELD], {"label": [1, 0], "kind": [1, 0]}, r"label and kind, and either could.*--field label"),
        ([SLIDE.centroid, FIELD.centroid], {"label": [1, 0]}, r"holds no polygon but Point"),
        ([shapely.LineString(SLIDE.exterior.coords)], {"label": [1]}, r"holds no polygon but LineString"),
        ([box(-50, -50, 500, 500), FIELD], {"label": [1, 0]}, r"cover 100% of the scene"),
    ],
)
def test_labels_that_cannot_be_learned_from(save, shapes, columns, said):
    with pytest.raises(TeachingError, match=said):
        read_labels(save("labels.gpkg", shapes, **columns), GRID)


def test_of_two_fields_the_one_named_counts(save):
    labels = save("l.gpkg", [SLIDE, FIELD], label=[0, 1], kind=[1, 0])
    assert drawn(read_labels(labels, GRID, field="Kind")).landslide.sum() == 100
    with pytest.raises(TeachingError, match="no attribute colour"):
        read_labels(labels, GRID, field="colour")


def test_a_field_may_be_spelt_in_any_way(save):
    for name in ("kLASSE", "KLASSE", "Klasse", "klasse", "Rutschung?"):
        labels = save("l.gpkg", [SLIDE, FIELD], **{name: ["Rutschung", "Hintergrund"]})
        assert drawn(read_labels(labels, GRID, field=name)).background.sum() == 50, name


def test_a_field_that_contradicts_its_layer_is_said(save):
    more = save("background.gpkg", [FIELD, box(50, 50, 5, 5)], label=["scar", "background"])
    labels = read_labels(save("l.gpkg", [SLIDE], label=["landslide"]), GRID, background=more)
    assert drawn(labels).background.sum() == 75
    assert any("1 polygons of the background" in note and "say landslide (label)" in note for note in labels.notes)


def test_all_kinds_of_polygons_are_labels(save, tmp_path):
    hole = SLIDE.difference(box(13, 13, 3, 3))
    several = shapely.MultiPolygon([box(30, 10, 5, 5), box(40, 10, 5, 5)])
    bow = [(ORIGIN[0], ORIGIN[1]), (ORIGIN[0] + 100, ORIGIN[1] - 100), (ORIGIN[0] + 100, ORIGIN[1])]
    crossed = shapely.affinity.translate(shapely.Polygon([*bow, (ORIGIN[0], ORIGIN[1] - 100)]), 1500, -1500)
    collection = shapely.GeometryCollection([box(60, 60, 5, 5), SLIDE.centroid])
    shapes = [
        hole,
        several,
        shapely.force_3d(box(80, 80, 5, 5), 7),
        crossed,
        collection,
        None,
        shapely.Polygon(),
        FIELD,
    ]
    frame = gpd.GeoDataFrame({"label": [*[1] * 7, 0]}, geometry=shapes, crs=UTM)
    for name, crs in (("l.gpkg", UTM), ("m.gpkg", 3857), ("l.geojson", 4326)):
        frame.to_crs(crs).to_file(tmp_path / name)
        labels = read_labels(tmp_path / name, GRID)
        found = drawn(labels)
        assert found.landslide.sum() == pytest.approx(91 + 50 + 25 + 50 + 25, abs=8), name
        assert found.background.sum() == pytest.approx(50, abs=4), name
        assert any("1 invalid polygons" in note for note in labels.notes), name


def test_a_layer_elsewhere_is_an_error(save):
    labels, far = save("l.gpkg", [SLIDE]), save("far.gpkg", [box(900, 900, 9, 9)])
    for more in ({"background": far}, {"area": far}):
        with pytest.raises(TeachingError, match="meets the scene"):
            read_labels(labels, GRID, **more)


def test_points_among_polygons_are_said(save):
    labels = read_labels(save("l.gpkg", [SLIDE, FIELD, SLIDE.centroid], label=[1, 0, 1]), GRID)
    assert any("1 points or lines" in note for note in labels.notes)


def test_what_is_drawn_beyond_the_ground_looked_at_is_left_aside(save):
    shapes = [SLIDE, box(200, 200, 9, 9), box(48, 20, 10, 10)]
    labels = read_labels(save("l.gpkg", shapes), GRID, area=save("area.gpkg", [box(0, 0, 50, 50)]))
    found = drawn(labels)
    assert (found.landslide.sum(), found.background.sum()) == (100 + 20, 2500 - 120)
    assert any("1 landslides lie beyond" in note for note in labels.notes)


def test_an_area_larger_than_the_scene_ends_with_it(save):
    labels = read_labels(save("l.gpkg", [SLIDE]), GRID, area=save("area.gpkg", [box(-500, -500, 2000, 2000)]))
    assert drawn(labels).background.sum() == 300 * 300 - 100


def test_ground_that_was_looked_at_may_be_a_box(save):
    west, south, east, north = box(0, 0, 50, 60).bounds
    labels = read_labels(save("l.gpkg", [SLIDE]), GRID, area=f"{west},{south},{east},{north}")
    assert drawn(labels).background.sum() == 50 * 60 - 100

"""The comparison as users run it: files in, figures out, and every kind of bad input."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from scipy import ndimage

import l4s_geo
from l4s_geo.cli.evaluate import main
from l4s_geo.errors import EvaluationError
from l4s_geo.evaluation.evaluate import Settings
from l4s_geo.evaluation.layers import read_layers
from l4s_geo.evaluation.matches import matches
from l4s_geo.evaluation.pixels import scores
from l4s_geo.evaluation.summary import figures, lines
from l4s_geo.stack.sun import Sun

LEFT, TOP = 450_000.0, 4_700_000.0


def box(col: float, row: float, width: float, height: float) -> shapely.Polygon:
    """A rectangle of pixels of 10 m, counted from a corner."""
    return shapely.box(LEFT + 10 * col, TOP - 10 * (row + height), LEFT + 10 * (col + width), TOP - 10 * row)


def save(path: Path, *shapes, crs: int | None = 32654, layer: str = "landslides", **columns) -> Path:
    frame = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)
    frame.to_file(path, layer=layer)
    return path


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path]:
    """20 of 30 mapped pixels are right, of 40 true ones half are found, in two landslides of which one is missed."""
    mapped = save(tmp_path / "mapped.gpkg", box(0, 0, 5, 4), box(20, 20, 5, 2), id=[4, 9])
    reference = save(tmp_path / "reference.gpkg", box(0, 0, 5, 4), box(40, 0, 5, 4))
    return mapped, reference


def test_figures_of_a_small_case(pair):
    found = l4s_geo.evaluate(*pair)
    exact = scores(found.pixels)
    assert (exact.precision, exact.recall) == (20 / 30, 20 / 40)
    assert exact.f1 == pytest.approx(4 / 7)
    assert found.ground == (3000, 4000, 2000)
    assert found.mapping_error == pytest.approx(1 - 2 / 5)
    assert found.offset == (0, 0, 0)
    assert len(found.matching.pairs) == 1
    assert any("no area was given" in note for note in found.layers.notes)
    size = found.classes[0]
    assert (size.name, size.reference, size.found, size.mapped, size.right) == ("from 500 m²", 2, 1, 2, 1)
    assert json.loads(json.dumps(figures(found)))["landslides"]["found"] == 1


def test_each_figure_in_words_has_the_head_of_its_column(pair):
    said = list(lines(l4s_geo.evaluate(*pair)))
    assert "  Area, km²: inventory 0.003; reference 0.004" in said
    assert any(line.startswith("  Precision: score 0.667; with one pixel of tolerance ") for line in said)
    assert "  from 500 m²: reference 2; found 1; recall 0.500; inventory 2; right 1; precision 0.500" in said


def test_another_crs_is_brought_to_the_inventorys(pair, tmp_path):
    mapped, reference = pair
    degrees = tmp_path / "degrees.geojson"
    gpd.read_file(reference).to_crs(4326).to_file(degrees)
    assert figures(l4s_geo.evaluate(mapped, degrees))["pixels"] == figures(l4s_geo.evaluate(*pair))["pixels"]
    # An inventory in degrees is compared in metres.
    turned = l4s_geo.evaluate(degrees, mapped)
    assert turned.layers.grid.crs.to_epsg() == 32654
    assert scores(turned.pixels).precision == pytest.approx(0.5, abs=0.05)


def test_area_and_doubt_limit_both(pair, tmp_path):
    mapped, reference = pair
    area = save(tmp_path / "area.gpkg", box(-1, -1, 30, 30))
    doubt = save(tmp_path / "doubt.gpkg", box(19, 19, 8, 8))
    within = l4s_geo.evaluate(mapped, reference, area=area)
    assert scores(within.pixels).recall == 1
    assert scores(within.pixels).precision == pytest.approx(20 / 30)
    assert not within.layers.notes
    judged = l4s_geo.evaluate(mapped, reference, area=area, doubtful=doubt)
    assert scores(judged.pixels).precision == 1
    assert len(judged.shared.mapped_area) == 1


def test_a_landslide_mostly_outside_the_area_is_not_counted_but_its_pixels_are(tmp_path):
    mapped = save(tmp_path / "m.gpkg", box(0, 0, 10, 4), box(20, 0, 5, 5))
    area = save(tmp_path / "a.gpkg", box(0, 0, 4, 4), box(18, 0, 10, 10))
    found = l4s_geo.evaluate(mapped, mapped, area=area)
    assert len(found.shared.mapped_area) == 1
    assert found.pixels.mapped.sum() == 4 * 4 + 5 * 5
    assert found.ground == (4100, 4100, 4100)
    assert figures(found)["landslides"]["fragments"] == {"inventory": 1, "reference": 1}
    assert "  Cut, counted by pixels alone: inventory 1; reference 1" in list(lines(found))


def test_what_lies_on_a_fragment_of_the_other_side_is_right(tmp_path):
    # The reference's landslide reaches far beyond the area; what is mapped of it lies inside.
    mapped = save(tmp_path / "m.gpkg", box(0, 0, 4, 4))
    reference = save(tmp_path / "r.gpkg", box(0, 0, 20, 4), box(0, 20, 4, 4))
    found = l4s_geo.evaluate(mapped, reference, area=save(tmp_path / "a.gpkg", box(-1, -1, 5, 30)))
    assert (scores(found.pixels).precision, scores(found.pixels).recall) == (1, 0.5)
    assert found.matching.right.tolist() == [True]
    assert found.matching.found.tolist() == [False]
    assert matches(found)["outcome"].tolist() == ["hit", "missed"]
    # The same the other way round: a landslide of which a fragment of the inventory's covers all is found.
    turned = l4s_geo.evaluate(reference, mapped, doubtful=save(tmp_path / "d.gpkg", box(4, -1, 30, 30)))
    assert turned.matching.found.tolist() == [True]
    assert turned.mapping_error == pytest.approx(0.5)


def test_nothing_but_fragments(tmp_path):
    mapped = save(tmp_path / "m.gpkg", box(0, 0, 10, 4))
    found = l4s_geo.evaluate(mapped, mapped, area=save(tmp_path / "a.gpkg", box(0, 0, 2, 4)))
    assert scores(found.pixels).f1 == 1
    assert len(found.shared.mapped_area) == len(found.matching.pairs) == 0
    assert not len(matches(found))


@pytest.mark.parametrize("seed", range(8))
def test_pixels_are_those_of_a_raster_inside_the_area_and_outside_the_doubt(tmp_path, seed):
    """Boxes on a grid of 2 m, painted into an array and cut, pixel by pixel, by another one."""
    random = np.random.default_rng(seed)
    names = ("mapped", "reference", "area", "doubt")
    fine = {name: np.zeros((400, 400), bool) for name in names}
    files = {}
    for name, count, most in zip(names, (12, 15, 3, 3), (60, 60, 250, 60), strict=True):
        shapes = []
        for row, col, height, width in random.integers((0, 0, 5, 5), (340, 340, most, most), (count, 4)).tolist():
            fine[name][row : row + height, col : col + width] = True
            height, width = min(height, 400 - row), min(width, 400 - col)
            shapes.append(box(col / 5, row / 5, width / 5, height / 5))
        files[name] = save(tmp_path / f"{name}.gpkg", *shapes)
    found = l4s_geo.evaluate(files["mapped"], files["reference"], files["area"], files["doubt"])
    judged = fine["area"] & ~fine["doubt"]
    grid = found.layers.grid
    # The comparison's grid is in step with whole tens of metres here or with 2 m of the inventory's outlines.
    shift = [round(v / 2) % 5 for v in (grid.bounds[0] - LEFT, TOP - grid.bounds[3])]

    def whole(name):
        cells = np.pad(fine[name] & judged, ((5 - shift[1], 5 + shift[1]), (5 - shift[0], 5 + shift[0])))
        return cells.reshape(82, 5, 82, 5).sum(axis=(1, 3)) > 12

    ours, theirs = whole("mapped"), whole("reference")
    near = [ndimage.binary_dilation(side, np.ones((3, 3))) for side in (ours, theirs)]
    counts = [ours & theirs, ours, theirs, ours & near[1], theirs & near[0]]
    tallied = [getattr(found.pixels, name).sum() for name in found.pixels.__dataclass_fields__]
    assert tallied == [count.sum() for count in counts]
    ground = [(fine["mapped"] & judged), (fine["reference"] & judged)]
    areas = [4 * side.sum() for side in (*ground, ground[0] & ground[1])]
    assert found.ground == pytest.approx(areas)
    assert found.mapping_error == pytest.approx(1 - areas[2] / (areas[0] + areas[1] - areas[2]))


def test_reference_in_layers(pair, tmp_path):
    mapped, _ = pair
    both = tmp_path / "both.gpkg"
    save(both, box(0, 0, 5, 4), layer="scar")
    save(both, box(20, 20, 5, 2), layer="deposit")
    found = l4s_geo.evaluate(mapped, [f"{both}|layername=scar", f"{both}|layername=deposit"])
    assert scores(found.pixels).f1 == 1
    with pytest.raises(EvaluationError, match="layers"):
        l4s_geo.evaluate(mapped, both)


def raster(path: Path, values: np.ndarray, transform: Affine | None = None, dtype: str = "float32") -> Path:
    transform = transform or Affine(10, 0, LEFT, 0, -10, TOP)
    profile = {"driver": "GTiff", "count": 1, "dtype": dtype, "crs": "EPSG:32654", "transform": transform}
    with rasterio.open(path, "w", height=values.shape[0], width=values.shape[1], **profile) as out:
        out.write(values.astype(dtype), 1)
    return path


def test_probabilities(pair, tmp_path):
    values = np.full((60, 60), 0.1, np.float32)
    values[0:4, 0:5] = 0.9
    values[20:22, 20:25] = 0.6
    found = l4s_geo.evaluate(*pair, probability=raster(tmp_path / "p.tif", values))
    assert found.curve is not None
    assert found.curve.landslide.sum() == 40
    assert found.curve.other.sum() == 3600 - 40
    assert found.curve.average_precision == pytest.approx(0.5 + 0.5 * 40 / 3600)
    threshold, f1 = found.curve.best
    assert 0.6 < threshold <= 0.9
    assert f1 == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("values", "transform", "dtype", "message"),
    [
        (np.full((60, 60), 0.1), Affine(20, 0, LEFT, 0, -20, TOP), "float32", "another grid"),
        (np.full((60, 60), 30), None, "uint8", "bands of uint8"),
        (np.full((60, 60), 7.0), None, "float32", "probabilities, 0 to 1"),
    ],
)
def test_rasters_that_hold_no_probabilities(pair, tmp_path, values, transform, dtype, message):
    with pytest.raises(EvaluationError, match=message):
        l4s_geo.evaluate(*pair, probability=raster(tmp_path / "p.tif", values, transform, dtype))


def test_terrain(pair, tmp_path):
    cols, _ = np.meshgrid(np.arange(-20, 120), np.arange(-20, 120))
    # The ground rises by 25 degrees to the east, so it faces west.
    around = Affine(10, 0, LEFT - 200, 0, -10, TOP + 200)
    dem = raster(tmp_path / "dem.tif", 100 + 10 * cols * np.tan(np.radians(25)), around)

    found = l4s_geo.evaluate(*pair, dem=dem, settings=Settings(sun=Sun(270, 30)))
    rows = {(row.kind, row.name): row for row in found.classes}
    assert rows["slope", "20° to 30°"].reference == 2
    assert rows["aspect", "west"].mapped == 2
    # cos i of a slope that faces the sun: sin(30° + 25°).
    assert rows["illumination", "from 0.3 (lit)"].reference == 2
    turned = l4s_geo.evaluate(*pair, dem=dem, settings=Settings(sun=Sun(90, 20)))
    assert {row.name: row.reference for row in turned.classes}["cos i < 0 (own shade)"] == 2


def test_a_sun_without_elevations_is_a_mistake(pair):
    with pytest.raises(EvaluationError, match="--dem"):
        l4s_geo.evaluate(*pair, settings=Settings(sun=Sun(165, 30)))
    command = [str(pair[0]), "--reference", str(pair[1]), "--sun", "165,30"]
    assert CliRunner().invoke(main, command).exit_code == 2


def test_no_overlap(pair, tmp_path):
    far = save(tmp_path / "far.gpkg", box(9000, 0, 5, 5))
    with pytest.raises(EvaluationError, match=r"inventory .* and the reference .* do not meet"):
        l4s_geo.evaluate(pair[0], far)
    with pytest.raises(EvaluationError, match=r"the area .* do not meet"):
        l4s_geo.evaluate(*pair, area=far)


@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_side(pair, tmp_path, empty):
    nothing = tmp_path / "empty.gpkg"
    gpd.read_file(pair[0]).iloc[:0].to_file(nothing, layer="landslides")
    files = list(pair)
    files[empty] = nothing
    found = l4s_geo.evaluate(*files)
    summary = figures(found)
    assert summary["pixels"]["scores"]["f1"] == 0
    assert summary["pixels"]["scores"]["recall" if empty else "precision"] is None
    assert CliRunner().invoke(main, [str(files[0]), "--reference", str(files[1])]).exit_code == 0


def test_both_empty(pair, tmp_path):
    nothing = tmp_path / "empty.gpkg"
    gpd.read_file(pair[0]).iloc[:0].to_file(nothing, layer="landslides")
    with pytest.raises(EvaluationError, match="Neither"):
        l4s_geo.evaluate(nothing, nothing)


def test_points_and_lines(pair, tmp_path):
    points = save(tmp_path / "points.gpkg", shapely.Point(LEFT, TOP))
    with pytest.raises(EvaluationError, match="no polygon but Point"):
        l4s_geo.evaluate(pair[0], points)
    mixed = tmp_path / "mixed.geojson"
    gpd.GeoDataFrame(geometry=[box(0, 0, 5, 4), shapely.Point(LEFT, TOP)], crs=32654).to_crs(4326).to_file(mixed)
    found = l4s_geo.evaluate(pair[0], mixed)
    assert any(note.startswith("1 points or lines of the reference") for note in found.layers.notes)


def test_invalid_and_crossing_polygons(pair, tmp_path):
    bow = shapely.Polygon([(LEFT, TOP), (LEFT + 100, TOP - 100), (LEFT + 100, TOP), (LEFT, TOP - 100)])
    other = save(tmp_path / "other.gpkg", bow, box(2, 2, 6, 6))
    found = l4s_geo.evaluate(pair[0], other)
    assert any("1 invalid polygons" in note for note in found.layers.notes)
    assert any("share ground with others of it" in note for note in found.layers.notes)
    assert found.ground[1] == pytest.approx(shapely.union(shapely.make_valid(bow), box(2, 2, 6, 6)).area)


@pytest.mark.parametrize("second", [box(0, 0, 5, 4), box(1, 1, 2, 2), box(3, 2, 5, 4)])
def test_ground_that_is_there_twice_is_said_and_counts_once(tmp_path, second):
    twice = save(tmp_path / "twice.gpkg", box(0, 0, 5, 4), second)
    found = l4s_geo.evaluate(twice, twice)
    assert any(note.startswith("2 polygons of the reference share ground") for note in found.layers.notes)
    assert found.ground[1] == pytest.approx(box(0, 0, 5, 4).union(second).area)


@pytest.mark.parametrize(
    "settings",
    [{"iou": 0}, {"share": 1.2}, {"min_area": 0}, {"min_area": np.inf}, {"min_area": np.nan}, {"iou": np.nan}],
)
def test_settings_out_of_range(settings):
    with pytest.raises(EvaluationError, match="expected"):
        Settings(**settings)


@pytest.mark.parametrize("side", [0, 1])
def test_what_is_too_large_for_a_landslide_is_refused(pair, tmp_path, side):
    files = list(pair)
    files[side] = save(tmp_path / "country.gpkg", shapely.box(200_000, 4_200_000, 700_000, 4_900_000))
    with pytest.raises(EvaluationError, match=r"holds a polygon of 350,000 km²; expected landslides"):
        l4s_geo.evaluate(*files)


def test_neighbours_that_only_touch_share_no_ground_in_any_crs(tmp_path):
    pieces = [shapely.box(141.9 + 0.001 * i, 42.7, 141.901 + 0.001 * i, 42.7013) for i in range(6)]
    gpd.GeoDataFrame(geometry=pieces, crs=4326).to_file(tmp_path / "touching.geojson")
    found = l4s_geo.evaluate(tmp_path / "touching.geojson", tmp_path / "touching.geojson")
    assert not any("share ground" in note for note in found.layers.notes)


def test_long_sides_in_degrees_are_bent(pair, tmp_path):
    # Of a box between two parallels, the northern side lies farther north in the middle than at its ends.
    wide = shapely.box(137, 42.4, 145, 42.4452)
    gpd.GeoDataFrame(geometry=[wide], crs=4326).to_file(tmp_path / "area.geojson")
    dense = shapely.segmentize(wide, 1e-3)
    gpd.GeoDataFrame(geometry=[dense], crs=4326).to_file(tmp_path / "dense.geojson")
    areas = [read_layers(pair[0], [pair[1]], tmp_path / n).area for n in ("area.geojson", "dense.geojson")]
    apart = shapely.hausdorff_distance(areas[0][0].boundary, areas[1][0].boundary)
    assert apart < 800  # along the sides; a straight one would be kilometres off
    assert shapely.symmetric_difference(areas[0][0], areas[1][0]).area < 1e-4 * areas[1][0].area


@pytest.mark.parametrize("shift", [0, 360])
def test_across_the_antimeridian(tmp_path, shift):
    whole = shapely.box(179.99, -17.01, 180.01, -17.0)
    halves = [shapely.box(179.99, -17.01, 180, -17.0), shapely.box(-180 + shift, -17.01, -179.99 + shift, -17.0)]
    gpd.GeoDataFrame(geometry=[whole], crs=4326).to_file(tmp_path / "whole.geojson")
    gpd.GeoDataFrame(geometry=halves, crs=4326).to_file(tmp_path / "halves.geojson")
    found = l4s_geo.evaluate(tmp_path / "whole.geojson", tmp_path / "halves.geojson")
    assert scores(found.pixels).f1 == 1
    assert found.mapping_error == pytest.approx(0, abs=1e-4)
    assert found.matching.pieces.tolist() == [1, 1]


def test_layers_as_other_programs_write_them(pair, tmp_path):
    mapped, reference = pair
    expected = figures(l4s_geo.evaluate(mapped, reference))["pixels"]
    frame = gpd.read_file(reference)
    high = gpd.GeoDataFrame(geometry=list(shapely.force_3d(frame.geometry.to_numpy(), 812.5)), crs=frame.crs)
    high.to_file(tmp_path / "high.gpkg")
    many = gpd.GeoDataFrame(geometry=[shapely.MultiPolygon(list(frame.geometry))], crs=frame.crs)
    many.to_file(tmp_path / "many.gpkg")
    gaps = [*frame.geometry, shapely.Polygon(), None]
    gpd.GeoDataFrame(geometry=gaps, crs=frame.crs).to_file(tmp_path / "gaps.gpkg")
    frame.to_crs(6680).to_file(tmp_path / "north_first.gpkg")  # a CRS whose first axis points north
    for name in ("high.gpkg", "many.gpkg", "gaps.gpkg", "north_first.gpkg"):
        assert figures(l4s_geo.evaluate(mapped, tmp_path / name))["pixels"] == expected, name
    frame.to_crs(4326).to_file(tmp_path / "earth.kml", driver="KML")
    assert scores(l4s_geo.evaluate(mapped, tmp_path / "earth.kml").pixels).recall == 0.5
    swapped = shapely.transform(frame.to_crs(4326).geometry.to_numpy(), lambda xy: xy[:, ::-1])
    gpd.GeoDataFrame(geometry=swapped, crs=4326).to_file(tmp_path / "swapped.geojson")
    with pytest.raises(EvaluationError, match="expected longitudes and latitudes"):
        l4s_geo.evaluate(mapped, tmp_path / "swapped.geojson")


@pytest.mark.parametrize("mark", [";", "!"])
def test_paths_that_cannot_be_read_or_written_are_told_before(pair, tmp_path, mark):
    odd = pair[1].rename(tmp_path / f"a{mark}b.gpkg")
    with pytest.raises(EvaluationError, match="has ; or ! in its path"):
        l4s_geo.evaluate(pair[0], odd)
    arguments = [str(pair[0]), "--reference", str(pair[0]), "--out", str(tmp_path / f"c{mark}d.gpkg")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "has ; or ! in its path" in result.output
    plain = odd.rename(tmp_path / "a#b?c&d|e.gpkg")
    assert l4s_geo.evaluate(pair[0], plain).ground[1] > 0


def test_without_a_crs(pair, tmp_path):
    lost = save(tmp_path / "lost.gpkg", box(0, 0, 5, 4), crs=None)
    with pytest.raises(EvaluationError, match="no coordinate reference system"):
        l4s_geo.evaluate(pair[0], lost)


def test_the_command(pair, tmp_path):
    out, numbers = tmp_path / "matches.gpkg", tmp_path / "numbers.json"
    arguments = [str(pair[0]), "--reference", str(pair[1]), "--out", str(out), "--json", str(numbers)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "Precision" in result.output
    assert "0.667" in result.output
    layer = gpd.read_file(out, layer="landslides")
    assert sorted(zip(layer["side"], layer["outcome"], strict=True)) == [
        ("inventory", "false"),
        ("inventory", "hit"),
        ("reference", "hit"),
        ("reference", "missed"),
    ]
    hit = layer[(layer["side"] == "reference") & (layer["outcome"] == "hit")].iloc[0]
    assert (hit["match"], hit["iou"], hit["covered"]) == (4, 1, 1)
    assert json.loads(numbers.read_text())["pixels"]["scores"]["recall"] == 0.5


def test_the_command_ends_in_a_sentence(pair, tmp_path):
    result = CliRunner().invoke(main, [str(pair[0]), "--reference", str(tmp_path / "none.gpkg")])
    assert result.exit_code == 2
    assert "does not exist" in result.output
    result = CliRunner().invoke(main, [str(pair[0]), "--reference", str(pair[1]), "--out", str(tmp_path / "a.shp")])
    assert result.exit_code == 2
    assert not list(tmp_path.glob("a.*"))
    assert CliRunner().invoke(main, [str(pair[0]), "--reference", str(pair[1]), "--sun", "south"]).exit_code == 2

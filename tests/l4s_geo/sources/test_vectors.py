"""Polygons of vector files: the same as geopandas reads, whatever the format, and nothing from outside the grid."""

from __future__ import annotations

import logging
import sqlite3
import struct
import warnings
import zipfile
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize

from l4s_geo.errors import DataError, SceneError
from l4s_geo.grid import LOCAL, Grid
from l4s_geo.sources import vectors
from l4s_geo.sources.vectors import is_vector, read_polygons, vector_file
from support import ORIGIN, TRANSFORM, UTM

GRID = Grid(CRS.from_string(UTM), TRANSFORM, 120, 100)
BOX = shapely.box(*GRID.bounds)
SUFFIXES = ["gpkg", "geojson", "shp", "fgb", "kml", "gdb", "parquet"]


def drawn(shapes, grid: Grid = GRID) -> np.ndarray:
    if not len(shapes):
        return np.zeros(grid.shape, bool)
    return rasterize(shapes, grid.shape, transform=grid.transform).astype(bool)


def expected(frame: gpd.GeoDataFrame, grid: Grid = GRID) -> np.ndarray:
    """What geopandas makes of polygons that are small beside the grid, all of them transformed."""
    shapes = frame.to_crs(grid.crs.to_wkt()).geometry.make_valid()
    return drawn(shapes[shapes.intersects(shapely.box(*grid.bounds))].to_numpy(), grid)


def scattered(count: int = 400, reach: float = 20_000) -> gpd.GeoDataFrame:
    """Irregular polygons, holes in some, within and far around the grid."""
    rng = np.random.default_rng(3)
    centre = np.add(ORIGIN, (500, -600))
    centres = centre + np.concatenate([rng.uniform(-600, 600, (40, 2)), rng.uniform(-reach, reach, (count - 40, 2))])
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False) + rng.uniform(0, 0.5, (count, 12))
    radii = rng.uniform(20, 90, (count, 12))
    rings = centres[:, None] + radii[..., None] * np.stack([np.cos(angles), np.sin(angles)], -1)
    shapes = shapely.polygons(rings)
    shapes[::5] = shapely.difference(shapes[::5], shapely.buffer(shapely.points(centres[::5]), 12))
    return gpd.GeoDataFrame({"name": ["Hang"] * count}, geometry=shapes, crs=UTM)


def write(frame: gpd.GeoDataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, driver="KML" if path.suffix == ".kml" else None)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32645", "EPSG:3857", "EPSG:32644"])
def test_every_format_and_crs_draws_what_geopandas_draws(tmp_path, suffix, crs):
    if suffix == "kml" and crs != "EPSG:4326":
        pytest.skip("KML knows one CRS")
    frame = scattered().to_crs(crs)
    found = read_polygons(write(frame, tmp_path / f"shapes.{suffix}"), GRID, "mask")
    assert expected(frame).sum() > 1000
    np.testing.assert_array_equal(drawn(found), expected(frame))
    assert shapely.is_valid(found).all()
    assert shapely.intersects(found, BOX).all()
    assert len(found) < len(frame) / 4


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "shp", "geojson"])
def test_what_lies_outside_the_grid_is_not_read(tmp_path, monkeypatch, suffix):
    path = write(scattered(2000, 200_000).to_crs(4326), tmp_path / f"country.{suffix}")
    read = []
    original = shapely.geometry.shape
    monkeypatch.setattr(vectors.shapely.geometry, "shape", lambda g: read.append(1) or original(g))
    found = read_polygons(path, GRID, "mask")
    assert len(found) <= len(read) < 60


def test_real_inventories_draw_what_geopandas_draws(data):
    path = data / "inventories" / "colombia_2019.gpkg"
    frame = gpd.read_file(path)
    middle = frame.to_crs(32618).geometry.iloc[len(frame) // 2].centroid
    grid = Grid(CRS.from_epsg(32618), Affine(10, 0, middle.x // 10 * 10 - 5000, 0, -10, middle.y), 900, 1000)
    mask = expected(frame, grid)
    assert mask.sum() > 1000
    np.testing.assert_array_equal(drawn(read_polygons(path, grid, "inventory"), grid), mask)


# --- geometry ---------------------------------------------------------------------------------------------------------


def square(row: float = 20, col: float = 30, side: float = 30) -> shapely.Polygon:
    """Some rows and columns of the grid."""
    x, y = ORIGIN[0] + 10 * col, ORIGIN[1] - 10 * row
    return shapely.box(x, y - 10 * side, x + 10 * side, y)


def gpkg_of(path: Path, wkbs: list[bytes]) -> Path:
    """A GeoPackage of geometries that geopandas cannot write, as ISO WKB."""
    frame = gpd.GeoDataFrame({"n": range(len(wkbs))}, geometry=[square()] * len(wkbs), crs=UTM)
    frame.to_file(path, layer="shapes", SPATIAL_INDEX="NO")
    header = b"GP\0\x01" + struct.pack("<i", 32645)
    with closing(sqlite3.connect(path)) as database, database:
        for number, wkb in enumerate(wkbs):
            database.execute("UPDATE shapes SET geom = ? WHERE n = ?", (header + wkb, number))
        database.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY', z = 2, m = 2")
    return path


@pytest.mark.parametrize("dimension", ["Z", "M", "ZM"])
@pytest.mark.parametrize("multi", [False, True])
def test_heights_and_measures_are_left_aside(tmp_path, dimension, multi):
    flat = square(20.5, 30.5, 10)
    more = " 7 8" if dimension == "ZM" else " 7"
    ring = ", ".join(f"{x:.3f} {y:.3f}{more}" for x, y in flat.exterior.coords)
    text = f"MULTIPOLYGON {dimension} ((({ring})))" if multi else f"POLYGON {dimension} (({ring}))"
    wkb = shapely.to_wkb(shapely.from_wkt(text), flavor="iso", output_dimension=4)
    (found,) = read_polygons(gpkg_of(tmp_path / "a.gpkg", [wkb]), GRID, "mask")
    assert not found.has_z
    assert found.equals(flat)


def test_curves_become_polygons(tmp_path):
    x, y = ORIGIN[0] + 500, ORIGIN[1] - 600
    arc = struct.pack("<BII6d", 1, 8, 3, x - 200, y, x + 200, y, x - 200, y)  # CIRCULARSTRING, a full circle
    path = gpkg_of(tmp_path / "a.gpkg", [struct.pack("<BII", 1, 10, 1) + arc])  # CURVEPOLYGON
    (found,) = read_polygons(path, GRID, "mask")
    assert found.area == pytest.approx(np.pi * 200**2, rel=2e-3)


def test_polygons_in_collections_and_multipolygons_count_and_points_do_not(tmp_path):
    shapes = [
        shapely.GeometryCollection(
            [shapely.Point(ORIGIN), square(0, 0, 5), shapely.GeometryCollection([square(9, 9)])]
        ),
        shapely.MultiPolygon([square(50, 50, 5), square(80, 50, 5)]),
        shapely.LineString(square().exterior.coords),
        None,
        shapely.Polygon(),
    ]
    frame = gpd.GeoDataFrame(geometry=shapes, crs=UTM)
    frame.to_file(tmp_path / "a.gpkg")
    parts = [square(0, 0, 5), square(9, 9), square(50, 50, 5), square(80, 50, 5)]
    np.testing.assert_array_equal(drawn(read_polygons(tmp_path / "a.gpkg", GRID, "mask")), drawn(parts))


def test_invalid_polygons_are_repaired(tmp_path):
    x, y = ORIGIN[0] + 100, ORIGIN[1] - 100
    bow_tie = shapely.Polygon([(x, y), (x + 400, y - 400), (x + 400, y), (x, y - 400)])
    spike = shapely.Polygon([(x, y - 500), (x + 200, y - 500), (x + 700, y - 500), (x + 200, y - 500), (x, y - 700)])
    frame = gpd.GeoDataFrame(geometry=[bow_tie, spike], crs=UTM)
    frame.to_file(tmp_path / "a.gpkg")
    found = read_polygons(tmp_path / "a.gpkg", GRID, "mask")
    assert shapely.is_valid(found).all()
    assert set(shapely.get_type_id(found)) == {shapely.GeometryType.POLYGON}
    assert shapely.area(found).sum() == pytest.approx(2 * 400 * 200 / 2 + 200 * 200 / 2)


# --- where it lies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [-360, 0, 360])
def test_longitudes_may_be_counted_from_anywhere(tmp_path, turn):
    frame = gpd.GeoDataFrame(geometry=[square()], crs=UTM).to_crs(4326)
    frame.geometry = frame.translate(turn)
    frame.to_file(tmp_path / "a.gpkg")
    np.testing.assert_array_equal(drawn(read_polygons(tmp_path / "a.gpkg", GRID, "mask")), drawn([square()]))


@pytest.mark.parametrize("longitudes", [(179.9, 180.1), (-180.1, -179.9)])
def test_a_scene_on_the_antimeridian(tmp_path, longitudes):
    west, east = longitudes
    grid = Grid(CRS.from_epsg(32601), Affine(10, 0, 355_000, 0, -10, 7_300_000), 2000, 2000)
    corners = gpd.GeoSeries(gpd.points_from_xy(grid.bounds[::2], [7_290_000] * 2), crs=32601).to_crs(4326).x
    assert corners[0] > 179
    assert corners[1] < -175
    box = gpd.GeoDataFrame(geometry=[shapely.box(west, 65.7, east, 65.75)], crs=4326)
    box.to_file(tmp_path / "a.gpkg")
    (found,) = read_polygons(tmp_path / "a.gpkg", grid, "mask")
    assert found.area / 1e6 == pytest.approx(0.2 * 111.4 * np.cos(np.radians(65.72)) * 0.05 * 111.5, rel=0.02)


def test_a_polygon_around_the_world_covers_the_scene_but_for_its_hole(tmp_path):
    hole = gpd.GeoSeries([square(40, 40, 20)], crs=UTM).to_crs(4326)[0]
    world = shapely.box(-180, -90, 180, 90) - hole
    gpd.GeoDataFrame(geometry=[world], crs=4326).to_file(tmp_path / "world.gpkg")
    hidden = drawn(read_polygons(tmp_path / "world.gpkg", GRID, "mask"))
    np.testing.assert_array_equal(hidden, ~drawn([square(40, 40, 20)]))


def test_the_sides_of_a_country_bend_as_they_must(tmp_path):
    """A parallel is no straight line in UTM; one of ten degrees leaves it by kilometres."""
    lon, lat = gpd.GeoSeries([shapely.Point(ORIGIN[0] + 500, ORIGIN[1] - 600)], crs=UTM).to_crs(4326)[0].coords[0]
    country = gpd.GeoDataFrame(geometry=[shapely.box(lon - 5, lat, lon + 5, lat + 5)], crs=4326)
    country.to_file(tmp_path / "country.gpkg")
    rows, cols = np.mgrid[: GRID.height, : GRID.width]
    xs, ys = GRID.transform @ (cols + 0.5, rows + 0.5)
    north = gpd.GeoSeries(gpd.points_from_xy(xs.ravel(), ys.ravel()), crs=UTM).to_crs(4326).y.to_numpy() > lat
    found = drawn(read_polygons(tmp_path / "country.gpkg", GRID, "mask"))
    assert (found != north.reshape(GRID.shape)).mean() < 0.001


def test_a_file_that_misses_the_grid_gives_nothing(tmp_path):
    path = write(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326), tmp_path / "a.gpkg")
    assert len(read_polygons(path, GRID, "mask")) == 0


def test_a_grid_without_coordinates_takes_polygons_without_any(tmp_path):
    local = Grid(LOCAL, Affine(10, 0, 0, 0, -10, 0), 60, 60)
    shape = shapely.box(100, -300, 200, -100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gpd.GeoDataFrame(geometry=[shape]).to_file(tmp_path / "none.gpkg")
    for name, crs in (("none", None), ("local", LOCAL)):
        if crs:
            gpd.GeoDataFrame(geometry=[shape], crs=crs.to_wkt()).to_file(tmp_path / f"{name}.gpkg")
        (found,) = read_polygons(tmp_path / f"{name}.gpkg", local, "mask")
        assert found.equals(shape)
    path = write(gpd.GeoDataFrame(geometry=[shape], crs=4326), tmp_path / "placed.gpkg")
    with pytest.raises(SceneError, match=r"placed\.gpkg is in WGS 84 and the scene has no coordinates"):
        read_polygons(path, local, "mask")


def test_polygons_on_the_moon_are_refused(tmp_path):
    path = write(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs="IAU_2015:30100"), tmp_path / "moon.gpkg")
    with pytest.raises(SceneError, match=r"is in .*Moon.* and cannot be brought to EPSG:32645"):
        read_polygons(path, GRID, "mask")


@pytest.mark.parametrize("kind", ["gpkg", "shp", "fgb", "parquet", "undefined"])
def test_a_file_without_a_crs_is_named(tmp_path, kind):
    frame = gpd.GeoDataFrame(geometry=[square()], crs=LOCAL.to_wkt() if kind == "undefined" else None)
    path = tmp_path / f"a.{'gpkg' if kind == 'undefined' else kind}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(frame, path)
    with pytest.raises(SceneError, match=r"The mask .* has no coordinate reference system"):
        read_polygons(path, GRID, "mask")


# --- layers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_layers(tmp_path) -> Path:
    path = tmp_path / "two.gpkg"
    for layer, shape in (("scars", square(0, 0, 10)), ("runout", square(50, 50, 10))):
        gpd.GeoDataFrame(geometry=[shape], crs=UTM).to_file(path, layer=layer)
    return path


def test_several_layers_are_listed_and_one_is_chosen(two_layers):
    with pytest.raises(SceneError, match=r"has the layers scars, runout; expected one, .*two\.gpkg.layername=scars"):
        read_polygons(two_layers, GRID, "mask")
    for layer, shape in (("scars", square(0, 0, 10)), ("runout", square(50, 50, 10))):
        (found,) = read_polygons(f"{two_layers}|layername={layer}", GRID, "mask")
        assert found.equals(shape)
    with pytest.raises(SceneError, match="has no layer craters; expected one of scars, runout"):
        read_polygons(f"{two_layers}|layername=craters", GRID, "mask")
    assert vector_file(f"{two_layers}|layername=scars") == str(two_layers)


def test_a_table_beside_the_polygons_is_no_second_layer(tmp_path):
    path = tmp_path / "styled.gpkg"
    gpd.GeoDataFrame(geometry=[square()], crs=UTM).to_file(path, layer="landslides")
    import pandas as pd
    import pyogrio

    pyogrio.write_dataframe(pd.DataFrame({"style": ["red"]}), path, layer="layer_styles", append=True)
    assert len(read_polygons(path, GRID, "mask")) == 1


@pytest.mark.parametrize("folder", ["", "Nepal/"])
def test_shapefiles_in_a_zip(tmp_path, folder):
    def pack(name: str, years: list[str]) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for year in years:
                for suffix in ("shp", "shx", "dbf", "prj"):
                    archive.write(tmp_path / f"{year}.{suffix}", f"{folder}{year}.{suffix}")
        return tmp_path / name

    for year, shape in (("2013", square(0, 0, 10)), ("2014", square(50, 50, 10))):
        gpd.GeoDataFrame(geometry=[shape], crs=UTM).to_file(tmp_path / f"{year}.shp")
    (found,) = read_polygons(pack("one.zip", ["2014"]), GRID, "mask")
    assert found.equals(square(50, 50, 10))
    both = pack("both.zip", ["2013", "2014"])
    with pytest.raises(SceneError, match="has the layers 2013, 2014"):
        read_polygons(both, GRID, "mask")
    (found,) = read_polygons(f"{both}|layername=2013", GRID, "mask")
    assert found.equals(square(0, 0, 10))


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there():
    with pytest.raises(DataError, match=r"The inventory nosuch\.gpkg does not exist"):
        read_polygons("nosuch.gpkg", GRID, "inventory", DataError)
    with pytest.raises(SceneError, match="is no file of this machine"):
        read_polygons("https://example.org/landslides.geojson", GRID, "mask")


def test_a_file_without_polygons_says_what_it_holds(tmp_path):
    shapes = [shapely.Point(ORIGIN), shapely.LineString([(0, 0), ORIGIN])]
    path = write(gpd.GeoDataFrame(geometry=shapes, crs=UTM), tmp_path / "a.gpkg")
    with pytest.raises(SceneError, match="holds no polygon but LineString, Point; expected polygons"):
        read_polygons(path, GRID, "mask")
    path = write(gpd.GeoDataFrame(geometry=[], crs=UTM), tmp_path / "empty.gpkg")
    with pytest.raises(SceneError, match="holds no polygon but nothing"):
        read_polygons(path, GRID, "mask")


def test_documents_that_point_elsewhere_and_other_formats_are_not_opened(tmp_path):
    write(gpd.GeoDataFrame({"a": [1]}, geometry=[square()], crs=UTM), tmp_path / "a.gpkg")
    virtual = tmp_path / "a.vrt"
    virtual.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{tmp_path / "a.gpkg"}</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    )
    import pyogrio

    assert len(pyogrio.read_dataframe(virtual)) == 1  # so GDAL would
    table = tmp_path / "a.csv"
    table.write_text('WKT\n"POLYGON((0 0,1 0,1 1,0 0))"\n')
    disguised = tmp_path / "b.gpkg"
    disguised.write_text(virtual.read_text())
    for path in (virtual, table, disguised, tmp_path):
        with pytest.raises(SceneError, match=r"cannot be read as a vector file .*; expected polygons as GeoPackage"):
            read_polygons(path, GRID, "mask")
    assert not is_vector(virtual)
    assert is_vector(tmp_path / "a.gpkg")


@pytest.mark.parametrize("kept", [0.3, 0.9])
@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "fgb", "parquet", "zip"])
def test_a_file_that_is_cut_short_is_an_error(tmp_path, suffix, kept):
    path = tmp_path / f"a.{suffix}"
    if suffix == "zip":
        scattered(reach=500).to_file(tmp_path / "b.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in tmp_path.glob("b.*"):
                archive.write(part, part.name)
    else:
        write(scattered(reach=500), path)
    whole = path.read_bytes()
    assert read_polygons(path, GRID, "mask").size
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(SceneError, match=r"cannot be read (as a vector file|as GeoParquet|to its end)"):
        read_polygons(path, GRID, "mask")


def test_a_log_that_somebody_listens_to_is_left_as_it_was(tmp_path):
    before = list(logging.getLogger("fiona").handlers)
    read_polygons(write(scattered(), tmp_path / "a.gpkg"), GRID, "mask")
    assert logging.getLogger("fiona").handlers == before


def test_attributes_in_a_broken_encoding_do_no_harm(tmp_path):
    path = write(scattered(), tmp_path / "a.shp")
    table = tmp_path / "a.dbf"
    table.write_bytes(table.read_bytes().replace(b"Hang", b"\x93\xfa\xff\x96"))
    np.testing.assert_array_equal(drawn(read_polygons(path, GRID, "mask")), expected(scattered()))

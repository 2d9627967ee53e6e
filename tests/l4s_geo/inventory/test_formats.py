from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from l4s_geo.errors import OutputError
from l4s_geo.inventory.formats import FORMATS, write_inventory
from l4s_geo.inventory.style import inventory_style
from l4s_geo.inventory.table import DTYPES, SHAPEFILE_NAMES
from l4s_geo.output.geopackage import LAYER
from l4s_geo.output.staging import check_output, staged

PROVENANCE = {"software": "l4s-geo 0.1.0", "scene": "Ürümqi", "threshold": 0.5}


def frame(count: int) -> gpd.GeoDataFrame:
    values = {name: np.arange(1, count + 1) for name in DTYPES}
    values |= {name: ["häng"] * count for name in ("scene", "bundle", "created")}
    values |= {"aspect_deg": np.full(count, np.nan), "touches_edge": np.arange(count) % 2 == 0}
    shell = shapely.Point(300_500, 3_099_500).buffer(100)
    shapes = [shapely.affinity.translate(shell - shell.centroid.buffer(20), 500 * i) for i in range(count)]
    return gpd.GeoDataFrame(values, geometry=shapes, crs="EPSG:32645").astype(DTYPES)


def read(path: Path) -> gpd.GeoDataFrame:
    if path.suffix == ".parquet":
        return gpd.read_parquet(path)
    return gpd.read_file(path, layer=LAYER if path.suffix == ".gpkg" else None)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("count", [0, 3])
def test_every_format_reads_back(tmp_path: Path, suffix: str, count: int) -> None:
    path = tmp_path / f"inventory{suffix}"
    write_inventory(frame(count), path, PROVENANCE)
    got = read(path)
    assert len(got) == count
    columns = [c for c in got.columns if c != "geometry"]
    if suffix == ".geojson" and not count:
        return  # the format has no schema apart from its features
    assert len(columns) == len(DTYPES)
    assert got.crs.to_epsg() == (4326 if suffix == ".geojson" else 32645)
    if count:
        areas = got.to_crs(32645).area
        np.testing.assert_allclose(areas, frame(count).area, rtol=1e-3)
        assert got["scene"].tolist() == ["häng"] * count
        assert got["aspect_deg"].isna().all()
        assert (shapely.get_num_interior_rings(got.geometry.to_numpy()) == 1).all()
    if suffix != ".shp":
        assert columns == list(DTYPES)
    else:
        assert columns == [SHAPEFILE_NAMES.get(name, name) for name in DTYPES]


def test_a_geopackage_carries_style_and_provenance(tmp_path: Path) -> None:
    path = tmp_path / "inventory.gpkg"
    write_inventory(frame(2), path, PROVENANCE)
    assert json.loads(pyogrio.read_info(path, layer=LAYER)["layer_metadata"]["l4s"]) == PROVENANCE
    with sqlite3.connect(path) as database:
        (row,) = database.execute(
            "SELECT f_table_schema, f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        (geometry,) = database.execute("SELECT column_name FROM gpkg_geometry_columns").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
    assert row[:4] == ("", LAYER, geometry, 1)
    assert row[4] == inventory_style()
    assert version < 10400


@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".shp"])
def test_other_formats_come_with_style_and_provenance_beside_them(tmp_path: Path, suffix: str) -> None:
    write_inventory(frame(1), tmp_path / f"i{suffix}", PROVENANCE)
    assert (tmp_path / "i.qml").read_text().endswith(f" -->\n{inventory_style()}")
    assert json.loads((tmp_path / f"i{suffix}.provenance.json").read_text()) == PROVENANCE


def test_geoparquet_carries_provenance(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_inventory(frame(1), tmp_path / "i.parquet", PROVENANCE)
    assert json.loads(pq.read_schema(tmp_path / "i.parquet").metadata[b"l4s"]) == PROVENANCE


def test_staged_results_appear_together(tmp_path: Path) -> None:
    finals = (tmp_path / "a.txt", None, tmp_path / "b.txt")
    with staged(*finals) as (a, none, b):
        assert none is None
        a.write_text("a")
        b.write_text("b")
        b.with_suffix(".side").write_text("side")
        assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".")) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "b.side", "b.txt"]


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    final = tmp_path / "a.txt"
    final.write_text("old")

    def fail() -> None:
        with staged(final) as (part,):
            part.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space"):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert final.read_text() == "old"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("inventory.kml", r"suffix '.kml'.*\.gpkg"),
        ("inventory", r"suffix '\(none\)'"),
        ("missing/inventory.gpkg", "does not exist"),
    ],
)
def test_impossible_outputs_are_named_before_the_work(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        check_output(tmp_path / name, tuple(FORMATS), "inventory")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "i.gpkg").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path / "i.gpkg", tuple(FORMATS), "inventory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output(tmp_path / "i.gpkg", tuple(FORMATS), "inventory")

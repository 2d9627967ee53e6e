from __future__ import annotations

import sqlite3
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from l4s_geo.errors import OutputError
from l4s_geo.output.geopackage import LAYER, add_style, check_replaceable
from l4s_geo.output.staging import check_output


def geopackage(path: Path, layer: str = LAYER) -> Path:
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 10, 10)], crs="EPSG:32645").to_file(path, layer=layer)
    return path


def test_one_with_unsaved_changes_is_not_replaced(tmp_path: Path) -> None:
    """SQLite would apply the old file's log to the new one."""
    path = geopackage(tmp_path / "i.gpkg")
    with sqlite3.connect(path) as editing:
        editing.execute("PRAGMA journal_mode=WAL")
        editing.execute("CREATE TABLE notes (text TEXT)")
        editing.commit()
        with pytest.raises(OutputError, match=r"open for writing in \S+ \(process"):
            check_replaceable(path)
    editing.close()
    check_replaceable(path)


def test_somebody_elses_is_not_replaced(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "project.gpkg", "roads")
    with pytest.raises(OutputError, match="roads"):
        check_output(path, (".gpkg",), "inventory")


def test_an_inventory_with_its_style_is_replaced(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "ours.gpkg")
    add_style(path, "<qgis/>", "plain")
    check_output(path, (".gpkg",), "inventory")


def test_a_style_that_cannot_be_written_is_a_failure_to_write(tmp_path: Path) -> None:
    (tmp_path / "i.gpkg").write_text("no database at all, " * 100)
    with pytest.raises(OSError, match="not a database"):
        add_style(tmp_path / "i.gpkg", "<qgis/>", "plain")

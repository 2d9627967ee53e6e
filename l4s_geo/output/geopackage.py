"""What is special about GeoPackages: the layer that an inventory has in one, its style, and whose file it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from l4s_geo.errors import OutputError

__all__ = ["LAYER", "add_style", "check_replaceable"]

LAYER = "landslides"
"""Name of an inventory's layer."""


def check_replaceable(path: Path) -> None:
    """Check that a file can be replaced by an inventory without loss of somebody's work.

    Args:
        path: the file, which need not exist; one that is no GeoPackage can always be replaced.

    Raises:
        OutputError: the GeoPackage holds other layers, or another program has changes of it that are not saved.
    """
    if path.suffix.lower() != ".gpkg" or not path.exists():
        return
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise OutputError(
            f"The GeoPackage {path} is open in another program, which has changes that are not saved ({log.name}); "
            "close it there, or choose another name."
        )
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT table_name FROM gpkg_contents")}
    except sqlite3.Error:
        return
    if others := sorted(tables - {LAYER, "layer_styles"}):
        raise OutputError(
            f"The GeoPackage {path} holds other layers ({', '.join(others)}) that would be lost; give the inventory "
            "a file of its own."
        )


def add_style(path: Path, qml: str, description: str) -> None:
    """Give the inventory's layer the style that QGIS loads with it.

    Args:
        path: a GeoPackage that holds the layer, without styles so far.
        qml: the style, as QGIS writes it to a file.
        description: what the style shows, for QGIS's list of styles.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        with closing(sqlite3.connect(path)) as database, database:
            _insert(database, qml, description)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


def _insert(database: sqlite3.Connection, qml: str, description: str) -> None:
    database.execute(
        "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), "
        "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
        "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
        "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
    )
    database.execute(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
        "styleQML, styleSLD, useAsDefault, description, owner) VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '')",
        (LAYER, LAYER, qml, description),
    )
    # Registered, as QGIS does when it makes the table.
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles')"
    )

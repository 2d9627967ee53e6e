"""What is special about GeoPackages: the layer that an inventory has in one, its style, and whose file it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from l4s_geo.errors import OutputError
from l4s_geo.output.open_files import writers

__all__ = ["LAYER", "SUGGESTIONS", "add_style", "check_replaceable", "check_whole", "has_style"]

SUGGESTIONS = "suggestions"
"""Name of the layer of windows that are suggested for labels."""

LAYER = "landslides"
"""Name of an inventory's layer."""

_LOGS = ("-wal", "-shm", "-journal")
_PATIENCE_S = 1.0
"""How long another program may take to read something and be done."""


def check_replaceable(path: Path) -> None:
    """Check that a file can be replaced by an inventory without loss of somebody's work.

    What a program that was killed left beside a GeoPackage (its logs) is brought into it, as by whichever program
    opens it next: beside the new file it would spoil that.

    Args:
        path: the file, which need not exist; one that is no GeoPackage can always be replaced.

    Raises:
        OutputError: the GeoPackage is open for writing in another program, or holds other layers; or there are logs
            beside it that belong to no GeoPackage.
    """
    if path.suffix.lower() != ".gpkg":
        return
    if programs := writers(path, *_logs(path)):
        raise _open_elsewhere(path, ", ".join(programs))
    tables = _tables_alone(path) if path.exists() else set()
    if others := sorted(tables - {LAYER, SUGGESTIONS, "layer_styles"}):
        raise OutputError(
            f"The GeoPackage {path} holds other layers ({', '.join(others)}) that would be lost; give the inventory "
            "a file of its own."
        )
    if logs := _logs(path):
        raise OutputError(
            f"{' and '.join(log.name for log in logs)} beside {path} would be taken for a part of the new GeoPackage "
            "and spoil it; delete what is left there of an older one, or choose another name."
        )


def _logs(path: Path) -> list[Path]:
    """Return what SQLite keeps beside a database while it is open, and a killed program leaves."""
    return [log for log in (path.with_name(path.name + suffix) for suffix in _LOGS) if log.exists()]


def _tables_alone(path: Path) -> set[str]:
    """Return the names of a GeoPackage's tables while nobody else uses it, and bring its logs into it.

    Returns:
        The names; none if the file is no GeoPackage.

    Raises:
        OutputError: another program uses it.
    """
    try:
        name = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(name, timeout=_PATIENCE_S, isolation_level=None, uri=True)) as database:
            if _logs(path):
                database.execute("PRAGMA journal_mode = DELETE").fetchall()
            database.execute("BEGIN EXCLUSIVE")
            return {name for (name,) in database.execute("SELECT table_name FROM gpkg_contents")}
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise _open_elsewhere(path, "another program") from error
        return set()


def _open_elsewhere(path: Path, programs: str) -> OutputError:
    return OutputError(
        f"The GeoPackage {path} is open for writing in {programs}, which would spoil a new one with its next save; "
        "save and close it there, or choose another name."
    )


def has_style(path: Path) -> bool:
    """Whether a file is a GeoPackage that carries styles, which QGIS takes before those beside it."""
    if path.suffix.lower() != ".gpkg":
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT 1 FROM layer_styles LIMIT 1").fetchall())
    except sqlite3.Error:
        return False


def check_whole(path: Path, metadata: bool = True) -> None:
    """Check that a GeoPackage that has been written is sound, with a style and a spatial index of the layer.

    GDAL leaves the index out without an error if there is no room for it.

    Args:
        path: the file.
        metadata: whether the layer is to have metadata as well.

    Raises:
        OSError: it is not.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            faults = [fault for (fault,) in database.execute("PRAGMA quick_check(1)") if fault != "ok"]
            counts = {
                table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
                for table in (LAYER, f"rtree_{LAYER}_geom", "layer_styles", *(["gpkg_metadata_reference"] * metadata))
            }
    except sqlite3.Error as error:
        raise OSError(f"{path.name} was not written to its end ({error})") from error
    features, indexed, *others = counts.values()
    if faults or features != indexed or not all(others):
        raise OSError(f"{path.name} was not written to its end ({', '.join(faults) or counts})")


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

"""An inventory on disk: schema, formats, provenance, style.

The suffix of the output's name chooses the format. A file appears whole or not at all: it is written into a
hidden folder beside its final place and moved there when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l4s_geo.errors import OutputError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["COLUMNS", "FORMATS", "LAYER", "check_output", "staged", "style", "write_inventory"]

LAYER = "landslides"
"""Name of the layer."""

COLUMNS: dict[str, str] = {
    "id": "int32",
    "area_m2": "float64",
    "perimeter_m": "float64",
    "length_m": "float64",
    "width_m": "float64",
    "orientation_deg": "float64",
    "compactness": "float64",
    "n_pixels": "int32",
    "prob_mean": "float64",
    "prob_max": "float64",
    "prob_spread": "float64",
    "confidence": "str",
    "slope_mean_deg": "float64",
    "slope_max_deg": "float64",
    "elev_min_m": "float64",
    "elev_max_m": "float64",
    "relief_m": "float64",
    "reach_angle_deg": "float64",
    "aspect_deg": "float64",
    "touches_edge": "bool",
    "touches_mask": "bool",
    "scene": "str",
    "bundle": "str",
    "threshold": "float64",
    "created": "str",
}
"""Attributes of a landslide and their dtypes, in order."""

_SHAPEFILE_NAMES = {
    "perimeter_m": "perim_m",
    "orientation_deg": "orient_deg",
    "compactness": "compact",
    "slope_mean_deg": "slope_mean",
    "slope_max_deg": "slope_max",
    "reach_angle_deg": "reach_deg",
    "prob_spread": "prob_std",
    "touches_edge": "edge",
    "touches_mask": "mask",
}
"""Shapefiles cut names at ten characters; these stay readable."""


def check_output(path: Path, suffixes: tuple[str, ...], what: str) -> None:
    """Check, before any work is done, that a result can be written.

    Args:
        path: where it is to appear.
        suffixes: those allowed.
        what: "inventory" or "probability raster", for the message.

    Raises:
        OutputError: unknown suffix, or a folder that is missing or cannot be written to.
    """
    if path.suffix.lower() not in suffixes:
        raise OutputError(
            f"The {what} {path} has the suffix {path.suffix or '(none)'!r}; expected one of {', '.join(suffixes)}."
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} for the {what} does not exist; create it first.")
    if path.is_dir():
        raise OutputError(f"The {what} {path} is a folder; give the name of a file.")
    _check_replaceable(path)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be written to ({error.strerror}); choose another for the {what}."
        ) from error


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a GeoPackage that holds somebody's other layers."""
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


@contextmanager
def staged(*finals: Path | None) -> Iterator[tuple[Path | None, ...]]:
    """Give paths to write results to, and move them to their final names when all of them are complete.

    Everything written beside such a path with the same stem (a shapefile's parts, a style) moves with it. If the
    block raises, nothing appears and nothing is left over.

    Args:
        finals: the final paths; None for a result that is not asked for.

    Yields:
        A path for each, or None.

    Raises:
        OutputError: writing failed, for instance because the disk is full.
    """
    folders: list[Path | None] = []
    try:
        for final in finals:
            folder = final and final.absolute().parent / f".{final.name}.l4s-staged"
            if folder:
                shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed while writing
                folder.mkdir()
            folders.append(folder)
        yield tuple(
            folder / final.name if folder and final else None for folder, final in zip(folders, finals, strict=True)
        )
        for folder, final in zip(folders, finals, strict=True):
            if folder and final:
                # The file that carries the name goes last: whoever sees it sees the whole.
                for part in sorted(folder.iterdir(), key=lambda p: p.name == final.name):
                    os.replace(part, final.absolute().parent / part.name)
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, OutputError):
            raise
        names = " and ".join(str(f) for f in finals if f)
        raise OutputError(
            f"{names} could not be written ({error}); free some space, then run the same command with --resume."
        ) from error
    finally:
        for folder in folders:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def write_inventory(frame: GeoDataFrame, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write an inventory in the format of its suffix, with style and provenance.

    Args:
        frame: polygons with the columns of `COLUMNS`.
        path: where to write.
        provenance: facts about the run; JSON-serialisable.
    """
    FORMATS[path.suffix.lower()](frame, path, json.dumps(dict(provenance), indent=1))


def style(kind: str) -> str:
    """Return the QGIS style (QML) for "inventory", "probability" or "spread"."""
    return (Path(__file__).parent / "styles" / f"{kind}.qml").read_text(encoding="utf-8")


def _write_gpkg(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    # QGIS 3.22 warns about GeoPackage 1.4, which newer GDAL writes by default.
    _write_ogr(frame, path, "GPKG", layer=LAYER, VERSION="1.3", layer_metadata={"l4s": provenance})
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), "
            "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
            "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
            "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner) VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '')",
            (LAYER, LAYER, style("inventory"), "Landslides by confidence"),
        )
        # Registered, or GDAL would offer the styles as a second layer.
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles')"
        )


def _write_geojson(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    # RFC 7946 wants WGS 84; areas and lengths stay those of the mapping grid.
    _write_ogr(
        frame.to_crs(4326), path, "GeoJSON", layer=LAYER, RFC7946="YES", DESCRIPTION="Landslide inventory made by l4s"
    )
    _write_sidecars(path, provenance)


def _write_flatgeobuf(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    _write_ogr(frame, path, "FlatGeobuf", layer=LAYER)
    _write_sidecars(path, provenance)


def _write_shapefile(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    renamed = frame.rename(columns=_SHAPEFILE_NAMES)
    renamed = renamed.astype({"edge": "int32", "mask": "int32"})
    _write_ogr(renamed, path, "ESRI Shapefile", ENCODING="UTF-8")
    _write_sidecars(path, provenance)


def _write_geoparquet(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    import pyarrow.parquet as pq

    frame.to_parquet(path, index=False)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), b"l4s": provenance.encode()}), path)
    path.with_suffix(".qml").write_text(style("inventory"), encoding="utf-8")


def _write_ogr(frame: GeoDataFrame, path: Path, driver: str, **options: Any) -> None:
    import pyogrio
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    try:
        several = bool((frame.geom_type == "MultiPolygon").any())
        kind = "MultiPolygon" if several else "Polygon"
        pyogrio.write_dataframe(frame, path, driver=driver, geometry_type=kind, promote_to_multi=several, **options)
    except (DataSourceError, FeatureError, GeometryError) as error:
        raise OSError(str(error)) from error


def _write_sidecars(path: Path, provenance: str) -> None:
    path.with_suffix(".qml").write_text(style("inventory"), encoding="utf-8")
    path.with_suffix(".provenance.json").write_text(provenance + "\n", encoding="utf-8")


FORMATS: dict[str, Callable[[Any, Path, str], None]] = {
    ".gpkg": _write_gpkg,
    ".geojson": _write_geojson,
    ".fgb": _write_flatgeobuf,
    ".parquet": _write_geoparquet,
    ".shp": _write_shapefile,
}
"""Writers by suffix."""

"""An inventory on disk: a format by the suffix of its name, with provenance and style.

Drivers do not always say that a disk was full. So each file is read again before anybody takes it for the inventory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l4s_geo.errors import OutputError
from l4s_geo.grid import Grid
from l4s_geo.inventory.style import inventory_style
from l4s_geo.inventory.table import EVENT_COLUMNS, SHAPEFILE_NAMES
from l4s_geo.output.geopackage import LAYER, add_style, check_whole
from l4s_geo.output.siblings import PROVENANCE
from l4s_geo.output.style import write_style

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["FORMATS", "require_coordinates", "write_inventory"]


def require_coordinates(grid: Grid, scene: str, path: Path, patch: bool) -> None:
    """Check that an inventory of a scene can lie where its format says.

    Args:
        grid: the mapping grid.
        scene: the scene's name, for messages.
        path: the inventory.
        patch: whether it may lie in the local coordinates of a scene that has no others.

    Raises:
        OutputError: the scene has no coordinates, and nobody asked for local ones or the format has none.
    """
    if not grid.is_local:
        return
    if not patch:
        raise OutputError(
            f"The scene {scene} has no coordinates, so an inventory of it lies nowhere; give a georeferenced scene, or "
            "--patch for polygons in metres from its upper left corner."
        )
    if path.suffix.lower() == ".geojson":
        others = ", ".join(suffix for suffix in FORMATS if suffix != ".geojson")
        raise OutputError(
            f"The scene {scene} has no coordinates, and those of GeoJSON are longitudes and latitudes (RFC 7946); give "
            f"{path.name} the suffix of another format: {others}."
        )


def write_inventory(frame: GeoDataFrame, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write an inventory in the format of its suffix, with style and provenance.

    Args:
        frame: polygons with the columns of `l4s_geo.inventory.table.COLUMNS`, of `CHANGE_COLUMNS` too if two dates were
            compared, and those of `EVENT_COLUMNS` that say what happened, or what was merged.
        path: where to write.
        provenance: facts about the run; JSON-serialisable.

    Raises:
        OSError: it cannot be written, or not all of it.
    """
    FORMATS[path.suffix.lower()](frame, path, json.dumps(dict(provenance), indent=1))


def _write_gpkg(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    # QGIS 3.22 warns about GeoPackage 1.4, which newer GDAL writes by default.
    _write_ogr(frame, path, "GPKG", layer=LAYER, VERSION="1.3", layer_metadata={"l4s": provenance})
    add_style(path, _style(frame), "Landslides by confidence")
    check_whole(path)


def _write_geojson(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    # RFC 7946 wants WGS 84; areas and lengths stay those of the mapping grid.
    _write_ogr(
        frame.to_crs(4326), path, "GeoJSON", layer=LAYER, RFC7946="YES", DESCRIPTION="Landslide inventory made by l4s"
    )
    _write_sidecars(frame, path, provenance)


def _write_flatgeobuf(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    _write_ogr(frame, path, "FlatGeobuf", layer=LAYER)
    _write_sidecars(frame, path, provenance)


def _write_shapefile(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    flags = dict.fromkeys(frame.select_dtypes("bool"), "int32")
    renamed = frame.astype(flags).rename(columns=SHAPEFILE_NAMES)
    _write_ogr(renamed, path, "ESRI Shapefile", ENCODING="UTF-8")
    _write_sidecars(frame, path, provenance)


def _write_geoparquet(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame.to_parquet(path, index=False)
        table = pq.read_table(path)
        facts = {**(table.schema.metadata or {}), b"l4s": provenance.encode()}
        pq.write_table(table.replace_schema_metadata(facts), path)
        if not pq.read_table(path).equals(table):
            raise OSError(f"{path.name} was not written to its end")
    except pa.ArrowException as error:
        raise OSError(f"{path.name} was not written to its end ({error})") from error
    write_style(path, _style(frame))


def _write_ogr(frame: GeoDataFrame, path: Path, driver: str, **options: Any) -> None:
    import pyogrio
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    try:
        several = bool((frame.geom_type == "MultiPolygon").any())
        kind = "MultiPolygon" if several else "Polygon"
        pyogrio.write_dataframe(frame, path, driver=driver, geometry_type=kind, promote_to_multi=several, **options)
        _check_whole(frame, path)
    except (DataSourceError, FeatureError, GeometryError) as error:
        raise OSError(str(error)) from error


def _check_whole(frame: GeoDataFrame, path: Path) -> None:
    """Check that a file holds an inventory's features, each with its number and its outline.

    Raises:
        OSError: it does not.
    """
    import pyogrio

    found = pyogrio.read_dataframe(path)
    if not len(found) and not len(frame):
        return
    whole = {"id", "geometry"} <= set(found.columns) and found.geom_type.isin(["Polygon", "MultiPolygon"]).all()
    if not whole or sorted(found["id"]) != sorted(frame["id"]):  # FlatGeobuf has an order of its own
        raise OSError(f"{path.name} was not written to its end, {len(frame)} landslides")


def _style(frame: GeoDataFrame) -> str:
    return inventory_style(change="is_new" in frame, event=[c.name for c in EVENT_COLUMNS if c.name in frame])


def _write_sidecars(frame: GeoDataFrame, path: Path, provenance: str) -> None:
    write_style(path, _style(frame))
    path.with_name(path.name + PROVENANCE).write_text(provenance + "\n", encoding="utf-8")


FORMATS: dict[str, Callable[[Any, Path, str], None]] = {
    ".gpkg": _write_gpkg,
    ".geojson": _write_geojson,
    ".fgb": _write_flatgeobuf,
    ".parquet": _write_geoparquet,
    ".shp": _write_shapefile,
}
"""The function that writes a format, by the suffix of the format's files."""

"""An inventory measured anew, after somebody drew in it: geometry, and what lies under the polygons.

Columns come from the functions that measure a map (`l4s_geo.inventory.attributes`), on the mapping grid that the
inventory names, so that a polygon which nobody touched gets the values that it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from l4s_geo.bundles.bundle import Confidence
from l4s_geo.errors import InventoryError
from l4s_geo.evaluation.layers import grid_around, metric_crs
from l4s_geo.grid import Grid, fits
from l4s_geo.inventory.attributes import (
    detection_attributes,
    geometry_attributes,
    reach_angle,
    terrain_attributes,
    touches,
)
from l4s_geo.inventory.facts import read_facts
from l4s_geo.inventory.footprints import Footprints
from l4s_geo.inventory.formats import FORMATS, write_inventory
from l4s_geo.inventory.plausible import check_terrain
from l4s_geo.inventory.surface import Surface, open_surface
from l4s_geo.inventory.table import SHAPEFILE_NAMES, TERRAIN_COLUMNS
from l4s_geo.output.claim import claimed
from l4s_geo.output.identity import check_apart, local_files
from l4s_geo.output.siblings import siblings
from l4s_geo.output.staging import check_output, destination, staged
from l4s_geo.progress import Reporter, Silent
from l4s_geo.review.known import bundle_of, dem_of
from l4s_geo.sources.vectors import Features, read_features
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.open import gdal_settings
from l4s_geo.stack.terrain import terrain_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["measure"]

PathLike = str | os.PathLike[str]

_DETECTION = ("prob_mean", "prob_max", "prob_spread")
_SAME = 0.001
"""Share by which area and outline may differ from what is recorded, for a polygon that nobody touched."""
_MOST_SIDE = 200_000
_LONG_NAMES = {short: name for name, short in SHAPEFILE_NAMES.items()}


def measure(
    inventory: PathLike,
    *,
    out: PathLike | None = None,
    dem: PathLike | Sequence[PathLike] | None = None,
    slope: PathLike | None = None,
    probability: PathLike | None = None,
    bundle: PathLike | None = None,
    facts: PathLike | None = None,
    reporter: Reporter | None = None,
) -> GeoDataFrame:
    """Measure the polygons of an inventory anew, for instance after somebody drew in it.

    Geometry is always measured; terrain where elevations are known; probability, confidence and `touches_edge` with a
    probability raster. Without one, these are emptied for polygons whose outline is no longer the one that was
    measured, and kept for the others. All other attributes stay as they are.

    Args:
        inventory: polygons, in any CRS; ``FILE|layername=NAME`` for one of several layers.
        out: inventory to write; the suffix chooses the format (.gpkg, .geojson, .fgb, .parquet, .shp). Never the
            inventory itself.
        dem: elevations in metres, one file or several; None takes those of the run that made the map, if they are
            still there.
        slope: a ready slope in degrees, used in place of one computed from the DEM.
        probability: the probability raster of the map.
        bundle: name or path of the bundle that made the probabilities, for its classes of confidence; None takes the
            one that the map names, if it is installed.
        facts: another inventory whose provenance holds, for polygons that were taken out of it.
        reporter: hears what is taken for granted, and what was measured.

    Returns:
        One row a polygon, in the file's order, with the attributes of the file and the measured ones of
        `l4s_geo.inventory.table.COLUMNS`; in the CRS of the file.

    Raises:
        InventoryError: the file cannot be read or holds no polygons, the probability raster is none, or it does not lie
            where the polygons do.
        L4SError: the DEM or the bundle cannot be read, or the inventory cannot be written.
    """
    tell = reporter or Silent()
    path = Path(out) if out is not None else None
    if path:
        check_output(path, tuple(FORMATS), "inventory")
    if slope is not None and dem is None:
        raise InventoryError("A slope was given without a DEM; give both, since elevations are needed too.")
    given = read_features(inventory, "inventory", InventoryError, attributes=None, local=True)
    source = facts if facts is not None else inventory
    own = read_facts(source)
    terrain, remark = dem_of(own, source, dem)
    if path:
        read = {"inventory": local_files(inventory)}
        if probability is not None:
            read["probability raster"] = local_files(probability)
        read["DEM"] = [file for name in (*terrain, *([slope] if slope else [])) for file in local_files(name)]
        check_apart([destination(path), *siblings(destination(path))], read)
    with _ground(given, own, terrain, slope, probability) as ground:
        said = ""
        classes = None
        if ground.surface:
            found, said = bundle_of({**ground.surface.facts, **own}, bundle)
            classes = found.confidence if found else None
        for line in filter(None, (remark, said)):
            tell.say(line)
        table = _measured(given, ground, classes, tell)
    if path:
        with claimed(path), staged(path) as (place,):
            if place:
                write_inventory(table, place, _provenance(own, terrain, slope, probability))
    tell.say(f"{len(table)} polygons measured, {table['area_m2'].sum() / 1e6:.3f} km²")
    return table


@dataclass(frozen=True)
class _Ground:
    """The ground under an inventory."""

    grid: Grid
    """The mapping grid."""
    dem: DEM | None
    surface: Surface | None


@contextmanager
def _ground(
    given: Features,
    facts: Mapping[str, Any],
    terrain: Sequence[PathLike],
    slope: PathLike | None,
    probability: PathLike | None,
) -> Iterator[_Ground]:
    """Open what is known of the ground, on the grid of the probability raster, of the map, or around the polygons."""
    with gdal_settings(), ExitStack() as files:
        surface = files.enter_context(open_surface(probability, InventoryError)) if probability is not None else None
        grid = surface.grid if surface else _grid_of(facts, given) or _grid_around(given)
        dem = files.enter_context(DEM(terrain, grid, slope)) if terrain and len(given.shapes) else None
        yield _Ground(grid, dem, surface)


def _grid_of(facts: Mapping[str, Any], given: Features) -> Grid | None:
    """The mapping grid that an inventory names, if it is one and the polygons lie on it."""
    try:
        height, width = (int(side) for side in facts["shape"])
        grid = Grid(CRS.from_user_input(facts["crs"]), Affine(*map(float, facts["transform"])), height, width)
    except (KeyError, TypeError, ValueError, RasterioError):
        return None
    if not (0 < height <= _MOST_SIDE and 0 < width <= _MOST_SIDE and fits(grid)) or not len(given.shapes):
        return None
    try:
        moved = _moved(given, grid)
    except InventoryError:
        return None
    return grid if bool(shapely.intersects(shapely.box(*grid.bounds), moved).any()) else None


def _grid_around(given: Features) -> Grid:
    crs = given.crs if given.crs.is_engineering else metric_crs(given, ())
    none: NDArray[np.object_] = np.zeros(0, object)
    around = Grid(CRS.from_wkt(crs.to_wkt()), Affine.identity(), 1, 1)
    return grid_around(_moved(given, around), none, crs)


def _moved(given: Features, grid: Grid) -> NDArray[np.object_]:
    """Bring polygons to a grid.

    Raises:
        InventoryError: they cannot be.
    """
    crs = pyproj.CRS.from_wkt(grid.crs.to_wkt())
    if given.crs.equals(crs, ignore_axis_order=True) or (given.crs.is_engineering and grid.is_local):
        return given.shapes
    try:
        way = pyproj.Transformer.from_crs(given.crs, crs, always_xy=True)
        shapes: NDArray[np.object_] = shapely.transform(given.shapes, way.transform, interleaved=False)
        fine = bool(np.isfinite(shapely.bounds(shapes)).all())
    except ProjError:
        fine = False
    if not fine:
        raise InventoryError(
            f"The {given.what} is in {given.crs.name} and cannot be brought to {grid.crs_name}; expected polygons "
            "where the map lies, so check its CRS."
        )
    valid: NDArray[np.object_] = np.where(shapely.is_valid(shapes), shapes, shapely.make_valid(shapes))
    return valid


def _measured(given: Features, ground: _Ground, classes: Confidence | None, tell: Reporter) -> GeoDataFrame:
    """Return the table, with the columns that are measured in the places of the old ones."""
    import geopandas as gpd

    shapes = _moved(given, ground.grid)
    box = shapely.box(*ground.grid.bounds)
    beyond = int((~shapely.intersects(box, shapes)).sum())
    if len(shapes) and beyond == len(shapes) and ground.surface:
        raise InventoryError(
            f"No polygon of the {given.what} lies on the probability raster {ground.surface.path}; expected that of "
            "the same ground, so check the files and their CRS."
        )
    if beyond:
        tell.say(f"Note: {beyond} polygons lie beyond the map; of them the outline alone is measured")
    table = {_LONG_NAMES.get(name, name): values for name, values in given.attributes.items()}
    geometry = geometry_attributes(shapes)
    touched = _touched(table, geometry)
    found = Footprints(shapes, ground.grid)
    new: dict[str, Any] = {**geometry, "n_pixels": found.n_pixels.astype(np.int32)}
    new |= _terrain(found, ground, geometry, table, touched)
    new |= _detection(found, ground, classes, table, touched)
    return gpd.GeoDataFrame(
        {"id": _numbered(given, table), **table, **new}, geometry=given.shapes, crs=given.crs.to_wkt()
    )


def _numbered(given: Features, table: dict[str, Any]) -> NDArray[np.int32]:
    """Take the numbers of an inventory out of its table; polygons that have none get the next."""
    numbers = np.array([_number(value) for value in table.pop("id", [None] * len(given.shapes))], np.float64)
    first = int(np.nanmax(numbers)) + 1 if np.isfinite(numbers).any() else 1
    lacking = ~np.isfinite(numbers)
    numbers[lacking] = np.arange(first, first + int(lacking.sum()))
    return numbers.astype(np.int32)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _touched(table: Mapping[str, Any], geometry: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Tell which outlines are not those that were measured: (n,) bool."""
    touched = np.zeros(len(geometry["area_m2"]), bool)
    for name in ("area_m2", "perimeter_m"):
        old = np.array([_number(value) for value in table.get(name, [None] * len(touched))])
        with np.errstate(invalid="ignore"):
            touched |= ~(np.abs(old - geometry[name]) <= _SAME * geometry[name])
    return touched


def _terrain(
    found: Footprints,
    ground: _Ground,
    geometry: Mapping[str, NDArray[np.float64]],
    table: Mapping[str, Any],
    touched: NDArray[np.bool_],
) -> dict[str, Any]:
    """The columns about terrain: measured if elevations are known, else emptied where the outline has changed."""
    dem = ground.dem
    if dem is None:
        return {name: _emptied(table[name], touched) for name in TERRAIN_COLUMNS if name in table}
    columns: dict[str, Any] = dict(terrain_attributes(found, lambda window: terrain_of(dem.read, found.grid, window)))
    check_terrain({**columns, **geometry, "n_pixels": found.n_pixels})
    return columns | {"reach_angle_deg": reach_angle(columns["relief_m"], geometry["length_m"])}


def _detection(
    found: Footprints,
    ground: _Ground,
    classes: Confidence | None,
    table: Mapping[str, Any],
    touched: NDArray[np.bool_],
) -> dict[str, Any]:
    """The columns about the model: measured with its probabilities, else emptied where the outline has changed."""
    surface = ground.surface
    words = [value if isinstance(value, str) else "" for value in table.get("confidence", [""] * found.count)]
    old = np.where(touched, "", np.array(words, object))
    if surface is None:
        emptied = {name: _emptied(table[name], touched) for name in _DETECTION if name in table}
        return emptied | ({"confidence": old} if "confidence" in table else {})
    columns: dict[str, Any] = dict(detection_attributes(found, surface))
    columns["touches_edge"] = touches(found, lambda window: np.isnan(surface.read(window)[0]), border=True)
    # A raster of probabilities knows no spread, and not how sure it is that a landslide is new.
    columns["prob_spread"] = _emptied(table.get("prob_spread", [None] * found.count), touched)
    judged = classes is not None and "p_new" not in table
    confidence = classes.classify(columns["prob_mean"]) if classes and judged else old
    columns["confidence"] = np.where(np.isfinite(columns["prob_mean"]), confidence, "") if judged else old
    return columns


def _emptied(values: Sequence[Any], touched: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Numbers that stay where the outline is the one that they were measured on."""
    return np.where(touched, np.nan, np.array([_number(value) for value in values]))


def _provenance(
    facts: Mapping[str, Any], dem: Sequence[PathLike], slope: PathLike | None, probability: PathLike | None
) -> Mapping[str, Any]:
    """The provenance of the map, with what it was measured with anew."""
    return {
        **facts,
        "software": f"l4s-geo {version('l4s-geo')}",
        "measured_with": {
            "dem": [os.fspath(path) for path in dem],
            "slope": os.fspath(slope) if slope is not None else None,
            "probability": os.fspath(probability) if probability is not None else None,
        },
    }

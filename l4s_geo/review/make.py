"""An inventory at another threshold, from the probability raster of a map: nothing is mapped again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from l4s_geo import defaults
from l4s_geo.address import shown_all
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import InventoryError
from l4s_geo.inventory.attributes import detection_attributes, terrain_attributes, touches
from l4s_geo.inventory.formats import FORMATS, require_coordinates, write_inventory
from l4s_geo.inventory.landslides import Parts, find_landslides, outline, table_of
from l4s_geo.inventory.surface import Surface, open_surface
from l4s_geo.inventory.vectorize import Components, Connectivity, VectorizeSettings
from l4s_geo.output.claim import claimed
from l4s_geo.output.identity import check_apart, local_files
from l4s_geo.output.siblings import siblings
from l4s_geo.output.staging import check_output, destination, staged
from l4s_geo.progress import Reporter, Silent
from l4s_geo.review.known import bundle_of, dem_of, several
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.open import gdal_settings
from l4s_geo.stack.terrain import terrain_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["make_inventory", "threshold_of"]

PathLike = str | os.PathLike[str]


def make_inventory(
    probability: PathLike,
    *,
    out: PathLike | None = None,
    threshold: float | None = None,
    min_area: float = defaults.MIN_AREA,
    connectivity: Connectivity = defaults.CONNECTIVITY,
    fill_holes: float = defaults.FILL_HOLES,
    simplify: float = defaults.SIMPLIFY,
    dem: PathLike | Sequence[PathLike] | None = None,
    slope: PathLike | None = None,
    bundle: PathLike | None = None,
    reporter: Reporter | None = None,
) -> GeoDataFrame:
    """Make an inventory from a probability raster, for instance at another threshold; nothing is mapped again.

    With the settings of the run that wrote the raster the landslides are that run's, attribute by attribute, but for
    two that a probability raster cannot tell: the spread is empty, and `touches_mask` is left out where the run had
    masks.

    Args:
        probability: the raster, as ``l4s-map --probability`` writes it.
        out: inventory to write; the suffix chooses the format (.gpkg, .geojson, .fgb, .parquet, .shp).
        threshold: probability from which a pixel is landslide; None takes that of the raster's run.
        min_area: minimum mapping unit, m²: smaller landslides are left out.
        connectivity: 4, or 8 for pixels that meet at a corner to belong together (multipolygons then).
        fill_holes: holes up to this area, m², are filled.
        simplify: tolerance, m, to which the pixel steps of outlines are smoothed; shared borders stay shared.
        dem: elevations in metres, one file or several, for the terrain attributes; None takes those of the raster's
            run, if they are still there.
        slope: a ready slope in degrees, used in place of one computed from the DEM.
        bundle: name or path of the bundle that made the probabilities, for its classes of confidence; None takes the
            one that the raster names, if it is installed.
        reporter: hears what is taken for granted, and what was found.

    Returns:
        One row a landslide with the columns of `l4s_geo.inventory.table.COLUMNS`, in the CRS of the raster.

    Raises:
        InventoryError: the raster cannot be read, is none of probabilities, or no threshold is known.
        L4SError: a setting is impossible, the DEM or the bundle cannot be read, or the inventory cannot be written.
    """
    tell = reporter or Silent()
    path = Path(out) if out is not None else None
    if path:
        check_output(path, tuple(FORMATS), "inventory")
    if slope is not None and dem is None:
        raise InventoryError("A slope was given without a DEM; give both, since elevations are needed too.")
    with gdal_settings(), ExitStack() as files:
        surface = files.enter_context(open_surface(probability, InventoryError))
        chosen = threshold_of(surface.facts, surface.path, threshold)
        settings = VectorizeSettings(chosen, min_area, connectivity, fill_holes, simplify)
        known, said = bundle_of(surface.facts, bundle)
        terrain, remark = dem_of(surface.facts, probability, dem)
        beside = [slope] if slope is not None else []
        if path:
            require_coordinates(surface.grid, surface.path, path, patch=True)
            read = {"probability raster": local_files(probability)}
            read["DEM"] = [file for given in (*terrain, *beside) for file in local_files(given)]
            check_apart([destination(path), *siblings(destination(path))], read)
        for line in (said, remark, *_cautions(surface.facts)):
            if line:
                tell.say(line)
        elevations = files.enter_context(DEM(terrain, surface.grid, slope)) if terrain else None
        with claimed(path), TemporaryDirectory(prefix="l4s-") as folder, staged(path) as (place,):
            found = find_landslides(surface, surface.grid, Path(folder) / "labels.tif", settings)
            created = datetime.now(UTC).replace(microsecond=0).isoformat()
            landslides = _described(found, surface, settings, known, elevations, created)
            if place:
                write_inventory(landslides, place, _facts(surface, settings, terrain, slope, created))
    tell.say(f"{len(landslides)} landslides, {landslides['area_m2'].sum() / 1e6:.3f} km², at {settings.threshold:g}")
    return landslides


def threshold_of(facts: Mapping[str, Any], path: str, given: float | None) -> float:
    """Return the threshold that was given, or else that of the run that wrote a raster.

    Args:
        facts: the raster's provenance.
        path: the raster, for the message.
        given: what was given.

    Raises:
        InventoryError: neither is known.
    """
    if given is not None:
        return given
    own = facts.get("threshold")
    if isinstance(own, bool) or not isinstance(own, int | float):
        raise InventoryError(
            f"The probability raster {path} does not say at which threshold it was mapped; expected a probability, so "
            "give one (--threshold)."
        )
    return float(own)


def _cautions(facts: Mapping[str, Any]) -> list[str]:
    """Say what a user should know of a run whose raster this is."""
    if not facts.get("only_new"):
        return []
    return [
        "Note: the map held only what was new, and the raster holds the probabilities of the later date: landslides "
        "that were there before are among these; to map what is new, map again with another threshold"
    ]


def _described(
    found: Components,
    surface: Surface,
    settings: VectorizeSettings,
    bundle: Bundle | None,
    dem: DEM | None,
    created: str,
) -> GeoDataFrame:
    """Outline landslides and measure them, with what a probability raster knows."""
    unknown = lambda window: np.isnan(surface.read(window)[0])  # noqa: E731
    read = (lambda window: terrain_of(dem.read, surface.grid, window)) if dem else None
    detection: dict[str, Any] = dict(detection_attributes(found, surface))
    classes = bundle.confidence if bundle else None
    shapes, geometry = outline(found, settings.simplify)
    facts = surface.facts
    parts = Parts(
        geometry=geometry,
        detection={**detection, "confidence": classes.classify(detection["prob_mean"]) if classes else ""},
        terrain=terrain_attributes(found, read) if read else {},
        beside={"touches_edge": touches(found, unknown, border=True), "touches_mask": False},
        origin={
            "scene": str(facts.get("scene", "")),
            "bundle": _bundle_name(facts, bundle),
            "threshold": settings.threshold,
            "created": created,
        },
    )
    table = table_of(found, shapes, parts)
    return table if facts.get("masked_share") == 0 else table.drop(columns="touches_mask")


def _bundle_name(facts: Mapping[str, Any], bundle: Bundle | None) -> str:
    """Name the bundle as an inventory does: the one that is known, else the one that the raster names."""
    if bundle:
        return f"{bundle.name} {bundle.version} ({bundle.sha256[:12]})"
    words = [str(facts.get(name, "")) for name in ("bundle", "bundle_version", "bundle_sha256")]
    return f"{words[0]} {words[1]} ({words[2][:12]})" if all(words) else ""


def _facts(
    surface: Surface,
    settings: VectorizeSettings,
    dem: Sequence[PathLike],
    slope: PathLike | None,
    created: str,
) -> Mapping[str, Any]:
    """The provenance of the inventory: that of the raster's run, with what was done since."""
    own = {
        "software": f"l4s-geo {version('l4s-geo')}",
        "created": created,
        "probability": surface.path,
        "mapped": surface.facts.get("created"),
        "threshold": settings.threshold,
        "min_area": settings.min_area,
        "connectivity": settings.connectivity,
        "fill_holes": settings.fill_holes,
        "simplify": settings.simplify,
        "dem": [os.fspath(path) for path in several(dem)],
        "slope": os.fspath(slope) if slope is not None else None,
        "crs": surface.grid.crs_name,
        "transform": list(surface.grid.transform)[:6],
        "shape": list(surface.grid.shape),
    }
    facts: Mapping[str, Any] = shown_all({**surface.facts, **own})
    return facts

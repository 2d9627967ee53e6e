"""map_scene: the one place that knows the order of the steps."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from l4s_geo.describe import (
    TERRAIN_COLUMNS,
    detection_attributes,
    geometry_attributes,
    terrain_attributes,
    touches,
)
from l4s_geo.errors import SceneError, TerrainError
from l4s_geo.grid import PIXEL
from l4s_geo.inputs import Inputs, Resampling, fingerprint, gdal_settings, open_stack
from l4s_geo.introduce import cautions, introduction, masked
from l4s_geo.inventory import COLUMNS, FORMATS, check_output, staged, write_inventory
from l4s_geo.library import DEFAULT, require_bands
from l4s_geo.parts import Parts
from l4s_geo.predict import OVERLAP, Surface, predict
from l4s_geo.raster import SUFFIXES, write_surface
from l4s_geo.refine import refine_surface, wanted
from l4s_geo.runtime import Device, LoadedBundle, load_bundle
from l4s_geo.settings import MIN_AREA, Settings
from l4s_geo.sources.http import shown
from l4s_geo.sources.mask import SCL_DEFAULT
from l4s_geo.stack import Stack
from l4s_geo.terrain import MAX_VOID
from l4s_geo.units import Units
from l4s_geo.vectorize import Connectivity, components, polygons
from l4s_geo.vectorize import fill_holes as fill_small_holes
from l4s_geo.vectorize import simplify as simplify_outlines
from l4s_geo.views import Augmentation

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["Reporter", "map_scene"]

PathLike = str | os.PathLike[str]


class Reporter(Protocol):
    """Hears how a run goes; the command line shows it, Python by default ignores it."""

    def say(self, text: str) -> None:
        """Take a line that every user should see."""

    def detail(self, text: str) -> None:
        """Take a line for those who asked for more."""

    def progress(self, done: int, total: int) -> None:
        """Take the number of windows mapped so far."""


class _Silent:
    """Ignores everything."""

    def say(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...


def map_scene(
    scene: PathLike | Mapping[str, PathLike],
    *,
    bands: Sequence[str] | None = None,
    dem: PathLike | Sequence[PathLike] | None = None,
    slope: PathLike | None = None,
    units: Units | Literal["auto"] = "auto",
    resampling: Resampling | None = None,
    mask: PathLike | None = None,
    mask_classes: Sequence[int] = SCL_DEFAULT,
    clouds: bool = False,
    aoi: PathLike | None = None,
    out: PathLike | None = None,
    probability: PathLike | None = None,
    spread: PathLike | None = None,
    bundle: PathLike = DEFAULT,
    threshold: float | None = None,
    min_area: float = MIN_AREA,
    overlap: int = OVERLAP,
    tta: Augmentation = "none",
    skip_flat: float = 0.0,
    crf: Literal["auto", "on", "off"] = "auto",
    connectivity: Connectivity = 4,
    fill_holes: float = 0.0,
    simplify: float = 0.0,
    device: Device = "auto",
    resume: bool = False,
    reporter: Reporter | None = None,
) -> GeoDataFrame:
    """Map the landslides of a Sentinel-2 scene.

    Args:
        scene: a SAFE product (folder or zip), a STAC item (path or URL), a folder of band files, a raster whose bands
            are named or stand in a known order, or single-band files by band name:
            ``{"B4": "red.tif", "B3": "green.tif", "B2": "blue.tif"}``.
        bands: names of a raster's bands, in order, if it does not carry them.
        dem: elevations in metres, any CRS and resolution, one file or several: for the terrain attributes, and for
            bundles that need slope or DEM.
        slope: a ready slope in degrees, used in place of one computed from the DEM.
        units: "dn", "reflectance" or "l4s"; "auto" takes those that the source states, or detects them.
        resampling: "nearest", "bilinear", "cubic" or "average"; None repeats the pixels of coarser bands and
            interpolates where the grid changes.
        mask: a raster that is not 0, or a vector file with polygons, where nothing is to be mapped.
        mask_classes: classes of a Level-2A product's scene classification (SCL) that are not mapped.
        clouds: whether to detect clouds with s2cloudless and mask them (Level-1C, extra ``clouds``).
        aoi: area of interest: a vector file in any CRS, or "west,south,east,north".
        out: inventory to write; the suffix chooses the format (.gpkg, .geojson, .fgb, .parquet, .shp).
        probability: probability raster to write, a Cloud Optimized GeoTIFF.
        spread: raster to write of the standard deviation over networks and views.
        bundle: name of an installed bundle, or path of a bundle's folder or zip.
        threshold: probability from which a pixel is landslide; None takes the bundle's.
        min_area: minimum mapping unit, m²: smaller landslides are left out.
        overlap: pixels that neighbouring windows share, 0 to 127.
        tta: test-time augmentation: "none", "flips" (4 views) or "d4" (8 views).
        skip_flat: windows whose slope never reaches so many degrees are not run and count as landslide-free.
        crf: whether to refine the probabilities with a DenseCRF (extra ``crf``): "on", "off", or "auto" for what the
            bundle was measured to gain from.
        connectivity: 4, or 8 for pixels that meet at a corner to belong together (multipolygons then).
        fill_holes: holes up to this area, m², are filled.
        simplify: tolerance, m, to which the pixel steps of outlines are smoothed; shared borders stay shared.
        device: "auto", "cuda" or "cpu".
        resume: go on where a run of the same call was stopped or killed; what it had finished is not repeated.
        reporter: hears how the run goes.

    Returns:
        One row a landslide with the columns of `l4s_geo.inventory.COLUMNS`, in the CRS of the mapping grid.

    Raises:
        L4SError: one of its children, if an input cannot be used, the device is not to be had or an output cannot
            be written; nothing is left half-written.
    """
    started, created = perf_counter(), datetime.now(UTC).replace(microsecond=0).isoformat()
    tell = reporter or _Silent()
    inputs = Inputs(scene, bands, dem, slope, units, resampling, mask, mask_classes, clouds, aoi)
    paths = [Path(p) if p is not None else None for p in (out, probability, spread)]
    for path, suffixes, what in zip(
        paths, (tuple(FORMATS), SUFFIXES, SUFFIXES), ("inventory", "probability raster", "spread raster"), strict=True
    ):
        if path:
            check_output(path, suffixes, what)

    model = load_bundle(bundle, device)
    tell.say(f"Device: {model.device} ({model.runtime})")
    refinement = model.bundle.crf if wanted(crf, model) else None
    default = refinement.threshold if refinement else model.threshold
    settings = Settings(
        threshold=default if threshold is None else threshold,
        min_area=min_area,
        overlap=overlap,
        tta=tta,
        skip_flat=skip_flat,
        connectivity=connectivity,
        fill_holes=fill_holes,
        simplify=simplify,
    )
    settings.check(model.bundle, spread_wanted=spread is not None)

    with open_stack(inputs) as stack:
        for line in introduction(stack):
            tell.say(line)
        require_bands(model.bundle, stack.scene.name, stack.bands, stack.scene.acquisition.level)
        if settings.skip_flat > 0 and not stack.has_terrain:
            raise SceneError("Flat windows cannot be skipped without terrain; give a DEM (--dem).")
        for line in cautions(stack, model.bundle):
            tell.say(line)
        for line in _details(model):
            tell.detail(line)
        parts = _parts(paths, inputs, stack, model, settings, resume, created)
        if parts and parts.resumed:
            created = parts.facts["created"]
            tell.say("Resuming: what an earlier run has finished is not repeated")
        try:
            how = (settings.overlap, settings.tta, settings.skip_flat)
            surface = predict(stack, model, *how, tell.progress, parts)
        except (SceneError, TerrainError):
            # A damaged file stays damaged; a network may come back.
            if parts and not stack.is_remote:
                parts.discard()
            raise
        valid = np.isfinite(surface.probability)
        if refinement and valid.any():
            tell.detail(f"CRF: {refinement.parameters}")
            surface = refine_surface(stack, model, surface, refinement.parameters)
        if not valid.any():
            raise SceneError(
                f"No pixel of the scene {stack.scene.name} can be mapped: none is valid in all of "
                f"{', '.join(model.bands)}, unmasked and in the area of interest; check the files' nodata values, the "
                "mask, and that the DEM covers the scene."
            )
        hidden = masked(stack)
        frame = _inventory(stack, model, surface, hidden, settings, created)
        facts = {
            **_provenance(stack, model),
            "created": created,
            **asdict(settings),
            "crf": asdict(refinement.parameters) if refinement else None,
            "valid_share": round(float(valid.mean()), 6),
            "masked_share": round(float(hidden.mean()), 6) if hidden is not None else 0.0,
        }
        if stack.dem and stack.dem.voids_filled:
            tell.say(f"Terrain: voids of the DEM up to {MAX_VOID} pixels across were filled by interpolation")
        window = stack.area.window() if stack.area else stack.grid.whole

    if hidden is not None:
        tell.say(f"Masked: {hidden.mean():.1%} of the scene")
    with gdal_settings(), staged(*paths) as (inventory_part, probability_part, spread_part):
        if inventory_part:
            write_inventory(frame, inventory_part, facts)
        part = stack.grid.part(window)
        if probability_part:
            write_surface(surface.probability[window.slices], part, probability_part, facts, "probability")
        if spread_part and surface.spread is not None:
            write_surface(surface.spread[window.slices], part, spread_part, facts, "spread")
    if parts:
        parts.discard()
    area = float(frame["area_m2"].sum()) / 1e6
    tell.say(
        f"{len(frame)} landslides, {area:.3f} km² of {valid.sum() * PIXEL**2 / 1e6:.1f} km² mapped, "
        f"{perf_counter() - started:.1f} s on {model.device}"
    )
    return frame


def _parts(
    paths: Sequence[Path | None],
    inputs: Inputs,
    stack: Stack,
    model: LoadedBundle,
    settings: Settings,
    resume: bool,
    created: str,
) -> Parts | None:
    """Where finished rows are kept: beside the first output; nowhere if there is none."""
    beside = next((path for path in paths if path), None)
    if beside is None:
        return None
    how = (model.bundle.sha256, model.device, settings.overlap, settings.tta, settings.skip_flat)
    return Parts(beside, fingerprint(inputs, stack, *how), resume, {"created": created})


def _details(model: LoadedBundle) -> list[str]:
    bundle = model.bundle
    return [
        f"Bundle: {bundle.name} {bundle.version}, {bundle.location}, needs {', '.join(bundle.bands)}",
        *(f"Network: {m.architecture}, normalisation {m.normalization}, weight {m.weight:g}" for m in bundle.members),
    ]


def _inventory(
    stack: Stack,
    model: LoadedBundle,
    surface: Surface,
    hidden: NDArray[np.bool_] | None,
    settings: Settings,
    created: str,
) -> GeoDataFrame:
    """Vectorise a surface and describe what was found."""
    import geopandas as gpd

    probability = surface.probability
    unknown = np.isnan(probability)
    mask = probability >= settings.threshold
    if settings.fill_holes > 0:
        mask = fill_small_holes(mask, ~unknown, int(settings.fill_holes / PIXEL**2), settings.connectivity)
    smallest = max(1, math.ceil(settings.min_area / PIXEL**2 - 1e-9))
    found = components(mask, smallest, settings.connectivity)
    shapes = polygons(found, stack.grid)
    if settings.simplify > 0 and found.count:
        shapes = simplify_outlines(shapes, settings.simplify)
    geometry = geometry_attributes(shapes)
    columns: dict[str, Any] = {
        "id": np.arange(1, found.count + 1),
        **geometry,
        "n_pixels": found.n_pixels,
        **detection_attributes(found, probability, surface.spread),
        **dict.fromkeys(TERRAIN_COLUMNS, np.nan),
        "touches_edge": touches(found, unknown, border=True),
        "touches_mask": touches(found, hidden) if hidden is not None else False,
        "scene": stack.scene.name,
        "bundle": _identity(model),
        "threshold": settings.threshold,
        "created": created,
    }
    if stack.has_terrain:
        columns |= terrain_attributes(found, stack.terrain, stack.grid, geometry["length_m"])
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=stack.grid.crs, index=range(found.count))
    return frame.astype(COLUMNS)[[*COLUMNS, "geometry"]]


def _identity(model: LoadedBundle) -> str:
    return f"{model.name} {model.bundle.version} ({model.bundle.sha256[:12]})"


def _provenance(stack: Stack, model: LoadedBundle) -> dict[str, Any]:
    """Facts that let somebody else judge, and repeat, the run."""
    scene = stack.scene
    return {
        "software": f"l4s-geo {version('l4s-geo')}",
        "scene": scene.name,
        **{key: value for key, value in asdict(scene.acquisition).items() if value},
        "bands": {band: f"{shown(ref.path)}#{ref.index}" for band, ref in scene.bands.items()},
        "units": stack.units,
        "offset": {band: ref.offset for band, ref in scene.bands.items() if ref.offset},
        "dem": list(stack.dem.paths) if stack.dem else [],
        "slope": stack.dem.slope_path if stack.dem else None,
        "crs": stack.grid.crs_name,
        "transform": list(stack.grid.transform)[:6],
        "shape": list(stack.grid.shape),
        "bundle": model.name,
        "bundle_version": model.bundle.version,
        "bundle_sha256": model.bundle.sha256,
        "device": model.device,
        "runtime": model.runtime,
    }

"""map_scene: the one place that knows the order of the steps."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.registry import DEFAULT, require_bands
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.errors import DeviceError, L4SError, OutputError, SceneError, TerrainError
from l4s_geo.grid import PIXEL
from l4s_geo.inference.devices import Precision
from l4s_geo.inference.predict import OVERLAP, PredictSettings, predict
from l4s_geo.inference.refine import refine_surface, should_refine
from l4s_geo.inference.runtime import LoadedBundle, load_bundle
from l4s_geo.inference.tta import TestTimeAugmentation
from l4s_geo.inventory.attributes import (
    TERRAIN_COLUMNS,
    Columns,
    detection_attributes,
    geometry_attributes,
    reach_angle,
    terrain_attributes,
    touches,
)
from l4s_geo.inventory.formats import FORMATS, require_coordinates, write_inventory
from l4s_geo.inventory.table import COLUMNS
from l4s_geo.inventory.vectorize import (
    Components,
    Connectivity,
    MaskOf,
    components,
    polygons,
    simplify,
    without_small_holes,
)
from l4s_geo.output.probability_raster import SUFFIXES, RasterLayer, write_surface
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.output.staging import check_output, staged
from l4s_geo.progress import Reporter, Silent, Stopwatch
from l4s_geo.scene_summary import cautions, introduction
from l4s_geo.settings import MIN_AREA, Settings
from l4s_geo.sources.gdal import with_these_settings
from l4s_geo.sources.http import shown
from l4s_geo.stack.masks import SCL_DEFAULT
from l4s_geo.stack.open import STREAMING_CACHE, Inputs, Resampling, fingerprint, gdal_settings, open_stack
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.terrain import MAX_VOID
from l4s_geo.units import Units

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["map_scene"]

PathLike = str | os.PathLike[str]
Choice = Literal["auto", "on", "off"]


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
    tta: TestTimeAugmentation = "none",
    skip_flat: float = 0.0,
    crf: Choice = "auto",
    terrain_prior: Choice = "auto",
    connectivity: Connectivity = 4,
    fill_holes: float = 0.0,
    simplify: float = 0.0,
    device: str = "auto",
    precision: Precision = "auto",
    batch: int | None = None,
    resume: bool = False,
    patch: bool = False,
    reporter: Reporter | None = None,
) -> GeoDataFrame:
    """Map the landslides of a Sentinel-2 scene.

    Args:
        scene: a SAFE product (folder or zip), a STAC item (path or URL), a folder of band files, a patch of
            Landslide4Sense (.h5), a raster whose bands are named or stand in a known order, or single-band files by
            band name:
            ``{"B4": "red.tif", "B3": "green.tif", "B2": "blue.tif"}``.
        bands: names of a raster's bands, in order, if it does not carry them.
        dem: elevations in metres, any CRS and resolution, one file or several: for the terrain attributes, and for
            bundles that need slope or DEM.
        slope: a ready slope in degrees, used in place of one computed from the DEM.
        units: "dn", "reflectance" or "l4s"; "auto" takes those that the source states, or detects them.
        resampling: "nearest", "bilinear", "cubic" or "average"; None repeats the pixels of coarser bands and
            interpolates where the grid changes.
        mask: a raster that is not 0, or a vector file with polygons, where nothing is to be mapped;
            ``FILE|layername=NAME`` for one of several layers.
        mask_classes: classes of a Level-2A product's scene classification (SCL) that are not mapped.
        clouds: whether to detect clouds with s2cloudless and mask them (Level-1C, extra ``clouds``).
        aoi: area of interest: a vector file in any CRS (``FILE|layername=NAME`` for one of several layers), or
            "west,south,east,north".
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
        terrain_prior: whether to weigh the probabilities by the slope of the ground, where it is known: "on", "off", or
            "auto" for what the bundle was measured to gain from.
        connectivity: 4, or 8 for pixels that meet at a corner to belong together (multipolygons then).
        fill_holes: holes up to this area, m², are filled.
        simplify: tolerance, m, to which the pixel steps of outlines are smoothed; shared borders stay shared.
        device: "auto", "cpu", "cuda" (all GPUs), "cuda:N" (one of them), "tensorrt" or "openvino".
        precision: "fp32", "fp16" (GPU only), or "auto": fp16 on a GPU.
        batch: windows that a network takes at once; None chooses by the device's memory.
        resume: go on where a run of the same call was stopped or killed; what it had finished is not repeated.
        patch: whether the inventory of a scene without coordinates (a patch) may be written, in metres from its upper
            left corner; otherwise that is an error.
        reporter: hears how the run goes.

    Returns:
        One row a landslide with the columns of `l4s_geo.inventory.table.COLUMNS`, in the CRS of the mapping grid.

    Raises:
        L4SError: one of its children, if an input cannot be used, the device is not to be had or an output cannot
            be written; nothing is left half-written.
    """
    started, created = perf_counter(), datetime.now(UTC).replace(microsecond=0).isoformat()
    tell, watch = reporter or Silent(), Stopwatch()
    inputs = Inputs(scene, bands, dem, slope, units, resampling, mask, mask_classes, clouds, aoi)
    paths = [Path(p) if p is not None else None for p in (out, probability, spread)]
    for path, suffixes, what in zip(
        paths, (tuple(FORMATS), SUFFIXES, SUFFIXES), ("inventory", "probability raster", "spread raster"), strict=True
    ):
        if path:
            check_output(path, suffixes, what)
    if len({path.absolute() for path in paths if path}) < sum(path is not None for path in paths):
        raise OutputError(f"Two outputs have the name {probability}; give each a file of its own.")

    with watch("load networks"):
        model = load_bundle(bundle, device, precision, batch)
    tell.say(f"Device: {model.describe()}")
    refinement = model.bundle.crf if should_refine(crf, model) else None
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

    with ExitStack() as files:
        with watch("open"):
            stack = files.enter_context(open_stack(inputs))
            for line in introduction(stack):
                tell.say(line)
        if paths[0]:
            require_coordinates(stack.grid, stack.scene.name, paths[0], patch)
        require_bands(model.bundle, stack.scene.name, stack.bands, stack.scene.acquisition.level)
        if settings.skip_flat > 0 and not stack.has_terrain:
            raise SceneError("Flat windows cannot be skipped without terrain; give a DEM (--dem).")
        prior = _prior(terrain_prior, model.bundle, stack)
        for line in cautions(stack, model.bundle, terrain_prior == "auto"):
            tell.say(line)
        for line in _details(model):
            tell.detail(line)
        how = PredictSettings(settings.overlap, settings.tta, settings.skip_flat, prior)
        # Parts lie beside the first output; without one, where they go when the run ends.
        first = next((path for path in paths if path), None)
        if first is None:
            first = Path(files.enter_context(TemporaryDirectory(prefix="l4s-"))) / "scene"
        key = fingerprint(inputs, stack, model.bundle.sha256, model.runtime, how, refinement)
        parts = ResumeStore(first, key, resume, {"created": created})
        if parts.resumed:
            created = parts.facts["created"]
            tell.say("Resuming: what an earlier run has finished is not repeated")
        try:
            surface = predict(stack, model, parts, how, tell.progress, watch)
            layers = surface.layers
            valid = sum(int(np.isfinite(values[0]).sum()) for _, values in layers.strips())
            if refinement and valid:
                tell.detail(f"CRF: {refinement.parameters}")
                with watch("CRF"):
                    layers = refine_surface(stack, model, layers, parts, refinement.parameters)
        except (SceneError, TerrainError):
            # A damaged file stays damaged; a network may come back.
            if not stack.is_remote:
                parts.discard()
            raise
        except MemoryError as error:
            if model.xp is np:
                raise
            raise DeviceError(
                f"The memory of {model.device} is full ({error}); end other programs that use the GPU, lower --batch, "
                "or use --device cpu; --resume goes on from here."
            ) from error
        if surface.statistics_error is not None:
            tell.detail(f"Statistics of the scene: within {surface.statistics_error:.3f} deviations of all its pixels'")
        if not valid:
            parts.discard()
            raise SceneError(
                f"No pixel of the scene {stack.scene.name} can be mapped: none is valid in all of "
                f"{', '.join(model.bands)}, unmasked and in the area of interest; check the files' nodata values, the "
                "mask, and that the DEM covers the scene."
            )
        hidden = stack.hidden_share()
        facts = {
            **_provenance(stack, model),
            "created": created,
            **asdict(settings),
            "crf": asdict(refinement.parameters) if refinement else None,
            "terrain_prior": asdict(prior) if prior else None,
            "statistics": asdict(surface.statistics) if surface.statistics else None,
            "statistics_error": surface.statistics_error,
            "valid_share": round(valid / math.prod(stack.grid.shape), 6),
            "masked_share": round(hidden, 6),
        }
        if stack.dem and stack.dem.voids_filled:
            tell.say(f"Terrain: voids of the DEM up to {MAX_VOID} pixels across were filled by interpolation")
        if stack.masks:
            tell.say(f"Masked: {hidden:.1%} of the scene")
        window = stack.area.window() if stack.area else stack.grid.whole
        files.enter_context(gdal_settings(STREAMING_CACHE))

        @with_these_settings
        def write_rasters(*targets: Path | None) -> None:
            with watch("write rasters"):
                for kind, target in zip(get_args(RasterLayer), targets, strict=True):
                    if target:
                        write_surface(layers, window, stack.grid, target, facts, kind)

        with staged(*paths) as (inventory_part, *raster_parts), ThreadPoolExecutor(1) as beside:
            with watch("vectorise"), parts.writing():
                found = _components(stack, layers, parts.path("labels.tif"), settings)
            # Not before: outlines are traced by one thread, which leaves a processor free.
            rasters = beside.submit(write_rasters, *raster_parts)
            with watch("vectorise"), parts.writing():
                frame = _inventory(stack, model, layers, found, settings, created)
            with watch("write inventory"):
                if inventory_part:
                    write_inventory(frame, inventory_part, facts)
                rasters.result()
        parts.discard()
    tell.took(watch.seconds)
    tell.say(
        f"{len(frame)} landslides, {frame['area_m2'].sum() / 1e6:.3f} km² of {valid * PIXEL**2 / 1e6:.1f} km² mapped, "
        f"{perf_counter() - started:.1f} s on {model.device}"
    )
    return frame


def _prior(choice: Choice, bundle: Bundle, stack: Stack) -> TerrainPrior | None:
    """The bundle's terrain prior, if it is to be used."""
    if choice == "on" and bundle.prior is None:
        raise L4SError(f"The bundle {bundle.name} has no terrain prior; leave --terrain-prior on out.")
    if choice == "on" and not stack.has_terrain:
        raise TerrainError("The terrain prior needs terrain; give a DEM (--dem), or leave --terrain-prior on out.")
    if choice == "off" or bundle.prior is None or not stack.has_terrain:
        return None
    return bundle.prior if choice == "on" or bundle.prior.on else None


def _details(model: LoadedBundle) -> list[str]:
    bundle = model.bundle
    return [
        f"Bundle: {bundle.name} {bundle.version}, {bundle.location}, needs {', '.join(bundle.bands)}",
        *(f"Network: {m.architecture}, normalisation {m.normalization}, weight {m.weight:g}" for m in bundle.members),
    ]


def _components(stack: Stack, layers: ScratchRaster, labels: Path, settings: Settings) -> Components:
    """Label the landslides of a surface."""
    grid = stack.grid
    mask: MaskOf = lambda window: layers.read(window)[0] >= settings.threshold  # noqa: E731
    if settings.fill_holes > 0:
        known: MaskOf = lambda window: np.isfinite(layers.read(window)[0])  # noqa: E731
        mask = without_small_holes(mask, known, grid, int(settings.fill_holes / PIXEL**2), settings.connectivity)
    smallest = max(1, math.ceil(settings.min_area / PIXEL**2 - 1e-9))
    return components(mask, grid, labels, smallest, settings.connectivity)


def _inventory(
    stack: Stack, model: LoadedBundle, layers: ScratchRaster, found: Components, settings: Settings, created: str
) -> GeoDataFrame:
    """Trace the landslides and describe them."""
    import geopandas as gpd

    unknown: MaskOf = lambda window: np.isnan(layers.read(window)[0])  # noqa: E731
    with ThreadPoolExecutor(2) as beside:
        outlined = beside.submit(_outlines, found, settings.simplify)
        detected = beside.submit(detection_attributes, found, layers)
        at_edges = beside.submit(touches, found, unknown, border=True)
        # The stack's files are read by this thread alone.
        terrain = terrain_attributes(found, stack.terrain) if stack.has_terrain else {}
        masks = touches(found, stack.hidden) if stack.masks else False
        shapes, geometry = outlined.result()
        detection, edges = detected.result(), at_edges.result()
    confidence = model.bundle.confidence
    columns: dict[str, Any] = {
        "id": np.arange(1, found.count + 1),
        **geometry,
        "n_pixels": found.n_pixels,
        **detection,
        "confidence": confidence.classify(detection["prob_mean"]) if confidence else "",
        **dict.fromkeys(TERRAIN_COLUMNS, np.nan),
        **terrain,
        "touches_edge": edges,
        "touches_mask": masks,
        "scene": stack.scene.name,
        "bundle": _identity(model),
        "threshold": settings.threshold,
        "created": created,
    }
    if terrain:
        columns["reach_angle_deg"] = reach_angle(terrain["relief_m"], geometry["length_m"])
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=stack.grid.crs, index=range(found.count))
    return frame.astype(COLUMNS)[[*COLUMNS, "geometry"]]


def _outlines(found: Components, tolerance: float) -> tuple[NDArray[np.object_], Columns]:
    """Trace components; return their outlines, simplified if a tolerance is given, and what is measured on them."""
    outlines = polygons(found)
    if tolerance > 0 and found.count:
        outlines = simplify(outlines, tolerance)
    return outlines, geometry_attributes(outlines)


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

"""How a scene becomes an inventory: plan, predict, refine, compare, make the inventory, write.

This is the one place that knows the order of the steps. `map_scene` is the way in from Python; `run_plan` and
`map_stack` are its two halves, for callers that need more than the landslides.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from l4s_geo import defaults
from l4s_geo.change.dates import Method, SceneLike
from l4s_geo.change.evidence import NewnessModel, newness_for
from l4s_geo.change.newness import Compared, Comparison, Suspects
from l4s_geo.change.sides import Sides, open_sides
from l4s_geo.crf.mean_field import require_backend
from l4s_geo.errors import DeviceError, SceneError, TerrainError
from l4s_geo.grid import PIXEL
from l4s_geo.inference.devices import Precision
from l4s_geo.inference.predict import STATE_LAYOUT, Prediction, predict
from l4s_geo.inference.refine import refine_surface
from l4s_geo.inference.runtime import LoadedBundle, load_networks
from l4s_geo.inference.taught import ClearBefore, judge_surface, light_of
from l4s_geo.inference.tta import TestTimeAugmentation
from l4s_geo.inventory.formats import write_inventory
from l4s_geo.inventory.landslides import describe_landslides, find_landslides
from l4s_geo.inventory.seen import seen_ground, write_seen
from l4s_geo.inventory.vectorize import Connectivity
from l4s_geo.output.claim import claimed
from l4s_geo.output.identity import check_apart, local_files
from l4s_geo.output.probability_raster import RasterLayer, write_surface
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.output.staging import staged
from l4s_geo.plan import Choice, Plan
from l4s_geo.progress import Reporter, Silent, Stopwatch, heard
from l4s_geo.provenance import comparison_facts, provenance
from l4s_geo.scene_summary import cautions, details, findings, introduction
from l4s_geo.sources.gdal import with_these_settings
from l4s_geo.sources.sensor import Sensor
from l4s_geo.stack.assumed import assumptions_of, remarks_of
from l4s_geo.stack.input_files import stamps
from l4s_geo.stack.open import STREAMING_CACHE, Resampling, fingerprint, gdal_settings
from l4s_geo.stack.stack import Stack
from l4s_geo.units import Units

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["MappedScene", "map_scene", "map_sides", "map_stack", "run_plan"]

PathLike = str | os.PathLike[str]


def map_scene(
    scene: SceneLike | Sequence[SceneLike],
    *,
    before: SceneLike | Sequence[SceneLike] | None = None,
    composite: Method = defaults.COMPOSITE,
    only_new: bool = defaults.ONLY_NEW,
    strict_dates: bool = False,
    change: PathLike | None = None,
    bands: Sequence[str] | None = None,
    dem: PathLike | Sequence[PathLike] | None = None,
    slope: PathLike | None = None,
    units: Units | Literal["auto"] = defaults.UNITS,
    offset: float | None = None,
    sensor: Sensor = defaults.SENSOR,
    resampling: Resampling | None = None,
    mask: PathLike | None = None,
    mask_classes: Sequence[int] = defaults.MASK_CLASSES,
    clouds: bool = False,
    aoi: PathLike | None = None,
    out: PathLike | None = None,
    probability: PathLike | None = None,
    spread: PathLike | None = None,
    bundle: PathLike = defaults.BUNDLE,
    threshold: float | None = None,
    min_area: float = defaults.MIN_AREA,
    overlap: int = defaults.OVERLAP,
    tta: TestTimeAugmentation = defaults.TTA,
    skip_flat: float = defaults.SKIP_FLAT,
    crf: Choice = defaults.CRF,
    terrain_prior: Choice = defaults.TERRAIN_PRIOR,
    connectivity: Connectivity = defaults.CONNECTIVITY,
    fill_holes: float = defaults.FILL_HOLES,
    simplify: float = defaults.SIMPLIFY,
    device: str = defaults.DEVICE,
    precision: Precision = defaults.PRECISION,
    batch: int | None = None,
    resume: bool = False,
    patch: bool = False,
    event: str = "",
    event_date: str = "",
    trigger: str = "",
    reporter: Reporter | None = None,
) -> GeoDataFrame:
    """Map the landslides of a Sentinel-2 scene.

    The keywords but `reporter` are also the parameters of the worker's request ``map``
    (`l4s_geo.worker.protocol`): a keyword that is renamed, or that means something else, breaks programs that drive
    the engine.

    Args:
        scene: a SAFE product (folder or zip), a STAC item (path or URL), a folder of band files, a product of SNAP
            (.dim), a patch of Landslide4Sense (.h5), a raster whose bands are named or stand in a known order, tiles of
            one (their folder, or a pattern: ``export-*.tif``), or single-band files by band name:
            ``{"B4": "red.tif", "B3": "green.tif", "B2": "blue.tif"}``. A list of scenes becomes one composite.
        before: an earlier scene of the same ground, or several; then what is new since is mapped. The options that
            describe a scene (`bands`, `units`, `offset`, `sensor`, `resampling`, `mask`, `mask_classes`, `clouds`) hold
            for all scenes.
        composite: how several scenes of one side become one, from valid, unmasked observations: "greenest" (the one
            with the most vegetation), "median" or "latest".
        only_new: whether, with `before`, only new landslides are mapped, on the probability of being new; otherwise all
            are, as without `before`, and new ones are flagged.
        strict_dates: whether earlier scenes that are later by their dates are an error; otherwise that is said.
        change: raster to write of the change of the vegetation, negative where it was lost: rdNDVI, or the difference
            of the visible greenness where a side has no near infrared.
        bands: names of a raster's bands, in order, if it does not carry them.
        dem: elevations in metres, any CRS and resolution, files or STAC items, one or several: for the terrain
            attributes, and for bundles that need slope or DEM.
        slope: a ready slope in degrees, used in place of one computed from the DEM.
        units: "dn", "reflectance", "percent" or "l4s"; "auto" takes those that the source states, or detects them.
        offset: digital numbers to add to the stored values of the spectral bands: -1000 for baselines from 04.00 on;
            0 switches off one that the source states, None takes what it states.
        sensor: "auto" refuses a scene that seems to be of another sensor than Sentinel-2, by names, metadata and pixel
            size; "sentinel-2" overrules.
        resampling: "nearest", "bilinear", "cubic" or "average"; None repeats the pixels of coarser bands and
            interpolates where the grid changes.
        mask: a raster that is not 0, or a vector file with polygons, where nothing is to be mapped;
            ``FILE|layername=NAME`` for one of several layers.
        mask_classes: classes of a Level-2A product's scene classification (SCL) that are not mapped.
        clouds: whether to detect clouds and mask them: with s2cloudless (extra ``clouds``) in a Level-1C scene with
            its ten bands, B8A and B10 among them, or else by red, green and blue.
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
        resume: go on where a run of the same call was stopped or killed; what it had finished is not repeated. It
            lies in the hidden folder ``.NAME.l4s-parts`` beside the first output, which goes when a run is done.
        patch: whether the inventory of a scene without coordinates (a patch) may be written, in metres from its upper
            left corner; otherwise that is an error.
        event: name of the event that set the landslides off, an attribute of each.
        event_date: its day, YYYY-MM-DD, or its first and its last with a stroke between; an attribute of each.
        trigger: what set them off, in your words; an attribute of each.
        reporter: hears how the run goes.

    Returns:
        One row a landslide with the columns of `l4s_geo.inventory.table.COLUMNS`, with `before` those of
        `l4s_geo.inventory.table.CHANGE_COLUMNS` too, with one of the three about the event the first
        three of `l4s_geo.inventory.table.EVENT_COLUMNS`, in the CRS of the mapping grid.

    Raises:
        L4SError: one of its children, if an input cannot be used, the device is not to be had or an output cannot
            be written; nothing is left half-written.
    """
    plan = Plan.of(
        scene=scene,
        before=before,
        composite=composite,
        only_new=only_new,
        strict_dates=strict_dates,
        bands=bands,
        dem=dem,
        slope=slope,
        units=units,
        offset=offset,
        sensor=sensor,
        resampling=resampling,
        mask=mask,
        mask_classes=mask_classes,
        clouds=clouds,
        aoi=aoi,
        out=out,
        probability=probability,
        spread=spread,
        change=change,
        bundle=bundle,
        threshold=threshold,
        min_area=min_area,
        overlap=overlap,
        tta=tta,
        skip_flat=skip_flat,
        crf=crf,
        terrain_prior=terrain_prior,
        connectivity=connectivity,
        fill_holes=fill_holes,
        simplify=simplify,
        device=device,
        precision=precision,
        batch=batch,
        resume=resume,
        patch=patch,
        event=event,
        event_date=event_date,
        trigger=trigger,
    )
    return run_plan(plan, reporter).landslides


@dataclass(frozen=True)
class MappedScene:
    """What a run found, and how."""

    landslides: GeoDataFrame
    """One row a landslide; see `map_scene`."""
    provenance: Mapping[str, Any]
    """Facts that let somebody else judge, and repeat, the run; JSON-serialisable."""
    valid: int
    """Number of pixels that were mapped."""


def run_plan(plan: Plan, reporter: Reporter | None = None, model: LoadedBundle | None = None) -> MappedScene:
    """Do what a plan says: load the networks, open the scene, map it.

    Args:
        plan: what to do.
        reporter: hears how the run goes.
        model: the networks of the plan's bundle, on its device, if they are loaded already.

    Raises:
        L4SError: see `map_scene`.
    """
    started, created = perf_counter(), datetime.now(UTC).replace(microsecond=0).isoformat()
    tell, watch = reporter or Silent(), Stopwatch()
    if model is None:
        with watch("load networks"):
            model = load_networks(plan.bundle, plan.device, plan.precision, plan.batch)
    tell.say(f"Device: {model.describe()}")
    with ExitStack() as files:
        files.enter_context(heard(tell))
        with watch("open"):
            sides = files.enter_context(open_sides(plan.inputs, plan.dates))
            stack = sides.after
            assumptions = assumptions_of(stack)
            for line in (*introduction(stack), *sides.lines()):
                tell.say(line)
            tell.assumes(assumptions)
            for remark in remarks_of(stack):
                tell.say(f"Note: {remark}")
        plan = plan.fitted_to(stack, sides.before)
        newness = None
        if sides.before and not plan.bundle.taught:
            plan.fitted_to(sides.before)
            newness = newness_for(plan.bundle, sides.index)
            plan = plan.comparing(newness.description)
        for line in cautions(stack, plan.bundle, plan.terrain_prior == "auto"):
            tell.say(line)
        for line in details(plan.bundle):
            tell.detail(line)
        mapped = map_sides(sides, newness, model, plan, created, tell, watch)
    tell.took(watch.seconds)
    tell.say(
        f"{len(mapped.landslides)} landslides, {mapped.landslides['area_m2'].sum() / 1e6:.3f} km² of "
        f"{mapped.valid * PIXEL**2 / 1e6:.1f} km² mapped, {perf_counter() - started:.1f} s on {model.device}"
    )
    return mapped


def map_stack(
    stack: Stack, model: LoadedBundle, plan: Plan, created: str, tell: Reporter, watch: Stopwatch
) -> MappedScene:
    """Map one open scene; see `map_sides`."""
    return map_sides(Sides(stack), None, model, plan, created, tell, watch)


def map_sides(
    sides: Sides,
    newness: NewnessModel | None,
    model: LoadedBundle,
    plan: Plan,
    created: str,
    tell: Reporter,
    watch: Stopwatch,
) -> MappedScene:
    """Map open scenes: predict, refine, compare, make the inventory, write.

    Args:
        sides: the scenes.
        newness: tells new landslides from old ones; None where there is no earlier side, or the bundle was taught to.
        model: the networks of the plan's bundle.
        plan: the plan, fitted to the scenes.
        created: when the run began, ISO 8601; a run that goes on keeps the time of the first.
        tell: hears how the run goes.
        watch: measures the stages.

    Raises:
        L4SError: see `map_scene`.
    """
    bundle = {"bundle": local_files(plan.bundle.location)}
    check_apart(plan.outputs.files, {**sides.files(plan.inputs, plan.dates), **bundle})
    if plan.refinement:
        require_backend("cpu" if model.xp is np else "cuda")
    with claimed(*plan.outputs.paths), _work_in_progress(sides, model, plan, created) as parts:
        run = _Run(sides, newness, model, plan, parts, tell, watch)
        prediction = _predict(run)
        layers = _refine(run, prediction)
        compared = _compare(run, layers)
        hidden = run.stack.hidden_share()
        _tell_findings(run, prediction, hidden)
        facts = provenance(run.stack, model, plan, prediction, parts.facts["created"], hidden)
        valid = prediction.valid
        if compared:
            valid = _compared_pixels(run, compared)
        facts |= {**comparison_facts(sides, plan, newness, valid), **plan.purpose}
        landslides = _write(run, compared.mapped if compared else layers, facts, compared)
    return MappedScene(landslides, facts, valid)


@dataclass(frozen=True)
class _Run:
    """What every step of a run needs."""

    sides: Sides
    newness: NewnessModel | None
    model: LoadedBundle
    plan: Plan
    parts: ResumeStore
    tell: Reporter
    watch: Stopwatch

    @property
    def stack(self) -> Stack:
        """The side that is mapped."""
        return self.sides.after


@contextmanager
def _work_in_progress(sides: Sides, model: LoadedBundle, plan: Plan, created: str) -> Iterator[ResumeStore]:
    """Keep what is done until all is done, so that a stopped run can go on.

    It lies beside the first output; without one, in a folder that goes when the run ends.
    """
    read = stamps(sides.files(plan.inputs, plan.dates))
    settings = (STATE_LAYOUT, plan.bundle.sha256, model.runtime, plan.predict, plan.refinement, read)
    # What an earlier side adds stands for itself, so that runs without one keep their key.
    beside = (plan.dates, plan.floor, plan.bundle.newness, *sides.key(plan.inputs)) if plan.dates.several else ()
    key = fingerprint(plan.inputs, sides.after, *settings, *beside)
    with ExitStack() as files:
        first = plan.outputs.first or Path(files.enter_context(TemporaryDirectory(prefix="l4s-"))) / "scene"
        parts = ResumeStore(first, key, plan.resume, {"created": created})
        try:
            with parts.done_with():
                yield parts
        except (SceneError, TerrainError):
            # A damaged file stays damaged; a network may come back.
            if not sides.after.is_remote:
                parts.discard()
            raise


def _predict(run: _Run) -> Prediction:
    """Let the networks see the scene; an error if no pixel of it can be mapped."""
    if run.parts.resumed:
        run.tell.say("Resuming: what an earlier run has finished is not repeated")
    taught, before = run.plan.bundle.taught, run.sides.before
    wanted = ClearBefore(before, taught.features) if taught and before else None
    with _full_gpu_named(run.model):
        settings, progress = run.plan.predict, run.tell.progress
        prediction = predict(run.stack, run.model, run.parts, settings, progress, run.watch, wanted)
    if not prediction.valid:
        run.parts.discard()
        if wanted:
            raise _nothing_compared(run)
        if run.stack.hidden_share() == 1:
            raise SceneError(
                f"No pixel of the scene {run.stack.scene.name} can be mapped: masks hide all of it, such as clouds "
                "(--clouds, --mask-classes, --mask); give a clearer scene or hide less."
            )
        raise SceneError(
            f"No pixel of the scene {run.stack.scene.name} can be mapped: none is valid in all of "
            f"{', '.join(run.model.bands)}, unmasked and in the area of interest; check the files' nodata values, the "
            "mask, and that the DEM covers the scene."
        )
    return prediction


def _refine(run: _Run, prediction: Prediction) -> ScratchRaster:
    """Let a taught bundle's trees judge, or refine the probabilities with the DenseCRF, if it is to run."""
    if taught := run.plan.bundle.taught:
        light = light_of(run.stack, taught=taught.sun)
        if light.sun:
            where = f"azimuth {light.sun.azimuth:g}°, elevation {light.sun.elevation:g}°"
            run.tell.say(f"Sun: {where}, {light.because}")
        with run.watch("trees"):
            layers, before = prediction.layers, run.sides.before
            return judge_surface(run.stack, run.plan.bundle, layers, run.parts, light.sun, before)
    if not run.plan.refinement:
        return prediction.layers
    parameters = run.plan.refinement.parameters
    run.tell.detail(f"CRF: {parameters}")
    with run.watch("CRF"), _full_gpu_named(run.model):
        return refine_surface(run.stack, run.model, prediction.layers, run.parts, parameters)


def _compare(run: _Run, layers: ScratchRaster) -> Compared | None:
    """Compare with the earlier side, if there is one."""
    sides, plan = run.sides, run.plan
    if not sides.before:
        return None
    before = None
    if run.newness:
        earlier = run.parts.inner("before")
        with _full_gpu_named(run.model), run.watch("earlier side"):
            wanted = Suspects(layers, plan.floor)
            settings, progress = plan.predict, run.tell.progress
            before = predict(sides.before, run.model, earlier, settings, progress, wanted=wanted).layers
    comparison = Comparison(sides.after, sides.before, run.newness, sides.index, layers, before, plan.floor)
    with run.watch("compare"):
        new, change = comparison.surfaces(run.parts, plan.outputs.change is not None)
    threshold = plan.vectorize.threshold
    if run.newness and not plan.only_new:
        threshold = run.newness.description.threshold
    return Compared(comparison, new, change, plan.only_new, threshold, sides.date_before, sides.date_after)


def _compared_pixels(run: _Run, compared: Compared) -> int:
    """Count the pixels that both sides show, and say so; an error if there are none."""
    pixels = compared.pixels()
    if not pixels:
        run.parts.discard()
        raise _nothing_compared(run)
    run.tell.say(f"Compared: {pixels * PIXEL**2 / 1e6:.1f} km² that both sides show clearly")
    return pixels


def _nothing_compared(run: _Run) -> SceneError:
    return SceneError(
        f"No pixel of the scene {run.stack.scene.name} can be compared: the earlier side shows no clear ground "
        "where it does; give other or further earlier scenes (--before), and look at their masks."
    )


@contextmanager
def _full_gpu_named(model: LoadedBundle) -> Iterator[None]:
    """Turn a lack of memory on a GPU into an error that says what to do."""
    try:
        yield
    except MemoryError as error:
        if model.xp is np:
            raise
        raise DeviceError(
            f"The memory of {model.device} is full ({error}); end other programs that use the GPU, lower --batch, "
            "or use --device cpu; --resume goes on from here."
        ) from error


def _tell_findings(run: _Run, prediction: Prediction, hidden: float) -> None:
    """Say what has become known of the scene while it was mapped."""
    if prediction.statistics_error is not None:
        error = f"{prediction.statistics_error:.3f}"
        run.tell.detail(f"Statistics of the scene: within {error} deviations of all its pixels'")
    for line in findings(run.stack, hidden):
        run.tell.say(line)


def _write(
    run: _Run, layers: ScratchRaster, facts: Mapping[str, Any], compared: Compared | None = None
) -> GeoDataFrame:
    """Make the inventory, and write it and the rasters; all outputs appear together at the end."""
    stack, plan, parts, watch = run.stack, run.plan, run.parts, run.watch
    with (
        gdal_settings(STREAMING_CACHE),
        staged(*plan.outputs.paths) as (inventory, *rasters, seen),
        ThreadPoolExecutor(1) as beside,
    ):
        sources = (layers, layers, compared.change if compared else None)
        surfaces = zip(get_args(RasterLayer), sources, rasters, strict=True)
        with watch("vectorise"), parts.writing():
            found = find_landslides(layers, stack.grid, parts.path("labels.tif"), plan.vectorize)
        # Not before: outlines are traced by one thread, which leaves a processor free.
        written = beside.submit(with_these_settings(_write_rasters), run, surfaces, facts)
        with watch("vectorise"), parts.writing():
            created = parts.facts["created"]
            landslides = describe_landslides(
                found, layers, stack, plan.bundle, plan.vectorize, created, compared, plan.event
            )
        with watch("write inventory"):
            if inventory:
                write_inventory(landslides, inventory, facts)
            if seen:
                write_seen(seen_ground(layers, stack.grid), stack.grid, seen)
            written.result()
    return landslides


def _write_rasters(
    run: _Run, surfaces: Iterable[tuple[RasterLayer, ScratchRaster | None, Path | None]], facts: Mapping[str, Any]
) -> None:
    """Write probability, spread and change, of the area of interest if there is one."""
    stack = run.stack
    window = stack.area.window() if stack.area else stack.grid.whole
    with run.watch("write rasters"):
        for kind, layers, target in surfaces:
            if layers and target:
                write_surface(layers, window, stack.grid, target, facts, kind)

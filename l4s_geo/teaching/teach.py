"""How labels become a taught bundle: open, predict, collect, learn, write, suggest.

This module knows the order of the steps; `teach` is the way in from Python.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import shapely

from l4s_geo import defaults
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.install import check_place, install_bundle
from l4s_geo.bundles.registry import check_name, find_bundle, installed, is_embedded, require_bands
from l4s_geo.bundles.taught import Taught
from l4s_geo.change.dates import Dates, Method, SceneLike, scenes_of
from l4s_geo.change.sides import Sides, open_sides
from l4s_geo.errors import BundleError, OutputError, TeachingError
from l4s_geo.grid import PIXEL
from l4s_geo.inference.devices import Precision
from l4s_geo.inference.features import available
from l4s_geo.inference.predict import PredictSettings, predict
from l4s_geo.inference.runtime import load_networks
from l4s_geo.inference.taught import ClearBefore, Light, Sight, judge_surface, known_of, light_of
from l4s_geo.output.identity import check_apart, local_files
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.output.staging import check_output
from l4s_geo.progress import Reporter, Silent, Stopwatch
from l4s_geo.scene_summary import cautions, introduction
from l4s_geo.sources.sensor import Sensor
from l4s_geo.stack.assumed import assumptions_of, remarks_of
from l4s_geo.stack.open import Inputs, Resampling
from l4s_geo.stack.sun import Sun
from l4s_geo.teaching.card import card
from l4s_geo.teaching.folds import NARROWEST
from l4s_geo.teaching.labels import Labels, read_labels
from l4s_geo.teaching.learner import Learned, Samples, learn, lightgbm
from l4s_geo.teaching.samples import BaseMap, Ground, collect
from l4s_geo.teaching.suggest import suggest as choose_windows
from l4s_geo.teaching.suggest import write_suggestions
from l4s_geo.teaching.trees import to_onnx, used_features
from l4s_geo.units import Units

__all__ = ["teach"]

PathLike = str | os.PathLike[str]

TREES = "trees.onnx"
"""Name of the file of trees in a taught bundle."""

FEWEST_POLYGONS = 20
"""Landslides that are needed where no ground was looked at: with ten, blocks of ground say 0.82 and the scene 0.40."""

_SEED = 0
_TRIAL = 2000


def teach(
    scene: SceneLike,
    *,
    labels: PathLike,
    out: PathLike,
    before: SceneLike | Sequence[SceneLike] | None = None,
    composite: Method = defaults.COMPOSITE,
    strict_dates: bool = False,
    background: PathLike | None = None,
    area: PathLike | None = None,
    field: str | None = None,
    sun: Sequence[float] | None = None,
    suggest: int = 0,
    suggestions: PathLike | None = None,
    force: bool = False,
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
    bundle: PathLike = defaults.BUNDLE,
    device: str = defaults.DEVICE,
    precision: Precision = defaults.PRECISION,
    batch: int | None = None,
    reporter: Reporter | None = None,
) -> Bundle:
    """Teach a bundle from labels on a scene, so that it maps this scene, and others of the event, better.

    The keywords but `reporter` are also the parameters of the worker's request ``teach``.

    Args:
        scene: as for `l4s_geo.map_scene`, with everything that describes it: `bands`, `dem`, `slope`, `units`,
            `offset`, `sensor`, `resampling`, `mask`, `mask_classes`, `clouds`, `aoi`.
        labels: polygons in any CRS (``FILE|layername=NAME`` for one of several layers). An attribute label, class,
            kind, type or landslide says which are landslides and which background; in an inventory that was reviewed,
            the attribute review (accepted, edited, added, rejected). Without one, all are landslides.
        out: folder of the taught bundle; its name becomes the bundle's. Another bundle there is replaced.
        before: an earlier scene of the same ground, or several: what was there and how it has changed is learned from
            too, and the bundle needs an earlier scene to map then. What the labels call landslide is what is new.
        composite: how several earlier scenes become one: "greenest", "median" or "latest".
        strict_dates: whether earlier scenes that are later by their dates are an error; otherwise that is said.
        background: polygons of background, if they are in another file or layer.
        area: polygons of ground that was fully looked at, or "west,south,east,north": everything unmarked in it is
            background.
        field: name of the attribute that says what a polygon is, if there are several.
        sun: azimuth and elevation of the sun, degrees, for the illumination of slopes; None computes them from the time
            in the scene's metadata, or does without.
        suggest: number of windows to suggest for further labels.
        suggestions: GeoPackage to write them to.
        force: whether the bundle is written even if the labelled ground does not show that it maps better than the
            base.
        bands: names of a raster's bands, in order.
        dem: elevations in metres.
        slope: a ready slope in degrees.
        units: units of the scene's values.
        offset: digital numbers to add to the stored values.
        sensor: what took the scene: "auto" or "sentinel-2".
        resampling: how bands are brought to the mapping grid.
        mask: where nothing is mapped, and nothing learned.
        mask_classes: classes of a scene classification that are not mapped.
        clouds: whether to detect and mask clouds.
        aoi: area of interest.
        bundle: the base: name of an installed bundle.
        device: where the base's networks run.
        precision: of their weights and activations.
        batch: windows that a network takes at once.
        reporter: hears how it goes.

    Returns:
        The taught bundle, as it stands in `out`.

    Raises:
        TeachingError: nothing can be learned from the labels; or what was learned does no better than the base on
            ground that it has not seen, or the labelled ground is too narrow to tell, without `force`. Nothing is
            written then.
        L4SError: another of its children, if an input cannot be used or an output cannot be written.
    """
    tell, watch = reporter or Silent(), Stopwatch()
    targets = _Targets.of(out, suggest, suggestions)
    lightgbm()
    base = _base(bundle)
    inputs = Inputs(
        scene, bands, dem, slope, units, offset, sensor, resampling, mask, mask_classes, clouds=clouds, aoi=aoi
    )
    dates = Dates((), scenes_of(before, "earlier scene"), composite, strict_dates=strict_dates)
    given = None if sun is None else _sun(sun)
    model = load_networks(base, device, precision, batch)
    tell.say(f"Device: {model.describe()}")
    with TemporaryDirectory(prefix="l4s-") as folder, open_sides(inputs, dates) as sides:
        stack = sides.after
        if targets.suggestions:
            drawings = {"labels": labels, "background": background, "area": area}
            read = {what: local_files(path) for what, path in drawings.items() if path is not None}
            check_apart([targets.suggestions], {**sides.files(inputs, dates), **read})
        _introduce(sides, base, tell)
        seen = stack.scene
        require_bands(base, seen.name, stack.bands, seen.acquisition.level, seen.aside)
        drawn = read_labels(labels, stack.grid, background, area, field)
        for note in drawn.notes:
            tell.say(f"Labels: {note}")
        _require_enough(drawn, base)
        wanted, ground = stack.area, Ground.of(drawn)
        if not targets.count:
            stack.area = ground.area(wanted)
        parts, settings, light = (
            ResumeStore(Path(folder) / "scene", "", False),
            PredictSettings(),
            light_of(stack, given),
        )
        features = _features(sides, settings.gives_spread(base), light, tell)
        clear = ClearBefore(sides.before, features) if sides.before else None
        layers = predict(stack, model, parts, settings, tell.progress, watch, clear).layers
        stack.area = wanted
        sight = Sight(stack, layers, features, light.sun, sides.before)
        base_map = BaseMap(base, stack)
        with watch("features"):
            samples = collect(drawn, ground, layers, sight, base_map, _SEED)
        with watch("trees"):
            learned = learn(samples, _SEED)
        _tell_learned(samples, learned, base_map, tell)
        _judge(learned, base_map, force, tell)
        taught = _write(targets.out, base, sides, drawn, samples, learned, sight, light)
        if targets.count and targets.suggestions:
            with watch("suggestions"):
                judged = judge_surface(stack, taught, layers, parts, light.sun, sides.before)
                _suggest(targets.count, targets.suggestions, taught, learned, drawn, judged, layers, tell)
    tell.took(watch.seconds)
    return taught


@dataclass(frozen=True)
class _Targets:
    """What is written."""

    out: Path
    count: int
    suggestions: Path | None

    @classmethod
    def of(cls, out: PathLike, suggest: int, suggestions: PathLike | None) -> _Targets:
        """Check, before any work is done, that the results can be written.

        Raises:
            OutputError: they cannot.
            BundleError: the folder's name cannot be a bundle's, or something else stands there.
            TeachingError: windows are to be suggested and not written, or the other way round.
        """
        folder = Path(out)
        check_name(folder.name)
        if is_embedded(folder.name):
            raise BundleError(f"The name {folder.name!r} belongs to an embedded bundle; choose another for --out.")
        if not folder.absolute().parent.is_dir():
            raise OutputError(f"The folder {folder.absolute().parent} for the bundle does not exist; create it first.")
        check_place(folder)
        if suggest < 0 or bool(suggest) != (suggestions is not None):
            raise TeachingError(
                f"{suggest} windows are to be suggested and {'a' if suggestions else 'no'} file is given for them; "
                "give both --suggest N, 1 or more, and --suggestions FILE, or neither."
            )
        if suggestions is not None:
            check_output(Path(suggestions), (".gpkg",), "layer of suggestions")
        return cls(folder, suggest, None if suggestions is None else Path(suggestions))


def _base(bundle: PathLike) -> Bundle:
    """Find the bundle that is taught.

    Raises:
        BundleError: there is none, it was taught itself, or it is not installed.
    """
    base = find_bundle(bundle)
    if base.taught:
        raise BundleError(
            f"The bundle {base.name} was taught itself; teach its base, --bundle {base.taught.base}, from all labels."
        )
    if all(base.sha256 != other.sha256 for other in installed().values()):
        raise BundleError(
            f"The bundle {base.location} is not installed, and a taught bundle finds its base among those that are; "
            f"install it first: l4s bundles add {base.location}."
        )
    return base


def _require_enough(labels: Labels, base: Bundle) -> None:
    """Check that there are enough single polygons: what fewer teach looks good on them, and is worse on the scene.

    Raises:
        TeachingError: there are fewer, and no ground was looked at.
    """
    count = len(shapely.get_parts(labels.landslides))
    if not labels.has_area and count < FEWEST_POLYGONS:
        raise TeachingError(
            f"The labels hold {count} landslides on the scene, and no ground was fully looked at; expected "
            f"{FEWEST_POLYGONS} or more, since what fewer teach was measured to map no better than the base: keep "
            f"{base.name}, draw more, or look some ground through (--area)."
        )


def _sun(given: Sequence[float]) -> Sun:
    """Read where the sun stood.

    Raises:
        L4SError: it does not say that.
    """
    if len(given) != 2:
        raise TeachingError(f"The sun is given by {len(given)} numbers; expected two, its azimuth and its elevation.")
    return Sun(*given)


def _introduce(sides: Sides, base: Bundle, tell: Reporter) -> None:
    stack = sides.after
    for line in (*introduction(stack), *sides.lines()):
        tell.say(line)
    tell.assumes(assumptions_of(stack))
    for remark in remarks_of(stack):
        tell.say(f"Note: {remark}")
    for line in cautions(stack, base):
        tell.say(line)


def _features(sides: Sides, spread: bool, light: Light, tell: Reporter) -> tuple[str, ...]:
    """Choose the features that the scenes have, and say what they have not."""
    known = known_of(sides.after, spread, light.sun is not None, sides.before)
    names = available(known)
    earlier = f"; on the earlier date {', '.join(known.earlier)}" if known.earlier else ""
    tell.say(f"Features: {len(names)}, from the bundle's probabilities and the bands {', '.join(known.bands)}{earlier}")
    if light.sun:
        where = f"azimuth {light.sun.azimuth:g}°, elevation {light.sun.elevation:g}°"
        tell.say(f"Sun: {where}, {light.because}")
    if not known.terrain:
        tell.say("Left out: slope, relief and illumination, since there are no elevations (--dem)")
    elif not light.sun:
        tell.say(f"Left out: illumination, since {light.because} (--sun AZIMUTH,ELEVATION)")
    return names


def _tell_learned(samples: Samples, learned: Learned, base_map: BaseMap, tell: Reporter) -> None:
    """Say how good it is."""
    landslide = int((samples.landslide & ~samples.presumed).sum())
    background = int((~samples.landslide & ~samples.presumed).sum())
    tell.say(f"Labelled: {landslide:,} pixels of landslide, {background:,} of background")
    new, own, best = learned.scores, learned.base_mapped, learned.base_scores
    tell.say(
        f"On labelled ground not seen, {learned.gap * PIXEL:.0f} m away: F1 {new.f1:.3f} (precision "
        f"{new.precision:.3f}, recall {new.recall:.3f}); {base_map.base.name} there as it maps: F1 {own.f1:.3f}, at "
        f"its best threshold: F1 {best.f1:.3f}"
    )
    if learned.pays and not learned.over_best.is_sure:
        tell.say(
            f"Note: a better threshold alone might do as much: {_at_best(learned, base_map)}; compare the two maps"
        )


def _at_best(learned: Learned, base_map: BaseMap) -> str:
    """The options by which the base maps with the threshold that suits it best on the labelled ground."""
    prior = " --terrain-prior off" if base_map.weighs else ""
    return f"--bundle {base_map.base.name} --threshold {learned.base_threshold:.3f}{prior}"


def _judge(learned: Learned, base_map: BaseMap, force: bool, tell: Reporter) -> None:
    """Keep the base if the labelled ground does not show that teaching pays.

    Raises:
        TeachingError: it does not, and the bundle is not wanted all the same.
    """
    if learned.is_known and learned.pays:
        return
    base, f1, kept = base_map.base.name, learned.scores.f1, f"keep {base_map.base.name}"
    if learned.is_known:
        gain = learned.over_best if learned.over_best.is_loss else learned.over_map
        if learned.over_best.is_loss and learned.over_map.is_sure:
            kept += f" with its best threshold ({_at_best(learned, base_map)})"
        found = (
            f"What was learned does no better than {base} on labelled ground that it had not seen (F1 {f1:.3f}; "
            f"{base} {learned.base_mapped.f1:.3f} as it maps, {learned.base_scores.f1:.3f} at its best threshold; the "
            f"standard error of the difference is {gain.error:.3f})"
        )
    else:
        found = (
            f"The labelled ground is too narrow to say whether what was learned does better than {base} elsewhere: it "
            f"could be tried {learned.gap * PIXEL:.0f} m from where it was learned, expected {NARROWEST * PIXEL:.0f} m "
            "or more"
        )
    if not force:
        raise TeachingError(
            f"{found}; nothing is written: {kept}, label more and wider ground and teach again, or write it all the "
            "same (--force)."
        )
    tell.say(f"Note: {found}; it is written all the same, as you asked (--force)")


def _write(
    out: Path,
    base: Bundle,
    sides: Sides,
    labels: Labels,
    samples: Samples,
    learned: Learned,
    sight: Sight,
    light: Light,
) -> Bundle:
    """Write the taught bundle, and read it back."""
    trial = samples.features[:: max(1, len(samples.features) // _TRIAL)]
    trees = to_onnx(learned.booster, learned.scale, learned.shift, trial)
    known = ~samples.presumed
    scene, square = sides.after.scene.name, sides.after.grid.transform.a**2
    taught = Taught(
        base=base.name,
        base_sha256=base.sha256,
        file=TREES,
        sha256=hashlib.sha256(trees).hexdigest(),
        features=tuple(sight.features[number] for number in used_features(learned.booster)),
        sun=(light.sun.azimuth, light.sun.elevation) if light.sun else None,
        landslides=len(labels.landslides),
        backgrounds=len(labels.backgrounds),
        landslide_m2=float((samples.landslide & known).sum() * square),
        background_m2=float((~samples.landslide & known).sum() * square),
        scores=learned.scores,
        base_scores=learned.base_scores,
        before=sides.before.scene.name if sides.before else "",
    )
    bundle = Bundle(
        name=out.name,
        version="1",
        description=f"{base.name}, taught on {scene} from {taught.landslides} landslides",
        bands=base.bands,
        members=base.members,
        threshold=learned.threshold,
        optional=base.optional,
        level=base.level,
        window=base.window,
        license=base.license,
        trained_on=f"{base.trained_on}; then taught on {scene}",
        scores=_scores(taught),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        location=out,
        taught=taught,
    )
    try:
        install_bundle(bundle, {TREES: trees}, out.absolute(), card(bundle, taught, labels.has_area))
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"The bundle cannot be written to {out} ({error}); choose another folder.") from error
    return find_bundle(out.absolute())


def _scores(taught: Taught) -> dict[str, float]:
    new, old = taught.scores, taught.base_scores
    named = {"labels": new, "labels_base": old}
    return {
        f"{name}_{measure}": round(getattr(scores, measure), 4)
        for name, scores in named.items()
        for measure in ("f1", "precision", "recall")
    }


def _suggest(
    count: int,
    path: Path,
    taught: Bundle,
    learned: Learned,
    labels: Labels,
    judged: ScratchRaster,
    layers: ScratchRaster,
    tell: Reporter,
) -> None:
    """Write where labels would teach most."""
    found = choose_windows(count, labels, judged, layers, taught.threshold, learned.base_threshold)
    write_suggestions(found, labels.grid, path)
    fewer = f" of {count} asked for: the scene has no more that are not labelled" if len(found) < count else ""
    tell.say(f"Suggested: {len(found)} windows to look at next{fewer}, {path}")

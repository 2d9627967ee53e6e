"""How labels become a taught bundle: open, predict, collect, learn, write, suggest.

This module knows the order of the steps; `teach` is the way in from Python.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from l4s_geo import defaults
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.install import check_place, install_bundle
from l4s_geo.bundles.registry import check_name, find_bundle, installed, is_embedded, require_bands
from l4s_geo.bundles.taught import Taught
from l4s_geo.errors import BundleError, OutputError, TeachingError
from l4s_geo.grid import PIXEL
from l4s_geo.inference.devices import Precision
from l4s_geo.inference.features import available
from l4s_geo.inference.predict import PredictSettings, predict
from l4s_geo.inference.runtime import load_networks
from l4s_geo.inference.taught import Light, Sight, judge_surface, known_of, light_of
from l4s_geo.output.identity import check_apart, local_files
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.output.staging import check_output
from l4s_geo.progress import Reporter, Silent, Stopwatch
from l4s_geo.scene_summary import cautions, introduction
from l4s_geo.sources.sensor import Sensor
from l4s_geo.stack.assumed import assumptions_of, remarks_of
from l4s_geo.stack.input_files import input_files
from l4s_geo.stack.open import Inputs, Resampling, open_stack
from l4s_geo.stack.stack import Stack
from l4s_geo.stack.sun import Sun
from l4s_geo.teaching.card import card
from l4s_geo.teaching.labels import Labels, read_labels
from l4s_geo.teaching.learner import Learned, Samples, learn, lightgbm
from l4s_geo.teaching.samples import Ground, collect
from l4s_geo.teaching.suggest import suggest as choose_windows
from l4s_geo.teaching.suggest import write_suggestions
from l4s_geo.teaching.trees import to_onnx
from l4s_geo.units import Units

__all__ = ["teach"]

PathLike = str | os.PathLike[str]

TREES = "trees.onnx"
"""Name of the file of trees in a taught bundle."""

_SEED = 0
_TRIAL = 2000


def teach(
    scene: PathLike | Mapping[str, PathLike],
    *,
    labels: PathLike,
    out: PathLike,
    background: PathLike | None = None,
    area: PathLike | None = None,
    field: str | None = None,
    sun: Sequence[float] | None = None,
    suggest: int = 0,
    suggestions: PathLike | None = None,
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
        background: polygons of background, if they are in another file or layer.
        area: polygons of ground that was fully looked at, or "west,south,east,north": everything unmarked in it is
            background.
        field: name of the attribute that says what a polygon is, if there are several.
        sun: azimuth and elevation of the sun, degrees, for the illumination of slopes; None computes them from the time
            in the scene's metadata, or does without.
        suggest: number of windows to suggest for further labels.
        suggestions: GeoPackage to write them to.
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
        TeachingError: nothing can be learned from the labels, or what was learned is worse than the base; nothing is
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
    given = None if sun is None else Sun(*sun)
    model = load_networks(base, device, precision, batch)
    tell.say(f"Device: {model.describe()}")
    with TemporaryDirectory(prefix="l4s-") as folder, open_stack(inputs) as stack:
        if targets.suggestions:
            drawings = {"labels": labels, "background": background, "area": area}
            read = {what: local_files(path) for what, path in drawings.items() if path is not None}
            check_apart([targets.suggestions], {**input_files(inputs, stack), **read})
        _introduce(stack, base, tell)
        seen = stack.scene
        require_bands(base, seen.name, stack.bands, seen.acquisition.level, seen.aside)
        drawn = read_labels(labels, stack.grid, background, area, field)
        for note in drawn.notes:
            tell.say(f"Labels: {note}")
        wanted, ground = stack.area, Ground.of(drawn)
        if not targets.count:
            stack.area = ground.area(wanted)
        parts = ResumeStore(Path(folder) / "scene", "", False)
        layers = predict(stack, model, parts, PredictSettings(), tell.progress, watch).layers
        stack.area = wanted
        light = light_of(stack, given)
        sight = Sight(stack, layers, _features(stack, layers, light, tell), light.sun)
        with watch("features"):
            samples = collect(drawn, ground, layers, sight, _SEED)
        with watch("trees"):
            learned = learn(samples, _SEED)
        _tell_learned(samples, learned, base, tell)
        taught = _write(targets.out, base, stack, drawn, samples, learned, sight, light)
        if targets.count and targets.suggestions:
            _suggest(targets.count, targets.suggestions, taught, learned, drawn, stack, layers, parts, light, tell)
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


def _introduce(stack: Stack, base: Bundle, tell: Reporter) -> None:
    for line in introduction(stack):
        tell.say(line)
    tell.assumes(assumptions_of(stack))
    for remark in remarks_of(stack):
        tell.say(f"Note: {remark}")
    for line in cautions(stack, base):
        tell.say(line)


def _features(stack: Stack, layers: ScratchRaster, light: Light, tell: Reporter) -> tuple[str, ...]:
    """Choose the features that the scene has, and say what it has not."""
    known = known_of(stack, layers.bands > 1, light.sun is not None)
    names = available(known)
    tell.say(f"Features: {len(names)}, from the bundle's probabilities and the bands {', '.join(known.bands)}")
    if light.sun:
        where = f"azimuth {light.sun.azimuth:g}°, elevation {light.sun.elevation:g}°"
        tell.say(f"Sun: {where}, {light.because}")
    if not known.terrain:
        tell.say("Left out: slope, relief and illumination, since there are no elevations (--dem)")
    elif not light.sun:
        tell.say(f"Left out: illumination, since {light.because} (--sun AZIMUTH,ELEVATION)")
    return names


def _tell_learned(samples: Samples, learned: Learned, base: Bundle, tell: Reporter) -> None:
    """Say how good it is; an error if it is no better than the base."""
    landslide = int((samples.landslide & ~samples.presumed).sum())
    background = int((~samples.landslide & ~samples.presumed).sum())
    tell.say(f"Labelled: {landslide:,} pixels of landslide, {background:,} of background")
    new, old = learned.scores, learned.base_scores
    tell.say(
        f"On blocks of {learned.block * PIXEL:.0f} m not seen: F1 {new.f1:.3f} (precision {new.precision:.3f}, recall "
        f"{new.recall:.3f}); {base.name} at its best threshold there: F1 {old.f1:.3f}"
    )
    if not learned.pays:
        raise TeachingError(
            f"What was learned does no better than {base.name} on blocks of the labelled ground that it had not seen "
            f"(F1 {new.f1:.3f}, and {old.f1:.3f}); expected more, so nothing is written: keep {base.name}, or label "
            "more ground and teach again."
        )


def _write(
    out: Path,
    base: Bundle,
    stack: Stack,
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
    square = stack.grid.transform.a**2
    taught = Taught(
        base=base.name,
        base_sha256=base.sha256,
        file=TREES,
        sha256=hashlib.sha256(trees).hexdigest(),
        features=sight.features,
        sun=(light.sun.azimuth, light.sun.elevation) if light.sun else None,
        landslides=len(labels.landslides),
        backgrounds=len(labels.backgrounds),
        landslide_m2=float((samples.landslide & known).sum() * square),
        background_m2=float((~samples.landslide & known).sum() * square),
        scores=learned.scores,
        base_scores=learned.base_scores,
    )
    bundle = Bundle(
        name=out.name,
        version="1",
        description=f"{base.name}, taught on {stack.scene.name} from {taught.landslides} landslides",
        bands=base.bands,
        members=base.members,
        threshold=learned.threshold,
        optional=base.optional,
        level=base.level,
        window=base.window,
        license=base.license,
        trained_on=f"{base.trained_on}; then taught on {stack.scene.name}",
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
    stack: Stack,
    layers: ScratchRaster,
    parts: ResumeStore,
    light: Light,
    tell: Reporter,
) -> None:
    """Map the scene with what was learned, and write where labels would teach most."""
    judged = judge_surface(stack, taught, layers, parts, light.sun)
    found = choose_windows(count, labels, judged, layers, taught.threshold, learned.base_threshold)
    write_suggestions(found, stack.grid, path)
    fewer = f" of {count} asked for: the scene has no more that are not labelled" if len(found) < count else ""
    tell.say(f"Suggested: {len(found)} windows to look at next{fewer}, {path}")

"""What a run does, decided before it does it: inputs, outputs, bundle, optional steps and settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from l4s_geo import defaults
from l4s_geo.bundles.bundle import Bundle, Refinement
from l4s_geo.bundles.newness import Newness
from l4s_geo.bundles.registry import find_bundle, require_bands
from l4s_geo.bundles.taught import Taught
from l4s_geo.change.dates import Dates, SceneLike, scenes_of
from l4s_geo.change.newness import FLOOR
from l4s_geo.errors import L4SError, OutputError, SceneError, TerrainError
from l4s_geo.inference.devices import Device, Precision
from l4s_geo.inference.predict import PredictSettings
from l4s_geo.inference.taught import require_features
from l4s_geo.inventory.event import Event
from l4s_geo.inventory.formats import FORMATS, require_coordinates
from l4s_geo.inventory.seen import SEEN_SUFFIXES
from l4s_geo.inventory.vectorize import VectorizeSettings
from l4s_geo.output.identity import is_same
from l4s_geo.output.probability_raster import SUFFIXES
from l4s_geo.output.siblings import check_stems, siblings
from l4s_geo.output.staging import check_output, destination
from l4s_geo.stack.open import Inputs
from l4s_geo.stack.stack import Stack

__all__ = ["Choice", "Outputs", "Plan", "step_runs"]

PathLike = str | os.PathLike[str]

Choice = Literal["auto", "on", "off"]
"""Whether an optional step runs: "auto" for what the bundle was measured to gain from."""


@dataclass(frozen=True)
class Outputs:
    """The files that a run writes, each None if it is not asked for."""

    inventory: Path | None = None
    """Landslides, in the format of the suffix."""
    probability: Path | None = None
    """Raster of the probability of landslide."""
    spread: Path | None = None
    """Raster of the standard deviation over networks and views."""
    change: Path | None = None
    """Raster of the change between two dates."""
    patch: bool = False
    """Whether the inventory of a scene without coordinates may lie in metres from the scene's corner."""
    seen: Path | None = None
    """Polygons of the ground that was mapped."""

    def __post_init__(self) -> None:
        kinds = (
            (self.inventory, tuple(FORMATS), "inventory"),
            (self.probability, SUFFIXES, "probability raster"),
            (self.spread, SUFFIXES, "spread raster"),
            (self.change, SUFFIXES, "change raster"),
            (self.seen, SEEN_SUFFIXES, "seen ground"),
        )
        for path, suffixes, what in kinds:
            if path:
                check_output(path, suffixes, what, styled=path != self.seen)
        places = [destination(path) for path in self.paths if path]
        for one, other in combinations(places, 2):
            if is_same(one, other):
                raise OutputError(f"Two outputs have the name {other}; give each a file of its own.")
        check_stems(*(place for place in places if place != self.seen))

    @property
    def paths(self) -> tuple[Path | None, ...]:
        """Paths of inventory, probability, spread, change and seen ground, in this order."""
        return self.inventory, self.probability, self.spread, self.change, self.seen

    @property
    def files(self) -> list[Path]:
        """All files that come into being, where they come to stand: those asked for, and what belongs to them."""
        places = [destination(path) for path in self.paths if path]
        return [file for place in places for file in (place, *siblings(place))]

    @property
    def first(self) -> Path | None:
        """The first file that is asked for, beside which work in progress is kept; None if there is none."""
        return next(filter(None, self.paths), None)


@dataclass(frozen=True)
class Plan:
    """What a run does; `l4s_geo.map_scene` explains the options."""

    inputs: Inputs
    """The scene and what belongs to it."""
    outputs: Outputs
    """The files that are written."""
    bundle: Bundle
    """The model, as it is on disk."""
    predict: PredictSettings
    """How the networks map the scene; with a terrain prior only once the plan has seen the scene, see `fitted_to`."""
    refinement: Refinement | None
    """The DenseCRF that refines the probabilities; None if it does not run."""
    vectorize: VectorizeSettings
    """What becomes a landslide, and with which outline."""
    dates: Dates = field(default_factory=Dates)
    """Further scenes, of the same side and of an earlier one, and how they are compared."""
    own_threshold: bool = False
    """Whether the threshold is the user's, not the bundle's."""
    event: Event = field(default_factory=Event)
    """What the user says of the event, for the attributes."""
    terrain_prior: Choice = defaults.TERRAIN_PRIOR
    """Whether to weigh the probabilities by the slope of the ground."""
    device: Device = defaults.DEVICE
    """Where the networks run."""
    precision: Precision = defaults.PRECISION
    """Precision of the networks' weights and activations."""
    batch: int | None = None
    """Windows that a network takes at once; None for what suits the device."""
    resume: bool = False
    """Whether to go on where a run of the same plan was stopped."""
    purpose: Mapping[str, Any] = field(default_factory=dict)
    """What the run is part of; its provenance tells it. JSON-serialisable."""

    def __post_init__(self) -> None:
        self.predict.check(self.bundle)
        if self.outputs.spread and not self.predict.gives_spread(self.bundle):
            raise L4SError(
                f"The bundle {self.bundle.name} has one network, which gives no spread by itself; let it see several "
                "views (--tta flips) or use an ensemble."
            )
        if self.outputs.change and not self.dates.before:
            raise L4SError(
                "A change raster compares two dates, and only one is given; add an earlier scene (--before)."
            )
        if self.bundle.taught:
            self._check_dates(self.bundle.taught)
        if self.bundle.taught and self.predict.skip_flat > 0:
            raise L4SError(
                f"Flat windows cannot be skipped with the taught bundle {self.bundle.name}, whose trees judge every "
                "pixel; leave --skip-flat out."
            )

    def _check_dates(self, taught: Taught) -> None:
        """Check that a taught bundle gets the dates that it was taught on.

        Raises:
            L4SError: it does not.
        """
        name = self.bundle.name
        if taught.before and not self.dates.before:
            raise L4SError(
                f"The bundle {name} was taught on two dates (the earlier one was {taught.before}), and one is given; "
                "add the earlier scene (--before), or teach again without."
            )
        if taught.before and not self.dates.only_new:
            raise L4SError(
                f"The bundle {name} maps what was labelled on two dates, and cannot tell it from what is older; leave "
                "--all out."
            )
        if self.dates.before and not taught.before:
            raise L4SError(
                f"The bundle {name} was taught on one date, and an earlier scene is given (--before); leave it out, "
                f"teach again with it (l4s teach --before), or map with the bundle that was taught, --bundle "
                f"{taught.base}."
            )

    @property
    def floor(self) -> float:
        """Probability on the later date from which a pixel is compared with the earlier one."""
        return min(FLOOR, self.vectorize.threshold)

    @property
    def only_new(self) -> bool:
        """Whether only new landslides are mapped."""
        return bool(self.dates.before) and self.dates.only_new

    @classmethod
    def of(
        cls,
        *,
        scene: SceneLike | Sequence[SceneLike],
        before: SceneLike | Sequence[SceneLike] | None = None,
        out: PathLike | None = None,
        probability: PathLike | None = None,
        spread: PathLike | None = None,
        change: PathLike | None = None,
        patch: bool = False,
        seen: PathLike | None = None,
        bundle: PathLike = defaults.BUNDLE,
        threshold: float | None = None,
        crf: Choice = defaults.CRF,
        event: str = "",
        event_date: str = "",
        trigger: str = "",
        **options: Any,
    ) -> Plan:
        """Decide by the keywords of `l4s_geo.map_scene`; each goes to the value that checks it.

        Args:
            scene: a scene, or several of one side.
            before: scenes of an earlier side.
            out: the inventory.
            probability: the probability raster.
            spread: the spread raster.
            change: the change raster.
            patch: whether the inventory of a scene without coordinates may be written.
            seen: the polygons of mapped ground.
            bundle: name of an installed bundle, or path of a bundle's folder or zip.
            threshold: None takes the bundle's, that of its DenseCRF if that runs.
            crf: whether to refine the probabilities with the bundle's DenseCRF.
            event: name of the event that set the landslides off.
            event_date: its day, or its first and last.
            trigger: what set them off.
            options: fields of `Inputs`, `Dates`, `PredictSettings`, `VectorizeSettings` and `Plan`, by their names.

        Raises:
            L4SError: an output cannot be written, there is no such bundle, or an option is not possible, by itself or
                with the bundle.
            TypeError: there is no such option.
        """
        # What NumPy's numbers mean is the same, but neither JSON nor a digest of settings takes them for it.
        options = {name: _plain(value) for name, value in options.items()}
        threshold = _plain(threshold)
        first, *also = scenes_of(scene) or (None,)
        if first is None:
            raise SceneError("No scene is given; expected one, or a list of them.")
        inputs: Inputs = _take(Inputs, options, scene=first)
        dates: Dates = _take(Dates, options, also=tuple(also), before=scenes_of(before, "earlier scene"))
        inventory, chance, disagreement, changed, ground = (
            None if p is None else Path(p) for p in (out, probability, spread, change, seen)
        )
        outputs = Outputs(inventory, chance, disagreement, changed, patch, ground)
        found = find_bundle(bundle)
        lacks = None
        if found.crf is None:
            lacks = L4SError(
                f"The bundle {found.name} has no CRF parameters; leave --crf on out, or export it with --crf."
            )
        runs = step_runs(crf, found.crf is not None and found.crf.default, lacks)
        refinement = found.crf if runs else None
        default = refinement.threshold if refinement else found.threshold
        vectorize = _take(VectorizeSettings, options, threshold=default if threshold is None else threshold)
        predict = _take(PredictSettings, options)
        happened = Event(event, event_date, trigger)
        own = threshold is not None
        return cls(inputs, outputs, found, predict, refinement, vectorize, dates, own, happened, **options)

    def fitted_to(self, stack: Stack, before: Stack | None = None) -> Plan:
        """Fit the plan to a scene, now that it is open: decide whether the terrain prior runs.

        Args:
            stack: the scene.
            before: the earlier date, for a bundle that was taught on two.

        Raises:
            L4SError: the bundle cannot map the scene, or an option asks for terrain that is not known or for a prior
                that the bundle does not have.
        """
        bundle = self.bundle
        if self.outputs.inventory:
            require_coordinates(stack.grid, stack.scene.name, self.outputs.inventory, self.outputs.patch)
        scene = stack.scene
        require_bands(bundle, scene.name, stack.bands, scene.acquisition.level, scene.aside)
        require_features(bundle, stack, self.predict.gives_spread(bundle), before)
        if self.predict.skip_flat > 0 and not stack.has_terrain:
            raise SceneError("Flat windows cannot be skipped without terrain; give a DEM (--dem).")
        lacks: L4SError | None = None
        if bundle.prior is None:
            lacks = L4SError(f"The bundle {bundle.name} has no terrain prior; leave --terrain-prior on out.")
        elif not stack.has_terrain:
            lacks = TerrainError(
                "The terrain prior needs terrain; give a DEM (--dem), or leave --terrain-prior on out."
            )
        runs = step_runs(self.terrain_prior, bundle.prior is not None and bundle.prior.on, lacks)
        return replace(self, predict=replace(self.predict, prior=bundle.prior if runs else None))

    def comparing(self, newness: Newness) -> Plan:
        """Fit the plan to a model of newness, whose threshold holds if the user gave none."""
        if self.own_threshold or not self.only_new:
            return self
        return replace(self, vectorize=replace(self.vectorize, threshold=newness.threshold))


def _plain(value: Any) -> Any:
    """Return a number or an array of NumPy's as Python's own; anything else as it is."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def step_runs(choice: Choice, pays: bool, obstacle: L4SError | None) -> bool:
    """Whether an optional step runs.

    Args:
        choice: what the user says.
        pays: whether the bundle was measured to gain from the step, which settles "auto".
        obstacle: why the step cannot run; None if it can.

    Raises:
        L4SError: the choice is none, or it is "on" and there is an obstacle, which is raised.
    """
    if choice not in get_args(Choice):
        raise L4SError(f"The choice {choice!r} is unknown; expected one of {', '.join(get_args(Choice))}.")
    if choice == "on" and obstacle:
        raise obstacle
    return obstacle is None and (choice == "on" or (choice == "auto" and pays))


def _take(kind: type[Any], options: dict[str, Any], **more: Any) -> Any:
    """Make a value of those options that are its fields, and take them out."""
    names = [field.name for field in fields(kind) if field.name in options]
    return kind(**{name: options.pop(name) for name in names}, **more)

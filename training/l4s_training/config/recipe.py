"""A recipe: which data, and which stages of training lead to a published result.

A recipe is written in YAML and checked when it is read (`recipe_files.load`)::

    description: Two networks, self-training on the unlabelled test images, an ensemble.
    published: {table: kingdrone, row: Round 4, split: validation, f1: 80.41}
    bands: all                      # a set of l4s_training.data.bandsets, or a list
    split: official                 # official, benchmark, study, blocks
    normalization: domain           # domain (separated), fixed, window
    target: validation              # its images serve without their labels; or test, or a list of both
    threshold: 0.5                  # a number, or best: the F1 optimum on validation
    defaults: {batch: 16}           # for every train stage
    stages:
      - {train: swin, network: swin_unet, objective: [ce, lovasz-hinge]}
      - {train: segformer, network: segformer}
      - repeat: 3
        stages:
          - {pseudo-label: labels, teachers: [swin, segformer], select: threshold}
          - {train: swin, network: swin_unet, labels: labels}
          - {train: segformer, network: segformer, labels: labels}
      - {ensemble: both, members: [swin, segformer]}
      - {crf: refined, of: both}

A stage's name may come again; a reference to it (``teachers``, ``labels``, ``init``, ``members``, ``of``) means the
latest stage of that name before. ``extends: other.yaml`` takes another recipe's keys, over which one's own are laid,
mapping by mapping; ``then`` appends stages to those taken. ``split`` may be a mapping: ``{plan: study, seed: 3}``.
``ours`` says where the recipe departs from the paper or reads what the paper leaves open, by aspect; ``reproduce``
prints it below its table. A ``matrix`` makes one file several recipes (`l4s_training.config.matrix`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.normalize import Normalization
from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.data import splits

__all__ = [
    "CRF",
    "SELECTIONS",
    "CalibratedOn",
    "Ensemble",
    "HeldOutRole",
    "NamedStage",
    "PseudoLabel",
    "Published",
    "Recipe",
    "Selection",
    "Stage",
    "Train",
    "Weighting",
]

HeldOutRole = Literal["validation", "test"]
Selection = Literal["threshold", "most-confident", "most-certain"]
Weighting = Literal["mean", "fitted"]
CalibratedOn = Literal["source", "validation"]

SELECTIONS: dict[Selection, dict[str, type]] = {
    "threshold": {"threshold": float, "rest": str},
    "most-confident": {"share": float},
    "most-certain": {"background": float, "landslide": float},
}
"""What each way of choosing pseudo-labels may be told; the functions are in `l4s_training.adaptation.pseudo_labels`."""


@dataclass(frozen=True)
class Published:
    """A published result that a recipe reproduces; scores in per cent."""

    table: str
    """Name of the table for ``l4s-train reproduce``."""
    row: str
    """Name of the table's row."""
    split: HeldOutRole
    """The split that was measured."""
    f1: float
    precision: float | None = None
    recall: float | None = None
    source: str = ""
    """Publication and table."""
    transductive: bool = False
    """Whether the images measured on were used, unlabelled, in training."""


@dataclass(frozen=True)
class NamedStage:
    """A stage of a recipe; its name is unique there."""

    name: str


@dataclass(frozen=True)
class Train(NamedStage):
    """Trains one network."""

    hyperparameters: Hyperparameters
    init: str | None = None
    """Name of the stage whose best weights it starts from."""
    labels: str | None = None
    """Name of the stage whose pseudo-labels of the target domain it trains on beside the source."""


@dataclass(frozen=True)
class PseudoLabel(NamedStage):
    """Labels the target domain with the mean of earlier networks."""

    teachers: tuple[str, ...]
    """Names of the `Train` stages whose networks label."""
    select: Selection = "threshold"
    """How the pixels are chosen that a student shall believe; see `l4s_training.adaptation.pseudo_labels`."""
    options: tuple[tuple[str, float | str], ...] = ()
    """Keyword arguments of the function that selects."""
    target: tuple[HeldOutRole, ...] | None = None
    """Roles whose images it labels; None for the recipe's target."""
    calibrate: CalibratedOn | None = None
    """The labelled patches on which each teacher's probabilities are calibrated before the mean: those of training
    (``source``), or those for validation, which then must not be the target; None for none."""


@dataclass(frozen=True)
class Ensemble(NamedStage):
    """Averages the probabilities of earlier networks."""

    members: tuple[str, ...]
    """Names of the `Train` stages whose networks are averaged."""
    weights: Weighting = "mean"
    """``mean`` weighs all alike; ``fitted`` chooses on the validation patches, each network calibrated there first."""


@dataclass(frozen=True)
class CRF(NamedStage):
    """Refines the probabilities of an earlier stage with a DenseCRF."""

    of: str
    """Name of the `Train` or `Ensemble` stage."""
    parameters: CRFParameters


Stage = Train | PseudoLabel | Ensemble | CRF


@dataclass(frozen=True)
class Recipe:
    """What to do, in order; names of stages are unique and references point to earlier ones."""

    name: str
    description: str
    published: tuple[Published, ...]
    """The published results that it reproduces."""
    ours: tuple[tuple[str, str], ...]
    """Where it departs from the paper, or reads what the paper leaves open, by aspect."""
    bands: tuple[str, ...]
    components: int | None
    """Principal components that the bands are projected to; None for the bands themselves."""
    plan: splits.Plan
    """How patches are divided among the roles."""
    normalization: Normalization
    target: tuple[HeldOutRole, ...]
    """Roles whose images, without their labels, are the target domain."""
    threshold: float | None
    """Probability from which a pixel counts as landslide; None for the F1 optimum on the validation patches."""
    seed: int
    stages: tuple[Stage, ...]
    text: str
    """The recipe in YAML, what it extends included."""

    @property
    def result(self) -> Stage:
        """The stage whose predictions are the recipe's result: the last."""
        return self.stages[-1]

    def target_of(self, stage: PseudoLabel) -> tuple[HeldOutRole, ...]:
        """Return the roles whose images a stage labels."""
        return self.target if stage.target is None else stage.target

    def replaced(self, stage: PseudoLabel) -> bool:
        """Whether images given in the place of the target are given to a stage: where it labels the recipe's target."""
        return self.target_of(stage) == self.target

    def with_hyperparameters(self, change: Callable[[Hyperparameters], Hyperparameters]) -> Recipe:
        """Return the recipe with other hyperparameters in all its `Train` stages."""
        stages = (
            replace(stage, hyperparameters=change(stage.hyperparameters)) if isinstance(stage, Train) else stage
            for stage in self.stages
        )
        return replace(self, stages=tuple(stages))

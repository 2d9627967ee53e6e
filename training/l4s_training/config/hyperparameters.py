"""The hyperparameters of one network's training: all of its settings that do not depend on the data.

A recipe's `train` stage, the options of ``l4s-train fit`` and the ``config.json`` of a network run name the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from l4s_geo.errors import DataError, L4SError
from l4s_training import models
from l4s_training.config import schedules
from l4s_training.config.checks import check_keys, choice, convert, listing, mapping
from l4s_training.data.augmentation import Augmentation
from l4s_training.losses import Objective, Term
from l4s_training.models.pretrained import DOWNLOAD

__all__ = ["OPTIMIZERS", "PRECISIONS", "Hyperparameters", "Precision", "parse"]

Optimizer = Literal["adamw", "adam", "sgd"]
Precision = Literal["auto", "32", "bf16", "fp16"]

OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """How one network is trained.

    The defaults are those that the embedded bundles began with, for 40 epochs.

    Raises:
        DataError: a value is out of range, or the values do not fit together.
    """

    network: str = "unet-resnet18"
    """A name of `l4s_training.models`, with options or without."""
    imagenet: bool = False
    """Whether the encoder begins with what it learned on ImageNet, see `l4s_training.models.imagenet`."""
    pretrained: str | None = None
    """``true`` for the weights that timm or segmentation-models-pytorch publishes for the network's encoder, or the
    path of their file or of a folder that holds it; None for random weights. See `l4s_training.models.pretrained`."""
    scale: float = 1.0
    """Scale promotion: windows are resized by this factor, bilinearly, before the network sees them."""
    objective: tuple[Term, ...] = (Term("ce"), Term("lovasz-hinge"))
    """The losses whose weighted sum is minimised."""
    warm_start: float = 0.3
    """Share of the steps trained with ``warm_objective`` first."""
    warm_objective: tuple[Term, ...] = (Term("ce"), Term("dice"))
    """The losses whose weighted sum is minimised during the warm start."""
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    """The highest learning rate in the course of the schedule."""
    weight_decay: float = 1e-2
    """Weight decay of the optimiser; biases and normalisations have none."""
    schedule: str = "one-cycle"
    """A name of `l4s_training.config.schedules`."""
    schedule_options: tuple[tuple[str, float], ...] = ()
    """The schedule's own options, by name; see `l4s_training.config.schedules.SCHEDULES`."""
    epochs: int = 40
    """Passes over the training patches."""
    iterations: int | None = None
    """Steps, instead of ``epochs``."""
    batch: int = 16
    """Patches a step, over all processes and both domains."""
    passes: int = 1
    """Parts of a step's batch that go through the network one after the other, their gradients added up, where it does
    not fit into memory at once. Batch normalisations and losses over the whole batch see a part."""
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    mix_up: float | None = None
    """α of mix-up's Beta distribution, within each domain; None for none."""
    target_share: float | None = 0.5
    """Share of a batch that comes from the pseudo-labelled target domain; None: by the number of its patches."""
    freeze_encoder: bool = False
    """Whether the decoder alone is trained, as in the second stage of balanced training."""
    clip: float = 1.0
    """Norm at which the gradient is clipped; 0 for none."""
    ema_decay: float = 0.995
    """Decay per step of the exponential moving average of the weights, which is evaluated and kept; 0 for none."""
    keep: Literal["best", "last"] = "best"
    """Keep the weights of the best F1 on the validation patches, or the last ones."""
    patience: int | None = None
    """Stop after so many evaluations on the validation patches without a better F1."""
    evaluate_at: float | None = None
    """Threshold of the validation F1 that weights are kept and training is stopped by; None for the best one."""
    evaluate_every: int | None = None
    """Steps between evaluations on the validation patches; None for one pass over the training patches."""
    precision: Precision = "auto"
    """``bf16``, ``fp16``, ``32``, or ``auto``: bf16 where the processor multiplies it natively."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (
            "epochs",
            "iterations",
            "batch",
            "passes",
            "learning_rate",
            "evaluate_every",
            "patience",
            "mix_up",
        ):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise DataError(f"{name} is {value}; expected a value above zero.")
        for name, low, high in (
            ("warm_start", 0, 1),
            ("target_share", 0, 1),
            ("ema_decay", 0, 1),
            ("scale", 1, 8),
            ("evaluate_at", 0.001, 0.999),
            ("clip", 0, float("inf")),
            ("weight_decay", 0, float("inf")),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise DataError(f"{name} is {value}; expected a value from {low} to {high}.")
        choice(self.optimizer, OPTIMIZERS, "optimizer")
        choice(self.precision, PRECISIONS, "precision")
        choice(self.keep, ("best", "last"), "weights to keep")
        if self.imagenet and self.pretrained:
            raise DataError(
                "Both imagenet and pretrained are given, which name different weights for the same encoder; choose one."
            )
        _, options = models.parse(self.network)
        for _, objective in self.phases:
            if objective.needs_image_logits and "image-head" not in options:
                raise DataError(
                    f"The objective holds an image-level loss, for which network {self.network!r} has no output; give "
                    "it the option +image-head, or leave the loss out."
                )
        schedules.check(self.schedule, dict(self.schedule_options))

    @property
    def phases(self) -> tuple[tuple[float, Objective], ...]:
        """The objectives in order, each with the share of the steps at which it begins."""
        if not self.warm_start:
            return ((0.0, Objective(self.objective)),)
        return ((0.0, Objective(self.warm_objective)), (self.warm_start, Objective(self.objective)))


def parse(entries: Mapping[str, Any], where: str) -> Hyperparameters:
    """Build hyperparameters from a recipe's keys.

    Args:
        entries: fields of `Hyperparameters`. A loss is a name or ``{loss: focal, weight: 1, gamma: 2}``, the schedule a
            name or ``{name: poly, power: 0.9}``, the augmentation ``none`` or fields of `Augmentation`.
        where: begins the messages.

    Raises:
        DataError: a key is unknown, or a value cannot be used.
    """
    check_keys(entries, [f.name for f in fields(Hyperparameters) if f.name != "schedule_options"], where)
    types = get_type_hints(Hyperparameters)
    values: dict[str, Any] = {}
    for key, value in entries.items():
        at = f"{where}: {key}"
        if key in ("objective", "warm_objective"):
            values[key] = tuple(_term(entry, at) for entry in listing(value, at))
        elif key == "schedule":
            values["schedule"], values["schedule_options"] = _schedule(value, at)
        elif key == "augmentation":
            values[key] = None if value in (None, "none") else _augmentation(mapping(value, at), at)
        elif key == "pretrained":
            values[key] = _pretrained(value, at)
        else:
            # YAML reads the precision 32 as a number.
            values[key] = _plain(types[key], str(value) if key == "precision" else value, at)
    # A recipe states its whole objective: there is a warm start by default only where the default objective is kept.
    if "objective" in values and "warm_objective" not in values:
        values.setdefault("warm_start", 0.0)
    try:
        return Hyperparameters(**values)
    except L4SError as error:
        raise DataError(f"{where}: {error}") from error


def _pretrained(value: object, where: str) -> str | None:
    if value in (None, False):
        return None
    return DOWNLOAD if value is True else convert(str, value, where)


def _plain(hint: Any, value: object, where: str) -> object:
    """Convert a value to a field's type: a bool, number or text, one of several texts, or nothing where that may be."""
    if get_origin(hint) is UnionType:
        if value is None:
            return None
        (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
    return convert(str if get_origin(hint) is Literal else hint, value, where)


def _schedule(value: object, where: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    options = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = convert(str, options.pop("name", None), where)
    return name, tuple((key, convert(float, option, f"{where}: {key}")) for key, option in options.items())


def _term(entry: Any, where: str) -> Term:
    options = dict(entry) if isinstance(entry, Mapping) else {"loss": entry}
    loss = convert(str, options.pop("loss", None), f"{where}: loss")
    weight = convert(float, options.pop("weight", 1.0), f"{where}: weight")
    try:
        return Term(loss, weight, options)
    except L4SError as error:
        raise DataError(f"{where}: {error}") from error


def _augmentation(entries: Mapping[str, Any], where: str) -> Augmentation:
    check_keys(entries, [f.name for f in fields(Augmentation) if f.name != "bands"], where)
    values: dict[str, Any] = {
        key: value if isinstance(value, bool) else convert(float, value, f"{where}: {key}")
        for key, value in entries.items()
    }
    return Augmentation(**values)

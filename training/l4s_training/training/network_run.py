"""The training of one network on disk: ``config.json``, ``metrics.csv`` and ``best.safetensors``.

``config.json`` states everything that the training depends on, so that its split and its scores can be rebuilt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
from torch import nn

from l4s_geo.errors import DataError
from l4s_geo.normalize import Normalization, Statistics
from l4s_training import models
from l4s_training.config.hyperparameters import Training
from l4s_training.data import splits
from l4s_training.data.augmentation import Augmentation
from l4s_training.data.projection import Projected
from l4s_training.files import write_text
from l4s_training.losses import Term

__all__ = ["Best", "Config", "Run", "build_network", "read_run", "write_run"]

CONFIG, WEIGHTS, METRICS, CHECKPOINT = "config.json", "best.safetensors", "metrics.csv", "last.safetensors"


@dataclass(frozen=True, kw_only=True)
class Config(Training):
    """What a run was asked to do."""

    data: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    """Sources of windows without landslides, all of them for training: they are not split."""
    bands: tuple[str, ...] = ("B4", "B3", "B2")
    components: int | None = None
    """Principal components that the bands are projected to; None for the bands themselves."""
    normalization: Normalization = "window"
    plan: splits.Plan = splits.DEFAULT
    init: str | None = None
    """Run whose weights, and whose normalisation, it started from: a path, or a folder beside its own."""
    labels: str | None = None
    """Pseudo-labels of the target domain that it trained on, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalization not in get_args(Normalization):
            raise DataError(
                f"Normalisation {self.normalization!r} is unknown; expected one of "
                f"{', '.join(get_args(Normalization))}."
            )


@dataclass(frozen=True)
class Best:
    """The weights kept."""

    epoch: int
    """Evaluation on the validation patches after which they were kept, counted from 0."""
    threshold: float
    """The F1 optimum on the validation patches; 0.5 without any."""
    scores: dict[str, float]
    """F1, precision, recall, IoU there; empty without any."""


@dataclass(frozen=True)
class Run:
    """A run as it stands on disk."""

    config: Config
    statistics: Statistics
    """Mean and deviation per band of the training patches, after the run's normalisation has scaled them."""
    window: int
    """Rows and columns of a patch."""
    patches: dict[str, int]
    """Number of patches of each role."""
    ids: dict[str, list[int]]
    """Their ids, in order."""
    versions: dict[str, str]
    best: Best | None = None
    seconds: float = 0.0
    """Wall time of the training so far."""
    finished: bool = True
    folder: Path = field(default=Path(), compare=False)


def build_network(config: Config, window: int) -> nn.Module:
    """Make a run's network, freshly initialised.

    Args:
        config: the run's.
        window: rows and columns of a patch, before scale promotion.

    Raises:
        DataError: there is no such network, or it does not allow the window.
    """
    side = round(window * config.scale)
    if config.components is None:
        return models.build(config.network, config.bands, side)
    blank = np.zeros((config.components, len(config.bands)), np.float32)
    return Projected(models.build(config.network, config.components, side), blank)


def write_run(run: Run, folder: Path) -> None:
    """Write ``config.json``.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    entries = asdict(run)
    del entries["folder"]
    entries["config"]["plan"] = splits.as_dict(run.config.plan)
    write_text(folder / CONFIG, json.dumps(entries, indent=1) + "\n")


def read_run(folder: Path) -> Run:
    """Read ``config.json``.

    Raises:
        DataError: the folder holds no run, or a damaged one.
    """
    try:
        entries: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return Run(
            config=_config(entries["config"]),
            statistics=Statistics(**_tuples(entries["statistics"])),
            window=entries["window"],
            patches=entries["patches"],
            ids=entries["ids"],
            versions=entries["versions"],
            best=Best(**entries["best"]) if entries["best"] else None,
            seconds=entries["seconds"],
            finished=entries.get("finished", True),
            folder=folder,
        )
    except OSError as error:
        raise DataError(f"{folder} is no training run ({error}); name a folder that `l4s-train fit` wrote.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / CONFIG} is damaged ({type(error).__name__}: {error}); train again.") from error


def _config(entries: Mapping[str, Any]) -> Config:
    values = _tuples(entries)
    values["plan"] = splits.from_dict(values["plan"])
    for name in ("objective", "warm_objective"):
        if name in values:
            values[name] = tuple(Term(**term) for term in values[name])
    if values.get("augmentation"):
        values["augmentation"] = Augmentation(**_tuples(values["augmentation"]))
    if "schedule_options" in values:
        values["schedule_options"] = tuple((name, value) for name, value in values["schedule_options"])
    return Config(**values)


def _tuples(entries: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples; the dataclasses hold no lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}

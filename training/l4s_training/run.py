"""A training run on disk: ``config.json``, ``metrics.csv`` and ``best.safetensors``.

``config.json`` states everything that the run depends on, so that its split and its scores can be rebuilt.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from l4s_geo.errors import DataError
from l4s_geo.normalize import Kind, Statistics
from l4s_training.data import splits

__all__ = ["Best", "Config", "Run", "read_run", "write_run"]

CONFIG, WEIGHTS, METRICS = "config.json", "best.safetensors", "metrics.csv"


@dataclass(frozen=True)
class Config:
    """What a run was asked to do."""

    data: tuple[str, ...]
    network: str = "unet-resnet18"
    bands: tuple[str, ...] = ("B4", "B3", "B2")
    normalization: Kind = "window"
    plan: splits.SplitPlan = splits.DEFAULT
    epochs: int = 40
    batch: int = 16
    learning_rate: float = 1e-3
    """Peak of the one-cycle schedule."""
    weight_decay: float = 1e-2
    warm_start: float = 0.3
    """Share of the epochs trained with cross-entropy and Dice before cross-entropy and Lovász."""
    ema_decay: float = 0.995
    """Decay per step of the exponential moving average of the weights, which is evaluated and kept."""
    precision: str = "auto"
    """``bf16``, ``32``, or ``auto``: bf16 where the processor multiplies it natively."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.normalization not in get_args(Kind):
            raise DataError(
                f"Normalisation {self.normalization!r} is unknown; expected one of {', '.join(get_args(Kind))}."
            )
        for name in ("epochs", "batch", "learning_rate"):
            if getattr(self, name) <= 0:
                raise DataError(f"{name} is {getattr(self, name)}; expected a value above zero.")


@dataclass(frozen=True)
class Best:
    """The checkpoint kept: of the highest F1 on the validation blocks."""

    epoch: int
    threshold: float
    """The F1 optimum on the validation blocks."""
    scores: dict[str, float]
    """F1, precision, recall, IoU there."""


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
    folder: Path = field(default=Path(), compare=False)


def write_run(run: Run, folder: Path) -> None:
    """Write ``config.json``."""
    entries = asdict(run)
    del entries["folder"]
    text = json.dumps(entries, indent=1)
    target = folder / CONFIG
    part = target.with_suffix(".part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(target)


def read_run(folder: Path) -> Run:
    """Read ``config.json``.

    Raises:
        DataError: the folder holds no run, or a damaged one.
    """
    try:
        entries: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config = _tuples(entries["config"])
        config["plan"] = splits.SplitPlan(**_tuples(config["plan"]))
        return Run(
            config=Config(**config),
            statistics=Statistics(**_tuples(entries["statistics"])),
            window=entries["window"],
            patches=entries["patches"],
            ids=entries["ids"],
            versions=entries["versions"],
            best=Best(**entries["best"]) if entries["best"] else None,
            seconds=entries["seconds"],
            folder=folder,
        )
    except OSError as error:
        raise DataError(f"{folder} is no training run ({error}); name a folder that `l4s-train fit` wrote.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / CONFIG} is damaged ({type(error).__name__}: {error}); train again.") from error


def _tuples(entries: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples; the dataclasses hold no lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}

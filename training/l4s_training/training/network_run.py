"""A network run: the folder of one network's training, with ``config.json``, ``metrics.csv`` and ``best.safetensors``.

``config.json`` states everything that the training depends on, so that its split and its scores can be rebuilt, and
what the data said of itself. Paths in it are absolute, or relative to the folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from l4s_geo.errors import DataError
from l4s_geo.normalize import Normalization, Statistics
from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.data import splits
from l4s_training.data.augmentation import Augmentation
from l4s_training.data.provenance import Provenance
from l4s_training.files import write_text
from l4s_training.losses import Term

__all__ = [
    "CHECKPOINT",
    "CONFIG",
    "METRICS",
    "WEIGHTS",
    "DataRecord",
    "KeptWeights",
    "NetworkConfig",
    "NetworkRun",
    "read_network_run",
    "write_network_run",
]

CONFIG, WEIGHTS, METRICS, CHECKPOINT = "config.json", "best.safetensors", "metrics.csv", "last.safetensors"


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Hyperparameters):
    """What a network run was asked to do: its hyperparameters, and the data that it trains on.

    Raises:
        DataError: a value is out of range, or the values do not fit together.
    """

    data: tuple[str, ...]
    """Sources of labelled patches."""
    negatives: tuple[str, ...] = ()
    """Sources of windows without landslides, all of them for training: they are not split."""
    bands: tuple[str, ...] = ("B4", "B3", "B2")
    """Input bands in order."""
    components: int | None = None
    """Principal components that the bands are projected to; None for the bands themselves."""
    normalization: Normalization = "window"
    plan: splits.Plan = splits.DEFAULT
    """How patches are divided among the roles."""
    init: str | None = None
    """Network run whose weights, and whose normalisation, it started from: a path, or a folder beside its own."""
    labels: str | None = None
    """Folder of the pseudo-labels of the target domain that it trained on, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalization not in get_args(Normalization):
            raise DataError(
                f"Normalisation {self.normalization!r} is unknown; expected one of "
                f"{', '.join(get_args(Normalization))}."
            )


@dataclass(frozen=True)
class KeptWeights:
    """How the weights that a training kept came about."""

    epoch: int
    """Evaluation on the validation patches after which they were kept, counted from 0."""
    threshold: float
    """The F1 optimum on the validation patches; 0.5 without any."""
    scores: dict[str, float]
    """F1, precision, recall and IoU on the validation patches; empty without any."""


@dataclass(frozen=True)
class DataRecord:
    """What a network learned from, as it was when it did."""

    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Digest of the patches of each role, see `l4s_training.data.fingerprint`; empty in records of earlier versions."""
    origins: Mapping[str, tuple[Provenance, ...]] = field(default_factory=dict)
    """What the sources said of themselves: under ``data`` and ``negatives`` those of the patches trained on, under
    ``target`` those of the images in `adapted_to`."""
    negatives: int = 0
    """Number of windows without landslides among the patches for training."""
    adapted_to: tuple[str, ...] = ()
    """Digests of the images that were adapted to without their labels, by this network, one that it starts from, or
    its teachers and theirs."""
    smoke: bool = False
    """Whether it is the smoke form: a few steps on four patches."""

    @property
    def targets(self) -> tuple[Provenance, ...]:
        """What the sources of the images that were adapted to said of themselves."""
        return self.origins.get("target", ())

    def adapting(self, images: Sequence[str], targets: Sequence[Provenance]) -> DataRecord:
        """Return what a network learned from that was shown further images without their labels.

        Args:
            images: their digests.
            targets: where they come from.
        """
        together = tuple(dict.fromkeys((*self.targets, *targets)))
        origins = {**self.origins, "target": together} if together else self.origins
        return replace(self, origins=origins, adapted_to=tuple(dict.fromkeys((*self.adapted_to, *images))))

    def adapting_as(self, other: DataRecord) -> DataRecord:
        """Return what a network learned from that was shown all that another one was, too."""
        return self.adapting(other.adapted_to, other.targets)

    @property
    def every_origin(self) -> tuple[Provenance, ...]:
        """What all sources said of themselves."""
        return tuple(origin for origins in self.origins.values() for origin in origins)


@dataclass(frozen=True)
class NetworkRun:
    """A network run as it stands on disk."""

    config: NetworkConfig
    statistics: Statistics
    """Mean and deviation per band of the training patches, after the run's normalisation has scaled them."""
    window: int
    """Rows and columns of a patch."""
    patches: dict[str, int]
    """Number of patches of each role."""
    ids: dict[str, list[int]]
    """Ids of the patches of each role, in order."""
    versions: dict[str, str]
    """Versions of torch and Lightning."""
    best: KeptWeights | None = None
    """The weights kept; None before the first evaluation."""
    seconds: float = 0.0
    """Wall time of the training so far."""
    finished: bool = True
    learned_from: DataRecord = field(default_factory=DataRecord)
    folder: Path = field(default=Path(), compare=False)


def write_network_run(run: NetworkRun) -> None:
    """Write ``config.json`` into the run's folder.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    entries = asdict(run)
    del entries["folder"]
    entries["config"]["plan"] = splits.as_dict(run.config.plan)
    write_text(run.folder / CONFIG, json.dumps(entries, indent=1) + "\n")


def read_network_run(folder: Path) -> NetworkRun:
    """Read ``config.json`` from a run's folder.

    Raises:
        DataError: the folder holds no network run, or a damaged one.
    """
    try:
        entries: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return NetworkRun(
            config=_located(_config(entries["config"]), folder),
            statistics=Statistics(**_tuples(entries["statistics"])),
            window=entries["window"],
            patches=entries["patches"],
            ids=entries["ids"],
            versions=entries["versions"],
            best=KeptWeights(**entries["best"]) if entries["best"] else None,
            seconds=entries["seconds"],
            finished=entries.get("finished", True),
            learned_from=_data_record(entries.get("learned_from", {})),
            folder=folder,
        )
    except OSError as error:
        raise DataError(f"{folder} is no network run ({error}); name a folder that `l4s-train fit` wrote.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / CONFIG} is damaged ({type(error).__name__}: {error}); train again.") from error


def _config(entries: Mapping[str, Any]) -> NetworkConfig:
    values = _tuples(entries)
    values["plan"] = splits.from_dict(values["plan"])
    for name in ("objective", "warm_objective"):
        if name in values:
            values[name] = tuple(Term(**term) for term in values[name])
    if values.get("augmentation"):
        values["augmentation"] = Augmentation(**_tuples(values["augmentation"]))
    if "schedule_options" in values:
        values["schedule_options"] = tuple((name, value) for name, value in values["schedule_options"])
    return NetworkConfig(**values)


def _located(config: NetworkConfig, folder: Path) -> NetworkConfig:
    """Return a configuration whose paths are found from the run's folder; what is not there stays as it is written."""

    def found(path: str) -> str:
        inside = folder / path
        return str(inside) if not Path(path).is_absolute() and inside.exists() else path

    return replace(config, data=tuple(map(found, config.data)), negatives=tuple(map(found, config.negatives)))


def _data_record(entries: Mapping[str, Any]) -> DataRecord:
    values = _tuples(entries)
    values["origins"] = {
        name: tuple(Provenance(**origin) for origin in origins) for name, origins in entries.get("origins", {}).items()
    }
    return DataRecord(**values)


def _tuples(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries with tuples for lists: JSON knows no tuples, and the dataclasses hold no lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}

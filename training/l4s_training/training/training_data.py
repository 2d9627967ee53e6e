"""The patches of one training, by role and domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from l4s_training.data import splits
from l4s_training.data.fingerprint import fingerprint
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.provenance import provenance_of
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import ROLES
from l4s_training.training.network_run import DataRecord, NetworkConfig

__all__ = ["TrainingData", "read_training_data"]


@dataclass(frozen=True)
class TrainingData:
    """The patches that a network is trained on and chosen by."""

    source: Patches
    """Labelled patches to train on."""
    validation: Patches
    """Labelled patches that choose the weights to keep; may be empty where the last weights are kept."""
    target: Patches | None = None
    """Patches of the target domain, with pseudo-labels, to train on beside the source."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Number of patches of each role, for the record."""
    ids: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Ids of the patches of each role, for the record."""
    learned_from: DataRecord = field(default_factory=DataRecord)
    """Where the patches come from, for the record."""

    @property
    def domains(self) -> tuple[Patches, ...]:
        """What a batch is drawn from: the source, or source and target."""
        return (self.source,) if self.target is None else (self.source, self.target)


def read_training_data(config: NetworkConfig) -> TrainingData:
    """Read a training's data, and divide it among the roles.

    Raises:
        DataError: it cannot be read or does not suit the configuration.
    """
    sets = sources.read_all(config.data, config.bands)
    parts = splits.divide(sets, config.plan)
    patches = concatenate(sets)
    roles = {role: patches.take(parts.of(role)) for role in ROLES}
    negatives = sources.read_all(config.negatives, config.bands)
    return TrainingData(
        concatenate([roles["train"], *negatives]),
        roles["validation"],
        counts={role: len(getattr(parts, role)) for role in (*ROLES, "dropped")},
        ids={role: part.ids.tolist() for role, part in roles.items()},
        learned_from=DataRecord(
            {role: fingerprint(part) for role, part in roles.items()}
            | ({"negatives": fingerprint(concatenate(negatives))} if negatives else {}),
            {
                name: tuple(map(provenance_of, paths))
                for name, paths in (("data", config.data), ("negatives", config.negatives))
            },
            sum(map(len, negatives)),
        ),
    )

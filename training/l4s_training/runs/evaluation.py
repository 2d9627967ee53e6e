"""Scores a run or a bundle on labelled patches, with pixel counts pooled as in the competition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_training.data import splits
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.provenance import mark, provenance_of
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import Role
from l4s_training.runs.run_or_bundle import RunOrBundle
from l4s_training.scoring.metrics import Scores

__all__ = ["Evaluated", "evaluate"]


@dataclass(frozen=True)
class Evaluated:
    """Labelled patches, what was predicted there, and how that scores."""

    patches: Patches
    """(n,) patches."""
    probabilities: NDArray[np.float32]
    """(n, rows, cols) predictions."""
    threshold: float
    """Probability from which a pixel counts as landslide."""
    origin: NDArray[np.int64]
    """(n,) position of each patch's source among `sources`."""
    sources: tuple[str, ...]
    """Names of the sources, with the role that the publisher gave."""
    note: str = ""
    """What every figure must carry, see `l4s_training.data.provenance.mark`."""

    @property
    def detected(self) -> NDArray[np.bool_]:
        """(n, rows, cols) of the pixels that count as landslide."""
        return self.probabilities >= self.threshold

    @property
    def scores(self) -> Scores:
        """Scores over all patches."""
        return Scores.of(self.detected, self.patches.masks)

    def by_source(self) -> list[tuple[str, int, Scores]]:
        """Return the name, the number of patches and the scores of each source that has patches here."""
        detected, found = self.detected, []
        for number, name in enumerate(self.sources):
            here = self.origin == number
            if here.any():
                found.append((name, int(here.sum()), Scores.of(detected[here], self.patches.masks[here])))
        return found


def evaluate(
    model: RunOrBundle,
    data: Sequence[str | Path],
    plan: splits.Plan | None,
    role: Role | Literal["all"],
    threshold: float | None = None,
    flips: bool = False,
) -> Evaluated:
    """Predict labelled patches of one role.

    Args:
        model: what predicts.
        data: sources of labelled patches.
        plan: divides them; None for the model's own split or, of a bundle, which has none, the one that suits the data
            (`splits.plan_for`).
        role: which patches; all of them with "all".
        threshold: probability from which a pixel counts as landslide; None for the model's own.
        flips: average the predictions of the eight flips and rotations.

    Raises:
        DataError: the data cannot be read or divided, no patch has the role, or the model was trained with another
            split than is asked for.
    """
    if plan and model.plan and plan != model.plan:
        raise DataError(
            f"The split {splits.as_text(plan)!r} was asked for, but the run was trained with "
            f"{splits.as_text(model.plan)!r}, and would be scored on what it has learned; leave the options of the "
            "split out, or choose --split all."
        )
    sets = sources.read_all(data, model.bands)
    origin = np.repeat(np.arange(len(sets)), [len(part) for part in sets])
    index = np.arange(len(origin)) if role == "all" else _divided(sets, model.plan or plan).of(role)
    if not len(index):
        raise DataError(f"The split has no patch of role {role!r}; choose another with --split.")
    patches = concatenate(sets).take(index)
    return Evaluated(
        patches,
        model.probabilities(patches, flips),
        model.threshold if threshold is None else threshold,
        origin[index],
        tuple(" ".join(filter(None, (part.source, part.role))) for part in sets),
        mark(model.smoke, [provenance_of(path) for path in data]),
    )


def _divided(sets: Sequence[Patches], plan: splits.Plan | None) -> splits.Split:
    return splits.divide(sets, plan or splits.plan_for(part.role for part in sets))

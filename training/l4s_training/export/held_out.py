"""The labelled patches that a bundle is measured on: those that its networks were not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_training.data import splits
from l4s_training.data.fingerprint import fingerprint, image_digests
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import ROLES, Role
from l4s_training.runs.recipe_data import few
from l4s_training.training.network_run import NetworkRun

__all__ = ["ENDINGS", "HeldOut", "SetFacts", "read_held_out"]

ENDINGS = ("_flips", "_crf", "_without", "_left_out")
"""What is put behind the name of a set for its other scores; no further set's name may end so."""


@dataclass(frozen=True)
class SetFacts:
    """What is known of one set of patches before anything is predicted."""

    patches: int
    with_landslide: int
    """Number of patches that hold a landslide pixel."""
    adapted_to: int = 0
    """Number of patches whose images the networks were shown, without labels, while they learned."""
    trained_on: int = 0
    """Number of patches whose images were trained on as well: copies, in another folder or under another number."""
    same_number: Mapping[str, int] = field(default_factory=dict)
    """By role, the number of patches that bear the number of a patch of that role; of further sets only."""

    @classmethod
    def of(
        cls, patches: Patches, seen: frozenset[str] = frozenset(), trained: frozenset[str] = frozenset()
    ) -> SetFacts:
        """Look at a set of patches; `seen` and `trained` are digests of images adapted to and of those trained on."""
        digests = image_digests(patches) if seen or trained else []
        adapted, known = (sum(digest in images for digest in digests) for images in (seen, trained))
        return cls(len(patches), int(patches.masks.any(axis=(1, 2)).sum()), adapted, known)


@dataclass(frozen=True)
class HeldOut:
    """Held-out patches by what they are for; any set may be empty."""

    validation: Patches
    """Patches that chose epoch, calibration and threshold."""
    test: Patches
    """Patches that chose nothing."""
    others: Mapping[str, Patches]
    """Further labelled patches, by the name of their file."""
    facts: Mapping[str, SetFacts] = field(default_factory=dict)
    """Of every set, and of the patches for training, by name."""

    @property
    def sets(self) -> dict[str, Patches]:
        """The sets that hold patches, by name: ``validation``, ``test``, then the others."""
        named = {"validation": self.validation, "test": self.test, **self.others}
        return {name: patches for name, patches in named.items() if len(patches)}


def read_held_out(runs: Sequence[NetworkRun], data: Sequence[str | Path], measure_on: Sequence[Path]) -> HeldOut:
    """Read the patches that trainings held out, and further ones.

    Args:
        runs: whose data, bands and split are those of all; a smoke run held out a few patches of each role.
        data: where the data is now.
        measure_on: further labelled data, all of it held out.

    Raises:
        DataError: the data is gone, cannot be read or is not what was trained on, or two sets would have one name, or a
            name that scores have.
    """
    run = runs[0]
    sets = sources.read_all(data, run.config.bands)
    parts, patches = splits.divide(sets, run.config.plan), concatenate(sets)
    roles = {role: patches.take(parts.of(role)) for role in ROLES}
    if run.learned_from.smoke:
        roles = {role: few(part) for role, part in roles.items()}
    _check_same(run, roles, data)
    others: dict[str, Patches] = {}
    for path in measure_on:
        if path.stem in ("train", "validation", "test", *others):
            raise DataError(f"Two of the sets to measure on are named {path.stem!r}; rename {path}.")
        if path.stem.endswith(ENDINGS) or path.stem == "terrain_prior":
            raise DataError(
                f"{path.name}, to measure on, is named as scores of other sets are, which end in {', '.join(ENDINGS)}; "
                "rename it."
            )
        others[path.stem] = sources.read(path, run.config.bands)
    seen = frozenset(digest for run in runs for digest in run.learned_from.adapted_to)
    trained = frozenset(image_digests(roles["train"]))
    facts = {"train": SetFacts.of(roles["train"], seen)}
    held = {role: part for role, part in roles.items() if role != "train"}
    facts |= {name: SetFacts.of(part, seen, trained) for name, part in (*held.items(), *others.items())}
    official = isinstance(run.config.plan, splits.OfficialSplit)  # whose folders count from 1 each
    numbers = {role: part.numbers for role, part in roles.items() if role == "train" or not official}
    for name, part in others.items():
        facts[name] = _with_numbers(facts[name], part, numbers)
    return HeldOut(roles["validation"], roles["test"], others, facts)


def _check_same(run: NetworkRun, roles: Mapping[Role, Patches], data: Sequence[str | Path]) -> None:
    """Check that these are the patches of the training, as far as its record tells.

    Raises:
        DataError: they are others, of which some may have been trained on.
    """
    before = run.learned_from.fingerprints
    if differing := [role for role, part in roles.items() if before and before.get(role) != fingerprint(part)]:
        raise DataError(
            f"{', '.join(map(str, data))} holds other patches for {differing[0]} than {run.folder} was trained with; "
            "say with --data where those are now."
        )


def _with_numbers(facts: SetFacts, patches: Patches, numbers: Mapping[Role, NDArray[np.int64]]) -> SetFacts:
    if patches.role not in (None, "train"):
        return facts
    shared = {role: int(np.isin(patches.numbers, known).sum()) for role, known in numbers.items()}
    return replace(facts, same_number={role: n for role, n in shared.items() if n})

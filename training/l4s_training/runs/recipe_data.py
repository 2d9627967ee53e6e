"""The patches of a recipe run: read, divided among the roles, and the target domain without its labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_training.config.recipe import PseudoLabel, Recipe
from l4s_training.data import splits
from l4s_training.data.fingerprint import fingerprint
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.provenance import Provenance, provenance_of
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import ROLES, Role
from l4s_training.runs.stage_folders import DataIdentity
from l4s_training.training.network_run import DataRecord

__all__ = ["RecipeData", "Sources", "few", "read_recipe_data", "target_is_unused"]

_SMOKE_PATCHES = 4
"""Patches of each role in the smoke form."""
_Source = tuple[str, Patches]
"""Where patches were said to be, and those that were read there."""


@dataclass(frozen=True)
class Sources:
    """Where a recipe run's patches come from: folders, zips or ``.npz`` files, by absolute paths."""

    data: tuple[str, ...]
    """Sources of labelled patches."""
    target: tuple[str, ...] = ()
    """Sources of images that serve, without labels, as the target domain in place of the recipe's."""
    negatives: tuple[str, ...] = ()
    """Sources of windows without landslides, all of them for training."""

    @classmethod
    def of(
        cls, data: Sequence[str | Path], target: Sequence[str | Path] = (), negatives: Sequence[str | Path] = ()
    ) -> Sources:
        """Make it of paths, or of their text; relative ones are those of the current folder."""
        return cls(*(tuple(map(os.path.abspath, paths)) for paths in (data, target, negatives)))


@dataclass(frozen=True)
class RecipeData:
    """The patches of a recipe run."""

    roles: Mapping[Role, Patches]
    """The patches of each role; those for training include the windows without landslides."""
    counts: Mapping[str, int]
    """Number of patches of each role, without those windows, and of those dropped."""
    target: Patches | None
    """The images of the recipe's target domain, without labels; None where it adapts to none."""
    images: Mapping[Role, Patches] = field(default_factory=dict)
    """The images of each role that a stage adapts to, without labels."""
    origins: Mapping[Role, tuple[Provenance, ...]] = field(default_factory=dict)
    """Where those come from."""
    given: tuple[Provenance, ...] = ()
    """Where the images come from that are given in the place of the recipe's target domain."""
    learned_from: DataRecord = field(default_factory=DataRecord)
    """Where the patches come from, for the record."""
    identity: DataIdentity = field(default_factory=DataIdentity)
    """By what they are known."""

    def target_of(self, stage: PseudoLabel, recipe: Recipe) -> Patches | None:
        """Return the images that a stage labels, without labels; None where there are none."""
        if recipe.replaced(stage):
            return self.target
        return concatenate([self.images[role] for role in recipe.target_of(stage)])

    def origins_of(self, stage: PseudoLabel, recipe: Recipe) -> tuple[Provenance, ...]:
        """Return where the images come from that a stage labels."""
        if self.given and recipe.replaced(stage):
            return self.given
        return tuple(origin for role in recipe.target_of(stage) for origin in self.origins[role])


def read_recipe_data(recipe: Recipe, given: Sources, smoke: bool) -> RecipeData:
    """Read all patches that a recipe needs.

    Args:
        recipe: names bands, split and target domain.
        given: where the patches are.
        smoke: take four patches of each role.

    Raises:
        DataError: they cannot be read or do not suit the recipe.
    """
    read = [(path, part) for path in given.data for part in sources.read_all([path], recipe.bands)]
    sets = [part for _, part in read]
    parts = splits.divide(sets, recipe.plan)
    patches = concatenate(sets)
    roles: dict[Role, Patches] = {role: patches.take(parts.of(role)) for role in ROLES}
    if smoke:
        roles = {role: few(part) for role, part in roles.items()}
    fingerprints: dict[str, str] = {role: fingerprint(part) for role, part in roles.items()}
    counts: dict[str, int] = {role: len(part) for role, part in roles.items()}
    counts["dropped"] = len(parts.dropped)
    negatives = sources.read_all(given.negatives, recipe.bands)
    if negatives:
        roles["train"] = concatenate([roles["train"], *negatives])
        fingerprints["negatives"] = fingerprint(concatenate(negatives))
    own = [role for role in ROLES if role in _roles_adapted_to(recipe, bool(given.target))]
    shown = {role: _images_of(role, recipe, given, _holding(read, parts.of(role))) for role in own}
    # Those of a labelled role are taken in the order of its patches, by which the labels are kept.
    images = {
        role: roles[role].unlabelled() if len(roles[role]) else concatenate([part for _, part in found])
        for role, found in shown.items()
    }
    target = [sources.read_unlabelled(path, recipe.bands) for path in given.target]
    if smoke:
        images, target = {role: few(part) for role, part in images.items()}, [few(part) for part in target]
    target = target or [images[role] for role in recipe.target]
    named = {"data": given.data, "negatives": given.negatives}
    origins = {name: tuple(map(provenance_of, paths)) for name, paths in named.items()}
    together = concatenate(target) if target else None
    return RecipeData(
        roles,
        counts,
        together,
        images,
        {role: tuple(_origin_of(role, *source) for source in found) for role, found in shown.items()},
        tuple(map(provenance_of, given.target)),
        DataRecord(fingerprints, origins, sum(map(len, negatives)), smoke=smoke),
        DataIdentity(
            fingerprints,
            {role: fingerprint(part) for role, part in images.items()},
            fingerprint(together) if given.target and together is not None else "",
            smoke,
        ),
    )


def target_is_unused(recipe: Recipe, given: Sources) -> bool:
    """Whether images are given as the target domain, and no stage of the recipe adapts to them."""
    labelling = [stage for stage in recipe.stages if isinstance(stage, PseudoLabel)]
    return bool(given.target) and not any(map(recipe.replaced, labelling))


def _roles_adapted_to(recipe: Recipe, given: bool) -> set[Role]:
    """Return the roles whose images a recipe adapts to, but for those in whose place others are given."""
    stages = [stage for stage in recipe.stages if isinstance(stage, PseudoLabel)]
    own: set[Role] = set() if given else {*recipe.target}
    return own.union(*(recipe.target_of(stage) for stage in stages if not (given and recipe.replaced(stage))))


def _holding(read: Sequence[_Source], index: NDArray[np.int64]) -> list[_Source]:
    """Return the sources that hold some of these patches, by their positions in all of them."""
    ends = np.cumsum([len(part) for _, part in read])
    return [read[number] for number in np.unique(np.searchsorted(ends, index, side="right"))]


def _images_of(role: Role, recipe: Recipe, given: Sources, labelled: Sequence[_Source]) -> Sequence[_Source]:
    """Return the sources of a role's images: the labelled ones or, where there are none, its official folders.

    Raises:
        DataError: there are none.
    """
    if labelled:
        return labelled
    found = [(path, s) for path in given.data for s in sources.read_role_unlabelled([path], role, recipe.bands)]
    if not found:
        raise DataError(
            f"Recipe {recipe.name} adapts to the {role} images, but the data holds none, labelled or not; give the "
            "folder that holds all three official folders, or name unlabelled images with --target."
        )
    return found


def _origin_of(role: Role, path: str, images: Patches) -> Provenance:
    """Return what the source of a role's images says of itself, under a name that tells which images are meant."""
    name = images.source if images.role == role else f"{role} patches of {images.source}"
    return replace(provenance_of(path), source=name)


def few(patches: Patches) -> Patches:
    """Return the patches that the smoke form takes of many."""
    return patches.take(np.arange(min(len(patches), _SMOKE_PATCHES)))

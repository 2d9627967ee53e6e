"""The patches of a recipe run: read, divided among the roles, and the target domain without its labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from l4s_geo.errors import DataError
from l4s_training.config.recipe import Recipe
from l4s_training.data import splits
from l4s_training.data.fingerprint import fingerprint, image_digests
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.provenance import provenance_of
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import ROLES, Role
from l4s_training.training.network_run import DataRecord

__all__ = ["RecipeData", "Sources", "few", "read_recipe_data"]

_SMOKE_PATCHES = 4
"""Patches of each role in the smoke form."""


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
    """The images of the target domain, without labels; None where the recipe adapts to none."""
    learned_from: DataRecord = field(default_factory=DataRecord)
    """Where the patches come from, for the record."""
    target_fingerprint: str = ""
    """Digest of the images of the target domain."""


def read_recipe_data(recipe: Recipe, given: Sources, smoke: bool) -> RecipeData:
    """Read all patches that a recipe needs.

    Args:
        recipe: names bands, split and target domain.
        given: where the patches are.
        smoke: take four patches of each role.

    Raises:
        DataError: they cannot be read or do not suit the recipe.
    """
    sets = sources.read_all(given.data, recipe.bands)
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
    if given.target:
        images = [sources.read_unlabelled(path, recipe.bands) for path in given.target]
    else:
        images = [image for role in recipe.target for image in _target_of_role(role, recipe, given, roles)]
    images = [few(part) for part in images] if smoke else images
    target = concatenate(images) if images else None
    named = {"data": given.data, "negatives": given.negatives, "target": given.target}
    origins = {name: tuple(map(provenance_of, paths)) for name, paths in named.items()}
    return RecipeData(
        roles,
        counts,
        target,
        DataRecord(
            fingerprints,
            origins,
            sum(map(len, negatives)),
            tuple(image_digests(target)) if target is not None else (),
            smoke,
        ),
        fingerprint(target) if target is not None else "",
    )


def _target_of_role(role: Role, recipe: Recipe, given: Sources, roles: Mapping[Role, Patches]) -> list[Patches]:
    """Return the images of a role, without their labels; those of its official folder where none is labelled.

    Raises:
        DataError: there are none.
    """
    if len(roles[role]):
        return [roles[role].unlabelled()]
    found = sources.read_role_unlabelled(given.data, role, recipe.bands)
    if not found:
        raise DataError(
            f"Recipe {recipe.name} adapts to the {role} images, but the data holds none, labelled or not; give the "
            "folder that holds all three official folders, or name unlabelled images with --target."
        )
    return found


def few(patches: Patches) -> Patches:
    """Return the patches that the smoke form takes of many."""
    return patches.take(np.arange(min(len(patches), _SMOKE_PATCHES)))

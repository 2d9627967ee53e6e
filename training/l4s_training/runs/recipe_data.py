"""The patches of a recipe run: read, divided among the roles, and the target domain without its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l4s_geo.errors import DataError
from l4s_training.config.recipe import PseudoLabel, Recipe
from l4s_training.data import splits
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import ROLES, Role

__all__ = ["RecipeData", "Sources", "read_recipe_data"]

_SMOKE_PATCHES = 4
"""Patches of each role in the smoke form."""


@dataclass(frozen=True)
class Sources:
    """Where a recipe run's patches come from: folders, zips or ``.npz`` files."""

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
        """Make it of paths, or of their text."""
        return cls(*(tuple(map(str, paths)) for paths in (data, target, negatives)))


@dataclass(frozen=True)
class RecipeData:
    """The patches of a recipe run."""

    roles: Mapping[Role, Patches]
    """The patches of each role; those for training include the windows without landslides."""
    counts: Mapping[str, int]
    """Number of patches of each role, without those windows, and of those dropped."""
    target: Patches | None
    """The images of the recipe's target domain, without labels; None where it adapts to none."""

    def target_of(self, stage: PseudoLabel, recipe: Recipe) -> Patches | None:
        """Return the images that a stage labels, without labels; None where there are none."""
        if recipe.replaced(stage):
            return self.target
        return concatenate(_images_of(recipe, recipe.target_of(stage), self.roles))


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
        roles = {role: _few(part) for role, part in roles.items()}
    counts: dict[str, int] = {role: len(part) for role, part in roles.items()}
    counts["dropped"] = len(parts.dropped)
    if given.negatives:
        roles["train"] = concatenate([roles["train"], *sources.read_all(given.negatives, recipe.bands)])
    if given.target:
        images = [sources.read_unlabelled(path, recipe.bands) for path in given.target]
        images = [_few(part) for part in images] if smoke else images
    else:
        images = _images_of(recipe, recipe.target, roles)
    return RecipeData(roles, counts, concatenate(images) if images else None)


def _images_of(recipe: Recipe, target: Sequence[Role], roles: Mapping[Role, Patches]) -> list[Patches]:
    if missing := [role for role in target if not len(roles[role])]:
        raise DataError(
            f"Recipe {recipe.name} adapts to the {missing[0]} images, but the data has none that are labelled; "
            "give data that holds them, or name unlabelled images with --target."
        )
    return [roles[role].unlabelled() for role in target]


def _few(patches: Patches) -> Patches:
    return patches.take(np.arange(min(len(patches), _SMOKE_PATCHES)))

"""Recipes as the command line changes them; what is changed is said among what is the recipe's own (``ours``)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.config.recipe import Recipe, Train
from l4s_training.models.pretrained import DOWNLOAD, WEIGHTS

__all__ = ["has_published_weights", "in_passes", "passes_of", "with_pretrained"]


def passes_of(batch: int, at_once: int | None) -> int:
    """Return in how many parts a batch goes through a network that takes so many patches at once; None for all."""
    return 1 if at_once is None else -(-batch // at_once)


def in_passes(recipe: Recipe, at_once: int) -> Recipe:
    """Return a recipe whose batches go through the networks in parts, their gradients added up.

    Args:
        recipe: its batches stay what they are.
        at_once: patches that a part has at most.
    """

    def change(given: Hyperparameters) -> Hyperparameters:
        return replace(given, passes=passes_of(given.batch, at_once))

    if all(stage.hyperparameters.batch <= at_once for stage in _trained(recipe)):
        return recipe
    note = f"in parts of {at_once} patches at most, which losses over the batch and batch normalisation see"
    return _noted(recipe.with_hyperparameters(change), "parts of a batch", note)


def with_pretrained(recipe: Recipe, source: str) -> Recipe:
    """Return a recipe whose encoders begin with published weights, where there are such weights.

    Args:
        recipe: its networks without published weights keep what they begin with.
        source: see `l4s_training.models.pretrained.read_weights`.

    Raises:
        DataError: none of its networks has published weights.
    """

    def change(given: Hyperparameters) -> Hyperparameters:
        return replace(given, pretrained=source) if _has_weights(given) else given

    if not has_published_weights(recipe):
        raise DataError(
            f"Recipe {recipe.name} trains no network with published weights; those that have are {', '.join(WEIGHTS)}. "
            "Leave --pretrained out."
        )
    where = "downloaded" if source == DOWNLOAD else f"from {Path(source).name}"
    return _noted(recipe.with_hyperparameters(change), "initialisation", f"published ImageNet weights, {where}")


def has_published_weights(recipe: Recipe) -> bool:
    """Return whether one of a recipe's networks has published weights to begin with."""
    return any(_has_weights(stage.hyperparameters) for stage in _trained(recipe))


def _has_weights(given: Hyperparameters) -> bool:
    return not given.imagenet and models.parse(given.network)[0].name in WEIGHTS


def _trained(recipe: Recipe) -> list[Train]:
    return [stage for stage in recipe.stages if isinstance(stage, Train)]


def _noted(recipe: Recipe, aspect: str, note: str) -> Recipe:
    return replace(recipe, ours=tuple({**dict(recipe.ours), aspect: note}.items()))

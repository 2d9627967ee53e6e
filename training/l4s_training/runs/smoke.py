"""The smoke form of a recipe: all of its stages, in a moment, to see that they work together."""

from __future__ import annotations

from dataclasses import replace

from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.config.recipe import Recipe

__all__ = ["SMOKE", "smoke_form"]

SMOKE = "Smoke run, not for use"
"""How the description of a bundle begins that a smoke run was exported to."""

_LARGEST_SCALE = 2.0


def smoke_form(recipe: Recipe) -> Recipe:
    """Return a recipe whose trainings take two steps of four patches, all at once, enlarged twice at most."""
    return recipe.with_hyperparameters(_short)


def _short(full: Hyperparameters) -> Hyperparameters:
    scale = min(full.scale, _LARGEST_SCALE)
    return replace(full, iterations=2, batch=4, passes=1, evaluate_every=2, patience=None, scale=scale)

"""Where the stages of a recipe run are: each in a folder named after it and a digest of all that it depends on.

It depends on its own settings, the stages before it that it refers to, and the patches, wherever they lie. Recipes that
share stages, run into the same folder of stages, share their training; a stage that is asked to do something else gets
a new folder.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from l4s_training.config.recipe import PseudoLabel, Recipe, Stage
from l4s_training.data import splits
from l4s_training.runs.recipe_data import RecipeData

__all__ = ["as_json", "stage_folders"]

_REFERENCES = ("teachers", "members", "init", "labels", "of")
"""Fields of stages that name earlier ones."""


def stage_folders(recipe: Recipe, patches: RecipeData, root: Path) -> dict[str, Path]:
    """Return the folder of each stage, by its name, in order.

    Args:
        recipe: what is to be run, in its smoke form where that is run.
        patches: what it is run on.
        root: holds the folders of the stages.
    """
    digests: dict[str, str] = {}
    for stage in recipe.stages:
        digests[stage.name] = _digest(stage, recipe, patches, digests)
    return {name: root / f"{name}-{digest[:8]}" for name, digest in digests.items()}


def as_json(stage: Stage) -> dict[str, Any]:
    """Return a stage as JSON holds it, with lists for tuples."""
    entries: dict[str, Any] = json.loads(json.dumps(asdict(stage)))
    return entries


def _digest(stage: Stage, recipe: Recipe, patches: RecipeData, before: dict[str, str]) -> str:
    entries = as_json(stage)
    del entries["name"]
    if "hyperparameters" in entries:
        entries["training"] = entries.pop("hyperparameters")  # as they were called when the first stages were run
    references = [value for key in _REFERENCES if (value := entries.pop(key, None))]
    names = [name for value in references for name in ([value] if isinstance(value, str) else value)]
    entries["from"] = [before[name] for name in names]
    entries["kind"] = type(stage).__name__
    entries["data"] = dict(patches.learned_from.fingerprints)
    entries["plan"] = splits.as_dict(recipe.plan)
    entries |= {key: getattr(recipe, key) for key in ("bands", "components", "normalization", "seed")}
    entries["smoke"] = patches.learned_from.smoke
    entries["target"] = patches.target_fingerprint if isinstance(stage, PseudoLabel) else ""
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()

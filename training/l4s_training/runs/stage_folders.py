"""Where the stages of a recipe run are: each in a folder named after it and a digest of all that it depends on.

It depends on its own settings, the stages before it that it refers to, and the data. Recipes that share stages, run
into the same folder of stages, share their training; a stage that is asked to do something else gets a new folder.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from l4s_training.config.recipe import PseudoLabel, Recipe, Stage
from l4s_training.data import splits
from l4s_training.runs.recipe_data import Sources

__all__ = ["as_json", "stage_folders"]

_ADDED: dict[str, Any] = {"calibrate": None, "pretrained": None, "passes": 1, "evaluate_at": None}
"""Fields that stages were given later, with the value that says what stages without them did: it changes no digest."""

_REFERENCES = ("teachers", "members", "init", "labels", "of")
"""Fields of stages that name earlier ones."""


def stage_folders(recipe: Recipe, sources: Sources, smoke: bool, root: Path) -> dict[str, Path]:
    """Return the folder of each stage, by its name, in order.

    Args:
        recipe: what is to be run, in its smoke form where that is run.
        sources: where the patches come from.
        smoke: whether the smoke form is run.
        root: holds the folders of the stages.
    """
    digests: dict[str, str] = {}
    for stage in recipe.stages:
        digests[stage.name] = _digest(stage, recipe, sources, smoke, digests)
    return {name: root / f"{name}-{digest[:8]}" for name, digest in digests.items()}


def as_json(stage: Stage) -> dict[str, Any]:
    """Return a stage as JSON holds it, with lists for tuples."""
    entries: dict[str, Any] = json.loads(json.dumps(asdict(stage)))
    return entries


def _images(stage: PseudoLabel, recipe: Recipe, sources: Sources) -> tuple[str, ...]:
    """Return the sources or the roles of the images that a stage labels."""
    if sources.target and recipe.replaced(stage):
        return sources.target
    return recipe.target_of(stage)


def _without_added(entries: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key not in _ADDED or value != _ADDED[key]}


def _digest(stage: Stage, recipe: Recipe, sources: Sources, smoke: bool, before: dict[str, str]) -> str:
    entries = as_json(stage)
    del entries["name"]
    if "hyperparameters" in entries:
        # as they were called when the first stages were run
        entries["training"] = _without_added(entries.pop("hyperparameters"))
    entries = _without_added(entries)
    references = [value for key in _REFERENCES if (value := entries.pop(key, None))]
    names = [name for value in references for name in ([value] if isinstance(value, str) else value)]
    entries["from"] = [before[name] for name in names]
    entries["kind"] = type(stage).__name__
    entries["data"] = [str(Path(path).resolve()) for path in (*sources.data, *sources.negatives)]
    entries["plan"] = splits.as_dict(recipe.plan)
    entries |= {key: getattr(recipe, key) for key in ("bands", "components", "normalization", "seed")}
    entries["smoke"] = smoke
    entries["target"] = _images(stage, recipe, sources) if isinstance(stage, PseudoLabel) else ()
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()

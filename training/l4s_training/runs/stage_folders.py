"""Where the stages of a recipe run are: each in a folder named after it and a digest of all that it depends on.

It depends on its own settings, the stages before it that it refers to, and the patches, wherever they lie. Recipes that
share stages, run into the same folder of stages, share their training; a stage that is asked to do something else gets
a new folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from l4s_training.config.recipe import PseudoLabel, Recipe, Stage
from l4s_training.data import splits
from l4s_training.data.roles import Role

__all__ = ["DataIdentity", "as_json", "stage_folders"]

_ADDED: dict[str, Any] = {"calibrate": None, "pretrained": None, "passes": 1, "evaluate_at": None}
"""Fields that stages were given later, with the value that says what stages without them did: it changes no digest."""

_REFERENCES = ("teachers", "members", "init", "labels", "of")
"""Fields of stages that name earlier ones."""


@dataclass(frozen=True)
class DataIdentity:
    """What the patches of a recipe run are known by, wherever they lie; empty where there are none yet."""

    roles: Mapping[str, str] = field(default_factory=dict)
    """Digest of the patches of each role, and of the windows without landslides."""
    images: Mapping[Role, str] = field(default_factory=dict)
    """Digest of the images of each role that is adapted to."""
    given: str = ""
    """Digest of images that are given in the place of the recipe's target domain."""
    smoke: bool = False
    """Whether the smoke form is run."""


def stage_folders(recipe: Recipe, identity: DataIdentity, root: Path) -> dict[str, Path]:
    """Return the folder of each stage, by its name, in order.

    Args:
        recipe: what is to be run, in its smoke form where that is run.
        identity: of what it is run on.
        root: holds the folders of the stages.
    """
    digests: dict[str, str] = {}
    for stage in recipe.stages:
        digests[stage.name] = _digest(stage, recipe, identity, digests)
    return {name: root / f"{name}-{digest[:8]}" for name, digest in digests.items()}


def as_json(stage: Stage) -> dict[str, Any]:
    """Return a stage as JSON holds it, with lists for tuples."""
    entries: dict[str, Any] = json.loads(json.dumps(asdict(stage)))
    return entries


def _images(stage: PseudoLabel, recipe: Recipe, identity: DataIdentity) -> object:
    """Return what the images are known by that a stage labels: digests, or without data the names of their roles."""
    if identity.given and recipe.replaced(stage):
        return identity.given
    return [identity.images.get(role, role) for role in recipe.target_of(stage)]


def _without_added(entries: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key not in _ADDED or value != _ADDED[key]}


def _digest(stage: Stage, recipe: Recipe, identity: DataIdentity, before: dict[str, str]) -> str:
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
    entries["data"] = dict(identity.roles)
    entries["plan"] = splits.as_dict(recipe.plan)
    entries |= {key: getattr(recipe, key) for key in ("bands", "components", "normalization", "seed")}
    entries["smoke"] = identity.smoke
    entries["target"] = _images(stage, recipe, identity) if isinstance(stage, PseudoLabel) else ()
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()

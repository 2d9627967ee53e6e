"""Runs one stage of a recipe in its folder, unless it is done.

::

    STAGES/swin-1a2b3c4d/        a network run, see `l4s_training.training.network_run`
    STAGES/labels-5e6f7a8b/      labels.npz, stage.json
    STAGES/both-9c0d1e2f/        stage.json, with the weights of an ensemble
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from l4s_geo.errors import DataError
from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.config.recipe import Ensemble, PseudoLabel, Stage, Train
from l4s_training.data.fingerprint import image_digests
from l4s_training.data.patches import Patches
from l4s_training.files import write_text
from l4s_training.runs.context import RunContext
from l4s_training.runs.ensembles import ensemble_weights
from l4s_training.runs.pseudo_labelling import label_target, read_labels
from l4s_training.runs.stage_folders import as_json
from l4s_training.training.hardware import is_first_process
from l4s_training.training.network_run import DataRecord, NetworkConfig
from l4s_training.training.train import train
from l4s_training.training.training_data import TrainingData

__all__ = ["network_config", "run_stage", "stage_facts"]

_STAGE = "stage.json"
"""What a stage that trains nothing was asked to do, and what came of it; written when it is done."""


def run_stage(stage: Stage, context: RunContext) -> None:
    """Run one stage, if it is not done; the stages that it refers to are.

    Raises:
        DataError: the data does not suit the stage.
        OutputError: the disk is full.
    """
    if isinstance(stage, Train):
        context.say(f"{stage.name}: {stage.hyperparameters.network}")
        _train(stage, context)
        return
    done = context.folders[stage.name] / _STAGE
    if done.is_file():
        return
    if not is_first_process():
        _wait_for(done)
        return
    done.parent.mkdir(parents=True, exist_ok=True)
    facts = {"stage": as_json(stage), **_do(stage, context)}
    write_text(done, json.dumps(facts, indent=1) + "\n")


def stage_facts(stage: Stage, context: RunContext) -> dict[str, Any]:
    """Return what came of a stage that trains nothing, as its folder says."""
    facts: dict[str, Any] = json.loads((context.folders[stage.name] / _STAGE).read_text(encoding="utf-8"))
    return facts


def network_config(stage: Train, context: RunContext) -> NetworkConfig:
    """Return what a stage asks of its training."""
    recipe, folders = context.recipe, context.folders
    return NetworkConfig(
        **{f.name: getattr(stage.hyperparameters, f.name) for f in fields(Hyperparameters)},
        data=context.sources.data,
        negatives=context.sources.negatives,
        bands=recipe.bands,
        components=recipe.components,
        normalization=recipe.normalization,
        plan=recipe.plan,
        init=folders[stage.init].name if stage.init else None,
        labels=folders[stage.labels].name if stage.labels else None,
    )


def _train(stage: Train, context: RunContext) -> None:
    folders, data = context.folders, context.data
    labelling = next((s for s in context.recipe.stages if s.name == stage.labels and isinstance(s, PseudoLabel)), None)
    target = _labelled_target(labelling, context) if labelling else None
    learned_from = _adapted(data.learned_from, labelling, target, context) if labelling else data.learned_from
    patches = TrainingData(
        data.roles["train"],
        data.roles["validation"],
        target,
        data.counts,
        {role: part.ids.tolist() for role, part in data.roles.items()},
        learned_from,
    )
    train(network_config(stage, context), patches, folders[stage.name], hardware=context.hardware, quiet=context.quiet)


def _labelled_target(labelling: PseudoLabel, context: RunContext) -> Patches | None:
    """Return the images that a stage labelled, with its labels."""
    target = context.data.target_of(labelling, context.recipe)
    return target.relabelled(*read_labels(context.folders[labelling.name])) if target else None


def _adapted(record: DataRecord, labelling: PseudoLabel, target: Patches | None, context: RunContext) -> DataRecord:
    """Return what a student learns from: the images of its teachers, and its own."""
    for teacher in labelling.teachers:
        record = record.adapting_as(context.network_run(teacher).learned_from)
    if target is None:
        return record
    return record.adapting(image_digests(target), context.data.origins_of(labelling, context.recipe))


def _do(stage: Stage, context: RunContext) -> dict[str, Any]:
    """Do what a stage that trains nothing is for; return what came of it."""
    if isinstance(stage, PseudoLabel):
        shares = label_target(stage, context)
        context.say(f"{stage.name}: {shares['landslide']:.2%} landslide, {shares['used']:.1%} of the pixels used")
        return shares
    if isinstance(stage, Ensemble):
        weights = ensemble_weights(stage, context)
        context.say(f"{stage.name}: {', '.join(f'{w:.3f} {m}' for w, m in zip(weights, stage.members, strict=True))}")
        return {"weights": weights}
    return {}


def _wait_for(path: Path) -> None:
    """Wait for what the first process writes; ends when that process does."""
    parent = os.getppid()
    while not path.is_file():
        if os.getppid() != parent:
            raise DataError(f"The first process ended before it wrote {path.name}; start the command again.")
        time.sleep(0.2)

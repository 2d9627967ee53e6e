"""Runs the smoke form of every recipe that comes with the package, one after the other, in one process.

Networks are replaced by one of three layers, and patches are made of random numbers, so that all of it takes a minute:
what is checked are recipes, splits, stages, pseudo-labels, losses, schedules and options on their way through a run.
The networks themselves are run by their tests, and by the smoke runs of ``scripts/check-wheel``.

    python -I scripts/smoke_recipes.py FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from l4s_training import models
from l4s_training.config import recipe_files
from l4s_training.config.recipe import Recipe
from l4s_training.data.splits import OfficialSplit
from l4s_training.runs.recipe_run import run_recipe
from l4s_training.runs.record import RUN
from l4s_training.training import building

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from small_training import build_small, write_official

COUNTS = {"TrainData": 64, "ValidData": 4, "TestData": 4}


def check(recipe: Recipe, record: dict[str, Any]) -> None:
    """Check that a run's record names every stage, and scores each split that a published result was measured on."""
    if list(record["stages"]) != [stage.name for stage in recipe.stages]:
        raise ValueError(f"the record has the stages {', '.join(record['stages'])}")
    for row in recipe.published:
        if not 0 <= record["scores"][row.split]["f1"] <= 1:
            raise ValueError(f"F1 on {row.split} is {record['scores'][row.split]['f1']}")


def main() -> None:
    """Run all; a recipe that fails is named, and the exit status is then 1."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    models.build = build_small
    building.load_imagenet = lambda *_: None  # of a network that has no such weights
    write_official(folder / "L4S", COUNTS)
    started, failed = time.perf_counter(), []
    names = recipe_files.names()
    for name in names:
        recipe = recipe_files.load(name)
        data = folder / "L4S" if isinstance(recipe.plan, OfficialSplit) else folder / "L4S" / "TrainData"
        try:
            run_recipe(recipe, [data], folder / name, smoke=True, quiet=True, stages=folder / "stages")
            check(recipe, json.loads((folder / name / RUN).read_text(encoding="utf-8")))
        except Exception as error:  # whatever it is, the recipe is to be named
            failed.append(f"{name}: {type(error).__name__}: {error}")
    print(
        f"{len(names)} recipes, {len(list((folder / 'stages').iterdir()))} stages, "
        f"{time.perf_counter() - started:.0f} s"
    )
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()

"""Cross-validation by contiguous blocks of id: how to choose by other blocks than those for test.

The blocks that are not for test are dealt out to folds in turn, so that every fold has some of each region; a fold's
blocks are validation in one recipe run and training in the others. Recipes are compared at one threshold each, the F1
optimum over all folds together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from l4s_geo.errors import DataError
from l4s_training.config.recipe import Recipe
from l4s_training.data import splits
from l4s_training.data.patches import concatenate
from l4s_training.data.readers import read as sources
from l4s_training.runs.prediction import predict_all
from l4s_training.runs.recipe_run import run_recipe
from l4s_training.runs.result import predictors_of
from l4s_training.scoring.metrics import Scores, ThresholdCurve
from l4s_training.training.hardware import ANY, Hardware

__all__ = ["CrossValidated", "cross_validate", "fold_plans"]


@dataclass(frozen=True)
class CrossValidated:
    """Scores of a recipe on patches that it was not trained on, every fold's in turn."""

    threshold: float
    """The F1 optimum over all folds."""
    pooled: Scores
    """Scores over the pixels of all folds together."""
    folds: tuple[Scores, ...]
    """Scores of each fold, at the same threshold."""

    @property
    def spread(self) -> float:
        """Standard deviation of F1 over the folds."""
        return float(np.std([scores.f1 for scores in self.folds], ddof=1))


def fold_plans(plan: splits.Plan, folds: int) -> tuple[splits.SplitPlan, ...]:
    """Return the splits of the folds: the test blocks stay, the others are validation once.

    Raises:
        DataError: the split is not one by blocks, or has fewer blocks than folds.
    """
    if not isinstance(plan, splits.SplitPlan):
        raise DataError("Folds are made of blocks of id; name a recipe whose split is `blocks`.")
    blocks = [block for block in range(plan.blocks) if block not in plan.test]
    if not 2 <= folds <= len(blocks):
        raise DataError(f"{folds} folds were asked for; expected 2 to {len(blocks)}, the blocks that are not for test.")
    return tuple(replace(plan, validation=tuple(blocks[fold::folds])) for fold in range(folds))


def cross_validate(
    recipe: Recipe,
    data: Sequence[str | Path],
    out: Path,
    folds: int,
    *,
    hardware: Hardware = ANY,
    negatives: Sequence[str | Path] = (),
    target: Sequence[str | Path] = (),
    smoke: bool = False,
    quiet: bool = False,
) -> CrossValidated:
    """Run a recipe once for each fold; recipe runs that are done are not repeated.

    Args:
        recipe: what to do; its split must be one by blocks.
        data: labelled patches.
        out: receives a recipe run for each fold, ``fold-0`` and so on.
        folds: how many.
        hardware: what trains.
        negatives: windows without landslides, for training in every fold.
        target: unlabelled images to adapt to, in place of the recipe's.
        smoke: run the smoke form.
        quiet: print nothing.

    Raises:
        DataError: the split cannot be folded, or the data cannot be read.
        OutputError: the disk is full.
    """
    sets = sources.read_all(data, recipe.bands)
    patches = concatenate(sets)
    curves = []
    for fold, plan in enumerate(fold_plans(recipe.plan, folds)):
        folded = replace(recipe, plan=plan)
        where = out / f"fold-{fold}"
        result = run_recipe(
            folded, data, where, hardware=hardware, negatives=negatives, target=target, smoke=smoke, quiet=quiet
        )
        held = patches.take(splits.divide(sets, plan).validation)
        curves.append(ThresholdCurve.of(predict_all(predictors_of(result)(held), held), held.masks))
    threshold, pooled = ThresholdCurve(np.sum([curve.counts for curve in curves], axis=0)).best()
    return CrossValidated(threshold, pooled, tuple(curve.at(threshold) for curve in curves))

"""Folds of blocks, and `l4s-train crossvalidate` on a handful of patches."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from l4s_geo.errors import DataError
from l4s_training import models
from l4s_training.cli import main
from l4s_training.config import recipe_files
from l4s_training.data.readers import read as sources
from l4s_training.data.splits import DEFAULT, OfficialSplit, SplitPlan, divide
from l4s_training.runs.cross_validation import cross_validate, fold_plans
from l4s_training.runs.prediction import predict_all
from l4s_training.runs.record import result_of
from l4s_training.runs.result import predictors_of
from l4s_training.scoring.metrics import Scores
from small_training import build_small

RECIPE = """
bands: RGB
split: {plan: blocks, blocks: 6, validation: [0], test: [5], guard: 0, apart: []}
normalization: window
defaults: {network: unet-resnet18, batch: 4, iterations: 3, evaluate_every: 3, keep: last}
stages: [{train: net}]
"""


@pytest.fixture
def recipe_file(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(models, "build", build_small)
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def test_every_block_that_is_not_for_test_is_validation_once() -> None:
    plans = fold_plans(DEFAULT, 4)
    validation = [block for plan in plans for block in plan.validation]
    assert sorted([*validation, *DEFAULT.test]) == list(range(DEFAULT.blocks))
    assert {plan.test for plan in plans} == {DEFAULT.test}
    assert {plan.guard for plan in plans} == {DEFAULT.guard}
    assert max(len(plan.validation) for plan in plans) - min(len(plan.validation) for plan in plans) <= 1


def test_folds_that_cannot_be_made() -> None:
    with pytest.raises(DataError, match="name a recipe whose split is `blocks`"):
        fold_plans(OfficialSplit(), 4)
    with pytest.raises(DataError, match="expected 2 to 3"):
        fold_plans(SplitPlan(4, (0,), (3,)), 4)


def test_scores_are_those_of_networks_that_did_not_see_the_fold(recipe_file: Path, rgb_npz: Path, tmp_path: Path):
    loaded = recipe_files.load(recipe_file)
    found = cross_validate(loaded, [rgb_npz], tmp_path / "out", 5, quiet=True)
    (patches,) = sources.read_all([rgb_npz], loaded.bands)
    pooled, folds = [], []
    for fold, plan in enumerate(fold_plans(loaded.plan, 5)):
        parts = divide([patches], plan)
        assert not set(parts.train) & set(parts.validation)
        held = patches.take(parts.validation)
        found_by = predictors_of(result_of(tmp_path / "out" / f"fold-{fold}"))
        detected = predict_all(found_by(held), held) >= found.threshold
        folds.append(Scores.of(detected, held.masks))
        pooled.append((detected, held.masks))
    assert list(found.folds) == folds
    assert found.pooled == Scores.of(*(np.concatenate(parts) for parts in zip(*pooled, strict=True)))
    assert found.spread == pytest.approx(np.std([s.f1 for s in folds], ddof=1))


def test_the_command_compares_recipes_and_goes_on(recipe_file: Path, rgb_npz: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(RECIPE.replace("keep: last", "keep: last, objective: [lovasz-hinge]"))
    call = ["crossvalidate", recipe_file, other, "--data", rgb_npz, "--folds", "2", "--out", tmp_path / "out"]
    done = CliRunner().invoke(main, [str(a) for a in call])
    assert done.exit_code == 0, done.output
    weights = tmp_path.glob("out/*/fold-*/stages/*/best.safetensors")
    before = {path: path.stat().st_mtime_ns for path in weights}
    assert len(before) == 4
    rows = list(csv.DictReader((tmp_path / "out" / "crossvalidation.csv").open()))
    assert [row["recipe"] for row in rows] == ["small", "other"]
    assert all(len(row["f1_of_each_fold"].split()) == 2 for row in rows)
    again = CliRunner().invoke(main, [str(a) for a in call])
    assert again.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert list(csv.DictReader((tmp_path / "out" / "crossvalidation.csv").open())) == rows


def test_a_split_without_blocks_is_refused(recipe_file: Path, rgb_npz: Path, tmp_path: Path) -> None:
    recipe_file.write_text(
        RECIPE.replace("plan: blocks, blocks: 6, validation: [0], test: [5], guard: 0, apart: []", "plan: study")
    )
    call = ["crossvalidate", str(recipe_file), "--data", str(rgb_npz), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 2
    assert "name a recipe whose split is `blocks`" in done.output
    assert not (tmp_path / "out").exists()

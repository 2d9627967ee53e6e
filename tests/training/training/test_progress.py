"""What an evaluation means for a training: which weights are kept, and when it stops."""

from __future__ import annotations

import json

import pytest
import torch

from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.scoring.metrics import Scores
from l4s_training.training.network_run import KeptWeights
from l4s_training.training.progress import Evaluation, Progress


def evaluation(f1: float | None, step: int = 1, at_end: bool = False) -> Evaluation:
    """An evaluation with so high an F1, in whole per cent."""
    scores = None if f1 is None else Scores(round(100 * f1), 200 - 2 * round(100 * f1), 0)
    if scores:
        assert scores.f1 == pytest.approx(f1)
    return Evaluation(step, scores, 0.3 if scores else 0.5, 0.01, 1.5, at_end)


def followed(hyperparameters: Hyperparameters, values: list[float | None]) -> tuple[Progress, list[bool]]:
    progress, kept = Progress(), []
    for number, f1 in enumerate(values, start=1):
        progress, keep = progress.after(evaluation(f1, number, number == len(values)), hyperparameters)
        kept.append(keep)
    return progress, kept


def test_the_best_weights_are_kept_and_of_equals_the_first():
    progress, kept = followed(Hyperparameters(), [0.5, 0.4, 0.6, 0.6, 0.55])
    assert kept == [True, False, True, False, False]
    assert progress.best == KeptWeights(2, 0.3, dict(evaluation(0.6).scores.as_dict()))
    assert not progress.stopped


def test_the_last_weights_are_kept_where_that_is_asked_for():
    progress, kept = followed(Hyperparameters(keep="last"), [0.5, 0.6, 0.4])
    assert kept == [False, False, True]
    assert progress.best.epoch == 2


def test_without_validation_patches_the_last_weights_have_no_scores():
    progress, kept = followed(Hyperparameters(keep="last", patience=1), [None, None, None])
    assert kept == [False, False, True]
    assert progress.best == KeptWeights(2, 0.5, {})
    assert not progress.stopped
    assert "f1" not in progress.rows[-1]


@pytest.mark.parametrize("keep", ["best", "last"])
def test_patience_ends_a_training_whose_f1_rises_no_more(keep):
    hyperparameters = Hyperparameters(patience=2, keep=keep)
    progress = Progress()
    stops = []
    for number, f1 in enumerate([0.5, 0.4, 0.6, 0.5, 0.6]):
        progress, kept = progress.after(evaluation(f1, number), hyperparameters)
        stops.append(progress.stopped)
    assert stops == [False, False, False, False, True]
    assert progress.best.epoch == (2 if keep == "best" else 4)
    assert kept == (keep == "last")


def test_a_row_has_the_mean_loss_of_the_steps_since_the_last():
    progress = (
        Progress().with_losses([torch.tensor(1.0), torch.tensor(2.0)]).with_losses([]).with_losses([torch.tensor(6.0)])
    )
    progress, _ = progress.after(evaluation(0.5, 3), Hyperparameters())
    progress = progress.with_losses([torch.tensor(0.5)])
    progress, _ = progress.after(evaluation(0.25, 4), Hyperparameters())
    assert [(row["epoch"], row["step"], row["loss"]) for row in progress.rows] == [(0, 3, 3.0), (1, 4, 0.5)]
    assert [row["f1"] for row in progress.rows] == [0.5, 0.25]


def test_a_row_has_the_f1_of_the_training_patches_since_the_last():
    progress = Progress().with_counts([torch.tensor([3, 1, 2]), torch.tensor([1, 1, 0])]).with_counts([])
    progress, _ = progress.after(evaluation(0.5, 3), Hyperparameters())
    progress, _ = progress.after(evaluation(0.5, 4), Hyperparameters())
    assert progress.rows[0]["train_f1"] == round(2 * 4 / (2 * 4 + 2 + 2), 5)
    assert "train_f1" not in progress.rows[1]  # nothing was counted, as with mix-up


def test_progress_passes_through_json():
    progress, _ = followed(Hyperparameters(), [0.5, 0.4])
    progress = progress.with_losses([torch.tensor(0.125)]).with_counts([torch.tensor([1, 2, 3])])
    entries = json.loads(json.dumps({**progress.as_dict(), "step": 7}))
    assert Progress.from_dict(entries) == progress

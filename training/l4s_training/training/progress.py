"""How far a training has come, and what follows from an evaluation: whether to keep the weights, whether to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.scoring.metrics import Scores
from l4s_training.training.network_run import KeptWeights

__all__ = ["Evaluation", "Progress"]


@dataclass(frozen=True)
class Evaluation:
    """What is known when a network has been evaluated on the validation patches."""

    step: int
    """Number of steps taken."""
    scores: Scores | None
    """Scores at the threshold; None without validation patches."""
    threshold: float
    """The hyperparameters' ``evaluate_at``, or the F1 optimum; 0.5 without validation patches."""
    learning_rate: float
    seconds: float
    """Wall time of the training so far."""
    at_end: bool
    """Whether all steps are taken."""


@dataclass(frozen=True)
class Progress:
    """How far a training has come."""

    epoch: int = 0
    """Number of evaluations on the validation patches."""
    without_better: int = 0
    """Evaluations since the best F1."""
    stopped: bool = False
    """Whether the training ended early, for its F1 rose no more."""
    loss: float = 0.0
    """Sum of the losses since the latest evaluation."""
    losses: int = 0
    """Number of losses since the latest evaluation."""
    counts: tuple[int, int, int] = (0, 0, 0)
    """True positives, false positives and false negatives of the training patches since the latest evaluation."""
    rows: tuple[Mapping[str, Any], ...] = ()
    """A row of ``metrics.csv`` for each evaluation."""
    best: KeptWeights | None = None
    """The weights kept."""
    highest: float | None = None
    """The best F1 on the validation patches, of whatever weights; None before the first."""

    def with_losses(self, losses: Sequence[Tensor]) -> Progress:
        """Add the losses of steps."""
        if not losses:
            return self
        total = float(torch.stack(list(losses)).double().sum())
        return replace(self, loss=self.loss + total, losses=self.losses + len(losses))

    def with_counts(self, counts: Sequence[Tensor]) -> Progress:
        """Add the counts of steps, each (3,): true positives, false positives, false negatives."""
        if not counts:
            return self
        total = torch.stack(list(counts)).sum(0).tolist()
        tp, fp, fn = (before + new for before, new in zip(self.counts, total, strict=True))
        return replace(self, counts=(tp, fp, fn))

    def after(self, evaluation: Evaluation, hyperparameters: Hyperparameters) -> tuple[Progress, bool]:
        """Decide what an evaluation means.

        Args:
            evaluation: of the weights as they are now.
            hyperparameters: which weights to keep, and when to stop early.

        Returns:
            The progress after it, and whether these weights are to be kept.
        """
        scores, best, highest = evaluation.scores, self.best, self.highest
        better = scores is not None and (highest is None or scores.f1 > highest)
        without_better = 0 if better else self.without_better + 1
        patience = hyperparameters.patience
        stopped = patience is not None and scores is not None and without_better >= patience
        keep = better if hyperparameters.keep == "best" else evaluation.at_end or stopped
        if keep:
            best = KeptWeights(self.epoch, evaluation.threshold, dict(scores.as_dict()) if scores else {})
        if scores is not None and better:
            highest = scores.f1
        rows = (*self.rows, self._row(evaluation))
        return Progress(self.epoch + 1, without_better, stopped, rows=rows, best=best, highest=highest), keep

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Progress:
        """Return what `as_dict` gave, which may have passed through JSON; further entries are left out."""
        best = KeptWeights(**entries["best"]) if entries["best"] else None
        highest = entries.get("highest", best.scores.get("f1") if best else None)  # older checkpoints lack it
        counts = {name: entries[name] for name in ("epoch", "without_better", "stopped", "loss", "losses")}
        seen = tuple(entries.get("counts", (0, 0, 0)))
        return cls(**counts, counts=seen, rows=tuple(entries["rows"]), best=best, highest=highest)

    def _row(self, evaluation: Evaluation) -> dict[str, Any]:
        scores = evaluation.scores.as_dict() if evaluation.scores else {}
        return {
            "epoch": self.epoch,
            "step": evaluation.step,
            "loss": round(self.loss / max(self.losses, 1), 5),
            **{name: round(value, 5) for name, value in scores.items()},
            "threshold": evaluation.threshold,
            "learning_rate": evaluation.learning_rate,
            "seconds": evaluation.seconds,
            **({"train_f1": round(Scores(*self.counts).f1, 5)} if any(self.counts) else {}),
        }

"""Tells on the terminal how a training goes: a line for each evaluation, and a bar of the steps."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import lightning as L  # noqa: N812
from tqdm import tqdm

from l4s_training.training.recorder import Recorder
from l4s_training.training.segmenter import Segmenter

__all__ = ["Display"]


class Display(L.Callback):
    """Shows the record as it grows, in the first process.

    Args:
        recorder: of the same training; it stands before this one among the callbacks.
        module: the network in training.
    """

    def __init__(self, recorder: Recorder, module: Segmenter) -> None:
        self._recorder, self._module = recorder, module
        self._bar: Any = None

    def on_fit_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Show the bar, on a terminal."""
        if trainer.is_global_zero and sys.stderr.isatty():
            self._bar = tqdm(total=self._module.total, initial=self._module.step, leave=False, unit="step")

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update()

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Print the line of an evaluation; a star marks weights that were kept."""
        if trainer.is_global_zero:
            tqdm.write(_line(self._recorder.progress.rows[-1]) + (" *" if self._recorder.kept else ""))
            sys.stdout.flush()

    def on_fit_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _line(row: Mapping[str, Any]) -> str:
    scores = ""
    if "f1" in row:
        scores = (
            f"  validation F1 {row['f1']:.4f}  precision {row['precision']:.4f}  recall {row['recall']:.4f}  at "
            f"{row['threshold']:.3f}"
        )
    return f"epoch {row['epoch']:3d}  loss {row['loss']:.4f}{scores}  {row['seconds']:.0f} s"

"""Writes what a training leaves on disk: after each evaluation the metrics and the weights, and checkpoints."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import lightning as L  # noqa: N812

from l4s_training.data.provenance import mark
from l4s_training.files import write_table
from l4s_training.scoring.metrics import Scores
from l4s_training.training import checkpoint, training_state
from l4s_training.training.checkpoint import Checkpoint
from l4s_training.training.hardware import is_first_process
from l4s_training.training.network_run import CHECKPOINT, METRICS, WEIGHTS, NetworkRun, write_network_run
from l4s_training.training.progress import Evaluation, Progress
from l4s_training.training.segmenter import Segmenter
from l4s_training.training.stopping import StopRequest

__all__ = ["Recorder"]


class Recorder(L.Callback):
    """Keeps the record of a network run while Lightning trains, and ends the training where its patience ends.

    Every process follows the progress; the first one writes.

    Args:
        run: as it begins.
        module: the network in training.
        every: steps from one evaluation to the next.
        stop: tells when the process is asked to end.
    """

    def __init__(self, run: NetworkRun, module: Segmenter, every: int, stop: StopRequest | None = None) -> None:
        self.run, self.every = run, every
        self._stop = stop or StopRequest()
        self._mark = mark(run.learned_from.smoke, run.learned_from.every_origin)
        self.progress = Progress()
        self.kept = False
        """Whether the weights of the latest evaluation were kept."""
        self._module = module
        self._started = time.perf_counter()
        self._clock = training_state.CheckpointClock()
        self._resumed: Checkpoint | None = None

    def begin(self) -> None:
        """Clear the folder of an earlier training, and write ``config.json``."""
        if is_first_process():
            for name in (CHECKPOINT, METRICS, WEIGHTS):
                (self.run.folder / name).unlink(missing_ok=True)
            write_network_run(self.run)

    def resume(self) -> None:
        """Bring everything to where the checkpoint in the folder was written.

        Raises:
            DataError: it is damaged, or another network's.
        """
        path = self.run.folder / CHECKPOINT
        self._resumed = checkpoint.read(path)
        self.progress, seconds = training_state.restore(self._resumed, self._module, path)
        self._started -= seconds
        self.run = replace(self.run, best=self.progress.best, seconds=seconds)

    def finish(self) -> NetworkRun:
        """Mark the run as finished, and return it."""
        self.run = replace(self.run, finished=True)
        if is_first_process():
            write_network_run(self.run)
            (self.run.folder / CHECKPOINT).unlink(missing_ok=True)
        return self.run

    def on_fit_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Restore the loss scale of half precision."""
        if self._resumed is not None:
            training_state.restore_loss_scale(trainer, self._resumed)

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint if the last one is long ago; or if the process is told to end, and end."""
        if not self._module.step % self.every or self._module.step >= self._module.total:
            return  # an evaluation follows
        if (batch_idx + 1) % self.run.config.passes:
            return  # amid a step of several passes
        if (self._stop.asked or self._clock.overdue) and trainer.is_global_zero:
            self._take_losses()
            self._checkpoint(trainer)
        if self._stop.asked:
            raise self._stop.error()

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Write the metrics, the weights if they are to be kept, and a checkpoint; end if the process is told to."""
        self._take_losses()
        evaluation = self._evaluation(trainer)
        self.progress, self.kept = self.progress.after(evaluation, self.run.config)
        self.run = replace(self.run, best=self.progress.best, seconds=evaluation.seconds)
        ending = evaluation.at_end or self.progress.stopped
        if trainer.is_global_zero:
            self._write(trainer)
            if (self._stop.asked or self._clock.affordable) and not ending:
                self._checkpoint(trainer)
        trainer.should_stop = ending
        if self._stop.asked and not ending:
            raise self._stop.error()

    def _take_losses(self) -> None:
        self.progress = self.progress.with_losses(self._module.losses).with_counts(self._module.counts)
        self._module.losses.clear()
        self._module.counts.clear()

    def _evaluation(self, trainer: L.Trainer) -> Evaluation:
        module = self._module
        threshold, scores = self._scored() if trainer.val_dataloaders is not None else (0.5, None)
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        return Evaluation(module.step, scores, threshold, rate, self._seconds(), module.step >= module.total)

    def _scored(self) -> tuple[float, Scores]:
        """Return the threshold that weights are chosen by, and the scores there on the validation patches."""
        at, curve = self.run.config.evaluate_at, self._module.curve
        return curve.best() if at is None else (at, curve.at(at))

    def _write(self, trainer: L.Trainer) -> None:
        if self.kept:
            checkpoint.write(self.run.folder / WEIGHTS, self._module.evaluated.state_dict())
        write_network_run(self.run)
        rows = self.progress.rows
        columns = list(dict.fromkeys(name for row in rows for name in row))  # a row may lack what was not counted
        table = [[*(row.get(name, "") for name in columns), self._mark] for row in rows]
        write_table(self.run.folder / METRICS, [*columns, "note"], table)
        if trainer.logger is not None:
            figures = {name: value for name, value in rows[-1].items() if name not in ("epoch", "step")}
            trainer.logger.log_metrics(figures, self._module.step)
            trainer.logger.save()

    def _checkpoint(self, trainer: L.Trainer) -> None:
        state = training_state.capture(trainer, self._module, self.progress, self._seconds())
        with self._clock.writing():
            checkpoint.write(self.run.folder / CHECKPOINT, state.tensors, state.numbers)

    def _seconds(self) -> float:
        return round(time.perf_counter() - self._started, 1)

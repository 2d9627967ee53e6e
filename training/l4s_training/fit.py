"""Trains one network: the data module, the Lightning module, and what a run leaves on disk.

Cross-entropy with Dice for the first part of the epochs, cross-entropy with the Lovász hinge after it (the first
starts faster, the second is nearer to the score). AdamW, one-cycle schedule. An exponential moving average of the
weights is what is evaluated and kept; the best epoch on the validation blocks wins.
"""

from __future__ import annotations

import csv
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from l4s_geo.errors import DataError
from l4s_geo.normalize import Kind, Statistics, normalize, statistics_of
from l4s_training import _torchvision, losses, models
from l4s_training.data import sources, splits
from l4s_training.data.augmentation import Augmentation
from l4s_training.data.patches import Patches, concatenate
from l4s_training.metrics import ThresholdCurve
from l4s_training.run import METRICS, WEIGHTS, Best, Config, Run, write_run

_torchvision.ensure()

import lightning as L  # noqa: E402, N812
from lightning.pytorch.callbacks import TQDMProgressBar  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from tqdm import tqdm  # type: ignore[import-untyped]  # noqa: E402

__all__ = ["fit"]


def fit(config: Config, folder: Path, quiet: bool = False) -> Run:
    """Train a network and write the run's folder.

    Args:
        config: what to train, on what, and how.
        folder: receives ``config.json``, ``metrics.csv`` and ``best.safetensors``; created if need be.
        quiet: print nothing.

    Returns:
        The finished run.

    Raises:
        DataError: the data cannot be read or does not suit the configuration.
    """
    sets = sources.read_all(config.data, config.bands)
    parts = splits.split_sources(sets, config.plan)
    patches = concatenate(sets)
    patches.check_scale(config.normalization)
    if not len(parts.validation):
        raise DataError("The split leaves no validation patch to choose a checkpoint on; name --validation-blocks.")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # device listings and advertisements
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    L.seed_everything(config.seed, verbose=False)
    statistics = statistics_of(patches.windows(parts.train), config.normalization)
    run = Run(
        config,
        statistics,
        patches.values.shape[-1],
        {r: len(getattr(parts, r)) for r in ("train", "validation", "test", "dropped")},
        {r: patches.ids[parts.of(r)].tolist() for r in ("train", "validation", "test")},
        {"torch": torch.__version__, "lightning": L.__version__},
        folder=folder,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_run(run, folder)
    train = _Batches(patches.take(parts.train), config.normalization, statistics, Augmentation(), config.seed)
    held = patches.take(parts.validation)
    validation = _Batches(
        held, config.normalization, held.statistics(config.normalization, statistics), None, config.seed
    )
    steps = max(len(train) // config.batch, 1)
    module = _Segmenter(config, run, steps, quiet)
    bar = not quiet and sys.stderr.isatty()
    trainer = L.Trainer(
        max_epochs=config.epochs,
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if _bfloat16(config.precision) else "32-true",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        enable_progress_bar=bar,
        callbacks=[TQDMProgressBar(leave=False)] if bar else [],
    )
    trainer.fit(module, _loader(train, config.batch, True), _loader(validation, 2 * config.batch, False))
    return module.run


class _Batches(Dataset[tuple[Tensor, Tensor]]):
    """Patches as normalised batches; an item is a list of positions, drawn by the loader's sampler."""

    def __init__(
        self,
        patches: Patches,
        kind: Kind,
        statistics: Statistics,
        augmentation: Augmentation | None,
        seed: int,
    ) -> None:
        self._patches, self._kind, self._statistics = patches, kind, statistics
        self._augmentation = augmentation
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self._patches)

    def __getitem__(self, index: list[int]) -> tuple[Tensor, Tensor]:
        """Return (n, bands, rows, cols) float32 normalised images and (n, rows, cols) float32 masks."""
        at = np.asarray(index)
        images = self._patches.windows(at, self._rng if self._augmentation else None)
        masks = torch.from_numpy(self._patches.masks[at].astype(np.float32))
        if self._augmentation is not None:
            varied, masks = self._augmentation(torch.from_numpy(images), masks, self._generator)
            images = varied.numpy()
        return torch.from_numpy(normalize(images, self._kind, self._statistics)), masks


def _loader(batches: _Batches, size: int, training: bool) -> DataLoader[tuple[Tensor, Tensor]]:
    """Feed whole batches; a training epoch's remainder is dropped unless it is the only batch."""
    chooser = RandomSampler(batches) if training else SequentialSampler(batches)
    sampler = BatchSampler(chooser, size, drop_last=training and len(batches) >= size)
    return DataLoader(batches, batch_size=None, sampler=sampler)


class _Segmenter(L.LightningModule):
    """The optimisation of one network, with its moving average."""

    def __init__(self, config: Config, run: Run, steps: int, quiet: bool) -> None:
        super().__init__()
        self.config, self.run, self.quiet = config, run, quiet
        self.steps = steps
        self.network = models.build(config.network, config.bands, run.window)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(self.network, multi_avg_fn=_moving_average(config.ema_decay), use_buffers=True)
        self._curve = ThresholdCurve()
        self._losses: list[Tensor] = []
        self._started = time.perf_counter()

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Return the loss of one batch."""
        images, masks = batch
        logits = self.network(images.contiguous(memory_format=torch.channels_last))[:, 0].float()
        warm = self.current_epoch < self.config.warm_start * self.config.epochs
        surrogate = losses.dice if warm else losses.lovasz_hinge
        loss = losses.cross_entropy(logits, masks) + surrogate(logits, masks)
        self._losses.append(loss.detach())
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then move the average."""
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.network)

    def on_validation_epoch_start(self) -> None:
        """Begin a new threshold curve."""
        self._curve = ThresholdCurve()
        self.average.eval()

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Count one batch of the validation blocks."""
        images, masks = batch
        logits = self.average(images.contiguous(memory_format=torch.channels_last))[:, 0].float()
        self._curve.add(torch.sigmoid(logits).cpu().numpy(), masks.cpu().numpy().astype(np.uint8))

    def on_validation_epoch_end(self) -> None:
        """Write the metrics and, where it is the best so far, the checkpoint."""
        threshold, scores = self._curve.best()
        better = self.run.best is None or scores.f1 > self.run.best.scores["f1"]
        best = Best(self.current_epoch, threshold, dict(scores.as_dict())) if better else self.run.best
        self.run = replace(self.run, best=best, seconds=round(time.perf_counter() - self._started, 1))
        if better:
            state = {k: v.contiguous().cpu() for k, v in self.average.module.state_dict().items()}
            part = self.run.folder / (WEIGHTS + ".part")
            save_file(state, part)
            part.replace(self.run.folder / WEIGHTS)
        write_run(self.run, self.run.folder)
        loss = float(torch.stack(self._losses).mean()) if self._losses else float("nan")
        self._losses.clear()
        row = {
            "epoch": self.current_epoch,
            "loss": round(loss, 5),
            **{k: round(v, 5) for k, v in scores.as_dict().items()},
            "threshold": threshold,
            "learning_rate": self.optimizers().param_groups[0]["lr"],  # type: ignore[union-attr]
            "seconds": self.run.seconds,
        }
        _append(self.run.folder / METRICS, row, self.current_epoch == 0)
        if not self.quiet:
            mark = " *" if better else ""
            tqdm.write(  # does not break the progress bar
                f"epoch {row['epoch']:3d}  loss {loss:.4f}  validation F1 {scores.f1:.4f}  precision "
                f"{scores.precision:.4f}  recall {scores.recall:.4f}  at {threshold:.3f}  "
                f"{self.run.seconds:.0f} s{mark}"
            )
            sys.stdout.flush()

    def configure_optimizers(self) -> Any:
        """AdamW without decay on biases and norms; one cycle with 10 % warm-up."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        rest = [p for p in self.network.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": rest, "weight_decay": 0.0}],
            lr=self.config.learning_rate,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            self.config.learning_rate,
            total_steps=self.config.epochs * self.steps + 1,
            pct_start=0.1,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _moving_average(decay: float) -> Any:
    """Average floating tensors with a decay that grows from 0.1 to its value; copy counters."""
    updates = 0

    @torch.no_grad()
    def update(averages: Iterator[Tensor], currents: Iterator[Tensor], _: Tensor | int) -> None:
        nonlocal updates
        updates += 1
        weight = 1 - min(decay, (1 + updates) / (10 + updates))
        for average, current in zip(averages, currents, strict=True):
            if average.is_floating_point():
                average.lerp_(current.to(average.dtype), weight)
            else:
                average.copy_(current)

    return update


def _bfloat16(precision: str) -> bool:
    """Whether to train in bfloat16; on processors without native support it is slower than float32."""
    if precision == "auto":
        if torch.cuda.is_available():
            return bool(torch.cuda.is_bf16_supported())
        return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
    return precision == "bf16"


def _append(path: Path, row: dict[str, Any], first: bool) -> None:
    with path.open("w" if first else "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if first:
            writer.writeheader()
        writer.writerow(row)

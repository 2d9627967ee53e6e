"""Trains one network, with what a run leaves on disk, and goes on where a killed one stopped.

``last.safetensors`` holds all that the rest of the training depends on: weights, moving average, optimiser, schedule,
and the number of the step, from which everything random follows. It is gone when the training is finished.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from l4s_geo.errors import DataError, DeviceError, L4SError, OutputError
from l4s_training import _torchvision
from l4s_training.data import splits
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.projection import principal_components
from l4s_training.data.readers import read as sources
from l4s_training.data.roles import ROLES
from l4s_training.data.statistics import domain_statistics, statistics_of_patches
from l4s_training.files import write_table
from l4s_training.models.imagenet import load_imagenet
from l4s_training.training import checkpoint
from l4s_training.training.batches import Batches, Fixed, Order, Step, Steps
from l4s_training.training.network_run import (
    CHECKPOINT,
    CONFIG,
    METRICS,
    WEIGHTS,
    Best,
    Config,
    Run,
    build_network,
    read_run,
    write_run,
)
from l4s_training.training.segmenter import Segmenter

_torchvision.ensure()

import lightning as L  # noqa: E402, N812
from lightning.pytorch.loggers import TensorBoardLogger  # noqa: E402
from lightning.pytorch.strategies import DDPStrategy  # noqa: E402
from tqdm import tqdm  # type: ignore[import-untyped]  # noqa: E402

__all__ = ["Hardware", "Material", "fit", "is_first_process", "material", "train"]

_EVERY = 600.0
"""Seconds after which a checkpoint is written in the middle of a pass."""
_SHARE = 0.05
"""Share of the time that may go into writing checkpoints."""


@dataclass(frozen=True)
class Hardware:
    """What trains; nothing of it changes what is trained, but for rounding."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    """Processes on each machine, one a GPU."""
    nodes: int = 1
    """Machines."""
    workers: int | None = None
    """Loading processes for each training process; None for 4 beside a GPU, else none."""


@dataclass(frozen=True)
class Material:
    """The patches of a training."""

    source: Patches
    validation: Patches
    """May be empty where the last weights are kept."""
    target: Patches | None = None
    """With pseudo-labels."""
    counts: tuple[tuple[str, int], ...] = ()
    """Number of patches of each role."""
    ids: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Ids of the patches of each role."""


def material(config: Config) -> Material:
    """Read and split a training's data.

    Raises:
        DataError: it cannot be read or does not suit the configuration.
    """
    sets = sources.read_all(config.data, config.bands)
    parts = splits.divide(sets, config.plan)
    patches = concatenate(sets)
    train = patches.take(parts.train)
    if config.negatives:
        train = concatenate([train, *sources.read_all(config.negatives, config.bands)])
    return Material(
        train,
        patches.take(parts.validation),
        None,
        tuple((r, len(getattr(parts, r))) for r in ("train", "validation", "test", "dropped")),
        tuple((r, tuple(patches.ids[parts.of(r)].tolist())) for r in ROLES),
    )


def fit(config: Config, folder: Path, quiet: bool = False, resume: bool = False) -> Run:
    """Read the data, train a network and write the run's folder.

    Args:
        config: what to train, on what, and how.
        folder: receives ``config.json``, ``metrics.csv`` and ``best.safetensors``; created if need be.
        quiet: print nothing.
        resume: go on where an earlier run of the same configuration in this folder stopped.

    Returns:
        The finished run.

    Raises:
        DataError: the data cannot be read or does not suit the configuration.
    """
    return train(config, material(config), folder, quiet=quiet, resume=resume)


def train(
    config: Config,
    given: Material,
    folder: Path,
    *,
    hardware: Hardware = Hardware(),
    quiet: bool = False,
    resume: bool = True,
) -> Run:
    """Train a network on patches that are read; see `fit`.

    Raises:
        DataError: the patches do not suit the configuration, or the folder holds another training.
        DeviceError: the device asked for is not there.
        OutputError: the disk is full; the last checkpoint is kept.
    """
    given.source.check_scale(config.normalization)
    if config.keep == "best" and not len(given.validation):
        raise DataError(
            "The split leaves no validation patch to choose a checkpoint on; name --validation-blocks, or keep the "
            "last weights (keep: last)."
        )
    last = folder / CHECKPOINT
    earlier = _earlier(config, folder) if resume else None
    if earlier and earlier.finished and (folder / WEIGHTS).is_file():
        return earlier
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # device listings and advertisements
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    accelerator = _accelerator(hardware, config)
    L.seed_everything(config.seed, verbose=False)
    domains = (given.source,) if given.target is None else (given.source, given.target)
    start = _start(config, folder)
    before = earlier or (read_run(start) if start and config.normalization != "domain" else None)
    source = before.statistics if before else statistics_of_patches(given.source, config.normalization)
    statistics = (source, *(domain_statistics(d, config.normalization, source) for d in domains[1:]))
    window = given.source.shape[-1]
    run = Run(
        config,
        source,
        window,
        dict(given.counts) | ({"target": len(given.target)} if given.target else {}),
        {role: list(ids) for role, ids in given.ids},
        {"torch": torch.__version__, "lightning": L.__version__},
        finished=False,
        folder=folder,
    )
    order = Order.of(tuple(map(len, domains)), config.batch, config.target_share, config.seed)
    world = hardware.devices * hardware.nodes
    if any(count % world for count in order.counts):
        raise DataError(
            f"A batch of {' + '.join(map(str, order.counts))} patches cannot be shared by {world} processes; choose a "
            f"--batch that {world} divides."
        )
    held = given.validation
    validation = domain_statistics(held, config.normalization, source) if len(held) else source
    network = build_network(config, window)
    if config.components is not None and not last.is_file():
        found = principal_components(given.source, config.normalization, source, config.components)
        network.components.copy_(torch.from_numpy(found)[..., None, None])  # type: ignore[operator]
    if config.imagenet and not last.is_file():
        load_imagenet(network, config.network, config.bands)
    if start is not None and not last.is_file():
        checkpoint.load_weights(network, checkpoint.read(start / WEIGHTS).tensors, start / WEIGHTS, config.network)
    module = Segmenter(config, network, statistics, validation, order.steps_per_pass)
    folder.mkdir(parents=True, exist_ok=True)
    keeper = _Keeper(run, order.steps_per_pass, quiet)
    if resume and last.is_file():
        keeper.restore(module, checkpoint.read(last), last)
    elif is_first_process():
        for name in (CHECKPOINT, METRICS, WEIGHTS):
            (folder / name).unlink(missing_ok=True)
        write_run(run, folder)
    on_gpu = accelerator != "cpu"
    workers = hardware.workers if hardware.workers is not None else (4 if on_gpu else 0)
    distributed = DDPStrategy(
        find_unused_parameters=True,
        broadcast_buffers=False,  # would wait for processes that have no validation patches left
        process_group_backend=None if on_gpu else "gloo",
        timeout=timedelta(hours=2),
    )
    logger = TensorBoardLogger(folder, name="", version="tensorboard")
    trainer = L.Trainer(
        max_epochs=keeper.evaluations_left(module),
        accelerator=accelerator,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy=distributed if world > 1 else "auto",
        sync_batchnorm=world > 1 and on_gpu,
        precision=_precision(config.precision, on_gpu),  # type: ignore[arg-type]
        logger=logger,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        gradient_clip_val=config.clip or None,
        callbacks=[keeper],
    )
    if module.step < module.total:
        rank = trainer.global_rank
        steps = Steps(order, lambda: module.step, keeper.every, module.total, rank, world)
        loader = _loader(Batches(domains, config.seed, rank), steps, workers, on_gpu)
        chosen = Fixed(_validation_steps(len(held), 2 * config.batch)[rank::world])
        loaders = _loader(Batches((held,), None), chosen, 0, on_gpu) if len(held) else None
        try:
            with _ending_clearly():
                trainer.fit(module, loader, loaders)
        finally:
            logger.finalize("finished")  # closes its file
    return keeper.finish(module)


class _Keeper(L.Callback):
    """Writes what a training leaves on disk, stops it early, and tells how it goes."""

    def __init__(self, run: Run, steps_per_pass: int, quiet: bool) -> None:
        self.run, self.quiet = run, quiet
        self.every = run.config.evaluate_every or steps_per_pass
        self.stopped = False
        self._epoch, self._without_better = 0, 0
        self._loss, self._losses = 0.0, 0
        self._rows: list[dict[str, Any]] = []
        self._started = time.perf_counter()
        self._written, self._cost = time.monotonic(), 0.0
        self._bar: Any = None
        self._state: dict[str, Any] = {}

    def evaluations_left(self, module: Segmenter) -> int:
        """Number of evaluations until the end."""
        return max(-(-module.total // self.every) - module.step // self.every, 0)

    def restore(self, module: Segmenter, kept: checkpoint.Checkpoint, path: Path) -> None:
        """Bring everything to where a checkpoint was written."""
        numbers = kept.numbers
        checkpoint.load_weights(module.network, kept.under("network"), path, self.run.config.network)
        if module.average is not None:
            checkpoint.load_weights(module.average, kept.under("average"), path, self.run.config.network)
        module.step = numbers["step"]
        self._epoch, self._without_better = numbers["epoch"], numbers["without_better"]
        self._loss, self._losses, self._rows = numbers["loss"], numbers["losses"], numbers["rows"]
        self._started -= numbers["seconds"]
        self.stopped = numbers["stopped"]
        self._state = numbers
        best = Best(**numbers["best"]) if numbers["best"] else None
        self.run = replace(self.run, best=best, seconds=numbers["seconds"])

        def optimizers(optimizer: Optimizer, schedule: LRScheduler) -> None:
            checkpoint.restore_optimizer(optimizer, kept.under("optimizer"), numbers["groups"])
            schedule.load_state_dict(numbers["schedule"])

        module.restore = optimizers
        if self.stopped:
            module.step = module.total

    def on_fit_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Restore the loss scale of half precision; show the bar."""
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None and self._state.get("scaler"):
            scaler.load_state_dict(self._state["scaler"])
        if not self.quiet and trainer.is_global_zero and sys.stderr.isatty():
            self._bar = tqdm(total=module.total, initial=module.step, leave=False, unit="step")

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar; write a checkpoint if the last one is long ago."""
        if self._bar is not None:
            self._bar.update()
        assert isinstance(module, Segmenter)  # noqa: S101
        if time.monotonic() - self._written > _EVERY and module.step % self.every and trainer.is_global_zero:
            self._checkpoint(trainer, module)

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Write the metrics, the weights if they are to be kept, and a checkpoint."""
        assert isinstance(module, Segmenter)  # noqa: S101
        self._add_losses(module)
        scored = trainer.val_dataloaders is not None
        threshold, scores = module.curve.best() if scored else (0.5, None)
        config, best = self.run.config, self.run.best
        better = scores is not None and (best is None or not best.scores or scores.f1 > best.scores["f1"])
        self._without_better = 0 if better else self._without_better + 1
        end = module.step >= module.total
        self.stopped = config.patience is not None and scored and self._without_better >= config.patience
        keep = better if config.keep == "best" else end or self.stopped
        if keep:
            best = Best(self._epoch, threshold, dict(scores.as_dict()) if scores else {})
        self.run = replace(self.run, best=best, seconds=round(time.perf_counter() - self._started, 1))
        loss = self._loss / max(self._losses, 1)
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        row = {"epoch": self._epoch, "step": module.step, "loss": round(loss, 5)}
        row |= {k: round(v, 5) for k, v in scores.as_dict().items()} if scores else {}
        row |= {"threshold": threshold, "learning_rate": rate, "seconds": self.run.seconds}
        self._rows.append(row)
        self._epoch, self._loss, self._losses = self._epoch + 1, 0.0, 0
        if trainer.is_global_zero:
            if keep:
                checkpoint.write(self.run.folder / WEIGHTS, module.evaluated.state_dict())
            write_run(self.run, self.run.folder)
            write_table(self.run.folder / METRICS, list(row), [r.values() for r in self._rows])
            self._log(trainer, row, module.step)
            affordable = (time.monotonic() - self._written) * _SHARE >= self._cost
            if affordable and not (end or self.stopped):
                self._checkpoint(trainer, module)
            self._say(row, keep)
        trainer.should_stop = end or self.stopped

    def finish(self, module: Segmenter) -> Run:
        """Mark the run as finished."""
        if self._bar is not None:
            self._bar.close()
        self.run = replace(self.run, finished=True)
        if is_first_process():
            write_run(self.run, self.run.folder)
            (self.run.folder / CHECKPOINT).unlink(missing_ok=True)
        return self.run

    def _add_losses(self, module: Segmenter) -> None:
        if module.losses:
            self._loss += float(torch.stack(module.losses).double().sum())
            self._losses += len(module.losses)
            module.losses.clear()

    def _checkpoint(self, trainer: L.Trainer, module: Segmenter) -> None:
        self._add_losses(module)
        (optimizer,), (schedule,) = trainer.optimizers, trainer.lr_scheduler_configs
        tensors = {f"network.{k}": v for k, v in module.network.state_dict().items()}
        if module.average is not None:
            tensors |= {f"average.{k}": v for k, v in module.average.state_dict().items()}
        tensors |= {f"optimizer.{k}": v for k, v in checkpoint.optimizer_tensors(optimizer).items()}
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        numbers = {
            "step": module.step,
            "epoch": self._epoch,
            "without_better": self._without_better,
            "stopped": self.stopped,
            "loss": self._loss,
            "losses": self._losses,
            "rows": self._rows,
            "seconds": round(time.perf_counter() - self._started, 1),
            "best": asdict(self.run.best) if self.run.best else None,
            "groups": checkpoint.optimizer_numbers(optimizer),
            "schedule": schedule.scheduler.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
        }
        started = time.monotonic()
        checkpoint.write(self.run.folder / CHECKPOINT, tensors, numbers)
        self._written = time.monotonic()
        self._cost = self._written - started

    def _log(self, trainer: L.Trainer, row: dict[str, Any], step: int) -> None:
        if trainer.logger is not None:
            trainer.logger.log_metrics({k: v for k, v in row.items() if k not in ("epoch", "step")}, step)
            trainer.logger.save()

    def _say(self, row: dict[str, Any], kept: bool) -> None:
        if self.quiet:
            return
        scores = (
            f"  validation F1 {row['f1']:.4f}  precision {row['precision']:.4f}  recall {row['recall']:.4f}  at "
            f"{row['threshold']:.3f}"
            if "f1" in row
            else ""
        )
        mark = " *" if kept else ""
        tqdm.write(f"epoch {row['epoch']:3d}  loss {row['loss']:.4f}{scores}  {row['seconds']:.0f} s{mark}")
        sys.stdout.flush()


@contextmanager
def _ending_clearly() -> Iterator[None]:
    """Name a full disk; let Ctrl-C be what it is elsewhere: Lightning ends the program and ignores further ones."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except OSError as error:
        if isinstance(error, L4SError) or error.errno != errno.ENOSPC:
            raise
        raise OutputError(f"The log cannot be written ({error}); make room and run the same command again.") from error
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


def is_first_process() -> bool:
    """Whether this is the process that writes, of all that train together."""
    overall = os.environ.get("RANK") or os.environ.get("SLURM_PROCID")
    numbers = [overall] if overall else [os.environ.get(name, "0") for name in ("NODE_RANK", "LOCAL_RANK")]
    return all(int(number) == 0 for number in numbers)


def _start(config: Config, folder: Path) -> Path | None:
    """Return the folder of the run whose weights a training starts from: beside its own, as stages are, or a path."""
    if config.init is None:
        return None
    beside = folder.parent / config.init
    return beside if beside.is_dir() else Path(config.init)


def _earlier(config: Config, folder: Path) -> Run | None:
    """Return what the folder holds of the same training.

    Raises:
        DataError: it holds another one.
    """
    if not (folder / CONFIG).is_file():
        return None
    earlier = read_run(folder)
    if differing := [k for k, v in asdict(config).items() if v != asdict(earlier.config)[k]]:
        raise DataError(
            f"{folder} holds a training with another {', '.join(differing)}; choose another --out, or delete that "
            "folder."
        )
    return earlier


def _validation_steps(count: int, batch: int) -> list[Step]:
    return [(0, (tuple(range(start, min(start + batch, count))),)) for start in range(0, count, batch)]


def _loader(batches: Batches, steps: Any, workers: int, pin: bool) -> DataLoader[Any]:
    """Feed whole batches, read ahead by other processes if there are any."""
    return DataLoader(
        batches, batch_size=None, sampler=steps, num_workers=workers, pin_memory=pin, persistent_workers=workers > 0
    )


def _accelerator(hardware: Hardware, config: Config) -> str:
    found = torch.cuda.is_available()
    if hardware.accelerator == "gpu" and not found:
        raise DeviceError(
            "A GPU was asked for, but torch finds none; install a driver and a torch with CUDA, or use cpu."
        )
    chosen = "gpu" if found and hardware.accelerator != "cpu" else "cpu"
    if chosen == "cpu" and config.precision == "fp16":
        raise DeviceError("Precision fp16 needs a GPU, and the processor trains; choose --precision bf16 or 32.")
    return chosen


def _precision(precision: str, on_gpu: bool) -> str:
    """Lightning's name; bfloat16 on processors without native support is slower than float32."""
    if precision == "auto":
        native = torch.cuda.is_bf16_supported() if on_gpu else getattr(torch.cpu, "_is_amx_tile_supported", bool)()
        precision = "bf16" if native else "32"
    return {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}[precision]

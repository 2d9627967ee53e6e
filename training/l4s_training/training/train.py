"""Trains one network: the order of the steps. A training that was stopped goes on as if it had not been.

While it is under way, ``last.safetensors`` in its folder holds all that the rest of it depends on (see
`l4s_training.training.training_state`); it is gone when the training is finished.
"""

from __future__ import annotations

import errno
import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import lightning as L  # noqa: N812
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from l4s_geo.errors import DataError, L4SError, OutputError
from l4s_geo.normalize import Statistics
from l4s_training.data.statistics import domain_statistics, statistics_of_patches
from l4s_training.files import check_apart, claimed_folder
from l4s_training.training.batches import Order
from l4s_training.training.building import build_network, initialise, start_of
from l4s_training.training.display import Display
from l4s_training.training.hardware import ANY, Hardware, Placement, is_first_process, place
from l4s_training.training.loaders import training_loader, validation_loader
from l4s_training.training.network_run import (
    CHECKPOINT,
    CONFIG,
    WEIGHTS,
    NetworkConfig,
    NetworkRun,
    read_network_run,
    write_network_run,
)
from l4s_training.training.recorder import Recorder
from l4s_training.training.segmenter import Segmenter
from l4s_training.training.stopping import StopRequest, heeding_signals
from l4s_training.training.training_data import TrainingData

__all__ = ["train"]

_PLACES = ("data", "negatives")
"""Where a configuration names files, which may be moved."""


def train(
    config: NetworkConfig,
    data: TrainingData,
    folder: Path,
    *,
    hardware: Hardware = ANY,
    quiet: bool = False,
    resume: bool = True,
) -> NetworkRun:
    """Train a network, and write the folder of its run.

    Args:
        config: what to train, on what, and how.
        data: the patches that the configuration names.
        folder: receives ``config.json``, ``metrics.csv`` and ``best.safetensors``; created if need be.
        hardware: what trains.
        quiet: print nothing.
        resume: go on where an earlier training of the same configuration in this folder stopped; a finished one is not
            done again.

    Returns:
        The finished run.

    Raises:
        DataError: the patches do not suit the configuration, or the folder holds another training.
        DeviceError: the device asked for is not there.
        OutputError: the disk is full, and the last checkpoint is kept; or another run trains in the folder, or the data
            is in it.
    """
    _check_data(config, data)
    check_apart(folder, config.data, config.negatives)
    with claimed_folder(folder) if is_first_process() else nullcontext():
        return _train(config, data, folder, hardware, quiet, resume)


def _train(
    config: NetworkConfig, data: TrainingData, folder: Path, hardware: Hardware, quiet: bool, resume: bool
) -> NetworkRun:
    earlier = _earlier(config, data, folder) if resume else None
    if earlier and earlier.finished and (folder / WEIGHTS).is_file():
        return _where_the_data_is_now(earlier, config)
    placement = place(hardware, config.precision)
    order = Order.of(tuple(map(len, data.domains)), config.batch, config.target_share, config.seed)
    order.check_divisible(config.passes, placement.processes)
    start = start_of(config, folder)
    statistics = _source_statistics(config, data, earlier, start)
    going_on = resume and (folder / CHECKPOINT).is_file()

    _silence_lightning()
    L.seed_everything(config.seed, verbose=False)
    network = build_network(config, data.source.shape[-1])
    if not going_on:
        initialise(network, config, data.source, statistics, start)
    of_domains = (statistics, *(domain_statistics(d, config.normalization, statistics) for d in data.domains[1:]))
    held = data.validation
    of_validation = domain_statistics(held, config.normalization, statistics) if len(held) else statistics
    module = Segmenter(config, network, of_domains, of_validation, order.steps_per_pass)

    folder.mkdir(parents=True, exist_ok=True)
    run, stop = _run(config, data, statistics, start, folder), StopRequest()
    recorder = Recorder(run, module, config.evaluate_every or order.steps_per_pass, stop)
    if going_on:
        recorder.resume()
    else:
        recorder.begin()
    if module.step < module.total:
        with heeding_signals(stop):
            _fit(module, data, order, placement, recorder, quiet)
    finished = recorder.finish()
    if stop.asked:
        raise stop.error()
    return finished


def _check_data(config: NetworkConfig, data: TrainingData) -> None:
    data.source.check_scale(config.normalization)
    if config.keep == "best" and not len(data.validation):
        raise DataError(
            "The split leaves no validation patch to choose a checkpoint on; name --validation-blocks of a split by "
            "blocks, choose another --split-plan, or keep the last weights (in a recipe, keep: last)."
        )


def _earlier(config: NetworkConfig, data: TrainingData, folder: Path) -> NetworkRun | None:
    """Return what the folder holds of the same training; the same patches may lie elsewhere now.

    Raises:
        DataError: it holds another one.
    """
    if not (folder / CONFIG).is_file():
        return None
    earlier = read_network_run(folder)
    before, now = earlier.learned_from.fingerprints, data.learned_from.fingerprints
    differing = [k for k, v in asdict(config).items() if v != asdict(earlier.config)[k]]
    if before and now:
        differing = ["data"] * (before != now) + [k for k in differing if k not in _PLACES]
    if differing:
        raise DataError(
            f"{folder} holds a training with another {', '.join(differing)}; choose another --out, or delete that "
            "folder."
        )
    return earlier


def _source_statistics(
    config: NetworkConfig, data: TrainingData, earlier: NetworkRun | None, start: Path | None
) -> Statistics:
    """Return the statistics of the source: those of the training that goes on or that this one starts from, or new."""
    if earlier is None and start is not None and config.normalization != "domain":
        earlier = read_network_run(start)
    return earlier.statistics if earlier else statistics_of_patches(data.source, config.normalization)


def _where_the_data_is_now(earlier: NetworkRun, config: NetworkConfig) -> NetworkRun:
    """Return a finished run with the places of its data, which may have been moved, as they are given now."""
    moved = replace(earlier, config=replace(earlier.config, data=config.data, negatives=config.negatives))
    if moved != earlier and is_first_process():
        write_network_run(moved)
    return moved


def _run(
    config: NetworkConfig, data: TrainingData, statistics: Statistics, start: Path | None, folder: Path
) -> NetworkRun:
    """Return the record of a training that begins."""
    learned_from = data.learned_from
    if start is not None:
        learned_from = learned_from.adapting_as(read_network_run(start).learned_from)
    return NetworkRun(
        config,
        statistics,
        data.source.shape[-1],
        dict(data.counts) | ({"target": len(data.target)} if data.target else {}),
        {role: list(ids) for role, ids in data.ids.items()},
        {"torch": torch.__version__, "lightning": L.__version__},
        finished=False,
        learned_from=learned_from,
        folder=folder,
    )


def _fit(
    module: Segmenter, data: TrainingData, order: Order, placement: Placement, recorder: Recorder, quiet: bool
) -> None:
    """Let Lightning take the steps that are left.

    Raises:
        OutputError: the disk is full.
    """
    folder, every, passes = recorder.run.folder, recorder.every, module.config.passes
    held_batch = max(2 * module.config.batch // passes, 1)
    logger = TensorBoardLogger(folder, name="", version="tensorboard")
    trainer = L.Trainer(
        max_epochs=_evaluations(module.total, every) - module.step // every,
        logger=logger,
        callbacks=[recorder] if quiet else [recorder, Display(recorder, module)],
        gradient_clip_val=module.config.clip or None,
        accumulate_grad_batches=module.config.passes,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        **placement.trainer_options(),
    )
    rank = trainer.global_rank
    steps = training_loader(data.domains, order, lambda: module.step, every, module.total, placement, rank, passes)
    held = validation_loader(data.validation, held_batch, placement, rank) if len(data.validation) else None
    try:
        with _ending_clearly():
            trainer.fit(module, steps, held)
    finally:
        logger.finalize("finished")  # closes its file


def _evaluations(total: int, every: int) -> int:
    """Return the number of evaluations of a whole training: the last one may come after fewer steps."""
    return -(-total // every)


def _silence_lightning() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # device listings and advertisements
    warnings.filterwarnings("ignore", module=r"lightning\..*")


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

"""Images a second of training against the bare network: forward, backward and step on batches that lie ready.

    python benchmarks/bench_train.py --data PATCHES [--network NAME] [--batch N] [--steps N] [--threads N]

Both run in one process, in turns, the loop with everything that `l4s-train fit` does: reading, dequantisation,
augmentation, normalisation, moving average, schedule, log. The loop is to reach 90 % of the bare network.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import click
import numpy as np
import torch

from l4s_training.data import bandsets
from l4s_training.training import segmenter
from l4s_training.training.building import build_network
from l4s_training.training.hardware import Hardware, place
from l4s_training.training.network_run import NetworkConfig
from l4s_training.training.train import train
from l4s_training.training.training_data import TrainingData, read_training_data


@click.command()
@click.option("--data", multiple=True, required=True, type=click.Path(exists=True))
@click.option("--network", default="unet-resnet18", show_default=True)
@click.option("--bands", default="RGB", show_default=True)
@click.option("--normalization", default="window", show_default=True)
@click.option("--batch", default=16, show_default=True)
@click.option("--steps", default=20, show_default=True, help="Steps of a turn.")
@click.option("--turns", default=3, show_default=True)
@click.option("--precision", type=click.Choice(["auto", "32", "bf16", "fp16"]), default="auto", show_default=True)
@click.option("--workers", type=int)
@click.option("--threads", type=int)
def main(
    data: tuple[str, ...],
    network: str,
    bands: str,
    normalization: str,
    batch: int,
    steps: int,
    turns: int,
    precision: str,
    workers: int | None,
    threads: int | None,
) -> None:
    """Measure and print."""
    if threads:
        torch.set_num_threads(threads)
    config = NetworkConfig(
        data=data,
        network=network,
        bands=bandsets.parse(bands),
        normalization=normalization,
        batch=batch,
        iterations=steps + 1,
        evaluate_every=steps + 1,
        precision=precision,
        keep="last",
    )
    whole = read_training_data(config)
    given = replace(whole, validation=whole.validation.take(np.arange(0)))
    print(
        f"{network}, {steps} batches of {batch}, {torch.get_num_threads()} threads; images a second, and a CPU second"
    )
    rates: dict[str, list[tuple[float, float]]] = {"bare": [], "loop": []}
    for turn in range(turns):
        rates["bare"].append(_bare(config, given, steps))
        rates["loop"].append(_loop(config, given, steps, workers))
        print(f"turn {turn}: " + "  ".join(f"{k} {v[-1][0]:.1f}, {v[-1][1]:.1f}" for k, v in rates.items()), flush=True)
    for at, unit in enumerate(("second", "CPU second")):
        bare, loop = (median(value[at] for value in values) for values in rates.values())
        print(f"a {unit}: bare {bare:.1f}, loop {loop:.1f} images, which is {loop / bare:.1%}")


def _loop(config: NetworkConfig, given: TrainingData, steps: int, workers: int | None) -> tuple[float, float]:
    """Time the steps after the first, in which everything is set up."""
    times: list[tuple[float, float]] = []
    original = segmenter.Segmenter.optimizer_step

    def timed(self: segmenter.Segmenter, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)
        times.append(_now())

    segmenter.Segmenter.optimizer_step = timed  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            train(config, given, Path(folder) / "run", hardware=Hardware(workers=workers), quiet=True, resume=False)
    finally:
        segmenter.Segmenter.optimizer_step = original  # type: ignore[method-assign]
    return _rates(config.batch * steps, times[0], times[-1])


def _bare(config: NetworkConfig, given: TrainingData, steps: int) -> tuple[float, float]:
    """Time forward, backward and step on one batch that lies ready on the device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = build_network(config, given.source.shape[-1]).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    side = round(given.source.shape[-1] * config.scale)
    images = torch.randn(config.batch, len(config.bands), side, side, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    masks = torch.zeros(config.batch, side, side, device=device)
    precision = place(Hardware(), config.precision).precision
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    objective = config.phases[-1][1]
    for step in range(steps + 1):
        if step == 1:
            started = _now()
        optimizer.zero_grad()
        with torch.autocast(device.type, dtype, enabled=precision != "32"):
            logits = network(images)[:, 0]
        objective(logits.float(), masks).backward()
        optimizer.step()
    return _rates(config.batch * steps, started, _now())


def _now() -> tuple[float, float]:
    """Seconds, and CPU seconds of this process, which other programs on the machine hardly change."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def _rates(images: int, start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    return images / (end[0] - start[0]), images / (end[1] - start[1])


if __name__ == "__main__":
    main()

"""``l4s-train fit``: trains one network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli import options

if TYPE_CHECKING:
    from l4s_geo.normalize import Normalization
    from l4s_training.config.hyperparameters import Precision
    from l4s_training.training.hardware import Hardware

__all__ = ["command"]


@click.command("fit")
@options.data
@options.split_plan
@options.negatives
@click.option("--init", metavar="RUN", help="Start from the weights of a network run beside --out.")
@options.folder("Folder of the network run.")
@click.option("--network", default="unet-resnet18", show_default=True, help="Architecture; a wrong name lists all.")
@click.option("--imagenet", is_flag=True, help="Begin with an encoder of EfficientNet-Lite's ImageNet weights.")
@options.pretrained
@click.option("--scale", default=1.0, show_default=True, help="Scale promotion: enlarge the windows so many times.")
@click.option("--bands", default="B4,B3,B2", show_default=True, help="Input bands in order, or a set by name (all).")
@click.option(
    "--normalization",
    type=click.Choice(["fixed", "domain", "window"]),
    default="window",
    show_default=True,
    help="What values are standardised against; see l4s_geo.normalize.",
)
@click.option("--epochs", default=40, show_default=True, type=click.IntRange(1))
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Patches per step.")
@options.at_once()
@click.option("--lr", default=1e-3, show_default=True, help="Peak learning rate of the one-cycle schedule.")
@click.option("--weight-decay", default=1e-2, show_default=True)
@click.option(
    "--warm-start",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the epochs with Dice instead of Lovász beside the cross-entropy.",
)
@options.precision("auto")
@click.option("--seed", default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on where an earlier training of the same configuration stopped.")
@options.export_check
@options.hardware
def command(
    data: tuple[str, ...],
    plan: options.Plan | None,
    negatives: tuple[str, ...],
    init: str | None,
    out: Path,
    network: str,
    imagenet: bool,
    pretrained: str | None,
    scale: float,
    bands: str,
    normalization: Normalization,
    epochs: int,
    batch: int,
    at_once: int | None,
    lr: float,
    weight_decay: float,
    warm_start: float,
    precision: Precision,
    seed: int,
    resume: bool,
    export_check: bool,
    hardware: Hardware,
) -> None:
    """Train one network on labelled patches, and keep the best epoch.

    The official folders keep their roles; other patches are split by blocks of id. Writes config.json, metrics.csv and
    best.safetensors to the folder of the network run.
    """
    from l4s_training.config.adjusted import passes_of
    from l4s_training.data import bandsets, splits
    from l4s_training.data.readers import read as sources
    from l4s_training.export.exportable import check_exportable
    from l4s_training.training.hardware import is_first_process
    from l4s_training.training.network_run import NetworkConfig
    from l4s_training.training.train import train
    from l4s_training.training.training_data import read_training_data

    config = NetworkConfig(
        data=tuple(map(os.path.abspath, data)),
        negatives=tuple(map(os.path.abspath, negatives)),
        init=init,
        network=network,
        imagenet=imagenet,
        pretrained=pretrained,
        scale=scale,
        bands=bandsets.parse(bands),
        components=bandsets.components(bands),
        normalization=normalization,
        plan=plan or splits.plan_for(sources.official_roles(data)),
        epochs=epochs,
        batch=batch,
        passes=passes_of(batch, at_once),
        learning_rate=lr,
        weight_decay=weight_decay,
        warm_start=warm_start,
        precision=precision,
        seed=seed,
    )
    given = read_training_data(config)
    if export_check and is_first_process():
        check_exportable([config], given.source)
    run = train(config, given, out, hardware=hardware, resume=resume)
    if run.best:
        click.echo(
            f"{out}: best epoch {run.best.epoch}, validation F1 {run.best.scores['f1']:.4f} at threshold "
            f"{run.best.threshold:.3f}, {run.seconds:.0f} s."
        )

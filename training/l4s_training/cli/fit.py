"""``l4s-train fit``: trains one network."""

from __future__ import annotations

from pathlib import Path

import click

from l4s_training.cli import options

__all__ = ["command"]


@click.command("fit")
@options.data
@options.split_plan
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the run.")
@click.option("--network", default="unet-resnet18", show_default=True, help="Architecture; a wrong name lists all.")
@click.option("--bands", default="B4,B3,B2", show_default=True, help="Input bands in order.")
@click.option(
    "--normalization",
    type=click.Choice(["fixed", "domain", "window"]),
    default="window",
    show_default=True,
    help="What values are standardised against; see l4s_geo.normalize.",
)
@click.option("--epochs", default=40, show_default=True, type=click.IntRange(1))
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Patches per step.")
@click.option("--lr", default=1e-3, show_default=True, help="Peak learning rate of the one-cycle schedule.")
@click.option("--weight-decay", default=1e-2, show_default=True)
@click.option(
    "--warm-start",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the epochs with Dice instead of Lovász beside the cross-entropy.",
)
@click.option("--precision", type=click.Choice(["auto", "bf16", "32"]), default="auto", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Processor threads of torch.")
def command(
    data: tuple[str, ...],
    plan: options.SplitPlan,
    out: Path,
    network: str,
    bands: str,
    normalization: str,
    epochs: int,
    batch: int,
    lr: float,
    weight_decay: float,
    warm_start: float,
    precision: str,
    seed: int,
    threads: int | None,
) -> None:
    """Train one network on labelled patches, split by blocks of id, and keep the best epoch.

    Writes config.json, metrics.csv and best.safetensors to the run's folder.
    """
    import torch

    from l4s_training.data.sources import parse_bands
    from l4s_training.fit import fit
    from l4s_training.run import Config

    if threads:
        torch.set_num_threads(threads)
    config = Config(
        data=data,
        network=network,
        bands=parse_bands(bands),
        normalization=normalization,  # type: ignore[arg-type]
        plan=plan,
        epochs=epochs,
        batch=batch,
        learning_rate=lr,
        weight_decay=weight_decay,
        warm_start=warm_start,
        precision=precision,
        seed=seed,
    )
    run = fit(config, out)
    if run.best:
        click.echo(
            f"{out}: best epoch {run.best.epoch}, validation F1 {run.best.scores['f1']:.4f} at threshold "
            f"{run.best.threshold:.3f}, {run.seconds:.0f} s."
        )

"""``l4s-train networks``: lists the networks, or measures them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli.tables import show

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["command"]

_WIDE = 200
"""Columns of the list where it does not go to a terminal."""


@click.command("networks")
@click.argument("names", nargs=-1)
@click.option("--bench", is_flag=True, help="Measure multiply-adds and milliseconds a window; takes minutes for all.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads.")
@click.option("--csv", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there, too.")
def command(names: tuple[str, ...], bench: bool, threads: int | None, target: Path | None) -> None:
    """List the networks that `l4s-train fit --network` takes, or only NAMES, which may carry options.

    Options follow a name: swin_unet+image-head, hrnet+mc-dropout, segformer+cross-sensor.

    Parameters are counted with the bands listed and one logit; published ones hold for the input and the classes of
    their source, mostly 3 bands and 19 classes.
    """
    import torch

    from l4s_training import models

    if threads:
        torch.set_num_threads(threads)
    chosen = names or tuple(models.NETWORKS)
    for name in chosen:
        models.parse(name)
    if bench:
        _bench(chosen, target)
        return
    show(_listing(chosen), _WIDE)


def _listing(names: tuple[str, ...]) -> Table:
    from rich.table import Table

    from l4s_geo.bands import BANDS
    from l4s_training import models
    from l4s_training.models.layers import count_parameters

    table = Table("network", "paper", "used by", "bands", "window", "multiple of", "parameters", "published", "options")
    for name in names:
        network, _ = models.parse(name)
        bands = "all 14" if network.bands == BANDS else " ".join(network.bands)
        count = count_parameters(models.build(name, network.bands, network.window))
        published = f"{network.published[0]:.4g} M" if network.published else ""
        row = (name, network.paper, ", ".join(network.used_by), bands, str(network.window), str(network.divisor))
        table.add_row(*row, f"{count / 1e6:.2f} M", published, ", ".join(network.options))
    return table


def _bench(names: tuple[str, ...], target: Path | None) -> None:
    from dataclasses import asdict

    import torch

    from l4s_training.export.bench import measure_cost
    from l4s_training.files import write_table

    click.echo(f"14 bands, 128 x 128, batches of 8, {torch.get_num_threads()} threads; milliseconds a window")
    click.echo(f"{'network':<24}{'parameters (M)':>15}{'multiply-adds (G)':>19}{'torch':>9}{'ONNX Runtime':>14}")
    rows = []
    for name in names:
        cost = measure_cost(name)
        click.echo(
            f"{name:<24}{cost.parameters / 1e6:>15.2f}{cost.multiply_adds / 1e9:>19.2f}"
            f"{cost.torch_ms:>9.1f}{cost.onnx_ms:>14.1f}"
        )
        rows.append(asdict(cost))
        if target:  # after each, so that a run that is cut short leaves what it measured
            write_table(target, list(rows[0]), [row.values() for row in rows])

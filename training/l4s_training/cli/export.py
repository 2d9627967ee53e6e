"""``l4s-train export``: a run, or several as an ensemble, becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["command"]


@click.command("export")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the bundle.")
@click.option("--name", required=True, help="Name of the bundle.")
@click.option("--version", default="1", show_default=True, help="Version of the bundle.")
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Where the data is now that the runs were trained on, if it was moved; repeat for more.",
)
@click.option(
    "--measure-on",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Other labelled data, kept out of training, whose scores go into the card; repeat for more.",
)
@click.option("--flips/--no-flips", default=True, show_default=True, help="Score with flips averaged, too.")
@click.option("--crf", is_flag=True, help="Score with a DenseCRF, too, and keep its parameters (extra crf).")
@click.option("--fit-weights", is_flag=True, help="Weigh the networks by what the validation patches say.")
@click.option(
    "--storage",
    type=click.Choice(["half", "int8", "full"]),
    default="half",
    show_default=True,
    help="How weights are stored: half precision, in full where that changes a logit by more than 0.05; int8 halves "
    "the files again, and is refused where it costs more than 0.005 of the validation F1.",
)
@click.option(
    "--terrain-prior",
    type=click.Path(path_type=Path),
    help="Labelled patches with elevations, not trained on, to learn the terrain prior from.",
)
def command(runs: tuple[Path, ...], out: Path, **settings: Any) -> None:
    """Write the bundle of RUNS: ONNX networks, bundle.json and the model card with its scores.

    Several runs become one ensemble, calibrated as a whole. They must have the same data, bands and split.
    """
    from l4s_training.export.export import export
    from l4s_training.export.settings import ExportSettings

    exported = export(runs, out, ExportSettings(**settings), say=click.echo)
    if exported.left_out:
        click.echo(f"Left out, because they weigh next to nothing: {', '.join(map(str, exported.left_out))}")
    for folder in exported.in_full:
        click.echo(f"{folder}: stored in full, because half precision changes a logit by more than 0.05.")
    figures = "  ".join(f"{key} {value:.4f}" for key, value in exported.bundle.scores.items())
    lost = "those of the bundle that stood there are gone, and " if exported.newness_lost else ""
    click.echo(
        f"It has no models of newness (l4s-map --before): {lost}`l4s-train newness {out} --data PAIRS --infrared "
        "PATCHES --write` fits them."
    )
    click.echo(f"{out}: agrees with torch to {exported.parity:.2g} in a logit.  {figures}")

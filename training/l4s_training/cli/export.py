"""``l4s-train export``: a run becomes a bundle."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the bundle.")
@click.option("--name", required=True, help="Name of the bundle.")
@click.option("--version", default="1", show_default=True, help="Version of the bundle.")
@click.option(
    "--measure-on",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Other labelled data, kept out of training by --apart, whose scores go into the card; repeat for more.",
)
@click.option("--flips/--no-flips", default=True, show_default=True, help="Score with flips averaged, too.")
@click.option("--crf", is_flag=True, help="Score with a DenseCRF, too, and keep its parameters (extra crf).")
def command(
    run: Path, out: Path, name: str, version: str, measure_on: tuple[Path, ...], flips: bool, crf: bool
) -> None:
    """Write the bundle of a run: ONNX network, bundle.json and the model card with its scores."""
    from l4s_training.export import export

    exported = export(run, out, name, version, measure_on, flips, crf)
    figures = "  ".join(f"{key} {value:.4f}" for key, value in exported.bundle.scores.items())
    click.echo(f"{out}: agrees with torch to {exported.parity:.2g} in a logit.  {figures}")

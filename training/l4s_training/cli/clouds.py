"""``l4s-train clouds``: fits the detector of clouds by colour, and says how good it is."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("clouds")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder of the scenes and patches that a model card is measured on.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="JSON file to write the detector to.")
def command(data: Path, out: Path | None) -> None:
    """Fit the detector that --clouds uses where there are only red, green and blue, and print how good it is.

    Each place is left out in turn: precision and recall of cloud, and the share of clear ground taken for cloud.
    """
    from l4s_training.export import clouds

    fitted = clouds.fit_all(data)
    click.echo("| place left out | precision | recall | clear ground taken for cloud |\n| --- | --- | --- | --- |")
    for name, each in fitted.held_out.items():
        cells = ("" if value != value else f"{value:.4f}" for value in each.values())  # NaN: no cloud there
        click.echo(f"| {name} | {' | '.join(cells)} |")
    click.echo(f"\nLandslide pixels taken for clouds: {fitted.landslides:.4f}")
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(clouds.written(fitted), encoding="utf-8")

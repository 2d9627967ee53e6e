"""``l4s-train run``: runs a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli import options

if TYPE_CHECKING:
    from l4s_training.config.hyperparameters import Precision
    from l4s_training.training.fit import Hardware

__all__ = ["command"]


@click.command("run")
@click.argument("recipe")
@options.data
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the run.")
@options.smoke
@click.option("--precision", type=click.Choice(["auto", "bf16", "fp16", "32"]), help="Instead of the recipe's.")
@options.target
@options.negatives
@options.hardware
def command(
    recipe: str,
    data: tuple[str, ...],
    out: Path,
    smoke: bool,
    precision: Precision | None,
    target: tuple[str, ...],
    negatives: tuple[str, ...],
    hardware: Hardware,
) -> None:
    """Run a recipe's stages in order; the same command goes on where a killed one stopped.

    RECIPE is a YAML file, or the name of one that comes with the project: `l4s-train reproduce` lists them.
    """
    from dataclasses import replace

    from l4s_training.config.recipe import Train, load
    from l4s_training.runs.recipe_run import run_recipe

    loaded = load(recipe)
    if precision:
        stages = tuple(
            replace(s, training=replace(s.training, precision=precision)) if isinstance(s, Train) else s
            for s in loaded.stages
        )
        loaded = replace(loaded, stages=stages)
    run_recipe(loaded, data, out, hardware=hardware, smoke=smoke, target=target, negatives=negatives)
    click.echo(f"{out}: done. Next: l4s-train evaluate {out} --data …, or l4s-train export {out} --out …")

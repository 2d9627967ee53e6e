"""``l4s-train run``: runs a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli import options

if TYPE_CHECKING:
    from l4s_training.config.hyperparameters import Precision
    from l4s_training.training.hardware import Hardware

__all__ = ["command"]


@click.command("run")
@click.argument("recipe")
@options.data
@options.folder("Folder of the recipe run.")
@options.smoke
@options.precision(None, "Instead of the recipe's.")
@options.target
@options.negatives
@options.at_once("--batch")
@options.pretrained
@options.export_check
@options.hardware
def command(
    recipe: str,
    data: tuple[str, ...],
    out: Path,
    smoke: bool,
    precision: Precision | None,
    target: tuple[str, ...],
    negatives: tuple[str, ...],
    at_once: int | None,
    pretrained: str | None,
    export_check: bool,
    hardware: Hardware,
) -> None:
    """Run a recipe's stages in order; the same command goes on where a killed one stopped.

    RECIPE is a YAML file, or the name of one that comes with the project, or of a table (`l4s-train reproduce` lists
    them) whose last row takes up where the others end: `kingdrone-test` is its recipe `kingdrone-test-3`.
    """
    from dataclasses import replace

    from l4s_training.export.exportable import check_exportable
    from l4s_training.runs.published import recipe_named
    from l4s_training.runs.recipe_run import run_recipe
    from l4s_training.training.hardware import is_first_process

    loaded = options.changed(recipe_named(recipe), at_once, pretrained)
    if is_first_process():
        click.echo(f"Recipe {loaded.name}. {loaded.description}".strip())
    if precision:
        loaded = loaded.with_hyperparameters(lambda given: replace(given, precision=precision))
    run_recipe(
        loaded,
        data,
        out,
        hardware=hardware,
        smoke=smoke,
        target=target,
        negatives=negatives,
        before_training=check_exportable if export_check else None,
    )
    click.echo(f"{out}: done. Next: l4s-train evaluate {out} --data …, or l4s-train export {out} --out …")

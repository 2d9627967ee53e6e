"""``l4s-train crossvalidate``: compares recipes on blocks of id that each of them was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli import options
from l4s_training.cli.tables import show, title_of

if TYPE_CHECKING:
    from l4s_training.runs.cross_validation import CrossValidated
    from l4s_training.training.hardware import Hardware

__all__ = ["command"]


@click.command("crossvalidate")
@click.argument("recipes", nargs=-1, required=True)
@options.data
@options.negatives
@options.target
@click.option("--folds", default=4, show_default=True, type=click.IntRange(2), help="Recipe runs of each recipe.")
@options.folder("Folder of the recipe runs: RECIPE/fold-0 and so on, and crossvalidation.csv.", Path("runs"))
@options.smoke
@options.hardware
def command(
    recipes: tuple[str, ...],
    data: tuple[str, ...],
    negatives: tuple[str, ...],
    target: tuple[str, ...],
    folds: int,
    out: Path,
    smoke: bool,
    hardware: Hardware,
) -> None:
    """Cross-validate RECIPES, whose split must be by blocks; their test blocks choose nothing.

    Every other block is validation in one fold and training in the others. F1 is that of the pixels of all folds, at
    one threshold for all of them, and its standard deviation over the folds. The same command goes on where a killed
    one stopped.
    """
    from l4s_training.config.recipe_files import load
    from l4s_training.data.provenance import mark, provenance_of
    from l4s_training.runs.cross_validation import cross_validate
    from l4s_training.training.hardware import is_first_process

    loaded = [load(recipe) for recipe in recipes]
    note = mark(smoke, [provenance_of(path) for path in (*data, *negatives, *target)])
    measured: list[tuple[str, CrossValidated]] = []
    for number, recipe in enumerate(loaded, start=1):
        if is_first_process():
            click.echo(f"[{number}/{len(loaded)}] recipe {recipe.name}")
        where = out / recipe.name
        found = cross_validate(
            recipe, data, where, folds, hardware=hardware, negatives=negatives, target=target, smoke=smoke
        )
        measured.append((recipe.name, found))
        if is_first_process():
            _write(out / "crossvalidation.csv", measured, note)
    if is_first_process():
        _show(measured, note)


def _figures(found: CrossValidated) -> list[str]:
    scores = (found.pooled.f1, found.spread, found.pooled.precision, found.pooled.recall)
    return [f"{100 * value:.2f}" for value in scores] + [f"{found.threshold:.3f}"]


def _write(path: Path, measured: list[tuple[str, CrossValidated]], note: str) -> None:
    from l4s_training.files import write_table

    header = ["recipe", "f1", "spread", "precision", "recall", "threshold", "f1_of_each_fold", "note"]
    rows = [
        [name, *_figures(found), " ".join(f"{100 * scores.f1:.2f}" for scores in found.folds), note]
        for name, found in measured
    ]
    write_table(path, header, rows)


def _show(measured: list[tuple[str, CrossValidated]], note: str) -> None:
    from rich.table import Table

    table = Table("recipe", "F1", "± over folds", "precision", "recall", "threshold", title=title_of(note))
    for name, found in measured:
        table.add_row(name, *_figures(found))
    show(table, 120)

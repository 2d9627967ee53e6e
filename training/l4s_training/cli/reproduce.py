"""``l4s-train reproduce``: runs the recipes of a published table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from l4s_training.cli import options
from l4s_training.cli.tables import show, title_of

if TYPE_CHECKING:
    from l4s_training.config.recipe import Recipe
    from l4s_training.runs.published import Row
    from l4s_training.training.hardware import Hardware

__all__ = ["command"]


@click.command("reproduce")
@click.argument("table", required=False)
@click.option("--data", multiple=True, metavar="PATH", help="Folder, zip or .npz of the patches; repeat for more.")
@click.option("--simulated", is_flag=True, help="On simulated patches in OUT/simulated, made there if need be.")
@click.option(
    "--patches", default=(384, 64, 96), show_default=True, nargs=3, type=int, help="Simulated train, validation, test."
)
@click.option("--rows", metavar="TEXT", help="Only the rows whose recipe's name holds this.")
@click.option("--cost", is_flag=True, help="Only count hours and memory on one GPU; nothing is trained.")
@options.at_once("--batch")
@options.pretrained
@options.folder("Folder of the recipe runs; rows share the stages that they have in common.", Path("runs"))
@options.smoke
@options.target
@options.export_check
@options.hardware
def command(
    table: str | None,
    data: tuple[str, ...],
    simulated: bool,
    patches: tuple[int, int, int],
    rows: str | None,
    cost: bool,
    at_once: int | None,
    pretrained: str | None,
    out: Path,
    smoke: bool,
    target: tuple[str, ...],
    export_check: bool,
    hardware: Hardware,
) -> None:
    """Run the recipes of a published TABLE and print measured beside published; without TABLE, list the tables.

    The same command goes on where a killed one stopped. OUT/TABLE.csv holds what is measured so far. Below the table
    stands where the recipes depart from their papers, or read what the papers leave open.
    """
    from dataclasses import replace

    from l4s_geo.errors import DataError
    from l4s_training.config.adjusted import has_published_weights
    from l4s_training.data.provenance import mark, provenance_of
    from l4s_training.export.exportable import check_exportable
    from l4s_training.runs import published
    from l4s_training.runs.recipe_run import run_recipe
    from l4s_training.runs.record import scores_of
    from l4s_training.training.hardware import is_first_process

    if table is None:
        _list(published.tables())
        return
    chosen = [row for row in published.rows_of(table) if not rows or rows in row.recipe.name]
    if not chosen:
        raise DataError(f"No recipe of {table} has {rows!r} in its name; leave --rows out to run all.")
    some = any(has_published_weights(row.recipe) for row in chosen)  # where none has, the first is an error
    chosen = [
        replace(row, recipe=options.changed(row.recipe, at_once, pretrained if fit or not some else None))
        for row in chosen
        for fit in [has_published_weights(row.recipe)]
    ]
    if cost:
        _count(chosen)
        return
    if simulated:
        data = (_simulated(out / "simulated", patches, chosen),)
    if not data:
        raise published.what_is_needed(table, chosen)
    note = mark(smoke, [provenance_of(path) for path in (*data, *target)])
    measured = []
    for number, row in enumerate(chosen, start=1):
        if is_first_process():
            click.echo(f"[{number}/{len(chosen)}] {row.published.row}: recipe {row.recipe.name}")
        folder = out / row.recipe.name
        run_recipe(
            row.recipe,
            data,
            folder,
            hardware=hardware,
            smoke=smoke,
            target=target,
            stages=out / "stages",
            before_training=check_exportable if export_check else None,
        )
        measured.append((row, scores_of(folder).get(row.published.split)))
        if is_first_process():
            _write(out / f"{table}.csv", measured, note)
    if is_first_process():
        _show(measured, note)


def _simulated(folder: Path, patches: tuple[int, int, int], rows: list[Row]) -> str:
    """Return simulated data, made if it is not there yet."""
    from l4s_training.cli.simulate import command as simulate
    from l4s_training.data.splits import OfficialSplit

    if not folder.is_dir():
        options = [f"--{name}={count}" for name, count in zip(("train", "valid", "test"), patches, strict=True)]
        simulate.main(["--out", str(folder), *options], standalone_mode=False)
    official = any(isinstance(row.recipe.plan, OfficialSplit) for row in rows)
    return str(folder if official else folder / "TrainData")


def _list(tables: dict[str, list[Row]]) -> None:
    from rich.table import Table

    table = Table("table", "rows", "source", "recipes")
    for name, rows in tables.items():
        sources = dict.fromkeys(row.published.source.split(", section")[0] for row in rows)
        recipes = list(dict.fromkeys(row.recipe.name for row in rows))
        shown = recipes[0] if len(recipes) == 1 else f"{recipes[0]} … {recipes[-1]}"
        table.add_row(name, str(len(rows)), next(iter(sources)), shown)
    show(table, 160)


def _write(path: Path, measured: list[tuple[Row, dict[str, float] | None]], note: str) -> None:
    from l4s_training.files import write_table

    rows = []
    for row, scores in measured:
        p, figures = row.published, _figures(scores, "")
        ours = "; ".join(f"{aspect}: {text}" for aspect, text in row.recipe.ours)
        rows.append([p.row, row.recipe.name, p.split, p.f1, *figures, p.transductive, ours, note])
    header = ["row", "recipe", "split", "published_f1", "f1", "precision", "recall", "transductive", "ours", "note"]
    write_table(path, header, rows)


def _figures(scores: dict[str, float] | None, missing: str) -> list[str]:
    """Return F1, precision and recall in per cent."""
    return [f"{100 * scores[k]:.2f}" if scores else missing for k in ("f1", "precision", "recall")]


def _show(measured: list[tuple[Row, dict[str, float] | None]], note: str) -> None:
    from rich.table import Table

    from l4s_training.runs import published

    columns = ("row", "split", "", "published F1", "measured F1", "precision", "recall", "ours")
    table = Table(*columns, title=title_of(note))
    notes, numbers = published.notes_of([row for row, _ in measured])
    for (row, scores), own in zip(measured, numbers, strict=True):
        figures = _figures(scores, "-")
        kind = "transductive" if row.published.transductive else "inductive"
        table.add_row(row.published.row, row.published.split, kind, f"{row.published.f1:.2f}", *figures, _ranges(own))
    show(table, 160)
    for number, text in enumerate(notes, start=1):
        click.echo(f"{number}. {text}")


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write numbers in ascending order, runs of them as in 1-4."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _count(rows: list[Row]) -> None:
    """Print what each row costs, and what all cost where stages that rows share are run once."""
    from rich.table import Table

    from l4s_training.config.recipe import Train
    from l4s_training.runs.cost import SPEED, Cost, cost_of
    from l4s_training.runs.stage_folders import DataIdentity, stage_folders

    table = Table("recipe", "networks trained", "hours", "GiB", title=f"One GPU at {SPEED / 1e12:.0f} TFLOP/s, counted")
    shared: dict[str, Cost] = {}
    trained: set[str] = set()
    recipes: dict[str, Recipe] = {row.recipe.name: row.recipe for row in rows}
    for name, recipe in recipes.items():
        whole = cost_of(recipe)
        networks = [stage for stage in recipe.stages if isinstance(stage, Train)]
        table.add_row(name, str(len(networks)), f"{whole.hours:.1f}", f"{whole.gib:.1f}")
        folders = stage_folders(recipe, DataIdentity(), Path())
        shared |= {folders[stage.name].name: cost_of(recipe, [stage]) for stage in recipe.stages}
        trained |= {folders[stage.name].name for stage in networks}
    hours, memory = sum(c.hours for c in shared.values()), max(c.gib for c in shared.values())
    table.add_row("all, what they share once", str(len(trained)), f"{hours:.1f}", f"{memory:.1f}")
    show(table, 120)

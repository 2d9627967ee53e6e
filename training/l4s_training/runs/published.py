"""Published tables: which recipes make their rows, and which data they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l4s_geo.errors import DataError
from l4s_training.config import recipe_files as recipes
from l4s_training.config.recipe import Published, Recipe
from l4s_training.data import splits
from l4s_training.naming import unknown
from l4s_training.runs.stage_folders import DataIdentity, stage_folders

__all__ = ["Row", "notes_of", "recipe_named", "rows_of", "tables", "what_is_needed"]

_L4S = """{recipes} need the Landslide4Sense data set with the labels of all its splits, which is published as \
Zenodo record 10463239 (https://doi.org/10.5281/zenodo.10463239): TrainData.zip, ValidData.zip and TestData.zip. \
Unpack or leave them zipped, side by side in one folder, so that it holds

    DATA/TrainData/img/image_1.h5 … image_3799.h5   and   DATA/TrainData/mask/mask_1.h5 … mask_3799.h5
    DATA/ValidData/img/image_1.h5 … image_245.h5    and   DATA/ValidData/mask/mask_1.h5 … mask_245.h5
    DATA/TestData/img/image_1.h5 … image_800.h5     and   DATA/TestData/mask/mask_1.h5 … mask_800.h5

and run   l4s-train reproduce {table} --data DATA --out RUNS   ({command} needs {folders}). Without the data, \
--simulated runs the same on simulated patches: that compares methods, and reproduces nothing."""

_BLOCKS = """{recipes} need labelled RGB or 14-band patches in one file or folder, such as l4s_rgb_pairs.npz; run   \
l4s-train reproduce {table} --data FILE --out RUNS."""


@dataclass(frozen=True)
class Row:
    """A published result and the recipe that makes it."""

    recipe: Recipe
    published: Published


def tables() -> dict[str, list[Row]]:
    """Return every table's rows, in the order of their recipes' names."""
    found: dict[str, list[Row]] = {}
    for name in recipes.names():
        loaded = recipes.load(name)
        for result in loaded.published:
            found.setdefault(result.table, []).append(Row(loaded, result))
    return found


def rows_of(table: str) -> list[Row]:
    """Return a table's rows.

    Raises:
        DataError: there is no such table.
    """
    known = tables()
    if table in known:
        return known[table]
    if table in recipes.names():
        of = [name for name, rows in known.items() if table in {row.recipe.name for row in rows}]
        among = f", or its table with l4s-train reproduce {of[0]}" if of else ""
        raise DataError(f"{table} is a recipe, not a table; run it with l4s-train run {table}{among}.")
    raise unknown("table", table, known)


def recipe_named(name: str) -> Recipe:
    """Read a recipe by its own name, its file, or the name of a table of which one recipe holds all others' stages.

    Args:
        name: as a user writes it.

    Raises:
        DataError: there is no such recipe, something in it is wrong, or the table has no recipe that holds the others.
    """
    if Path(name).is_file() or name in recipes.names() or name not in (known := tables()):
        return recipes.load(name)
    rows = {row.recipe.name: row.recipe for row in known[name]}
    stages = {key: {*stage_folders(recipe, DataIdentity(), Path()).values()} for key, recipe in rows.items()}
    everything = set().union(*stages.values())
    for key, recipe in rows.items():
        if stages[key] == everything:
            return recipe
    first, last = next(iter(rows)), list(rows)[-1]
    raise DataError(
        f"{name} is a table of {len(rows)} recipes, {first} to {last}, and none of them holds all others; run one "
        f"(l4s-train run {last}), or all of them (l4s-train reproduce {name})."
    )


def notes_of(rows: Sequence[Row]) -> tuple[list[str], list[tuple[int, ...]]]:
    """Gather where the recipes of rows depart from their papers, or read what the papers leave open.

    Returns:
        The notes, each once, and for each row the numbers, from 1, of those that hold for it.
    """
    of_row = [[f"{aspect}: {text}" for aspect, text in row.recipe.ours] for row in rows]
    notes = list(dict.fromkeys(note for own in of_row for note in own))
    return notes, [tuple(notes.index(note) + 1 for note in own) for own in of_row]


def what_is_needed(table: str, rows: Sequence[Row]) -> DataError:
    """Make the error that says which data a table needs, where it is published and how to place it."""
    plans = {type(row.recipe.plan) for row in rows}
    if plans == {splits.SplitPlan}:
        return DataError(_BLOCKS.format(recipes=f"The recipes of {table}", table=table))
    folders = "all three folders" if splits.OfficialSplit in plans else "TrainData alone: --data DATA/TrainData"
    return DataError(
        _L4S.format(recipes=f"The recipes of {table}", table=table, command=f"the table {table}", folders=folders)
    )

"""Where figures take their data from: sources of patches, and the folders of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from l4s_geo.errors import DataError
from l4s_training.config.recipe import PseudoLabel, Recipe
from l4s_training.config.recipe_parser import parse
from l4s_training.data.provenance import mark, provenance_of
from l4s_training.data.readers import read as sources
from l4s_training.figures.domains import Domain, domain_of
from l4s_training.figures.runs import Labelled
from l4s_training.runs.pseudo_labelling import read_labels
from l4s_training.runs.recipe_data import Sources, read_recipe_data
from l4s_training.runs.record import RECIPE, RUN
from l4s_training.training.network_run import CONFIG

__all__ = ["is_run", "network_runs", "pseudo_labels", "read_domains"]


def is_run(path: Path) -> bool:
    """Return whether a path is the folder of a recipe run or of a network run."""
    return (path / RUN).is_file() or (path / CONFIG).is_file()


def read_domains(paths: Sequence[str | Path], bands: tuple[str, ...]) -> list[Domain]:
    """Read sources, each of them, and each official folder, a domain of its own.

    Args:
        paths: folders, zips or ``.npz`` files; official folders may be without masks.
        bands: to be drawn.

    Returns:
        The domains, named by the publisher's role, or by the file's name, and marked if they are simulated.

    Raises:
        DataError: one cannot be read, lacks a band or holds no patch.
    """
    found: dict[str, Domain] = {}
    for path in map(Path, paths):
        note = mark(False, [provenance_of(path)])
        for patches in sources.read_as_it_is(path, bands):
            name = base = patches.role or path.stem
            number = 1
            while name in found:
                number += 1
                name = f"{base} {number}"
            found[name] = domain_of(patches, name, note)
    return list(found.values())


def network_runs(run: Path) -> dict[str, Path]:
    """Return the folders of the network runs of a run, by the names of their stages.

    Raises:
        DataError: the run is damaged.
    """
    if (run / CONFIG).is_file():
        return {run.name: run}
    folders = {name: Path(run, folder) for name, folder in _record(run).get("stages", {}).items()}
    folders = folders or {path.name: path for path in sorted((run / "stages").glob("*"))}  # it is not finished
    return {name: folder for name, folder in folders.items() if (folder / CONFIG).is_file()}


def pseudo_labels(run: Path, data: Sequence[str | Path] = ()) -> list[Labelled]:
    """Return the pseudo-labels of a finished recipe run, in order; none of a network run.

    Args:
        run: its folder.
        data: where its data is now; none where it is where it was.

    Raises:
        DataError: the run is damaged, or its data cannot be read.
    """
    if not (run / RUN).is_file():
        return []
    record = _record(run)
    recipe = _recipe(run, record)
    labelling = [s for s in recipe.stages if isinstance(s, PseudoLabel) and s.name in record.get("stages", {})]
    if not labelling:
        return []
    given = Sources.of(data or record["data"], record["target"])
    note = mark(bool(record["smoke"]), [provenance_of(path) for path in (*given.data, *given.target)])
    patches = read_recipe_data(recipe, given, bool(record["smoke"]))
    found = []
    for stage in labelling:
        images = patches.target_of(stage, recipe)
        labels, weights = read_labels(Path(run, record["stages"][stage.name]))
        if images is None or len(images) != len(labels):
            count = 0 if images is None else len(images)
            raise DataError(
                f"{stage.name} of {run} labels {len(labels)} images, but the data has {count}; name the run's own data "
                "with --data."
            )
        found.append(Labelled(stage.name, images, labels, weights, note))
    return found


def _record(run: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((run / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{run / RUN} is damaged ({error}); run the recipe again.") from error
    return record


def _recipe(run: Path, record: dict[str, Any]) -> Recipe:
    try:
        entries = yaml.safe_load((run / RECIPE).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{run / RECIPE} is damaged ({error}); run the recipe again.") from error
    return parse(entries, str(record.get("recipe", run.name)))

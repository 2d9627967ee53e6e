"""The commands that a model card names: those that made the bundle, and those that measure it again.

Files and folders are named without their places, which are those of one machine; what lies in a folder of the data is
named with its place there.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import DataError
from l4s_training.config import recipe_files
from l4s_training.config.hyperparameters import Hyperparameters
from l4s_training.config.recipe import Train
from l4s_training.data import splits
from l4s_training.export.measure import Measured
from l4s_training.export.settings import ExportSettings
from l4s_training.models.pretrained import DOWNLOAD
from l4s_training.runs.record import RECIPE, RUN
from l4s_training.training.building import start_of
from l4s_training.training.network_run import CONFIG, NetworkRun, read_network_run

__all__ = ["checks", "commands"]

_AND = " \\\n  "


def checks(name: str, run: NetworkRun, settings: ExportSettings, measured: Measured) -> list[str]:
    """Return the commands that give the scores of a bundle again.

    Args:
        name: the bundle's.
        run: one of its networks', whose data and split are those of all.
        settings: what the export was asked for.
        measured: what was measured.
    """
    if run.learned_from.smoke:
        return []  # a few patches of each role were measured on, which no option names
    data = _options("data", run.config.data)
    plan = f"--split-plan {splits.as_text(run.config.plan)}"
    roles = [role for role in ("test", "validation") if measured.facts[role].patches]
    lines = [f"l4s-train evaluate {name} {data} --split {role} {plan}" for role in roles]
    return lines + [f"l4s-train evaluate {name} --data {_name(path)} --split all" for path in settings.measure_on]


def commands(bundle: Bundle, folders: Sequence[Path], settings: ExportSettings) -> list[str]:
    """Return the commands that made a bundle: its trainings, then the export."""
    lines = [command for folder in folders for command in _training_commands(folder)]
    runs = " ".join(_run(folder) for folder in folders)
    export = [
        f"l4s-train export {runs} --out BUNDLE --name {bundle.name} --version {bundle.version}",
        *[_options("measure-on", settings.measure_on)] * bool(settings.measure_on),
        *["--no-flips"] * (not settings.flips),
        *["--crf"] * settings.crf,
        *["--fit-weights"] * settings.fit_weights,
        *[f"--storage {settings.storage}"] * (settings.storage != "half"),
        *([f"--terrain-prior {_name(settings.terrain_prior)}"] if settings.terrain_prior else []),
    ]
    return [*dict.fromkeys(lines), " ".join(export)]


def _training_commands(folder: Path) -> list[str]:
    """The commands that made a run of a recipe, or of a single network."""
    if (folder / CONFIG).is_file():
        return _fit_commands(read_network_run(folder))
    record: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    parts = [
        f"l4s-train run {_recipe(folder, record['recipe'])}",
        *[_options(key, record[key], record["data"]) for key in ("data", "negatives", "target") if record.get(key)],
        f"--out {_run(folder)}{_changes(folder, record)}{' --smoke' if record.get('smoke') else ''}",
    ]
    return [_AND.join(parts)]


def _recipe(folder: Path, name: str) -> str:
    """The recipe's name where it comes with the package, as it was run; else the file in the run's folder."""
    try:
        known = recipe_files.load(name).text == (folder / RECIPE).read_text(encoding="utf-8")
    except (DataError, OSError):
        known = False
    return name if known else f"{_run(folder)}/{RECIPE}"


def _changes(folder: Path, record: dict[str, Any]) -> str:
    """The options that changed the recipe's hyperparameters."""
    recipe = recipe_files.load(folder / RECIPE)
    stages = {stage.name: stage.hyperparameters for stage in recipe.stages if isinstance(stage, Train)}
    found: dict[str, None] = {}
    for name, place in record.get("stages", {}).items():
        if name not in stages or not (folder / place / CONFIG).is_file():
            continue
        trained, said = read_network_run(folder / place).config, stages[name]
        if trained.precision != said.precision:
            found[f" --precision {trained.precision}"] = None
        if trained.pretrained != said.pretrained and trained.pretrained:
            found[f" {_pretrained(trained.pretrained)}"] = None
        if trained.passes != said.passes and not record.get("smoke"):
            found[f" {_at_once(trained)}"] = None
    return "".join(found)


def _fit_commands(run: NetworkRun) -> list[str]:
    """The commands of a run and of those that it started from; a recipe's stages say so."""
    config = run.config
    before: list[str] = []
    if (start := start_of(config, run.folder)) is not None:
        try:
            before = _fit_commands(read_network_run(start))
        except DataError:
            before = [f"# from the weights of {_run(start)}, whose record is gone"]
    if config.labels or config.iterations or run.learned_from.smoke:
        return [*before, f"# {_run(run.folder)} is a stage of a recipe; `l4s-train run` trains it"]
    parts = [
        "l4s-train fit",
        _options("data", config.data),
        *[_options("negatives", config.negatives, config.data)] * bool(config.negatives),
        *([f"--init {_run(Path(config.init))}"] if config.init else []),
        f"--network {config.network} --bands {_bands(run)} --normalization {config.normalization}",
        *["--imagenet"] * config.imagenet,
        *([_pretrained(config.pretrained)] if config.pretrained else []),
        *[f"--scale {config.scale:g}"] * (config.scale != 1),
        f"--epochs {config.epochs} --batch {config.batch} --lr {config.learning_rate:g}",
        *[_at_once(config)] * (config.passes > 1),
        f"--weight-decay {config.weight_decay:g} --warm-start {config.warm_start:g} --seed {config.seed}",
        *[f"--precision {config.precision}"] * (config.precision != "auto"),
        f"--split-plan {splits.as_text(config.plan)}",
        f"--out {_run(run.folder)}",
    ]
    return [*before, _AND.join(parts)]


def _pretrained(source: str) -> str:
    return "--pretrained" if source == DOWNLOAD else f"--pretrained {_name(source)}"


def _at_once(trained: Hyperparameters) -> str:
    return f"--at-once {-(-trained.batch // trained.passes)}"


def _bands(run: NetworkRun) -> str:
    components = run.config.components
    return f"PCA-{components}" if components else ",".join(run.config.bands)


def _options(name: str, paths: Sequence[str | Path], within: Sequence[str | Path] = ()) -> str:
    return " ".join(f"--{name} {_name(path, within)}" for path in paths)


def _name(path: str | Path, within: Sequence[str | Path] = ()) -> str:
    """A file or folder without its place; one that lies in some folder, with its place there."""
    own = Path(path)
    for folder in map(Path, within):
        if own != folder and own.is_relative_to(folder):
            return shlex.quote(str(folder.name / own.relative_to(folder)))
    return shlex.quote(own.name)


def _run(folder: Path) -> str:
    return shlex.quote(f"runs/{folder.name}")

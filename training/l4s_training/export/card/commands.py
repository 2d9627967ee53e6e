"""The commands that a model card names: those that made the bundle, and those that measure it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import DataError
from l4s_training.data import splits
from l4s_training.export.card.scores import LABELLED, files_measured
from l4s_training.export.measure import Measured
from l4s_training.export.onnx_file import Storage
from l4s_training.runs.record import RUN
from l4s_training.training.network_run import CONFIG, NetworkConfig, NetworkRun, read_network_run

__all__ = ["commands", "join", "reproduction"]


def reproduction(name: str, config: NetworkConfig, measured: Measured, twins: bool) -> str:
    """Write the commands that give the scores of a bundle again.

    Args:
        name: the bundle's.
        config: of one of its networks, whose data and split are those of all.
        measured: what was measured.
        twins: as for `scores_section`.
    """
    data = " ".join(f"--data {path}" for path in config.data)
    named = files_measured(measured.scores, twins)
    others = f"; for {', '.join(named)}, name that file with `--data` and `--split all`" if named else ""
    return f"""\
Reproduce:

```
l4s-train evaluate {name} {data} --split test{_plan_options(config.plan)}
l4s-train evaluate {name} {data} --split validation{_plan_options(config.plan)}
```

(`--flips` averages the eight flips and rotations{others})
"""


def commands(bundle: Bundle, folders: Sequence[Path], measured: Measured, storage: Storage) -> str:
    """Write the commands that made a bundle, one a line: its trainings, then the export."""
    lines = [command for folder in folders for command in _training_commands(folder)]
    options = ["--measure-on FILE"] if any(s.name == LABELLED for s in measured.scores) else []
    options += ["--crf"] if bundle.crf else []
    options += ["--terrain-prior FILE"] if bundle.prior else []
    options += ["--storage int8"] if storage == "int8" else []
    runs = " ".join(map(_name, folders))
    named = f"--out BUNDLE --name {bundle.name} --version {bundle.version}"
    lines.append(" ".join(["l4s-train export", runs, named, *options]))
    return "\n".join(dict.fromkeys(lines))


def _training_commands(folder: Path) -> list[str]:
    """The commands that made a run of a recipe, or of a single network."""
    if (folder / CONFIG).is_file():
        return _fit_commands(read_network_run(folder))
    record = json.loads((folder / RUN).read_text(encoding="utf-8"))
    paths = [f"--{key} {path}" for key in ("data", "negatives") for path in record[key]]
    return [" \\\n  ".join([f"l4s-train run {record['recipe']}", *paths, f"--out {_name(folder)}"])]


def _fit_commands(run: NetworkRun) -> list[str]:
    """The commands of a run and of those that it started from; a recipe's stages say so."""
    config = run.config
    before: list[str] = []
    if config.init:
        try:
            before = _fit_commands(read_network_run(run.folder.parent / config.init))
        except DataError:
            before = [f"# from the weights of {_name(Path(config.init))}"]
    parts = [
        "l4s-train fit",
        *(f"--data {path}" for path in config.data),
        *(f"--negatives {path}" for path in config.negatives),
        *([f"--init {config.init}"] if config.init else []),
        f"--network {config.network} --bands {','.join(config.bands)} --normalization {config.normalization}",
        *(["--imagenet"] if config.imagenet else []),
        *([f"--scale {config.scale:g}"] if config.scale != 1 else []),
        f"--epochs {config.epochs} --batch {config.batch} --lr {config.learning_rate:g}",
        f"--weight-decay {config.weight_decay:g} --warm-start {config.warm_start:g} --seed {config.seed}",
        f"--out {_name(run.folder)}" + _plan_options(config.plan),
    ]
    return [*before, " \\\n  ".join(parts)]


def _name(folder: Path) -> str:
    return f"runs/{folder.name}"


def _plan_options(plan: splits.Plan) -> str:
    """The options that rebuild a split by blocks; none for the default one."""
    if plan == splits.DEFAULT or not isinstance(plan, splits.SplitPlan):
        return ""
    return (
        f" --blocks {plan.blocks} --validation-blocks {join(plan.validation, ',')} "
        f"--test-blocks {join(plan.test, ',')} --guard {plan.guard} --apart '{join(plan.apart, ',')}'"
    )


def join(numbers: tuple[int, ...], separator: str = ", ") -> str:
    """Return numbers in one text."""
    return separator.join(map(str, numbers))

"""A recipe: which data, and which stages of training lead to a published result. YAML, checked when it is read.

::

    description: Two networks, self-training on the unlabelled test images, an ensemble.
    published: {table: kingdrone, row: Round 4, split: validation, f1: 80.41}
    bands: all                      # a set of l4s_training.data.bandsets, or a list
    split: official                 # official, benchmark, study, blocks
    normalization: domain           # domain (separated), fixed, window
    target: validation              # its images serve without their labels; or test, or a list of both
    threshold: 0.5                  # a number, or best: the F1 optimum on validation
    defaults: {batch: 16}           # for every train stage
    stages:
      - {train: swin, network: swin_unet, objective: [ce, lovasz-hinge]}
      - {train: segformer, network: segformer}
      - repeat: 3
        stages:
          - {pseudo-label: labels, teachers: [swin, segformer], select: threshold}
          - {train: swin, network: swin_unet, labels: labels}
          - {train: segformer, network: segformer, labels: labels}
      - {ensemble: both, members: [swin, segformer]}
      - {crf: refined, of: both}

A stage's name may come again; a reference to it (``teachers``, ``labels``, ``init``, ``members``, ``of``) means the
latest stage of that name before. ``extends: other.yaml`` takes another recipe's keys, over which one's own are laid,
mapping by mapping; ``then`` appends stages to those taken. ``split`` may be a mapping: ``{plan: study, seed: 3}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import yaml  # type: ignore[import-untyped]

from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError, L4SError
from l4s_geo.normalize import Normalization
from l4s_training.config.checks import check_keys, choice, convert, listing, mapping
from l4s_training.config.hyperparameters import Training, training_from
from l4s_training.data import bandsets, splits
from l4s_training.naming import unknown

__all__ = [
    "CRF",
    "FOLDER",
    "Ensemble",
    "PseudoLabel",
    "Published",
    "Recipe",
    "Stage",
    "Train",
    "find",
    "load",
    "names",
    "parse",
]

FOLDER = Path(__file__).resolve().parents[1] / "recipes"
"""The recipes of the published results."""

Role = Literal["validation", "test"]
Selection = Literal["threshold", "most-confident", "most-certain"]

_SELECTIONS: dict[Selection, dict[str, type]] = {
    "threshold": {"threshold": float, "rest": str},
    "most-confident": {"share": float},
    "most-certain": {"background": float, "landslide": float},
}
"""What each way of choosing pseudo-labels may be told; the functions are in `adaptation.pseudo_labels`."""


@dataclass(frozen=True)
class Published:
    """The result that a recipe reproduces; scores in per cent."""

    table: str
    """Name of the table for ``l4s-train reproduce``."""
    row: str
    split: Role
    """The split that was measured."""
    f1: float
    precision: float | None = None
    recall: float | None = None
    source: str = ""
    """Publication and table."""
    transductive: bool = False
    """Whether the images measured on were used, unlabelled, in training."""


@dataclass(frozen=True)
class Train:
    """Trains one network."""

    name: str
    training: Training
    init: str | None = None
    """Stage whose best weights it starts from."""
    labels: str | None = None
    """Stage of pseudo-labels of the target domain that it trains on beside the source."""


@dataclass(frozen=True)
class PseudoLabel:
    """Labels the target domain with the mean of earlier networks."""

    name: str
    teachers: tuple[str, ...]
    select: Selection = "threshold"
    options: tuple[tuple[str, float | str], ...] = ()
    """Of the function that selects."""


@dataclass(frozen=True)
class Ensemble:
    """Averages the probabilities of earlier networks."""

    name: str
    members: tuple[str, ...]
    weights: Literal["mean", "fitted"] = "mean"
    """``fitted``: chosen on the validation patches, each network calibrated there first."""


@dataclass(frozen=True)
class CRF:
    """Refines the probabilities of an earlier stage."""

    name: str
    of: str
    parameters: CRFParameters


Stage = Train | PseudoLabel | Ensemble | CRF


@dataclass(frozen=True)
class Recipe:
    """What to do, in order; names of stages are unique and references point to earlier ones."""

    name: str
    description: str
    published: tuple[Published, ...]
    bands: tuple[str, ...]
    components: int | None
    """Principal components that the bands are projected to; None for the bands themselves."""
    plan: splits.Plan
    normalization: Normalization
    target: tuple[Role, ...]
    threshold: float | None
    """None: the F1 optimum on the validation patches."""
    seed: int
    stages: tuple[Stage, ...]
    text: str
    """The recipe in YAML, what it extends included."""

    @property
    def result(self) -> Stage:
        """The stage whose predictions are the recipe's result: the last."""
        return self.stages[-1]


def names() -> list[str]:
    """Return the names of the recipes that come with the package, not of files that only others extend."""
    found = (path.stem for path in FOLDER.glob("*.yaml") if not path.name.startswith("_"))
    return sorted(found, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])


def find(name_or_path: str | Path) -> Path:
    """Return the file of a recipe.

    Raises:
        DataError: there is no such file and no recipe of that name.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    inside = FOLDER / f"{name_or_path}.yaml"
    if inside.is_file():
        return inside
    raise unknown("file and no recipe", str(name_or_path), names())


def load(name_or_path: str | Path) -> Recipe:
    """Read a recipe with all that it extends.

    Raises:
        DataError: there is no such recipe, or something in it is wrong.
    """
    path = find(name_or_path)
    return parse(_merged(path, ()), path.stem)


def parse(entries: Mapping[str, Any], name: str) -> Recipe:
    """Check a recipe.

    Args:
        entries: the YAML file's content, without ``extends`` and ``then``.
        name: the recipe's name.

    Raises:
        DataError: something in it is wrong; the message names the key.
    """
    where = f"Recipe {name}"
    known = ("description", "published", "bands", "split", "normalization", "target", "threshold", "seed", "defaults")
    check_keys(entries, (*known, "stages"), where)
    bands, components = _bands(entries.get("bands", "all"), where)
    normalization = choice(entries.get("normalization", "fixed"), get_args(Normalization), f"normalization ({where})")
    target = entries.get("target", ())
    roles = tuple(
        choice(role, get_args(Role), f"role for target ({where})")
        for role in ([target] if isinstance(target, str) else target)
    )
    threshold = entries.get("threshold", "best")
    recipe = Recipe(
        name,
        str(entries.get("description", "")),
        _published(entries.get("published", ()), where),
        bands,
        components,
        _split(entries.get("split", "blocks"), where),
        normalization,  # type: ignore[arg-type]
        roles,  # type: ignore[arg-type]
        None if threshold == "best" else convert(float, threshold, f"{where}: threshold"),
        convert(int, entries.get("seed", 0), f"{where}: seed"),
        (),
        yaml.safe_dump(dict(entries), sort_keys=False, allow_unicode=True, width=110),
    )
    stages = _Stages(recipe, mapping(entries.get("defaults", {}), f"{where}: defaults"))
    for entry in listing(entries.get("stages", ()), f"{where}: stages"):
        stages.add(entry)
    if not any(isinstance(stage, Train) for stage in stages.done):
        raise DataError(f"{where} trains nothing; give it stages, at least one of them a `train`.")
    if isinstance(stages.done[-1], PseudoLabel):
        raise DataError(f"{where} ends with pseudo-labels; its last stage must be a network, an ensemble or a CRF.")
    return replace(recipe, stages=tuple(stages.done))


class _Stages:
    """Builds the stages in order, resolving names and repetitions."""

    def __init__(self, recipe: Recipe, defaults: Mapping[str, Any]) -> None:
        self.recipe, self.defaults = recipe, defaults
        self.done: list[Stage] = []
        self._latest: dict[str, Stage] = {}
        self._count: dict[str, int] = {}

    def add(self, entry: Any) -> None:
        where = f"Recipe {self.recipe.name}, stage {len(self.done) + 1}"
        entry = mapping(entry, where)
        kinds: dict[str, Callable[[str, Mapping[str, Any], str], Stage]] = {
            "train": self._train,
            "pseudo-label": self._pseudo_label,
            "ensemble": self._ensemble,
            "crf": self._crf,
        }
        if "repeat" in entry:
            check_keys(entry, ("repeat", "stages"), where)
            for _ in range(convert(int, entry["repeat"], f"{where}: repeat")):
                for inner in listing(entry.get("stages", ()), f"{where}: stages"):
                    self.add(inner)
            return
        kind = next(iter(entry), "nothing")
        if kind not in kinds:
            raise unknown(f"kind of stage ({where})", kind, [*kinds, "repeat"])
        base = str(entry[kind])
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.x-]*", base):
            raise DataError(f"{where} is named {base!r}; expected lower-case letters, digits, '-', '_' and '.'.")
        self._count[base] = self._count.get(base, 0) + 1
        unique = base if self._count[base] == 1 else f"{base}-{self._count[base]}"
        stage = kinds[kind](unique, {k: v for k, v in entry.items() if k != kind}, f"Recipe {self.recipe.name}, {base}")
        self.done.append(stage)
        self._latest[base] = stage

    def _train(self, name: str, entry: Mapping[str, Any], where: str) -> Train:
        options = dict(entry)
        init, labels = options.pop("init", None), options.pop("labels", None)
        training = training_from({**self.defaults, "seed": self.recipe.seed, **options}, where)
        start = self._find(init, where, "init", Train) if init else None
        chosen = self._find(labels, where, "labels", PseudoLabel) if labels else None
        if isinstance(start, Train) and start.training.network != training.network:
            raise DataError(
                f"{where} starts from {start.name}, a {start.training.network}, but is a {training.network}; they must "
                "be the same network."
            )
        return Train(name, training, start.name if start else None, chosen.name if chosen else None)

    def _pseudo_label(self, name: str, entry: Mapping[str, Any], where: str) -> PseudoLabel:
        select = choice(entry.get("select", "threshold"), get_args(Selection), f"way to select ({where})")
        allowed = _SELECTIONS[select]  # type: ignore[index]
        check_keys(entry, ("teachers", "select", *allowed), where)
        if not self.recipe.target:
            raise DataError(f"{where} has no images to label; name the recipe's `target`: validation or test.")
        teachers = [
            self._find(teacher, where, "teachers", Train)
            for teacher in listing(entry.get("teachers", ()), f"{where}: teachers")
        ]
        if not teachers:
            raise DataError(f"{where} names no `teachers`; name at least one earlier `train` stage.")
        for teacher in teachers:
            if select == "most-certain" and "mc-dropout" not in teacher.training.network.split("+"):
                raise DataError(
                    f"{where} asks for the most certain labels, but {teacher.name} has no dropout to sample; give its "
                    "network the option +mc-dropout."
                )
        options = tuple((k, convert(t, entry[k], f"{where}: {k}")) for k, t in allowed.items() if k in entry)
        return PseudoLabel(name, tuple(t.name for t in teachers), select, options)  # type: ignore[arg-type]

    def _ensemble(self, name: str, entry: Mapping[str, Any], where: str) -> Ensemble:
        check_keys(entry, ("members", "weights"), where)
        weights = choice(entry.get("weights", "mean"), ("mean", "fitted"), f"kind of weights ({where})")
        members = tuple(
            self._find(member, where, "members", Train).name
            for member in listing(entry.get("members", ()), f"{where}: members")
        )
        if not members:
            raise DataError(f"{where} names no `members`; name at least one earlier `train` stage.")
        return Ensemble(name, members, weights)  # type: ignore[arg-type]

    def _crf(self, name: str, entry: Mapping[str, Any], where: str) -> CRF:
        allowed = [f.name for f in fields(CRFParameters)]
        check_keys(entry, ("of", *allowed), where)
        of = self._find(entry.get("of", ""), where, "of", (Train, Ensemble))
        parameters = {k: v for k, v in entry.items() if k != "of"}
        try:
            crf = CRFParameters(**parameters)
        except L4SError as error:
            raise DataError(f"{where}: {error}") from error
        if missing := [band for band in crf.bands if band not in self.recipe.bands]:
            raise DataError(f"{where} looks at {', '.join(missing)}, which the recipe does not read; name its `bands`.")
        return CRF(name, of.name, crf)

    def _find(self, reference: Any, where: str, key: str, kinds: Any) -> Any:
        stage = self._latest.get(str(reference))
        if not isinstance(stage, kinds):
            fitting = [name for name, other in self._latest.items() if isinstance(other, kinds)]
            raise unknown(f"earlier stage for {key} ({where})", reference, fitting)
        return stage


def _merged(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and lay it over the one that it extends."""
    path = path.resolve()
    if path in seen:
        raise DataError(f"{path.name} extends itself; break the circle {' → '.join(p.name for p in (*seen, path))}.")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as YAML ({first}); correct it or name another recipe.") from error
    entries = dict(mapping(entries, f"Recipe {path.stem}"))
    parent, then = entries.pop("extends", None), entries.pop("then", [])
    base = _merged(path.parent / str(parent), (*seen, path)) if parent else {}
    merged = _laid_over(base, entries)
    if then:
        merged["stages"] = [*merged.get("stages", []), *listing(then, f"Recipe {path.stem}: then")]
    return merged


def _laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in own.items():
        before = out.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping) and key != "published"
        out[key] = _laid_over(before, value) if both else value  # type: ignore[arg-type]
    return out


def _bands(value: Any, where: str) -> tuple[tuple[str, ...], int | None]:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return bandsets.parse(text, f"{where}: bands"), bandsets.components(text)


def _split(value: Any, where: str) -> splits.Plan:
    try:
        return splits.from_dict(value if isinstance(value, Mapping) else {"plan": str(value)})
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _published(value: Any, where: str) -> tuple[Published, ...]:
    where = f"{where}: published"
    if isinstance(value, list | tuple):
        return tuple(
            result for entry in value for result in _published(mapping(entry, where), where.removesuffix(": published"))
        )
    value = mapping(value, where)
    numbers = dict.fromkeys(("f1", "precision", "recall"), float)
    types: dict[str, Any] = dict.fromkeys(("table", "row", "split", "source"), str) | numbers | {"transductive": bool}
    check_keys(value, types, where)
    if missing := [key for key in ("table", "row", "split", "f1") if key not in value]:
        raise DataError(f"{where} lacks {', '.join(missing)}; expected at least table, row, split and f1.")
    choice(value["split"], get_args(Role), f"split to measure on ({where})")
    return (Published(**{k: convert(types[k], v, f"{where}: {k}") for k, v in value.items()}),)

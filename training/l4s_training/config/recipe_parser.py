"""Checks what a recipe's YAML says, and makes a `Recipe` of it; every complaint names the key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args

import numpy as np
import yaml

from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError, L4SError
from l4s_geo.normalize import Normalization
from l4s_training.adaptation import pseudo_labels
from l4s_training.config import hyperparameters
from l4s_training.config.checks import check_keys, choice, convert, listing, mapping
from l4s_training.config.recipe import (
    CRF,
    SELECTIONS,
    CalibratedOn,
    Ensemble,
    HeldOutRole,
    NamedStage,
    PseudoLabel,
    Published,
    Recipe,
    Selection,
    Stage,
    Train,
    Weighting,
)
from l4s_training.data import bandsets, splits
from l4s_training.naming import unknown

__all__ = ["parse"]

_STAGES = 1000
"""Most stages of a recipe."""

Found = TypeVar("Found", bound=NamedStage)


def parse(entries: Mapping[str, Any], name: str) -> Recipe:
    """Check a recipe.

    Args:
        entries: the YAML file's content, without ``extends`` and ``then``.
        name: the recipe's name.

    Raises:
        DataError: something in it is wrong; the message names the key.
    """
    where = f"Recipe {name}"
    known = (
        "description",
        "published",
        "ours",
        "bands",
        "split",
        "normalization",
        "target",
        "threshold",
        "seed",
        "defaults",
    )
    check_keys(entries, (*known, "stages"), where)
    bands, components = _bands(entries.get("bands", "all"), where)
    normalization = choice(entries.get("normalization", "fixed"), get_args(Normalization), f"normalization ({where})")
    threshold = entries.get("threshold", "best")
    recipe = Recipe(
        name=name,
        description=str(entries.get("description", "")),
        published=_published(entries.get("published", ()), where),
        ours=_ours(entries.get("ours", {}), where),
        bands=bands,
        components=components,
        plan=_split(entries.get("split", "blocks"), where),
        normalization=normalization,
        target=_target(entries.get("target", ()), where),
        threshold=None if threshold == "best" else _threshold(threshold, where),
        seed=convert(int, entries.get("seed", 0), f"{where}: seed"),
        stages=(),
        text=yaml.safe_dump(dict(entries), sort_keys=False, allow_unicode=True, width=110),
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

    def add(self, entry: object) -> None:
        """Check one entry of the list of stages, and add its stage, or those that it repeats."""
        where = f"Recipe {self.recipe.name}, stage {len(self.done) + 1}"
        given = mapping(entry, where)
        kinds: dict[str, Callable[[str, Mapping[str, Any], str], Stage]] = {
            "train": self._train,
            "pseudo-label": self._pseudo_label,
            "ensemble": self._ensemble,
            "crf": self._crf,
        }
        if "repeat" in given:
            check_keys(given, ("repeat", "stages"), where)
            times = convert(int, given["repeat"], f"{where}: repeat")
            if times < 1:
                raise DataError(f"{where}: repeat is {times}; expected 1 or more.")
            for _ in range(times):
                for inner in listing(given.get("stages", ()), f"{where}: stages"):
                    self.add(inner)
            return
        if len(self.done) >= _STAGES:
            raise DataError(f"Recipe {self.recipe.name} has more than {_STAGES} stages; repeat fewer.")
        kind = next(iter(given), "nothing")
        if kind not in kinds:
            raise unknown(f"kind of stage ({where})", kind, [*kinds, "repeat"])
        base = str(given[kind])
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.x-]*", base):
            raise DataError(f"{where} is named {base!r}; expected lower-case letters, digits, '-', '_' and '.'.")
        self._count[base] = self._count.get(base, 0) + 1
        unique = base if self._count[base] == 1 else f"{base}-{self._count[base]}"
        options = {key: value for key, value in given.items() if key != kind}
        stage = kinds[kind](unique, options, f"Recipe {self.recipe.name}, {base}")
        self.done.append(stage)
        self._latest[base] = stage

    def _train(self, name: str, entry: Mapping[str, Any], where: str) -> Train:
        options = dict(entry)
        init, labels = options.pop("init", None), options.pop("labels", None)
        chosen = hyperparameters.parse({**self.defaults, "seed": self.recipe.seed, **options}, where)
        start = self._find(init, where, "init", Train) if init else None
        labelling = self._find(labels, where, "labels", PseudoLabel) if labels else None
        if start and start.hyperparameters.network != chosen.network:
            raise DataError(
                f"{where} starts from {start.name}, a {start.hyperparameters.network}, but is a {chosen.network}; they "
                "must be the same network."
            )
        return Train(name, chosen, start.name if start else None, labelling.name if labelling else None)

    def _pseudo_label(self, name: str, entry: Mapping[str, Any], where: str) -> PseudoLabel:
        select: Selection = choice(entry.get("select", "threshold"), get_args(Selection), f"way to select ({where})")
        allowed = SELECTIONS[select]
        check_keys(entry, ("teachers", "select", "target", "calibrate", *allowed), where)
        own = _target(entry["target"], where) if "target" in entry else None
        target = self.recipe.target if own is None else own
        if not target:
            raise DataError(f"{where} has no images to label; name the recipe's `target`: validation or test.")
        teachers = [
            self._find(teacher, where, "teachers", Train)
            for teacher in listing(entry.get("teachers", ()), f"{where}: teachers")
        ]
        if not teachers:
            raise DataError(f"{where} names no `teachers`; name at least one earlier `train` stage.")
        for teacher in teachers:
            if select == "most-certain" and "mc-dropout" not in teacher.hyperparameters.network.split("+"):
                raise DataError(
                    f"{where} asks for the most certain labels, but {teacher.name} has no dropout to sample; give its "
                    "network the option +mc-dropout."
                )
        options = tuple((k, convert(t, entry[k], f"{where}: {k}")) for k, t in allowed.items() if k in entry)
        _check_selection(select, dict(options), where)
        calibrate = self._calibrated_on(entry.get("calibrate"), select, target, where)
        return PseudoLabel(name, tuple(t.name for t in teachers), select, options, own, calibrate)

    def _calibrated_on(
        self, value: object, select: Selection, target: tuple[HeldOutRole, ...], where: str
    ) -> CalibratedOn | None:
        if value is None:
            return None
        chosen: CalibratedOn = choice(value, get_args(CalibratedOn), f"patches to calibrate on ({where})")
        if select == "most-certain":
            raise DataError(
                f"{where} calibrates teachers for the most certain labels, which are chosen by variance; leave "
                "`calibrate` out, or select by threshold or most-confident."
            )
        if chosen in target:
            raise DataError(
                f"{where} calibrates on the {chosen} patches, whose images are the target and whose labels must not be "
                "looked at; calibrate on source, or name another `target`."
            )
        return chosen

    def _ensemble(self, name: str, entry: Mapping[str, Any], where: str) -> Ensemble:
        check_keys(entry, ("members", "weights"), where)
        weights: Weighting = choice(entry.get("weights", "mean"), get_args(Weighting), f"kind of weights ({where})")
        members = tuple(
            self._find(member, where, "members", Train).name
            for member in listing(entry.get("members", ()), f"{where}: members")
        )
        if not members:
            raise DataError(f"{where} names no `members`; name at least one earlier `train` stage.")
        return Ensemble(name, members, weights)

    def _crf(self, name: str, entry: Mapping[str, Any], where: str) -> CRF:
        allowed = [f.name for f in fields(CRFParameters)]
        check_keys(entry, ("of", *allowed), where)
        of = self._find(entry.get("of", ""), where, "of", Train, Ensemble)
        parameters = {k: v for k, v in entry.items() if k != "of"}
        try:
            crf = CRFParameters(**parameters)
        except L4SError as error:
            raise DataError(f"{where}: {error}") from error
        if missing := [band for band in crf.bands if band not in self.recipe.bands]:
            raise DataError(f"{where} looks at {', '.join(missing)}, which the recipe does not read; name its `bands`.")
        return CRF(name, of.name, crf)

    def _find(self, reference: object, where: str, key: str, *kinds: type[Found]) -> Found:
        """Return the latest stage of a name, which must be of one of the kinds."""
        stage = self._latest.get(str(reference))
        if not isinstance(stage, kinds):
            fitting = [name for name, other in self._latest.items() if isinstance(other, kinds)]
            raise unknown(f"earlier stage for {key} ({where})", reference, fitting)
        return stage


def _threshold(value: Any, where: str) -> float:
    threshold = convert(float, value, f"{where}: threshold")
    if not 0.001 <= threshold <= 0.999:
        raise DataError(f"{where}: threshold is {threshold}; expected best, or a probability from 0.001 to 0.999.")
    return threshold


def _check_selection(select: Selection, options: dict[str, Any], where: str) -> None:
    """Try a way to select on a pixel, since teachers may learn for hours before it is asked for."""
    pixel = np.full((1, 1, 1), 0.5, np.float32)
    try:
        if select == "threshold":
            pseudo_labels.by_threshold(pixel, **options)
        elif select == "most-confident":
            pseudo_labels.most_confident(pixel, **options)
        else:
            pseudo_labels.most_certain(pixel, pixel, **options)
    except TypeError:
        missing = ", ".join(key for key in SELECTIONS[select] if key not in options)
        raise DataError(f"{where} selects by {select} but gives no `{missing}`; say how many pixels to keep.") from None
    except L4SError as error:
        raise DataError(f"{where}: {error}") from error


def _target(value: Any, where: str) -> tuple[HeldOutRole, ...]:
    roles = [value] if isinstance(value, str) else value
    return tuple(choice(role, get_args(HeldOutRole), f"role for target ({where})") for role in roles)


def _ours(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    given = mapping(value, f"{where}: ours")
    return tuple((str(k), convert(str, v, f"{where}: ours: {k}")) for k, v in given.items() if v is not None)


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
    choice(value["split"], get_args(HeldOutRole), f"split to measure on ({where})")
    return (Published(**{k: convert(types[k], v, f"{where}: {k}") for k, v in value.items()}),)

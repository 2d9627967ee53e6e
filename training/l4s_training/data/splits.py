"""Train, validation and test patches: who learns, who chooses, who is only reported.

A plan is written in one line, ``NAME:KEY=VALUE,…`` (`as_text`, `from_text`), and official folders keep their roles
unless a plan says otherwise (`plan_for`).

Four plans. `SplitPlan` cuts each source into contiguous blocks of id: patches of Landslide4Sense are tiles without
overlap and without georeference, and neighbours in id, and in official number, are mostly neighbours on the ground, so
that a random split puts half of a hillside into training and half into test. `OfficialSplit` takes the publisher's
folders. `BenchmarkSplit` and `StudySplit` follow two papers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches
from l4s_training.data.roles import FOLDERS, ROLES, Role

__all__ = [
    "DEFAULT",
    "PLANS",
    "ROLES",
    "BenchmarkSplit",
    "OfficialSplit",
    "Plan",
    "Role",
    "Split",
    "SplitPlan",
    "StudySplit",
    "as_dict",
    "as_text",
    "divide",
    "from_dict",
    "from_text",
    "plan_for",
    "split",
]


@dataclass(frozen=True)
class SplitPlan:
    """Blocks of id: which take which role; all that is left is for training.

    A patch that lies close to a block of a higher role, in id or in number, takes no role (the guard). Test is the
    highest role, then validation.
    """

    blocks: int
    """Number of blocks into which the sorted ids are cut, as equal as possible."""
    validation: tuple[int, ...]
    """Blocks, counted from 0, on which checkpoint and threshold are chosen."""
    test: tuple[int, ...]
    """Blocks that are reported and never used to choose anything."""
    guard: int = 3
    """Patches this close to a higher role, in id or in number, are dropped."""
    apart: tuple[int, ...] = ()
    """Official numbers that count as test whether or not their patch is in the data: other copies of them serve
    as an independent measure."""
    cut_official: bool = False
    """Whether ValidData and TestData are cut into blocks, too, and so trained on; else to be given them is an error."""

    def __post_init__(self) -> None:
        named = [*self.validation, *self.test]
        if len(set(named)) != len(named) or not all(0 <= b < self.blocks for b in named):
            raise DataError(
                f"Validation blocks {self.validation} and test blocks {self.test} must be different numbers "
                f"from 0 to {self.blocks - 1}."
            )
        if self.guard < 0:
            raise DataError(f"The guard is {self.guard}; expected 0 or more patches.")


@dataclass(frozen=True)
class OfficialSplit:
    """The roles that the publisher gave: the folders TrainData, ValidData and TestData."""


@dataclass(frozen=True)
class BenchmarkSplit:
    """The benchmark paper's split, as far as it is known: train on the first quarter of each area, test on the rest.

    The paper (benchmark-2022, section III) trains on 959 and tests on 2840 of the 3799 official training patches.
    Neither the areas' boundaries nor the direction of "first" are published, and a quarter of the patches would be 950,
    so that the split cannot be rebuilt exactly. Here (ours) the areas are contiguous runs of official number, cut where
    the colours of the published RGB patches change abruptly: the median ratio of red to green jumps from 0.85 to 1.27
    between 3018 and 3037, spreads between 3184 and 3197, and falls to 0.92 between 3305 and 3322.
    """

    areas: tuple[int, ...] = (3037, 3197, 3322)
    """First number of each area but the first; empty for four equal runs."""
    validation: float = 0.1
    """Share of each quarter, its last numbers, that chooses checkpoint and threshold (the paper names no such set)."""

    def __post_init__(self) -> None:
        if list(self.areas) != sorted(set(self.areas)):
            raise DataError(f"The areas start at the numbers {self.areas}; expected them ascending.")
        if not 0 <= self.validation < 1:
            raise DataError(f"The validation share is {self.validation}; expected 0 up to, not including, 1.")


@dataclass(frozen=True)
class StudySplit:
    """The study's split (study-2023, section 2.1): half of the training patches, of these 60 / 20 / 20 %, at random.

    Neighbours on the ground stand on both sides of it, so that its scores are too good for new places.
    """

    share: float = 0.5
    """Share of the patches that is used."""
    train: float = 0.6
    """Share of these for training."""
    validation: float = 0.2
    """Share of these for validation; the rest is for test."""
    seed: int = 0
    """Seed of the random draw; the study's own is unknown."""

    def __post_init__(self) -> None:
        if not (0 < self.share <= 1 and self.train > 0 and self.validation >= 0 and self.train + self.validation <= 1):
            raise DataError(
                f"Shares of {self.share} (used), {self.train} (train) and {self.validation} (validation) do not divide "
                "a set; expected shares above 0, the last two together at most 1."
            )


Plan = SplitPlan | OfficialSplit | BenchmarkSplit | StudySplit

DEFAULT = SplitPlan(
    blocks=40,
    validation=(4, 13, 17, 26, 37),
    test=(0, 8, 20, 22, 31, 33, 35, 36, 38),
    guard=3,
    apart=(1, 4, 16, 28, 38, 41, 72, 253, 512, 600, 902),
)
"""The split of the default bundle: its test blocks hold the RGB twins of the eleven labelled patches that are
public with all 14 bands (numbers under ``apart``), so that those measure the bundle too."""

PLANS: dict[str, Plan] = {
    "blocks": DEFAULT,
    "official": OfficialSplit(),
    "benchmark": BenchmarkSplit(),
    "study": StudySplit(),
}
"""Plans by name, with their default values."""

_DROPPED = len(ROLES)


@dataclass(frozen=True)
class Split:
    """Positions of the patches of each role, ascending."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    dropped: NDArray[np.int64]
    """Patches of no role: inside the guard, or left out by the plan."""

    def of(self, role: Role) -> NDArray[np.int64]:
        """Return the positions of one role."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[role]


def plan_for(roles: Iterable[Role | None]) -> Plan:
    """Return the plan that holds where none is named.

    Args:
        roles: the publisher's role of each source, None for one that has none.

    Returns:
        The official one where a source is for validation or test, else the default blocks.
    """
    return OfficialSplit() if {"validation", "test"} & set(roles) else DEFAULT


def from_text(text: str) -> Plan:
    """Build a plan from one line, as `as_text` writes it.

    Args:
        text: a name, or a name and values: ``official``, ``study:seed=3,share=0.25``,
            ``blocks:blocks=6,validation=2,test=4+5,apart=``. Several numbers are joined by ``+``; values left out are
            those of `PLANS`.

    Raises:
        DataError: an unknown plan or key, or a value that makes no sense.
    """
    name, _, rest = text.partition(":")
    default = PLANS.get(name)
    entries: dict[str, Any] = {"plan": name}
    for item in rest.split(",") if rest else ():
        key, _, value = item.partition("=")
        entries[key] = _value(text, key, value, getattr(default, key, None))
    return from_dict(entries)


def as_text(plan: Plan) -> str:
    """Return the line that `from_text` builds the plan from: its name, and the values that are not the default ones."""
    entries = as_dict(plan)
    name = entries.pop("plan")
    default = asdict(PLANS[name])
    said = [f"{key}={_said(value)}" for key, value in entries.items() if value != default[key]]
    return f"{name}:{','.join(said)}" if said else name


def from_dict(entries: Mapping[str, Any]) -> Plan:
    """Build a plan from its name, under ``plan``, and its values, as a recipe or a run's record holds them.

    Args:
        entries: for instance ``{"plan": "study", "seed": 3}``. Values left out are those of `PLANS`; without ``plan``
            the plan is "blocks".

    Raises:
        DataError: an unknown plan or key, or a value that makes no sense.
    """
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()}
    name = given.pop("plan", "blocks")
    if name not in PLANS:
        raise DataError(f"There is no split plan {name!r}; expected one of {', '.join(PLANS)}.")
    default = PLANS[name]
    known = [field.name for field in fields(default)]
    if unknown := [key for key in given if key not in known]:
        near = get_close_matches(unknown[0], known, 1)
        raise DataError(
            f"The split plan {name!r} has no key {unknown[0]!r}; "
            + (f"did you mean {near[0]!r}?" if near else f"its keys are {', '.join(known) or 'none'}.")
        )
    try:
        return type(default)(**{**asdict(default), **given})
    except TypeError as error:
        raise DataError(f"The split plan {name!r} cannot be built from {given} ({error}); check its values.") from error


def as_dict(plan: Plan) -> dict[str, Any]:
    """Return what `from_dict` builds the plan from."""
    name = next(name for name, default in PLANS.items() if type(default) is type(plan))
    entries = asdict(plan)
    if not entries.get("cut_official", True):
        del entries["cut_official"]
    return {"plan": name, **entries}


def divide(sets: Sequence[Patches], plan: Plan) -> Split:
    """Divide the patches of several sets, one after the other, among the roles.

    Args:
        sets: labelled sets, as `l4s_training.data.readers.read.read_all` returns them.
        plan: one of the four.

    Returns:
        Positions in the concatenation of the sets.

    Raises:
        DataError: the sets do not suit the plan, or training has no patch.
    """
    if isinstance(plan, OfficialSplit):
        return _official(sets)
    source = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    ids = np.concatenate([s.ids for s in sets])
    numbers = np.concatenate([_place(s) for s in sets])
    if isinstance(plan, SplitPlan):
        if not plan.cut_official:
            _check_no_held_out_folder(sets)
        return split(ids, numbers, plan, source)
    # Both papers divide the official training patches only.
    training = np.repeat([s.role in (None, "train") for s in sets], [len(s) for s in sets])
    role = np.full(len(numbers), _DROPPED)
    chosen = numbers[training]
    role[training] = _benchmark(chosen, plan) if isinstance(plan, BenchmarkSplit) else _study(chosen, plan)
    return _by_role(role)


def split(
    ids: NDArray[np.int64], numbers: NDArray[np.int64], plan: SplitPlan, source: NDArray[np.int64] | None = None
) -> Split:
    """Divide patches among the roles by blocks of id.

    Args:
        ids: (n,) positions in the source.
        numbers: (n,) official numbers.
        plan: the blocks of each role and the guard.
        source: (n,) which source a patch is from; each is cut into blocks by itself, while the guard by number
            holds across all of them. None for a single one.

    Raises:
        DataError: a source has fewer patches than blocks, or training has none left.
    """
    source = np.zeros(len(ids), np.int64) if source is None else source
    role = np.zeros(len(ids), np.int8)
    for s in np.unique(source):
        members = np.flatnonzero(source == s)
        if len(members) < plan.blocks:
            raise DataError(
                f"A source has {len(members)} patches, fewer than the split's {plan.blocks} blocks; ask for fewer "
                "with --blocks, --validation-blocks and --test-blocks."
            )
        blocks = np.array_split(members[np.argsort(ids[members], kind="stable")], plan.blocks)
        for level, chosen in ((1, plan.validation), (2, plan.test)):
            for block in chosen:
                role[blocks[block]] = level
    dropped = (role < 2) & _near(numbers, np.array(plan.apart, np.int64), plan.guard)
    for higher in (2, 1):
        lower = role < higher
        for s in np.unique(source):
            here = source == s
            dropped |= lower & here & _near(ids, ids[here & (role == higher)], plan.guard)
        dropped |= lower & _near(numbers, numbers[role == higher], plan.guard)
    parts = [np.flatnonzero((role == level) & ~dropped) for level in range(3)]
    if not len(parts[0]):
        raise DataError("The split leaves no patch for training; use fewer held-out blocks or a smaller --guard.")
    return Split(parts[0], parts[1], parts[2], np.flatnonzero(dropped))


def _check_no_held_out_folder(sets: Sequence[Patches]) -> None:
    """Check that no source is an official folder that is not for training.

    Raises:
        DataError: one is.
    """
    for part in sets:
        if part.role in ("validation", "test"):
            raise DataError(
                f"{part.source} is the official data for {part.role}, and a split by blocks would train on it; keep "
                "the official roles (--split-plan official, in a recipe split: official), give TrainData alone, have "
                "it cut all the same (--split-plan blocks:cut_official=true), or score all of it (--split all)."
            )


def _official(sets: Sequence[Patches]) -> Split:
    """By the publisher's roles."""
    if strange := [s.source for s in sets if s.role is None]:
        raise DataError(
            f"{strange[0]} is in none of the official folders, which the split plan 'official' needs; give the folder "
            f"that holds {', '.join(FOLDERS)}, or choose another --split-plan."
        )
    roles = np.repeat([ROLES.index(s.role) for s in sets if s.role], [len(s) for s in sets])
    return _by_role(roles)


def _benchmark(numbers: NDArray[np.int64], plan: BenchmarkSplit) -> NDArray[np.int64]:
    """Roles by the first quarter of each run of numbers."""
    different = np.unique(numbers)  # the same patch may be in two sources
    cuts = np.searchsorted(different, plan.areas)
    areas = np.split(different, cuts) if plan.areas else np.array_split(different, 4)
    role_of = np.full(len(different), 2)
    for area in areas:
        quarter = -(-len(area) // 4)
        first = np.searchsorted(different, area[:quarter])
        role_of[first] = 0
        role_of[first[quarter - round(plan.validation * quarter) :]] = 1
    return role_of[np.searchsorted(different, numbers)]


def _study(numbers: NDArray[np.int64], plan: StudySplit) -> NDArray[np.int64]:
    """Roles by a seeded random order of the different numbers."""
    different = np.unique(numbers)
    order = np.random.default_rng(plan.seed).permutation(len(different))
    used = round(plan.share * len(different))
    ends = [round(plan.train * used), round((plan.train + plan.validation) * used), used]
    role_of = np.full(len(different), _DROPPED)
    for role, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        role_of[order[start:end]] = role
    return role_of[np.searchsorted(different, numbers)]


def _by_role(role: NDArray[np.int64]) -> Split:
    """Gather positions from (n,) indices into ROLES, or _DROPPED."""
    parts = [np.flatnonzero(role == level) for level in (*range(len(ROLES)), _DROPPED)]
    if not len(parts[0]):
        raise DataError("The split leaves no patch for training; give more data or choose another --split-plan.")
    return Split(*parts)


def _value(text: str, key: str, value: str, default: object) -> object:
    """Read a value of a plan's line, by the type of its default; one of an unknown key stays text."""
    try:
        if isinstance(default, tuple):
            return tuple(int(part) for part in value.split("+") if part)
        if isinstance(default, bool):
            return {"true": True, "false": False}[value]
        return value if default is None else type(default)(value)  # type: ignore[call-arg]
    except (ValueError, KeyError) as error:
        expected = "whole numbers joined by +" if isinstance(default, tuple) else f"a value like {_said(default)}"
        raise DataError(f"The split plan {text!r} has {key}={value!r}; expected {expected}.") from error


def _said(value: object) -> str:
    """Write a value as `_value` reads it."""
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _place(patches: Patches) -> NDArray[np.int64]:
    """Numbers that are equal only for the same patch: the official folders count from 1 each."""
    series = ROLES.index(patches.role) if patches.role else 0
    return patches.numbers + series * 10**9


def _near(values: NDArray[np.int64], others: NDArray[np.int64], distance: int) -> NDArray[np.bool_]:
    """Which values lie within the distance of one of the others."""
    if not len(others):
        return np.zeros(len(values), bool)
    others = np.sort(others)
    at = np.searchsorted(others, values)
    left = others[np.clip(at - 1, 0, len(others) - 1)]
    right = others[np.clip(at, 0, len(others) - 1)]
    near: NDArray[np.bool_] = np.minimum(np.abs(values - left), np.abs(values - right)) <= distance
    return near

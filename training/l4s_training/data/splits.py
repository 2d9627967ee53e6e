"""Train, validation and test patches by contiguous blocks of id.

Patches of Landslide4Sense are tiles without overlap and without georeference; neighbours in id, and in official
number, are mostly neighbours on the ground. A random split therefore puts half of a hillside into training and
half into test. Here the sorted ids are cut into blocks, whole blocks take a role, and a patch that lies close to
a block of a higher role, in id or in number, takes none (the guard). Test is the highest role, then validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches

__all__ = ["DEFAULT", "Role", "Split", "SplitPlan", "split", "split_sources"]

Role = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class SplitPlan:
    """Which blocks take which role; all that is left is for training."""

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

    def __post_init__(self) -> None:
        named = [*self.validation, *self.test]
        if len(set(named)) != len(named) or not all(0 <= b < self.blocks for b in named):
            raise DataError(
                f"Validation blocks {self.validation} and test blocks {self.test} must be different numbers "
                f"from 0 to {self.blocks - 1}."
            )
        if self.guard < 0:
            raise DataError(f"The guard is {self.guard}; expected 0 or more patches.")


DEFAULT = SplitPlan(
    blocks=40,
    validation=(4, 13, 17, 26, 37),
    test=(0, 8, 20, 22, 31, 33, 35, 36, 38),
    guard=3,
    apart=(1, 4, 16, 28, 38, 41, 72, 253, 512, 600, 902),
)
"""The split of the default bundle: its test blocks hold the RGB twins of the eleven labelled patches that are
public with all 14 bands (numbers under ``apart``), so that those measure the bundle too."""


@dataclass(frozen=True)
class Split:
    """Positions of the patches of each role, ascending."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    dropped: NDArray[np.int64]
    """Patches inside the guard, of no role."""

    def of(self, role: Role) -> NDArray[np.int64]:
        """Return the positions of one role."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[role]


def split(
    ids: NDArray[np.int64], numbers: NDArray[np.int64], plan: SplitPlan, source: NDArray[np.int64] | None = None
) -> Split:
    """Divide patches among the roles.

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


def split_sources(sets: Sequence[Patches], plan: SplitPlan) -> Split:
    """Divide the concatenation of several sources; see `split`."""
    source = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    return split(np.concatenate([s.ids for s in sets]), np.concatenate([s.numbers for s in sets]), plan, source)


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

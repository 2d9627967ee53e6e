"""Which patches a step trains on, and their values.

All of it follows from the seed and the number of the step alone, for any number of loading processes: a run that goes
on at step n sees what an undisturbed one would see there, and no random state needs to be kept. Several training
processes share a batch, each taking every so many-th patch of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches

__all__ = ["Batches", "Fixed", "Order", "Part", "Steps", "seed_of"]


class Part(NamedTuple):
    """What one domain gives to a batch."""

    images: Tensor
    """(n, bands, rows, cols) float32, before normalisation."""
    masks: Tensor
    """(n, rows, cols) float32, 0 or 1."""
    weights: Tensor | None
    """(n, rows, cols) float32, 0 for an ignored pixel; None for 1 everywhere."""


Step = tuple[int, tuple[tuple[int, ...], ...]]
"""Number of a pass (of a step, where a step is one pass), and the positions that it takes from each domain."""


def seed_of(*numbers: int) -> int:
    """Return a seed that follows from several numbers, none negative."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True)
class Order:
    """Says which patches every step takes.

    A pass takes each patch of the source once, in random order, and drops the remainder unless it is the only batch.
    The target domain goes round by itself.
    """

    sizes: tuple[int, ...]
    """Number of patches of each domain: source, or source and target."""
    counts: tuple[int, ...]
    """Patches that each gives to a batch."""
    seed: int

    @classmethod
    def of(cls, sizes: tuple[int, ...], batch: int, target_share: float | None, seed: int) -> Order:
        """Divide a batch among the domains, at least one patch for each.

        Args:
            sizes: number of patches of the source, and of the target if there is one.
            batch: patches of a batch.
            target_share: share of the target; None for that of its patches.
            seed: of the order.
        """
        if len(sizes) == 1:
            return cls(sizes, (min(batch, sizes[0]),), seed)
        share = sizes[1] / sum(sizes) if target_share is None else target_share
        target = min(max(round(batch * share), 1), max(batch - 1, 1))
        return cls(sizes, (min(max(batch - target, 1), sizes[0]), min(target, sizes[1])), seed)

    def check_divisible(self, passes: int, processes: int) -> None:
        """Check that each domain's share of a batch can be divided into parts, and among processes.

        Raises:
            DataError: it cannot.
        """
        shares = " + ".join(map(str, self.counts))
        if passes > 1 and any(count % (processes * passes) for count in self.counts):
            raise DataError(
                f"A batch of {shares} patches cannot be divided into {passes} passes of {processes} processes; choose "
                "a number of patches at once that divides each, with --at-once."
            )
        if any(count % processes for count in self.counts):
            raise DataError(
                f"A batch of {shares} patches cannot be shared by {processes} processes; choose a --batch that "
                f"{processes} divides."
            )

    @property
    def steps_per_pass(self) -> int:
        """Steps that take each patch of the source once."""
        return max(self.sizes[0] // self.counts[0], 1)

    def at(self, step: int) -> tuple[tuple[int, ...], ...]:
        """Return the positions of each domain that a step takes."""
        chosen = []
        for domain, (size, count) in enumerate(zip(self.sizes, self.counts, strict=True)):
            whole, offset = divmod(step, max(size // count, 1))
            permutation = np.random.default_rng((self.seed, domain, whole)).permutation(size)
            chosen.append(tuple(permutation[offset * count : (offset + 1) * count].tolist()))
        return tuple(chosen)


class Steps:
    """A data loader's sampler of the passes of the steps from where training stands to the next evaluation.

    Args:
        order: the patches of every step.
        stands: returns the number of steps taken.
        every: steps from one evaluation to the next.
        total: steps of the whole training.
        rank: number of this process.
        world: number of processes.
        passes: parts of a step's patches, one after the other.
    """

    def __init__(
        self, order: Order, stands: Callable[[], int], every: int, total: int, rank: int, world: int, passes: int = 1
    ) -> None:
        self._order, self._stands, self._every, self._total = order, stands, every, total
        self._rank, self._world, self._passes = rank, world, passes

    def __iter__(self) -> Iterator[Step]:
        start = self._stands()
        stop = min((start // self._every + 1) * self._every, self._total)
        for step in range(start, stop):
            chosen = [part[self._rank :: self._world] for part in self._order.at(step)]
            for number in range(self._passes):
                yield step * self._passes + number, tuple(part[number :: self._passes] for part in chosen)


class Fixed:
    """A data loader's sampler of the same steps every time; a process may have none where another has some.

    Args:
        steps: in order.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)


class Batches(Dataset[tuple[int, tuple[Part, ...]]]):
    """Reads the patches of a step, as a data set whose items are whole batches.

    Args:
        domains: source, or source and target.
        seed: draws where in its interval a stored value lies (dequantisation); None for the middle.
        rank: number of this process.
    """

    def __init__(self, domains: tuple[Patches, ...], seed: int | None, rank: int = 0) -> None:
        self._domains, self._seed, self._rank = domains, seed, rank

    def __getitem__(self, step: Step) -> tuple[int, tuple[Part, ...]]:
        """Return the number and the parts of a pass."""
        number, chosen = step
        rng = None if self._seed is None else np.random.default_rng((self._seed, number, self._rank))
        return number, tuple(_part(p, np.asarray(i), rng) for p, i in zip(self._domains, chosen, strict=True))


def _part(patches: Patches, index: NDArray[np.int64], rng: np.random.Generator | None) -> Part:
    weights = None if patches.weights is None else torch.from_numpy(patches.weights[index])
    images, masks = patches.windows(index, rng), patches.masks[index].astype(np.float32)
    return Part(torch.from_numpy(images), torch.from_numpy(masks), weights)

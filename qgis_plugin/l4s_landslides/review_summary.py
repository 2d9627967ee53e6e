"""What a review says of the model: the share of what was mapped that is right, by class of confidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from .review import ACCEPTED, ADDED, CLASSES, EDITED, FIELD_CHECK, REJECTED, Row

_Z = 1.959964
"""The normal distribution's quantile for intervals of 95 %."""


@dataclass(frozen=True)
class Count:
    """How the landslides of a class were decided."""

    of: int
    """Landslides that the model mapped."""
    right: int
    """Accepted as they are, or with another outline."""
    wrong: int
    """Rejected."""
    doubtful: int
    """To be checked in the field."""

    @property
    def decided(self) -> int:
        """Those that are right or wrong."""
        return self.right + self.wrong

    @property
    def share(self) -> float | None:
        """The share of the decided ones that is right: the precision, by landslide; None without any."""
        return self.right / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval of 95 % of the share (Wilson 1927); None without any decided ones.

        It holds for the landslides that are not decided yet if those that are were not chosen by their looks.
        """
        n = self.decided
        if not n:
            return None
        middle = (self.right + _Z**2 / 2) / (n + _Z**2)
        half = _Z * sqrt(self.right * self.wrong / n + _Z**2 / 4) / (n + _Z**2)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Summary:
    """A review in numbers."""

    classes: dict
    """`Count` by class of confidence, those that there are."""
    every: Count
    """All that the model mapped."""
    added: int
    """Drawn by hand: what the model missed, as far as somebody looked."""


def summarise(rows: Iterable[Row]) -> Summary:
    """Count the decisions of a review."""
    every = list(rows)
    mapped = [row for row in every if row.review != ADDED]
    added = len(every) - len(mapped)
    groups = {name: [row for row in mapped if _class(row) == name] for name in CLASSES}
    return Summary({name: _count(group) for name, group in groups.items() if group}, _count(mapped), added)


def _class(row: Row) -> str:
    return row.confidence if row.confidence in CLASSES else ""


def _count(rows: list) -> Count:
    words = [row.review for row in rows]
    right = sum(word in (ACCEPTED, EDITED) for word in words)
    return Count(len(rows), right, words.count(REJECTED), words.count(FIELD_CHECK))

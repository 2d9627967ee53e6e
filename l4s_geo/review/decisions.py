"""What a review says of the model that mapped: the share of its landslides that is right, by class of confidence."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from l4s_geo.bundles.bundle import CLASSES
from l4s_geo.errors import InventoryError
from l4s_geo.sources.vectors import read_features

__all__ = ["Decisions", "count_decisions"]

PathLike = str | os.PathLike[str]

_RIGHT, _WRONG, _DOUBTFUL, _ADDED, _OPEN = (
    ("accepted", "edited"),
    ("rejected",),
    ("field check",),
    "added",
    ("", "open"),
)


@dataclass(frozen=True)
class Decisions:
    """How the landslides of a class, or all, were decided."""

    mapped: int
    """Landslides that the model mapped."""
    right: int
    """Accepted as they are, or with another outline."""
    wrong: int
    """Rejected."""
    doubtful: int
    """To be checked in the field."""

    @property
    def precision(self) -> float:
        """The share of the right among the right and the wrong, by landslide, 0 to 1; NaN without any."""
        decided = self.right + self.wrong
        return self.right / decided if decided else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 % of the precision; NaN without any decided ones.

        It holds for the landslides that are not decided yet if those that are were not chosen by their looks.
        """
        decided = self.right + self.wrong
        if not decided:
            return float("nan"), float("nan")
        found = binomtest(self.right, decided).proportion_ci(0.95, "wilson")
        return float(found.low), float(found.high)


def count_decisions(inventory: PathLike) -> tuple[dict[str, Decisions], int]:
    """Count the decisions of a review.

    Args:
        inventory: an inventory whose attribute ``review`` says accepted, edited, rejected, added, field check, or
            nothing; ``FILE|layername=NAME`` for one of several layers.

    Returns:
        The decisions on what was mapped, by class of confidence ("high", "medium", "low", "" for none) as far as
        there are some, with "all" at the end; and the number of landslides that were added by hand.

    Raises:
        InventoryError: the file cannot be read, was not reviewed, or says something else.
    """
    given = read_features(inventory, "inventory", InventoryError, ("review", "confidence"), local=True)
    if "review" not in given.attributes:
        raise InventoryError(
            f"The {given.what} has no attribute review; expected an inventory that was reviewed, so decide on its "
            "landslides first (in QGIS: Review inventory)."
        )
    words = _words(given.attributes["review"])
    known = (*_RIGHT, *_WRONG, *_DOUBTFUL, _ADDED, *_OPEN)
    if unknown := sorted(set(words.tolist()) - set(known)):
        raise InventoryError(
            f"The attribute review of the {given.what} says {', '.join(map(repr, unknown[:5]))}; expected "
            f"{', '.join(filter(None, known))} or nothing, so correct it."
        )
    classes = _words(given.attributes.get("confidence", np.full(len(words), "", object)))
    mapped = words != _ADDED
    classes[~np.isin(classes, CLASSES)] = ""
    by_class = {name: mapped & (classes == name) for name in (*CLASSES, "")}
    counted = {name: _count(words[chosen]) for name, chosen in by_class.items() if chosen.any()}
    return {**counted, "all": _count(words[mapped])}, int((~mapped).sum())


def _count(words: NDArray[np.str_]) -> Decisions:
    counts = (int(np.isin(words, kind).sum()) for kind in (_RIGHT, _WRONG, _DOUBTFUL))
    return Decisions(len(words), *counts)


def _words(values: NDArray[np.object_]) -> NDArray[np.str_]:
    return np.array([value.strip().lower() if isinstance(value, str) else "" for value in values], str)

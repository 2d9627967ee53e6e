"""What is said of many units, so that a user reads what is new and not the same for each."""

from __future__ import annotations

from collections.abc import Mapping

from l4s_geo.assumptions import Assumptions
from l4s_geo.progress import Reporter

__all__ = ["Hearing"]

_SAID = ("Note", "Masked", "Resuming", "Terrain:")


class Hearing:
    """Hears the runs of units one after another, and tells another reporter.

    Notes are passed on with the unit's name. What is taken for granted of a scene is, where it has not been said of
    another before; the rest is for those who ask for more.
    """

    def __init__(self, tell: Reporter) -> None:
        self._tell = tell
        self._unit = ""
        self._known: set[tuple[str, str, str]] = set()

    def begin(self, unit: str) -> None:
        """Say which unit comes next."""
        self._unit = unit
        self._tell.detail(f"Unit {unit}")

    def say(self, text: str) -> None:
        """Pass on what concerns this unit alone."""
        if text.startswith(_SAID):
            self._tell.say(f"{self._unit}: {text}")
        else:
            self._tell.detail(text)

    def detail(self, text: str) -> None:
        """Pass on a line for those who asked for more."""
        self._tell.detail(text)

    def assumes(self, assumptions: Assumptions) -> None:
        """Say what is taken for granted and was not yet."""
        facts = assumptions.facts()
        said = {(name, str(fact.get("value")), str(fact.get("origin"))) for name, fact in facts.items()}
        if said - self._known:
            self._known |= said
            self._tell.say(f"{self._unit}:")
            self._tell.assumes(assumptions)

    def progress(self, done: int, total: int) -> None:
        """Pass on how far the unit is."""
        self._tell.progress(done, total)

    def took(self, stages: Mapping[str, float]) -> None:
        """Pass on the seconds of its stages."""
        self._tell.took(stages)

"""What a user says of the event that set the landslides off: its name, its day and its trigger, as attributes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from l4s_geo.errors import OutputError

__all__ = ["Event"]

_LONGEST = 200


@dataclass(frozen=True)
class Event:
    """An event in its user's words; each may be empty, and nothing of it is guessed."""

    event: str = ""
    """Name of the event."""
    event_date: str = ""
    """The day of the event, YYYY-MM-DD, or the first and the last with a stroke between."""
    trigger: str = ""
    """What set the landslides off, for instance "earthquake" or "rainfall"."""

    def __post_init__(self) -> None:
        for name, text in self.columns().items():
            if len(text) > _LONGEST or not text.isprintable():
                raise OutputError(
                    f"The {name.replace('_', ' ')} {text[:40]!r} cannot be an attribute; expected one line of up to "
                    f"{_LONGEST} characters."
                )
        days = self.event_date.split("/") if self.event_date else []
        if len(days) > 2 or not all(map(_is_day, days)) or sorted(days) != days:
            raise OutputError(
                f"The event's date {self.event_date!r} is no date; expected YYYY-MM-DD, or the first and the last day "
                "with a stroke between, like 2018-09-05/2018-09-06."
            )

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return any(self.columns().values())

    def columns(self) -> dict[str, str]:
        """Return the values by the names of `l4s_geo.inventory.table.EVENT_COLUMNS`."""
        return {"event": self.event, "event_date": self.event_date, "trigger": self.trigger}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False

"""Checks of what people write into an event file; each complaint begins with the file and the key that it is about."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from l4s_geo.errors import EventError

__all__ = ["Check", "flag", "listing", "mapping", "number", "quoted", "text", "texts", "whole", "wholes", "word"]

Check = Callable[[Any, str], Any]
"""Returns a value as an event holds it, or raises an error that begins with a place."""

_MOST_TEXT = 2000
_LARGEST = 1 << 31
_SHOWN = 100


def mapping(value: Any, where: str, known: Iterable[str]) -> dict[str, Any]:
    """Check that a value is a mapping with no other keys than those known."""
    names = list(known)
    if not isinstance(value, Mapping):
        raise EventError(f"{where} is {quoted(value)}; expected keys with values: {', '.join(names)}.")
    for key in value:
        if key not in names:
            near = get_close_matches(str(key).replace("_", "-"), names, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(names)}."
            raise EventError(f"{where} has the unknown key {quoted(key)}; {hint}")
    return dict(value)


def listing(value: Any, where: str) -> list[Any]:
    """Return a list, or what stands alone as one; nothing as an empty one."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        raise EventError(f"{where} is {quoted(value)}; expected a list, so put it into [ ].")
    return value if isinstance(value, list) else [value]


def text(value: Any, where: str) -> str:
    """Return a line of text."""
    broken = isinstance(value, str) and any(ord(sign) < ord(" ") for sign in value)
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_TEXT or broken:
        raise EventError(f"{where} is {quoted(value)}; expected one line of text.")
    return value.strip()


def number(value: Any, where: str) -> float:
    """Return a finite number."""
    try:
        found = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:  # YAML's whole numbers have no end
        found = math.inf
    if not math.isfinite(found):
        raise EventError(f"{where} is {quoted(value)}; expected a number, without quotes.")
    return found


def whole(value: Any, where: str) -> int:
    """Return a whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise EventError(f"{where} is {quoted(value)}; expected a whole number.")
    return value


def flag(value: Any, where: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise EventError(f"{where} is {quoted(value)}; expected true or false.")
    return value


def texts(value: Any, where: str) -> list[str]:
    """Return lines of text, of which there may be one alone."""
    return [text(part, where) for part in listing(value, where)]


def wholes(value: Any, where: str) -> list[int]:
    """Return whole numbers, of which there may be one alone."""
    return [whole(part, where) for part in listing(value, where)]


def word(value: Any, where: str) -> str:
    """Return a word of those that an option takes; YAML may have read ``on`` and ``off`` as true and false."""
    return text({True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value, where)


def quoted(value: Any) -> str:
    """Return a value as a complaint quotes it, cut where it is long."""
    said = str(value) if isinstance(value, date) else repr(value)
    return said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"

"""Checks of what people write into recipes; each complaint names the place and what is expected there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from l4s_geo.errors import DataError
from l4s_training.naming import shown, unknown

__all__ = ["check_keys", "choice", "convert", "listing", "mapping"]

T = TypeVar("T", bool, int, float, str)
Choice = TypeVar("Choice", bound=str)


def check_keys(entries: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Check that every key is known.

    Raises:
        DataError: one is not; the nearest that exists is named.
    """
    known = list(known)
    for key in entries:
        if key not in known:
            raise unknown(f"key of {where} named", key, known)


def choice(value: object, choices: Iterable[Choice], what: str) -> Choice:
    """Return the choice that a value is.

    Raises:
        DataError: it is none of them; the nearest that exists is named.
    """
    choices = list(choices)
    for option in choices:
        if option == value:
            return option
    raise unknown(what, value, choices)


def convert(kind: type[T], value: object, where: str) -> T:
    """Return a value as a bool, int, float or str; a float may be written ``1e-3``, which YAML reads as text.

    Raises:
        DataError: it is none.
    """
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return kind(value)
        except ValueError:
            pass
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    expected = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]
    raise DataError(f"{where} is {shown(value)}; expected {expected}.")


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return a value as a mapping.

    Raises:
        DataError: it is none.
    """
    if not isinstance(value, Mapping):
        raise DataError(f"{where} is {shown(value)}; expected a mapping of keys to values.")
    return value


def listing(value: object, where: str) -> list[Any]:
    """Return a value as a list.

    Raises:
        DataError: it is none.
    """
    if not isinstance(value, list | tuple):
        raise DataError(f"{where} is {shown(value)}; expected a list.")
    return list(value)

"""Names and options that a user writes: unknown ones are answered with the nearest that exist."""

from __future__ import annotations

import difflib
import inspect
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_type_hints

from l4s_geo.errors import DataError

__all__ = ["check_options", "shown", "unknown"]

_LISTED = 40
"""Names that an error lists; of more it lists the nearest."""
_NEAREST = 3


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def shown(value: object) -> str:
    """Return a value as a message shows it: shortened, for YAML's aliases make endless values of short files."""
    return _SHORT.repr(value)


def unknown(kind: str, found: object, known: Iterable[str]) -> DataError:
    """Make the error for a name that does not exist.

    Args:
        kind: what is named, as in "loss".
        found: what was written.
        known: what exists.
    """
    names, written = list(known), found if isinstance(found, str) else shown(found)
    near = difflib.get_close_matches(written, names, _NEAREST, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    if len(names) > _LISTED:
        nearest = difflib.get_close_matches(written, names, _NEAREST, 0.0)
        expected = f"one of {len(names)}, of which {', '.join(nearest)} are nearest"
    else:
        expected = f"one of {', '.join(names)}" if names else "none"
    return DataError(f"There is no {kind} {shown(found)}; expected {expected}{hint}")


def check_options(what: str, function: Callable[..., Any], options: Mapping[str, object]) -> None:
    """Check options against the keyword-only parameters of the function that takes them.

    Args:
        what: whose options they are, as in "loss 'focal'".
        function: its keyword-only parameters are annotated with float, int, bool, or one of them and None.
        options: by name.

    Raises:
        DataError: an option does not exist, or its value is of another type or not finite.
    """
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    hints = get_type_hints(function)
    for name, value in options.items():
        if name not in known:
            raise unknown(f"option of {what} named", name, known)
        kinds = get_args(hints[name]) or (hints[name],)
        if not any(_suits(value, kind) for kind in kinds):
            expected = " or ".join(_WORDS[kind] for kind in kinds)
            raise DataError(f"Option {name!r} of {what} is {value!r}; expected {expected}.")


_WORDS: dict[type, str] = {float: "a number", int: "a whole number", bool: "true or false", type(None): "nothing"}


def _suits(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)

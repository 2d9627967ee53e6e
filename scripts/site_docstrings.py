"""Docstrings as Markdown for the documentation's site: an extension of griffe, which reads them.

The docstrings' definition lists (a term, and what it means indented below it) get the colon that Markdown wants, and
the line ``::`` that marks a literal block in them is left out.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_TERM = re.compile(r"(?m)^(?=\S)(?!- )(.*[^:\n])\n {4}(?=\S)")
_LITERAL = re.compile(r"(?m)^::\n")


class Markdown(griffe.Extension):
    """Rewrites every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = _TERM.sub(r"\n\1\n:   ", _LITERAL.sub("", obj.docstring.value))

"""Tables and others' text in Markdown."""

from __future__ import annotations

import re

__all__ = ["code", "plain", "row"]

_MARKS = re.compile(r"([\\<>\[\]*|])")
"""What would begin a tag, a link, an image, emphasis or a cell."""


def plain(text: str) -> str:
    """Return others' text as one line of prose, in which nothing is a heading, a list, a tag or a link."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def code(name: str) -> str:
    """Return a name as code, which may stand in a table."""
    line = " ".join(name.split()).replace("|", "\\|")
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def row(*values: object, head: bool = False) -> list[str]:
    """Return a row of a table, numbers with three digits; the head with the line under it."""
    text = "| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values) + " |"
    return [text, "|" + " --- |" * len(values)] if head else [text]

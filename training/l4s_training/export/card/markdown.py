"""Tables in Markdown."""

from __future__ import annotations

__all__ = ["row"]


def row(*values: object, head: bool = False) -> list[str]:
    """Return a row of a table, numbers with three digits; the head with the line under it."""
    text = "| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values) + " |"
    return [text, "|" + " --- |" * len(values)] if head else [text]

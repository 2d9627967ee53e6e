"""Tables on the terminal; where there is none, as in a log, wide enough that nothing is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["show", "title_of"]

_TITLES = {
    "smoke": "A smoke run of a few steps: these figures say nothing of the method.",
    "simulated": "On simulated patches: nothing published is reproduced by these figures.",
}


def title_of(note: str) -> str | None:
    """Return what stands above a table whose figures carry a note, see `l4s_training.data.provenance.mark`."""
    return "\n".join(text for word, text in _TITLES.items() if word in note) or None


def show(table: Table, width: int) -> None:
    """Print a table, `width` characters wide where there is no terminal."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=width)).print(table)

"""Tables on the terminal; where there is none, as in a log, wide enough that nothing is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["show"]


def show(table: Table, width: int) -> None:
    """Print a table, `width` characters wide where there is no terminal."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=width)).print(table)

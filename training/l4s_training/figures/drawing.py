"""How figures are drawn: one size of type, colours that colour-blind readers tell apart, files without dates."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from l4s_geo.output.atomic import atomic_write

__all__ = ["COLOURS", "axes_of", "marked", "save"]

mpl.use("Agg")

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, in the order in which they are used."""

_DPI = 120


def axes_of(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of a size in inches, and its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def marked(title: str, notes: Iterable[str]) -> str:
    """Return a title with what the notes say of a figure that does not count: smoke, simulated."""
    said = ", ".join(dict.fromkeys(word for note in notes for word in note.split(", ") if word))
    return f"{title} ({said})" if said else title


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG: the same file for the same figure, for it names no date and no program.

    Raises:
        OutputError: the disk is full, or cannot be written to.
    """
    with atomic_write(path) as part:
        figure.savefig(part, dpi=_DPI, format="png", metadata={"Software": None})

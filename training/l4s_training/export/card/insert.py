"""Puts what is measured later into the model card of a bundle that is there already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import DataError
from l4s_training.export.card.whole_scenes import HEADING
from l4s_training.files import write_text

__all__ = ["NEWNESS", "card_of", "write_newness", "write_section"]

_AFTER = "## Training data"
"""Heading before which the sections stand."""

NEWNESS = "## New landslides"
"""Heading of the section on the models of newness, which stands before that on whole scenes."""


def card_of(bundle: Bundle) -> Path:
    """Return the path of a bundle's model card.

    Raises:
        DataError: the bundle is a zip, or its card is not one that ``l4s-train export`` wrote.
    """
    path = bundle.location / "README.md"
    if not bundle.location.is_dir():
        raise DataError(f"{bundle.location} is no folder, and a card inside a zip is not rewritten; unpack the bundle.")
    if not path.is_file() or f"\n{_AFTER}\n" not in path.read_text(encoding="utf-8"):
        raise DataError(
            f"{path} is no model card with the heading {_AFTER!r}; name a bundle that l4s-train export made."
        )
    return path


def write_section(path: Path, lines: Sequence[str]) -> None:
    """Write the section on whole scenes into a card, in the place of an earlier one.

    Args:
        path: the card, see `card_of`.
        lines: the section, which begins with `HEADING`.

    Raises:
        OutputError: the card cannot be written.
    """
    _write(path, lines, (_AFTER,))


def write_newness(path: Path, lines: Sequence[str]) -> None:
    """Write the section on the models of newness into a card, in the place of an earlier one.

    Args:
        path: the card, see `card_of`.
        lines: the section, which begins with `NEWNESS`.

    Raises:
        OutputError: the card cannot be written.
    """
    _write(path, lines, (HEADING, _AFTER))


def _write(path: Path, lines: Sequence[str], before: Sequence[str]) -> None:
    """Write a section, which begins with its heading, before the first of the headings that the card has."""
    card = path.read_text(encoding="utf-8")
    end = next(card.index(f"\n{heading}\n") + 1 for heading in before if f"\n{heading}\n" in card)
    start = card.index(f"\n{lines[0]}\n") + 1 if f"\n{lines[0]}\n" in card else end
    write_text(path, card[:start] + "\n".join(lines) + "\n" + card[end:])

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
"""Heading before which the section stands."""

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
    """Write a section into a card, before its training data, in the place of an earlier one.

    Args:
        path: the card, see `card_of`.
        lines: the section, which begins with `HEADING`.

    Raises:
        OutputError: the card cannot be written.
    """
    card = path.read_text(encoding="utf-8")
    after = card.index(f"\n{_AFTER}\n") + 1
    start = card.index(HEADING) if HEADING in card else after
    write_text(path, card[:start] + "\n".join(lines) + "\n" + card[after:])


def write_newness(path: Path, lines: Sequence[str]) -> None:
    """Write the section on the models of newness into a card, in the place of an earlier one.

    Args:
        path: the card, see `card_of`.
        lines: the section, which begins with `NEWNESS`.

    Raises:
        OutputError: the card cannot be written.
    """
    card = path.read_text(encoding="utf-8")
    end = card.index(f"\n{HEADING if HEADING in card else _AFTER}\n") + 1
    start = card.index(NEWNESS) if NEWNESS in card else end
    write_text(path, card[:start] + "\n".join(lines) + "\n" + card[end:])

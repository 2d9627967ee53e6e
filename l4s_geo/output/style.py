"""QGIS styles that come with the outputs, and whose a style beside a file is."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

__all__ = ["is_own_style", "restyle", "style", "style_file", "write_style"]

_MARK = re.compile(r"\A<!-- written by l4s-geo, which replaces it while it is unchanged: ([0-9a-f]{64}) -->\n")


def style(kind: str) -> str:
    """Return the QGIS style (QML) of a raster ("probability", "spread", "change"), or "inventory"'s symbols alone."""
    return (Path(__file__).parent / "styles" / f"{kind}.qml").read_text(encoding="utf-8")


def style_file(path: Path) -> Path:
    """Return the file that QGIS takes the style of a file from."""
    return path.with_suffix(".qml")


def write_style(path: Path, qml: str) -> None:
    """Write the style of a file beside it, with a mark by which `is_own_style` knows it again.

    Args:
        path: the file that the style is for.
        qml: the style.
    """
    mark = f"<!-- written by l4s-geo, which replaces it while it is unchanged: {_digest(path.name, qml)} -->\n"
    style_file(path).write_text(mark + qml, encoding="utf-8")


def is_own_style(path: Path) -> bool:
    """Whether the style beside a file is as `write_style` wrote it for a file of that name."""
    text = _read(path)
    mark = _MARK.match(text)
    return mark is not None and mark[1] == _digest(path.name, text[mark.end() :])


def restyle(path: Path) -> None:
    """Mark the style beside a file that has got another name as the style of that."""
    write_style(path, _MARK.sub("", _read(path)))


def _read(path: Path) -> str:
    try:
        return style_file(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _digest(name: str, qml: str) -> str:
    """Return a digest of a style and of the name of the file that it is for."""
    return hashlib.sha256(f"{name}\n{qml}".encode()).hexdigest()

"""YAML as people write it: read with its comments and their order kept, and nothing in it but data.

YAML can refer to parts of itself, which lets a few lines stand for gigabytes, and name types of a program to make. Both
are refused here, as are keys that stand twice and documents of a size that nobody writes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from l4s_geo.errors import EventError

__all__ = ["dumped", "in_lines", "loaded", "plain", "read_text"]

_MOST_BYTES = 1 << 20


class _NotDataError(Exception):
    """There is more than data in a document."""


class _DataOnly(Composer):
    """Takes no references and no types."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node, unless it is a reference, is to be referred to, or names a type."""
        event = self.parser.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _NotDataError(
                f"line {line} refers to another part of the file (& or *); write out what is meant there"
            )
        if getattr(event, "ctag", None) and str(event.ctag) not in ("None", ""):
            raise _NotDataError(f"line {line} names a type ({event.ctag}); give the plain value")
        return super().compose_node(parent, index)


class _Constructor(RoundTripConstructor):
    """Leaves a day that no calendar has as text, for whoever knows its key to complain of."""

    def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
        """Make a date, or leave the text."""
        try:
            return super().construct_yaml_timestamp(node, values)
        except ValueError:
            return str(node.value)


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_yaml_timestamp)


def read_text(path: Path) -> str:
    """Read a text of a size that people write.

    Raises:
        EventError: it cannot be read, is no UTF-8, or is larger than a megabyte.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as cause:
        raise EventError(
            f"The event file {path} cannot be read ({cause.strerror}); give the path of one, or make it with l4s event "
            "new."
        ) from cause
    if len(raw) > _MOST_BYTES:
        raise EventError(
            f"The event file {path} is larger than {_MOST_BYTES >> 20} MiB; expected a few lines of YAML, so name many "
            "scenes by a folder or a pattern."
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise EventError(f"The event file {path} is not UTF-8 text ({cause.reason}); save it as such.") from cause


def loaded(text: str, path: Path) -> Any:
    """Read YAML; mappings and sequences keep comments and order for `dumped`.

    Args:
        text: the text.
        path: where it is from, for messages.

    Raises:
        EventError: it is no YAML, refers to parts of itself, names types, or has a key twice.
    """
    try:
        return _yaml().load(text)
    except _NotDataError as cause:
        raise EventError(f"The event file {path} is not plain YAML: {cause}.") from None
    except DuplicateKeyError as cause:
        raise EventError(
            f"The event file {path} has a key twice: {cause.problem}, in line {_line(cause)}; keep one of them."
        ) from cause
    except MarkedYAMLError as cause:
        said = " ".join(filter(None, (cause.context, cause.problem)))
        raise EventError(f"The event file {path} is not YAML: {said}, in line {_line(cause)}; correct it.") from cause
    except (YAMLError, ValueError, RecursionError) as cause:
        said = "it is nested too deeply" if isinstance(cause, RecursionError) else " ".join(str(cause).split())
        raise EventError(f"The event file {path} is not YAML: {said}; correct it.") from cause


def dumped(document: Any) -> str:
    """Write what `loaded` gave, with what has been changed in it since."""
    out = io.StringIO()
    _yaml().dump(document, out)
    return out.getvalue()


def in_lines(entries: Sequence[Any]) -> Any:
    """Return a list for a document of `loaded`, each of its entries in one line, mappings too."""
    found = CommentedSeq()
    for entry in entries:
        if isinstance(entry, Mapping):
            entry = CommentedMap(entry)
            entry.fa.set_flow_style()
        found.append(entry)
    return found


def plain(value: Any) -> Any:
    """Return what `loaded` gave as Python's own values; days as `datetime.date`, times as text."""
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(part) for key, part in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | type(None)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    if isinstance(value, Sequence):
        return [plain(part) for part in value]
    return int(value) if isinstance(value, int) else float(value)


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.Composer, yaml.Constructor = _DataOnly, _Constructor
    yaml.width = 1 << 16  # an entry stays in its line
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1

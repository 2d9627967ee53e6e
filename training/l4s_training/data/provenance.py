"""What patches say of where they come from: text that travels with them, for the cards of the models trained on them.

It is JSON, ``{"note": "…", "simulated": false}``, and stands

- in an ``.npz`` under the key ``provenance``, as text;
- in a folder, or a zip, of patches as ``provenance.json`` (``l4s-train simulate`` writes ``simulation.json``), for an
  official folder also beside it;
- beside any source, ``SOURCE.provenance.json``, where the source itself cannot be changed.

Patches that ``l4s-train patches`` has cut tell their scenes by ``patches.csv``.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from l4s_geo.errors import DataError
from l4s_training.data.readers.archive import Zip, open_archive
from l4s_training.data.roles import FOLDERS

__all__ = ["KEY", "Provenance", "as_text", "mark", "provenance_of"]

KEY = "provenance"
"""Key of an ``.npz`` that holds the text."""

_FILES = ("provenance.json", "simulation.json")
_BESIDE = ".provenance.json"
_LIST = "patches.csv"
_LARGEST = 1 << 20
"""Most bytes that the text may have."""
_LONGEST = 4000
"""Most characters of a note, which goes into a model card."""
_SCENES = 20
"""Scenes that a note lists by name."""


@dataclass(frozen=True)
class Provenance:
    """What a source of patches says of itself."""

    source: str
    """Name of its file or folder."""
    note: str = ""
    """Where it comes from, in sentences; "" where it says nothing."""
    simulated: bool = False
    """Whether nothing of it was observed."""


def provenance_of(path: str | Path) -> Provenance:
    """Read what a source of patches says of itself.

    Args:
        path: a folder, zip or ``.npz``, as ``--data`` takes it.

    Raises:
        DataError: what it says cannot be read.
    """
    path = Path(path)
    beside = path.with_name(path.name + _BESIDE)
    for where, text in ((path, _inside(path)), (beside, _text(beside)), *_official(path)):
        if text is not None:
            return _parsed(path.name, where, text)
    return Provenance(path.name, _scenes(path))


def as_text(note: str, simulated: bool = False) -> str:
    """Return what stands under `KEY`, or in a file."""
    return json.dumps({"note": note, "simulated": simulated}, ensure_ascii=False)


def mark(smoke: bool, origins: Sequence[Provenance]) -> str:
    """Return what every table and figure must carry: "smoke", "simulated", both, or "" for a result that counts.

    Args:
        smoke: whether the trainings took a few steps only.
        origins: of the data.
    """
    return ", ".join([*["smoke"] * smoke, *["simulated"] * any(origin.simulated for origin in origins)])


def _inside(path: Path) -> str | None:
    """The text that a source holds itself."""
    if path.is_dir() or path.suffix.lower() == ".zip":
        if not path.exists():
            return None
        with open_archive(path) as archive:
            # a zip's text may lie beside the folder of its patches
            for place in (archive, *([replace(archive, root="")] if isinstance(archive, Zip) else [])):
                for name in _FILES:
                    if name in place.names():
                        with place.open(name) as stream:
                            return _decoded(place.path(name), stream.read(_LARGEST + 1))
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return str(file[KEY]) if KEY in file.files else None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error):
        return None  # the reader of patches says what is wrong with it


def _official(path: Path) -> list[tuple[Path, str | None]]:
    """The texts beside an official folder, which hold for all of them."""
    if path.stem not in FOLDERS:
        return []
    return [(path.parent / name, _text(path.parent / name)) for name in _FILES]


def _text(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return _decoded(path, file.read(_LARGEST + 1))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); correct it or take it away.") from error


def _decoded(where: str | Path, content: bytes) -> str:
    if len(content) > _LARGEST:
        raise DataError(f"{where} has more than {_LARGEST >> 20} MB; expected a note, so shorten it or take it away.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} cannot be read ({error}); correct it or take it away.") from error


def _parsed(name: str, where: Path, text: str) -> Provenance:
    try:
        entries = json.loads(text)
        note, simulated = entries.get("note", ""), entries.get("simulated", False)
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(
            f"The provenance in {where} is no JSON object ({error}); correct it or take it away."
        ) from error
    if not isinstance(note, str) or not isinstance(simulated, bool):
        raise DataError(
            f"The provenance in {where} has note {note!r} and simulated {simulated!r}; expected a text, and true or "
            "false."
        )
    if len(note) > _LONGEST:
        raise DataError(
            f"The provenance in {where} has a note of {len(note):,} characters; expected at most {_LONGEST:,}, so "
            "shorten it."
        )
    return Provenance(name, _line(note), simulated)


def _line(text: str) -> str:
    """Return text as one line, without what a terminal or a browser would obey: control and formatting characters."""
    return " ".join("".join(c if unicodedata.category(c) not in ("Cc", "Cf") else " " for c in text).split())


def _scenes(path: Path) -> str:
    """The scenes that ``patches.csv`` names."""
    if not path.is_dir() or (text := _text(path / _LIST)) is None:
        return ""
    scenes = list(dict.fromkeys(_line(r["scene"]) for r in csv.DictReader(io.StringIO(text)) if r.get("scene")))
    more = f" and {len(scenes) - _SCENES} others" if len(scenes) > _SCENES else ""
    return f"Cut by `l4s-train patches` from {', '.join(scenes[:_SCENES])}{more}." if scenes else ""

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
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l4s_geo.errors import DataError
from l4s_training.data.readers.archive import open_archive
from l4s_training.data.roles import FOLDERS

__all__ = ["KEY", "Provenance", "as_text", "mark", "provenance_of"]

KEY = "provenance"
"""Key of an ``.npz`` that holds the text."""

_FILES = ("provenance.json", "simulation.json")
_BESIDE = ".provenance.json"
_LIST = "patches.csv"


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
            for name in _FILES:
                if name in archive.names():
                    with archive.open(name) as stream:
                        return stream.read().decode("utf-8", "replace")
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
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); correct it or take it away.") from error


def _parsed(name: str, where: Path, text: str) -> Provenance:
    try:
        entries = json.loads(text)
        note, simulated = entries.get("note", ""), entries.get("simulated", False)
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"The provenance in {where} is no JSON object ({error}); correct it or take it away."
        ) from error
    if not isinstance(note, str) or not isinstance(simulated, bool):
        raise DataError(
            f"The provenance in {where} has note {note!r} and simulated {simulated!r}; expected a text, and true or "
            "false."
        )
    return Provenance(name, note, simulated)


def _scenes(path: Path) -> str:
    """The scenes that ``patches.csv`` names."""
    if not path.is_dir() or (text := _text(path / _LIST)) is None:
        return ""
    scenes = dict.fromkeys(row["scene"] for row in csv.DictReader(io.StringIO(text)) if row.get("scene"))
    return f"Cut by `l4s-train patches` from {', '.join(scenes)}." if scenes else ""

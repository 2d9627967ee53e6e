"""Finds and reads recipes: the YAML files of published results that come with the package, and a user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from l4s_geo.errors import DataError
from l4s_training.config.checks import listing, mapping
from l4s_training.config.recipe import Recipe
from l4s_training.config.recipe_parser import parse
from l4s_training.naming import unknown

__all__ = ["FOLDER", "load", "names"]

FOLDER = Path(__file__).resolve().parents[1] / "recipes"
"""The recipes of the published results."""


def names() -> list[str]:
    """Return the names of the recipes that come with the package, not of files that only others extend."""
    found = (path.stem for path in FOLDER.glob("*.yaml") if not path.name.startswith("_"))
    return sorted(found, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])


def load(name_or_path: str | Path) -> Recipe:
    """Read a recipe with all that it extends.

    Raises:
        DataError: there is no such recipe, or something in it is wrong.
    """
    path = _find(name_or_path)
    return parse(_merged(path, ()), path.stem)


def _find(name_or_path: str | Path) -> Path:
    """Return the file of a recipe.

    Raises:
        DataError: there is no such file and no recipe of that name.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    inside = FOLDER / f"{name_or_path}.yaml"
    if inside.is_file():
        return inside
    raise unknown("file and no recipe", str(name_or_path), names())


def _merged(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and lay it over the one that it extends."""
    path = path.resolve()
    if path in seen:
        raise DataError(f"{path.name} extends itself; break the circle {' → '.join(p.name for p in (*seen, path))}.")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as YAML ({first}); correct it or name another recipe.") from error
    entries = dict(mapping(entries, f"Recipe {path.stem}"))
    parent, then = entries.pop("extends", None), entries.pop("then", [])
    base = _merged(path.parent / str(parent), (*seen, path)) if parent else {}
    merged = _laid_over(base, entries)
    if then:
        merged["stages"] = [*merged.get("stages", []), *listing(then, f"Recipe {path.stem}: then")]
    return merged


def _laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base with its keys replaced by one's own, mapping by mapping."""
    out = dict(base)
    for key, value in own.items():
        before = out.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and key != "published":
            value = _laid_over(before, value)
        out[key] = value
    return out

"""Finds and reads recipes: the YAML files of published results that come with the package, and a user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from l4s_geo.errors import DataError
from l4s_training.config.checks import listing, mapping
from l4s_training.config.matrix import cells, entries_of_cell
from l4s_training.config.recipe import Recipe
from l4s_training.config.recipe_parser import parse
from l4s_training.naming import unknown

__all__ = ["FOLDER", "file_of", "load", "names"]

_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SAFE):  # type: ignore[misc]
    """YAML's safe loader, to which a key that comes twice is a mistake: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} comes twice", node.start_mark)
        entries: dict[Any, Any] = super().construct_mapping(node, deep)
        return entries


FOLDER = Path(__file__).resolve().parents[1] / "recipes"
"""The recipes of the published results."""


def names() -> list[str]:
    """Return the names of the recipes that come with the package, not of files that only others extend."""
    return sorted(_inside(), key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])


def file_of(name: str) -> Path:
    """Return the file that a recipe of the package is written in, alone or as a cell of its matrix.

    Raises:
        DataError: there is no recipe of that name.
    """
    inside = _inside()
    if name not in inside:
        raise unknown("recipe", name, names())
    return inside[name][0]


def load(name_or_path: str | Path) -> Recipe:
    """Read a recipe with all that it extends.

    Args:
        name_or_path: the name of a recipe of the package, or a file; of a file with a matrix one recipe, as
            ``FILE:CELL``.

    Raises:
        DataError: there is no such recipe, or something in it is wrong.
    """
    path, cell = _find(name_or_path)
    entries = _merged(path, ())
    where = f"Recipe {path.stem}"
    if cell is None and "matrix" in entries:
        found = [f"{path.stem}-{name}" for name in cells(entries["matrix"], where)]
        raise DataError(
            f"{path.name} is a matrix of {len(found)} recipes, {found[0]} to {found[-1]}; name one of them, or of a "
            "file of your own FILE:CELL."
        )
    if cell is None:
        return parse(entries, path.stem)
    return parse(entries_of_cell(entries, cell, _laid_over, where), f"{path.stem}-{'-'.join(cell)}")


def _inside() -> dict[str, tuple[Path, tuple[str, ...] | None]]:
    """Return the file and the cell of each recipe of the package, by its name."""
    found: dict[str, tuple[Path, tuple[str, ...] | None]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name.startswith("_"):
            continue
        entries = _read(path)
        if "matrix" in entries:
            made = cells(entries["matrix"], f"Recipe {path.stem}")
            found |= {f"{path.stem}-{name}": (path, cell) for name, cell in made.items()}
        else:
            found[path.stem] = (path, None)
    return found


def _find(name_or_path: str | Path) -> tuple[Path, tuple[str, ...] | None]:
    """Return the file of a recipe, and its cell in the file's matrix if there is one.

    Raises:
        DataError: there is no such file and no recipe of that name.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path, None
    file, colon, name = str(name_or_path).rpartition(":")
    if colon and Path(file).is_file():
        known = cells(_read(Path(file)).get("matrix", {}), f"Recipe {Path(file).stem}")
        if name not in known:
            raise unknown(f"recipe of {file} named", name, known)
        return Path(file), known[name]
    inside = _inside()
    if str(name_or_path) in inside:
        return inside[str(name_or_path)]
    whole = FOLDER / f"{name_or_path}.yaml"
    if whole.is_file() and not whole.name.startswith("_"):
        return whole, None  # which of its recipes is asked by `load`
    raise unknown("file and no recipe", str(name_or_path), names())


def _read(path: Path) -> dict[str, Any]:
    """Read a file's own keys; a file that has not changed is read once.

    Raises:
        DataError: it cannot be read.
    """
    try:
        entries = _parsed(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as YAML ({first}); correct it or name another recipe.") from error
    return dict(mapping(entries, f"Recipe {path.stem}"))


@lru_cache(maxsize=1024)
def _parsed(path: Path, changed: int) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe loader)


def _merged(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and lay it over the one that it extends."""
    path = path.resolve()
    if path in seen:
        raise DataError(f"{path.name} extends itself; break the circle {' → '.join(p.name for p in (*seen, path))}.")
    entries = _read(path)
    parent, then = entries.pop("extends", None), entries.pop("then", [])
    base = _merged(path.parent / str(parent), (*seen, path)) if parent else {}
    if "matrix" in base:
        raise DataError(f"{path.name} extends {parent}, which is a matrix of recipes; extend what that file extends.")
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

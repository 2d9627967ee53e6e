"""Imports run down only: between the stages of the engine and of training, and never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = {"l4s_geo": REPOSITORY / "l4s_geo", "l4s_training": REPOSITORY / "training" / "l4s_training"}

LAYERS = {
    "l4s_geo": (
        {"cli", "worker"},
        {"events"},
        {"reporting", "review", "teaching"},
        {"evaluation"},
        {"pipeline"},
        {"provenance"},
        {"plan", "scene_summary"},
        {"inventory"},
        {"change"},
        {"inference"},
        {"stack"},
        {"bundles", "sources"},
        {"crf", "output"},
        {"errors", "bands", "units", "grid", "xp", "normalize", "moments", "window_median"}
        | {"progress", "closing", "defaults", "assumptions", "chatter", "address", "mentions"},
    ),
    "l4s_training": (
        {"cli"},
        {"export", "figures"},
        {"runs"},
        {"training"},
        {"config"},
        {"adaptation"},
        {"models", "losses", "scoring"},
        {"data"},
        {"files", "naming", "_torchvision"},
    ),
}
"""What each package is made of, from the top down. A stage imports what lies below it; those of one row do not know
each other."""


def modules(package: str) -> Iterator[tuple[str, Path]]:
    root = PACKAGES[package]
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts))), path


ALL = {name: path for package in PACKAGES for name, path in modules(package)}


def imported(name: str, path: Path) -> set[str]:
    """Every module of ours that a module imports, also inside functions; what serves the type checker alone is left."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                node.module if f"{node.module}.{a.name}" not in ALL else f"{node.module}.{a.name}" for a in node.names
            }
    return {other for other in found if other in ALL and other != name}


def stage(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


GRAPH = {name: imported(name, path) for name, path in ALL.items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_a_stage(package):
    known = set().union(*LAYERS[package])
    assert {stage(name) for name in ALL if name.startswith(f"{package}.")} == known


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_down(package):
    level = {name: number for number, names in enumerate(LAYERS[package]) for name in names}
    upward = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if name.startswith(f"{package}.") and other.startswith(f"{package}.")
        if stage(name) != stage(other) and level[stage(name)] >= level[stage(other)]
        if level[stage(name)] != len(LAYERS[package]) - 1 or level[stage(name)] != level[stage(other)]
    ]
    assert not upward


def test_the_engine_does_not_know_training():
    assert not [
        name
        for name, others in GRAPH.items()
        if name.startswith("l4s_geo")
        for o in others
        if o.startswith("l4s_training")
    ]


def test_no_circles():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))

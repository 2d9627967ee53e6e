"""What the packages import, pyproject.toml declares, so that nothing comes by the grace of another package alone."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from l4s_training.cli import EXTRA

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ABSENT = {name: [name] for name in ("numba", "s2cloudless", "lightgbm")} | {
    "cupy": ["cupy-cuda13x"],
    "planetary_computer": ["planetary-computer"],
    **{name: [name] for name in ("distributed", "boto3", "botocore")},
}
"""Distributions of modules that need not be installed for the tests."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """Names of the distributions that the project asks for, with some extras."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return {canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}


def imported(folder: str) -> dict[str, str]:
    """Modules of others that a package imports, anywhere in it, each with a file that does."""
    found = {}
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found |= {name.split(".")[0]: path.name for name in names}
    own = {"l4s_geo", "l4s_training"}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names and name not in own}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("l4s_geo", ("cpu", "gpu", "clouds", "crf", "teach", "planetary", "dask", "s3")),
        ("training/l4s_training", ("train",)),
    ],
)
def test_what_is_imported_is_declared(folder, extras):
    owners = ABSENT | packages_distributions()
    hidden = {
        name: file
        for name, file in imported(folder).items()
        if not declared(*extras) & {canonical(owner) for owner in owners[name]}
    }
    assert not hidden


def test_training_says_which_module_of_its_extra_is_missing():
    owners = ABSENT | packages_distributions()
    base = {name for name, found in owners.items() if declared() & {canonical(owner) for owner in found}}
    assert set(imported("training/l4s_training")) - base <= set(EXTRA)

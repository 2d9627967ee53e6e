"""One file for several recipes: its matrix."""

from __future__ import annotations

import pytest

from l4s_geo.errors import DataError
from l4s_training.config import recipe_files

TEXT = """
description: "{bands} with {network}."
published: {table: t, row: "{bands}, {network}", split: test, f1: {rgb: {a: 70, b: 71}, all: {a: 72}}}
matrix:
  bands: {rgb: {label: RGB, bands: RGB}, all: {bands: all}}
  network:
    a: {defaults: {network: unet}}
    b: {defaults: {network: segformer_b0}, then: [{ensemble: e, members: [net]}]}
defaults: {epochs: 3}
stages:
  - train: net
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    return path


def test_each_cell_is_a_recipe(file, monkeypatch):
    monkeypatch.setattr(recipe_files, "FOLDER", file.parent)
    assert recipe_files.names() == ["mine-all-a", "mine-all-b", "mine-rgb-a", "mine-rgb-b"]
    recipe = recipe_files.load("mine-rgb-b")
    assert recipe.name == "mine-rgb-b"
    assert recipe.description == "RGB with b."
    assert recipe.bands == ("B4", "B3", "B2")
    assert [stage.name for stage in recipe.stages] == ["net", "e"]
    first = recipe.stages[0].hyperparameters
    assert (first.network, first.epochs) == ("segformer_b0", 3)
    assert [(row.row, row.f1) for row in recipe.published] == [("RGB, b", 71)]
    assert recipe_files.load("mine-all-b").published == ()  # no published value, no row
    assert recipe_files.file_of("mine-all-a") == file


def test_a_cell_of_a_file_of_ones_own_is_named_after_a_colon(file):
    assert recipe_files.load(f"{file}:all-a").published[0].f1 == 72
    with pytest.raises(DataError, match=r"matrix of 4 recipes, mine-rgb-a to mine-all-b; name one"):
        recipe_files.load(file)
    with pytest.raises(DataError, match=r"did you mean 'all-a'\?"):
        recipe_files.load(f"{file}:all-aa")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{bands} with", "{band} with", "braces name no axis"),
        ("bands: {rgb: {label: RGB, bands: RGB}, all: {bands: all}}", "bands: {}", "without cells"),
        ("{bands: all}", "all", "expected a mapping"),
    ],
)
def test_a_mistake_in_a_matrix_is_named(file, old, new, message):
    assert old in TEXT
    file.write_text(TEXT.replace(old, new))
    with pytest.raises(DataError, match=message):
        recipe_files.load(f"{file}:all-a")


def test_a_matrix_is_not_extended(file):
    other = file.with_name("other.yaml")
    other.write_text("extends: mine.yaml\n")
    with pytest.raises(DataError, match=r"extends mine\.yaml, which is a matrix"):
        recipe_files.load(other)


def test_a_name_that_is_nearly_right_is_answered_with_three():
    with pytest.raises(DataError) as raised:
        recipe_files.load("seek-3-rgb-swim")
    said = str(raised.value)
    assert "'seek-3-rgb-swin'" in said
    assert said.count("seek-3-") == 5  # what was written, three that are nearest, and the best of them once more
    assert len(said) < 300

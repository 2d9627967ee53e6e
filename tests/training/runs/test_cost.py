"""Hours and memory on one GPU, as they are counted."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from click.testing import CliRunner

from l4s_training import models
from l4s_training.cli import main
from l4s_training.config import recipe_files
from l4s_training.config.adjusted import in_passes
from l4s_training.config.recipe import Train
from l4s_training.runs.cost import SPEED, cost_of, needs

BY_FILE = defaultdict(list)
for recipe_name in recipe_files.names():
    BY_FILE[recipe_files.file_of(recipe_name)].append(recipe_name)


@pytest.mark.parametrize("file", BY_FILE, ids=lambda file: file.stem)
def test_the_first_comment_of_a_recipe_says_what_it_needs(file):
    """Data, hours, memory, as counted; where a network changes, so does the comment."""
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    assert first == f"# {needs([recipe_files.load(name) for name in BY_FILE[file]])}"


def test_a_convolution_network_costs_its_multiply_adds():
    """U-Net at 14 bands has 12.15 G multiply-adds a window (docs/benchmarks.md), a pass backward twice as many."""
    recipe = recipe_files.load("benchmark-unet")
    images = 5000 * 32
    assert cost_of(recipe).operations == pytest.approx(3 * images * 2 * 12.1457e9, rel=1e-4)
    assert cost_of(recipe).hours == cost_of(recipe).operations / SPEED / 3600
    parameters = sum(p.numel() for p in models.build("unet", 14).parameters())
    assert cost_of(recipe).memory > 16 * parameters


def test_parts_of_a_batch_cost_memory_and_no_time():
    whole = recipe_files.load("kingdrone-g-round1-segformer")
    parts = in_passes(whole, 4)
    assert {s.hyperparameters.passes for s in parts.stages if isinstance(s, Train)} == {4}
    assert cost_of(parts).operations == cost_of(whole).operations
    assert cost_of(parts).memory < cost_of(whole).memory / 2
    assert in_passes(whole, 16) is whole


def test_what_rows_share_is_counted_once():
    result = CliRunner().invoke(main, ["reproduce", "kingdrone-test", "--cost"])
    assert result.exit_code == 0, result.output
    hours = {name: float(h) for name, h in re.findall(r"│ (\S.*?)\s+│ \d+\s+│ ([\d.]+)", result.output)}
    assert hours["all, what they share once"] == hours["kingdrone-test-3"]
    assert hours["kingdrone-test-0"] < hours["kingdrone-test-1"] < hours["kingdrone-test-3"]

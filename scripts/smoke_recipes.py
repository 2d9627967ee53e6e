"""Runs the smoke form of every recipe that comes with the package, one after the other, in one process.

Networks are replaced by one of three layers, and patches are made of random numbers, so that all of it takes a minute:
what is checked are recipes, splits, stages, pseudo-labels, losses, schedules and options on their way through a run.
The networks themselves are run by their tests, and by the smoke runs of ``scripts/check-wheel``.

    python -I scripts/smoke_recipes.py FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from l4s_geo.bands import BANDS
from l4s_training import models
from l4s_training.config import recipe_files
from l4s_training.config.recipe import Recipe
from l4s_training.data.make.write import PatchWriter
from l4s_training.data.splits import OfficialSplit
from l4s_training.runs.recipe_run import run_recipe
from l4s_training.runs.record import RUN
from l4s_training.training import building

SIDE = 32
COUNTS = {"TrainData": 64, "ValidData": 4, "TestData": 4}


class Encoder(nn.Sequential):
    """One layer, which shows its maps as encoders do."""

    out_channels = (3, 8)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the image and its map."""
        return [x, super().forward(x)]


class Decoder(nn.Sequential):
    """One layer on the last map."""

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the map in the image's size."""
        upsampled: Tensor = super().forward(maps[-1])
        return upsampled


class Small(nn.Module):
    """A network with all that options of a network's name build on."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.encoder = Encoder(nn.Conv2d(bands, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.decoder = Decoder(nn.Conv2d(8, 8, 3, padding=1), nn.Upsample(scale_factor=2, mode="bilinear"))
        self.segmentation_head = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, bands, rows, cols) -> (n, 1, rows, cols) logits."""
        logits: Tensor = self.segmentation_head(self.decoder(self.encoder(x)))
        return logits


def build(name: str, bands: int | tuple[str, ...], window: int) -> nn.Module:
    """Stand for `l4s_training.models.build`: the small network with the options of the name."""
    _, options = models.parse(name)
    module: nn.Module = Small(bands if isinstance(bands, int) else len(bands))
    for option in options:
        module = models.OPTIONS[option](module)
    return module


def write_patches(folder: Path) -> None:
    """Write the official folders, with bright rectangles as landslides."""
    rng = np.random.default_rng(0)
    for name, count in COUNTS.items():
        writer = PatchWriter(folder / name)
        for _ in range(count):
            mask = np.zeros((SIDE, SIDE), bool)
            top, left = rng.integers(0, SIDE - 12, 2)
            mask[top : top + 12, left : left + 8] = True
            dn = rng.integers(500, 600, (len(BANDS), SIDE, SIDE)).astype(np.uint16)
            dn[12:] //= 20
            dn[1:4] += 400 * mask.astype(np.uint16)
            writer.add(dn, mask)


def check(recipe: Recipe, record: dict[str, Any]) -> None:
    """Check that a run's record names every stage, and scores each split that a published result was measured on."""
    if list(record["stages"]) != [stage.name for stage in recipe.stages]:
        raise ValueError(f"the record has the stages {', '.join(record['stages'])}")
    for row in recipe.published:
        if not 0 <= record["scores"][row.split]["f1"] <= 1:
            raise ValueError(f"F1 on {row.split} is {record['scores'][row.split]['f1']}")


def main() -> None:
    """Run all; a recipe that fails is named, and the exit status is then 1."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    models.build = build
    building.load_imagenet = lambda *_: None  # of a network that has no such weights
    write_patches(folder / "L4S")
    started, failed = time.perf_counter(), []
    names = recipe_files.names()
    for name in names:
        recipe = recipe_files.load(name)
        data = folder / "L4S" if isinstance(recipe.plan, OfficialSplit) else folder / "L4S" / "TrainData"
        try:
            run_recipe(recipe, [data], folder / name, smoke=True, quiet=True, stages=folder / "stages")
            check(recipe, json.loads((folder / name / RUN).read_text(encoding="utf-8")))
        except Exception as error:  # whatever it is, the recipe is to be named
            failed.append(f"{name}: {type(error).__name__}: {error}")
    print(
        f"{len(names)} recipes, {len(list((folder / 'stages').iterdir()))} stages, "
        f"{time.perf_counter() - started:.0f} s"
    )
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()

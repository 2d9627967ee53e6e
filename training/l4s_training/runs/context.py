"""What every stage of a recipe run is told: the recipe, its data, where the stages are, and what trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from l4s_training.config.recipe import Recipe
from l4s_training.runs.recipe_data import RecipeData, Sources
from l4s_training.training.hardware import Hardware, is_first_process
from l4s_training.training.network_run import NetworkRun, read_network_run

__all__ = ["RunContext"]


@dataclass(frozen=True)
class RunContext:
    """One recipe run: what its stages share."""

    recipe: Recipe
    sources: Sources
    data: RecipeData
    folders: Mapping[str, Path]
    """The folder of each stage, by its name."""
    hardware: Hardware
    quiet: bool
    """Whether nothing is printed."""

    def network_run(self, stage: str) -> NetworkRun:
        """Read the network run of an earlier `Train` stage."""
        return read_network_run(self.folders[stage])

    def say(self, text: str) -> None:
        """Print a line, once for all processes."""
        if not self.quiet and is_first_process():
            print(text, flush=True)

"""The record of a recipe run: ``run.json`` with data, environment, result and scores, and ``recipe.yaml``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError, L4SError
from l4s_training.config import recipe_files
from l4s_training.config.recipe import Ensemble, Recipe
from l4s_training.files import write_text
from l4s_training.runs.recipe_data import Sources
from l4s_training.runs.result import Result
from l4s_training.training.network_run import CONFIG, read_network_run

__all__ = [
    "RECIPE",
    "RUN",
    "begin_record",
    "check_folder",
    "finish_record",
    "fitted_weights",
    "result_of",
    "scores_of",
]

RUN, RECIPE = "run.json", "recipe.yaml"
_PACKAGES = ("l4s-geo", "torch", "lightning", "segmentation-models-pytorch", "timm", "numpy", "safetensors")


def check_folder(recipe: Recipe, out: Path) -> None:
    """Check that a folder holds no run of another recipe.

    Raises:
        DataError: it does.
    """
    path = out / RECIPE
    if path.is_file() and path.read_text(encoding="utf-8") != recipe.text:
        raise DataError(f"{out} holds the run of another recipe; choose another --out, or delete that folder.")


def begin_record(recipe: Recipe, sources: Sources, smoke: bool, out: Path) -> dict[str, Any]:
    """Write what is known of a recipe run before it begins, and return it.

    Raises:
        OutputError: the disk is full.
    """
    record = {
        "recipe": recipe.name,
        "description": recipe.description,
        "data": list(sources.data),
        "target": list(sources.target),
        "negatives": list(sources.negatives),
        "smoke": smoke,
        "environment": _environment(),
    }
    write_text(out / RECIPE, recipe.text)
    _write(out, record)
    return record


def finish_record(
    record: Mapping[str, Any],
    folders: Mapping[str, Path],
    result: Result,
    scores: Mapping[str, Mapping[str, float]],
    out: Path,
) -> None:
    """Write what a recipe run has come to.

    Args:
        record: what `begin_record` returned.
        folders: of the stages, by name.
        result: what the run predicts with.
        scores: of each role, by name.
        out: folder of the run.

    Raises:
        OutputError: the disk is full.
    """
    came_of_it = {
        "stages": {name: os.path.relpath(folder, out) for name, folder in folders.items()},
        "result": {
            "folders": [os.path.relpath(folder, out) for folder in result.folders],
            "weights": list(result.weights),
            "crf": asdict(result.crf) if result.crf else None,
            "threshold": result.threshold,
        },
        "scores": scores,
    }
    _write(out, {**record, **came_of_it})


def result_of(folder: Path) -> Result:
    """Return what the folder of a recipe run or of a network run predicts with.

    Raises:
        DataError: the folder holds neither, or a recipe run that is not finished.
    """
    if (folder / CONFIG).is_file():
        best = read_network_run(folder).best
        return Result((folder,), (1.0,), threshold=best.threshold if best else 0.5)
    try:
        entries = json.loads((folder / RUN).read_text(encoding="utf-8"))
        if "result" not in entries:
            raise DataError(
                f"The recipe run in {folder} is not finished; start it again with the same command, it goes on."
            )
        result = entries["result"]
        return Result(
            tuple(Path(os.path.normpath(folder / f)) for f in result["folders"]),
            tuple(result["weights"]),
            CRFParameters(**result["crf"]) if result["crf"] else None,
            result["threshold"],
        )
    except OSError as error:
        raise DataError(
            f"{folder} is neither a recipe run nor a network run ({error}); name a folder that `l4s-train run` or "
            "`l4s-train fit` wrote."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, L4SError):
            raise
        raise DataError(
            f"{folder / RUN} is damaged ({type(error).__name__}: {error}); run the recipe again."
        ) from error


def fitted_weights(folder: Path) -> bool:
    """Whether a recipe run weighs the networks of its result by what validation patches say; False for a network run.

    Raises:
        DataError: its recipe is damaged.
    """
    path = folder / RECIPE
    return path.is_file() and any(
        isinstance(stage, Ensemble) and stage.weights == "fitted" for stage in recipe_files.load(path).stages
    )


def scores_of(folder: Path) -> dict[str, dict[str, float]]:
    """Return the scores of a finished recipe run: of each role F1, precision, recall and IoU."""
    scores: dict[str, dict[str, float]] = json.loads((folder / RUN).read_text(encoding="utf-8"))["scores"]
    return scores


def _write(out: Path, record: Mapping[str, Any]) -> None:
    write_text(out / RUN, json.dumps(record, indent=1) + "\n")


def _environment() -> dict[str, str]:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    here = {"python": platform.python_version(), "system": platform.platform(), "device": device}
    return here | {name: version(name) for name in _PACKAGES}

"""What is measured: a run, of one network or of a recipe, or a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from l4s_training.data import splits
from l4s_training.data.patches import Patches
from l4s_training.runs import prediction as evaluate
from l4s_training.runs import recipe_run as stages
from l4s_training.training.network_run import CONFIG, read_run

__all__ = ["Subject", "subject_of"]


@dataclass(frozen=True)
class Subject:
    """Something that predicts."""

    bands: tuple[str, ...]
    """Bands of the patches that it takes, in order."""
    threshold: float
    """Probability from which a pixel counts as landslide."""
    plan: splits.Plan | None
    """Split that it was trained with; None for a bundle."""
    predictor: Callable[[Patches], evaluate.Predict]
    """Makes the function that predicts windows of these patches."""


def subject_of(run_or_bundle: str) -> Subject:
    """Open a folder that ``l4s-train run`` or ``fit`` wrote, or a bundle (a folder, a zip, or an installed one's name).

    Raises:
        BundleError: it is neither.
        DataError: it is a run that is not finished, or damaged.
    """
    folder = Path(run_or_bundle)
    if (folder / CONFIG).is_file() or (folder / stages.RUN).is_file():
        result = stages.result_of(folder)
        config = read_run(result.folders[0]).config
        return Subject(config.bands, result.threshold, config.plan, stages.predictors_of(result))
    from l4s_geo import load_bundle

    loaded = load_bundle(run_or_bundle)
    return Subject(loaded.bands, loaded.threshold, None, lambda patches: evaluate.bundle_predictor(loaded, patches))

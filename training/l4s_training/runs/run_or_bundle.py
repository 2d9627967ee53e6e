"""Opens what a user names to be measured or to predict: a recipe run, a network run or a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l4s_geo import load_bundle
from l4s_training.data import splits
from l4s_training.data.patches import Patches
from l4s_training.runs.prediction import Predict, bundle_predictor, predict_all, with_flips
from l4s_training.runs.record import RUN, result_of
from l4s_training.runs.result import predictors_of
from l4s_training.runs.smoke import SMOKE
from l4s_training.training.network_run import CONFIG, read_network_run

__all__ = ["RunOrBundle", "open_run_or_bundle"]


@dataclass(frozen=True)
class RunOrBundle:
    """A run or a bundle that predicts patches."""

    bands: tuple[str, ...]
    """Bands of the patches that it takes, in order."""
    threshold: float
    """Probability from which a pixel counts as landslide."""
    plan: splits.Plan | None
    """Split that it was trained with; None for a bundle."""
    smoke: bool
    """Whether it comes from a smoke run."""
    on: Callable[[Patches], Predict]
    """Makes the function that predicts windows of these patches."""

    def probabilities(self, patches: Patches, flips: bool = False) -> NDArray[np.float32]:
        """Predict patches.

        Args:
            patches: (n,), with the bands that it takes.
            flips: average the predictions of the eight flips and rotations.

        Returns:
            (n, rows, cols) float32 probabilities.
        """
        predict = self.on(patches)
        return predict_all(with_flips(predict) if flips else predict, patches)


def open_run_or_bundle(name_or_folder: str) -> RunOrBundle:
    """Open the folder of a recipe run or of a network run, or a bundle (a folder, a zip, or an installed one's name).

    Raises:
        BundleError: it is none of them.
        DataError: it is a run that is not finished, or damaged.
    """
    folder = Path(name_or_folder)
    if (folder / CONFIG).is_file() or (folder / RUN).is_file():
        result = result_of(folder)
        run = read_network_run(result.folders[0])
        config, smoke = run.config, run.learned_from.smoke
        return RunOrBundle(config.bands, result.threshold, config.plan, smoke, predictors_of(result))
    loaded = load_bundle(name_or_folder)
    smoke = loaded.bundle.trained_on.startswith(SMOKE)
    return RunOrBundle(loaded.bands, loaded.threshold, None, smoke, lambda patches: bundle_predictor(loaded, patches))

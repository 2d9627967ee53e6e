"""Measures a run or a bundle on labelled patches, with pixel counts pooled as in the competition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from l4s_geo.errors import DataError
from l4s_geo.normalize import Statistics, normalize, statistics_of
from l4s_geo.runtime import LoadedBundle
from l4s_training import models
from l4s_training.data.patches import Patches
from l4s_training.metrics import Scores
from l4s_training.run import WEIGHTS, Run

__all__ = ["Predict", "bundle_predictor", "evaluate", "load_network", "predict_all", "run_predictor", "with_flips"]

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(n, bands, rows, cols) float32 before normalisation -> (n, rows, cols) float32 probabilities."""

_BATCH = 32


def load_network(run: Run) -> nn.Module:
    """Build a run's network with its best weights, for inference on the CPU.

    Raises:
        DataError: the run has no checkpoint yet, or it does not fit the network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = run.folder / WEIGHTS
    network = models.build(run.config.network, run.config.bands, run.window)
    try:
        network.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise DataError(
            f"{path} does not hold the weights of {run.config.network} ({str(error).splitlines()[0]}); train again."
        ) from error
    return network.eval()


def run_predictor(run: Run, network: nn.Module, patches: Patches) -> Predict:
    """Predict with a run's network; for separated normalisation, with the statistics of these patches."""
    patches.check_scale(run.config.normalization)
    statistics = patches.statistics(run.config.normalization, run.statistics)

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            x = torch.from_numpy(normalize(windows, run.config.normalization, statistics))
            probabilities: NDArray[np.float32] = torch.sigmoid(network(x)[:, 0]).numpy()
        return probabilities

    return predict


def bundle_predictor(loaded: LoadedBundle, patches: Patches) -> Predict:
    """Predict with an exported bundle, in ONNX Runtime as the mapper does; the patches are one domain."""
    domain: Statistics | None = None
    for member in loaded.bundle.members:
        patches.check_scale(member.normalization)
        if member.normalization == "domain":
            domain = statistics_of(patches.windows(np.arange(len(patches))), "domain")
    return lambda windows: loaded.predict(windows, domain)


def with_flips(predict: Predict) -> Predict:
    """Average the predictions of the eight flips and rotations (test-time augmentation)."""

    def averaged(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros((len(windows), *windows.shape[2:]), np.float32)
        for transposed in (False, True):
            x = windows.swapaxes(2, 3) if transposed else windows
            for turns in range(4):
                y = np.rot90(predict(np.ascontiguousarray(np.rot90(x, turns, (2, 3)))), -turns, (1, 2))
                total += y.swapaxes(1, 2) if transposed else y
        total /= 8
        return total

    return averaged


def predict_all(predict: Predict, patches: Patches) -> NDArray[np.float32]:
    """Predict patches batch by batch; (n, rows, cols) float32 probabilities."""
    out = np.empty(patches.masks.shape, np.float32)
    for start in range(0, len(patches), _BATCH):
        index = np.arange(start, min(start + _BATCH, len(patches)))
        out[index] = predict(patches.windows(index))
    return out


def evaluate(predict: Predict, patches: Patches, threshold: float) -> Scores:
    """Score all patches together.

    Args:
        predict: see `Predict`.
        patches: labelled patches with the bands that ``predict`` takes.
        threshold: probability from which a pixel counts as landslide.
    """
    return Scores.of(predict_all(predict, patches) >= threshold, patches.masks)

"""Functions that predict windows of patches: with a network run, several, or a bundle; refined; with flips averaged.

Each is made for patches whose windows come, since separated normalisation needs their statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from l4s_geo.crf.mean_field import refine
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DataError
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.inference.tta import apply, undo, views
from l4s_geo.normalize import Statistics, median_scaled, normalize
from l4s_training.data.patches import Patches
from l4s_training.data.statistics import domain_statistics, statistics_of_patches
from l4s_training.models import mc_dropout
from l4s_training.training import checkpoint
from l4s_training.training.building import build_network
from l4s_training.training.network_run import WEIGHTS, NetworkRun
from l4s_training.training.scale_promotion import bring_back, promote

__all__ = [
    "Predict",
    "best_device",
    "bundle_predictor",
    "load_network",
    "mean_predictor",
    "on_best_device",
    "predict_all",
    "predict_network_run",
    "refined_predictor",
    "run_predictor",
    "sample_network_run",
    "with_flips",
]

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Predicts windows: from (n, bands, rows, cols) float32, before normalisation, to (n, rows, cols) float32
probabilities."""

_BATCH = 32


def load_network(run: NetworkRun) -> nn.Module:
    """Build the network of a network run with the weights kept, for inference on the CPU.

    Raises:
        DataError: the run has kept no weights yet, or they do not fit the network.
    """
    path = run.folder / WEIGHTS
    if not path.is_file():
        raise DataError(f"{path} does not exist; the training has kept no weights yet, so let it go on.")
    network = build_network(run.config, run.window)
    checkpoint.load_weights(network, checkpoint.read(path).tensors, path, run.config.network)
    return network.eval()


def run_predictor(run: NetworkRun, network: nn.Module, patches: Patches) -> Predict:
    """Predict with the network of a network run; for separated normalisation, with the statistics of these patches."""
    inputs = _Inputs(run, network, patches)

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.empty((len(windows), *windows.shape[2:]), np.float32)
        with torch.inference_mode():
            for part, x in inputs(windows):
                probabilities = torch.sigmoid(network(x)[:, 0].float())
                out[part] = bring_back(probabilities, windows.shape[-1]).cpu().numpy()
        return out

    return predict


def predict_network_run(run: NetworkRun, patches: Patches) -> NDArray[np.float32]:
    """Predict patches with the network of a network run; (n, rows, cols) float32 probabilities.

    Raises:
        DataError: the run has kept no weights yet, or they do not fit the network.
    """
    return predict_all(run_predictor(run, load_network(run).to(best_device()), patches), patches)


def sample_network_run(run: NetworkRun, patches: Patches) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Predict patches several times with Monte Carlo dropout.

    Args:
        run: its network has the option ``mc-dropout``.
        patches: (n,) to predict.

    Returns:
        Mean and variance of the probabilities, both (n, rows, cols) float32.

    Raises:
        DataError: the run has kept no weights yet, or they do not fit the network.
    """
    network = load_network(run).to(best_device())
    inputs = _Inputs(run, network, patches)
    mean, variance = np.empty(patches.masks.shape, np.float32), np.empty(patches.masks.shape, np.float32)
    torch.manual_seed(run.config.seed)
    for index in _batches(patches):
        for part, x in inputs(patches.windows(index)):
            for out, values in zip((mean, variance), mc_dropout.sample(network, x), strict=True):
                out[index[part]] = bring_back(values[:, 0].float(), patches.masks.shape[-1]).cpu().numpy()
    return mean, variance


def best_device() -> torch.device:
    """Return the GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def on_best_device(network: nn.Module) -> Iterator[nn.Module]:
    """Have a network on the GPU, where there is one, while the block runs, and then on the processor again."""
    try:
        yield network.to(best_device())
    finally:
        network.to("cpu")


class _Inputs:
    """Windows as a run's network sees them, in batches that fit its enlarged windows."""

    def __init__(self, run: NetworkRun, network: nn.Module, patches: Patches) -> None:
        patches.check_scale(run.config.normalization)
        self._run = run
        self._statistics = domain_statistics(patches, run.config.normalization, run.statistics)
        self._device = next((p.device for p in network.parameters()), torch.device("cpu"))

    def __call__(self, windows: NDArray[np.float32]) -> Iterator[tuple[slice, Tensor]]:
        config = self._run.config
        size = max(1, int(_BATCH / config.scale**2))
        for start in range(0, len(windows), size):
            part = slice(start, start + size)
            x = torch.from_numpy(normalize(windows[part], config.normalization, self._statistics)).to(self._device)
            yield part, x if config.scale == 1 else promote(x, config.scale)


def mean_predictor(predictors: Sequence[Predict], weights: Sequence[float]) -> Predict:
    """Average predictions; the weights may have any sum above zero."""
    total = sum(weights)

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        shares = [np.float32(w / total) * p(windows) for p, w in zip(predictors, weights, strict=True)]
        out: NDArray[np.float32] = np.sum(shares, axis=0, dtype=np.float32)
        return out

    return predict


def refined_predictor(predict: Predict, patches: Patches, parameters: CRFParameters, scaled: bool) -> Predict:
    """Refine predictions by a DenseCRF, each window by itself.

    Args:
        predict: what is refined.
        patches: whose windows come; their bands hold those of the parameters.
        parameters: of the CRF.
        scaled: whether its features are divided by their median, as for ``window`` normalisation.

    Raises:
        DataError: a band is missing.
    """
    if missing := [band for band in parameters.bands if band not in patches.bands]:
        raise DataError(
            f"The CRF looks at {', '.join(missing)}, which the data lacks; it has {', '.join(patches.bands)}."
        )
    picks = [patches.bands.index(band) for band in parameters.bands]

    def refined(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        features = windows[:, picks]
        features = median_scaled(features) if scaled else features
        return np.stack([refine(p, f, parameters) for p, f in zip(predict(windows), features, strict=True)])

    return refined


def bundle_predictor(loaded: LoadedBundle, patches: Patches) -> Predict:
    """Predict with an exported bundle, in ONNX Runtime as the mapper does; the patches are one domain."""
    domain: Statistics | None = None
    for member in loaded.bundle.members:
        patches.check_scale(member.normalization)
        if member.normalization == "domain":
            domain = statistics_of_patches(patches, "domain")
    return lambda windows: loaded.predict(windows, domain)


def with_flips(predict: Predict) -> Predict:
    """Average the predictions of the eight flips and rotations (test-time augmentation)."""

    def averaged(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        turned = [undo(predict(apply(windows, view)), view) for view in views("d4")]
        mean: NDArray[np.float32] = np.mean(turned, axis=0, dtype=np.float32)
        return mean

    return averaged


def predict_all(predict: Predict, patches: Patches) -> NDArray[np.float32]:
    """Predict patches batch by batch; (n, rows, cols) float32 probabilities."""
    out = np.empty(patches.masks.shape, np.float32)
    for index in _batches(patches):
        out[index] = predict(patches.windows(index))
    return out


def _batches(patches: Patches) -> Iterator[NDArray[np.int64]]:
    """Return the positions of patches, some at a time."""
    for start in range(0, len(patches), _BATCH):
        yield np.arange(start, min(start + _BATCH, len(patches)))

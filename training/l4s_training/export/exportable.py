"""Checks, before hours are spent on a training, that what comes of it can be exported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from l4s_geo.errors import DataError
from l4s_training.data.patches import Patches
from l4s_training.export.bench import settle, smooth_noise
from l4s_training.export.onnx_file import parity, to_onnx
from l4s_training.training.building import build_network
from l4s_training.training.network_run import NetworkConfig

__all__ = ["LONG", "check_exportable"]

LONG = 500
"""Steps from which a training is long: fewer take less time than the check is worth."""

_TOLERANCE = 0.01
"""Largest difference between torch and ONNX Runtime, both in float32, as a share of the range of the logits."""


def check_exportable(configs: Sequence[NetworkConfig], train: Patches) -> None:
    """Export each network with random weights and compare; do nothing for trainings that are short all together.

    Half precision is not judged: what the weights become decides that, and then they are exported in full.

    Args:
        configs: the trainings that are to come.
        train: the patches that they are trained on.

    Raises:
        DataError: a network cannot be exported.
    """
    if sum(_steps(config, len(train)) for config in configs) < LONG:
        return
    window = train.shape[-1]
    for config in {(c.network, c.bands, c.components, c.scale): c for c in configs}.values():
        if why := _failure(config, window):
            raise DataError(
                f"Network {config.network} cannot be exported as a bundle ({why}); choose another one, or train it all "
                "the same with --no-export-check."
            )


def _steps(config: NetworkConfig, patches: int) -> int:
    return config.iterations or config.epochs * -(-patches // config.batch)


def _failure(config: NetworkConfig, window: int) -> str:
    """Why a network cannot be exported; "" if it can."""
    side, bands = round(window * config.scale), len(config.bands)
    with torch.random.fork_rng(devices=[]):
        network = build_network(config, window)
        examples = smooth_noise(2, bands, side)
        settle(network, examples)
    try:
        worst = parity(to_onnx(network, bands, side, "full"), network, bands, side)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    with torch.inference_mode():
        span = float(np.ptp(network(examples).numpy()))
    return "" if worst <= _TOLERANCE * span else f"ONNX Runtime computes logits that differ by {worst:.2g}"

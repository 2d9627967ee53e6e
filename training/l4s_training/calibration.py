"""Probabilities that mean what they say: Platt scaling of a network's logits.

The Lovász hinge asks for the right order of the pixels and for a margin of 1, not for probabilities, so a network
trained with it calls nearly everything 0.3 to 0.7. An affine map of the logits, fitted to the validation blocks by
maximum likelihood (Platt 1999), mends that. It is increasing, so no detection changes when the threshold moves with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from torch import nn

__all__ = ["Calibrated", "Calibration", "calibration_error", "fit_calibration"]


@dataclass(frozen=True)
class Calibration:
    """Calibrated logit = slope · logit + intercept."""

    slope: float
    intercept: float


class Calibrated(nn.Module):
    """A network whose logits are calibrated."""

    def __init__(self, network: nn.Module, calibration: Calibration) -> None:
        super().__init__()
        self.network, self.calibration = network, calibration

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, bands, rows, cols) float32 normalised -> (n, 1, rows, cols) float32 calibrated logits."""
        logits: torch.Tensor = self.network(x) * self.calibration.slope + self.calibration.intercept
        return logits


def fit_calibration(logits: NDArray[np.float32], masks: NDArray[np.uint8]) -> Calibration:
    """Fit the map that makes the masks most likely.

    Args:
        logits: of any shape; of patches that were not trained on.
        masks: 0 or 1, of that shape.

    Returns:
        The calibration, its slope above zero.
    """
    x, y = logits.ravel().astype(np.float64), masks.ravel() > 0
    sign = np.where(y, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(parameters[0])
        margin = sign * (slope * x + parameters[1])
        gradient = -sign * expit(-margin)
        return float(np.logaddexp(0, -margin).mean()), np.array([(gradient * x).mean() * slope, gradient.mean()])

    # Bounds keep a network that has learnt nothing, or a set without landslides, finite.
    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-4, 4), (-20, 20)])
    return Calibration(float(np.exp(found.x[0])), float(found.x[1]))


def calibration_error(probabilities: NDArray[np.float32], masks: NDArray[np.uint8], bins: int = 15) -> float:
    """Expected calibration error: mean distance of probability and frequency, in bins of equal width.

    Args:
        probabilities: 0 to 1, of any shape.
        masks: 0 or 1, of that shape.
        bins: number of bins.
    """
    p, y = probabilities.ravel().astype(np.float64), masks.ravel() > 0
    at = np.minimum((p * bins).astype(np.int64), bins - 1)
    gap = np.bincount(at, p, bins) - np.bincount(at, y, bins)
    return float(np.abs(gap).sum() / p.size)

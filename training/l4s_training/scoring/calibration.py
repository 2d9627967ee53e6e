"""Probabilities that mean what they say: Platt scaling of a network's logits.

The Lovász hinge asks for the right order of the pixels and for a margin of 1, not for probabilities, so a network
trained with it calls nearly everything 0.3 to 0.7. An affine map of the logits, fitted to the validation blocks by
maximum likelihood (Platt 1999), mends that. It is increasing, so no detection changes when the threshold moves with it.

The mean of several calibrated networks is too timid where they agree. So an ensemble is calibrated once more, as a
whole: one affine map, the same for the logits of all members, makes the *mean* probability most likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from torch import nn

__all__ = [
    "IDENTITY",
    "Calibrated",
    "Calibration",
    "fit_calibration",
    "fit_ensemble",
    "logits_of",
]

_LEAST = 1e-7
"""Distance from 0 and 1 that a probability keeps when its logit is taken; float32 tells it from 1."""

_Float = TypeVar("_Float", np.float32, np.float64)
_Logits = TypeVar("_Logits", NDArray[np.float32], torch.Tensor)


@dataclass(frozen=True)
class Calibration:
    """An affine map of logits: slope · logit + intercept."""

    slope: float
    intercept: float

    def __call__(self, logits: _Logits) -> _Logits:
        """Return the calibrated logits."""
        return self.slope * logits + self.intercept

    def then(self, other: Calibration) -> Calibration:
        """Return the map that applies this one and then the other."""
        return Calibration(other.slope * self.slope, other.slope * self.intercept + other.intercept)


IDENTITY = Calibration(1.0, 0.0)
"""The map that leaves logits as they are."""


def logits_of(probabilities: NDArray[_Float]) -> NDArray[_Float]:
    """Return the finite logits of probabilities of any shape; 0 and 1 count as 1e-7 and 1 - 1e-7."""
    logits: NDArray[_Float] = logit(np.clip(probabilities, _LEAST, 1 - _LEAST))
    return logits


class Calibrated(nn.Module):
    """A network whose logits are calibrated."""

    def __init__(self, network: nn.Module, calibration: Calibration) -> None:
        super().__init__()
        self.network, self.calibration = network, calibration

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, bands, rows, cols) float32, normalised, to (n, 1, rows, cols) float32 calibrated logits."""
        logits: torch.Tensor = self.network(x)
        return self.calibration(logits)


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


def fit_ensemble(
    logits: Sequence[NDArray[np.float32]], weights: Sequence[float], masks: NDArray[np.uint8]
) -> Calibration:
    """Fit the map, common to all members, with which the weighted mean of their probabilities is most likely.

    Args:
        logits: of each member, calibrated by itself; of patches that were not trained on.
        weights: of each member, with the sum 1.
        masks: 0 or 1, of the logits' shape.

    Returns:
        The calibration, its slope above zero.
    """
    x = [values.ravel().astype(np.float64) for values in logits]
    y = masks.ravel() > 0

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(parameters[0])
        right, by_slope, by_intercept = np.zeros(y.size), np.zeros(y.size), np.zeros(y.size)
        for values, weight in zip(x, weights, strict=True):
            p = expit(slope * values + parameters[1])
            right += weight * np.where(y, p, 1 - p)
            growth = weight * np.where(y, 1, -1) * p * (1 - p)
            by_slope += growth * values * slope
            by_intercept += growth
        right = np.maximum(right, 1e-12)
        gradient = np.array([-(by_slope / right).mean(), -(by_intercept / right).mean()])
        return -float(np.log(right).mean()), gradient

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-2, 2), (-20, 20)])
    return Calibration(float(np.exp(found.x[0])), float(found.x[1]))

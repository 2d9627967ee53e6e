"""Several networks as one teacher: the mean of their probabilities, plain or weighted by what validation says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from l4s_geo.errors import DataError

__all__ = ["LEAST_WEIGHT", "fit_weights", "kept_members", "mean"]

LEAST_WEIGHT = 1e-3
"""A member that weighs less costs time and changes nothing: it is left out of an ensemble's result and of a bundle."""

_LEAST = 1e-6
"""Probabilities of the true class are at least this, so that one sure and wrong member does not decide alone."""


def mean(probabilities: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
    """Average probabilities over members  (Kingdrone).

    Args:
        probabilities: (members, n, rows, cols).
        weights: (members,), of any sum above zero; None weights all alike.

    Raises:
        DataError: there are no members, or not as many weights.
    """
    if not len(probabilities) or (weights is not None and len(weights) != len(probabilities)):
        count = "no" if weights is None else len(weights)
        raise DataError(
            f"An ensemble of {len(probabilities)} members has {count} weights; expected one for each member."
        )
    return np.average(probabilities, axis=0, weights=weights).astype(np.float32)


def fit_weights(probabilities: NDArray[np.floating], masks: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Find the weights with which the mean has the lowest cross-entropy on validation images.

    The cross-entropy is convex in the weights, so on the simplex there is one lowest value and it is found.

    Args:
        probabilities: (members, n, rows, cols), of the landslide class.
        masks: (n, rows, cols), 0 or 1.

    Returns:
        (members,) weights, none negative, with the sum 1.

    Raises:
        DataError: shapes do not fit, or a probability is outside 0 to 1.
    """
    if not len(probabilities) or probabilities.shape[1:] != masks.shape:
        raise DataError(
            f"Probabilities have the shape {probabilities.shape} and masks {masks.shape}; expected "
            "(members, n, rows, cols) and (n, rows, cols)."
        )
    if not (probabilities.size and probabilities.min() >= 0 and probabilities.max() <= 1):  # NaN fails both
        raise DataError("The members' probabilities are empty or outside 0 to 1; predict the validation images again.")
    members = len(probabilities)
    true = np.where(masks > 0, probabilities, 1 - probabilities).reshape(members, -1).astype(np.float64)
    true = np.maximum(true, _LEAST, out=true)

    def cross_entropy(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mixture = weights @ true
        return -float(np.log(mixture).mean()), -(true @ (1 / mixture)) / mixture.size

    start = np.full(members, 1 / members)
    found = minimize(
        cross_entropy,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-10, "maxiter": 200},
    )
    weights = np.clip(found.x, 0, None)
    weights /= weights.sum()
    return weights if cross_entropy(weights)[0] <= cross_entropy(start)[0] else start


def kept_members(weights: Sequence[float] | NDArray[np.floating]) -> list[int]:
    """Return the indices of the members that count: those that weigh `LEAST_WEIGHT` or more.

    Args:
        weights: (members,) weights with the sum 1, as `fit_weights` returns them.
    """
    return [index for index, weight in enumerate(weights) if weight >= LEAST_WEIGHT]

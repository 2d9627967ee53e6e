"""Learns the terrain prior of a bundle from labelled patches that hold elevations.

The factor on the odds is fitted to what the network does *not* know: a logistic regression of the label on the
network's logit, whose coefficient is held at 1, an intercept, and a function of the slope that is linear between knots
and never falls,

    logit P(landslide) = logit p + c + log g(slope).

(The plain ratio of the distributions of slope on and off landslides would count twice what the network sees.) The
steps of ``log g`` from knot to knot are shrunk towards 0 by a ridge penalty. The intercept is dropped, because patches
of a few places say nothing about how frequent landslides are elsewhere, and ``log g`` is 0 from the last knot on: the
prior takes detections away from flat ground and leaves slopes alone, so that the bundle's threshold stays good.

The slope is that of the elevations averaged to 30 m, as a user's DEM mostly is; slopes of finer DEMs are steeper, and
on them the prior is the more careful.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.optimize import minimize
from scipy.special import expit

from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.stack.terrain import horn, slope_of
from l4s_training.scoring.calibration import logits_of

__all__ = ["KNOTS", "SHRINKAGE", "coarse_slope", "learn_prior", "leave_one_out"]

KNOTS = (0.0, 5.0, 10.0)
"""Slopes between which the logarithm of the factor is linear, degrees. In the labelled patches 99 of 100 landslide
pixels are steeper than the last. Knots up to 20° score better there (steep mountains) and halve the recall at Iburi
(gentle hills: a tenth of the landslides lies under 11°)."""
SHRINKAGE = 1e-5
"""Weight of the ridge penalty: the one of the lowest cross-entropy when each labelled patch is left out in turn."""
_PIXEL = 10.0
_FACTOR = 3


def coarse_slope(elevation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the slope at 30 m of elevations at 10 m.

    Args:
        elevation: (n, rows, cols) float32, metres.

    Returns:
        (n, rows, cols) float32, degrees.
    """
    n, rows, cols = elevation.shape
    more = ((0, 0), (0, -rows % _FACTOR), (0, -cols % _FACTOR))
    padded = np.pad(elevation.astype(np.float64), more, mode="edge")
    coarse = padded.reshape(n, padded.shape[1] // _FACTOR, _FACTOR, -1, _FACTOR).mean((2, 4)).astype(np.float32)
    slopes = [
        zoom(slope_of(*horn(z, _PIXEL * _FACTOR)), _FACTOR, order=1, grid_mode=True, mode="nearest")[:rows, :cols]
        for z in coarse
    ]
    return np.stack(slopes).astype(np.float32)


def learn_prior(
    probabilities: NDArray[np.float32],
    masks: NDArray[np.uint8],
    slope: NDArray[np.float32],
    knots: Sequence[float] = KNOTS,
    shrinkage: float = SHRINKAGE,
) -> TerrainPrior:
    """Fit the prior.

    Args:
        probabilities: of a calibrated network, on patches that it was not trained on; any shape.
        masks: of that shape, 0 or 1.
        slope: of that shape, degrees.
        knots: degrees, ascending.
        shrinkage: weight of the ridge penalty on the steps.

    Returns:
        The prior, switched off.
    """
    x = logits_of(probabilities.ravel().astype(np.float64))
    sign = np.where(masks.ravel() > 0, 1.0, -1.0)
    steps = _steps(slope.ravel(), knots)

    def loss(t: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (x + t[0] + steps @ t[1:])
        gradient = -sign * expit(-margin) / len(x)
        value = np.logaddexp(0, -margin).mean() + shrinkage * (t[1:] ** 2).sum()
        return float(value), np.concatenate([[gradient.sum()], gradient @ steps + 2 * shrinkage * t[1:]])

    bounds = [(-20.0, 20.0)] + [(0.0, 20.0)] * (len(knots) - 1)
    found = minimize(loss, np.zeros(len(knots)), jac=True, method="L-BFGS-B", bounds=bounds).x
    rise = np.concatenate([[0.0], found[1:].cumsum()])
    return TerrainPrior(tuple(knots), tuple((rise - rise[-1]).round(3).tolist()), False)


def leave_one_out(
    probabilities: NDArray[np.float32], masks: NDArray[np.uint8], slope: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Apply to each patch the prior learned on the others; arrays of (n, rows, cols), see `learn_prior`."""
    out = np.empty_like(probabilities)
    for i in range(len(out)):
        others = np.arange(len(out)) != i
        prior = learn_prior(probabilities[others], masks[others], slope[others])
        out[i] = prior.apply(probabilities[i], slope[i])
    return out


def _steps(slope: NDArray[np.float32], knots: Sequence[float]) -> NDArray[np.float64]:
    """(m, knots - 1): how much of each step between knots a slope has climbed, 0 to 1."""
    low, high = np.asarray(knots[:-1]), np.asarray(knots[1:])
    climbed: NDArray[np.float64] = np.clip((slope[:, None].astype(np.float64) - low) / (high - low), 0, 1)
    return climbed

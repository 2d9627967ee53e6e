"""Terrain prior: how much more, or less, likely a landslide is on ground of a given slope than the networks think.

Flat bright ground (fields, gravel, roads) looks like a fresh scar to a network that sees no terrain. The prior is a
factor on the odds of landslide, ``odds = odds of the networks * g(slope)``, which is Bayes' rule for a slope that tells
something that the network's probability does not. ``g`` is learned with the bundle (``l4s-train export``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import BundleError

__all__ = ["TerrainPrior"]


@dataclass(frozen=True)
class TerrainPrior:
    """The factor on the odds of landslide by slope: linear in its logarithm between knots, constant beyond them."""

    slope: tuple[float, ...]
    """Slopes at which the factor is known (knots), in degrees, ascending."""
    log_ratio: tuple[float, ...]
    """Natural logarithm of the factor at each knot: it never falls, and is 0 at the typical slope of landslides."""
    on: bool
    """Whether the prior was measured to pay, so that it runs unless the user says no."""

    def __post_init__(self) -> None:
        slope, ratio = np.asarray(self.slope, float), np.asarray(self.log_ratio, float)
        if slope.ndim != 1 or len(slope) < 2 or slope.shape != ratio.shape:
            raise BundleError(
                f"The terrain prior has {slope.size} slopes and {ratio.size} factors; expected as many of one as of "
                "the other, and two or more."
            )
        if not (np.isfinite(slope).all() and slope[0] >= 0 and slope[-1] <= 90 and (np.diff(slope) > 0).all()):
            raise BundleError(
                f"The terrain prior has the slopes {', '.join(f'{s:g}' for s in slope)}; expected rising degrees from "
                "0 to 90."
            )
        if not (np.isfinite(ratio).all() and (np.diff(ratio) >= 0).all()):
            raise BundleError(
                f"The terrain prior has the factors {', '.join(f'{r:g}' for r in ratio)} (logarithms); expected finite "
                "ones that do not fall with the slope."
            )

    def apply(self, probability: NDArray[np.float32], slope: NDArray[np.float32]) -> NDArray[np.float32]:
        """Multiply the odds of landslide by the factor.

        Args:
            probability: probability of landslide, 0 to 1, of any shape; NaN where nothing was mapped.
            slope: slope of the ground in degrees, of the same shape; NaN where it is unknown.

        Returns:
            The new probability, float32; NaN where there was none, unchanged where the slope is unknown.
        """
        out = np.array(probability, np.float32)
        # From the last knot on, the factor is mostly 1: steep ground needs no arithmetic.
        weighed = slope < self.slope[-1] if self.log_ratio[-1] == 0 else np.isfinite(slope)
        before = out[weighed]
        factor = np.exp(np.interp(slope[weighed], self.slope, self.log_ratio).astype(np.float32))
        gained = before * factor
        out[weighed] = gained / (gained + (np.float32(1) - before))
        return out

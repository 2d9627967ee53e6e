"""What looks like a cloud by its colours alone: red, green and blue, for scenes that no better detector can judge.

A cloud is bright in blue, and as bright there as in red; soil is not. A logistic regression on the logarithms of the
three reflectances says how alike a colour is. It was fitted with ``l4s-train clouds``, which also measures it, and lies
beside this module as JSON. Opaque clouds are found; thin ones, haze and shadows are not, and snow passes for a cloud.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEATURES", "MODEL", "CloudColours", "cloud_colours", "features"]

MODEL = Path(__file__).parent / "models" / "clouds.json"
"""The embedded model."""

FEATURES = ("blue", "blue_red", "green_red", "less_blue_than_red")
"""The logarithm of blue (of digital numbers over 1000), those of blue over red and of green over red, and that of blue
over red where it is negative."""

_UNIT = np.float32(1000)
_DARKEST = np.float32(1)


@dataclass(frozen=True)
class CloudColours:
    """A model that tells clouds from ground by their colours."""

    weights: Mapping[str, float]
    """Coefficient of each feature."""
    intercept: float
    threshold: float = 0.5
    """Probability from which a colour is a cloud's."""

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return how probable it is that colours are a cloud's.

        Args:
            values: (3, ...) red, green and blue as digital numbers; NaN where unknown.

        Returns:
            (...) float32, 0 to 1; NaN where a band is unknown.
        """
        weights = np.array([self.weights[name] for name in FEATURES], np.float32)
        logit = np.tensordot(weights, features(values), 1) + np.float32(self.intercept)
        out: NDArray[np.float32] = 1 / (1 + np.exp(-logit))
        return out

    def found(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return where colours are a cloud's: (...) bool, False where they are unknown."""
        seen: NDArray[np.bool_] = self(values) >= self.threshold
        return seen


def features(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return what the model looks at: (features, ...) float32, of (3, ...) red, green and blue as digital numbers."""
    red, green, blue = np.log(np.maximum(values, _DARKEST) / _UNIT).astype(np.float32)
    return np.stack([blue, blue - red, green - red, np.minimum(blue - red, 0)])


@cache
def cloud_colours() -> CloudColours:
    """Return the embedded model."""
    told = json.loads(MODEL.read_text(encoding="utf-8"))
    return CloudColours(told["weights"], told["intercept"], told["threshold"])

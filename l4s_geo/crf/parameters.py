"""The parameters of the DenseCRF: kernels, iterations, and how far they reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from l4s_geo.bands import BANDS, RGB
from l4s_geo.errors import BundleError

__all__ = ["TRUNCATE", "CRFParameters", "halo", "radius", "reach"]


TRUNCATE = 3.0
"""How far a kernel reaches, in rows and in columns: so many of its standard deviations."""
_MAX_SIGMA = 100.0


@dataclass(frozen=True)
class CRFParameters:
    """The DenseCRF's kernels and iterations; `dataclasses.asdict` gives JSON, ``CRFParameters(**json)`` reads it.

    The defaults come from the embedded bundle ``rgb`` on its validation blocks (``benchmarks/tune_crf.py``): only
    a ``bilateral_sigma_xy`` of 5 scores higher there, by 0.0004 in F1 at three times the cost. The best threshold for a
    refined probability is another one than without the CRF.
    """

    iterations: int = 5
    """Number of times that the mean field is updated."""
    gaussian_sigma: float = 1.5
    """Standard deviation of the Gaussian kernel, in pixels."""
    gaussian_weight: float = 0.0
    """Weight of the Gaussian kernel, in logits; 0 leaves it out."""
    bilateral_sigma_xy: float = 3.0
    """Standard deviation of the bilateral kernel in space, in pixels."""
    bilateral_sigma_value: float = 0.3
    """Standard deviation of the bilateral kernel over the features, in L4S units."""
    bilateral_weight: float = 1.0
    """Weight of the bilateral kernel, in logits; 0 leaves it out."""
    bands: tuple[str, ...] = RGB
    """Bands whose values are the features of the bilateral kernel."""
    active_from: float = 0.02
    """Probability from which a pixel is active: uncertain, or likely a landslide."""
    active_to: float = 1.0
    """Probability up to which a pixel is active; 1 refines the certain landslides too."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bands", tuple(self.bands))
        if isinstance(self.iterations, bool) or not isinstance(self.iterations, int) or not 0 <= self.iterations <= 100:
            raise BundleError(f"The CRF's iterations are {self.iterations!r}; expected a whole number from 0 to 100.")
        for name in ("gaussian_sigma", "bilateral_sigma_xy"):
            _check(name, getattr(self, name), "above 0 and at most 100 pixels", lambda v: 0 < v <= _MAX_SIGMA)
        _check("bilateral_sigma_value", self.bilateral_sigma_value, "above 0", lambda v: 0 < v < math.inf)
        for name in ("gaussian_weight", "bilateral_weight"):
            _check(name, getattr(self, name), "of 0 or more", lambda v: 0 <= v < math.inf)
        for name in ("active_from", "active_to"):
            _check(name, getattr(self, name), "from 0 to 1", lambda v: 0 <= v <= 1)
        if self.active_from > self.active_to:
            raise BundleError(
                f"The CRF's active_from is {self.active_from:g}, above its active_to, {self.active_to:g}; swap them."
            )
        if not self.bands or any(band not in BANDS for band in self.bands):
            raise BundleError(f"The CRF's bands are {self.bands}; expected at least one of {', '.join(BANDS)}.")


def reach(sigma: float, weight: float) -> int:
    """Return the radius of one kernel's window in pixels; 0 if it has no weight."""
    return math.ceil(TRUNCATE * sigma) if weight else 0


def radius(parameters: CRFParameters) -> int:
    """Return the distance, in rows and in columns, up to which pixels exchange messages."""
    return max(
        reach(parameters.gaussian_sigma, parameters.gaussian_weight),
        reach(parameters.bilateral_sigma_xy, parameters.bilateral_weight),
    )


def halo(parameters: CRFParameters) -> int:
    """Return the distance, in rows and in columns, beyond which nothing bears on a pixel's result."""
    return (parameters.iterations + 1) * radius(parameters)


def _check(name: str, value: float, expected: str, holds: Callable[[float], bool]) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not holds(value):
        raise BundleError(f"The CRF's {name} is {value!r}; expected a number {expected}.")

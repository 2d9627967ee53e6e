"""Normalisation of windows before a network sees them; training and inference call the same function.

Every kind ends in the same standardisation per band, ``(x - mean) / std``, clipped. They differ in whose
statistics are used and in what x is:

``fixed``
    x in L4S units, statistics of the training set.
``domain``
    x in L4S units, statistics of the domain the window comes from: of the scene when mapping, of each split
    when training. This is the *separated normalisation* of the competition's first place.
``window``
    x divided by the median of the window over all its bands and valid pixels, statistics of the training set
    after that division. The result does not change when a window is multiplied by a positive constant, which
    makes it independent of exposure, of the sensor's gain and of the value space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import BundleError
from l4s_geo.xp import namespace

__all__ = ["CLIP", "Normalization", "Statistics", "median_scaled", "normalize", "statistics_of"]

Normalization = Literal["fixed", "domain", "window"]
"""A kind of normalisation; see above."""

CLIP = 8.0
"""Number of standard deviations at which values are cut: B10 and clouds have very long tails."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each band, in the bundle's band order."""

    mean: tuple[float, ...]
    """Mean of each band: in L4S units, or a share of the window's median for the kind ``window``."""
    std: tuple[float, ...]
    """Standard deviation of each band, above 0, in the units of `mean`."""

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise BundleError(
                f"Statistics hold {len(self.mean)} means and {len(self.std)} deviations; "
                "they need one of each per band."
            )
        if not np.all(np.isfinite(self.mean)) or not all(0 < s < np.inf for s in self.std):
            raise BundleError("Statistics need finite means and deviations above zero.")


def median_scaled(windows: Any) -> Any:
    """Divide each window by its median over all bands and finite values.

    Args:
        windows: (n, bands, rows, cols) float32, of numpy or cupy; NaN marks invalid values.

    Returns:
        The same shape, dtype and module. A window without a positive median is returned as it is.
    """
    xp = namespace(windows)
    if xp is np:
        median = np.array([_median(window.ravel()) for window in windows], np.float32)
    else:
        from l4s_geo.window_median import medians

        median = medians(windows)
    median = xp.where(median > 0, median, np.float32(1))
    return windows / median[:, None, None, None]


def normalize(windows: Any, kind: Normalization, statistics: Statistics) -> Any:
    """Normalise windows for a network.

    Args:
        windows: (n, bands, rows, cols) float32, L4S units, of numpy or cupy; NaN marks invalid values.
        kind: see the module's docstring.
        statistics: one mean and deviation per band; for ``domain`` those of the windows' own domain.

    Returns:
        (n, bands, rows, cols) float32 within ±CLIP, of the windows' module; invalid values become 0, the mean.
    """
    xp = namespace(windows)
    mean, std = (xp.asarray(v, np.float32)[:, None, None] for v in (statistics.mean, statistics.std))
    z = median_scaled(windows) - mean if kind == "window" else windows - mean
    z /= std
    xp.clip(z, -CLIP, CLIP, out=z)
    z[xp.isnan(z)] = 0
    return z


def statistics_of(windows: Any, kind: Normalization) -> Statistics:
    """Compute the statistics that `normalize` needs for these windows.

    Args:
        windows: (n, bands, rows, cols) float32, L4S units, of numpy or cupy; NaN marks invalid values.
        kind: the normalisation they are for.

    Returns:
        Mean and deviation per band over all windows and valid pixels.
    """
    xp = namespace(windows)
    x = median_scaled(windows) if kind == "window" else windows
    per_band = [x[:, band].astype(np.float64) for band in range(x.shape[1])]
    return Statistics(
        tuple(float(xp.nanmean(values)) for values in per_band),
        tuple(float(xp.nanstd(values)) for values in per_band),
    )


def _median(values: NDArray[np.float32]) -> np.float32:
    """Return the median of the finite values, as `numpy.median` has it but ten times as fast; NaN if there is none."""
    finite = np.isfinite(values)
    if not finite.all():
        values = values[finite]
    middle = len(values) // 2
    if not middle:
        return values[0] if len(values) else np.float32(np.nan)
    # Numpy selects one element with vector instructions, but not two.
    parted = np.partition(values, middle)
    upper: np.float32 = parted[middle]
    return upper if len(values) % 2 else (parted[:middle].max() + upper) / np.float32(2)

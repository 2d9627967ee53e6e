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
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.errors import BundleError

__all__ = ["CLIP", "Kind", "Statistics", "median_scaled", "normalize", "statistics_of"]

Kind = Literal["fixed", "domain", "window"]

CLIP = 8.0
"""Standard deviations at which values are cut: B10 and clouds have very long tails."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each band, in the bundle's band order."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise BundleError(
                f"Statistics hold {len(self.mean)} means and {len(self.std)} deviations; "
                "they need one of each per band."
            )
        if not np.all(np.isfinite(self.mean)) or not all(0 < s < np.inf for s in self.std):
            raise BundleError("Statistics need finite means and deviations above zero.")


def median_scaled(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide each window by its median over all bands and finite values.

    Args:
        windows: (n, bands, rows, cols) float32; NaN marks invalid values.

    Returns:
        The same shape and dtype. A window without a positive median is returned as it is.
    """
    flat = windows.reshape(len(windows), -1)
    if np.isnan(flat).any():
        median = np.array([np.median(w[np.isfinite(w)]) if np.isfinite(w).any() else 1.0 for w in flat])
    else:
        median = np.median(flat, axis=1)
    median = np.where(median > 0, median, 1.0).astype(np.float32)
    scaled: NDArray[np.float32] = windows / median[:, None, None, None]
    return scaled


def normalize(windows: NDArray[np.float32], kind: Kind, statistics: Statistics) -> NDArray[np.float32]:
    """Normalise windows for a network.

    Args:
        windows: (n, bands, rows, cols) float32, L4S units; NaN marks invalid values.
        kind: see the module's docstring.
        statistics: one mean and deviation per band; for ``domain`` those of the windows' own domain.

    Returns:
        (n, bands, rows, cols) float32 within ±CLIP; invalid values become 0, the mean.
    """
    x = median_scaled(windows) if kind == "window" else windows
    mean = np.asarray(statistics.mean, np.float32)[:, None, None]
    std = np.asarray(statistics.std, np.float32)[:, None, None]
    z: NDArray[np.float32] = (x - mean) / std
    np.clip(z, -CLIP, CLIP, out=z)
    z[np.isnan(z)] = 0.0
    return z


def statistics_of(windows: NDArray[np.float32], kind: Kind) -> Statistics:
    """Compute the statistics that `normalize` needs for these windows.

    Args:
        windows: (n, bands, rows, cols) float32, L4S units; NaN marks invalid values.
        kind: the normalisation they are for.

    Returns:
        Mean and deviation per band over all windows and valid pixels.
    """
    x = median_scaled(windows) if kind == "window" else windows
    per_band = [x[:, band].astype(np.float64) for band in range(x.shape[1])]
    return Statistics(
        tuple(float(np.nanmean(values)) for values in per_band),
        tuple(float(np.nanstd(values)) for values in per_band),
    )

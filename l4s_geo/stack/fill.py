"""Pixels of spectral bands that show no ground: fill values that a file does not declare as nodata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from l4s_geo.sources.rasters import opened, sample
from l4s_geo.sources.scene import BandRef

__all__ = ["clear_beyond", "declared", "empty_pixels", "same_value"]

_LOWEST, _HIGHEST = -2000.0, 100_000.0
"""Digital numbers between which reflectances lie, with room for over-correction and for glare."""
_NOT_DARK = 500.0
"""Digital number of a band beside which another band of the same ground is not exactly 0."""
_REPEATED = 8
_SAME = 1e-5


def same_value(stored: NDArray[np.float32], nodata: float) -> NDArray[np.bool_]:
    """Tell which values are those of a nodata tag, which may have been rounded to six digits."""
    with np.errstate(invalid="ignore", over="ignore"):
        out: NDArray[np.bool_] = np.abs(stored - np.float32(nodata)) <= np.float32(_SAME * abs(nodata))
    out |= stored == np.float32(nodata)
    return out


def empty_pixels(stored: NDArray[np.float32], bands: Sequence[str], factors: Sequence[float]) -> NDArray[np.bool_]:
    """Tell which pixels hold no ground.

    Sentinel-2 marks pixels without data by 0 in every band; others put one negative value into all. At the edge of
    a swath the bands end at different pixels, so that one is 0 beside bands that see ordinary ground.

    Args:
        stored: (bands, rows, cols) float32, spectral bands as files store them; NaN where nodata.
        bands: their names; B10 is 0 in good pixels too.
        factors: what makes digital numbers of the stored values, offsets aside.

    Returns:
        (rows, cols) bool.
    """
    first = stored[0]
    empty: NDArray[np.bool_] = first <= 0 if len(stored) > 1 else first == 0
    for other in stored[1:]:
        if not empty.any():
            break
        empty = empty & (other == first)
    zero = np.zeros(first.shape, bool)
    for values in (v for v, band in zip(stored, bands, strict=True) if band != "B10"):
        zero |= values == 0
    if (zero & ~empty).any():
        lit = np.zeros(first.shape, bool)
        for values, factor in zip(stored, factors, strict=True):
            lit |= values * np.float32(factor) >= _NOT_DARK
        empty = empty | (zero & lit)
    return empty


def clear_beyond(dn: NDArray[np.float32]) -> None:
    """Set digital numbers that no reflectance has to NaN, in place."""
    with np.errstate(invalid="ignore"):
        dn[(dn < _LOWEST) | (dn > _HIGHEST)] = np.nan


def declared(bands: Mapping[str, BandRef], names: Sequence[str]) -> dict[str, BandRef]:
    """Declare the negative fill of spectral bands as nodata, so that no resampling mixes it with its neighbours.

    A fill is the lowest value of a band, −1 or less, if it is repeated and no other is as low.

    Args:
        bands: the bands of a scene.
        names: the spectral ones.

    Raises:
        SceneError: a file cannot be read.
    """
    out = dict(bands)
    for name in names:
        ref = bands[name]
        with opened(ref.path, f"band {name}") as dataset:
            tag, signed = dataset.nodatavals[ref.index - 1], not dataset.dtypes[ref.index - 1].startswith("uint")
        if ref.nodata is not None or not signed:
            continue
        values = sample(ref, f"band {name}")
        lowest = float(np.nanmin(values)) if np.isfinite(values).any() else 0.0
        other = tag is not None and not np.isnan(tag) and not same_value(np.array([lowest], np.float32), tag)[0]
        if lowest <= -1 and not other and (values == np.float32(lowest)).sum() >= _REPEATED:
            out[name] = replace(ref, nodata=lowest)
    return out

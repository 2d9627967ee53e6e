"""Random fields and the small filters that every step of the simulation uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "fractal", "smoothstep"]

Array = NDArray[np.float32]
"""A (rows, cols) float32 raster."""


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float,
    wavelengths: tuple[float, float],
    beta: float = 3.0,
) -> Array:
    """Draw a Gaussian random field with a power-law spectrum between two wavelengths.

    Args:
        rng: source of randomness.
        shape: rows and columns.
        cell: size of a cell, m.
        wavelengths: shortest and longest wavelength in the field, m.
        beta: power falls with frequency as f^-beta (terrain: about 3).

    Returns:
        (rows, cols) float32 with mean 0 and standard deviation 1.
    """
    # A field of the next larger FFT-friendly square is cut, so that opposite borders do not match.
    side = int(2 ** np.ceil(np.log2(max(shape) * 1.05)))
    frequency = np.hypot(np.fft.fftfreq(side, cell)[:, None], np.fft.rfftfreq(side, cell)[None, :])
    low, high = 1.0 / wavelengths[1], 1.0 / wavelengths[0]
    with np.errstate(divide="ignore"):
        amplitude = np.where(frequency > 0, frequency, np.inf) ** (-beta / 2)
    # Soft band limits: a hard cut rings.
    amplitude *= np.exp(-((low / np.maximum(frequency, 1e-9)) ** 4)) * np.exp(-((frequency / high) ** 4))
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) * amplitude
    noise = np.fft.irfft2(spectrum, s=(side, side))[: shape[0], : shape[1]]
    noise -= noise.mean()
    result: Array = (noise / max(float(noise.std()), 1e-12)).astype(np.float32)
    return result


def smoothstep(x: NDArray[np.floating], low: float, high: float) -> Array:
    """Rise smoothly from 0 at ``low`` to 1 at ``high`` (falls if ``low`` > ``high``)."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    result: Array = (t * t * (3.0 - 2.0 * t)).astype(np.float32)
    return result

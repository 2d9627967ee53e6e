"""Refines probabilities with the bundle's DenseCRF, block by block, where something may be a landslide."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l4s_geo.crf.mean_field import BLOCK, refine_strips
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.grid import Window
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.inference.scene_statistics import sample_windows
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.stack.stack import Stack

__all__ = ["refine_surface"]


def refine_surface(
    stack: Stack,
    model: LoadedBundle,
    layers: ScratchRaster,
    parts: ResumeStore,
    parameters: CRFParameters,
) -> ScratchRaster:
    """Refine the probabilities; the spread stays that of the networks.

    Args:
        stack: the scene; must have the CRF's bands.
        model: the bundle that they are from.
        layers: what the networks said, see `l4s_geo.inference.predict.Prediction`.
        parts: where refined rows are kept, and taken from if they are there.
        parameters: the bundle's CRF parameters.

    Returns:
        Layers as given, with refined probabilities.

    Raises:
        L4SError: a file cannot be read, the device fails, or the disk is full.
    """
    scale = _scale(stack, model, parameters) if any(m.normalization == "window" for m in model.bundle.members) else 1.0
    refined = ScratchRaster(parts.path("refined.f32"), layers.bands, layers.width)
    start = refined.height // BLOCK * BLOCK if refined.height < layers.height else layers.height
    with parts.writing():
        refined.keep(start)

    def probability(window: Window) -> NDArray[np.float32]:
        known: NDArray[np.float32] = layers.read(window)[0]
        return known

    def features(window: Window) -> NDArray[np.float32]:
        values = stack.read(parameters.bands, window, model.bundle.optional)
        values /= np.float32(scale)
        return values

    row, shape = start, (layers.height, layers.width)
    device: Literal["cpu", "cuda"] = "cpu" if model.xp is np else "cuda"
    with model.active():
        for rows in refine_strips(shape, probability, features, parameters, device, BLOCK, start):
            whole = layers.read(Window(row, 0, len(rows), layers.width))
            whole[0] = rows
            with parts.writing():
                refined.append(whole)
            row += len(rows)
    return refined


def _scale(stack: Stack, model: LoadedBundle, parameters: CRFParameters) -> float:
    """Return the median of the bands over the scene; blocks divided by medians of their own would not fit together."""
    windows = sample_windows(stack, model.bundle.window)
    values = np.concatenate([stack.read(parameters.bands, w, model.bundle.optional).ravel() for w in windows])
    median = float(np.nanmedian(values)) if np.isfinite(values).any() else 1.0
    return median if median > 0 else 1.0

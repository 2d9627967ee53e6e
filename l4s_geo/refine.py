"""Refines a surface with the bundle's DenseCRF, block by block, where something may be a landslide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from l4s_geo.crf import CRFParameters, refine_blocks
from l4s_geo.errors import L4SError
from l4s_geo.grid import Window
from l4s_geo.predict import Surface, sample_windows
from l4s_geo.runtime import LoadedBundle
from l4s_geo.stack import Stack

__all__ = ["refine_surface", "wanted"]


def wanted(choice: str, model: LoadedBundle) -> bool:
    """Whether to run the CRF.

    Args:
        choice: "on", "off", or "auto" for what the bundle says.
        model: the bundle.

    Raises:
        L4SError: it is wanted and the bundle has no parameters for it.
    """
    if choice == "on" and model.bundle.crf is None:
        raise L4SError(f"The bundle {model.name} has no CRF parameters; leave --crf on out, or export it with --crf.")
    return choice == "on" or (choice == "auto" and model.bundle.crf is not None and model.bundle.crf.default)


def refine_surface(stack: Stack, model: LoadedBundle, surface: Surface, parameters: CRFParameters) -> Surface:
    """Refine the probabilities; the spread stays that of the networks.

    Args:
        stack: the scene; must have the CRF's bands.
        model: the bundle that made the surface.
        surface: what the networks said.
        parameters: the bundle's CRF parameters.
    """
    scale = _scale(stack, model, parameters) if any(m.normalization == "window" for m in model.bundle.members) else 1.0

    def features(window: Window) -> NDArray[np.float32]:
        values = stack.read(parameters.bands, window, model.bundle.optional)
        values /= np.float32(scale)
        return values

    return replace(surface, probability=refine_blocks(surface.probability, features, parameters, model.device))


def _scale(stack: Stack, model: LoadedBundle, parameters: CRFParameters) -> float:
    """Median of the bands over the scene: what windows are divided by, but one value, so that blocks fit together."""
    windows = sample_windows(stack, model.bundle.window)
    values = np.concatenate([stack.read(parameters.bands, w, model.bundle.optional).ravel() for w in windows])
    median = float(np.nanmedian(values)) if np.isfinite(values).any() else 1.0
    return median if median > 0 else 1.0

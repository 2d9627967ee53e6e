"""Networks by name.

A network takes ``(n, bands, rows, cols) float32``, normalised, and returns ``(n, 1, rows, cols) float32`` logits.
An architecture is one module that registers its variants in `NETWORKS`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from l4s_geo.errors import DataError
from l4s_training.models import unet

__all__ = ["NETWORKS", "build"]

NETWORKS: dict[str, Callable[[int], nn.Module]] = {**unet.VARIANTS}
"""Makes a freshly initialised network for a number of bands."""


def build(name: str, bands: int) -> nn.Module:
    """Make a network.

    Args:
        name: one of `NETWORKS`.
        bands: number of input bands.

    Raises:
        DataError: there is no network of that name.
    """
    if name not in NETWORKS:
        raise DataError(f"There is no network {name!r}; expected one of {', '.join(NETWORKS)}.")
    return NETWORKS[name](bands)

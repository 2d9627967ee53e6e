"""Losses on the overlap of prediction and truth, over all pixels of the batch: soft Dice and soft Jaccard."""

from __future__ import annotations

import torch
from torch import Tensor

from l4s_geo.errors import DataError
from l4s_training.losses.pixels import prepare

__all__ = ["dice", "jaccard"]


def dice(logits: Tensor, targets: Tensor, weight: Tensor | None = None, *, smooth: float = 1.0) -> Tensor:
    """Return the soft Dice loss over the batch, 1 - (2·|p·y| + s) / (|p| + |y| + s)  (Milletari et al. 2016).

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None.
        smooth: s, above 0; keeps a batch without landslides finite.

    Raises:
        DataError: s is not positive.
    """
    both, sizes = _overlap(logits, targets, weight, smooth)
    return 1 - (2 * both + smooth) / (sizes + smooth)


def jaccard(logits: Tensor, targets: Tensor, weight: Tensor | None = None, *, smooth: float = 1.0) -> Tensor:
    """Return the soft Jaccard loss over the batch, 1 - (|p·y| + s) / (|p| + |y| - |p·y| + s)  (Rahman, Wang 2016).

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None.
        smooth: s, above 0; keeps a batch without landslides finite.

    Raises:
        DataError: s is not positive.
    """
    both, sizes = _overlap(logits, targets, weight, smooth)
    return 1 - (both + smooth) / (sizes - both + smooth)


def _overlap(logits: Tensor, targets: Tensor, weight: Tensor | None, smooth: float) -> tuple[Tensor, Tensor]:
    """|p·y|, and |p| + |y|."""
    if smooth <= 0:
        raise DataError(f"The constant 'smooth' of an overlap loss is {smooth}; expected a value above zero.")
    logits, targets, weight = prepare(logits, targets, weight)
    p = torch.sigmoid(logits)
    return (weight * p * targets).sum(), (weight * (p + targets)).sum()

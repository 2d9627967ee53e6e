"""Losses for a landslide class that fills a few per cent of the pixels.

All take logits and 0/1 targets of one shape, (n, rows, cols) float32, and return a scalar.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["cross_entropy", "dice", "lovasz_hinge"]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, mean over pixels."""
    return functional.binary_cross_entropy_with_logits(logits, targets)


def dice(logits: Tensor, targets: Tensor, smooth: float = 1.0) -> Tensor:
    """Soft Dice loss over the batch, 1 - (2·|p·y| + s) / (|p| + |y| + s)  (Milletari et al. 2016).

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        smooth: s; keeps a batch without landslides finite.
    """
    p = torch.sigmoid(logits)
    return 1 - (2 * (p * targets).sum() + smooth) / (p.sum() + targets.sum() + smooth)


def lovasz_hinge(logits: Tensor, targets: Tensor, per_image: bool = False) -> Tensor:
    """Lovász hinge: the convex surrogate of the Jaccard loss  (Berman et al. 2018, algorithm 1).

    The errors ``1 - logit * sign`` are sorted in descending order and weighted by the growth of the Jaccard
    loss as their pixels become wrong one after the other: ⟨relu(errors), ΔJaccard⟩.

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        per_image: mean of the loss of each image, instead of one over all pixels of the batch (which is
            nearer to a score that pools its counts over a whole split).
    """
    if per_image:
        return torch.stack([lovasz_hinge(x, y) for x, y in zip(logits, targets, strict=True)]).mean()
    flat, labels = logits.reshape(-1), targets.reshape(-1)
    errors, order = torch.sort(1 - flat * (2 * labels - 1), descending=True)
    return torch.dot(torch.relu(errors), _jaccard_growth(labels[order]))


def _jaccard_growth(labels: Tensor) -> Tensor:
    """How much each pixel, in this order, adds to the Jaccard loss when it becomes wrong."""
    total = labels.sum()
    intersection = total - labels.cumsum(0)
    union = total + (1 - labels).cumsum(0)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])

"""The Lovász losses: convex surrogates of the Jaccard loss  (Berman, Rannen Triki, Blaschko 2018).

The pixels' errors are sorted in descending order and weighted by the growth of the Jaccard loss as their pixels become
wrong one after the other: ⟨errors, ΔJaccard⟩. That is the Lovász extension of the Jaccard loss, a function of *sets* of
wrong pixels, so a target above one half is landslide and any other is background; mix-up mixes losses, not targets.

`per_image` takes the mean of the loss of each image, instead of one loss over all pixels of the batch, which is nearer
to a score that pools its counts over a whole split.
"""

from __future__ import annotations

import torch
from torch import Tensor

from l4s_training.losses.pixels import descending, prepare, weighted_mean

__all__ = ["lovasz_hinge", "lovasz_softmax"]


def lovasz_hinge(logits: Tensor, targets: Tensor, weight: Tensor | None = None, *, per_image: bool = False) -> Tensor:
    """Return the Lovász hinge, of errors relu(1 - logit·sign)  (Berman et al. 2018, algorithm 1).

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None; a pixel counts where it is above 0.
        per_image: the mean over images.
    """
    logits, landslide, counts = _groups(logits, targets, weight, per_image)
    errors = 1 - logits * torch.where(landslide, 1, -1)
    return weighted_mean(_extensions(errors, landslide[None], counts)[0], counts.any(1))


def lovasz_softmax(logits: Tensor, targets: Tensor, weight: Tensor | None = None, *, per_image: bool = False) -> Tensor:
    """Return the Lovász-softmax loss, of errors 1 - p of the true class  (Berman et al. 2018).

    It is the mean over the classes that are present. Their logits are 0 and the landslide's, so that the softmax is the
    sigmoid.

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None; a pixel counts where it is above 0.
        per_image: the mean over images.
    """
    logits, landslide, counts = _groups(logits, targets, weight, per_image)
    errors = torch.sigmoid(torch.where(landslide, -logits, logits))
    classes = torch.stack([landslide, ~landslide]) & counts
    present = classes.any(2)
    means = (_extensions(errors, classes, counts) * present).sum(0) / present.sum(0).clamp_min(1)
    return weighted_mean(means, counts.any(1))


def _groups(logits: Tensor, targets: Tensor, weight: Tensor | None, per_image: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, which pixels are landslide, which count; all (images or 1, pixels)."""
    logits, targets, weight = prepare(logits, targets, weight)
    shape = (len(logits) if per_image else 1, -1)
    return logits.reshape(shape), targets.reshape(shape) > 0.5, weight.reshape(shape) > 0


def _extensions(errors: Tensor, members: Tensor, counts: Tensor) -> Tensor:
    """⟨relu(errors), ΔJaccard⟩ of each class and group: (classes, groups).

    Args:
        errors: (groups, pixels).
        members: (classes, groups, pixels), which pixels are of the class; none that does not count.
        counts: (groups, pixels).
    """
    errors = torch.where(counts, torch.relu(errors), 0)
    order = descending(torch.where(counts, errors, -1))  # those that count first
    growth = _jaccard_growth(members.gather(2, order.expand_as(members)), errors.dtype)
    return (errors.gather(1, order) * growth).sum(2)


def _jaccard_growth(members: Tensor, dtype: torch.dtype) -> Tensor:
    """How much each pixel, in this order, adds to the Jaccard loss when it becomes wrong.

    Where intersection and union are I and U once it is wrong, a member adds 1 / U and any other pixel
    I / (U·(U - 1)); the differences of successive losses would cancel in float32.
    """
    found = members.cumsum(-1, dtype=torch.int32)
    left = found[..., -1:] - found
    wrong = torch.arange(1, members.shape[-1] + 1, device=members.device, dtype=torch.int32)
    intersection, union = left.to(dtype), (left + wrong).to(dtype)
    growth = torch.where(members, 1, intersection / (union - 1).clamp_min(1)) / union
    growth[..., :1] += found[..., -1:] == 0  # without members the first wrong pixel is the whole loss
    return growth

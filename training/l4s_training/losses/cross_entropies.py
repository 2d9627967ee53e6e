"""Cross-entropy and what is made of it for rare classes, noisy labels and hard pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from l4s_geo.errors import DataError
from l4s_training.losses.pixels import descending, prepare, weighted_mean

__all__ = [
    "cross_entropy",
    "focal",
    "image_cross_entropy",
    "ohem",
    "soft_cross_entropy",
    "weighted_cross_entropy",
]


def cross_entropy(logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the binary cross-entropy, the mean over pixels."""
    logits, targets, weight = prepare(logits, targets, weight)
    return weighted_mean(binary_cross_entropy_with_logits(logits, targets, reduction="none"), weight)


def weighted_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    weight: Tensor | None = None,
    *,
    ratio: float | None = None,
    clamp: float = 50.0,
) -> Tensor:
    """Return the cross-entropy in which a landslide pixel counts `ratio` times  (Ghorbanzadeh et al. 2022, eq. 3).

    The mean is over pixels, as in the paper; torch's ``CrossEntropyLoss(weight)`` divides by the sum of the class
    weights instead.

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None.
        ratio: weight of the landslide class; None takes background : landslide pixels of each image (Seek).
        clamp: an image's ratio is kept within 1 / clamp and clamp; the default is near the 1 : 49 of the data set.

    Raises:
        DataError: the ratio is not positive, or the clamp is below 1.
    """
    if ratio is not None and ratio <= 0:
        raise DataError(f"The class weight 'ratio' is {ratio}; expected a value above zero, or none for one per image.")
    if clamp < 1:
        raise DataError(f"The limit 'clamp' of the class weight is {clamp}; expected 1 or more.")
    logits, targets, weight = prepare(logits, targets, weight)
    positive = targets.new_full((), ratio) if ratio is not None else _class_ratio(targets, weight, clamp)
    values = binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=positive)
    return weighted_mean(values, weight)


def _class_ratio(targets: Tensor, weight: Tensor, clamp: float) -> Tensor:
    """(n, 1, 1): background over landslide pixels of each image."""
    landslide = targets.sum((1, 2), keepdim=True)
    background = (weight > 0).sum((1, 2), keepdim=True) - landslide
    return (background / landslide.clamp_min(1e-6)).clamp(1 / clamp, clamp)


def soft_cross_entropy(
    logits: Tensor, targets: Tensor, weight: Tensor | None = None, *, epsilon: float = 0.1
) -> Tensor:
    """Return the cross-entropy with smoothed labels  (Szegedy et al. 2016).

    It is (1 - ε)·NLL + ε·mean of -log p over the two classes.

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None.
        epsilon: ε, 0 to below 1.

    Raises:
        DataError: ε is out of range.
    """
    if not 0 <= epsilon < 1:
        raise DataError(f"The label smoothing 'epsilon' is {epsilon}; expected a value from 0 to below 1.")
    logits, targets, weight = prepare(logits, targets, weight)
    return cross_entropy(logits, targets * (1 - epsilon) + epsilon / 2, weight)


def focal(
    logits: Tensor, targets: Tensor, weight: Tensor | None = None, *, gamma: float = 2.0, alpha: float | None = None
) -> Tensor:
    """Return the focal loss, the mean over pixels of -α_t·(1 - p_t)^γ·log p_t  (Lin et al. 2017, eq. 5).

    A target between 0 and 1 mixes the losses of both classes.

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None.
        gamma: γ, 0 or more; 0 is cross-entropy.
        alpha: weight of the landslide class, background has 1 - α; None weights neither.

    Raises:
        DataError: γ or α is out of range.
    """
    if gamma < 0:
        raise DataError(f"The focusing 'gamma' is {gamma}; expected 0 or more.")
    if alpha is not None and not 0 <= alpha <= 1:
        raise DataError(f"The class weight 'alpha' is {alpha}; expected a value from 0 to 1, or none.")
    logits, targets, weight = prepare(logits, targets, weight)
    landslide, background = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    minus_log_p, minus_log_q = softplus(-logits), softplus(logits)
    of_landslide = landslide * torch.exp(-gamma * minus_log_q) * minus_log_p
    of_background = background * torch.exp(-gamma * minus_log_p) * minus_log_q
    return weighted_mean(targets * of_landslide + (1 - targets) * of_background, weight)


def ohem(
    logits: Tensor,
    targets: Tensor,
    weight: Tensor | None = None,
    *,
    share: float | None = None,
    keep_below: float | None = None,
) -> Tensor:
    """Return the cross-entropy of a batch's hardest pixels: online hard example mining  (Shrivastava et al. 2016).

    Args:
        logits: (n, rows, cols).
        targets: (n, rows, cols).
        weight: (n, rows, cols) or None.
        share: mean over this share of the pixels, rounded up, those of the highest loss; 0.25 where neither is given.
        keep_below: mean over the pixels whose true class has a probability, exp(-loss), below this; 0 if there is none.

    Raises:
        DataError: both are given, or one is out of range.
    """
    if share is not None and keep_below is not None:
        raise DataError("Hard example mining is given both 'share' and 'keep_below'; expected one of them.")
    for name, value in (("share", share), ("keep_below", keep_below)):
        if value is not None and not 0 < value <= 1:
            raise DataError(
                f"The option {name!r} of hard example mining is {value}; expected a value above 0, up to 1."
            )
    logits, targets, weight = prepare(logits, targets, weight)
    values = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if keep_below is not None:
        kept = values.detach() > -math.log(keep_below)
        return weighted_mean(values, weight * kept)
    values, weight = values.flatten(), weight.flatten()
    order = descending(torch.where(weight > 0, values, -1))
    count = torch.ceil((0.25 if share is None else share) * (weight > 0).sum())
    kept = torch.arange(len(order), device=order.device) < count
    return weighted_mean(values[order], weight[order] * kept)


def image_cross_entropy(image_logits: Tensor, targets: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the cross-entropy of "there is a landslide in this image"  (Ghorbanzadeh et al. 2022, eq. 2).

    The mean is over images. The paper writes the term of the images with a landslide only; this has both (ours).

    Args:
        image_logits: (n,).
        targets: (n, rows, cols); an image has a landslide where a target that counts is above one half.
        weight: (n, rows, cols) or None; an image whose pixels are all ignored is ignored too.

    Raises:
        ValueError: there are not as many logits as images.
    """
    if image_logits.shape != targets.shape[:1]:
        raise ValueError(f"Image logits have the shape {tuple(image_logits.shape)}; expected ({len(targets)},).")
    counts = torch.ones_like(targets, dtype=torch.bool) if weight is None else weight > 0
    labels = ((targets > 0.5) & counts).flatten(1).any(1)
    logits, labels, images = prepare(image_logits, labels, counts.flatten(1).any(1))
    return weighted_mean(binary_cross_entropy_with_logits(logits, labels, reduction="none"), images)

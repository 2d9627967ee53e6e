"""What a network is trained for: a weighted sum of losses, named as in a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from l4s_geo.errors import DataError
from l4s_training.losses import cross_entropies, lovasz, overlap
from l4s_training.naming import check_options, unknown

__all__ = ["LOSSES", "Objective", "Term"]

_OF_PIXELS: dict[str, Callable[..., Tensor]] = {
    "ce": cross_entropies.cross_entropy,
    "weighted-ce": cross_entropies.weighted_cross_entropy,
    "soft-ce": cross_entropies.soft_cross_entropy,
    "focal": cross_entropies.focal,
    "lovasz-hinge": lovasz.lovasz_hinge,
    "lovasz-softmax": lovasz.lovasz_softmax,
    "jaccard": overlap.jaccard,
    "dice": overlap.dice,
    "ohem": cross_entropies.ohem,
}

_OF_IMAGES: dict[str, Callable[..., Tensor]] = {"image-ce": cross_entropies.image_cross_entropy}

LOSSES: dict[str, Callable[..., Tensor]] = _OF_PIXELS | _OF_IMAGES
"""Every loss by its name in a recipe; ``image-ce`` takes the image logits in the place of the logits."""


@dataclass(frozen=True)
class Term:
    """One loss of an objective.

    Raises:
        DataError: there is no such loss, it has no such option, or a value is out of range.
    """

    loss: str
    """Name of the loss, one of `LOSSES`."""
    weight: float = 1.0
    """Factor on the loss, above zero."""
    options: Mapping[str, float | bool] = field(default_factory=dict)
    """The loss's keyword arguments."""

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise DataError(f"Loss {self.loss!r} has the weight {self.weight}; expected a value above zero.")
        check_options(f"loss {self.loss!r}", LOSSES[self.loss], self.options)
        pixel = torch.zeros(1, 1, 1)
        LOSSES[self.loss](pixel[:, 0, 0] if self.of_images else pixel, pixel, **self.options)  # checks the ranges

    @property
    def of_images(self) -> bool:
        """Whether it is a loss of image logits, not of pixels."""
        return self.loss in _OF_IMAGES


@dataclass(frozen=True)
class Objective:
    """A weighted sum of losses.

    Raises:
        DataError: it has no terms.
    """

    terms: tuple[Term, ...]
    """The losses, one or more."""

    def __post_init__(self) -> None:
        if not self.terms:
            raise DataError(f"The objective has no losses; expected at least one of {', '.join(LOSSES)}.")

    @property
    def needs_image_logits(self) -> bool:
        """Whether the network has to give an image logit (`l4s_training.models.image_head`)."""
        return any(term.of_images for term in self.terms)

    def __call__(
        self, logits: Tensor, targets: Tensor, weight: Tensor | None = None, image_logits: Tensor | None = None
    ) -> Tensor:
        """Compute the sum.

        Args:
            logits: (n, rows, cols).
            targets: (n, rows, cols) in 0 to 1.
            weight: (n, rows, cols), 0 ignores a pixel; None is 1 everywhere.
            image_logits: (n,), where `needs_image_logits`.

        Raises:
            DataError: the image logits are missing.
        """
        if self.needs_image_logits and image_logits is None:
            raise DataError(
                "The objective has the loss 'image-ce', but the network gives no image logit; "
                "add +image-head to its name."
            )
        values = [
            term.weight * LOSSES[term.loss](image_logits if term.of_images else logits, targets, weight, **term.options)
            for term in self.terms
        ]
        return torch.stack(values).sum()

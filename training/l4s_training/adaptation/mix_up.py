"""Mix-up within a domain: images and losses are mixed with others of their batch  (Zhang et al. 2018; Tanmlh).

    x̃ = λ·x + (1 - λ)·x[order],   loss = λ·L(x̃, y) + (1 - λ)·L(x̃, y[order]),   λ ~ Beta(α, α)

The losses are mixed, not the targets, so that it holds for losses that know whole labels only, such as Lovász's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.special import betaincinv
from torch import Tensor

from l4s_geo.errors import DataError
from l4s_training.losses import Objective

__all__ = ["MixUp", "mixed_loss"]


@dataclass(frozen=True)
class MixUp:
    """Mixes the images of a batch; λ is drawn once a step, for both domains."""

    alpha: float = 0.4
    """α of the Beta distribution; the published solution does not state it (ours)."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < float("inf"):
            raise DataError(f"Mix-up's alpha is {self.alpha}; expected a value above zero.")

    def draw(self, generator: torch.Generator) -> float:
        """Draw a step's λ; the generator is on the CPU, so that its state gives the same λ on every device."""
        even = float(torch.rand((), generator=generator, dtype=torch.float64))
        return float(betaincinv(self.alpha, self.alpha, even))

    def __call__(self, images: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mix the images of one domain.

        Args:
            images: (n, bands, rows, cols).
            share: λ, of `draw`.
            generator: draws the partners; on the CPU.

        Returns:
            The mixed images, and the order (n,) of their partners.
        """
        order = torch.randperm(len(images), generator=generator).to(images.device)
        return torch.lerp(images[order], images, share), order


def mixed_loss(
    objective: Objective,
    logits: Tensor,
    targets: Tensor,
    order: Tensor,
    share: float,
    weight: Tensor | None = None,
    image_logits: Tensor | None = None,
) -> Tensor:
    """Return λ·L(y) + (1 - λ)·L(y[order])  (Ghorbanzadeh et al. 2022, eq. 9).

    Args:
        objective: L.
        logits: (n, rows, cols) of the mixed images.
        targets: (n, rows, cols), as before mixing.
        order: (n,), from `MixUp`.
        share: λ, from `MixUp.draw`.
        weight: (n, rows, cols) or None, as before mixing.
        image_logits: (n,) or None, of the mixed images.
    """
    own = objective(logits, targets, weight, image_logits)
    partner = objective(logits, targets[order], None if weight is None else weight[order], image_logits)
    return share * own + (1 - share) * partner

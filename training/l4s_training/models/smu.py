"""SMU, a smooth maximum of x and αx (Biswas et al. 2022).

SMU(x) = [(1 + α)x + (1 − α)x·erf(μ(1 − α)x)] / 2, which tends to max(x, αx), a leaky ReLU, as μ grows, and to the
line (1 + α)x / 2 as μ vanishes. μ is learned; it starts moderate, because the paper's 1e6 overflows half
precision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SMU"]


class SMU(nn.Module):
    """The activation as a layer, for values of any shape.

    Args:
        alpha: α, the slope of the negative side.
        mu: μ at the start.
    """

    def __init__(self, alpha: float = 0.25, mu: float = 2.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.mu = nn.Parameter(torch.tensor(mu))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each value."""
        # factored, and in place, to touch memory less: at full resolution it costs more than the convolutions
        share = torch.erf(x * (self.mu * (1 - self.alpha))).mul_((1 - self.alpha) / 2).add_((1 + self.alpha) / 2)
        return x * share

    def extra_repr(self) -> str:
        """α, for the network's printout."""
        return f"alpha={self.alpha}"

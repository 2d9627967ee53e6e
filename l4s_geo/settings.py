"""How a scene is mapped: what a user can set, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.errors import L4SError
from l4s_geo.inference.tta import TTA, TestTimeAugmentation, views
from l4s_geo.inventory.vectorize import Connectivity

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Settings of a run; `l4s_geo.map_scene` explains them."""

    threshold: float
    """Probability."""
    min_area: float
    """m²."""
    overlap: int
    """Pixels."""
    tta: TestTimeAugmentation
    skip_flat: float
    """Degrees."""
    connectivity: Connectivity
    fill_holes: float
    """m²."""
    simplify: float
    """Metres."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise L4SError(f"The threshold is {self.threshold}; expected a probability above 0 and under 1.")
        for name in ("min_area", "skip_flat", "fill_holes", "simplify"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise L4SError(f"The setting {name} is {value}; expected 0 or more.")
        if self.tta not in TTA:
            raise L4SError(f"Test-time augmentation {self.tta!r} is unknown; expected one of {', '.join(TTA)}.")
        if self.connectivity not in (4, 8):
            raise L4SError(f"Connectivity {self.connectivity} is unknown; expected 4 or 8.")

    def check(self, bundle: Bundle, spread_wanted: bool) -> None:
        """Check that a bundle can do what is asked of it.

        Args:
            bundle: the bundle that is to run.
            spread_wanted: whether the spread is to be written.

        Raises:
            L4SError: the overlap or a spread is not possible with the bundle.
        """
        if not 0 <= self.overlap < bundle.window:
            raise L4SError(f"The overlap is {self.overlap} pixels; expected 0 to {bundle.window - 1}.")
        if spread_wanted and len(bundle.members) * len(views(self.tta)) == 1:
            raise L4SError(
                f"The bundle {bundle.name} has one network, which gives no spread by itself; let it see several views "
                "(--tta flips) or use an ensemble."
            )

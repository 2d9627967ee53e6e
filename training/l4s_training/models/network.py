"""What the registry knows about an architecture, and what it is told when it makes a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from l4s_geo.bands import BANDS
from l4s_geo.errors import DataError

__all__ = ["Architecture", "InputSpec"]


@dataclass(frozen=True)
class InputSpec:
    """The input that a network is made for."""

    bands: tuple[str, ...]
    """Names of the input bands in order; a name is "" where only their number is known."""
    window: int
    """Rows and columns of a window."""

    @property
    def count(self) -> int:
        """Number of input bands."""
        return len(self.bands)


@dataclass(frozen=True)
class Architecture:
    """One architecture: where it comes from, what it takes, how it is made."""

    name: str
    """Name of the network in a recipe."""
    paper: str
    """Authors and year of the architecture."""
    used_by: tuple[str, ...]
    """Who used it on Landslide4Sense: ``benchmark``, ``baseline``, a team of the competition, ``study``."""
    make: Callable[[InputSpec], nn.Module]
    """Makes it freshly initialised: (n, bands, rows, cols) float32 -> (n, 1, rows, cols) float32 logits."""
    divisor: int = 32
    """A window's rows and columns are multiples of this."""
    output_stride: int = 1
    """Pixels between the logits that the network computes; it interpolates the ones in between."""
    bands: tuple[str, ...] = BANDS
    """The bands that its paper gives it."""
    window: int = 128
    """The window that its paper gives it."""
    published: tuple[float, str] | None = None
    """Millions of parameters that others state or that their code has: how many, for which input and classes, where."""
    options: tuple[str, ...] = ()
    """Options (see `l4s_training.models.build`) that a paper used with it."""

    def build(self, bands: int | tuple[str, ...] = BANDS, window: int = 128) -> nn.Module:
        """Make the network.

        Args:
            bands: the input bands, or how many there are; 14 are taken as `l4s_geo.bands.BANDS`.
            window: rows and columns of a window.

        Raises:
            DataError: the architecture does not allow the window.
        """
        if isinstance(bands, int):
            bands = BANDS if bands == len(BANDS) else ("",) * bands
        if window <= 0 or window % self.divisor:
            raise DataError(
                f"{self.name} cannot take windows of {window} pixels; expected a multiple of {self.divisor}."
            )
        return self.make(InputSpec(tuple(bands), window))

"""A model of newness: how probable it is that a landslide came about between two dates.

A small model beside a bundle's networks. It weighs what the networks say of both dates and how the ground's colours
have changed; `l4s_geo.change.evidence` makes its inputs. It is fitted with ``l4s-train newness`` and lies in the bundle
as an ONNX file that takes ``evidence``, (n, features) float32, and returns logits, (n, 1) float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from l4s_geo.errors import BundleError

__all__ = ["INDICES", "Newness"]

INDICES = ("rdndvi", "greenness")
"""The measures of change that a model may take: with near infrared, and without."""


@dataclass(frozen=True)
class Newness:
    """One model of newness, for one measure of change."""

    file: str
    """Name of the ONNX file inside the bundle."""
    sha256: str
    """SHA-256 of the ONNX file, in hexadecimal digits."""
    index: str
    """The measure of change that it takes: "rdndvi" or "greenness"."""
    threshold: float
    """Probability of a new landslide from which a pixel counts as one."""
    features: tuple[str, ...]
    """Names of its inputs, in order."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """What was measured of it, by names like ``f1``."""

    def __post_init__(self) -> None:
        if self.index not in INDICES:
            raise BundleError(
                f"The model of newness {self.file!r} takes the index {self.index!r}; expected one of "
                f"{', '.join(INDICES)}."
            )
        if not 0 < self.threshold < 1:
            raise BundleError(
                f"The model of newness {self.file!r} has the threshold {self.threshold:g}; expected one in (0, 1)."
            )

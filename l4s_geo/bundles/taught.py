"""What a person taught a bundle: trees that decide by what its networks say and by what else is known of a pixel.

A *taught bundle* holds no networks. It names its base, an installed bundle, by the SHA-256 of the base's networks, and
holds one ONNX file of trees, which takes ``(n, features) float32``, the features in the order of their names, and
returns ``(n, 1) float32`` probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from l4s_geo.errors import BundleError

__all__ = ["Scores", "Taught"]


@dataclass(frozen=True)
class Scores:
    """Precision and recall at the threshold, by pixels, 0 to 1."""

    precision: float
    """Share of the pixels said to be landslide that are."""
    recall: float
    """Share of the landslides' pixels that were said to be."""

    def __post_init__(self) -> None:
        if not (0 <= self.precision <= 1 and 0 <= self.recall <= 1):
            raise BundleError(
                f"The precision is {self.precision:g} and the recall {self.recall:g}; expected 0 to 1 for both."
            )

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 if nothing is right."""
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-12)


@dataclass(frozen=True)
class Taught:
    """What was taught, on which base, from how many labels, and how well it does by itself."""

    base: str
    """Name of the base bundle, for people."""
    base_sha256: str
    """SHA-256 of the base bundle, `l4s_geo.bundles.bundle.Bundle.sha256`."""
    file: str
    """Name of the ONNX file of trees inside the bundle."""
    sha256: str
    """SHA-256 of that file, in hexadecimal digits."""
    features: tuple[str, ...]
    """Names of the features in order, see `l4s_geo.inference.features`."""
    sun: tuple[float, float] | None
    """Azimuth and elevation of the sun, degrees, where it was taught; None if that was unknown."""
    landslides: int
    """Number of polygons of landslides."""
    backgrounds: int
    """Number of polygons of background."""
    landslide_m2: float
    """Ground labelled landslide, m²."""
    background_m2: float
    """Ground labelled background, m², that of a fully looked-at area included."""
    scores: Scores
    """What the trees reached on labelled ground that lay apart from what they had seen."""
    base_scores: Scores
    """What the base reached on the same pixels, at the threshold that suits it best there."""
    before: str = ""
    """Name of the earlier scene it was taught with, which it then needs to map; empty if it was taught on one date."""
    base_location: Path | None = None
    """Where the base was found; None if it is not installed."""
    base_found: str = ""
    """What was found in place of the base, for the message; empty if it was found."""

    def __post_init__(self) -> None:
        if not self.features or len(set(self.features)) < len(self.features):
            raise BundleError("The taught bundle names no features, or one twice; teach it again.")

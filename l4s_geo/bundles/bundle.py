"""A model bundle: what a trained ensemble is on disk.

A bundle is a folder, or one zip of it, with ``bundle.json`` and one ONNX file per ensemble member.
``bundle.json`` is a STAC item that uses the Machine Learning Model extension (https://github.com/stac-extensions/mlm);
what that extension has no field for stands under ``l4s:``. Each network takes
``(n, bands, rows, cols) float32``, normalised, and returns ``(n, 1, rows, cols) float32`` logits. There is no
pickle anywhere, and every file's SHA-256 is checked when it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import BANDS
from l4s_geo.bundles.files import MAX_NETWORK, MAX_TEXT, read_file
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import BundleError
from l4s_geo.normalize import Normalization, Statistics

__all__ = ["CLASSES", "Bundle", "Confidence", "Member", "Refinement"]

CLASSES = ("high", "medium", "low")
"""Classes of confidence."""


@dataclass(frozen=True)
class Member:
    """One network of the ensemble and what it wants to be fed."""

    file: str
    """Name of the ONNX file inside the bundle."""
    sha256: str
    """Hex digest of that file."""
    architecture: str
    """Name of the network, for people."""
    bands: tuple[str, ...]
    """Input bands in order, each one of the bundle's."""
    normalization: Normalization
    statistics: Statistics
    """Mean and deviation per band; for kind ``domain`` those of the training domain."""
    weight: float = 1.0
    """Share in the ensemble's mean, relative to the other members'."""
    scale: float = 1.0
    """Scale promotion: windows are enlarged by this factor before the network sees them."""


@dataclass(frozen=True)
class Refinement:
    """How a bundle's probabilities are refined by a DenseCRF."""

    parameters: CRFParameters
    threshold: float
    """Refined probability from which a pixel counts as landslide."""
    default: bool
    """Whether it pays, so that it runs unless the user says no."""


@dataclass(frozen=True)
class Confidence:
    """How far a landslide can be trusted, by the mean probability of its pixels."""

    high: float
    """Mean probability from which the confidence is high."""
    medium: float
    """Mean probability from which it is medium; under it, it is low."""
    precision: Mapping[str, float] = field(default_factory=dict)
    """Share of the objects of each class that were right on the test blocks."""

    def __post_init__(self) -> None:
        if not 0 < self.medium <= self.high <= 1:
            raise BundleError(
                f"The confidence is high from {self.high:g} and medium from {self.medium:g}; expected probabilities "
                "above 0, the first not under the second."
            )
        for name, share in self.precision.items():
            if name not in CLASSES or not 0 <= share <= 1:
                raise BundleError(
                    f"The confidence states the precision {share:g} of the class {name!r}; expected 0 to 1 for some "
                    f"of {', '.join(CLASSES)}."
                )

    def classify(self, mean_probability: NDArray[np.floating[Any]]) -> NDArray[np.str_]:
        """Return the class of each landslide.

        Args:
            mean_probability: (n,) mean probability of each landslide's pixels.

        Returns:
            (n,) "high", "medium" or "low".
        """
        steps = (mean_probability >= self.medium).astype(np.int64) + (mean_probability >= self.high)
        return np.array(CLASSES[::-1])[steps]


@dataclass(frozen=True)
class Bundle:
    """A trained ensemble, described; `l4s_geo.inference.runtime.load_bundle` makes it runnable."""

    name: str
    version: str
    description: str
    bands: tuple[str, ...]
    """Bands that a scene must have, in the order in which `predict` takes them."""
    members: tuple[Member, ...]
    threshold: float
    """Probability from which a pixel counts as landslide: the F1 optimum on the validation blocks."""
    optional: Mapping[str, float] = field(default_factory=dict)
    """Bands among them that a scene may lack, and what stands for each then, in L4S units."""
    level: str = "L1C"
    """Processing level of the scenes it was trained on."""
    crf: Refinement | None = None
    """None if its export did not measure a DenseCRF."""
    prior: TerrainPrior | None = None
    """None if its export did not learn one."""
    confidence: Confidence | None = None
    """None if its export did not measure it."""
    window: int = 128
    """Rows and columns of a window, pixels of 10 m."""
    license: str = "MIT"
    trained_on: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Measured figures, by name."""
    created: str = "1970-01-01T00:00:00Z"
    location: Path = Path()
    """The folder or zip it was read from."""

    def __post_init__(self) -> None:
        if unknown := [b for b in self.bands if b not in BANDS]:
            raise BundleError(f"Bundle {self.name!r} asks for bands that do not exist: {', '.join(unknown)}.")
        if not self.members:
            raise BundleError(f"Bundle {self.name!r} holds no network.")
        if not 0 < self.threshold < 1:
            raise BundleError(f"Bundle {self.name!r} has threshold {self.threshold}; expected one in (0, 1).")
        for member in self.members:
            if not (member.weight > 0 and 1 <= member.scale <= 8):
                raise BundleError(
                    f"Network {member.file!r} of bundle {self.name!r} has weight {member.weight:g} and scale "
                    f"{member.scale:g}; expected a weight above 0 and a scale of 1 to 8."
                )
            if not set(member.bands) <= set(self.bands) or len(member.statistics.mean) != len(member.bands):
                raise BundleError(
                    f"Network {member.file!r} of bundle {self.name!r} has bands or statistics that do not "
                    "fit the bundle's bands; export the bundle again."
                )

    @property
    def sha256(self) -> str:
        """One digest for the ensemble: of its members' digests, in order."""
        return hashlib.sha256("".join(m.sha256 for m in self.members).encode()).hexdigest()

    def network(self, member: Member) -> bytes:
        """Read a member's ONNX file and check its hash.

        Raises:
            BundleError: the file is missing or is not the one that the bundle describes.
        """
        data = read_file(self.location, member.file, MAX_NETWORK)
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise BundleError(
                f"{self.location / member.file} does not have the SHA-256 that bundle.json states; the bundle "
                "is damaged or was altered, so fetch or export it again."
            )
        return data

    def card(self) -> str:
        """Read the model card, Markdown; "" if there is none."""
        try:
            return read_file(self.location, "README.md", MAX_TEXT).decode("utf-8", "replace")
        except BundleError:
            return ""

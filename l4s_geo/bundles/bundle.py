"""A model bundle: what a trained ensemble is on disk.

A bundle is a folder, or one zip of it, with ``bundle.json`` and one ONNX file per ensemble member.
``bundle.json`` is a STAC item that uses the Machine Learning Model extension (https://github.com/stac-extensions/mlm);
what that extension has no field for stands under ``l4s:``. Each network takes
``(n, bands, rows, cols) float32``, normalised, and returns ``(n, 1, rows, cols) float32`` logits. There is no
pickle anywhere, and every file's SHA-256 is checked when it is read. A bundle that was taught by a person
(`l4s_geo.bundles.taught`) has the networks of another, its base, which it does not hold itself.
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
from l4s_geo.bundles.newness import Newness
from l4s_geo.bundles.taught import Taught
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import BundleError
from l4s_geo.normalize import Normalization, Statistics

__all__ = ["CLASSES", "Bundle", "Confidence", "Member", "Refinement"]

CLASSES = ("high", "medium", "low")
"""The classes of confidence, the most certain first."""

_WIDEST = 4096
"""Pixels of a side of the largest window: larger ones would fill the memory."""


@dataclass(frozen=True)
class Member:
    """One network of a bundle's ensemble, and what it wants to be fed."""

    file: str
    """Name of the ONNX file inside the bundle."""
    sha256: str
    """SHA-256 of the ONNX file, in hexadecimal digits."""
    architecture: str
    """Name of the network's architecture, for people."""
    bands: tuple[str, ...]
    """The network's input bands in order, each of them one of the bundle's."""
    normalization: Normalization
    """How the network's windows are normalised, see `l4s_geo.normalize`."""
    statistics: Statistics
    """Mean and standard deviation of each band, in L4S units; for the kind ``domain`` those of the training domain."""
    weight: float = 1.0
    """Weight of the network's probabilities in the ensemble's mean, relative to the other networks' weights."""
    scale: float = 1.0
    """Scale promotion: windows are enlarged by this factor before the network sees them."""


@dataclass(frozen=True)
class Refinement:
    """How a bundle's probabilities are refined by a DenseCRF."""

    parameters: CRFParameters
    """The DenseCRF's kernels and iterations."""
    threshold: float
    """Probability after the refinement from which a pixel counts as landslide."""
    default: bool
    """Whether the DenseCRF was measured to pay, so that it runs unless the user says no."""


@dataclass(frozen=True)
class Confidence:
    """How the mean probability of a landslide's pixels tells how far it can be trusted."""

    high: float
    """Mean probability from which a landslide's confidence is high."""
    medium: float
    """Mean probability from which a landslide's confidence is medium; under it, the confidence is low."""
    precision: Mapping[str, float] = field(default_factory=dict)
    """Share of the objects of each class that were right on the test blocks, 0 to 1."""

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
    """The description of a trained ensemble; `l4s_geo.inference.runtime.load_bundle` makes it runnable."""

    name: str
    """Name under which the bundle is installed and called for."""
    version: str
    """Version of the bundle; one with other networks or another threshold is another version."""
    description: str
    """One sentence for people about what the bundle maps, and from what."""
    bands: tuple[str, ...]
    """Bands that a scene must have, in the order in which `predict` takes them."""
    members: tuple[Member, ...]
    """The networks of the ensemble, one or more."""
    threshold: float
    """Probability from which a pixel counts as landslide: the one with the best F1 on the validation blocks."""
    optional: Mapping[str, float] = field(default_factory=dict)
    """Bands that a scene may lack, and for each the value, in L4S units, that stands in its place then."""
    level: str = "L1C"
    """Processing level of the scenes that the networks were trained on: "L1C" or "L2A"."""
    crf: Refinement | None = None
    """How a DenseCRF refines the probabilities; None if the export did not measure one."""
    prior: TerrainPrior | None = None
    """How the slope of the ground weighs the probabilities; None if the export learned no terrain prior."""
    confidence: Confidence | None = None
    """The classes of confidence; None if the export did not measure them."""
    newness: tuple[Newness, ...] = ()
    """What tells new landslides from those that were there before, a model for each measure of change; empty if none
    was fitted."""
    window: int = 128
    """Rows and columns of the windows that the networks see, in pixels of 10 m."""
    license: str = "MIT"
    """Licence of the networks' weights, as SPDX names it."""
    trained_on: str = ""
    """A phrase for people that names the data that the networks were trained on."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """What was measured of the bundle, by names like ``test_f1``."""
    created: str = "1970-01-01T00:00:00Z"
    """Time of the export, UTC, as ISO 8601 writes it."""
    location: Path = Path()
    """The folder or zip that the bundle was read from."""
    taught: Taught | None = None
    """What a person taught it beyond its base's networks; None for a bundle of networks of its own."""

    def __post_init__(self) -> None:
        if unknown := [b for b in self.bands if b not in BANDS]:
            raise BundleError(f"Bundle {self.name!r} asks for bands that do not exist: {', '.join(unknown)}.")
        if not self.members:
            raise BundleError(f"Bundle {self.name!r} holds no network.")
        if not 0 < self.threshold < 1:
            raise BundleError(f"Bundle {self.name!r} has threshold {self.threshold}; expected one in (0, 1).")
        if not 1 <= self.window <= _WIDEST:
            raise BundleError(f"Bundle {self.name!r} has windows of {self.window:g} pixels; expected 1 to {_WIDEST}.")
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
        if self.taught and self.taught.base_sha256 != self.networks_sha256:
            raise BundleError(
                f"Bundle {self.name!r} describes other networks than those of its base {self.taught.base}; it was "
                "altered, so fetch it again or teach it again."
            )

    @property
    def networks_sha256(self) -> str:
        """One SHA-256 for all networks: that of their digests, in order."""
        return hashlib.sha256("".join(m.sha256 for m in self.members).encode()).hexdigest()

    @property
    def sha256(self) -> str:
        """One SHA-256 for all that decides: that of the networks, or that of its digest and that of the trees."""
        if self.taught is None:
            return self.networks_sha256
        return hashlib.sha256((self.networks_sha256 + self.taught.sha256).encode()).hexdigest()

    @property
    def files(self) -> tuple[Member | Newness | Taught, ...]:
        """All that has an ONNX file in the bundle: the networks, then the models of newness; or what was taught."""
        return (self.taught,) if self.taught else (*self.members, *self.newness)

    def network(self, member: Member | Newness | Taught) -> bytes:
        """Read the ONNX file of a network, of a model of newness, or of what was taught, and check its hash.

        Raises:
            BundleError: the file is missing or is not the one that the bundle describes, or the bundle was taught and
                its base is not installed.
        """
        if self.taught is None or isinstance(member, Taught):
            return _checked(self.location, member.file, member.sha256)
        if self.taught.base_location is None:
            raise BundleError(
                f"The bundle {self.name} was taught on the bundle {self.taught.base} with the SHA-256 "
                f"{self.taught.base_sha256}, and {self.taught.base_found}; install that bundle (l4s bundles add PATH), "
                "or teach again."
            )
        return _checked(self.taught.base_location, member.file, member.sha256)

    def card(self) -> str:
        """Read the bundle's model card, in Markdown; return "" if there is none."""
        try:
            return read_file(self.location, "README.md", MAX_TEXT).decode("utf-8", "replace")
        except BundleError:
            return ""


def _checked(location: Path, file: str, sha256: str) -> bytes:
    """Read an ONNX file of a bundle and check its hash."""
    data = read_file(location, file, MAX_NETWORK)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BundleError(
            f"{location / file} does not have the SHA-256 that bundle.json states; the bundle "
            "is damaged or was altered, so fetch or export it again."
        )
    return data

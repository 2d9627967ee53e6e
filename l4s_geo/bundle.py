"""A model bundle: what a trained ensemble is on disk.

A bundle is a folder, or one zip of it, with ``bundle.json`` and one ONNX file per ensemble member.
``bundle.json`` is a STAC item that uses the Machine Learning Model extension (https://github.com/stac-extensions/mlm);
what that extension has no field for stands under ``l4s:``. Each network takes
``(n, bands, rows, cols) float32``, normalised, and returns ``(n, 1, rows, cols) float32`` logits. There is no
pickle anywhere, and every file's SHA-256 is checked when it is read.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import BANDS
from l4s_geo.crf import CRFParameters
from l4s_geo.errors import BundleError
from l4s_geo.normalize import Kind, Statistics
from l4s_geo.prior import TerrainPrior

__all__ = ["Bundle", "Confidence", "Member", "Refinement", "read_bundle", "write_bundle"]

FORMAT_VERSION = 1
MLM_EXTENSION = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"

CLASSES = ("high", "medium", "low")
"""Classes of confidence."""

_MAX_JSON = 4 << 20
_MAX_NETWORK = 2 << 30
_SHA256_MULTIHASH = "1220"


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
    normalization: Kind
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
    """A trained ensemble, described; `l4s_geo.runtime.load_bundle` makes it runnable."""

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
        data = _read(self.location, member.file, _MAX_NETWORK)
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise BundleError(
                f"{self.location / member.file} does not have the SHA-256 that bundle.json states; the bundle "
                "is damaged or was altered, so fetch or export it again."
            )
        return data

    def card(self) -> str:
        """Read the model card, Markdown; "" if there is none."""
        try:
            return _read(self.location, "README.md", _MAX_JSON).decode("utf-8", "replace")
        except BundleError:
            return ""


def read_bundle(location: Path) -> Bundle:
    """Read a bundle's description.

    Args:
        location: a bundle's folder or zip.

    Raises:
        BundleError: it is damaged.
    """
    try:
        item = json.loads(_read(location, "bundle.json", _MAX_JSON))
    except ValueError as error:
        raise BundleError(f"{location / 'bundle.json'} is not valid JSON ({error}).") from error
    try:
        return _from_item(item, location)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(
            f"{location / 'bundle.json'} is not a bundle of format {FORMAT_VERSION} "
            f"({type(error).__name__}: {error}); export it again."
        ) from error


def write_bundle(bundle: Bundle, networks: Mapping[str, bytes], folder: Path, card: str = "") -> None:
    """Write a bundle's folder: its networks, ``bundle.json`` and the model card ``README.md``.

    Args:
        bundle: the description; each member's ``sha256`` must be that of its network.
        networks: ONNX files by member file name.
        folder: created if need be.
        card: the model card, Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for member in bundle.members:
        data = networks[member.file]
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise BundleError(f"The hash given for {member.file!r} is not that of its bytes.")
        (folder / member.file).write_bytes(data)
    (folder / "bundle.json").write_text(json.dumps(_to_item(bundle), indent=2) + "\n", encoding="utf-8")
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")


def _read(location: Path, name: str, limit: int) -> bytes:
    if PurePosixPath(name).name != name or name.startswith("."):
        raise BundleError(f"Bundle {location} names the file {name!r}; expected a plain file name inside it.")
    try:
        if location.is_dir():
            size = (location / name).stat().st_size
            _check_size(location, name, size, limit)
            return (location / name).read_bytes()
        with zipfile.ZipFile(location) as archive:
            entry = _entry(archive, name)
            _check_size(location, name, entry.file_size, limit)
            return archive.read(entry)
    except (OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise BundleError(f"Bundle {location} has no readable {name!r} ({error}).") from error


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Find a file at the archive's top, or in the one folder that the archive holds."""
    folders = {n.split("/", 1)[0] for n in archive.namelist()}
    if name not in archive.namelist() and len(folders) == 1:
        return archive.getinfo(f"{folders.pop()}/{name}")
    return archive.getinfo(name)


def _check_size(location: Path, name: str, size: int, limit: int) -> None:
    if size > limit:
        raise BundleError(f"{name!r} in bundle {location} has {size} bytes; at most {limit} are read.")


def _to_item(bundle: Bundle) -> dict[str, Any]:
    def mlm_input(member: Member) -> dict[str, Any]:
        side = round(bundle.window * member.scale)
        return {
            "name": member.file,
            "bands": list(member.bands),
            "input": {
                "shape": [-1, len(member.bands), side, side],
                "dim_order": ["batch", "bands", "height", "width"],
                "data_type": "float32",
            },
            "l4s:normalization": member.normalization,
            "value_scaling": [
                {"type": "z-score", "mean": m, "stddev": s}
                for m, s in zip(member.statistics.mean, member.statistics.std, strict=True)
            ],
            "l4s:architecture": member.architecture,
            "l4s:weight": member.weight,
            "l4s:scale": member.scale,
        }

    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM_EXTENSION, FILE_EXTENSION],
        "id": bundle.name,
        "geometry": None,
        "properties": {
            "datetime": bundle.created,
            "description": bundle.description,
            "version": bundle.version,
            "license": bundle.license,
            "mlm:name": bundle.name,
            "mlm:architecture": " + ".join(m.architecture for m in bundle.members),
            "mlm:tasks": ["semantic-segmentation"],
            "mlm:framework": "ONNX",
            "mlm:input": [mlm_input(m) for m in bundle.members],
            "mlm:output": [
                {
                    "name": "logit",
                    "tasks": ["semantic-segmentation"],
                    "result": {
                        "shape": [-1, 1, bundle.window, bundle.window],
                        "dim_order": ["batch", "channel", "height", "width"],
                        "data_type": "float32",
                    },
                    "classification:classes": [
                        {"value": 0, "name": "background"},
                        {"value": 1, "name": "landslide"},
                    ],
                }
            ],
            "l4s:format": FORMAT_VERSION,
            "l4s:value_space": "L4S units: raw / M, see l4s_geo.bands",
            "l4s:bands": list(bundle.bands),
            "l4s:optional": dict(bundle.optional),
            "l4s:level": bundle.level,
            "l4s:window": bundle.window,
            "l4s:threshold": bundle.threshold,
            "l4s:crf": asdict(bundle.crf) if bundle.crf else None,
            "l4s:terrain_prior": asdict(bundle.prior) if bundle.prior else None,
            "l4s:confidence": asdict(bundle.confidence) if bundle.confidence else None,
            "l4s:trained_on": bundle.trained_on,
            "l4s:scores": dict(bundle.scores),
        },
        "links": [],
        "assets": {
            m.file: {
                "href": m.file,
                "type": "application/octet-stream; application=onnx",
                "roles": ["mlm:model"],
                "mlm:artifact_type": "onnx",
                "file:checksum": _SHA256_MULTIHASH + m.sha256,
            }
            for m in bundle.members
        },
    }


def _from_item(item: dict[str, Any], location: Path) -> Bundle:
    properties = item["properties"]
    if properties["l4s:format"] != FORMAT_VERSION:
        raise BundleError(
            f"{location / 'bundle.json'} has format {properties['l4s:format']}; this version reads format "
            f"{FORMAT_VERSION}."
        )
    return Bundle(
        name=item["id"],
        version=properties["version"],
        description=properties["description"],
        bands=tuple(properties["l4s:bands"]),
        members=tuple(_member(entry, item["assets"]) for entry in properties["mlm:input"]),
        threshold=float(properties["l4s:threshold"]),
        optional={k: float(v) for k, v in properties.get("l4s:optional", {}).items()},
        level=properties.get("l4s:level", "L1C"),
        crf=_refinement(properties.get("l4s:crf")),
        prior=_prior(properties.get("l4s:terrain_prior")),
        confidence=_confidence(properties.get("l4s:confidence")),
        window=int(properties["l4s:window"]),
        license=properties["license"],
        trained_on=properties["l4s:trained_on"],
        scores={k: float(v) for k, v in properties["l4s:scores"].items()},
        created=properties["datetime"],
        location=location,
    )


def _refinement(entry: dict[str, Any] | None) -> Refinement | None:
    if entry is None:
        return None
    threshold = float(entry["threshold"])
    if not 0 < threshold < 1:
        raise BundleError(f"The CRF's threshold is {threshold:g}; expected one in (0, 1).")
    return Refinement(CRFParameters(**entry["parameters"]), threshold, bool(entry["default"]))


def _prior(entry: dict[str, Any] | None) -> TerrainPrior | None:
    if entry is None:
        return None
    return TerrainPrior(_numbers(entry["slope"]), _numbers(entry["log_ratio"]), bool(entry["on"]))


def _confidence(entry: dict[str, Any] | None) -> Confidence | None:
    if entry is None:
        return None
    precision = {str(k): float(v) for k, v in entry["precision"].items()}
    return Confidence(float(entry["high"]), float(entry["medium"]), precision)


def _numbers(values: list[Any]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _member(entry: dict[str, Any], assets: dict[str, Any]) -> Member:
    kind = entry["l4s:normalization"]
    if kind not in get_args(Kind):
        raise BundleError(f"Normalisation {kind!r} is unknown; expected one of {', '.join(get_args(Kind))}.")
    scaling = entry["value_scaling"]
    return Member(
        file=entry["name"],
        sha256=assets[entry["name"]]["file:checksum"].removeprefix(_SHA256_MULTIHASH),
        architecture=entry["l4s:architecture"],
        bands=tuple(entry["bands"]),
        normalization=cast(Kind, kind),
        statistics=Statistics(tuple(float(s["mean"]) for s in scaling), tuple(float(s["stddev"]) for s in scaling)),
        weight=float(entry["l4s:weight"]),
        scale=float(entry.get("l4s:scale", 1)),
    )

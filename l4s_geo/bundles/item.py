"""A bundle as a STAC item, and the folder that holds it.

``bundle.json`` is a STAC item that uses the Machine Learning Model extension (https://github.com/stac-extensions/mlm);
what that extension has no field for stands under ``l4s:``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast, get_args

from l4s_geo.bundles.bundle import Bundle, Confidence, Member, Refinement
from l4s_geo.bundles.files import MAX_TEXT, read_file
from l4s_geo.bundles.newness import Newness
from l4s_geo.bundles.taught import Scores, Taught
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import BundleError
from l4s_geo.normalize import Normalization, Statistics

FORMAT_VERSION = 1
MLM_EXTENSION = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_SHA256_MULTIHASH = "1220"


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
            "l4s:sha256": member.sha256,
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
            **({"l4s:newness": [_newness_entry(model) for model in bundle.newness]} if bundle.newness else {}),
            "l4s:trained_on": bundle.trained_on,
            "l4s:scores": dict(bundle.scores),
            "l4s:taught": _taught_entry(bundle.taught) if bundle.taught else None,
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
            for m in bundle.files
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
        newness=tuple(_newness(entry, item["assets"]) for entry in properties.get("l4s:newness", ())),
        window=int(properties["l4s:window"]),
        license=properties["license"],
        trained_on=properties["l4s:trained_on"],
        scores={k: float(v) for k, v in properties["l4s:scores"].items()},
        created=properties["datetime"],
        location=location,
        taught=_taught(properties.get("l4s:taught"), item["assets"]),
    )


def _taught_entry(taught: Taught) -> dict[str, Any]:
    entry = asdict(taught)
    for name in ("base_location", "base_found", "sha256"):
        del entry[name]
    return entry


def _taught(entry: dict[str, Any] | None, assets: dict[str, Any]) -> Taught | None:
    if entry is None:
        return None
    sun = entry["sun"] and _numbers(entry["sun"])
    return Taught(
        base=str(entry["base"]),
        base_sha256=str(entry["base_sha256"]),
        file=str(entry["file"]),
        sha256=_sha256(entry["file"], assets),
        features=tuple(str(name) for name in entry["features"]),
        sun=(sun[0], sun[1]) if sun else None,
        landslides=int(entry["landslides"]),
        backgrounds=int(entry["backgrounds"]),
        landslide_m2=float(entry["landslide_m2"]),
        background_m2=float(entry["background_m2"]),
        scores=_scores(entry["scores"]),
        base_scores=_scores(entry["base_scores"]),
        before=str(entry.get("before", "")),
    )


def _scores(entry: dict[str, Any]) -> Scores:
    return Scores(float(entry["precision"]), float(entry["recall"]))


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


def _newness_entry(model: Newness) -> dict[str, Any]:
    return {
        "name": model.file,
        "index": model.index,
        "threshold": model.threshold,
        "features": list(model.features),
        "scores": dict(model.scores),
    }


def _newness(entry: dict[str, Any], assets: dict[str, Any]) -> Newness:
    return Newness(
        file=entry["name"],
        sha256=_sha256(entry["name"], assets),
        index=str(entry["index"]),
        threshold=float(entry["threshold"]),
        features=tuple(str(name) for name in entry["features"]),
        scores={str(k): float(v) for k, v in entry["scores"].items()},
    )


def _sha256(name: str, assets: dict[str, Any]) -> str:
    checksum: str = assets[name]["file:checksum"]
    return checksum.removeprefix(_SHA256_MULTIHASH)


def _numbers(values: list[Any]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _member(entry: dict[str, Any], assets: dict[str, Any]) -> Member:
    kind = entry["l4s:normalization"]
    if kind not in get_args(Normalization):
        raise BundleError(f"Normalisation {kind!r} is unknown; expected one of {', '.join(get_args(Normalization))}.")
    scaling = entry["value_scaling"]
    return Member(
        file=entry["name"],
        # A taught bundle states the digests of networks that it does not hold.
        sha256=_sha256(entry["name"], assets) if entry["name"] in assets else str(entry["l4s:sha256"]),
        architecture=entry["l4s:architecture"],
        bands=tuple(entry["bands"]),
        normalization=cast(Normalization, kind),
        statistics=Statistics(tuple(float(s["mean"]) for s in scaling), tuple(float(s["stddev"]) for s in scaling)),
        weight=float(entry["l4s:weight"]),
        scale=float(entry.get("l4s:scale", 1)),
    )


def read_bundle(location: Path) -> Bundle:
    """Read a bundle's description.

    Args:
        location: a bundle's folder or zip.

    Raises:
        BundleError: it is damaged.
    """
    try:
        item = json.loads(read_file(location, "bundle.json", MAX_TEXT))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{location / 'bundle.json'} is not valid JSON ({error}).") from error
    try:
        return _from_item(item, location)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(
            f"{location / 'bundle.json'} is not a bundle of format {FORMAT_VERSION} "
            f"({type(error).__name__}: {error}); export it again."
        ) from error


def write_bundle(bundle: Bundle, networks: Mapping[str, bytes], folder: Path, card: str = "") -> None:
    """Write a bundle's folder: its ONNX files, ``bundle.json`` and the model card ``README.md``.

    Args:
        bundle: the description; each ``sha256`` of `Bundle.files` must be that of its file.
        networks: ONNX files by name, those of models of newness too.
        folder: created if need be.
        card: the model card, Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for member in bundle.files:
        data = networks[member.file]
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise BundleError(f"The hash given for {member.file!r} is not that of its bytes.")
        (folder / member.file).write_bytes(data)
    (folder / "bundle.json").write_text(json.dumps(_to_item(bundle), indent=2) + "\n", encoding="utf-8")
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l4s_geo.bundles.bundle import Confidence
from l4s_geo.bundles.item import read_bundle, write_bundle
from l4s_geo.bundles.terrain_prior import TerrainPrior
from l4s_geo.errors import BundleError


@pytest.fixture
def copy(red_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(red_bundle, tmp_path / "copy"))


def test_what_is_written_is_read_back(red_bundle: Path, tmp_path: Path) -> None:
    bundle = replace(
        read_bundle(red_bundle),
        scores={"f1": 0.5},
        trained_on="nothing",
        created="2026-01-02T03:04:05Z",
        prior=TerrainPrior((0.0, 20.0), (-3.5, 0.0), True),
        confidence=Confidence(0.8, 0.5, {"high": 0.9, "low": 0.25}),
    )
    write_bundle(bundle, {m.file: bundle.network(m) for m in bundle.members}, tmp_path / "again")
    again = read_bundle(tmp_path / "again")
    assert replace(again, location=bundle.location) == bundle


def test_it_is_a_stac_item_of_the_model_extension(red_bundle: Path) -> None:
    item = json.loads((red_bundle / "bundle.json").read_text())
    assert (item["type"], item["stac_version"]) == ("Feature", "1.1.0")
    assert any("mlm" in extension for extension in item["stac_extensions"])
    assert {"mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"} <= item["properties"].keys()
    (asset,) = item["assets"].values()
    assert asset["file:checksum"].startswith("1220")


@pytest.mark.parametrize("inside", ["", "red/"])
def test_a_zip_reads_like_the_folder(red_bundle: Path, tmp_path: Path, inside: str) -> None:
    path = tmp_path / "red.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in red_bundle.iterdir():
            archive.write(file, inside + file.name)
    bundle = read_bundle(path)
    assert bundle.network(bundle.members[0]) == (red_bundle / "linear.onnx").read_bytes()


def test_an_altered_network_is_refused(copy: Path) -> None:
    network = copy / "linear.onnx"
    network.write_bytes(network.read_bytes() + b"\0")
    bundle = read_bundle(copy)
    with pytest.raises(BundleError, match="SHA-256"):
        bundle.network(bundle.members[0])


def test_a_missing_network_is_named(copy: Path) -> None:
    (copy / "linear.onnx").unlink()
    bundle = read_bundle(copy)
    with pytest.raises(BundleError, match=r"linear\.onnx"):
        bundle.network(bundle.members[0])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"properties": {"l4s:format": 1}}'])
def test_a_damaged_description_is_refused(copy: Path, text: str) -> None:
    (copy / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        read_bundle(copy)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("properties", "l4s:format"), 99, "format 99"),
        (("properties", "l4s:threshold"), 1.5, "threshold 1.5"),
        (("properties", "l4s:bands"), ["B4", "B8A"], "B8A"),
        (("properties", "mlm:input", 0, "l4s:normalization"), "magic", "magic"),
        (("properties", "mlm:input", 0, "bands"), ["B4"], "do not fit"),
        (("properties", "l4s:terrain_prior"), {"slope": [0, 10], "log_ratio": [0, -1], "on": True}, "do not fall"),
        (("properties", "l4s:terrain_prior"), {"slope": [0, 10]}, "is not a bundle"),
        (("properties", "l4s:terrain_prior"), {"slope": "x", "log_ratio": [0], "on": True}, "is not a bundle"),
        (("properties", "l4s:confidence"), {"high": 0.4, "medium": 0.6, "precision": {}}, "not under the second"),
        (("properties", "l4s:confidence"), {"high": 0.6, "medium": 0.4, "precision": {"sure": 1}}, "'sure'"),
    ],
)
def test_impossible_values_are_named(copy: Path, path: tuple, value: object, message: str) -> None:
    item = json.loads((copy / "bundle.json").read_text())
    place = item
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (copy / "bundle.json").write_text(json.dumps(item))
    with pytest.raises(BundleError, match=message):
        read_bundle(copy)


@pytest.mark.parametrize("name", ["../linear.onnx", "/etc/passwd", "a/../../b.onnx"])
def test_a_network_outside_the_bundle_is_not_read(copy: Path, name: str) -> None:
    text = (copy / "bundle.json").read_text().replace("linear.onnx", name)
    (copy / "bundle.json").write_text(text)
    bundle = read_bundle(copy)
    with pytest.raises(BundleError, match="plain file name"):
        bundle.network(bundle.members[0])


def test_a_cut_zip_is_refused(red_bundle: Path, tmp_path: Path) -> None:
    whole = Path(shutil.make_archive(str(tmp_path / "whole"), "zip", red_bundle))
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(BundleError, match=r"cut\.zip"):
        read_bundle(cut)


def test_confidence_goes_by_the_mean_probability() -> None:
    classes = Confidence(0.8, 0.5).classify(np.array([0.1, 0.49, 0.5, 0.79, 0.8, 1.0]))
    assert classes.tolist() == ["low", "low", "medium", "medium", "high", "high"]
    assert Confidence(0.8, 0.5).classify(np.array([])).tolist() == []


def test_a_bundle_made_before_priors_and_classes_is_read(copy: Path) -> None:
    item = json.loads((copy / "bundle.json").read_text())
    for key in ("l4s:terrain_prior", "l4s:confidence"):
        del item["properties"][key]
    (copy / "bundle.json").write_text(json.dumps(item))
    bundle = read_bundle(copy)
    assert bundle.prior is None
    assert bundle.confidence is None

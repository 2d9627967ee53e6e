"""Every network in ONNX Runtime computes what it computes in torch, and `l4s-map` runs its bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path

import geopandas as gpd
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner

from l4s_geo import load_bundle
from l4s_geo.bands import BANDS, RGB
from l4s_geo.bundles.bundle import Bundle, Member
from l4s_geo.bundles.item import write_bundle
from l4s_geo.cli.map import main as l4s_map
from l4s_geo.normalize import Statistics, normalize
from l4s_training import models
from l4s_training.export import onnx_file
from l4s_training.export.bench import settle, smooth_noise

SLOW = pytest.mark.slow
CHEAP = ("contextnet", "linknet", "segformer_b0")
VARIANTS = tuple(f"{n.name}+{option}" for n in models.NETWORKS.values() for option in n.options)

TOLERANCE = 1e-3
"""Of the logits' range, with the weights as they are."""
IN_HALF = 2e-2
"""Of the logits' range, with the weights in half precision as a bundle stores them."""


def settled(name: str, bands: int, window: int = 128) -> torch.nn.Module:
    torch.manual_seed(0)
    network = models.build(name, bands, window)
    settle(network, smooth_noise(4, bands, window))
    return network


def parity(network: torch.nn.Module, data: bytes, bands: int, window: int = 128) -> float:
    """Largest difference of a logit over batches of 1 and 3, as a share of the logits' range."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    worst = 0.0
    for size in (1, 3):
        x = smooth_noise(size, bands, window, seed=size)
        with torch.inference_mode():
            expected = network(x).numpy()
        (found,) = session.run(["logit"], {"image": x.numpy()})
        assert found.shape == expected.shape == (size, 1, window, window)
        worst = max(worst, float(np.abs(found - expected).max() / np.ptp(expected)))
    return worst


def all_but_cheap_are_slow(names: tuple[str, ...]) -> list:
    return [n if n in CHEAP else pytest.param(n, marks=SLOW) for n in names]


@pytest.mark.parametrize("name", all_but_cheap_are_slow((*models.NETWORKS, *VARIANTS)))
def test_onnx_computes_what_torch_does(name, monkeypatch):
    network = settled(name, len(BANDS))
    shrink = onnx_file._shrink
    monkeypatch.setattr(onnx_file, "_shrink", lambda model, storage: None)
    exact = onnx_file.to_onnx(network, len(BANDS), 128)
    assert parity(network, exact, len(BANDS)) < TOLERANCE
    model = onnx.load_model_from_string(exact)
    shrink(model, "half")
    half = model.SerializeToString()
    assert len(half) < 0.6 * len(exact)
    assert parity(network, half, len(BANDS)) < IN_HALF


@SLOW
@pytest.mark.parametrize("name", ["swin_unet", "pspnet", "hrnet_ocr"])
def test_a_window_of_256_exports(name):
    network = settled(name, 3, 256)
    assert parity(network, onnx_file.to_onnx(network, 3, 256), 3, 256) < IN_HALF


@pytest.mark.parametrize("name", [n if n == "linknet" else pytest.param(n, marks=SLOW) for n in models.NETWORKS])
def test_l4s_map_runs_the_bundle_of_a_network(name: str, tmp_path: Path, write_raster) -> None:
    network = settled(name, 3)
    data = onnx_file.to_onnx(network, 3, 128)
    statistics = Statistics((1.0,) * 3, (0.5,) * 3)
    member = Member("net.onnx", hashlib.sha256(data).hexdigest(), name, RGB, "fixed", statistics)
    rng = np.random.default_rng(0)
    windows = (1 + 0.5 * rng.standard_normal((2, 3, 128, 128))).astype(np.float32)
    with torch.inference_mode():
        expected = torch.sigmoid(network(torch.from_numpy(normalize(windows, "fixed", statistics))))[:, 0].numpy()
    bundle = Bundle("net", "1", "A network for a test", RGB, (member,), threshold=float(np.quantile(expected, 0.7)))
    write_bundle(bundle, {"net.onnx": data}, tmp_path / "net")
    # Weights stored in half precision, of networks that have learned nothing.
    assert np.abs(load_bundle(tmp_path / "net").predict(windows) - expected).max() < 0.02

    dn = rng.integers(300, 3000, (3, 8, 8)).astype(np.uint16).repeat(20, 1).repeat(20, 2)
    out = tmp_path / "inventory.gpkg"
    arguments = [write_raster("scene.tif", dn, names=RGB), "--out", out, "--bundle", tmp_path / "net"]
    result = CliRunner().invoke(l4s_map, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    assert len(gpd.read_file(out, layer="landslides")) > 0

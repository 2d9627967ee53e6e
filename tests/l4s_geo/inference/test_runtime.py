from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from gpu_stand_in import Session, gpus
from l4s_geo import load_bundle
from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import BundleError, DeviceError
from l4s_geo.normalize import Statistics
from support import make_bundle, make_ensemble


def windows(n: int = 3, bands: int = 3) -> np.ndarray:
    return np.random.default_rng(1).gamma(4, 0.25, (n, bands, 128, 128)).astype(np.float32)


def test_probabilities_are_those_of_the_network(red_bundle: Path) -> None:
    x = windows()
    red = x[:, 0] / np.median(x.reshape(3, -1), axis=1)[:, None, None]
    expected = 1 / (1 + np.exp(-(10 * np.minimum(red, 8) - 20)))
    got = load_bundle(red_bundle, "cpu").predict(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_batch_size_does_not_matter(red_bundle: Path) -> None:
    model = load_bundle(red_bundle, "cpu")
    x = windows(5)
    np.testing.assert_allclose(model.predict(x, batch=2), model.predict(x, batch=16), atol=1e-6)


def test_separated_normalisation_takes_the_scenes_statistics(tmp_path: Path) -> None:
    model = load_bundle(make_bundle(tmp_path / "d", ("B4",), "domain", slope=1, shift=0), "cpu")
    x = windows(2, 1)
    given = model.predict(x, domain=Statistics((1.0,), (2.0,)))
    np.testing.assert_allclose(given, 1 / (1 + np.exp(-(x[:, 0] - 1) / 2)), atol=1e-5)
    own = model.predict(x)
    np.testing.assert_allclose(own, 1 / (1 + np.exp(-(x[:, 0] - x.mean()) / x.std())), atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 128, 128), (1, 2, 128, 128), (1, 3, 64, 64)])
def test_another_shape_is_refused(red_bundle: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="128"):
        load_bundle(red_bundle, "cpu").predict(np.zeros(shape, np.float32))


def test_no_window_gives_no_probability(red_bundle: Path) -> None:
    assert load_bundle(red_bundle, "cpu").predict(np.empty((0, 3, 128, 128), np.float32)).shape == (0, 128, 128)


@pytest.mark.parametrize("factor", [0.01, 0.5, 3.0, 1000.0])
def test_the_default_ignores_the_scale_of_a_window(factor: float) -> None:
    model = load_bundle()
    assert model.bands == ("B4", "B3", "B2")
    x = windows(2)
    np.testing.assert_allclose(model.predict((x * factor).astype(np.float32)), model.predict(x), atol=2e-3)


def test_the_default_finds_the_landslides_of_labelled_patches(labelled_patches) -> None:
    dn, truth = labelled_patches
    model = load_bundle()
    x = dn / scale_of(BANDS)[:, None, None]
    x = x[:, [BANDS.index(b) for b in model.bands]].astype(np.float32)
    found = model.predict(x) >= model.threshold
    hits = (found & truth).sum()
    assert 2 * hits / (found.sum() + truth.sum()) > 0.5


def test_no_runtime_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch, red_bundle: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DeviceError, match=r"l4s-geo\[cpu\]"):
        load_bundle(red_bundle)


def test_cuda_without_a_gpu_is_an_error_not_a_silent_cpu_run(red_bundle: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime may have a GPU")
    with pytest.raises(DeviceError, match=r"cuda.*gpu"):
        load_bundle(red_bundle, "cuda")


def test_a_session_that_falls_back_is_not_called_cuda(monkeypatch: pytest.MonkeyPatch, red_bundle: Path) -> None:
    """onnxruntime-gpu lists its CUDA provider even where it cannot load it; its sessions then run on the CPU."""
    with gpus(monkeypatch):
        monkeypatch.setattr(Session, "get_providers", lambda self: ["CPUExecutionProvider"])
        assert load_bundle(red_bundle, "auto").device == "cpu"
        assert "could not start its CUDAExecutionProvider" in load_bundle(red_bundle).describe()
        with pytest.raises(DeviceError, match="could not start its CUDAExecutionProvider"):
            load_bundle(red_bundle, "cuda", "fp32")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("gpu",), r"'gpu' is unknown; expected one of auto, cpu, cuda, cuda:N, tensorrt, openvino"),
        (("cuda:x",), "cuda:x"),
        (("cpu", "fp16"), r"fp16 was asked for, but the networks run on cpu"),
        (("cpu", "half"), r"'half' is unknown; expected one of auto, fp32, fp16"),
        (("cpu", "fp32", 0), r"batch is 0"),
    ],
)
def test_what_cannot_be_is_refused(red_bundle: Path, arguments: tuple, match: str) -> None:
    with pytest.raises(DeviceError, match=match):
        load_bundle(red_bundle, *arguments)


@pytest.mark.parametrize("device", ["tensorrt", "openvino"])
def test_a_provider_that_is_not_installed_says_what_to_install(red_bundle: Path, device: str) -> None:
    import onnxruntime

    if any(device in name.lower() for name in onnxruntime.get_available_providers()):
        pytest.skip(f"this ONNX Runtime has {device}")
    with pytest.raises(DeviceError, match=rf"{device} was asked for.*no \w+Provider; install .*{device}"):
        load_bundle(red_bundle, device)


def test_openvino_agrees_with_the_cpu(red_bundle: Path) -> None:
    import onnxruntime

    if "OpenVINOExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime-openvino is not installed")
    model = load_bundle(red_bundle, "openvino")
    np.testing.assert_allclose(model.predict(windows()), load_bundle(red_bundle, "cpu").predict(windows()), atol=1e-5)


def test_neither_threads_nor_batches_matter(tmp_path: Path) -> None:
    slopes, weights, scales = (1.0, -2.0), (1.0, 2.0), (1.0, 2.5)
    model = load_bundle(make_ensemble(tmp_path / "two", ("B4", "B3"), slopes, weights, scales, kind="window"), "cpu")
    x = windows(9, 2)
    expected = model.predict_with_spread(x, None, "flips")
    for threads, batch in ((1, None), (2, 1), (3, 5), (2, 9)):
        for network in model.networks:
            network.threads = threads
        for want, got in zip(expected, model.predict_with_spread(x, None, "flips", batch), strict=True):
            np.testing.assert_array_equal(got, want)


def test_a_failure_in_a_thread_is_the_callers(red_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import l4s_geo.inference.runtime as runtime

    model = load_bundle(red_bundle, "cpu")
    monkeypatch.setattr(runtime, "normalize", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.predict(windows(20))


def test_on_the_cpu_arrays_stay_where_they_are(red_bundle: Path) -> None:
    model, x = load_bundle(red_bundle, "cpu"), windows()
    assert model.xp is np
    assert model.replicas == (model,)
    assert model.to_device(x) is x
    assert model.to_host(x) is x
    assert model.describe().startswith("cpu (ONNX Runtime ")
    assert model.describe().endswith(", CPUExecutionProvider, fp32)")
    before = x.copy()
    with model.active():
        model.predict(x)
    np.testing.assert_array_equal(x, before)


def test_a_file_that_is_no_network_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import support

    monkeypatch.setattr(support, "linear_network", lambda *a: b"not a network")
    folder = make_bundle(tmp_path / "bad", ("B4",), "fixed")
    with pytest.raises(BundleError, match=r"linear\.onnx"):
        load_bundle(folder, "cpu")


def test_torch_is_never_imported() -> None:
    import subprocess

    code = (
        "import sys, numpy, l4s_geo, l4s_geo.pipeline, l4s_geo.cli.map; l4s_geo.load_bundle('rgb');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

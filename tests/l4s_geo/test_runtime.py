from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from l4s_geo import load_bundle
from l4s_geo.bands import BANDS, scale_of
from l4s_geo.errors import BundleError, DeviceError
from l4s_geo.normalize import Statistics
from support import make_bundle


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


def test_the_default_finds_the_landslides_of_a_real_patch(data: Path) -> None:
    patches = np.load(data / "l4s_14band_labelled.npz")
    model = load_bundle()
    x = np.moveaxis(patches["dn"], -1, 1) / scale_of(BANDS)[:, None, None]
    x = x[:, [BANDS.index(b) for b in model.bands]].astype(np.float32)
    found = model.predict(x) >= model.threshold
    truth = patches["mask"] > 0
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
    """onnxruntime-gpu lists its CUDA provider even where there is no GPU; its sessions then run on the CPU."""
    import onnxruntime

    class Fallback:
        def __init__(self, *args: object, **options: object) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Fallback)
    assert load_bundle(red_bundle, "auto").device == "cpu"
    with pytest.raises(DeviceError, match="could not start its CUDA provider"):
        load_bundle(red_bundle, "cuda")


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

"""What runs on GPUs, tested with stand-ins for CuPy and ONNX Runtime's CUDA provider (`gpu_stand_in`)."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from gpu_stand_in import CUDARuntimeError, OutOfMemoryError, gpus
from l4s_geo import map_scene
from l4s_geo.cli.map import main as l4s_map
from l4s_geo.crf.mean_field import refine
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import DeviceError
from l4s_geo.inference.runtime import load_bundle
from l4s_geo.inference.session import MAX_PIXELS, is_out_of_memory
from l4s_geo.normalize import Statistics
from support import make_bundle, make_ensemble

RGB = ("B4", "B3", "B2")


def windows(n: int = 3, bands: int = 3) -> np.ndarray:
    x = np.random.default_rng(1).gamma(4, 0.25, (n, bands, 128, 128)).astype(np.float32)
    x[0, :, :30] = np.nan
    x[1] = np.nan
    return x


@pytest.fixture
def ensemble(tmp_path: Path) -> Path:
    return make_ensemble(tmp_path / "three", RGB, (1.0, -2.0, 3.0), (1.0, 2.0, 0.5), (1.0, 2.5, 4.0), kind="window")


@pytest.mark.parametrize("tta", ["none", "d4"])
def test_a_gpu_votes_as_the_cpu_does(ensemble, monkeypatch, tta):
    x = windows(2)
    expected = load_bundle(ensemble, "cpu").predict_with_spread(x, None, tta)
    with gpus(monkeypatch):
        model = load_bundle(ensemble, "cuda", "fp32")
        from_host = model.predict_with_spread(x, None, tta)
        with model.active():
            on_device = model.predict_with_spread(model.to_device(x), None, tta)
        found = [model.to_host(array) for array in on_device]
        assert (model.device, model.xp.__name__, type(on_device[0])) == ("cuda:0", "cupy", model.xp.ndarray)
    for want, *got in zip(expected, from_host, found, strict=True):
        for array in got:
            assert type(array) is np.ndarray
            np.testing.assert_allclose(array, want, atol=1e-5)


def test_separated_normalisation_on_a_gpu(tmp_path, monkeypatch):
    folder = make_bundle(tmp_path / "d", RGB, "domain", slope=1, shift=0)
    x = windows()
    scene = Statistics((1.0, 2.0, 3.0), (2.0, 1.0, 1.0))
    cpu = load_bundle(folder, "cpu")
    with gpus(monkeypatch):
        model = load_bundle(folder, "cuda", "fp32")
        for domain in (scene, None):
            with model.active():
                found = model.to_host(model.predict(model.to_device(x), domain))
            np.testing.assert_allclose(found, cpu.predict(x, domain), atol=1e-5)


def test_every_run_has_the_shape_of_an_even_share(red_bundle, monkeypatch):
    with gpus(monkeypatch) as cards:
        model = load_bundle(red_bundle, "cuda", "fp32")
        (network,) = model.networks
        assert network.limit == 128
        model.predict(windows(3))
        model.predict(windows(3))
        probe = 8
        assert [shape[0] for _, shape in cards.runs] == [probe] * 3
        cards.runs.clear()
        got = model.predict(windows(131))
        assert [shape for _, shape in cards.runs] == [(72, 3, 128, 128)] * 2
        model.predict(windows(2))
        assert cards.runs[-1][1][0] == 72
    np.testing.assert_allclose(got, load_bundle(red_bundle, "cpu").predict(windows(131)), atol=1e-5)


def test_promoted_windows_take_fewer_at_once(ensemble, monkeypatch):
    with gpus(monkeypatch):
        limits = [n.limit for n in load_bundle(ensemble, "cuda", "fp32").networks]
    assert limits == [128, MAX_PIXELS // 320**2, 8]


def test_the_batch_keeps_to_the_free_memory(red_bundle, monkeypatch):
    with gpus(monkeypatch, memory=1000, per_window=20) as cards:
        model = load_bundle(red_bundle, "cuda", "fp32")
        model.predict(windows(100))
        # The probe of 8 windows leaves 840, of which 80 % hold 33 more.
        assert model.networks[0].limit == 8 + 33
        assert cards.highest <= 41
        assert all(cards.memory - session.resets >= 0 for session in cards.sessions)


def test_networks_share_the_free_memory(ensemble, monkeypatch):
    with gpus(monkeypatch, memory=1000, per_window=20):
        first, *_ = load_bundle(ensemble, "cuda", "fp32").networks
        assert first._share == pytest.approx(1 / 3)


@pytest.mark.parametrize("fits", [50, 5, 1])
def test_the_batch_is_halved_until_it_fits(ensemble, monkeypatch, fits):
    x = windows(9)
    expected = load_bundle(ensemble, "cpu").predict_with_spread(x)
    with gpus(monkeypatch, fits=fits) as cards:
        model = load_bundle(ensemble, "cuda", "fp32")
        found = model.predict_with_spread(x)
        assert cards.highest <= fits
        assert max(n.batch for n in model.networks) <= fits
        resets = [s.resets for s in cards.sessions]
        assert (resets[0] > 0) is (fits < 8)
        model.predict_with_spread(x[:2])
        assert [s.resets for s in cards.sessions] == resets
    for want, got in zip(expected, found, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_memory_that_runs_out_later_halves_the_batch_too(red_bundle, monkeypatch):
    with gpus(monkeypatch) as cards:
        model = load_bundle(red_bundle, "cuda", "fp32")
        before = model.predict(windows(100))
        assert model.networks[0].batch == 104
        cards.fits = 30
        np.testing.assert_array_equal(model.predict(windows(100)), before)
        assert model.networks[0].batch == 26


def test_memory_for_no_window_is_an_error_that_says_so(red_bundle, monkeypatch):
    with gpus(monkeypatch, fits=0):
        model = load_bundle(red_bundle, "cuda", "fp32")
        with pytest.raises(DeviceError, match=r"cuda:0 does not hold one window of 128 × 128.*Failed to allocate"):
            model.predict(windows(2))


def test_memory_that_runs_out_in_cupy_counts_alike(red_bundle, monkeypatch):
    with gpus(monkeypatch) as cards:
        import l4s_geo.inference.runtime as runtime

        model = load_bundle(red_bundle, "cuda", "fp32", batch=4)
        original, failures = runtime.normalize, [OutOfMemoryError("Out of memory allocating 1,000 bytes")]

        def normalize(*arguments):
            if failures:
                raise failures.pop()
            return original(*arguments)

        monkeypatch.setattr(runtime, "normalize", normalize)
        found = model.predict(windows(4))
        assert [shape[0] for _, shape in cards.runs] == [2, 2]
    np.testing.assert_allclose(found, load_bundle(red_bundle, "cpu").predict(windows(4)), atol=1e-5)


def test_other_failures_are_not_taken_for_a_lack_of_memory(red_bundle, monkeypatch):
    with gpus(monkeypatch) as cards:
        model = load_bundle(red_bundle, "cuda", "fp32")
        cards.sessions[0].run_with_iobinding = lambda binding: 1 / 0
        with pytest.raises(ZeroDivisionError):
            model.predict(windows(2))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9"), True),
        (RuntimeError("CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; expr=cudaMalloc((void**)&p, size);"), True),
        (RuntimeError("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0"), True),
        (RuntimeError("CUDA failure 700: an illegal memory access was encountered ; GPU=0"), False),
        (RuntimeError("CUDA failure 209: no kernel image is available"), False),
        (MemoryError(), True),
        (ValueError("shape"), False),
    ],
)
def test_lack_of_memory_is_told_from_other_failures(error, expected):
    assert is_out_of_memory(error) is expected


def test_one_replica_a_gpu_each_in_a_thread_of_its_own(ensemble, monkeypatch):
    x = windows(3)
    expected = load_bundle(ensemble, "cpu").predict_with_spread(x)
    with gpus(monkeypatch, count=3) as cards:
        model = load_bundle(ensemble, "cuda", "fp32")
        assert [r.device for r in model.replicas] == ["cuda:0", "cuda:1", "cuda:2"]
        assert model.describe().startswith("cuda:0, cuda:1, cuda:2 (ONNX Runtime ")
        found: dict[str, tuple] = {}

        def work(replica):
            with replica.active():
                found[replica.device] = tuple(map(replica.to_host, replica.predict_with_spread(replica.to_device(x))))

        threads = [threading.Thread(target=work, args=(r,)) for r in model.replicas]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {gpu for gpu, _ in cards.runs} == {0, 1, 2}
    assert len(found) == 3
    for votes in found.values():
        for want, got in zip(expected, votes, strict=True):
            np.testing.assert_allclose(got, want, atol=1e-5)


def test_one_gpu_by_its_number(red_bundle, monkeypatch):
    with gpus(monkeypatch, count=2) as cards:
        model = load_bundle(red_bundle, "cuda:1", "fp32")
        assert [r.device for r in model.replicas] == ["cuda:1"]
        model.predict(windows(2))
        assert {gpu for gpu, _ in cards.runs} == {1}
        with pytest.raises(DeviceError, match=r"cuda:2 was asked for, but 2 GPUs are visible"):
            load_bundle(red_bundle, "cuda:2")


def test_a_scene_mapped_by_two_gpus_is_the_one_that_the_cpu_maps(write_raster, tmp_path, monkeypatch):
    folder = make_ensemble(tmp_path / "two", RGB, (1.0, 3.0), (1.0, 2.0), (1.0, 2.0), kind="window", shift=-2.0)
    scene = np.random.default_rng(0).gamma(4, 200, (3, 300, 340)).astype(np.uint16)
    scene[:, 100:180, 60:200] *= 2
    path = write_raster("scene.tif", scene, nodata=0, names=("B4", "B3", "B2"))

    def mapped(name, **options):
        raster = tmp_path / f"{name}.tif"
        frame = map_scene(path, bundle=folder, probability=raster, overlap=32, **options)
        with rasterio.open(raster) as dataset:
            return len(frame), dataset.read(1)

    expected, probability = mapped("cpu", device="cpu")
    with gpus(monkeypatch, count=2) as cards:
        found, same = mapped("cuda", device="cuda", precision="fp32")
        assert {gpu for gpu, _ in cards.runs} == {0, 1}
    assert probability.max() > 0.5
    assert found == expected > 0
    np.testing.assert_allclose(same, probability, atol=1e-5)


def test_the_command_says_which_gpu_runs_and_takes_precision_and_batch(red_bundle, write_raster, tmp_path, monkeypatch):
    scene = np.random.default_rng(0).gamma(4, 200, (3, 130, 300)).astype(np.uint16)
    path = write_raster("scene.tif", scene, nodata=0, names=("B4", "B3", "B2"))
    arguments = [str(path), "--bundle", str(red_bundle), "--out", str(tmp_path / "i.gpkg")]
    with gpus(monkeypatch, count=2) as cards:
        result = CliRunner().invoke(l4s_map, [*arguments, "--device", "cuda:1", "--precision", "fp32", "--batch", "3"])
        assert result.exit_code == 0, result.output
        assert re.match(r"Device: cuda:1 \(ONNX Runtime .*, CUDAExecutionProvider, fp32\)\n", result.output)
        assert {(gpu, shape[0]) for gpu, shape in cards.runs} == {(1, 3)}
        result = CliRunner().invoke(l4s_map, [*arguments, "--device", "cuda:7"])
        assert result.exit_code == 2
        assert "cuda:7 was asked for, but 2 GPUs are visible" in result.output


def test_the_crf_on_a_gpu_is_that_of_the_cpu(red_bundle, monkeypatch):
    pytest.importorskip("numba", reason="numba (extra crf) is not installed")
    rng = np.random.default_rng(0)
    probability, features = rng.random((20, 24), np.float32), 1 + rng.random((3, 20, 24), np.float32)
    features[0, 3, 4] = np.nan
    parameters = CRFParameters(gaussian_weight=2.0, active_from=0.1)
    expected = refine(probability, features, parameters)
    with gpus(monkeypatch, count=2):
        with load_bundle(red_bundle, "cuda:1", "fp32").active():
            found = refine(probability, features, parameters, "cuda")
        monkeypatch.setattr(sys.modules["cupy"], "asarray", raising(OutOfMemoryError("Out of memory")))
        with pytest.raises(DeviceError, match="does not hold a block of the CRF"):
            refine(probability, features, parameters, "cuda")
    assert abs(expected - probability).max() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-5)


def raising(error):
    def function(*arguments, **options):
        raise error

    return function


def test_auto_takes_the_gpu_and_half_precision(red_bundle, monkeypatch):
    pytest.importorskip("onnx", reason="onnx (extra gpu) is not installed")
    expected = load_bundle(red_bundle, "cpu").predict(windows())
    with gpus(monkeypatch) as cards:
        model = load_bundle(red_bundle)
        assert (model.device, model.precision) == ("cuda:0", "fp16")
        assert model.describe().endswith(", CUDAExecutionProvider, fp16)")
        found = model.predict(windows())
        (asked,) = cards.sessions[0].asked.values()
        assert asked["cudnn_conv_algo_search"] == "HEURISTIC"
        assert asked["use_tf32"] == "0"
        assert b"/FLOAT16" in cards.sessions[0].file
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda patch, cards: patch.setitem(sys.modules, "cupy", None), "CuPy"),
        (lambda patch, cards: setattr(cards, "driver_error", "cudaErrorInsufficientDriver"), "cudaErrorInsufficient"),
        (lambda patch, cards: setattr(cards, "count", 0), "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_gpu_that_is_not_to_be_had(red_bundle, monkeypatch, prepare, why):
    with gpus(monkeypatch) as cards, monkeypatch.context() as patch:
        prepare(patch, cards)
        for device in ("cuda", "cuda:0", "tensorrt"):
            with pytest.raises(DeviceError, match=rf"{device} was asked for.*{why}.*gpu extra"):
                load_bundle(red_bundle, device)
        model = load_bundle(red_bundle, "auto")
        assert (model.device, model.precision) == ("cpu", "fp32")
        assert re.search(f"; no GPU, since .*{why}", model.describe())
        with pytest.raises(DeviceError, match=r"fp16.*cpu"):
            load_bundle(red_bundle, "auto", "fp16")


def test_a_provider_that_fails_to_start(red_bundle, monkeypatch):
    def fail(*arguments, **options):
        raise CUDARuntimeError("no kernel image")

    with gpus(monkeypatch), monkeypatch.context() as patch:
        from gpu_stand_in import Session

        original = Session.__init__
        patch.setattr(
            Session,
            "__init__",
            lambda self, file, options, providers, enable_fallback: (
                fail() if providers[0][0] == "CUDAExecutionProvider" else original(self, file, options, providers, 0)
            ),
        )
        with pytest.raises(DeviceError, match=r"could not start its CUDAExecutionProvider \(no kernel image\)"):
            load_bundle(red_bundle, "cuda", "fp32")
        assert load_bundle(red_bundle, "auto").device == "cpu"


def test_tensorrt_gets_one_engine_for_all_batches_and_leaves_the_rest_to_cuda(ensemble, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    expected = load_bundle(ensemble, "cpu").predict(windows())
    with gpus(monkeypatch) as cards:
        model = load_bundle(ensemble, "tensorrt", "fp32")
        assert model.device == "tensorrt:0"
        np.testing.assert_allclose(model.predict(windows()), expected, atol=1e-5)
        for session, side, most in zip(cards.sessions, (128, 320, 512), (128, 20, 8), strict=True):
            assert list(session.asked) == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
            options = session.asked["TensorrtExecutionProvider"]
            assert options["trt_profile_min_shapes"] == f"image:1x3x{side}x{side}"
            assert options["trt_profile_max_shapes"] == f"image:{most}x3x{side}x{side}"
            assert options["trt_fp16_enable"] == "0"
            assert Path(options["trt_engine_cache_path"]).is_relative_to(tmp_path)
            assert all(isinstance(value, str) for value in options.values())


def test_loading_prints_nothing(red_bundle, monkeypatch, capsys):
    """What ONNX Runtime prints about libraries must not get into the worker's protocol."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcudnn"), raising=False)
    with gpus(monkeypatch):
        load_bundle(red_bundle, "cuda", "fp32")
    out, err = capsys.readouterr()
    assert out == ""
    assert "libcudnn" in err


def test_the_stand_in_is_strict(red_bundle, monkeypatch):
    """It refuses what CuPy refuses, or what would race with ONNX Runtime."""
    with gpus(monkeypatch, count=2):
        model = load_bundle(red_bundle, "cuda", "fp32")
        with pytest.raises(AssertionError, match="stream"):
            model.xp.zeros((2, 2), np.float32)
        first, second = model.replicas
        with first.active():
            array = first.to_device(np.ones((2, 2), np.float32))
            for wrong in (lambda: array + np.ones((2, 2)), lambda: np.tanh(array), lambda: np.asarray(array)):
                with pytest.raises(TypeError):
                    wrong()
        with second.active(), pytest.raises(AssertionError, match="GPU 1 works on an array of GPU 0"):
            array + array

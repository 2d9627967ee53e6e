"""The DenseCRF computes what its definition says, whatever the blocks and the threads."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import ndimage

from l4s_geo.bands import BANDS
from l4s_geo.crf.mean_field import refine, refine_strips
from l4s_geo.crf.parameters import CRFParameters, halo, radius
from l4s_geo.errors import BundleError, DeviceError

BOTH = CRFParameters(gaussian_sigma=1.5, gaussian_weight=2.0, bilateral_sigma_xy=3.0, bilateral_weight=3.0)


@pytest.fixture(scope="module", autouse=True)
def _numba():
    pytest.importorskip("numba", reason="numba (extra crf) is not installed")


def scene(rows: int, cols: int, bands: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Smooth probabilities with all degrees of certainty, and smooth features with noise."""
    rng = np.random.default_rng(seed)
    logit = ndimage.gaussian_filter(rng.standard_normal((rows, cols)), 2)
    features = ndimage.gaussian_filter(rng.standard_normal((bands, rows, cols)), (0, 2, 2))
    features = 1 + 0.3 * features / features.std() + 0.05 * rng.standard_normal(features.shape)
    return (1 / (1 + np.exp(-4 * logit / logit.std()))).astype(np.float32), features.astype(np.float32)


def brute_force(probability: np.ndarray, features: np.ndarray, p: CRFParameters) -> np.ndarray:
    """The definition, in double precision: all pairs of pixels, both labels, no window but a mask."""
    valid = np.isfinite(probability) & np.isfinite(features).all(axis=0)
    dy, dx = (np.subtract.outer(a[valid], a[valid]).astype(float) for a in np.indices(probability.shape))
    values = features[:, valid].astype(float)
    unlike = ((values[:, :, None] - values[:, None]) ** 2).sum(axis=0)

    def kernel(sigma: float, weight: float, energy: np.ndarray | float) -> np.ndarray:
        near = np.maximum(abs(dy), abs(dx)) <= (np.ceil(3 * sigma) if weight else 0)
        k = near * np.exp(-(dy**2 + dx**2) / (2 * sigma**2) - energy)
        norm = 1 / np.sqrt(k.sum(axis=1))
        return weight * k * norm * norm[:, None]

    pairwise = kernel(p.gaussian_sigma, p.gaussian_weight, 0.0)
    pairwise += kernel(p.bilateral_sigma_xy, p.bilateral_weight, unlike / (2 * p.bilateral_sigma_value**2))
    start = probability[valid].astype(float)
    active = (start >= p.active_from) & (start <= p.active_to)
    clipped = np.clip(start, 1e-5, 1 - 1e-5)
    labels = np.stack([1 - start, start])
    for _ in range(p.iterations):
        e = np.stack([1 - clipped, clipped]) * np.exp(labels @ pairwise)
        labels = np.where(active, e / e.sum(axis=0), labels)
    out = probability.astype(float)
    out[valid] = labels[1]
    return out


@pytest.mark.parametrize("bands", [1, 3, 14])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_agrees_with_the_mean_field_over_all_pairs(bands, seed):
    probability, features = scene(24, 20, bands, seed)
    probability[3:6, 4:9] = np.nan
    features[0, 10, 10:13] = np.nan
    wide = replace(BOTH, bands=BANDS[:bands], bilateral_sigma_xy=9.0, active_from=0.0, bilateral_sigma_value=0.5)
    narrow = replace(BOTH, bands=BANDS[:bands], bilateral_sigma_xy=1.5, active_from=0.2, active_to=0.9)
    for parameters in (wide, narrow, replace(wide, gaussian_weight=0.0), replace(wide, bilateral_weight=0.0)):
        ours = refine(probability, features, parameters)
        assert np.nanmax(abs(ours - probability)) > 0.02
        assert np.allclose(ours, brute_force(probability, features, parameters), atol=1e-4, rtol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("bands", "gaussian", "bilateral", "sigma_value"), [(1, 1, 0, 0.3), (1, 0, 1, 0.3), (3, 0, 1, 0.5), (14, 0, 1, 2.0)]
)
def test_it_agrees_with_pydensecrf_where_both_see_all_pixels(bands, gaussian, bilateral, sigma_value):
    # Its lattice approximates, and is within 0.02 of the sums over all pairs where kernels are not too steep.
    pydensecrf = pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf2 is not installed (it needs g++)")
    probability, features = scene(40, 40, bands)
    p = CRFParameters(
        gaussian_weight=gaussian, bilateral_sigma_xy=20.0, bilateral_sigma_value=sigma_value,
        bilateral_weight=bilateral, bands=BANDS[:bands], active_from=0.0,
    )  # fmt: skip
    model = pydensecrf.DenseCRF(probability.size, 2)
    flat = np.clip(probability.ravel(), 1e-5, 1 - 1e-5)
    model.setUnaryEnergy(np.ascontiguousarray(-np.log(np.stack([1 - flat, flat]))))
    xy = np.indices(probability.shape)
    for features_of, weight in (
        (xy / p.gaussian_sigma, gaussian),
        (np.concatenate([xy / p.bilateral_sigma_xy, features / p.bilateral_sigma_value]), bilateral),
    ):
        energy = np.ascontiguousarray(features_of.reshape(len(features_of), -1), np.float32)
        model.addPairwiseEnergy(energy, compat=float(weight))
    theirs = np.array(model.inference(p.iterations))[1].reshape(probability.shape)
    ours = refine(probability, features, p)
    assert abs(ours - probability).max() > 0.02
    assert abs(ours - theirs).max() < 0.02
    assert abs(ours - theirs).mean() < 0.003


def sparse(rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """A scene with islands of active pixels, holes and an edge without data."""
    probability, features = scene(rows, cols, seed=5)
    features[1, 50:53, 20:90] = np.nan
    rng = np.random.default_rng(5)
    islands = ndimage.gaussian_filter(rng.standard_normal((rows, cols)), 4)
    probability[islands < np.quantile(islands, 0.85)] *= 0.01
    probability[:, :3] = np.nan
    return probability, features


@pytest.mark.parametrize("size", [16, 50, 1000])
def test_blocks_equal_the_whole(size):
    probability, features = sparse(150, 130)
    p = replace(BOTH, iterations=3, gaussian_sigma=1.0, bilateral_sigma_xy=2.0)
    read = []

    def window(w):
        read.append(w)
        return features[:, *w.slices]

    parts = np.concatenate([*refine_strips(probability.shape, lambda w: probability[w.slices], window, p, size=size)])
    assert len(read) > 50 if size == 16 else len(read) < 10
    assert np.array_equal(parts, refine(probability, features, p), equal_nan=True)


def test_a_strip_with_its_halo_equals_the_whole_and_needs_that_halo():
    probability, features = sparse(160, 60)
    p = replace(BOTH, iterations=2, active_from=0.0)
    whole = refine(probability, features, p)
    h = halo(p)
    assert h == 3 * radius(p) == 27
    for around, enough in ((h, True), (radius(p) // 2, False)):
        rows = slice(70 - around, 90 + around)
        part = refine(probability[rows], features[:, rows], p)[around:-around]
        assert np.array_equal(part, whole[70:90], equal_nan=True) is enough


def test_only_active_blocks_are_read():
    probability = np.zeros((400, 300), np.float32)
    probability[210:220, 30:35] = 0.6
    p = replace(BOTH, iterations=2)
    read = []

    def features(w):
        read.append(w.ranges)
        return np.ones((3, w.height, w.width), np.float32)

    list(refine_strips(probability.shape, lambda w: probability[w.slices], features, p, size=512))
    assert read == [((210 - 27, 220 + 27), (3, 35 + 27))]


def test_results_depend_neither_on_threads_nor_on_kept_weights(monkeypatch):
    import numba

    from l4s_geo.crf import numba_backend

    probability, features = sparse(150, 130)
    expected = refine(probability, features, BOTH)
    before = numba.get_num_threads()
    for threads, memory in ((1, 2**28), (min(2, before), 0), (min(2, before), 10**6)):
        monkeypatch.setattr(numba_backend, "MEMORY", memory)
        numba.set_num_threads(threads)
        result = refine(probability, features, BOTH)
        numba.set_num_threads(before)
        assert np.array_equal(result, expected, equal_nan=True)


def test_a_noisy_outline_moves_to_the_edge_of_the_image():
    rng = np.random.default_rng(0)
    truth = np.zeros((60, 60), bool)
    truth[20:40, 15:45] = True
    features = np.where(truth, 1.5, 0.8) + 0.05 * rng.standard_normal((3, 60, 60))
    blurred = ndimage.gaussian_filter(truth * 1.0, 3) + 0.15 * rng.standard_normal((60, 60))
    probability = np.clip(blurred, 0.02, 0.98).astype(np.float32)
    refined = refine(probability, features.astype(np.float32), replace(BOTH, gaussian_weight=0.0))
    assert ((refined >= 0.5) != truth).sum() < 0.5 * ((probability >= 0.5) != truth).sum()


def test_invalid_and_inactive_pixels_keep_their_value():
    probability, features = scene(30, 30)
    probability[5, 5], features[2, 8, 8] = np.nan, np.inf
    p = replace(BOTH, active_from=0.3, active_to=0.7)
    refined = refine(probability, features, p)
    changed = refined != probability
    assert refined.dtype == np.float32
    assert np.isnan(refined[5, 5])
    assert np.isfinite(refined).sum() == refined.size - 1
    assert not changed[8, 8]
    active = (probability >= 0.3) & (probability <= 0.7)
    assert changed[active].mean() > 0.9
    assert not changed[~active & np.isfinite(probability)].any()


@pytest.mark.parametrize(
    ("probability", "features"),
    [
        (np.full((7, 9), 0.001), np.ones((3, 7, 9))),
        (np.full((7, 9), np.nan), np.ones((3, 7, 9))),
        (np.full((7, 9), 0.5), np.full((3, 7, 9), np.nan)),
        (np.zeros((0, 0)), np.zeros((3, 0, 0))),
    ],
)
def test_nothing_changes_without_active_pixels(probability, features):
    def whole(w):
        return features[:, *w.slices]

    strips = refine_strips(probability.shape, lambda w: probability[w.slices].astype(np.float32), whole, BOTH)
    for result in (refine(probability, features, BOTH), *strips):
        assert np.array_equal(result, probability.astype(np.float32), equal_nan=True)


def test_a_single_pixel_talks_to_itself_only():
    # k(i, i) is 1 and normalised to 1, so the logit u of p = 0.5 stays 0, and that of p = 0.8 grows.
    features = np.ones((3, 1, 1), np.float32)
    assert refine(np.full((1, 1), 0.5, np.float32), features, BOTH)[0, 0] == pytest.approx(0.5)
    p = replace(BOTH, iterations=1)
    logit = np.log(4) + (p.gaussian_weight + p.bilateral_weight) * (2 * 0.8 - 1)
    refined = refine(np.full((1, 1), 0.8, np.float32), features, p)[0, 0]
    assert refined == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)


def test_arrays_may_have_any_layout():
    probability, features = scene(30, 40)
    expected = refine(probability, features, BOTH)
    moved = np.moveaxis(np.ascontiguousarray(np.moveaxis(features, 0, -1)), -1, 0)
    assert np.array_equal(refine(np.asfortranarray(probability), moved, BOTH), expected)


def test_parameters_survive_json():
    assert CRFParameters(**json.loads(json.dumps(asdict(BOTH)))) == BOTH


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"iterations": 2.5}, "iterations"),
        ({"gaussian_sigma": 0}, "gaussian_sigma"),
        ({"bilateral_sigma_xy": 1e6}, "bilateral_sigma_xy"),
        ({"bilateral_sigma_value": float("nan")}, "bilateral_sigma_value"),
        ({"bilateral_weight": -1}, "bilateral_weight"),
        ({"gaussian_weight": "3"}, "gaussian_weight"),
        ({"active_from": 0.9, "active_to": 0.1}, "active_from"),
        ({"bands": ()}, "bands"),
        ({"bands": ("B4", "B8A")}, "B8A"),
    ],
)
def test_bad_parameters_are_named(change, named):
    with pytest.raises(BundleError, match=named):
        CRFParameters(**change)


def test_shapes_that_do_not_fit_are_refused():
    probability, features = scene(10, 12)
    with pytest.raises(ValueError, match=r"\(10, 12\).*\(2, 10, 12\)"):
        refine(probability, features[:2], BOTH)


def test_a_missing_numba_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "l4s_geo.crf.numba_backend", raising=False)
    monkeypatch.delattr("l4s_geo.crf.numba_backend", raising=False)
    with pytest.raises(DeviceError, match=r"l4s-geo\[crf\]"):
        refine(*scene(10, 10), BOTH)


def test_a_missing_cupy_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match=r"l4s-geo\[gpu\]"):
        refine(*scene(10, 10), BOTH, device="cuda")
    with pytest.raises(DeviceError, match="'gpu'"):
        refine(*scene(10, 10), BOTH, device="gpu")


def test_functions_compile_where_no_cache_can_be_written(monkeypatch):
    import numba

    from l4s_geo.crf import numba_backend

    def njit(cache=False, **options):
        def decorate(function):
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return function

        return decorate

    monkeypatch.setattr(numba, "njit", njit)
    assert numba_backend._compiled()(abs) is abs


def test_the_gpu_agrees_with_the_cpu():
    cupy = pytest.importorskip("cupy", reason="CuPy (extra gpu) is not installed")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no CUDA GPU ({error})")
    probability, features = sparse(150, 130)
    assert np.allclose(
        refine(probability, features, BOTH, "cuda"), refine(probability, features, BOTH), atol=1e-4, equal_nan=True
    )


def test_importing_the_module_imports_neither_numba_nor_cupy():
    code = "import sys, l4s_geo.crf.mean_field; sys.exit(bool({'numba', 'cupy'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)

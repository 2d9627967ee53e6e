"""The DenseCRF against pydensecrf2, in one run.

    python benchmarks/bench_crf.py

Synthetic images: smooth features with noise, and blobs that hold the given share of active pixels. pydensecrf2 always
runs on the whole image and has one thread, so the two are compared by the CPU seconds of one thread, which other
programs on the machine disturb least; the wall-clock time of ours with all threads stands beside it. The best of the
repetitions counts. With 14 features pydensecrf2 would need more memory on a tile of 2048² than most
machines have (its lattice takes up to 15 vertices a pixel), so that pair is measured at 512² with the same share.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time

import numba
import numpy as np
from scipy import ndimage

from l4s_geo.bands import BANDS, RGB
from l4s_geo.crf.mean_field import refine, refine_strips
from l4s_geo.crf.parameters import CRFParameters


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    side: int
    features: int
    active: float
    repeat: int
    reference: bool = True


CASES = (
    Case(128, 3, 1.0, 5),
    Case(128, 3, 0.16, 5),
    Case(128, 14, 1.0, 3),
    Case(128, 14, 0.16, 3),
    Case(512, 3, 1.0, 3),
    Case(512, 3, 0.05, 3),
    Case(512, 14, 0.05, 1),
    Case(2048, 3, 0.05, 1),
    Case(2048, 14, 0.05, 2, reference=False),
)


def image(case: Case, parameters: CRFParameters) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (side, side) with the case's share of active pixels, and features (bands, side, side)."""
    rng = np.random.default_rng(0)
    size = (case.side, case.side)
    features = np.empty((case.features, *size), np.float32)
    for band in features:
        smooth = ndimage.gaussian_filter(rng.standard_normal(size, dtype=np.float32), 4, mode="wrap")
        band[:] = 1 + 0.4 * smooth / smooth.std() + 0.1 * rng.standard_normal(size, dtype=np.float32)
    if case.active == 1:
        return rng.uniform(parameters.active_from, 1, size).astype(np.float32), features
    height = ndimage.gaussian_filter(rng.standard_normal(size, dtype=np.float32), 8, mode="wrap")
    height = (height - np.quantile(height, 1 - case.active)) / height.std()
    inside = np.clip(parameters.active_from + height, 0, 0.98)
    return np.where(height > 0, inside, parameters.active_from / 4).astype(np.float32), features


def pydensecrf(probability: np.ndarray, features: np.ndarray, parameters: CRFParameters) -> np.ndarray:
    """The same model in pydensecrf2."""
    from pydensecrf.densecrf import DenseCRF

    shape = probability.shape
    p = np.clip(probability, 1e-5, 1 - 1e-5).ravel()
    model = DenseCRF(p.size, 2)
    model.setUnaryEnergy(np.ascontiguousarray(-np.log(np.stack([1 - p, p])), np.float32))
    xy = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")).astype(np.float32)
    if parameters.gaussian_weight:
        smooth = (xy / parameters.gaussian_sigma).reshape(2, -1)
        model.addPairwiseEnergy(np.ascontiguousarray(smooth, np.float32), compat=parameters.gaussian_weight)
    alike = np.concatenate([xy / parameters.bilateral_sigma_xy, features / parameters.bilateral_sigma_value])
    alike = np.ascontiguousarray(alike.reshape(len(alike), -1), np.float32)
    model.addPairwiseEnergy(alike, compat=parameters.bilateral_weight)
    return np.array(model.inference(parameters.iterations))[1].reshape(shape)


def seconds(run: Callable[[], object], repeat: int, clock: Callable[[], float] = process_time) -> float:
    """Shortest time of several runs."""
    times = []
    for _ in range(repeat):
        start = clock()
        run()
        times.append(clock() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sigma-xy", type=float, default=CRFParameters.bilateral_sigma_xy, help="pixels")
    parser.add_argument("--gaussian-weight", type=float, default=CRFParameters.gaussian_weight)
    arguments = parser.parse_args()
    threads = numba.get_num_threads()

    def parameters(features: int) -> CRFParameters:
        bands = RGB if features == 3 else BANDS[:features]
        return CRFParameters(
            bands=bands, bilateral_sigma_xy=arguments.sigma_xy, gaussian_weight=arguments.gaussian_weight
        )

    print(f"{parameters(3)}\n")
    print(f"  side  features  active  pydensecrf2     ours   ratio  in blocks   {threads} threads (wall)")
    for case in CASES:
        p = parameters(case.features)
        probability, features = image(case, p)

        def whole(p=p, y=probability, x=features) -> np.ndarray:
            return refine(y, x, p)

        def blockwise(p=p, y=probability, x=features) -> np.ndarray:
            return np.concatenate([*refine_strips(y.shape, lambda w: y[w.slices], lambda w: x[:, *w.slices], p)])

        def lattice(p=p, y=probability, x=features) -> np.ndarray:
            return pydensecrf(y, x, p)

        whole()  # compiles
        wall = seconds(whole, case.repeat, perf_counter)
        numba.set_num_threads(1)
        ours, parts = seconds(whole, case.repeat), seconds(blockwise, case.repeat)
        reference = seconds(lattice, case.repeat) if case.reference else np.nan
        numba.set_num_threads(threads)
        active, ratio = float((probability >= p.active_from).mean()), reference / ours
        print(
            f"{case.side:6d}  {case.features:8d}  {active:6.3f}  {reference:11.3f}  {ours:7.3f}  {ratio:5.1f}×"
            f"  {parts:9.3f}   {wall:9.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Does the DenseCRF help? Tunes it on a bundle's validation blocks and reports F1 with and without it.

    python benchmarks/tune_crf.py --data ../shared/data/l4s_rgb_pairs.npz

The grid is searched on every fourth validation patch, the best settings are compared on all of them, and the winner is
measured on the test blocks at the threshold that was best on validation. Features are the windows divided by their
median, since the bundle's normalisation is ``window``. The interval is that of a bootstrap over patches.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter

import numba
import numpy as np

from l4s_geo import load_bundle
from l4s_geo.crf.mean_field import refine
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.normalize import median_scaled
from l4s_training.data import splits
from l4s_training.data.readers import read as sources
from l4s_training.runs.prediction import bundle_predictor, predict_all
from l4s_training.scoring.metrics import Scores, ThresholdCurve

SIGMA_XY = (2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
SIGMA_VALUE = (0.1, 0.3, 1.0)
WEIGHT = (0.5, 1.0, 2.0)
GAUSSIAN = ((1.5, 0.5), (3.0, 0.5))
FINALISTS = 6

Set = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Probabilities (n, rows, cols), features (n, bands, rows, cols), masks (n, rows, cols)."""


def grid(bands: tuple[str, ...]) -> list[CRFParameters]:
    """Every combination with the bilateral kernel alone, and the small ones with a Gaussian kernel beside it."""
    alone = [
        CRFParameters(
            bands=bands,
            gaussian_weight=0.0,
            bilateral_sigma_xy=xy,
            bilateral_sigma_value=value,
            bilateral_weight=weight,
        )
        for xy, value, weight in itertools.product(SIGMA_XY, SIGMA_VALUE, WEIGHT)
    ]
    small = [p for p in alone if 3 <= p.bilateral_sigma_xy <= 5]
    return alone + [replace(p, gaussian_sigma=s, gaussian_weight=w) for p in small for s, w in GAUSSIAN]


def refined(data: Set, parameters: CRFParameters) -> np.ndarray:
    """Run the CRF on every patch."""
    return np.stack([refine(p, f, parameters) for p, f in zip(data[0], data[1], strict=True)])


def gain(before: np.ndarray, after: np.ndarray, masks: np.ndarray) -> tuple[float, float]:
    """95 % interval of the difference in F1 between two detections, by bootstrap over patches."""
    truth = masks > 0
    counts = [np.stack([(d & truth).sum((1, 2)), (d ^ truth).sum((1, 2))]) for d in (before, after)]
    draws = np.random.default_rng(0).integers(0, len(masks), (2000, len(masks)))
    f1 = [2 * tp / (2 * tp + wrong) for tp, wrong in (c[:, draws].sum(2) for c in counts)]
    low, high = np.percentile(f1[1] - f1[0], [2.5, 97.5])
    return float(low), float(high)


def describe(p: CRFParameters) -> str:
    """One row's parameters."""
    return (
        f"{p.bilateral_sigma_xy:4.0f} {p.bilateral_sigma_value:6.2f} {p.bilateral_weight:7.2f} "
        f"{p.gaussian_sigma if p.gaussian_weight else 0:8.1f} {p.gaussian_weight:7.2f}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="an .npz of labelled patches")
    parser.add_argument("--bundle", default="rgb")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    numba.set_num_threads(arguments.threads)
    started = perf_counter()

    bundle = load_bundle(arguments.bundle, "cpu")
    patches = sources.read(arguments.data, bundle.bands)
    split = splits.split(patches.ids, patches.numbers, splits.DEFAULT)
    sets: dict[str, Set] = {}
    for role in ("validation", "test"):
        part = patches.take(split.of(role))
        windows = part.windows(np.arange(len(part)))
        sets[role] = (predict_all(bundle_predictor(bundle, part), part), median_scaled(windows), part.masks)

    validation = sets["validation"]
    coarse = tuple(a[::4] for a in validation)
    _, without = ThresholdCurve.of(coarse[0], coarse[2]).best()
    print(f"{len(coarse[0])} validation patches; F1 without CRF {without.f1:.4f}")
    print("σ_xy σ_value  weight   σ_gauss  weight      F1  threshold  active  s/patch")
    active = float((coarse[0] >= CRFParameters().active_from).mean())
    results = []
    for parameters in grid(bundle.bands):
        at = perf_counter()
        threshold, scores = ThresholdCurve.of(refined(coarse, parameters), coarse[2]).best()
        seconds = (perf_counter() - at) / len(coarse[0])
        results.append((scores.f1, parameters))
        print(f"{describe(parameters)}  {scores.f1:.4f}  {threshold:9.3f}  {active:6.3f}  {seconds:7.4f}", flush=True)

    print(f"\nall {len(validation[0])} validation patches")
    threshold_without, without = ThresholdCurve.of(validation[0], validation[2]).best()
    print(f"{'without':>34}  {without.f1:.4f}  {threshold_without:9.3f}")
    finalists = [p for _, p in sorted(results, key=lambda r: -r[0])[:FINALISTS]]
    finals = []
    for parameters in finalists:
        threshold, scores = ThresholdCurve.of(refined(validation, parameters), validation[2]).best()
        finals.append((scores.f1, threshold, parameters))
        print(f"{describe(parameters)}  {scores.f1:.4f}  {threshold:9.3f}", flush=True)
    _, threshold, winner = max(finals, key=lambda r: r[0])

    print(f"\nwinner: {asdict(winner)}")
    print("                       threshold      F1  precision  recall  F1 gained (95 %)")
    for role, data in sets.items():
        before = data[0] >= threshold_without
        after = refined(data, winner) >= threshold
        low, high = gain(before, after, data[2])
        for label, detected, at in (("without", before, threshold_without), ("with CRF", after, threshold)):
            s = Scores.of(detected, data[2])
            interval = f"{low:+.4f} … {high:+.4f}" if detected is after else ""
            row = f"{role:>10} {label:>9}  {at:10.3f}  {s.f1:.4f}  {s.precision:9.4f}  {s.recall:6.4f}  {interval}"
            print(row.rstrip())
    print(f"\n{perf_counter() - started:.0f} s on {arguments.threads} thread(s)")


if __name__ == "__main__":
    main()

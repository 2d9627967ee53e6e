"""What teaching is worth on Iburi 2018: squares that were fully looked at, and single polygons with strokes.

    python benchmarks/teach_iburi.py --data ../shared/data/iburi_2018 --out teach-iburi

With ``--before`` the early spring image before the event is used as well, and squares of 1.28 km and 20 polygons are
taught with it and without it, on the ground that both dates show clearly:

    python benchmarks/teach_iburi.py --data ../shared/data/iburi_2018 --out teach-iburi-pair --before

Every draw labels some ground of the western half, learns as `l4s_geo.teach` does, and is tested on the rest of it at
least 320 m away from a square, or a pixel away from single polygons. Writes ``figures.json`` and the learning curve.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from l4s_geo.bundles.registry import find_bundle
from l4s_geo.change.dates import Dates
from l4s_geo.change.sides import open_sides
from l4s_geo.evaluation.pixels import Cover
from l4s_geo.grid import Grid
from l4s_geo.inference.features import GROUPS, available, group_of
from l4s_geo.inference.predict import PredictSettings, predict
from l4s_geo.inference.runtime import load_networks
from l4s_geo.inference.taught import ClearBefore, Sight, known_of
from l4s_geo.output.resume import ResumeStore
from l4s_geo.sources.vectors import read_features
from l4s_geo.stack.open import Inputs
from l4s_geo.stack.sun import Sun
from l4s_geo.teaching.learner import Learned, Samples, learn
from l4s_geo.teaching.samples import NEAR, PRESUMED

SIDES = (64, 128, 256)
POLYGONS = (10, 20, 50, 100)
AWAY = 32
SUN = Sun(165, 31)
STROKE = (4, 12)
THRESHOLDS = np.linspace(0.005, 0.9, 120)
AROUND = np.ones((3, 3), bool)

Steps = dict[str, Callable[[], dict[str, float]]]


@dataclass(frozen=True)
class Ground:
    """The western half, whole."""

    grid: Grid
    features: NDArray[np.float32]
    """(rows, cols, features)."""
    names: tuple[str, ...]
    base: NDArray[np.float32]
    """What the networks say."""
    weighed: NDArray[np.float32]
    """The same with the terrain prior, as `l4s-map` gives it."""
    threshold: float
    land: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    shapes: NDArray[np.object_]
    """Scars and deposits, in the CRS of the grid."""


def main() -> None:
    """Run the draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/iburi_2018"))
    parser.add_argument("--out", type=Path, default=Path("teach-iburi"))
    parser.add_argument("--draws", type=int, default=10, help="random squares of each size, and sets of polygons")
    parser.add_argument("--before", action="store_true", help="teach with the earlier date, and without it")
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    began = time.time()
    ground = read(arguments.data, arguments.before)
    print(f"features: {time.time() - began:.0f} s, {len(ground.names)}", flush=True)
    figures: dict[str, dict[str, float]] = {"base": base_figures(ground)}
    print("base", figures["base"], flush=True)
    draws = arguments.draws
    steps = (on_two_dates if arguments.before else on_one_date)(ground, draws)
    for name, step in steps.items():
        figures[name] = step()
        print(name, figures[name], f"{time.time() - began:.0f} s", flush=True)
        (arguments.out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    if not arguments.before:
        draw(figures, arguments.out / "teach-iburi.png")


def on_one_date(ground: Ground, draws: int) -> Steps:
    """What is measured of the later date alone."""
    steps = {f"square {side * 10} m": lambda side=side: repeated(on_square, ground, side, draws) for side in SIDES}
    steps |= {"importance": lambda: importance(ground, min(4, draws))}
    return steps | {f"{n} polygons": lambda n=n: repeated(on_polygons, ground, n, draws) for n in POLYGONS}


def on_two_dates(ground: Ground, draws: int) -> Steps:
    """What is measured with the earlier date and without it."""
    later = np.array([group_of(name) != "change" for name in ground.names])
    names = tuple(name for name, kept in zip(ground.names, later, strict=True) if kept)
    alone = replace(ground, features=np.ascontiguousarray(ground.features[..., later]), names=names)
    steps: Steps = {}
    for label, given in (("two dates", ground), ("one date", alone)):
        steps[f"square 1280 m, {label}"] = lambda given=given: repeated(on_square, given, 128, draws)
        steps[f"20 polygons, {label}"] = lambda given=given: repeated(on_polygons, given, 20, draws)
    return steps | {"importance": lambda: importance(ground, min(4, draws))}


def repeated(how: Callable[[Ground, int, int], dict[str, float]], ground: Ground, size: int, draws: int) -> dict:
    """Draw several times, and average."""
    return summary([how(ground, size, seed) for seed in range(draws)])


def read(data: Path, with_before: bool = False) -> Ground:
    """Map the scene with the base, compute all features, read the inventory."""
    base = find_bundle("rgb")
    model = load_networks(base, "cpu", "fp32", None)
    scene, earlier = ({b: data / day / f"{b}.tif" for b in ("B2", "B3", "B4")} for day in ("post", "pre"))
    dates = Dates(before=(earlier,) if with_before else ())
    with TemporaryDirectory() as folder, open_sides(Inputs(scene=scene, dem=[data / "dsm.tif"]), dates) as sides:
        stack, grid = sides.after, sides.after.grid
        print(*sides.lines(), sep="\n", flush=True)
        layers = predict(stack, model, ResumeStore(Path(folder) / "scene", "", False), PredictSettings()).layers
        names = available(known_of(stack, layers.bands > 1, True, sides.before))
        whole = Sight(stack, layers, names, SUN, sides.before).read(grid.whole)
        clear = ClearBefore(sides.before, names).read(grid.whole) if sides.before else np.ones(grid.shape, bool)
        probability = layers.read(grid.whole)[0]
        weighed = base.prior.apply(probability, stack.slope(grid.whole)) if base.prior else probability

    def shapes(*layers: str) -> NDArray[np.object_]:
        found = [read_features(f"{data / 'inventory_west.gpkg'}|layername={name}", "inventory") for name in layers]
        return np.concatenate([f.shapes for f in found])

    def cover(*layers: str) -> NDArray[np.bool_]:
        return Cover(shapes(*layers), grid).read(grid.whole)

    judged = cover("read_area") & ~cover("maybe") & np.isfinite(probability)
    if with_before:
        print(f"clear on both dates: {clear[judged].mean():.1%} of the ground", flush=True)
    return Ground(
        grid,
        np.ascontiguousarray(whole.transpose(1, 2, 0)),
        names,
        probability,
        weighed,
        base.threshold,
        cover("scar", "deposit"),
        judged & clear,
        shapes("scar", "deposit"),
    )


def samples(ground: Ground, slides: NDArray, background: NDArray, presumed: NDArray) -> Samples:
    """The samples that `l4s_geo.teaching.samples.collect` would give."""
    outline = np.zeros_like(slides)
    for kind in (slides, background):
        outline |= kind & ~ndimage.binary_erosion(kind, AROUND)
    taken = slides | background | presumed
    rows, cols = np.nonzero(taken)
    weight = np.where(outline & ~presumed, np.float32(0.5), np.float32(1))
    return Samples(
        ground.features[taken],
        slides[taken],
        presumed[taken],
        weight[taken],
        rows.astype(np.int32),
        cols.astype(np.int32),
        ground.base[taken],
        ground.weighed[taken] >= ground.threshold,
    )


def square(ground: Ground, side: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A random square nearly all of which was looked at, with some landslides, and what is far enough from it."""
    random = np.random.default_rng(seed)
    height, width = ground.judged.shape
    while True:
        row, col = random.integers(0, height - side), random.integers(0, width - side)
        inside = np.zeros_like(ground.judged)
        inside[row : row + side, col : col + side] = True
        if ground.judged[inside].mean() > 0.9 and ground.land[inside & ground.judged].mean() > 0.02:
            break
    near = np.zeros_like(inside)
    near[max(row - AWAY, 0) : row + side + AWAY, max(col - AWAY, 0) : col + side + AWAY] = True
    return inside & ground.judged, ground.judged & ~near


def on_square(ground: Ground, side: int, seed: int) -> dict[str, float]:
    """Teach in a square, test on the rest."""
    inside, rest = square(ground, side, seed)
    given = samples(ground, inside & ground.land, inside & ~ground.land, np.zeros_like(inside))
    return test(ground, learn(given), rest)


def on_polygons(ground: Ground, count: int, seed: int) -> dict[str, float]:
    """Teach from single polygons and as many strokes on background, test on the rest."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(ground.shapes))
    chosen: list[int] = []
    for number in order:
        # A polygon of which no three pixels were judged teaches nothing.
        if ground.shapes[number].area >= 300 and inside_judged(ground, ground.shapes[number]):
            chosen.append(int(number))
        if len(chosen) == count:
            break
    slides = Cover(ground.shapes[chosen], ground.grid).read(ground.grid.whole) & ground.judged
    strokes = np.zeros_like(slides)
    rows, cols = np.nonzero(ground.judged & ~ground.land)
    drawn = 0
    while drawn < count:
        place = random.integers(len(rows))
        height, width = random.permutation(STROKE)
        stroke = np.zeros_like(slides)
        stroke[rows[place] : rows[place] + height, cols[place] : cols[place] + width] = True
        stroke &= ground.judged
        if not (stroke & ground.land).any():
            strokes |= stroke
            drawn += 1
    marked = slides | strokes
    distance = ndimage.distance_transform_edt(~marked)
    # Nobody who draws knows what was judged: the sample is of all that is near.
    beside = np.flatnonzero((distance > 2) & (distance <= NEAR / 10) & np.isfinite(ground.base))
    presumed = np.zeros_like(slides)
    presumed.flat[random.choice(beside, min(PRESUMED, len(beside)), replace=False)] = True
    return test(ground, learn(samples(ground, slides, strokes, presumed)), ground.judged & (distance > 1.5))


def inside_judged(ground: Ground, shape: shapely.Geometry) -> bool:
    """Whether the middle of a polygon was judged."""
    point = shapely.point_on_surface(shape)
    col, row = ~ground.grid.transform @ (point.x, point.y)
    inside = 0 <= row < ground.grid.height and 0 <= col < ground.grid.width
    return bool(inside and ground.judged[int(row), int(col)])


def chance(learned: Learned, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probabilities of pixels."""
    raw = learned.booster.predict(features, raw_score=True)
    return 1 / (1 + np.exp(-(learned.scale * raw + learned.shift)))


def test(ground: Ground, learned: Learned, rest: NDArray[np.bool_]) -> dict[str, float]:
    """Score on ground that was not labelled, beside the base."""
    truth, found = ground.land[rest], chance(learned, ground.features[rest])
    base = ground.weighed[rest]
    return {
        **scores(found >= learned.threshold, truth),
        "best": max(scores(found >= t, truth)["f1"] for t in THRESHOLDS),
        "out_of_fold": learned.scores.f1,
        "pays": float(learned.is_known and learned.pays),
        "gap": learned.gap * 10.0,
        "base": scores(base >= ground.threshold, truth)["f1"],
        "base_best": max(scores(base >= t, truth)["f1"] for t in THRESHOLDS),
    }


def scores(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    """F1, precision and recall."""
    right = float((said & truth).sum())
    precision, recall = right / max(float(said.sum()), 1), right / max(float(truth.sum()), 1)
    return {"f1": 2 * right / max(float(said.sum() + truth.sum()), 1), "precision": precision, "recall": recall}


def base_figures(ground: Ground) -> dict[str, float]:
    """The base on all that was judged."""
    truth, said = ground.land[ground.judged], ground.weighed[ground.judged]
    best = max(scores(said >= t, truth)["f1"] for t in THRESHOLDS)
    return {**scores(said >= ground.threshold, truth), "best": best}


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over the draws, and how far F1 spreads."""
    means = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}
    return means | {"f1_deviation": round(float(np.std([row["f1"] for row in rows])), 3), "draws": len(rows)}


def importance(ground: Ground, draws: int) -> dict[str, float]:
    """How much F1 falls when a group of features is shuffled among the pixels, taught in squares of 1.28 km."""
    groups = np.array([group_of(name) for name in ground.names])
    falls: dict[str, list[float]] = {group: [] for group in GROUPS if group in groups}
    for seed in range(draws):
        inside, rest = square(ground, 128, seed)
        learned = learn(samples(ground, inside & ground.land, inside & ~ground.land, np.zeros_like(inside)))
        random = np.random.default_rng(seed)
        features, truth = ground.features[rest], ground.land[rest]
        some = random.choice(len(truth), min(100_000, len(truth)), replace=False)
        features, truth = features[some], truth[some]
        whole = scores(chance(learned, features) >= learned.threshold, truth)["f1"]
        for group in falls:
            shuffled = features.copy()
            columns = np.flatnonzero(groups == group)
            shuffled[:, columns] = features[random.permutation(len(truth))][:, columns]
            falls[group].append(whole - scores(chance(learned, shuffled) >= learned.threshold, truth)["f1"])
    return {group: round(float(np.mean(values)), 3) for group, values in falls.items()}


def draw(figures: dict[str, dict[str, float]], path: Path) -> None:
    """Draw the learning curves, and what carries them."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=(3, 2))
    kinds = {
        "fully looked-at square, side in m": [(side * 10, figures[f"square {side * 10} m"]) for side in SIDES],
        "single polygons, number": [(count, figures[f"{count} polygons"]) for count in POLYGONS],
    }
    for label, rows in kinds.items():
        places, values = zip(*rows, strict=True)
        deviation = [row["f1_deviation"] for row in values]
        left.errorbar(places, [row["f1"] for row in values], deviation, marker="o", capsize=3, label=label)
    left.axhline(figures["base"]["f1"], color="grey", lw=1, label="bundle rgb")
    left.axhline(figures["base"]["best"], color="grey", lw=1, ls=":", label="rgb, best threshold")
    left.set(xscale="log", ylabel="F1 on ground not labelled", ylim=(0.3, 0.75))
    left.legend(fontsize=7, loc="lower right")
    bars = figures["importance"]
    right.barh(list(bars)[::-1], list(bars.values())[::-1])
    right.set(xlabel="fall of F1 when shuffled")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()

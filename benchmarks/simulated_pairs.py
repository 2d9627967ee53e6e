"""Whole simulated scenes on two dates, with truth: how well new landslides and old scars are told apart.

    python benchmarks/simulated_pairs.py --bundle rgb

simulates a scene of each of some regions after an event (`l4s_training.data.simulation`), and the same ground before
it: under another sun and through other air, with a third of the landslides there already, as old scars, and then
other colours, growth, haze, noise and a rest of a shift as in the pairs of patches. Both are written as files and go
through the call of l4s-map. Pixels of all scenes are pooled: F1 (precision / recall) of *new* without and with the
earlier date, and of *old*: what --all finds and does not flag. Fields are the same on both dates.

With --composites it measures what a composite of several dates should be made of instead: the networks' map of
the composite, or a composite of their maps of each date (the median, and that of the observation which is composited).
Each region has three dates then, with clouds over a part of some.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage

import l4s_geo
from l4s_geo.bands import RGB, SPECTRAL
from l4s_geo.change.indices import ndvi
from l4s_training.data.pairs import cloud_opacity, other_date, under_clouds
from l4s_training.data.simulation import Air, Region, Sun, simulate_scene
from l4s_training.data.simulation.regions import REGIONS
from l4s_training.scoring.metrics import Scores

OLD = 1 / 3
"""Share of the landslides that were there before."""
GRID = {"crs": "EPSG:32645", "transform": Affine(10, 0, 420_000, 0, -10, 3_090_000)}
BANDS = (*RGB, "B8")


@dataclass(frozen=True)
class Pair:
    """A simulated scene on two dates."""

    region: str
    after: NDArray[np.float32]
    """(bands, rows, cols) digital numbers of all spectral bands."""
    before: NDArray[np.float32]
    new: NDArray[np.bool_]
    """(rows, cols)"""
    old: NDArray[np.bool_]


def regions(count: int) -> Iterator[tuple[int, str, Region]]:
    """Yield a seed, a name and a place without clouds."""
    for seed, (name, region) in enumerate(list(REGIONS.items())[:count]):
        yield seed, name, replace(region, air=replace(region.air, clouds=0))


def pairs(size: int, count: int) -> Iterator[Pair]:
    """Simulate pairs, one a region."""
    for seed, name, clear in regions(count):
        rng, region = np.random.default_rng(1000 + seed), clear
        sun = Sun(region.sun.elevation - rng.uniform(3, 12), region.sun.azimuth + rng.uniform(-15, 15))
        earlier = replace(clear, sun=sun, air=Air(region.air.haze * rng.uniform(0.8, 1.4), 0))
        nothing = replace(earlier, event=replace(region.event, share=0.0))
        after, full, empty = (
            simulate_scene(r, (size, size), np.random.default_rng(seed)) for r in (clear, earlier, nothing)
        )
        labels, parts = ndimage.label(after.landslides)
        old = np.concatenate([[False], rng.random(parts) < OLD])[labels]
        there = ndimage.binary_dilation(old, iterations=2)
        dn = np.where(there, full.dn, empty.dn)[: len(SPECTRAL)].astype(np.float32)
        values = after.dn[: len(SPECTRAL)].astype(np.float32)
        yield Pair(name, values, other_date(dn, list(SPECTRAL), rng), after.landslides & ~old, old)


def write(path: Path, dn: NDArray[np.float32], bands: tuple[str, ...]) -> Path:
    """Write some bands of a scene as digital numbers."""
    values = np.stack([dn[SPECTRAL.index(b)] for b in bands]).clip(1, 20_000).astype(np.uint16)
    profile = {"driver": "GTiff", "dtype": "uint16", "count": len(bands), **GRID}
    with rasterio.open(path, "w", **profile, height=dn.shape[1], width=dn.shape[2]) as dataset:
        dataset.write(values)
        dataset.descriptions = bands
    return path


def cells(scores: list[Scores]) -> list[str]:
    """Return scores as text."""
    return [f"{s.f1:.3f} ({s.precision:.3f} / {s.recall:.3f})" for s in scores]


def new_and_old(made: list[Pair], folder: Path, bundle: str) -> None:
    """Print the scores of new and old landslides."""
    print("| index | new, without | new, with | old |\n| --- | --- | --- | --- |")
    for index, bands in (("rdNDVI", BANDS), ("greenness", RGB)):
        found: dict[str, list[NDArray[np.bool_]]] = {"without": [], "with": [], "old": []}
        for pair in made:
            after = write(folder / "after.tif", pair.after, bands)
            before = write(folder / "before.tif", pair.before, bands)
            plain = l4s_geo.map_scene(after, bundle=bundle)
            new = l4s_geo.map_scene(after, before=before, bundle=bundle)
            every = l4s_geo.map_scene(after, before=before, only_new=False, bundle=bundle)
            for name, part in (("without", plain), ("with", new), ("old", every[~every.is_new.astype(bool)])):
                drawn = [g for g in part.geometry if not g.is_empty]
                shape, transform = pair.new.shape, GRID["transform"]
                found[name].append(
                    rasterize(drawn, shape, transform=transform).astype(bool) if drawn else np.zeros(shape, bool)
                )
        new_truth, old_truth = (np.stack([getattr(p, w) for p in made]).astype(np.uint8) for w in ("new", "old"))
        truths = {"without": new_truth, "with": new_truth, "old": old_truth}
        scores = [Scores.of(np.stack(found[name]), truth) for name, truth in truths.items()]
        print(f"| {index} | {' | '.join(cells(scores))} |", flush=True)


def composites(size: int, count: int, folder: Path, bundle: str) -> None:
    """Print how well the landslides of three cloudy dates are found, by the order of compositing and mapping."""
    model = l4s_geo.load_bundle(bundle, "cpu")
    found: dict[str, list[NDArray[np.float32]]] = {}
    truth = []
    for seed, _, clear in regions(count):
        scene = simulate_scene(clear, (size, size), np.random.default_rng(seed))
        truth.append(scene.landslides)
        rng = np.random.default_rng(seed)
        dates = []
        for day in range(3):
            dn = scene.dn[: len(SPECTRAL)].astype(np.float32)
            dn = dn if day == 0 else other_date(dn, list(SPECTRAL), rng)
            dates.append(under_clouds(dn, cloud_opacity(dn.shape[1:], rng), rng))
        paths = [write(folder / f"day{day}.tif", dn, BANDS) for day, dn in enumerate(dates)]
        maps = np.stack([_probability(path, None, folder, model.name) for path in paths])
        for method in ("greenest", "median"):
            whole = _probability(paths, method, folder, model.name)
            found.setdefault(f"map of the {method} composite", []).append(whole)
        found.setdefault("median of the maps", []).append(np.median(maps, axis=0))
        green = np.stack([ndvi({b: dn[SPECTRAL.index(b)] for b in ("B4", "B8")}) for dn in dates])
        picked = np.take_along_axis(maps, green.argmax(axis=0)[None], axis=0)[0]
        found.setdefault("map of the greenest observation", []).append(picked)
    print("| what | F1 (precision / recall) |\n| --- | --- |")
    for name, maps_of in found.items():
        (cell,) = cells([Scores.of(np.stack(maps_of) >= model.threshold, np.stack(truth).astype(np.uint8))])
        print(f"| {name} | {cell} |", flush=True)


def _probability(scene: Path | list[Path], method: str | None, folder: Path, bundle: str) -> NDArray[np.float32]:
    """Return the probability of a scene, or of a composite."""
    out = folder / "probability.tif"
    options = {"composite": method} if method else {}
    l4s_geo.map_scene(scene, probability=out, bundle=bundle, **options)
    with rasterio.open(out) as dataset:
        return np.nan_to_num(dataset.read(1))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="rgb")
    parser.add_argument("--size", type=int, default=384, help="rows and columns of a scene")
    parser.add_argument("--regions", type=int, default=4, help="scenes, one a region")
    parser.add_argument("--composites", action="store_true", help="measure composites instead")
    arguments = parser.parse_args()
    size, count = arguments.size, arguments.regions
    with tempfile.TemporaryDirectory() as name:
        if arguments.composites:
            composites(size, count, Path(name), arguments.bundle)
        else:
            new_and_old(list(pairs(size, count)), Path(name), arguments.bundle)


if __name__ == "__main__":
    main()

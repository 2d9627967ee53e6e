"""Does infrared pay when the labels are of the same ground? Teaches on a quarter of each labelled 14-band patch.

    python benchmarks/teach_patches.py --data ../shared/data/l4s_14band_labelled.npz

Each quarter of each patch of Landslide4Sense is taken for ground that was fully looked at, and the rest of the patch,
from 80 m on, is tested: with three bands, with all twelve, with the terrain, and each without what the network says.
Quarters with too few landslides to learn from are left out. Pixels are pooled over all quarters; ``rgb`` is the base,
with its prior of slopes where the terrain is known, at its own threshold and at the one that is best for all of these
pixels together.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from l4s_geo.bands import BANDS, RGB
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.errors import TeachingError
from l4s_geo.inference.features import available, group_of
from l4s_geo.inference.predict import PredictSettings, predict
from l4s_geo.inference.runtime import LoadedBundle, load_networks
from l4s_geo.inference.taught import Sight, known_of
from l4s_geo.output.resume import ResumeStore
from l4s_geo.stack.open import Inputs, open_stack
from l4s_geo.teaching.learner import learn
from measuring import table
from teach_iburi import THRESHOLDS, Ground, chance, samples, scores

SPECTRAL_ONLY = BANDS[:12]
CASES = {"three bands": RGB, "all bands": SPECTRAL_ONLY, "all bands and terrain": BANDS}
SIDE, HALF, AWAY = 128, 64, 8
Mask = NDArray[np.bool_]


def main() -> None:
    """Teach on every quarter, with each set of bands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/l4s_14band_labelled.npz"))
    arguments = parser.parse_args()
    with np.load(arguments.data) as data:
        values, masks = data["dn"], data["mask"].astype(bool)
    model = load_networks(find_bundle("rgb"), "cpu", "fp32", None)
    rows = []
    for name, bands in CASES.items():
        grounds = [read(patch, truth, bands, model) for patch, truth in zip(values, masks, strict=True)]
        rows.append((name, *taught_on(grounds)))
        rows.append((f"{name}, without the network", *taught_on([without_network(ground) for ground in grounds])))
    header = ("with", "quarters", "of which teaching pays", "taught: F1", "precision", "recall")
    table((*header, "`rgb`: F1", "at its best threshold"), rows)


def taught_on(grounds: list[Ground]) -> tuple[float, ...]:
    """Teach on every quarter; how many there were, how many paid, and what the pixels of all say together."""
    tried, pays, pixels = 0, 0, []
    for ground in grounds:
        truth = ground.land
        for inside, rest in quarters():
            try:
                learned = learn(samples(ground, inside & truth, inside & ~truth, np.zeros_like(inside)))
            except TeachingError:
                continue
            tried, pays = tried + 1, pays + (learned.is_known and learned.pays)
            said = chance(learned, ground.features[rest]) >= learned.threshold
            pixels.append((truth[rest], ground.weighed[rest], said))
    truth, base, said = (np.concatenate(part) for part in zip(*pixels, strict=True))
    best = max(scores(base >= t, truth)["f1"] for t in THRESHOLDS)
    return tried, pays, *scores(said, truth).values(), scores(base >= grounds[0].threshold, truth)["f1"], best


def without_network(ground: Ground) -> Ground:
    """The same ground, without the features of the network."""
    kept = [number for number, name in enumerate(ground.names) if group_of(name) != "network"]
    return replace(ground, features=ground.features[..., kept], names=tuple(ground.names[number] for number in kept))


def quarters() -> Iterator[tuple[Mask, Mask]]:
    """Each quarter of a patch, and the ground that is far enough from it."""
    for row in (0, HALF):
        for col in (0, HALF):
            inside, near = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
            inside[row : row + HALF, col : col + HALF] = True
            near[max(row - AWAY, 0) : row + HALF + AWAY, max(col - AWAY, 0) : col + HALF + AWAY] = True
            yield inside, ~near


def read(patch: NDArray[np.uint16], truth: Mask, bands: tuple[str, ...], model: LoadedBundle) -> Ground:
    """Map a patch with the base and compute its features from some of its bands."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "patch.tif"
        profile = {"driver": "GTiff", "dtype": "uint16", "height": SIDE, "width": SIDE, "count": len(bands)}
        with rasterio.open(path, "w", crs="EPSG:32645", transform=Affine(10, 0, 4e5, 0, -10, 3e6), **profile) as file:
            for index, band in enumerate(bands, start=1):
                file.write(patch[:, :, BANDS.index(band)], index)
                file.set_band_description(index, band)
        with open_stack(Inputs(path, units="dn")) as stack:
            layers = predict(stack, model, ResumeStore(Path(folder) / "s", "", False), PredictSettings()).layers
            names = available(known_of(stack, layers.bands > 1, False))
            features = Sight(stack, layers, names, None).read(stack.grid.whole).transpose(1, 2, 0).copy()
            base, prior = layers.read(stack.grid.whole)[0], model.bundle.prior
            weighed = prior.apply(base, stack.slope(stack.grid.whole)) if prior and stack.has_terrain else base
            return Ground(
                stack.grid,
                features,
                names,
                base,
                weighed,
                model.bundle.threshold,
                truth,
                np.ones_like(truth),
                np.empty(0, object),
            )


if __name__ == "__main__":
    main()

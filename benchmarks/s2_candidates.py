"""What more than red, green and blue would bring: candidates for a bundle on more bands, on little labelled data.

    python benchmarks/s2_candidates.py --data ../shared/data --bundle rgb

A candidate is a logistic regression on the bundle's logit and on what other bands say of a pixel: NDVI, slope (capped,
since beyond some steepness more of it says nothing), or all 14 bands. It is fitted on the labelled 14-band patches. Its
F1 there is with each patch left out in turn: regression and threshold come from the ten others. On scenes without
landslides, and at Iburi (which has no near infrared), it is that of all eleven patches, at their F1 optimum. Whole
scenes are judged by pixels.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy.optimize import minimize
from scipy.special import expit

import l4s_geo
from l4s_geo import load_bundle
from l4s_geo.bands import BANDS, scale_of
from l4s_geo.stack.open import Inputs, open_stack
from l4s_training.data.readers import read as sources
from l4s_training.export.card.markdown import row
from l4s_training.export.card.scenes import REFERENCE, RealScene, iburi, landslide_free
from l4s_training.export.terrain_prior import coarse_slope, leave_one_out
from l4s_training.runs.prediction import bundle_predictor, predict_all
from l4s_training.scoring.calibration import logits_of
from l4s_training.scoring.metrics import Scores, ThresholdCurve

Layers = Mapping[str, NDArray]
"""By name: logit, NDVI, slope (degrees), bands in L4S units; each of one shape."""

CANDIDATES: dict[str, Callable[[Layers], list[NDArray]]] = {
    "rgb alone": lambda x: [x["logit"]],
    "NDVI, slope, no network": lambda x: [x["NDVI"], np.minimum(x["slope"], 40)],
    "rgb + NDVI": lambda x: [x["logit"], x["NDVI"]],
    "rgb + slope to 20°": lambda x: [x["logit"], np.minimum(x["slope"], 20)],
    "rgb + slope to 40°": lambda x: [x["logit"], np.minimum(x["slope"], 40)],
    "rgb + NDVI + slope to 20°": lambda x: [x["logit"], x["NDVI"], np.minimum(x["slope"], 20)],
    "rgb + NDVI + slope to 40°": lambda x: [x["logit"], x["NDVI"], np.minimum(x["slope"], 40)],
    "rgb + 14 bands": lambda x: [x["logit"], *(x[band] for band in BANDS)],
}
RIDGE = 1e-4


@dataclass(frozen=True)
class Head:
    """A logistic regression on standardised features."""

    mean: NDArray
    deviation: NDArray
    weights: NDArray
    """The intercept first."""

    @classmethod
    def fit(cls, features: list[NDArray], masks: NDArray) -> Head:
        """Fit to pixels of any shape."""
        x = np.stack([f.ravel() for f in features], axis=1).astype(np.float64)
        mean, deviation = x.mean(0), x.std(0)
        x = (x - mean) / deviation
        sign = np.where(masks.ravel() > 0, 1.0, -1.0)

        def loss(w: NDArray) -> tuple[float, NDArray]:
            margin = sign * (w[0] + x @ w[1:])
            slope = -sign * expit(-margin) / len(x)
            gradient = np.concatenate([[slope.sum()], slope @ x + 2 * RIDGE * w[1:]])
            return float(np.logaddexp(0, -margin).mean() + RIDGE * (w[1:] ** 2).sum()), gradient

        return cls(mean, deviation, minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x)

    def __call__(self, features: list[NDArray]) -> NDArray[np.float32]:
        """Return probabilities, of the features' shape."""
        terms = zip(self.weights[1:], features, self.mean, self.deviation, strict=True)
        return expit(self.weights[0] + sum(w * (f - m) / d for w, f, m, d in terms)).astype(np.float32)


def left_out(features: list[NDArray], masks: NDArray) -> Scores:
    """Score each patch by what was fitted on the others, their threshold included."""
    detected = np.zeros(masks.shape, bool)
    for i in range(len(masks)):
        others = np.arange(len(masks)) != i
        head = Head.fit([f[others] for f in features], masks[others])
        threshold, _ = ThresholdCurve.of(head([f[others] for f in features]), masks[others]).best()
        detected[i] = head([f[i] for f in features]) >= threshold
    return Scores.of(detected, masks)


def of_patches(bundle: str, data: Path) -> tuple[dict[str, NDArray], NDArray]:
    """Return the layers of the labelled patches, (n, rows, cols), and their masks."""
    path, model = data / "l4s_14band_labelled.npz", load_bundle(bundle, "cpu")
    patches = sources.read(path, model.bands)
    layers = {b: sources.read(path, (b,)).windows(np.arange(len(patches)))[:, 0] for b in BANDS}
    probability = predict_all(bundle_predictor(model, patches), patches)
    elevation = layers["DEM"] * scale_of(("DEM",))[0]
    more = {"logit": _logit(probability), "NDVI": _ndvi(layers["B8"], layers["B4"])}
    return {**layers, **more, "slope": coarse_slope(elevation.astype(np.float32))}, patches.masks


def of_scene(given: RealScene, bundle: str, folder: Path) -> tuple[dict[str, NDArray], NDArray, dict]:
    """Return the layers of a scene, its mapped pixels, and its grid for rasterio."""
    raster = folder / "probability.tif"
    l4s_geo.map_scene(given.scene, dem=given.dem, bundle=bundle, terrain_prior="off", crf="off", probability=raster)
    with rasterio.open(raster) as dataset:
        probability, grid = dataset.read(1), {"out_shape": dataset.shape, "transform": dataset.transform}
    inputs = Inputs(given.scene, None, given.dem, None, "auto", None, None, (), False, None)
    with open_stack(inputs) as stack:
        layers = {"logit": _logit(probability), "slope": stack.slope(stack.grid.whole)}
        if "B8" in stack.bands:
            layers["NDVI"] = _ndvi(*stack.read(("B8", "B4"), stack.grid.whole))
    mapped = np.isfinite(probability) & np.isfinite(layers["slope"])
    return layers, mapped, grid


def _logit(probability: NDArray) -> NDArray:
    return logits_of(probability.astype(np.float64))


def _ndvi(nir: NDArray, red: NDArray) -> NDArray:
    return (nir - red) / np.maximum(nir + red, 1e-6)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", default="rgb", help="name or path")
    arguments = parser.parse_args()
    data, bundle = arguments.data, arguments.bundle
    layers, masks = of_patches(bundle, data)
    threshold = load_bundle(bundle, "cpu").threshold
    probability = expit(layers["logit"]).astype(np.float32)
    lines = row("11 labelled patches, each left out in turn", "F1", "precision", "recall", head=True)
    prior = leave_one_out(probability, masks, layers["slope"].astype(np.float32))
    for name, p in (("the bundle, its own threshold", probability), ("with its terrain prior", prior)):
        scores = Scores.of(p >= threshold, masks)
        lines += row(name, scores.f1, scores.precision, scores.recall)
    heads = {}
    for name, features_of in CANDIDATES.items():
        features = features_of(layers)
        scores = left_out(features, masks)
        lines += row(name, scores.f1, scores.precision, scores.recall)
        head = Head.fit(features, masks)
        heads[name] = head, ThresholdCurve.of(head(features), masks).best()[0]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scenes = [given for given in landslide_free(data, folder) if given.dem]
        shown = [name for name in CANDIDATES if "14" not in name]
        print("\n".join(["", *row("", *shown, head=True)]))
        for given in scenes:
            known, mapped, _ = of_scene(given, bundle, folder)
            alarms = [(head(CANDIDATES[n](known)) >= t)[mapped].mean() * 1e6 for n in shown for head, t in [heads[n]]]
            print("\n".join(row(f"{given.name}, m²/km²", *(f"{a:,.0f}" for a in alarms))), flush=True)
        known, mapped, grid = of_scene(iburi(data)[0], bundle, folder)
        reference = gpd.read_file(REFERENCE)
        burnt = {kind: rasterize(part.geometry, **grid).astype(bool) for kind, part in reference.groupby("kind")}
        assessed = (burnt["assessed"] | burnt["none"]) & mapped
        figures = []
        for name in shown:
            if "NDVI" in name:
                figures.append("")
                continue
            head, best = heads[name]
            scores = Scores.of((head(CANDIDATES[name](known)) >= best)[assessed], burnt["landslide"][assessed])
            figures.append(f"{scores.f1:.3f} ({scores.precision:.3f} / {scores.recall:.3f})")
        print("\n".join(row("Iburi, F1 (precision / recall)", *figures)))


if __name__ == "__main__":
    main()

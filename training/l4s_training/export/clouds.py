"""Fits the detector of clouds by colour, and measures it on places that it was not fitted on.

It learns from pixels of 40 m of five places: Slovenia and Punjab, on clear and cloudy dates, where s2cloudless (Zupanc
2017) says what is cloud on Level-1C; the Mekong's plain and Aberystwyth, which are clear; and patches of
Landslide4Sense, clear as they are and with simulated clouds. Each place is left out in turn. What it makes of real
landslides is measured too, since a landslide that is taken for a cloud is lost, and counts more than a cloud missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from l4s_geo.bands import BANDS, REFLECTANCE_TO_DN, RGB, SENSED
from l4s_geo.errors import DataError
from l4s_geo.stack.cloud_colours import FEATURES, CloudColours, features
from l4s_geo.stack.clouds import CLOUDLESS_BANDS, SURE, cloudless
from l4s_training.data.pairs import THICK, cloud_opacity, under_clouds
from l4s_training.export.card.scenes import LABELLED_PATCHES, landslide_free

__all__ = ["Fitted", "Place", "blocks", "fit", "fit_all", "places", "written"]

_UNLABELLED = "l4s_14band_unlabelled.npz"
_SIDE = 4
"""Pixels of 10 m along the side of one that is judged."""
_DRAWS = 3
"""Clouds that are simulated over each patch."""
_CLEAR = 0.05
"""Opacity under which a simulated cloud is none; between this and a cloud that hides the ground, nothing is true."""
_GROUND = 10.0
"""How much more ground counts that is taken for a cloud than a cloud that is missed."""
_RIDGE = 1e-3
_REFLECTANCE = 10.0
"""A value that no reflectance reaches."""


@dataclass(frozen=True)
class Place:
    """Pixels of one place on one or several dates."""

    name: str
    colours: NDArray[np.float32]
    """(3, n) float32: red, green and blue as digital numbers."""
    cloud: NDArray[np.bool_]
    """(n,): whether a cloud hides the ground."""


@dataclass(frozen=True)
class Fitted:
    """The detector, fitted on all places, and measured."""

    model: CloudColours
    held_out: dict[str, dict[str, float]]
    """By place, and "all" for the pixels of all: precision and recall of cloud, and the share of clear ground that is
    taken for cloud, each by the model that did not see the place; NaN where there is no cloud."""
    landslides: float
    """Share of the labelled patches' landslide pixels of 10 m that are taken for clouds, by the model that saw no
    patch."""
    pixels: int


def places(data: Path) -> list[Place]:
    """Read the places.

    Raises:
        DeviceError: s2cloudless is not installed.
        DataError: the folder lacks something.
    """
    with TemporaryDirectory() as name:
        found = [*_scenes(data, Path(name)), *_patches(data)]
    by_name: dict[str, list[Place]] = {}
    for place in found:
        by_name.setdefault(place.name, []).append(place)
    return [
        Place(name, np.concatenate([p.colours for p in parts], axis=1), np.concatenate([p.cloud for p in parts]))
        for name, parts in by_name.items()
    ]


def fit(given: Sequence[Place]) -> CloudColours:
    """Fit the detector: a logistic regression in which each place counts the same, its ground and its clouds.

    Raises:
        DataError: the places show no cloud, or no clear ground.
    """
    x = np.concatenate([features(p.colours) for p in given], axis=1).T.astype(np.float64)
    y = np.concatenate([p.cloud for p in given])
    if not y.any() or y.all():
        raise DataError("The places show no cloud, or no clear ground; give both.")
    weight = np.concatenate([_even(p.cloud) for p in given])
    for value, counts in ((True, 1.0), (False, _GROUND)):
        weight[y == value] *= counts / weight[y == value].sum()
    weight /= weight.sum()
    sign = np.where(y, 1.0, -1.0)

    def loss(t: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (x @ t[1:] + t[0])
        pull = -sign * expit(-margin) * weight
        value = (np.logaddexp(0, -margin) * weight).sum() + _RIDGE * (t[1:] ** 2).sum()
        return float(value), np.concatenate([[pull.sum()], pull @ x + 2 * _RIDGE * t[1:]])

    t = minimize(loss, np.zeros(1 + len(FEATURES)), jac=True, method="L-BFGS-B").x
    return CloudColours({name: round(float(w), 4) for name, w in zip(FEATURES, t[1:], strict=True)}, round(t[0], 4))


def fit_all(data: Path) -> Fitted:
    """Fit the detector on all places, and measure it with each left out in turn."""
    every = places(data)
    scores, pooled, landslides = {}, [], float("nan")
    for place in every:
        other = fit([p for p in every if p is not place])
        found = other.found(place.colours)
        pooled.append((found, place.cloud))
        scores[place.name] = _scores(found, place.cloud)
        if place.name == _PATCHES:
            landslides = float(other.found(_landslide_pixels(data)).mean())
    scores["all"] = _scores(*(np.concatenate(part) for part in zip(*pooled, strict=True)))
    return Fitted(fit(every), scores, landslides, sum(len(p.cloud) for p in every))


def written(fitted: Fitted) -> str:
    """Return the text of the embedded file."""

    def plain(value: float) -> float | None:
        return None if np.isnan(value) else round(value, 4)

    told: dict[str, Any] = {
        "description": "Opaque clouds by their red, green and blue, on pixels of 40 m; made by l4s-train clouds.",
        "weights": dict(fitted.model.weights),
        "intercept": fitted.model.intercept,
        "threshold": fitted.model.threshold,
        "pixels": fitted.pixels,
        "held_out": {name: {k: plain(v) for k, v in each.items()} for name, each in fitted.held_out.items()},
        "landslide_pixels_taken_for_clouds": plain(fitted.landslides),
    }
    return json.dumps(told, indent=2) + "\n"


_PATCHES = "Landslide4Sense, simulated clouds"


def _even(cloud: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weight of a place's pixels: ground and clouds each 1 in all."""
    counts = np.bincount(cloud.astype(np.int64), minlength=2)
    return 1.0 / counts[cloud.astype(np.int64)]


def _scores(found: NDArray[np.bool_], cloud: NDArray[np.bool_]) -> dict[str, float]:
    def share(part: NDArray[np.bool_]) -> float:
        return float(part.mean()) if len(part) else float("nan")

    there = bool(cloud.any())
    return {
        "precision": share(cloud[found]) if there else float("nan"),
        "recall": share(found[cloud]),
        "false_of_clear": share(found[~cloud]),
    }


def _scenes(data: Path, folder: Path) -> Iterator[Place]:
    """Read the scenes; s2cloudless judges those that have its bands."""
    scenes = [(s.name.split(" ")[0].rstrip(","), s.scene) for s in landslide_free(data, folder)]
    mekong = data / "s2_l2a_mekong"
    scenes.append(("Mekong", {band: str(mekong / f"B0{band[1]}.tif") for band in RGB}))
    for name, scene in scenes:
        bands = _files_of(scene)
        dn = {band: _read(*file) for band, file in bands.items() if band in (*CLOUDLESS_BANDS, *RGB)}
        colours = blocks(np.stack([dn[band] for band in RGB]))
        known = np.isfinite(colours).all(axis=0)
        cloud = np.zeros(known.shape, bool)
        if set(CLOUDLESS_BANDS) <= set(dn):
            fine = dn["B4"].shape
            coarse = blocks(np.stack([_repeated(dn[band], fine) for band in CLOUDLESS_BANDS]))
            cloud = cloudless(np.nan_to_num(coarse)) > SURE
        yield Place(name, colours[:, known], cloud[known])


def _files_of(scene: str | dict[str, str]) -> dict[str, tuple[Path, int]]:
    """Return the file and the index of a scene's bands; beside files of single bands, all that lie there."""
    if isinstance(scene, dict):
        folder = Path(scene["B4"]).parent
        every = {f.stem: (f, 1) for f in folder.glob("B*.tif") if f.stem in SENSED}
        return every | {band: (Path(file), 1) for band, file in scene.items()}
    with rasterio.open(scene) as dataset:
        names = [(name or "").rstrip("?") for name in dataset.descriptions]
    return {name: (Path(scene), index) for index, name in enumerate(names, start=1)}


def _read(path: Path, index: int) -> NDArray[np.float32]:
    """Read a band on its own pixels as digital numbers, NaN where it is 0; reflectances are stored as floats."""
    with rasterio.open(path) as dataset:
        values = dataset.read(index).astype(np.float32)
        bright = np.issubdtype(np.dtype(dataset.dtypes[index - 1]), np.floating) and np.nanmax(values) < _REFLECTANCE
    values[values == 0] = np.nan
    dn: NDArray[np.float32] = values * np.float32(REFLECTANCE_TO_DN) if bright else values
    return dn


def _repeated(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Repeat coarse pixels on a finer raster of the same ground."""
    rows, cols = (np.arange(n) * own // n for n, own in zip(shape, values.shape, strict=True))
    return values[np.ix_(rows, cols)]


def _patches(data: Path) -> Iterator[Place]:
    """Read the patches that have a common scale, clear and with simulated clouds."""
    rng = np.random.default_rng(0)
    picks = [BANDS.index(band) for band in RGB]
    for name in (LABELLED_PATCHES, _UNLABELLED):
        if not (data / name).exists():
            raise DataError(f"{data} holds no {name}; name the folder of all scenes and patches.")
        with np.load(data / name, allow_pickle=False) as file:
            dn = np.moveaxis(file["dn"][..., picks], -1, 1).astype(np.float32)
        for patch in dn:
            clear = blocks(patch)
            yield Place(_PATCHES, clear.reshape(3, -1), np.zeros(clear[0].size, bool))
            for _ in range(_DRAWS):
                opacity = cloud_opacity(patch.shape[1:], rng)
                colours, thick = blocks(under_clouds(patch, opacity, rng)), blocks(opacity[None])[0]
                sure = (thick < _CLEAR) | (thick >= THICK)
                yield Place(_PATCHES, colours[:, sure], thick[sure] >= THICK)


def _landslide_pixels(data: Path) -> NDArray[np.float32]:
    """Return red, green and blue of the landslide pixels of the labelled patches: (3, n)."""
    with np.load(data / LABELLED_PATCHES, allow_pickle=False) as file:
        dn, mask = file["dn"], file["mask"] > 0
    out: NDArray[np.float32] = dn[mask][:, [BANDS.index(band) for band in RGB]].T.astype(np.float32)
    return out


def blocks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average (bands, rows, cols) over blocks of `_SIDE` pixels; what is left over at the ends is cut off."""
    bands, rows, cols = values.shape
    cut = values[:, : rows // _SIDE * _SIDE, : cols // _SIDE * _SIDE]
    mean: NDArray[np.float32] = cut.reshape(bands, rows // _SIDE, _SIDE, cols // _SIDE, _SIDE).mean((2, 4))
    return mean

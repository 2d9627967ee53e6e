"""What a bundle finds on real scenes, through the same call as ``l4s-map``, and the section of the model card on it.

- The labelled 14-band patches, each written as a scene with a DEM of 30 m.
- Scenes without landslides: what is found is wrong. Those that the bundle's card names as training data are marked.
- Iburi, against a coarse reference.

Each is repeated with the options that the bundle has: terrain prior, DenseCRF, test-time augmentation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

import l4s_geo
from l4s_geo import defaults
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.grid import starts
from l4s_geo.inference.runtime import LoadedBundle
from l4s_training.export.card.markdown import row
from l4s_training.export.card.scenes import REFERENCE, RealScene, iburi, labelled_patches, landslide_free
from l4s_training.scoring.metrics import Scores

__all__ = ["HEADING", "MapOptions", "false_alarm", "iburi_scores", "patch_scores", "section"]

HEADING = "## On whole scenes"
"""Heading of the section in a model card."""

MapOptions = Mapping[str, Any]
"""Keywords of `l4s_geo.map_scene`."""

_NOTE = """\
What is found on landslide-free scenes is wrong; it is given as area per mapped area. The reference of Iburi is coarse,
drawn with a rule on brightness inside hand-drawn areas: `benchmarks/draw_iburi.py` tells its limits.
Much of Punjab 20200823 is cloud, unmasked, and nearly all of Slovenia 1 and 2; on Slovenia 5 sloping fields lie
bare."""
_PRIOR_NOTE = """\
Where the terrain prior was learned on the labelled patches, its score there is too good (left out one by one: see
above); how far up the slope it reaches was chosen with an eye on Iburi."""
_TRAINING_DATA = "## Training data"
"""Heading under which a bundle's card names what it was trained on."""
_TILE = 10980
"""Rows and columns of a Sentinel-2 tile, pixels of 10 m."""
_WINDOWS = 64


def section(model: LoadedBundle, location: str, data: Path, folder: Path, tta: bool) -> list[str]:
    """Measure a bundle on whole scenes and write the section of its card; takes minutes.

    Args:
        model: the bundle.
        location: its name or path, as `l4s_geo.map_scene` takes it.
        data: the folder of the scenes, see `scenes`.
        folder: an empty one, for files in between.
        tta: whether to measure test-time augmentation as well, which is eight times slower.
    """
    command = f"l4s-train card {model.name} --data {data}{' --tta' if tta else ''}"
    lines = [HEADING, "", _NOTE, "", f"(`{command}`)", ""]
    lines += [_PRIOR_NOTE, ""] if model.bundle.prior else []
    return [*lines, *_on_scenes(model.bundle, location, data, folder, tta), *_speed(model)]


def patch_scores(data: Path, folder: Path, options: MapOptions) -> Scores:
    """Pool the pixel scores of maps of the labelled patches, without a minimum mapping unit."""
    detected, masks = [], []
    for patch in labelled_patches(data, folder):
        found = l4s_geo.map_scene(patch.scene.scene, dem=patch.scene.dem, min_area=0, **options)
        detected.append(_burnt(found.geometry, patch.mask.shape, patch.transform))
        masks.append(patch.mask)
    return Scores.of(np.stack(detected), np.stack(masks))


def false_alarm(scene: RealScene, options: MapOptions, folder: Path) -> float:
    """Return the area of what is found in a scene without landslides, m² for each km² mapped."""
    raster = folder / "probability.tif"
    found = l4s_geo.map_scene(scene.scene, dem=scene.dem, probability=raster, **options)
    with rasterio.open(raster) as dataset:
        mapped = np.isfinite(dataset.read(1)).sum() * 1e-4
    return float(found.area_m2.sum() / mapped)


def iburi_scores(
    scene: RealScene, options: MapOptions, folder: Path, reference: Path = REFERENCE
) -> tuple[Scores, float]:
    """Score a map of Iburi.

    Args:
        scene: the image after the event.
        options: how it is mapped.
        folder: for files in between.
        reference: polygons, see `REFERENCE`; in the CRS of the mapping grid.

    Returns:
        Pixel scores where the reference says something, and what is found on valley floors, m²/km².
    """
    raster = folder / "probability.tif"
    found = l4s_geo.map_scene(scene.scene, dem=scene.dem, probability=raster, **options)
    with rasterio.open(raster) as dataset:
        grid = dataset.shape, dataset.transform
    polygons = gpd.read_file(reference)
    floor, hills, landslide = (
        _burnt(polygons.geometry[polygons.kind == kind], *grid) for kind in ("none", "assessed", "landslide")
    )
    detected = _burnt(found.geometry, *grid)
    assessed = hills | floor
    scores = Scores.of(detected[assessed], (landslide & hills)[assessed].astype(np.uint8))
    return scores, float(detected[floor].mean() * 1e6)


def _on_scenes(bundle: Bundle, location: str, data: Path, folder: Path, tta: bool) -> list[str]:
    """Write the table: scores on each scene, a column for each way to run the bundle."""
    ways = dict(_ways_to_run(bundle, tta))
    calls = [{"bundle": location, **options} for options in ways.values()]
    scores = [patch_scores(data, folder, call) for call in calls]
    lines = row("", *ways, head=True)
    lines += row("11 labelled patches as scenes, F1", *(s.f1 for s in scores))
    lines += row("precision / recall", *(f"{s.precision:.3f} / {s.recall:.3f}" for s in scores))
    for scene in landslide_free(data, folder):
        note = " (site trained on)" if _was_trained_on(scene, bundle) else ""
        found = [f"{false_alarm(scene, c, folder):,.0f}" if _possible(scene, c) else "" for c in calls]
        lines += row(f"{scene.name}{note}, m²/km²", *found)
    against = [iburi_scores(iburi(data)[0], call, folder) for call in calls]
    lines += row("Iburi, F1", *(s.f1 for s, _ in against))
    lines += row("precision / recall", *(f"{s.precision:.3f} / {s.recall:.3f}" for s, _ in against))
    lines += row("valley floors there, m²/km²", *(f"{area:,.0f}" for _, area in against))
    return [*lines, ""]


def _was_trained_on(scene: RealScene, bundle: Bundle) -> bool:
    """Whether the bundle's card names a scene, its place or its folder, as training data."""
    named = bundle.card().partition(_TRAINING_DATA)[2]
    paths = scene.scene.values() if isinstance(scene.scene, dict) else [scene.scene]
    folders = {Path(path).parent.name for path in paths}
    return any(word in named for word in (scene.name.split(",")[0].split()[0], *folders))


def _ways_to_run(bundle: Bundle, tta: bool) -> Iterator[tuple[str, MapOptions]]:
    """The options of each way to run a bundle, by its name in the table."""
    plain = {"terrain_prior": "off", "crf": "off"}
    yield "plain", plain
    if bundle.prior:
        yield "terrain prior", {**plain, "terrain_prior": "on"}
    if bundle.crf:
        yield "CRF", {**plain, "crf": "on"}
    if tta:
        yield "TTA", {**plain, "tta": "d4"}
        if bundle.prior:
            yield "terrain prior, TTA", {**plain, "terrain_prior": "on", "tta": "d4"}


def _possible(scene: RealScene, options: MapOptions) -> bool:
    """Whether a scene has what a way to run a bundle needs."""
    return options["terrain_prior"] == "off" or scene.dem is not None


def _burnt(shapes: gpd.GeoSeries, shape: tuple[int, int], transform: Any) -> NDArray[np.bool_]:
    """(rows, cols): where polygons cover the middle of a pixel."""
    if not len(shapes):
        return np.zeros(shape, bool)
    burnt: NDArray[np.bool_] = rasterize(shapes, shape, transform=transform).astype(bool)
    return burnt


def _speed(model: LoadedBundle) -> list[str]:
    """Write the milliseconds a window, the best of five times, and what they make for a tile."""
    windows = np.random.default_rng(0).random((_WINDOWS, len(model.bands), 128, 128), dtype=np.float32) + 0.5
    model.predict(windows[:16])
    taken = []
    for _ in range(5):
        started = perf_counter()
        model.predict(windows)
        taken.append((perf_counter() - started) / _WINDOWS)
    per_tile = len(starts(_TILE, 128, defaults.OVERLAP)) ** 2
    return [
        f"{1e3 * min(taken):.1f} ms a window on {os.cpu_count()} cores, so about {min(taken) * per_tile:.0f} s for the "
        f"{per_tile:,} windows of",
        f"a whole Sentinel-2 tile ({model.describe()}).",
        "",
    ]

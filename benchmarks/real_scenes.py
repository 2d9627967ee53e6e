"""What a bundle finds on real data, through the same call as l4s-map.

    python benchmarks/real_scenes.py --data ../shared/data --figures figures

prints one table: pixel scores on the labelled 14-band patches, each written as a GeoTIFF with an assumed UTM
origin and mapped like a scene; false alarms per km² on scenes without landslides; what is found at Iburi. With
--figures it also draws the polygons over the images.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

import l4s_geo
from l4s_geo.bands import BANDS, RGB, SPECTRAL
from l4s_training.scoring.metrics import Scores
from pictures import draw

UTM = "EPSG:32645"
ORIGIN = (300_000.0, 3_100_000.0)
EO_LEARN_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")


@dataclass(frozen=True)
class Input:
    """A scene as `map_scene` takes it."""

    name: str
    scene: str | dict[str, str]
    dem: str | None = None


def write(path: Path, array: NDArray, names: tuple[str, ...], transform: Affine | None = None, crs: str = UTM) -> str:
    """Write (bands, rows, cols) as a GeoTIFF with named bands."""
    profile = {"driver": "GTiff", "dtype": array.dtype, "count": len(array), "crs": crs}
    height, width = array.shape[1:]
    transform = transform or Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1])
    with rasterio.open(path, "w", **profile, height=height, width=width, transform=transform) as dataset:
        dataset.write(array)
        for index, name in enumerate(names, start=1):
            dataset.set_band_description(index, name)
    return str(path)


def patches(data: Path, folder: Path, options: dict) -> Scores:
    """Pooled pixel scores of the map against the masks of the labelled 14-band patches, with a DEM of 30 m."""
    file = np.load(data / "l4s_14band_labelled.npz")
    drawn = np.zeros(file["mask"].shape, bool)
    transform = Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1])
    for dn, detected, number in zip(file["dn"], drawn, file["number"], strict=True):
        spectral = np.moveaxis(dn, -1, 0)[: len(SPECTRAL)]
        scene, dem = folder / f"patch_{number}.tif", folder / f"dem_{number}.tif"
        write(scene, spectral, SPECTRAL, transform)
        write(dem, coarse(dn[..., BANDS.index("DEM")]), ("DEM",), transform * Affine(3, 0, -3, 0, 3, -3))
        found = l4s_geo.map_scene(scene, dem=dem, min_area=0, **options)
        if len(found):
            detected[:] = rasterize(found.geometry, detected.shape, transform=transform).astype(bool)
    return Scores.of(drawn, file["mask"])


def coarse(elevation: NDArray) -> NDArray:
    """Elevations (rows, cols) at 10 m as (1, rows, cols) at 30 m, with one pixel more on every side."""
    rows, cols = elevation.shape
    padded = np.pad(elevation.astype(np.float32), ((0, -rows % 3), (0, -cols % 3)), mode="edge")
    mean = padded.reshape(padded.shape[0] // 3, 3, -1, 3).mean((1, 3))
    return np.pad(mean, 1, mode="reflect", reflect_type="odd")[None]


def landslide_free(data: Path, folder: Path) -> list[Input]:
    """Scenes in which nothing should be found."""
    coast = data / "s2_aberystwyth"
    inputs = [Input("Aberystwyth, L2A", str(coast / "s2_20210527_10band.tif"), str(coast / "SRTM_aber.tif"))]
    for metadata in sorted((data / "s2_l1c_l2a_punjab").rglob("metadata.json")):
        level, date = metadata.parts[-4].upper(), metadata.parent.name[:8]
        inputs.append(Input(f"Punjab {date}, {level}", {b: str(metadata.parent / f"{b}.tif") for b in RGB}))
    slovenia = data / "s2_l1c_slovenia"
    (left, bottom, right, top) = _bounds(json.loads((slovenia / "bbox.geojson").read_text()))
    reflectance = np.load(slovenia / "REFERENCE_SCENES.npy")
    elevation = np.load(slovenia / "DEM.npy")
    rows, cols = elevation.shape[:2]
    transform = Affine((right - left) / cols, 0, left, 0, -(top - bottom) / rows, top)
    dem = write(folder / "slovenia_dem.tif", elevation[None, ..., 0], ("DEM",), transform, "EPSG:32633")
    for date, scene in enumerate(reflectance, start=1):
        path = write(
            folder / f"slovenia_{date}.tif", np.moveaxis(scene, -1, 0), EO_LEARN_BANDS, transform, "EPSG:32633"
        )
        inputs.append(Input(f"Slovenia {date}, L1C", path, dem))
    return inputs


def iburi(data: Path) -> list[Input]:
    """A real event, without labels."""
    folder = data / "iburi_2018"
    return [
        Input(f"Iburi {when}", {b: str(folder / when / f"{b}.tif") for b in RGB}, str(folder / "dsm.tif"))
        for when in ("post", "pre")
    ]


def _bounds(feature: dict) -> tuple[float, float, float, float]:
    x, y = np.array(feature["coordinates"][0]).T
    return x.min(), y.min(), x.max(), y.max()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", default="rgb")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--figures", type=Path)
    arguments = parser.parse_args()
    options = {"bundle": arguments.bundle, "threshold": arguments.threshold}
    if arguments.figures:
        arguments.figures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scores = patches(arguments.data, folder, options)
        print("| data | measured |\n| --- | --- |")
        print("| labelled 14-band patches | " + ", ".join(f"{k} {v:.3f}" for k, v in scores.as_dict().items()) + " |")
        for given in [*landslide_free(arguments.data, folder), *iburi(arguments.data)]:
            raster = folder / "probability.tif"
            found = l4s_geo.map_scene(given.scene, dem=given.dem, probability=raster, **options)
            with rasterio.open(raster) as dataset:
                mapped = np.isfinite(dataset.read(1)).sum() * 1e-4
            area = found.area_m2.sum()
            print(f"| {given.name} | {len(found)} polygons, {area / mapped:.0f} m²/km² of {mapped:.1f} km² |")
            if arguments.figures:
                name = given.name.lower().replace(",", "").replace(" ", "_")
                draw(given.scene, found, arguments.figures / f"{name}.png")
                if given.name.startswith("Iburi"):
                    for number, corner in enumerate([(60, 100, 256), (420, 560, 256), (660, 780, 256)]):
                        draw(given.scene, found, arguments.figures / f"{name}_{number}.png", corner)


if __name__ == "__main__":
    main()

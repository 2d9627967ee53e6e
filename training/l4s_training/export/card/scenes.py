"""The real scenes that a bundle is measured on, in one folder.

::

    l4s_rgb_pairs.npz         labelled RGB patches of Landslide4Sense (for the test blocks, see `blocks`)
    l4s_14band_labelled.npz   eleven labelled patches with all 14 bands, each of which is written as a scene
    s2_aberystwyth/           coast, town and fields, Level-2A as reflectance × 1000, with a DEM (rsgislib)
    s2_l1c_l2a_punjab/        farmland, Level-1C and Level-2A (rico-hdl)
    s2_l1c_slovenia/          hills, five dates of Level-1C as arrays, with a DEM (eo-learn)
    iburi_2018/               the landslides of Iburi 2018, before and after, with a DEM

All of it comes from public repositories, which the model cards and ``training/README.md`` name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from l4s_geo.bands import BANDS, RGB, SPECTRAL
from l4s_geo.errors import DataError

__all__ = ["LABELLED_PATCHES", "REFERENCE", "RGB_PAIRS", "LabelledScene", "RealScene", "check_folder", "iburi"]
__all__ += ["labelled_patches", "landslide_free"]

REFERENCE = Path(__file__).parent / "iburi_reference.geojson"
"""A coarse reference of the landslides of Iburi, which ``benchmarks/draw_iburi.py`` draws and explains: polygons whose
``kind`` is ``assessed`` (hills), ``none`` (valley floors) or ``landslide``."""

RGB_PAIRS = "l4s_rgb_pairs.npz"
LABELLED_PATCHES = "l4s_14band_labelled.npz"

_CONTENTS = (RGB_PAIRS, LABELLED_PATCHES, "s2_aberystwyth", "s2_l1c_l2a_punjab", "s2_l1c_slovenia", "iburi_2018")
_UTM = "EPSG:32645"
_ORIGIN = (300_000.0, 3_100_000.0)
"""Upper left corner of patches, whose place is unknown."""
_EO_LEARN_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")


@dataclass(frozen=True)
class RealScene:
    """A scene and its DEM, as `l4s_geo.map_scene` takes them."""

    name: str
    scene: str | dict[str, str]
    dem: str | None = None


@dataclass(frozen=True)
class LabelledScene:
    """A labelled patch, written as a scene."""

    scene: RealScene
    transform: Affine
    mask: NDArray[np.uint8]
    """(rows, cols), 1 where there is a landslide."""


def check_folder(data: Path) -> None:
    """Check that a folder holds all the scenes.

    Raises:
        DataError: one is missing.
    """
    if missing := [name for name in _CONTENTS if not (data / name).exists()]:
        raise DataError(
            f"{data} holds no {', '.join(missing)}; name the folder of {', '.join(_CONTENTS)}, which a model card is "
            "measured on."
        )


def labelled_patches(data: Path, folder: Path) -> Iterator[LabelledScene]:
    """Write the labelled 14-band patches as GeoTIFFs, with DEMs of 30 m, as users have them.

    Args:
        data: the folder of the scenes.
        folder: receives the files.
    """
    with np.load(data / LABELLED_PATCHES, allow_pickle=False) as file:
        patches = zip(file["dn"], file["mask"], file["number"], strict=True)
    transform = Affine(10, 0, _ORIGIN[0], 0, -10, _ORIGIN[1])
    for dn, mask, number in patches:
        spectral = np.moveaxis(dn, -1, 0)[: len(SPECTRAL)]
        elevation = coarse(dn[..., BANDS.index("DEM")])
        scene = _write(folder / f"patch_{number}.tif", spectral, SPECTRAL, transform)
        dem = _write(folder / f"dem_{number}.tif", elevation, ("DEM",), transform @ Affine(3, 0, -3, 0, 3, -3))
        yield LabelledScene(RealScene(f"patch {number}", scene, dem), transform, mask)


def landslide_free(data: Path, folder: Path) -> list[RealScene]:
    """Return scenes in which nothing should be found.

    Args:
        data: the folder of the scenes.
        folder: receives those that are stored as arrays, as GeoTIFFs.
    """
    coast = data / "s2_aberystwyth"
    scene = _from_thousandths(coast / "s2_20210527_10band.tif", folder / "aberystwyth.tif")
    scenes = [RealScene("Aberystwyth, L2A", scene, str(coast / "SRTM_aber.tif"))]
    for metadata in sorted((data / "s2_l1c_l2a_punjab").rglob("metadata.json")):
        level, date = metadata.parts[-4].upper(), metadata.parent.name[:8]
        scenes.append(RealScene(f"Punjab {date}, {level}", {b: str(metadata.parent / f"{b}.tif") for b in RGB}))
    slovenia = data / "s2_l1c_slovenia"
    left, bottom, right, top = _bounds(json.loads((slovenia / "bbox.geojson").read_text(encoding="utf-8")))
    reflectance = np.load(slovenia / "REFERENCE_SCENES.npy", allow_pickle=False)
    elevation = np.load(slovenia / "DEM.npy", allow_pickle=False)
    rows, cols = elevation.shape[:2]
    transform = Affine((right - left) / cols, 0, left, 0, -(top - bottom) / rows, top)
    dem = _write(folder / "slovenia_dem.tif", elevation[None, ..., 0], ("DEM",), transform, "EPSG:32633")
    for number, values in enumerate(reflectance, start=1):
        path = folder / f"slovenia_{number}.tif"
        scene = _write(path, np.moveaxis(values, -1, 0), _EO_LEARN_BANDS, transform, "EPSG:32633")
        scenes.append(RealScene(f"Slovenia {number}, L1C", scene, dem))
    return scenes


def iburi(data: Path) -> list[RealScene]:
    """Return the images of a real event, the one after it first."""
    folder = data / "iburi_2018"
    return [
        RealScene(f"Iburi {when}", {b: str(folder / when / f"{b}.tif") for b in RGB}, str(folder / "dsm.tif"))
        for when in ("post", "pre")
    ]


def coarse(elevation: NDArray[Any]) -> NDArray[np.float32]:
    """Average elevations (rows, cols) at 10 m to (1, rows, cols) at 30 m, with one pixel more on every side."""
    rows, cols = elevation.shape
    padded = np.pad(elevation.astype(np.float32), ((0, -rows % 3), (0, -cols % 3)), mode="edge")
    mean = padded.reshape(padded.shape[0] // 3, 3, -1, 3).mean((1, 3))
    return np.pad(mean, 1, mode="reflect", reflect_type="odd")[None]


def _from_thousandths(path: Path, target: Path) -> str:
    """Write a raster of reflectance × 1000, 0 where there is no data, in digital numbers."""
    with rasterio.open(path) as dataset:
        values, profile, names = dataset.read(), dataset.profile, dataset.descriptions
    with rasterio.open(target, "w", **profile) as dataset:
        dataset.write(values * 10)
        dataset.descriptions = names
    return str(target)


def _write(path: Path, array: NDArray[Any], names: tuple[str, ...], transform: Affine, crs: str = _UTM) -> str:
    """Write (bands, rows, cols) as a GeoTIFF with named bands."""
    profile = {"driver": "GTiff", "dtype": array.dtype, "count": len(array), "crs": crs, "transform": transform}
    height, width = array.shape[1:]
    with rasterio.open(path, "w", **profile, height=height, width=width) as dataset:
        dataset.write(array)
        for index, name in enumerate(names, start=1):
            dataset.set_band_description(index, name)
    return str(path)


def _bounds(feature: dict[str, Any]) -> tuple[float, float, float, float]:
    x, y = np.array(feature["coordinates"][0]).T
    return x.min(), y.min(), x.max(), y.max()

"""Scenes in a folder of single-band files, as downloads and preprocessing leave them.

A file's band is told by its name: B2.tif, b02.tif, S2A_20230101_B02.tif, T29UNU_20221005T115411_B02_10m.jp2. Where
a product comes with folders per resolution (R10m, R20m, R60m), a band's finest file is taken. Whatever else lies
in the folder is left aside.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from l4s_geo.assumptions import Assumption
from l4s_geo.bands import SENSED, SPECTRAL, TERRAIN, find_band, named_band
from l4s_geo.errors import BandError, SceneError
from l4s_geo.sources.geotiff import open_band_files
from l4s_geo.sources.rasters import grid_of, opened
from l4s_geo.sources.scene import BandRef, Scene

__all__ = ["open_folder"]

_SUFFIXES = (".tif", ".tiff", ".jp2", ".img")
_RESOLUTION_FOLDER = re.compile(r"R?\d+m", re.IGNORECASE)


def open_folder(path: str | os.PathLike[str]) -> Scene:
    """Describe the scene of a folder of band files.

    Args:
        path: the folder; its subfolders are looked into only if they are named for a resolution, like R10m.

    Raises:
        SceneError: it is not a folder, or a band file cannot be read.
        BandError: it holds no band of Sentinel-2, or two files that could be the same band.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise SceneError(f"The folder {folder} does not exist; give one that holds band files like B02.tif.")
    candidates: dict[str, list[Path]] = {}
    for file in _rasters(folder):
        if band := _band_of(file):
            candidates.setdefault(band, []).append(file)
    if not any(band in SPECTRAL for band in candidates):
        raise BandError(
            f"The folder {folder} holds no band file; expected names with a band in them, like B02.tif, b2.tif or "
            f"T29UNU_20221005T115411_B02_10m.jp2 (suffixes {', '.join(_SUFFIXES)}), in it or in R10m, R20m, R60m."
        )
    files = {band: _finest(band, found) for band, found in candidates.items()}
    classes = files.pop("SCL", None)
    ordered = {band: files[band] for band in (*SENSED, *TERRAIN) if band in files}
    scene = open_band_files(ordered, folder.resolve().name, strict=False)
    order = Assumption(" ".join(scene.bands), "names", "those of the files in the folder")
    return replace(scene, classes=BandRef(str(classes)) if classes else None, order=order)


def _rasters(folder: Path) -> list[Path]:
    """Return the raster files of a folder and of its folders per resolution, in order of their names."""
    inner = sorted(p for p in folder.iterdir() if p.is_dir() and _RESOLUTION_FOLDER.fullmatch(p.name))
    files = (file for place in (folder, *inner) for file in sorted(place.iterdir()))
    return [f for f in files if f.suffix.lower() in _SUFFIXES and not f.name.startswith(".") and f.is_file()]


def _band_of(file: Path) -> str | None:
    """Return the band a file's name tells, "SCL" for the scene classification, or None.

    Slope, DEM and colours must be the whole name: a "dem" within a longer one is as likely another area's. A name with
    several bands is a composite.
    """
    whole = named_band(file.stem)
    return whole if whole in TERRAIN or file.stem.isalnum() else find_band(file.stem)


def _finest(band: str, files: Iterable[Path]) -> Path:
    """Return the file with the smallest pixels.

    Raises:
        BandError: another one's are as small.
    """
    first, *others = files
    if not others:
        return first
    sizes = {file: _pixel_size(band, file) for file in (first, *others)}
    best, second, *_ = sorted(sizes, key=sizes.__getitem__)
    if math.isclose(sizes[best], sizes[second], rel_tol=1e-6):
        raise BandError(
            f"Both {best} and {second} could be {band}, with pixels of the same size; expected one file for each "
            "band and resolution, so move one of them away."
        )
    return best


def _pixel_size(band: str, file: Path) -> float:
    with opened(str(file), f"band {band}") as dataset:
        return abs(float(grid_of(dataset, f"band {band}").transform.a))

"""What lies around loose band files, and their names, as to an offset of their values.

Sentinel-2's digital numbers have 1000 added from processing baseline 04.00 on (2022-01-25), and a band file by itself
does not say so. The metadata of the product that it was taken from do, if they lie in a folder above it
(``MTD_MSIL2A.xml``, ``MTD_MSIL1C.xml``, ``productInfo.json``); so does a product's name, which holds the baseline; and
ESA's names of images hold the day. Values tell whether the offset is still in them, so all this is a presumption.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from l4s_geo.address import is_network
from l4s_geo.assumptions import Assumption, Origin
from l4s_geo.bands import REFLECTANCE_TO_DN, SENSED
from l4s_geo.errors import SceneError
from l4s_geo.sources.patch import is_patch
from l4s_geo.sources.product import product_metadata
from l4s_geo.sources.rasters import opened
from l4s_geo.sources.safe_files import locate, metadata_in
from l4s_geo.sources.scene import Acquisition, Presumption, Scene

__all__ = ["BASELINE_OFFSET", "presume_offset"]

BASELINE_OFFSET = -1000.0
"""What is to be added to the digital numbers of the baselines from 04.00 on."""

_FIRST_DAY = "20220125"
_ABOVE = 8
_DEPTH = 4
_MAX_JSON = 1 << 20
_PRODUCT = re.compile(r"(S2[A-D]_MSI(L1C|L2A)_(\d{8})T\d{6}_N(\d\d)(\d\d)_R\d{3}_T\w{5}_\d{8}T\d{6})")
_IMAGE = re.compile(r"T\d\d[A-Z]{3}_(\d{8})T\d{6}(?:_|$)")


@dataclass(frozen=True)
class _Origin:
    """What is known of the product that a file was taken from."""

    reason: str
    acquisition: Acquisition
    offsets: dict[str, float]
    """Offset of the stored values by band, in digital numbers; empty if there is none."""
    origin: Origin
    """What kind of thing the reason names."""
    day: str = ""
    """The day on which the scene was taken, ISO 8601; empty if unknown."""
    obstacle: str = ""
    """Why the metadata cannot be used; empty if they can."""


def presume_offset(scene: Scene) -> Scene:
    """Look for what tells the offset of loose files, and for their product, if the files do not say it themselves.

    Args:
        scene: a scene of loose files or of one raster.

    Returns:
        The scene, with a presumption if an offset is to be expected or if the metadata of the product are damaged, and
        with its product and day if they are known.
    """
    open_ones = {band: ref.path for band, ref in scene.bands.items() if band in SENSED and not ref.offset}
    origins = {path: _origin_of(path) for path in dict.fromkeys(open_ones.values())}
    found = {band: origin for band, path in open_ones.items() if (origin := origins[path])}
    acquisitions = {origin.acquisition for origin in found.values()}
    acquisition = acquisitions.pop() if len(acquisitions) == 1 else scene.acquisition
    scene = _dated(replace(scene, acquisition=acquisition), found)
    offsets = {band: o.offsets[band] for band, o in found.items() if o.offsets.get(band)}
    damaged = [origin for origin in found.values() if origin.obstacle]
    told = damaged[0] if damaged else found[next(iter(offsets))] if offsets else None
    if told is None:
        return scene
    return replace(scene, presumption=Presumption(offsets, told.reason, told.origin, told.obstacle))


def _dated(scene: Scene, found: Mapping[str, _Origin]) -> Scene:
    """Return a scene with the day that its files tell, or with a note if they tell different ones."""
    days = {origin.day: origin for origin in found.values() if origin.day}
    if len(days) > 1:
        listed = ", ".join(f"{band} of {origin.day}" for band, origin in found.items() if origin.day)
        return replace(scene, notes=(*scene.notes, f"the bands are of different days ({listed})"))
    for day, origin in days.items():
        return replace(scene, dated=Assumption(day, origin.origin, origin.reason))
    return scene


def _origin_of(path: str) -> _Origin | None:
    """Return what is known of the product of a file; the files that a VRT refers to are asked as well."""
    if is_network(path) or is_patch(path):
        return None
    with opened(path, "scene") as dataset:
        if not all(np.issubdtype(np.dtype(dtype), np.integer) for dtype in dataset.dtypes):
            return None
    return next((origin for file in _referred(path, _DEPTH) if (origin := _told(file))), None)


def _referred(path: str, depth: int) -> Iterator[str]:
    """Yield a file and those that it refers to, deeply."""
    yield path
    with opened(path, "scene") as dataset:
        files = [file for file in dataset.files if file != path]
    for file in files:
        if depth and file.lower().endswith(".vrt") and not is_network(file):
            yield from _referred(file, depth - 1)
        else:
            yield file


def _told(file: str) -> _Origin | None:
    """Return what the folders above a file, or else the names in its path, say of its product."""
    place = Path(file)
    parents = [place.absolute().parent] if not file.startswith("/vsi") else []
    parents += [] if file.startswith("/vsi") or not place.exists() else [place.resolve().parent]
    image = _IMAGE.search(place.name)
    day = image[1] if image else ""
    for parent in parents:
        for folder in (parent, *parent.parents)[:_ABOVE]:
            if (origin := _described(folder)) and (not day or origin.obstacle or day in origin.acquisition.product):
                return origin
    for part in reversed(PurePath(file).parts):
        if match := _PRODUCT.search(part):
            return _named(match, f"the name {match[1]}", "names")
    if not day:
        return None
    offsets = dict.fromkeys(SENSED, BASELINE_OFFSET) if day >= _FIRST_DAY else {}
    reason = f"the day in the name {place.name}, with no metadata of the product around it,"
    return _Origin(reason, Acquisition(), offsets, "names", _iso(day))


def _described(folder: Path) -> _Origin | None:
    """Return what the metadata of a product in a folder say."""
    try:
        names = metadata_in(folder)
        info = folder / "productInfo.json"
        text = info.read_bytes()[: _MAX_JSON + 1] if info.is_file() and info.stat().st_size <= _MAX_JSON else b""
    except OSError:
        return None
    if len(names) == 1:
        reason = f"the metadata {folder / names[0]}"
        try:
            metadata = product_metadata(locate(folder / names[0]))
        except SceneError as error:
            return _Origin(reason, Acquisition(), {}, "metadata", obstacle=str(error))
        scale = REFLECTANCE_TO_DN / metadata.quantification
        offsets = {band: offset * scale for band, offset in metadata.offsets.items() if offset}
        return _Origin(reason, metadata.acquisition, offsets, "metadata", metadata.acquisition.acquired[:10])
    try:
        name = json.loads(text).get("name", "") if text else ""
    except (ValueError, AttributeError, RecursionError):
        return None
    match = _PRODUCT.search(name) if isinstance(name, str) else None
    return _named(match, f"the metadata {info}", "metadata") if match else None


def _named(match: re.Match[str], reason: str, origin: Origin) -> _Origin:
    """Return what a product's name says: its level, its day, and by its baseline the offset."""
    baseline = f"{match[4]}.{match[5]}"
    offsets = dict.fromkeys(SENSED, BASELINE_OFFSET) if baseline >= "04.00" else {}
    return _Origin(reason, Acquisition(match[1], match[2], "", baseline), offsets, origin, _iso(match[3]))


def _iso(day: str) -> str:
    """Write a day, YYYYMMDD, as ISO 8601 does."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"

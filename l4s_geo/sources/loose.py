"""What lies around loose band files, and their names, as to an offset of their values.

Sentinel-2's digital numbers have 1000 added from processing baseline 04.00 on (2022-01-25), and a band file by itself
does not say so. The metadata of the product that it was taken from do, if they lie in a folder above it
(``MTD_MSIL2A.xml``, ``MTD_MSIL1C.xml``, ``productInfo.json``); so does a product's name, which holds the baseline; and
ESA's names of images hold the day. Values tell whether the offset is still in them, so all this is a presumption.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from l4s_geo.bands import REFLECTANCE_TO_DN, SENSED
from l4s_geo.sources.http import is_network
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


def presume_offset(scene: Scene) -> Scene:
    """Look for what tells the offset of loose files, and for their product, if the files do not say it themselves.

    Args:
        scene: a scene of loose files or of one raster.

    Returns:
        The scene, with a presumption if an offset is to be expected, and with its product if that is known.

    Raises:
        SceneError: the metadata of the product are damaged.
    """
    open_ones = {band: ref.path for band, ref in scene.bands.items() if band in SENSED and not ref.offset}
    origins = {path: _origin_of(path) for path in dict.fromkeys(open_ones.values())}
    found = {band: origin for band, path in open_ones.items() if (origin := origins[path])}
    acquisitions = {origin.acquisition for origin in found.values()}
    acquisition = acquisitions.pop() if len(acquisitions) == 1 else scene.acquisition
    offsets = {band: o.offsets[band] for band, o in found.items() if o.offsets.get(band)}
    if not offsets:
        return replace(scene, acquisition=acquisition)
    reason = found[next(iter(offsets))].reason
    return replace(scene, acquisition=acquisition, presumption=Presumption(offsets, reason))


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
    day = match[1] if (match := _IMAGE.search(place.name)) else ""
    for parent in parents:
        for folder in (parent, *parent.parents)[:_ABOVE]:
            if (origin := _described(folder)) and (not day or day in origin.acquisition.product):
                return origin
    for part in reversed(PurePath(file).parts):
        if match := _PRODUCT.search(part):
            return _named(match, f"the name {match[1]}")
    if day >= _FIRST_DAY:
        reason = f"the day in the name {place.name}, with no metadata of the product around it,"
        return _Origin(reason, Acquisition(), dict.fromkeys(SENSED, BASELINE_OFFSET))
    return None


def _described(folder: Path) -> _Origin | None:
    """Return what the metadata of a product in a folder say."""
    try:
        names = metadata_in(folder)
        info = folder / "productInfo.json"
        text = info.read_bytes()[: _MAX_JSON + 1] if info.is_file() and info.stat().st_size <= _MAX_JSON else b""
    except OSError:
        return None
    if len(names) == 1:
        metadata = product_metadata(locate(folder / names[0]))
        scale = REFLECTANCE_TO_DN / metadata.quantification
        offsets = {band: offset * scale for band, offset in metadata.offsets.items() if offset}
        return _Origin(f"the metadata {folder / names[0]}", metadata.acquisition, offsets)
    try:
        name = json.loads(text).get("name", "") if text else ""
    except (ValueError, AttributeError, RecursionError):
        return None
    match = _PRODUCT.search(name) if isinstance(name, str) else None
    return _named(match, f"the metadata {info}") if match else None


def _named(match: re.Match[str], reason: str) -> _Origin:
    """Return what a product's name says: its level, and by its baseline the offset."""
    baseline = f"{match[4]}.{match[5]}"
    offsets = dict.fromkeys(SENSED, BASELINE_OFFSET) if baseline >= "04.00" else {}
    return _Origin(reason, Acquisition(match[1], match[2], "", baseline), offsets)

"""Scenes as SNAP keeps them, in BEAM-DIMAP: ``NAME.dim`` describes the bands, whose ENVI files lie in ``NAME.data``.

The description holds what the files may lack: which of them is which band, scale, offset and the value of no data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from l4s_geo.bands import SENSED, SPECTRAL, TERRAIN, parse_band
from l4s_geo.errors import BandError, SceneError
from l4s_geo.sources.geotiff import open_band_files
from l4s_geo.sources.markup import MAX_XML, parse_xml
from l4s_geo.sources.rasters import opened, scaled
from l4s_geo.sources.scene import Scene

__all__ = ["is_dimap", "open_dimap"]

_HEAD = 4096


@dataclass(frozen=True)
class _Band:
    """A band as the description has it."""

    path: Path
    scale: float
    offset: float
    nodata: float | None


def is_dimap(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a product of SNAP: its ``.dim``, or the ``.data`` beside that."""
    return _description(path) is not None


def open_dimap(path: str | os.PathLike[str]) -> Scene:
    """Describe the scene of a product of SNAP.

    Args:
        path: its ``.dim``, or the ``.data`` beside that.

    Raises:
        SceneError: the description is damaged, or a band file cannot be used.
        BandError: it holds no band of Sentinel-2.
    """
    description = _description(path)
    if description is None:
        raise SceneError(f"The scene {path} is no BEAM-DIMAP product; give the .dim that SNAP wrote.")
    with description.open("rb") as stream:
        root = parse_xml(stream.read(MAX_XML + 1), f"description {description}")
    found = {band: entry for name, entry in _bands(root, description) if (band := parse_band(name))}
    if not any(band in SPECTRAL for band in found):
        raise BandError(
            f"The product {description} holds no band of Sentinel-2 that is called so (B2, B4, …); give the files in "
            f"{description.stem}.data with --band, like B4=FILE.img."
        )
    ordered = {band: found[band] for band in (*SENSED, *TERRAIN) if band in found}
    scene = open_band_files({band: entry.path for band, entry in ordered.items()}, description.stem)
    refs, stated = {}, set()
    for band, entry in ordered.items():
        plain = replace(scene.bands[band], scale=1.0, offset=0.0, nodata=entry.nodata)
        with opened(plain.path, f"band {band}") as dataset:
            refs[band], units = scaled(dataset, plain, band, entry.scale, entry.offset)
        stated |= set() if band in TERRAIN else {units}
    return replace(scene, bands=refs, units=stated.pop() if len(stated) == 1 else None)


def _description(path: str | os.PathLike[str]) -> Path | None:
    """Return the ``.dim`` that a path means, if it is one of SNAP's; SPOT's have the same suffix."""
    given = Path(path)
    if given.suffix.lower() == ".data" and given.is_dir():
        given = given.with_suffix(".dim")
    if given.suffix.lower() != ".dim" or not given.is_file():
        return None
    with given.open("rb") as stream:
        return given if b"BEAM" in stream.read(_HEAD) else None


def _bands(root: Element, description: Path) -> Iterator[tuple[str, _Band]]:
    """Yield the bands that are files, by the names they have in SNAP.

    Raises:
        SceneError: a number is none, a scale is logarithmic, or a file lies elsewhere.
    """
    files = {file.findtext("BAND_INDEX", ""): _href(file, description) for file in root.iter("Data_File")}
    for info in root.iter("Spectral_Band_Info"):
        name, header = info.findtext("BAND_NAME", ""), files.get(info.findtext("BAND_INDEX", ""))
        if header is None or not parse_band(name):
            continue
        if info.findtext("LOG10_SCALED", "false").strip().lower() == "true":
            raise SceneError(
                f"The band {name} of {description} is stored as logarithms; expected a linear scale, so export the "
                "bands as GeoTIFF."
            )
        try:
            scale, offset = (float(info.findtext(f"SCALING_{x}", d)) for x, d in (("FACTOR", "1"), ("OFFSET", "0")))
            used = info.findtext("NO_DATA_VALUE_USED", "false").strip().lower() == "true"
            nodata = float(info.findtext("NO_DATA_VALUE", "0")) if used else None
        except ValueError as cause:
            raise SceneError(
                f"The description {description} has no usable numbers for the band {name} ({cause}); it seems to be "
                "damaged, so export the product again."
            ) from cause
        yield name, _Band(header.with_suffix(".img"), scale, offset, nodata)


def _href(file: Element, description: Path) -> Path:
    """Return the header that an entry names, which lies in the ``.data`` beside the description."""
    path = file.find("DATA_FILE_PATH")
    href = PurePosixPath(path.get("href", "") if path is not None else "")
    if href.is_absolute() or ".." in href.parts or not href.name:
        raise SceneError(
            f"The description {description} names the file {href}, which lies elsewhere; expected one in "
            f"{description.stem}.data, so get the product from a source you trust."
        )
    return description.parent / href

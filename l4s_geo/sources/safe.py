"""Sentinel-2 products in the SAFE format, Level-1C and Level-2A: a folder, or a zip that is read in place.

``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml`` describes the product and lists its images, ``GRANULE/…/MTD_TL.xml`` places
the tile on the ground, and the images are JPEG 2000 files of 10, 20 and 60 m. Following the Sentinel-2 Products
Specification Document, reflectance = (stored + offset) / quantification value, where offsets exist from processing
baseline 04.00 on and 0 means no data. Level-2A holds a band at several resolutions; the finest one is taken.

What may be read of a product, which is not trusted, `safe_files` decides; images must be complete, see `jp2`.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError

from l4s_geo.bands import REFLECTANCE_TO_DN, SENSED, SPECTRAL, parse_band
from l4s_geo.errors import BandError, SceneError
from l4s_geo.grid import PIXEL, Grid
from l4s_geo.sources.product import ProductMetadata, product_metadata, text_of
from l4s_geo.sources.rasters import check_complete, grid_of, opened
from l4s_geo.sources.safe_files import TILE_METADATA, SafeFiles, is_safe, locate, read_xml
from l4s_geo.sources.scene import BandRef, Scene

__all__ = ["is_safe", "open_safe"]

_IMAGE = re.compile(r"_(B(?:0[1-9]|1[0-2]|8A)|SCL)(?:_(10|20|60)m)?$")
_SUFFIXES = (".jp2", ".tif", ".tiff")
_METRES = {
    **dict.fromkeys(("B2", "B3", "B4", "B8"), 10),
    **dict.fromkeys(("B5", "B6", "B7", "B8A", "B11", "B12"), 20),
    **dict.fromkeys(("B1", "B9", "B10", "SCL"), 60),
}


def open_safe(path: str | os.PathLike[str]) -> Scene:
    """Describe a Sentinel-2 product, Level-1C or Level-2A.

    Args:
        path: its folder, its zip, its ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``, or the folder (or ``MTD_TL.xml``) of
            one granule of a product that has several.

    Returns:
        The scene on the tile's 10 m grid, in digital numbers without offset. A band whose image is missing is not
        among its bands, and a note says so.

    Raises:
        SceneError: it is no SAFE product, not one tile's, damaged, or not to be trusted.
        BandError: none of its images is there.
    """
    files = locate(Path(path))
    metadata = product_metadata(files)
    folder = _one_granule(files, metadata)
    grid = _tile_grid(files, folder)
    images, missing = _images(files, folder, metadata)
    for name, image in images.items():
        _check_image(files, image, name, grid)
    scale = REFLECTANCE_TO_DN / metadata.quantification
    bands = {
        band: BandRef(files.gdal_path(images[band]), 1, scale, metadata.offsets.get(band, 0.0) * scale, nodata=0)
        for band in SENSED
        if band in images
    }
    classes = BandRef(files.gdal_path(images["SCL"])) if "SCL" in images else None
    notes = (f"the product's images of {', '.join(missing)} are missing",) if missing else ()
    return Scene(metadata.acquisition.product, bands, grid, "dn", classes, metadata.acquisition, notes)


def _one_granule(files: SafeFiles, metadata: ProductMetadata) -> str:
    """Return the folder of the granule to open."""
    product = metadata.acquisition.product
    inside = [PurePosixPath(name).parts for name in files.names]
    present = {parts[1] for parts in inside if parts[0] == "GRANULE" and len(parts) > 2}
    listed = {files.granule} & set(metadata.images) if files.granule else set(metadata.images)
    if not listed:
        raise SceneError(
            f"The metadata of the product {product} list no images{' of this granule' if files.granule else ''}; "
            "expected a granule with its bands, so download the product whole."
        )
    if lost := sorted(listed - present):
        raise SceneError(
            f"The product {product} lacks the granule {', '.join(lost)} that its metadata list; expected it under "
            "GRANULE, so download the product whole."
        )
    if not files.granule:
        listed |= {p[1] for p in inside if p[0] == "GRANULE" and len(p) == 3 and TILE_METADATA.fullmatch(p[2])}
    if len(listed) > 1:
        tiles = sorted({match[1] if (match := re.search(r"_(T\d\d[A-Z]{3})", g)) else g for g in listed})
        raise SceneError(
            f"The product {product} holds {len(listed)} granules, of the {'tile' if len(tiles) == 1 else 'tiles'} "
            f"{', '.join(tiles)}; expected one, so give the folder of one of them (…/GRANULE/{min(listed)})"
            f"{', unzipped' if files.zipped else ''}."
        )
    return listed.pop()


def _tile_grid(files: SafeFiles, folder: str) -> Grid:
    """Read the tile's 10 m grid."""
    here = PurePosixPath("GRANULE", folder)
    paths = (PurePosixPath(name) for name in files.names)
    name = next((str(p) for p in paths if p.parent == here and TILE_METADATA.fullmatch(p.name)), None)
    if name is None:
        raise SceneError(
            f"The granule {folder} of {files.path} holds no MTD_TL.xml; expected the tile's metadata there, so "
            "download the product whole."
        )
    root = read_xml(files, name)
    try:
        epsg = int(text_of(root, "HORIZONTAL_CS_CODE").removeprefix("EPSG:"))
        rows, cols = (int(_at_10m(root, "Size", field)) for field in ("NROWS", "NCOLS"))
        left, top, across, down = (float(_at_10m(root, "Geoposition", f)) for f in ("ULX", "ULY", "XDIM", "YDIM"))
        if not (rows > 0 and cols > 0 and across == PIXEL and down == -PIXEL and math.isfinite(left + top)):
            raise ValueError(f"{rows} × {cols} pixels of {across:g} × {down:g} m at {left:g}, {top:g}")
        return Grid(CRS.from_epsg(epsg), Affine(across, 0, left, 0, down, top), rows, cols)
    except (ValueError, CRSError) as cause:
        raise SceneError(
            f"The tile metadata {files.gdal_path(name)} give no usable 10 m grid ({cause}); expected the tile's EPSG "
            "code, size and position, so download the product again."
        ) from cause


def _at_10m(root: Element, tag: str, field: str) -> str:
    return root.findtext(f".//{tag}[@resolution='10']/{field}", "")


def _images(files: SafeFiles, folder: str, metadata: ProductMetadata) -> tuple[dict[str, str], list[str]]:
    """Return each band's finest image, and the scene classification's (SCL); and the names of missing bands.

    A copy coarser than the band itself does not stand for a missing image: the networks would see blocks.
    """
    here = f"GRANULE/{folder}/IMG_DATA/"
    images = (PurePosixPath(name) for name in files.names if name.startswith(here))
    present = {image.stem: str(image) for image in images if image.suffix.lower() in _SUFFIXES}
    listed: dict[str, dict[int, str]] = {}
    for image in metadata.images[folder]:
        if match := _IMAGE.search(image):
            listed.setdefault(parse_band(match[1]) or "SCL", {})[int(match[2] or 0)] = image
    finest = {
        band: min(usable)[1]
        for band, sizes in listed.items()
        if (usable := [(s, present[image]) for s, image in sizes.items() if s <= _METRES[band] and image in present])
    }
    missing = [f"{band} ({_METRES[band]} m)" for band in SPECTRAL if band in listed and band not in finest]
    if not any(band in finest for band in SPECTRAL):
        raise BandError(
            f"The product {metadata.acquisition.product} holds none of the images that its metadata list, for the "
            f"bands {', '.join(b for b in SPECTRAL if b in listed) or '(none)'}; expected JP2 files in {here}, so "
            "download the product whole."
        )
    return finest, missing


def _check_image(files: SafeFiles, name: str, band: str, grid: Grid) -> None:
    """Check that an image is complete and covers the tile."""
    path = files.gdal_path(name)
    if files.zipped:
        with files.open(name) as stream:
            check_complete(stream, path, f"band {band}")
    with opened(path, f"band {band}") as dataset:
        own = grid_of(dataset, f"band {band}")
    if own.crs != grid.crs or not np.allclose(own.bounds, grid.bounds, rtol=0, atol=PIXEL / 2):
        raise SceneError(
            f"The band {band} ({path}) covers {own.bounds} in {own.crs_name}; expected the tile's {grid.bounds} in "
            f"{grid.crs_name}, so replace the file by the product's own."
        )

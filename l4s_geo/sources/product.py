"""What the metadata of a Sentinel-2 product say of how its images become reflectance.

Following the Sentinel-2 Products Specification Document, reflectance = (stored + offset) / quantification value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element

from l4s_geo.bands import SENSED
from l4s_geo.errors import SceneError
from l4s_geo.sources.safe_files import SafeFiles, read_xml
from l4s_geo.sources.scene import Acquisition

__all__ = ["ProductMetadata", "product_metadata", "text_of"]

_IMAGE_TAGS = ("IMAGE_FILE", "IMAGE_FILE_2A", "IMAGE_ID", "IMAGE_ID_2A")
_BY_ID = {str(number): band for number, band in enumerate(SENSED)}
_QUANTIFICATION = {
    "L1C": ("QUANTIFICATION_VALUE",),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
}
_OFFSET = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}


@dataclass(frozen=True)
class ProductMetadata:
    """What a product's metadata say of how its images are to be read."""

    acquisition: Acquisition
    quantification: float
    offsets: Mapping[str, float]
    """Offset of each band's stored values, by band; empty in products without offsets."""
    images: Mapping[str, tuple[str, ...]]
    """Base names of the images, without suffix, by granule folder."""


def text_of(root: Element, *tags: str) -> str:
    """Return the text of the first element with one of these tags that has any."""
    return next((e.text.strip() for e in root.iter() if e.tag in tags and e.text and e.text.strip()), "")


def product_metadata(files: SafeFiles) -> ProductMetadata:
    """Read a product's metadata.

    Raises:
        SceneError: they are damaged, or state no usable numbers.
    """
    root = read_xml(files, files.metadata)
    what = files.gdal_path(files.metadata)
    stated = re.fullmatch("Level-(1C|2A)p?", text_of(root, "PROCESSING_LEVEL"))
    if not stated:
        raise SceneError(
            f"The product metadata {what} states the level {text_of(root, 'PROCESSING_LEVEL') or '(none)'}; expected "
            "Level-1C or Level-2A, so give such a product."
        )
    level = f"L{stated[1]}"
    try:
        quantification = float(text_of(root, *_QUANTIFICATION[level]))
        offsets = {_BY_ID[e.get("band_id", "")]: float(e.text or "") for e in root.iter(_OFFSET[level])}
    except (ValueError, KeyError) as cause:
        raise SceneError(
            f"The product metadata {what} has no usable {_QUANTIFICATION[level][0]} or {_OFFSET[level]} ({cause}); "
            "expected numbers, so download the product again."
        ) from cause
    missing = [band for band in SENSED if offsets and band not in offsets and not (level == "L2A" and band == "B10")]
    if not (quantification > 0 and all(map(math.isfinite, (quantification, *offsets.values())))) or missing:
        raise SceneError(
            f"The product metadata {what} states the quantification value {quantification:g} and offsets for "
            f"{', '.join(offsets) or 'no band'}; expected a positive value and an offset for every band or for none."
        )
    images: dict[str, tuple[str, ...]] = {}
    for granule in (e for e in root.iter() if e.tag in ("Granule", "Granules")):
        for entry in (e.text.strip() for e in granule if e.tag in _IMAGE_TAGS and e.text):
            parts = PurePosixPath(entry).parts
            folder = parts[1] if parts[0] == "GRANULE" and len(parts) > 2 else granule.get("granuleIdentifier", "")
            images[folder] = (*images.get(folder, ()), parts[-1])
    product = text_of(root, "PRODUCT_URI", "PRODUCT_URI_2A").removesuffix(".SAFE") or files.path.stem
    acquired, baseline = text_of(root, "PRODUCT_START_TIME"), text_of(root, "PROCESSING_BASELINE")
    return ProductMetadata(Acquisition(product, level, acquired, baseline), quantification, offsets, images)

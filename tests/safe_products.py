"""Builds SAFE products out of single bands, with metadata made by hand, and damages them."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from safe_metadata import BAND_IDS, Product, write_metadata

PIXEL_SIZES = {
    **dict.fromkeys(("B2", "B3", "B4", "B8"), 10),
    **dict.fromkeys(("B5", "B6", "B7", "B8A", "B11", "B12"), 20),
    **dict.fromkeys(("B1", "B9", "B10"), 60),
}
"""Side of each band's pixels, metres."""

GENERATIONS = (
    ("L1C", "02.02"),
    ("L1C", "02.09"),
    ("L1C", "05.09"),
    ("L2A", "02.05"),
    ("L2A", "02.12"),
    ("L2A", "05.09"),
)
"""Level and processing baseline of each form that products have had."""


@dataclass(frozen=True)
class Site:
    """Bands of one place, each at its native pixel size; the ground of all is the same."""

    bands: Mapping[str, np.ndarray]
    """(rows, cols) uint16 without offset, by name ("B1"…"B12", "B8A"); 0 is no data."""
    epsg: int
    left: float
    top: float

    @property
    def rows(self) -> int:
        """Side of the site, pixels of 10 m."""
        return self.bands["B2"].shape[0]

    def size(self, band: str) -> int:
        """Side of a band's pixels, metres."""
        return 10 * self.rows // self.bands[band].shape[0]


def make_site(level: str = "L1C", rows: int = 120, *, epsg: int = 32643, left: float = 330_000, top: float = 3_372_000):
    """Make a site of noise between 200 and 4000, with all bands of a level.

    Args:
        level: "L1C" (13 bands) or "L2A" (no B10).
        rows: its side, pixels of 10 m; a multiple of 6.
        epsg: its CRS.
        left: its left edge, metres.
        top: its upper edge, metres.
    """
    bands = {}
    for number, band in enumerate(BAND_IDS):
        if level == "L1C" or band != "B10":
            side = rows * 10 // PIXEL_SIZES[band]
            bands[band] = np.random.default_rng(number).integers(200, 4000, (side, side)).astype(np.uint16)
    return Site(bands, epsg, left, top)


def read_site(folder: Path, *, epsg: int, left: float, top: float) -> Site:
    """Read a folder of single-band files named B2.tif or B02.tif."""
    bands = {}
    for path in sorted(folder.glob("B*.tif")):
        with rasterio.open(path) as dataset:
            bands[re.sub("^B0", "B", path.stem)] = dataset.read(1)
    return Site(bands, epsg, left, top)


def write_raster(path: Path, values: np.ndarray, site: Site, size: float, **options: object) -> None:
    """Write one band; JPEG 2000 is lossless and tiled, as in a product."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jp2":
        tile = max(64, values.shape[0] // 4)
        options = {"QUALITY": 100, "REVERSIBLE": "YES", "YCBCR420": "NO", "blockxsize": tile, "blockysize": tile}
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG" if path.suffix == ".jp2" else "GTiff",
        dtype=values.dtype,
        count=1,
        height=values.shape[0],
        width=values.shape[1],
        crs=f"EPSG:{site.epsg}",
        transform=Affine(size, 0, site.left, 0, -size, site.top),
        **options,
    ) as dataset:
        dataset.write(values, 1)


def write_bands(site: Site, folder: Path, suffix: str = ".tif") -> dict[str, Path]:
    """Write the bands as plain files, without offset; return their paths by band name."""
    paths = {}
    for band, values in site.bands.items():
        paths[band] = folder / f"{band}{suffix}"
        write_raster(paths[band], values, site, site.size(band))
    return paths


def describe(site: Site, level: str, baseline: str, **more: object) -> Product:
    """Describe the product that a site becomes; more fields of `Product` by name."""
    place = {"epsg": site.epsg, "left": site.left, "top": site.top, "rows": site.rows}
    return Product(level, baseline, **(place | more))


def build_safe(
    site: Site,
    folder: Path,
    level: str = "L2A",
    baseline: str = "05.09",
    classes: np.ndarray | None = None,
    **more: object,
) -> Path:
    """Write a site as a SAFE folder; return its path.

    Level-2A holds every band at its native size, at finer ones repeated, and at coarser ones with values that are
    wrong on purpose.

    Args:
        site: what to write.
        folder: where to write it.
        level: "L1C" or "L2A".
        baseline: processing baseline, which decides on names, elements and the offset.
        classes: (rows, cols) uint8 scene classification at 20 m; all vegetation by default. At 60 m all is defective.
        more: further fields of `safe_metadata.Product`.
    """
    if classes is None:
        classes = np.full((site.rows // 2, site.rows // 2), 4, np.uint8)
    description = describe(site, level, baseline, **more)
    product = write_metadata(description, folder)
    for name in dict.fromkeys(description.images):
        image = product / f"{name}.jp2"
        match = re.search(r"_B(\d\d|8A)(?:_(\d\d)m)?$", image.stem)
        if match and (band := f"B{match[1].lstrip('0')}") in site.bands:
            values, native = site.bands[band], site.size(band)
            size = int(match[2] or native)
            if size < native:
                values = values.repeat(native // size, axis=0).repeat(native // size, axis=1)
            if size > native:
                step = size // native
                values = np.full_like(values[::step, ::step], 9000)
            stored = values.astype(np.int32) - description.all_offsets.get(band, 0)
            write_raster(image, np.where(values == 0, 0, stored).astype(np.uint16), site, size)
        elif re.search("_SCL_[26]0m$", image.stem):
            size = int(image.stem[-3:-1])
            write_raster(image, classes if size == 20 else np.ones_like(classes[::3, ::3]), site, size)
    return product


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a text file; it has to change."""
    before = path.read_text()
    after = change(before)
    assert after != before, f"nothing changed in {path}"
    path.write_text(after)


def add_granule(product: Path, tile: str) -> None:
    """Give a product a second granule, a copy of its first under another tile's name."""
    first = next(product.glob("GRANULE/*"))
    old = re.search(r"_(T\w{5})_", first.name)[1]
    second = Path(shutil.copytree(first, first.with_name(first.name.replace(old, tile))))
    for path in (*second.rglob("*.jp2"), *second.glob("*.xml")):
        path.rename(path.with_name(path.name.replace(old, tile)))

    def change(text: str) -> str:
        granule = re.search(r"<Granule_List>.*</Granule_List>", text, flags=re.DOTALL)[0]
        return text.replace(granule, granule + granule.replace(old, tile))

    edit(next(product.glob("*MTD*.xml")), change)


def zipped(product: Path, path: Path) -> Path:
    """Zip a product as the data hubs do, its folder at the top."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in sorted(product.rglob("*")):
            archive.write(item, item.relative_to(product.parent))
    return path

"""Builds SAFE products out of single bands and the metadata of real products."""

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

TEMPLATES = {
    "L1C": "s2_l1c_safe_metadata/S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE",
    "L2A": "s2_l2a_safe/S2A_MSIL2A_20221005T115411_N0400_R023_T29UNU_20221005T164454.SAFE",
}
"""A real product of each level; Level-1C without offset and pixels, Level-2A with an offset."""

BAND_IDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")

OFFSET_TAGS = {
    "L1C": ("Radiometric_Offset_List", "RADIO_ADD_OFFSET"),
    "L2A": ("BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET"),
}


@dataclass(frozen=True)
class Site:
    """Bands of one place, each at its native pixel size; the ground of all is the same."""

    level: str
    bands: Mapping[str, np.ndarray]
    """(rows, cols) uint16 without offset, by name ("B1"…"B12", "B8A")."""
    epsg: int
    left: float
    top: float

    @property
    def rows(self) -> int:
        return self.bands["B2"].shape[0]

    def size(self, band: str) -> int:
        """Side of a band's pixels, metres."""
        return 10 * self.rows // self.bands[band].shape[0]


def read_site(folder: Path, level: str, *, epsg: int, left: float, top: float) -> Site:
    """Read a folder of single-band files named B2.tif or B02.tif."""
    bands = {}
    for path in sorted(folder.glob("B*.tif")):
        with rasterio.open(path) as dataset:
            bands[re.sub("^B0", "B", path.stem)] = dataset.read(1)
    return Site(level, bands, epsg, left, top)


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


def write_bands(site: Site, folder: Path) -> dict[str, Path]:
    """Write the bands as plain files, without offset; return their paths by band name."""
    paths = {}
    for band, values in site.bands.items():
        paths[band] = folder / f"{band}.tif"
        write_raster(paths[band], values, site, site.size(band))
    return paths


def copy_metadata(data: Path, level: str, folder: Path) -> Path:
    """Copy a real product's metadata; return the copy."""
    source = data / TEMPLATES[level]
    for path in (source / f"MTD_MSI{level}.xml", next(source.glob("GRANULE/*/MTD_TL.xml"))):
        target = folder / source.name / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder / source.name


def build_safe(data: Path, site: Site, folder: Path, *, offset: int = 0) -> Path:
    """Write a site as a SAFE folder with the metadata of a real product, adapted; return its path.

    Level-2A holds every band at its native size and, with values that are wrong on purpose, at all coarser ones.

    Args:
        data: the folder of real data.
        site: what to write.
        folder: where to write it.
        offset: what the metadata say is to be added; 0 writes a product of an older baseline.
    """
    product = copy_metadata(data, site.level, folder)
    place(product, site)
    set_offsets(product, site.level, dict.fromkeys(BAND_IDS, offset) if offset else {})
    for image in listed_images(product):
        match = re.search(r"_B(\d\d|8A)(?:_(\d\d)m)?$", image.stem)
        if match and (band := f"B{match[1].lstrip('0')}") in site.bands:
            values, native = site.bands[band], site.size(band)
            size = int(match[2] or native)
            if size < native:
                continue
            if size > native:
                step = size // native
                values = np.full_like(values[::step, ::step], 9000)
            write_raster(
                image, np.where(values == 0, 0, values.astype(np.int32) - offset).astype(np.uint16), site, size
            )
        elif re.search("_SCL_[26]0m$", image.stem):
            side = site.rows * 10 // int(image.stem[-3:-1])
            write_raster(image, np.full((side, side), 4, np.uint8), site, site.rows * 10 / side)
    return product


def listed_images(product: Path) -> list[Path]:
    """Paths at which the metadata say the images are."""
    text = next(product.glob("MTD_MSI*.xml")).read_text()
    return [product / f"{name}.jp2" for name in re.findall("<IMAGE_FILE>(.*?)</IMAGE_FILE>", text)]


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a text file; it has to change."""
    before = path.read_text()
    after = change(before)
    assert after != before, f"nothing changed in {path}"
    path.write_text(after)


def place(product: Path, site: Site) -> None:
    """Put a product's tile where a site is."""

    def geocoding(text: str) -> str:
        text = re.sub(r"EPSG:\d+", f"EPSG:{site.epsg}", text)
        text = re.sub("<ULX>.*?<", f"<ULX>{site.left!r}<", text)
        text = re.sub("<ULY>.*?<", f"<ULY>{site.top!r}<", text)
        for size in (10, 20, 60):
            rows = site.rows * 10 // size
            shape = f"<NROWS>{rows}</NROWS><NCOLS>{rows}</NCOLS>"
            text = re.sub(rf'(<Size resolution="{size}">).*?(</Size>)', rf"\1{shape}\2", text, flags=re.DOTALL)
        return text

    edit(next(product.glob("GRANULE/*/MTD_TL.xml")), geocoding)


def set_offsets(product: Path, level: str, offsets: Mapping[str, int]) -> None:
    """Rewrite the list of offsets and the processing baseline to match."""
    group, tag = OFFSET_TAGS[level]
    entries = "".join(f'<{tag} band_id="{BAND_IDS.index(b)}">{value}</{tag}>' for b, value in offsets.items())
    block = f"<{group}>{entries}</{group}>" if offsets else ""

    def change(text: str) -> str:
        text = re.sub(rf"\s*<{group}>.*</{group}>", "", text, flags=re.DOTALL)
        baseline = "05.09" if offsets else "02.09"
        text = re.sub("(<PROCESSING_BASELINE>).*?<", rf"\g<1>{baseline}<", text)
        return text.replace("<Reflectance_Conversion>", f"{block}<Reflectance_Conversion>")

    edit(product / f"MTD_MSI{level}.xml", change)


def add_granule(product: Path, tile: str) -> None:
    """Give a product a second granule, a copy of its first under another tile's name."""
    first = next(product.glob("GRANULE/*"))
    old = re.search(r"_(T\w{5})_", first.name)[1]
    second = Path(shutil.copytree(first, first.with_name(first.name.replace(old, tile))))
    for image in second.rglob("*.jp2"):
        image.rename(image.with_name(image.name.replace(old, tile)))

    def change(text: str) -> str:
        granule = re.search(r"<Granule_List>.*</Granule_List>", text, flags=re.DOTALL)[0]
        return text.replace(granule, granule + granule.replace(old, tile))

    edit(next(product.glob("MTD_MSI*.xml")), change)


def zipped(product: Path, path: Path) -> Path:
    """Zip a product as the data hubs do, its folder at the top."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in sorted(product.rglob("*")):
            archive.write(item, item.relative_to(product.parent))
    return path

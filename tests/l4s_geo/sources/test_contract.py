"""Every kind of source keeps the contract of sources."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from l4s_geo.sources.folder import open_folder
from l4s_geo.sources.geotiff import open_band_files, open_raster
from l4s_geo.sources.safe import open_safe
from l4s_geo.sources.stac import open_stac
from safe_metadata import OFFSET
from safe_products import GENERATIONS, Site, build_safe, make_site, write_bands, write_raster, zipped
from source_contract import SourceContract, with_empty_corner
from stac_items import copernicus, earth_search, planetary_computer, write_item


class TestSafeFolder(SourceContract):
    """Products of every generation."""

    opener = staticmethod(open_safe)
    missing_is_an_error = False

    @pytest.fixture(scope="class", params=GENERATIONS, ids="-".join)
    @classmethod
    def form(cls, request: pytest.FixtureRequest) -> tuple[str, str]:
        return request.param

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls, form: tuple[str, str]) -> Site:
        return with_empty_corner(make_site(form[0]))

    @classmethod
    def write(cls, site: Site, folder: Path, form: tuple[str, str]) -> Path:
        return build_safe(site, folder, *form)

    @classmethod
    def file_of(cls, source: Path, band: str) -> Path:
        return min(p for p in source.rglob("*.jp2") if p.stem.endswith((f"_B{band[1:]:0>2}", f"_B{band[1:]:0>2}_10m")))


class TestSafeZip(TestSafeFolder):
    """The same, zipped as the data hubs do."""

    missing_is_an_error = True

    @classmethod
    def write(cls, site: Site, folder: Path, form: tuple[str, str]) -> Path:
        product = super().write(site, folder, form)
        archive = zipped(product, folder / "product.zip")
        shutil.rmtree(product)
        return archive

    @classmethod
    def file_of(cls, source: Path, band: str) -> Path:
        return source


class TestStacItem(SourceContract):
    """Items of three catalogues beside their files."""

    opener = staticmethod(open_stac)

    @pytest.fixture(scope="class", params=[earth_search, planetary_computer, copernicus])
    @classmethod
    def form(cls, request: pytest.FixtureRequest) -> Any:
        return request.param

    @classmethod
    def write(cls, site: Site, folder: Path, form: Any) -> Path:
        offset = 0 if form is earth_search else OFFSET  # Earth Search takes it off the pixels
        for band, values in site.bands.items():
            stored = np.where(values == 0, 0, values.astype(np.int32) - offset).astype(np.uint16)
            write_raster(cls.file_of(folder / "item.json", band), stored, site, site.size(band), nodata=0)
        return write_item(folder / "item.json", form())

    @classmethod
    def file_of(cls, source: Path, band: str) -> Path:
        return source.with_name(f"B{band[1:]:0>2}.tif")


class TestFolder(SourceContract):
    """Folders of GeoTIFF and of JPEG 2000 files."""

    opener = staticmethod(open_folder)
    states_units = False
    missing_is_an_error = False

    @pytest.fixture(scope="class", params=[".tif", ".jp2"])
    @classmethod
    def form(cls, request: pytest.FixtureRequest) -> str:
        return request.param

    @classmethod
    def write(cls, site: Site, folder: Path, form: str) -> Path:
        write_bands(site, folder, form)
        return folder

    @classmethod
    def file_of(cls, source: Path, band: str) -> Path:
        return next(source.glob(f"{band}.*"))


class TestBandFiles(TestFolder):
    """The same files, named one by one."""

    opener = staticmethod(open_band_files)
    missing_is_an_error = True

    @classmethod
    def write(cls, site: Site, folder: Path, form: str) -> Mapping[str, Path]:
        return write_bands(site, folder, form)

    @classmethod
    def file_of(cls, source: Mapping[str, Path], band: str) -> Path:
        return source[band]


class TestRaster(SourceContract):
    """One file with all bands at 10 m, named; its value for no data declared or not."""

    opener = staticmethod(open_raster)
    states_units = False

    @pytest.fixture(scope="class", params=[0, None], ids=["nodata", "no nodata"])
    @classmethod
    def form(cls, request: pytest.FixtureRequest) -> int | None:
        return request.param

    @classmethod
    def write(cls, site: Site, folder: Path, form: int | None) -> Path:
        folder.mkdir()
        path = folder / "scene.tif"
        place = {"crs": f"EPSG:{site.epsg}", "transform": Affine(10, 0, site.left, 0, -10, site.top)}
        shape = {"count": len(site.bands), "height": site.rows, "width": site.rows}
        with rasterio.open(path, "w", driver="GTiff", dtype="uint16", nodata=form, **place, **shape) as dataset:
            for index, (band, values) in enumerate(site.bands.items(), start=1):
                k = site.size(band) // 10
                dataset.write(values.repeat(k, axis=0).repeat(k, axis=1), index)
                dataset.set_band_description(index, band)
        return path

    @classmethod
    def file_of(cls, source: Path, band: str) -> Path:
        return source


class TestVirtualRaster(SourceContract):
    """A VRT of one band file each, which states its value for no data."""

    opener = staticmethod(open_raster)
    states_units = False

    @pytest.fixture(scope="class", params=[".tif", ".jp2"])
    @classmethod
    def form(cls, request: pytest.FixtureRequest) -> str:
        return request.param

    @classmethod
    def write(cls, site: Site, folder: Path, form: str) -> Path:
        files = write_bands(site, folder, form)
        bands = "".join(
            f"""
  <VRTRasterBand dataType="UInt16" band="{index}">
    <Description>{band}</Description>
    <NoDataValue>0</NoDataValue>
    <SimpleSource>
      <SourceFilename relativeToVRT="1">{path.name}</SourceFilename>
      <SourceBand>1</SourceBand>
      <SrcRect xOff="0" yOff="0" xSize="{len(site.bands[band])}" ySize="{len(site.bands[band])}" />
      <DstRect xOff="0" yOff="0" xSize="{site.rows}" ySize="{site.rows}" />
    </SimpleSource>
  </VRTRasterBand>"""
            for index, (band, path) in enumerate(files.items(), start=1)
        )
        (folder / "scene.vrt").write_text(
            f"""<VRTDataset rasterXSize="{site.rows}" rasterYSize="{site.rows}">
  <SRS>EPSG:{site.epsg}</SRS>
  <GeoTransform>{site.left}, 10, 0, {site.top}, 0, -10</GeoTransform>{bands}
</VRTDataset>
"""
        )
        return folder / "scene.vrt"

    @classmethod
    def file_of(cls, source: Path, band: str) -> Path:
        return next(source.parent.glob(f"{band}.*"))

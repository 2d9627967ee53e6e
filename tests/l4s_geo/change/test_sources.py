"""Pairs of scenes that come in all the ways in which scenes come."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject
from scipy import ndimage

import l4s_geo
from l4s_geo.bands import RGB
from l4s_geo.errors import SceneError
from safe_products import Site, build_safe, make_site, write_bands
from support import ORIGIN, add_newness

NAMES = (*RGB, "B8")
GREEN, BARE = (500, 700, 600, 3000), (2600, 1500, 900, 2000)
OLD, NEW = (slice(40, 60), slice(50, 90)), (slice(120, 160), slice(150, 175))
SIDE = 198


@pytest.fixture(scope="module")
def bundle(red_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_newness(red_bundle, tmp_path_factory.mktemp("bundles") / "comparing")


def ground(*scars: tuple[slice, slice], seed: int = 1) -> np.ndarray:
    """Green hills with fields and some noise, and scars: (4, rows, cols) uint16 digital numbers."""
    texture = np.random.default_rng(0)
    patches = ndimage.gaussian_filter(texture.normal(size=(SIDE, SIDE)), 4)
    dn = np.array(GREEN, float)[:, None, None] * (1 + 0.25 * (patches > 0) + 0.6 * patches)
    for scar in scars:
        dn[:, *scar] = np.array(BARE)[:, None, None] * (0.9 + 0.2 * texture.random(dn[0][scar].shape))
    return (dn * (1 + 0.01 * np.random.default_rng(seed).normal(size=dn.shape))).astype(np.uint16)


AFTER, BEFORE = ground(OLD, NEW), (ground(OLD, seed=2) * 0.9 + 40).astype(np.uint16)


def is_the_new_one(found, rows: float = 120, cols: float = 150, origin: tuple[float, float] = ORIGIN) -> bool:
    """Whether the new scar was found, on its place, and not the old one; crumbs at rims may be."""
    large = found[found.area_m2 > 2000]
    if len(large) != 1 or not large.is_new.all():
        return False
    left, _, _, top = large.total_bounds
    return np.hypot(left - origin[0] - 10 * cols, origin[1] - 10 * rows - top) < 30


def test_other_nodata_and_another_order_of_bands(write_raster, bundle) -> None:
    order = [3, 1, 0, 2]
    dn = BEFORE[order].copy()
    dn[:, :, :20] = 65535
    before = write_raster("before.tif", dn, names=tuple(NAMES[i] for i in order), nodata=65535)
    found = l4s_geo.map_scene(write_raster("after.tif", AFTER, names=NAMES, nodata=0), before=before, bundle=bundle)
    assert is_the_new_one(found)


def test_a_folder_of_band_files_as_the_earlier_scene(write_raster, bundle, tmp_path) -> None:
    for band, values in zip(("B04", "B03", "B02", "B08"), BEFORE, strict=True):
        write_raster(f"T45RTL_20180501T044701_{band}.tif", values)
    folder = tmp_path / "T45"
    folder.mkdir()
    for file in tmp_path.glob("T45*.tif"):
        file.rename(folder / file.name)
    found = l4s_geo.map_scene(write_raster("after.tif", AFTER, names=NAMES), before=folder, bundle=bundle)
    assert is_the_new_one(found)
    assert found.date_before[0].startswith("2018-05-01")


def in_zone(path: Path, crs: str, size: float, target: Path) -> Path:
    """Warp a raster to another CRS and pixel size."""
    with rasterio.open(path) as dataset:
        transform, width, height = calculate_default_transform(
            dataset.crs, crs, dataset.width, dataset.height, *dataset.bounds, resolution=size
        )
        warped = np.zeros((dataset.count, height, width), np.uint16)
        where = {"src_transform": dataset.transform, "src_crs": dataset.crs, "dst_transform": transform, "dst_crs": crs}
        reproject(dataset.read(), warped, resampling=Resampling.cubic, **where)
        profile = dataset.profile | {"crs": crs, "transform": transform, "width": width, "height": height, "nodata": 0}
        names = dataset.descriptions
    with rasterio.open(target, "w", **profile) as dataset:
        dataset.write(warped)
        dataset.descriptions = names
    return target


def test_three_scenes_of_three_crs_on_each_side(write_raster, bundle, tmp_path) -> None:
    sides = []
    for side, dn in (("after", AFTER), ("before", BEFORE)):
        plain = write_raster(f"{side}.tif", dn, names=NAMES)
        others = [
            in_zone(write_raster(f"{side}_{n}.tif", (dn * gain).astype(np.uint16), names=NAMES), crs, size, target)
            for n, gain, crs, size in ((1, 1.05, "EPSG:32644", 10), (2, 0.95, "EPSG:32646", 12))
            for target in [tmp_path / f"{side}_warped_{n}.tif"]
        ]
        sides.append([plain, *others])
    after, before = sides
    found = l4s_geo.map_scene(after, before=before, composite="median", bundle=bundle)
    assert is_the_new_one(found)
    large = found[found.area_m2 > 2000]
    assert (large.n_after[0], large.n_before[0]) == (3, 3)


@pytest.fixture
def products(tmp_path: Path) -> dict[str, Path]:
    """The two dates as SAFE products of both levels; those of Level-2A with an offset."""
    out = {}
    for name, dn, level, baseline in (("before", BEFORE, "L1C", "02.09"), ("after", AFTER, "L2A", "05.09")):
        site = make_site(level, SIDE)
        bands = dict(site.bands) | dict(zip(NAMES, dn, strict=True))
        classes = np.full((SIDE // 2, SIDE // 2), 4, np.uint8) if level == "L2A" else None
        out[name] = build_safe(replace(site, bands=bands), tmp_path / name, level, baseline, classes)
    return out


def test_level_1c_before_and_level_2a_after(products, bundle) -> None:
    found = l4s_geo.map_scene(products["after"], before=products["before"], bundle=bundle)
    assert is_the_new_one(found, origin=(330_000, 3_372_000))
    assert found.date_after.str.len().min() > 0


def test_a_zip_of_a_product_before(products, bundle, tmp_path) -> None:
    product = products["before"]
    packed = shutil.make_archive(str(tmp_path / product.stem), "zip", product.parent, product.name)
    found = l4s_geo.map_scene(products["after"], before=packed, bundle=bundle)
    assert is_the_new_one(found, origin=(330_000, 3_372_000))


def test_one_file_of_two_names_is_one_scene(write_raster, bundle, tmp_path, monkeypatch) -> None:
    after = write_raster("after.tif", AFTER, names=NAMES)
    other = tmp_path / "other.tif"
    os.link(after, other)
    link = tmp_path / "link.tif"
    link.symlink_to(after)
    monkeypatch.chdir(tmp_path)
    for name in (other, link, Path("after.tif"), tmp_path / ".." / tmp_path.name / "after.tif"):
        with pytest.raises(SceneError, match="is given twice"):
            l4s_geo.map_scene(after, before=name, bundle=bundle)
    bands = write_bands(Site(dict(zip(NAMES, AFTER, strict=True)), 32645, *ORIGIN), tmp_path / "bands")
    with pytest.raises(SceneError, match="is given twice"):
        l4s_geo.map_scene(tmp_path / "bands", before=bands, bundle=bundle)


def test_an_earlier_scene_on_another_grid_that_ends_inside(write_raster, bundle) -> None:
    """Half a pixel beside, and without the last columns: what lies beyond is not compared."""
    moved = Affine(10, 0, ORIGIN[0] - 5, 0, -10, ORIGIN[1] + 5)
    shifted = np.stack([ndimage.shift(b.astype(float), 0.5, order=3, mode="nearest") for b in BEFORE])
    before = write_raster("b.tif", shifted[:, :, :165].clip(1).astype(np.uint16), names=NAMES, transform=moved)
    found = l4s_geo.map_scene(write_raster("a.tif", AFTER, names=NAMES), before=before, bundle=bundle)
    large = found[found.area_m2 > 2000]
    assert len(large) == 1
    assert large.total_bounds[2] <= ORIGIN[0] + 1650

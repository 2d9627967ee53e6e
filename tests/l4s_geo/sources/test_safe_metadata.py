"""The metadata that tests make by hand are what genuine products hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from l4s_geo.sources.safe import open_safe
from l4s_geo.sources.scene import Scene
from safe_metadata import Product, write_metadata
from safe_products import GENERATIONS, Site, write_raster

REAL = {
    "s2_l2a_safe": Product(baseline="04.00"),
    "s2_l1c_safe_metadata/*T46RER*": Product(
        "L1C",
        "03.01",
        "T46RER",
        32646,
        499980,
        3100020,
        sensed="2021-09-08T04:27:01.024Z",
        strip="20210908T043714",
        generated="20210908T070248",
        orbit=32448,
        relative_orbit=133,
        station="VGS4",
        sun=("26.4931642669439", "142.987598836457"),
        clouds="88.2972",
        sensing_time="2021-09-08T04:40:48.758475Z",
    ),
    "s2_l1c_safe_metadata/*T01LAC*": Product(
        "L1C",
        "02.09",
        "T01LAC",
        32701,
        99960,
        8300020,
        sensed="2020-07-17T22:19:41.024Z",
        strip="20200717T221944",
        generated="20200717T234135",
        orbit=26481,
        relative_orbit=29,
        station="SGS_",
        sun=("45.183085206095", "36.1960474596642"),
        clouds="5.4828",
        sensing_time="2020-07-17T22:20:29.740125Z",
    ),
}
"""Descriptions of real products, by where they are among the real data."""


@pytest.fixture(params=REAL, ids=["L2A 04.00", "L1C 03.01", "L1C 02.09"])
def twins(request, data, tmp_path) -> tuple[Path, Path, Product]:
    """The metadata of a real product, copied; the same made from a description; and the description."""
    description = REAL[request.param]
    source = next(p for p in (*data.glob(request.param), *data.glob(f"{request.param}/*")) if p.suffix == ".SAFE")
    copied = tmp_path / "real" / f"{description.name}.SAFE"
    for name in (description.product_file, description.tile_file):
        (copied / name).parent.mkdir(parents=True)
        (copied / name).write_bytes((source / name).read_bytes())
    return copied, write_metadata(description, tmp_path / "made"), description


def elements(path: Path) -> Iterator[tuple[str, tuple[tuple[str, str], ...], str]]:
    """Yield a file's elements in order: where they are, their attributes and their text."""

    def walk(element: ElementTree.Element, above: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...], str]]:
        here = f"{above}/{element.tag}"
        yield here, tuple(sorted(element.items())) if above else (), (element.text or "").strip()
        for child in element:
            yield from walk(child, here)

    yield from walk(ElementTree.parse(path).getroot(), "")


def test_every_element_stands_in_the_real_file_with_the_same_value_and_in_that_order(twins):
    real, made, description = twins
    for name in (description.product_file, description.tile_file):
        rest = elements(real / name)
        missing = [element for element in elements(made / name) if element not in rest]
        assert missing[:1] == [], name


def test_the_reader_describes_the_same_scene(twins):
    real, made, description = twins
    site = Site({}, description.epsg, description.left, description.top)
    scenes = []
    for product in (real, made):
        for image in dict.fromkeys(description.images):
            write_raster(product / f"{image}.jp2", np.ones((61, 61), np.uint16), site, description.rows * 10 / 61)
        scenes.append(without_folder(open_safe(product), product))
    assert scenes[0] == scenes[1]
    assert set(scenes[0].bands) >= {"B1", "B2", "B8", "B8A", "B12"}


def without_folder(scene: Scene, folder: Path) -> Scene:
    """A scene whose paths are relative to a folder."""
    bands = {b: replace(ref, path=str(Path(ref.path).relative_to(folder))) for b, ref in scene.bands.items()}
    classes = scene.classes and replace(scene.classes, path=str(Path(scene.classes.path).relative_to(folder)))
    return replace(scene, bands=bands, classes=classes)


@pytest.mark.parametrize(("level", "baseline"), GENERATIONS)
def test_names_tell_level_baseline_and_tile(level, baseline):
    product = Product(level, baseline)
    images = dict.fromkeys(product.images)
    assert len(images) == len(product.images)
    assert all(re.search(rf"{product.tile}_.*(_B(\d\d|8A)|_SCL|_TCI|_AOT|_WVP)(_[126]0m)?$", name) for name in images)
    assert level in product.name
    assert product.long_names or f"_N{baseline.replace('.', '')}_" in product.name

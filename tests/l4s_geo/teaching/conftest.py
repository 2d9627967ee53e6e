"""A scene on which something can be taught, and labels drawn on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from scipy import ndimage

from support import ORIGIN, UTM, make_bundle

SIDE = 300


def box(row: float, col: float, height: float, width: float) -> shapely.Polygon:
    """A rectangle of pixels of the scene."""
    left, top = ORIGIN
    return shapely.box(left + 10 * col, top - 10 * (row + height), left + 10 * (col + width), top - 10 * row)


@pytest.fixture(scope="session")
def places() -> list[tuple[int, int, int, int]]:
    """Rows, columns, heights and widths of the landslides: one in each cell of 30 pixels, at a random place in it."""
    random = np.random.default_rng(3)
    return [
        (r + int(random.integers(2, 12)), c + int(random.integers(2, 12)), *random.integers(6, 14, 2).tolist())
        for r in range(0, SIDE, 30)
        for c in range(0, SIDE, 30)
    ]


@pytest.fixture
def taught_scene(tmp_path, write_raster, places) -> Path:
    """A scene whose landslides are bright in red; fields are as bright, in green and blue as well."""
    random = np.random.default_rng(5)
    ground = ndimage.gaussian_filter(random.normal(0, 1, (SIDE, SIDE)), 3) * 300
    values = np.stack([600 + ground, 800 + ground, 500 + ground, 2500 + ground]) + random.normal(0, 25, (4, SIDE, SIDE))
    for row, col, height, width in places:
        values[2, row : row + height, col : col + width] += 900
    for row, col in random.integers(0, SIDE - 12, (60, 2)):
        values[:3, row : row + 10, col : col + 10] += 900
    for row, col, height, width in places:  # a landslide buries the field under it
        values[:2, row : row + height, col : col + width] = np.minimum(
            values[:2, row : row + height, col : col + width], 1000
        )
    return write_raster("scene.tif", values.astype(np.uint16), names=("B2", "B3", "B4", "B8"))


@pytest.fixture
def installed_base(tmp_path, monkeypatch) -> str:
    """An installed bundle that says only how bright a pixel is in red."""
    from l4s_geo.bundles.registry import add_bundle

    monkeypatch.setenv("L4S_BUNDLES", str(tmp_path / "bundles"))
    add_bundle(make_bundle(tmp_path / "brightness", ("B4",), "fixed", slope=2.0, shift=-5.0))
    return "brightness"


@pytest.fixture
def save(tmp_path) -> Callable[..., Path]:
    """Return a function that writes polygons with columns and returns the file."""

    def write(name: str, shapes, crs: object = UTM, **columns) -> Path:
        path = tmp_path / name
        gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs).to_file(path)
        return path

    return write


@pytest.fixture
def slides(places) -> list[shapely.Polygon]:
    """The outlines of all landslides."""
    return [box(*place) for place in places]


@pytest.fixture
def strokes(places) -> list[shapely.Polygon]:
    """As many strokes on background: each below a landslide."""
    return [box(row + height + 3, col, 3, 10) for row, col, height, _ in places if row + height + 6 < SIDE]


@pytest.fixture
def looked() -> shapely.Polygon:
    """Ground that was looked at: the northern half."""
    return box(0, 0, SIDE // 2, SIDE)

"""An inventory with its scene, and a page read back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from l4s_geo.bundles.registry import find_bundle
from l4s_geo.inventory.formats import write_inventory
from l4s_geo.inventory.table import DTYPES
from support import ORIGIN, TRANSFORM, UTM

SIDE = 400
HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">{{ 7 * 7 }}"


def write_scene(path: Path, seed: int = 0, empty: int = 0) -> Path:
    """A scene of 400 × 400 pixels with B2, B3, B4, of which the first columns may be empty."""
    random = np.random.default_rng(seed)
    values = random.integers(300, 2500, (3, SIDE, SIDE)).astype(np.uint16)
    values[:, :, :empty] = 0
    profile = {"driver": "GTiff", "count": 3, "height": SIDE, "width": SIDE, "dtype": "uint16"}
    with rasterio.open(path, "w", crs=UTM, transform=TRANSFORM, nodata=0, **profile) as raster:
        raster.write(values)
        raster.descriptions = ("B2", "B3", "B4")
    return path


def rectangles(count: int, columns: int = 6) -> list[shapely.Polygon]:
    """Rectangles of pixels on the scene, 60 pixels apart, of growing size."""
    shapes = []
    for number in range(count):
        row, col = divmod(number, columns)
        x, y = ORIGIN[0] + 10 * (20 + 60 * col), ORIGIN[1] - 10 * (20 + 60 * row)
        shapes.append(shapely.box(x, y - 10 * (3 + number % 7), x + 10 * (3 + number), y))
    return shapes


def landslides(count: int, **columns: Any) -> gpd.GeoDataFrame:
    """An inventory of rectangles; two thirds are of high confidence, slopes grow from 5° by a degree."""
    n = np.arange(count)
    values = {name: np.zeros(count) for name in DTYPES} | {
        "id": n + 1,
        "prob_mean": 0.5 + 0.01 * (n % 50),
        "confidence": np.where(n % 3, "high", "low"),
        "slope_mean_deg": 5.0 + n,
        "aspect_deg": np.where(n % 2, 90.0, np.nan),
        "elev_min_m": 100.0 + n,
        "elev_max_m": 200.0 + n,
        "touches_edge": n == 0,
        **{name: ["x"] * count for name in ("scene", "bundle", "created")},
    }
    frame = gpd.GeoDataFrame(values, geometry=rectangles(count), crs=UTM).astype(DTYPES)
    frame["area_m2"] = frame.area
    return frame.assign(**columns)


def facts_of(scene: Path, /, **more: Any) -> dict[str, Any]:
    """What a map of a scene with the embedded bundle says of itself."""
    bundle = find_bundle("rgb")
    return {
        "software": "l4s-geo 0.1.0",
        "scene": scene.stem,
        "level": "L2A",
        "acquired": "2018-09-06T01:30:11Z",
        "bands": {band: f"{scene}#{number}" for number, band in enumerate(("B2", "B3", "B4"), 1)},
        "units": "dn",
        "offset": {},
        "dem": [],
        "shape": [SIDE, SIDE],
        "bundle": "rgb",
        "bundle_version": bundle.version,
        "bundle_sha256": bundle.sha256,
        "created": "2026-11-26T23:03:44+00:00",
        "threshold": 0.366,
        "min_area": 500.0,
        "overlap": 32,
        "crf": None,
        "terrain_prior": None,
        "valid_share": 0.9,
        "masked_share": 0.05,
        **more,
    }


def save(frame: gpd.GeoDataFrame, path: Path, facts: dict[str, Any]) -> Path:
    """Write an inventory in place of another."""
    path.unlink(missing_ok=True)
    write_inventory(frame, path, facts)
    return path


@pytest.fixture
def made(tmp_path: Path) -> SimpleNamespace:
    """A scene, an earlier one, and an inventory of 20 landslides."""
    scene, before = write_scene(tmp_path / "after.tif"), write_scene(tmp_path / "before.tif", seed=1, empty=100)
    inventory = tmp_path / "inventory.gpkg"
    save(landslides(20), inventory, facts_of(scene))
    return SimpleNamespace(scene=scene, before=before, inventory=inventory, out=tmp_path / "report.html")


def data_of(page: Path) -> dict[str, Any]:
    """The data that a page's script works on."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)
    return json.loads(text)


def decode(text: str) -> list[int]:
    """Read what `encode` wrote, as the description of Google's encoded polylines says."""
    values, value, shift = [], 0, 0
    for letter in text:
        piece = ord(letter) - 63
        value |= (piece & 31) << shift
        shift += 5
        if piece < 32:
            values.append(~(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    return values

"""A small map with its probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from l4s_geo.bands import RGB
from l4s_geo.pipeline import map_scene


@dataclass(frozen=True)
class Mapped:
    """A map, and what it was made from."""

    scene: Path
    dem: Path
    inventory: Path
    probability: Path
    bundle: Path

    @property
    def table(self) -> gpd.GeoDataFrame:
        """The inventory."""
        return gpd.read_file(self.inventory, layer="landslides")


@pytest.fixture
def mapped(write_raster, red_bundle, tmp_path) -> Mapped:
    """Bright spots of several sizes on a hillside, mapped with probabilities."""
    random = np.random.default_rng(7)
    dn = random.integers(480, 520, (3, 200, 260)).astype(np.uint16)
    for row, col, height, width, value in (
        (40, 50, 20, 40, 3000),
        (100, 20, 10, 12, 2400),
        (150, 150, 30, 9, 1800),
        (0, 200, 15, 20, 3000),  # at the border
        (90, 120, 3, 3, 3000),
    ):
        dn[0, row : row + height, col : col + width] = value + random.integers(-400, 400, (height, width))
    scene = write_raster("scene.tif", dn, names=RGB)
    rise = (1000 + 4 * np.arange(260) + 2 * np.arange(200)[:, None]).astype(np.float32)
    dem = write_raster("dem.tif", rise[None])
    inventory, probability = tmp_path / "inventory.gpkg", tmp_path / "p.tif"
    map_scene(scene, dem=dem, bundle=red_bundle, out=inventory, probability=probability)
    return Mapped(scene, dem, inventory, probability, red_bundle)

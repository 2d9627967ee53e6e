"""Terrain attributes that cannot be are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l4s_geo import map_scene
from l4s_geo.bands import RGB
from l4s_geo.errors import TerrainError
from l4s_geo.inventory.plausible import check_terrain
from l4s_geo.stack.terrain import horn, slope_of

GOOD = {
    "n_pixels": 40,
    "perimeter_m": 400.0,
    "length_m": 130.0,
    "slope_mean_deg": 31.0,
    "slope_max_deg": 40.0,
    "elev_min_m": 700.0,
    "elev_max_m": 770.0,
    "relief_m": 70.0,
}


def columns(**changed: float) -> dict[str, np.ndarray]:
    return {name: np.full(3, changed.get(name, value)) for name, value in GOOD.items()}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"slope_mean_deg": 0.0, "slope_max_deg": 0.0, "relief_m": 0.0},
        {"elev_min_m": -430.0, "elev_max_m": -360.0},
        {"n_pixels": 1, "relief_m": 0.0},
        dict.fromkeys(("slope_mean_deg", "slope_max_deg", "elev_min_m", "elev_max_m", "relief_m"), np.nan),
        {"slope_mean_deg": 75.0, "slope_max_deg": 88.0, "relief_m": 600.0},
    ],
)
def test_what_can_be_passes(values: dict[str, float]) -> None:
    check_terrain(columns(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"slope_max_deg": 1547.0}, r"slope_max_deg that cannot be \(1547°; expected 0 to 90°\)"),
        ({"slope_mean_deg": -3.0}, "slope_mean_deg that cannot be"),
        ({"elev_min_m": -32768.0}, r"elev_min_m that cannot be \(-32768 m"),
        ({"elev_max_m": 9999.0}, "elev_max_m that cannot be"),
        ({"slope_mean_deg": 0.5, "slope_max_deg": 0.7}, "larger than their slope allows"),
        ({"relief_m": 0.0}, "smaller than their slope allows"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(TerrainError, match=message):
        check_terrain(columns(**values))


def test_one_landslide_on_an_error_of_the_dem_stops_no_inventory() -> None:
    mixed = columns()
    mixed["relief_m"][0] = 5000
    check_terrain(mixed)


@pytest.mark.parametrize("wrong", ["elevations in km", "gentle slopes"])
def test_nothing_is_written_where_terrain_cannot_be(write_raster, red_bundle: Path, tmp_path: Path, wrong: str) -> None:
    """A raster whose own slope and DEM bands do not belong together."""
    y, x = np.mgrid[:140, :150]
    elevation = (1500 + 300 * np.sin(x / 12) * np.cos(y / 14)).astype(np.float32)
    slope = slope_of(*horn(elevation, 10))
    dn = np.full((3, 140, 150), 500, np.float32)
    dn[:, 20:40, 20:60] = 2500
    good = np.concatenate([dn, slope[None], elevation[None]])
    names = (*RGB, "slope", "DEM")
    out = tmp_path / "out"
    out.mkdir()
    kwargs = {"bundle": red_bundle, "terrain_prior": "off"}
    assert len(map_scene(write_raster("good.tif", good, names=names), out=out / "good.gpkg", **kwargs)) == 1
    if wrong == "elevations in km":
        good[4] /= 1000
    else:
        good[3] = 8.0
    with pytest.raises(TerrainError, match="slope allows"):
        map_scene(write_raster("bad.tif", good, names=names), out=out / "bad.gpkg", probability=out / "p.tif", **kwargs)
    assert [p.name for p in out.iterdir()] == ["good.gpkg"]

"""Voids and mosaics; slope and aspect are tested with the DEM."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import rasterio.transform
import rasterio.warp
from affine import Affine
from rasterio.crs import CRS

from l4s_geo.errors import TerrainError
from l4s_geo.grid import Grid, Window, mapping_grid
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.terrain import MAX_VOID, fill_voids, horn, slope_of

GRID = Grid(CRS.from_epsg(32645), Affine(10, 0, 300_000, 0, -10, 3_100_000), 150, 170)


def plane(rows: int, cols: int, pixel: float = 10, east: float = 0.3, north: float = -0.2) -> np.ndarray:
    y, x = np.mgrid[:rows, :cols] * pixel
    return (1000 + east * x - north * y).astype(np.float32)


def test_small_voids_of_a_plane_are_filled_with_the_plane() -> None:
    whole = plane(60, 60)
    holed = whole.copy()
    holed[10 : 10 + MAX_VOID, 20 : 20 + MAX_VOID] = np.nan
    holed[40, 3:9] = np.nan
    np.testing.assert_allclose(fill_voids(holed), whole, rtol=1e-6)


def test_large_voids_and_borders_stay_unknown() -> None:
    holed = plane(60, 60)
    holed[10 : 11 + MAX_VOID, 20 : 21 + MAX_VOID] = np.nan
    holed[:, :4] = np.nan
    holed[50:] = np.nan
    np.testing.assert_array_equal(np.isnan(fill_voids(holed)), np.isnan(holed))


def test_a_void_is_filled_alike_in_any_window(write_raster) -> None:
    holed = plane(170, 190)
    holed[60:68, 70:79] = -9999
    path = write_raster("dem.tif", holed, nodata=-9999, transform=Affine(10, 0, 299_900, 0, -10, 3_100_100))
    with DEM(path, GRID) as dem:
        assert not dem.voids_filled
        whole, _ = dem.read(GRID.whole)
        assert dem.voids_filled
        for window in (Window(50, 60, 5, 20), Window(0, 0, 56, 170), Window(54, 64, 3, 3)):
            np.testing.assert_array_equal(dem.read(window)[0], whole[window.slices])
    assert np.isfinite(whole).all()


def collared(fill: float) -> np.ndarray:
    """A plane of mountains around whose right third, and in a hole of which, a fill value stands."""
    out = plane(150, 170)
    out[:, 110:] = fill
    out[60:90, 20:50] = fill
    return out


@pytest.mark.parametrize("fill", [-32768, -9999, -3.4028235e38, 9999, 1e20, 0, -1, 255])
@pytest.mark.parametrize("place", ["grid", "degrees"])
def test_fill_values_that_are_not_declared_are_voids(write_raster, fill: float, place: str) -> None:
    holed = collared(fill)
    if place == "grid":
        path = write_raster("dem.tif", holed)
    else:
        corners = rasterio.warp.transform_bounds(GRID.crs, "EPSG:4326", *GRID.bounds)
        transform = rasterio.transform.from_bounds(*corners, 170, 150)
        path = write_raster("dem.tif", holed, crs="EPSG:4326", transform=transform)
    with DEM(path, GRID) as dem:
        elevation, slope = dem.read(GRID.whole)
    known = np.isfinite(elevation)
    assert dem.covered == pytest.approx(known.mean(), abs=0.03)
    assert known.mean() == pytest.approx((holed != np.float32(fill)).mean(), abs=0.05)
    assert elevation[known].min() > plane(150, 170).min() - 1
    assert elevation[known].max() < plane(150, 170).max() + 1
    steepest = np.degrees(np.arctan(np.hypot(0.3, 0.2)))
    assert np.nanmax(slope) < steepest + 2
    (remark,) = dem.remarks
    assert remark.startswith(
        f"{(holed == np.float32(fill)).mean():.2%} of the DEM {path} around the scene hold {fill:g}"
    )


@pytest.mark.parametrize("height", [12, 30, 45])
def test_a_collar_of_zeros_around_low_ground_is_a_void(write_raster, height: int) -> None:
    y, x = np.mgrid[:150, :170]
    low = (height + 2 * np.sin(y / 20) + np.random.default_rng(0).normal(0, 0.5, x.shape)).round().astype(np.uint16)
    low[:, 120:] = 0
    with DEM(write_raster("dem.tif", low), GRID) as dem:
        np.testing.assert_array_equal(np.isfinite(dem.read(GRID.whole)[0]), low > 0)
        assert "hold 0, which no ground there can have" in dem.remarks[0]


def test_the_largest_number_of_16_bits_is_a_void(write_raster) -> None:
    holed = collared(65535).round().clip(0, 65535).astype(np.uint16)
    with DEM(write_raster("dem.tif", holed), GRID) as dem:
        np.testing.assert_array_equal(np.isfinite(dem.read(GRID.whole)[0]), holed < 65535)
        assert "hold 65535, which" in dem.remarks[0]


def test_what_is_declared_and_what_is_not_are_both_voids(write_raster) -> None:
    holed = collared(-9999)
    holed[100:130, 20:50] = -32768
    holed[:10, :100] = 0
    with DEM(write_raster("dem.tif", holed, nodata=-9999), GRID) as dem:
        np.testing.assert_array_equal(np.isfinite(dem.read(GRID.whole)[0]), holed > 0)
        assert "hold 0, -32768, which" in dem.remarks[0]


def test_the_view_without_voids_keeps_every_other_value(write_raster) -> None:
    rough = plane(150, 170) + np.random.default_rng(0).normal(0, 3, (150, 170)).astype(np.float32)
    rough[:20] = -9999
    with DEM(write_raster("dem.tif", rough), GRID) as dem:
        np.testing.assert_array_equal(dem.read(GRID.whole)[0][20:], rough[20:])


@pytest.mark.parametrize("fill", [-32768, 0])
def test_the_void_of_one_tile_hides_no_data_of_another(write_raster, fill: float) -> None:
    whole = plane(150, 170)
    holed = collared(fill)
    with DEM([write_raster("a.tif", holed), write_raster("b.tif", whole)], GRID) as tiles:
        np.testing.assert_array_equal(tiles.read(GRID.whole)[0], whole)
    with DEM([write_raster("c.tif", holed, nodata=-1), write_raster("d.tif", whole)], GRID) as tiles:
        np.testing.assert_array_equal(tiles.read(GRID.whole)[0], whole)


def coast(rows: int = 150, cols: int = 170) -> np.ndarray:
    """Rounded hills that rise from a flat sea at 0, 30 m in 10 at the steepest."""
    y, x = np.mgrid[:rows, :cols]
    return np.round(np.maximum(0, 3 * (x - 60) + 40 * np.sin(y / 9))).astype(np.int16)


@pytest.mark.parametrize(
    "ground",
    [
        pytest.param(coast(), id="a sea at zero"),
        pytest.param(coast() - 430, id="the Dead Sea"),
        pytest.param(np.maximum(783, 6 * np.hypot(*np.mgrid[-75:75, -85:85]) + 583), id="a flat lake"),
        pytest.param(coast() // 20 * 20, id="terraces"),
        pytest.param(np.random.default_rng(0).integers(100, 3000, (150, 170)), id="nothing but noise"),
        pytest.param(np.full((150, 170), 2), id="a plain"),
        pytest.param(coast() // 10, id="a low coast"),
        pytest.param(
            np.where(np.hypot(*np.mgrid[-75:75, -85:85]) < 9, 0, 4 + coast() // 40), id="a pond behind a wall"
        ),
    ],
)
def test_ground_is_taken_for_no_void(write_raster, ground: np.ndarray) -> None:
    ground = ground.astype(np.int16)
    with DEM(write_raster("dem.tif", ground), GRID) as dem:
        np.testing.assert_array_equal(dem.read(GRID.whole)[0], ground)
        assert "unknown" not in " ".join(dem.remarks)


def test_real_elevations_are_no_voids_but_for_real_voids(data) -> None:
    """The DEM of Darjeeling holds undeclared zeros among mountains; those of a range and of a coast do not."""
    for name, voids in (("dem/darjeeling.tif", 1), ("dem/bigtujunga.tif", 0), ("iburi_2018/dsm.tif", 0)):
        with rasterio.open(data / name) as dataset:
            grid = mapping_grid(Grid(dataset.crs, dataset.transform, *dataset.shape))
        with DEM(data / name, grid) as dem:
            assert len(dem.remarks) == voids


def test_elevations_in_centimetres_are_refused(write_raster) -> None:
    rough = plane(150, 170) + np.random.default_rng(0).normal(0, 3, (150, 170)).astype(np.float32)
    with pytest.raises(TerrainError, match="expected metres"):
        DEM(write_raster("dem.tif", rough * 100), GRID)


def test_tiles_make_a_mosaic_without_a_seam(write_raster) -> None:
    whole = plane(170, 190)
    left = write_raster("left.tif", whole[:, :100], transform=Affine(10, 0, 299_900, 0, -10, 3_100_100))
    right = write_raster("right.tif", whole[:, 95:], transform=Affine(10, 0, 300_850, 0, -10, 3_100_100))
    one = write_raster("one.tif", whole, transform=Affine(10, 0, 299_900, 0, -10, 3_100_100))
    with DEM([left, right], GRID) as tiles, DEM(one, GRID) as dem:
        for a, b in zip(tiles.read(GRID.whole), dem.read(GRID.whole), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-3)
        assert tiles.covered == 1


def test_tiles_of_another_crs_join_in(write_raster) -> None:
    lon, lat, step = 84.93, 28.03, 0.0001
    other = np.full((600, 600), 1234, np.float32)
    west = write_raster(
        "west.tif", np.full((170, 60), 1234, np.float32), transform=Affine(10, 0, 299_900, 0, -10, 3_100_100)
    )
    east = write_raster("east.tif", other, crs="EPSG:4326", transform=Affine(step, 0, lon, 0, -step, lat))
    with DEM([west, east], GRID) as dem:
        elevation, slope = dem.read(GRID.whole)
    np.testing.assert_allclose(elevation, 1234, atol=0.01)
    np.testing.assert_allclose(slope, 0, atol=0.01)


def test_a_ready_slope_is_taken(write_raster) -> None:
    dem_path = write_raster("dem.tif", plane(150, 170))
    slope_path = write_raster("slope.tif", np.full((150, 170), 27.5, np.float32))
    with DEM(dem_path, GRID, slope_path) as dem:
        np.testing.assert_array_equal(dem.read(GRID.whole)[1], 27.5)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (0, 178, "percent"),
        (0, 1.4, "radians|rise over run"),
        (-30, 40, "no slope"),
        (0, 360, "directions"),
        (0, 0, "no slope"),
    ],
)
def test_values_that_are_no_degrees_by_their_range_are_refused(
    write_raster, low: float, high: float, message: str
) -> None:
    slope = np.linspace(low, high, 150 * 170, dtype=np.float32).reshape(150, 170)
    with pytest.raises(TerrainError, match=message):
        DEM(write_raster("dem.tif", plane(150, 170)), GRID, write_raster("slope.tif", slope))


def hills(height: float) -> np.ndarray:
    y, x = np.mgrid[:150, :170]
    return (1000 + height * np.sin(x / 9) * np.cos(y / 11)).astype(np.float32)


FROM_DEGREES = {
    "degrees": lambda s: s,
    "radians": np.radians,
    "percent": lambda s: 100 * np.tan(np.radians(s)),
    "rise over run": lambda s: np.tan(np.radians(s)),
}


@pytest.mark.parametrize("stated", FROM_DEGREES)
@pytest.mark.parametrize("height", [20, 60])
def test_a_slope_is_told_by_the_dem(write_raster, stated: str, height: float) -> None:
    """Gentle slopes in percent have the range of degrees; the remedy that the message names gives degrees."""
    dem = write_raster("dem.tif", hills(height))
    degrees = slope_of(*horn(hills(height), 10))
    slope = write_raster("slope.tif", FROM_DEGREES[stated](degrees))
    if stated == "degrees":
        np.testing.assert_array_equal(DEM(dem, GRID, slope).read(GRID.whole)[1], degrees)
        return
    with pytest.raises(
        TerrainError, match=rf"looks like {stated}; expected degrees, so convert it \(gdal_calc"
    ) as error:
        DEM(dem, GRID, slope)
    formula = str(error.value).split("--calc='")[1].split("'")[0]
    given = {"A": FROM_DEGREES[stated](degrees), "degrees": np.degrees, "arctan": np.arctan}
    np.testing.assert_allclose(eval(formula, given), degrees, rtol=1e-4)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.6])
def test_slopes_of_another_dem_are_degrees_still(write_raster, factor: float) -> None:
    scatter = np.exp(np.random.default_rng(0).normal(0, 0.3, (150, 170)))
    degrees = np.minimum(slope_of(*horn(hills(40), 10)) * factor * scatter, 89)
    with DEM(write_raster("dem.tif", hills(40)), GRID, write_raster("s.tif", degrees.astype(np.float32))) as dem:
        assert np.isfinite(dem.read(GRID.whole)[1]).all()


def test_gentle_slopes_of_flat_ground_are_degrees(write_raster) -> None:
    flat = plane(150, 170, east=0.005, north=0.001)
    slope = slope_of(*horn(flat, 10))
    with DEM(write_raster("dem.tif", flat), GRID, write_raster("slope.tif", slope)) as dem:
        np.testing.assert_array_equal(dem.read(GRID.whole)[1], slope)


@pytest.mark.parametrize("fill", [-9999, 255, 3.4028235e38])
def test_the_fill_of_a_slope_is_no_slope(write_raster, fill: float) -> None:
    slope = slope_of(*horn(hills(40), 10))
    slope[:, :30] = fill
    with DEM(write_raster("dem.tif", hills(40)), GRID, write_raster("slope.tif", slope)) as dem:
        np.testing.assert_array_equal(np.isfinite(dem.read(GRID.whole)[1]), slope != np.float32(fill))


def test_the_real_slope_of_a_dem_is_degrees(data) -> None:
    folder = data / "iburi_2018"
    with rasterio.open(folder / "dsm.tif") as dataset:
        grid = mapping_grid(Grid(dataset.crs, dataset.transform, *dataset.shape))
    with DEM(folder / "dsm.tif", grid, folder / "slope.tif") as dem:
        assert 20 < np.nanmax(dem.read(grid.whole)[1]) < 90


def test_a_dem_in_feet_is_refused(write_raster) -> None:
    import rasterio

    path = write_raster("dem.tif", plane(150, 170))
    with rasterio.open(path, "r+") as dataset:
        dataset.set_band_unit(1, "US survey foot")
    with pytest.raises(TerrainError, match=r"us survey foot.*metres"):
        DEM(path, GRID)


@pytest.mark.parametrize(("scale", "offset", "dtype"), [(0.1, 0, "int32"), (0.5, 200, "int16"), (1, 100, "float32")])
@pytest.mark.parametrize("holed", [False, True])
def test_scale_and_offset_of_a_dem_are_applied(
    write_raster, scale: float, offset: float, dtype: str, holed: bool
) -> None:
    metres = np.round(plane(150, 170))
    stored = ((metres - offset) / scale).astype(dtype)
    if holed:
        stored[40:80, 40:80] = -32000
    path = write_raster("dem.tif", stored)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (scale,), (offset,)
    with DEM(path, GRID) as dem:
        elevation, _ = dem.read(GRID.whole)
    assert holed == bool(np.isnan(elevation[45:75, 45:75]).all())
    np.testing.assert_allclose(elevation[:35], metres[:35], atol=max(scale, 0.01))


def test_scale_of_a_slope_is_applied(write_raster) -> None:
    elevation = write_raster("dem.tif", plane(150, 170))
    slope = write_raster("slope.tif", np.full((150, 170), 1983, np.int16))
    with rasterio.open(slope, "r+") as dataset:
        dataset.scales = (0.01,)
    with DEM(elevation, GRID, slope) as dem:
        np.testing.assert_allclose(dem.read(GRID.whole)[1], 19.83, atol=1e-4)


@pytest.mark.parametrize(("unit", "metres"), [("dm", 0.1), ("cm", 0.01), ("km", 1000), ("yard", 0.9144)])
def test_a_dem_in_another_unit_is_refused(write_raster, unit: str, metres: float) -> None:
    path = write_raster("dem.tif", (plane(150, 170) / metres).astype(np.float32))
    with rasterio.open(path, "r+") as dataset:
        dataset.units = (unit,)
    with pytest.raises(TerrainError, match=rf"heights in '{unit}'.*-scale 0 1 0 {metres:g} "):
        DEM(path, GRID)


@pytest.mark.parametrize(
    ("times", "said"),
    [(1, ""), (0.001, "99% of the ground is under 0.021° steep"), (8, "half of the ground is over 71° steep")],
)
def test_ground_that_is_too_flat_or_too_steep_is_said(write_raster, times: float, said: str) -> None:
    path = write_raster("dem.tif", (plane(150, 170) - 1000) * np.float32(times))
    with DEM(path, GRID) as dem:
        assert said in " ".join(dem.remarks)
        assert bool(dem.remarks) == bool(said)


def test_a_dem_of_8_bits_is_said_to_look_like_a_picture(write_raster) -> None:
    with DEM(write_raster("dem.tif", (plane(150, 170) / 8).astype(np.uint8)), GRID) as dem:
        assert "has 8 bits" in dem.remarks[0]


def test_zeros_of_a_slope_on_steep_ground_are_unknown(write_raster) -> None:
    elevation = write_raster("dem.tif", plane(150, 170))
    stated = np.full((150, 170), 19, np.float32)
    stated[:60] = 0
    with DEM(elevation, GRID, write_raster("slope.tif", stated)) as dem:
        slope = dem.read(GRID.whole)[1]
        assert "is 0 on 40% of the scene" in dem.remarks[0]
    np.testing.assert_allclose(slope[:60], np.degrees(np.arctan(np.hypot(0.3, 0.2))), atol=0.01)
    np.testing.assert_array_equal(slope[60:], 19)


def test_a_slope_of_other_ground_is_said(write_raster) -> None:
    elevation = write_raster("dem.tif", plane(150, 170))
    with DEM(elevation, GRID, write_raster("slope.tif", np.full((150, 170), 70, np.float32))) as dem:
        assert "differs by 50° from that of the DEM" in dem.remarks[0]


@pytest.mark.filterwarnings("error")
def test_infinite_elevations_are_voids_without_a_warning(write_raster) -> None:
    with DEM(write_raster("dem.tif", collared(np.inf)), GRID) as dem:
        assert np.isnan(dem.read(GRID.whole)[0][:, 120:]).all()

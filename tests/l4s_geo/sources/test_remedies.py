"""What a message says to do works when it is done: its command is run as it stands, and what comes out is read."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC

from l4s_geo.cli.map import main
from l4s_geo.errors import L4SError
from l4s_geo.sources.detect import open_scene
from l4s_geo.sources.names import lacking_driver
from l4s_geo.stack.open import Inputs, open_stack
from support import TRANSFORM, UTM

NAMES = ("B4", "B3", "B2")
RNG = np.random.default_rng(5)
Opener = Callable[..., object]


def scene() -> np.ndarray:
    return RNG.integers(300, 3000, (3, 60, 60)).astype(np.uint16)


def hillside() -> np.ndarray:
    """(60, 60) float32 metres: a slope of 20 degrees to the west."""
    return (500 + 3.64 * np.arange(60, dtype=np.float32) * np.ones((60, 1), np.float32)).astype(np.float32)


def values(path: object, **inputs: object) -> np.ndarray:
    """Raw values of B4, B3, B2 on the mapping grid."""
    with open_stack(Inputs(path, **inputs)) as stack:
        return stack.read_raw(NAMES, stack.grid.whole)


def follow(opener: Callable[[], object], folder: Path, **words: str) -> Path:
    """Let a call fail, run the command that its message names, and return the file which that writes.

    Args:
        opener: what fails.
        folder: where the command runs.
        words: what stands for the words in capitals, and `epsg` for the code.
    """
    with pytest.raises(L4SError) as failure:
        opener()
    message = str(failure.value)
    found = re.search(
        r"\(((?:gdal\w+(?:\.py)?|ogr2ogr) .*?)(?: for centimetres|, with [^()]*)?\)(?: or |,|\.)", message
    )
    assert found, message
    command = found[1].replace("EPSG:…", words.pop("epsg", "EPSG:…"))
    for word, text in words.items():
        command = re.sub(rf"\b{word}\b", text, command)
    parts = shlex.split(command)
    assert not re.search("…|FILE|TILES|WEST|LEFT", command), command
    if shutil.which(parts[0]) is None:
        pytest.skip(f"{parts[0]} is not installed")
    subprocess.run(parts, cwd=folder, check=True, capture_output=True)
    written = [part.removeprefix("--outfile=") for part in parts if re.fullmatch(r"(--outfile=)?\w+\.(tif|gpkg)", part)]
    return folder / written[-1 if parts[0] != "ogr2ogr" else 0]


def test_a_raster_without_crs(write_raster, tmp_path: Path) -> None:
    dn = scene()
    path = write_raster("scene.tif", dn, crs=None, names=NAMES)
    done = follow(lambda: open_scene(path), tmp_path, FILE=str(path), epsg=UTM)
    np.testing.assert_array_equal(values(done), dn)


def test_a_raster_without_position(write_raster, tmp_path: Path) -> None:
    dn = scene()
    path = write_raster("scene.tif", dn, transform=Affine.identity(), names=NAMES)
    (x, y), (right, bottom) = TRANSFORM @ (0, 0), TRANSFORM @ (60, 60)
    corners = {"WEST": f"{x}", "NORTH": f"{y}", "EAST": f"{right}", "SOUTH": f"{bottom}"}
    done = follow(lambda: open_scene(path), tmp_path, FILE=str(path), **corners)
    np.testing.assert_array_equal(values(done), dn)


@pytest.mark.parametrize("crs", [UTM, None])
def test_a_raster_with_ground_control_points_alone(tmp_path: Path, crs: str | None) -> None:
    dn = scene()
    path = tmp_path / "scene.tif"
    points = [GroundControlPoint(r, c, *(TRANSFORM @ (c, r))) for r in (0, 30, 60) for c in (0, 30, 60)]
    with rasterio.open(path, "w", driver="GTiff", dtype="uint16", count=3, height=60, width=60) as dataset:
        dataset.write(dn)
        dataset.descriptions = NAMES
        dataset.gcps = (points, CRS.from_user_input(crs) if crs else CRS())
    done = follow(lambda: open_scene(path), tmp_path, FILE=str(path), epsg=UTM)
    np.testing.assert_array_equal(values(done, bands=NAMES), dn)


def test_a_raster_with_rational_polynomials_alone(tmp_path: Path) -> None:
    """Its pixels of 0.0001° are stated by polynomials of the first degree."""
    path = tmp_path / "scene.tif"
    line = [0.0, 0.0, -1.0, *[0.0] * 17]
    sample = [0.0, 1.0, 0.0, *[0.0] * 17]
    one = [1.0, *[0.0] * 19]
    rpc = RPC(0, 500, 28, 0.003, one, line, 30, 30, 85, 0.003, one, sample, 30, 30, None, None)
    with rasterio.open(path, "w", driver="GTiff", dtype="uint16", count=3, height=60, width=60) as dataset:
        dataset.write(scene())
        dataset.descriptions = NAMES
        dataset.rpcs = rpc
    done = follow(lambda: open_scene(path), tmp_path, FILE=str(path))
    with rasterio.open(done) as dataset:
        left, bottom, right, top = dataset.bounds
    assert (left, bottom, right, top) == pytest.approx((84.997, 27.997, 85.003, 28.003), abs=2e-4)
    assert set(open_scene(done, NAMES).bands) == set(NAMES)


def test_a_rotated_raster(write_raster, tmp_path: Path) -> None:
    dn = np.full((3, 60, 60), 900, np.uint16)
    dn[:, 20:40, 20:40] = 2000
    path = write_raster("scene.tif", dn, transform=TRANSFORM @ Affine.rotation(30), names=NAMES, nodata=0)
    done = follow(lambda: values(path), tmp_path, FILE=str(path))
    got = values(done, bands=NAMES)
    assert np.nanmax(got) == 2000
    assert np.count_nonzero(got[0] == 2000) == pytest.approx(400, rel=0.05)


def test_a_scene_in_local_coordinates(write_raster, tmp_path: Path) -> None:
    dn = scene()
    local = 'LOCAL_CS["WGS 84 / UTM zone 45N",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
    path = write_raster("scene.tif", dn, crs=local, transform=TRANSFORM @ Affine.scale(2), names=NAMES)
    done = follow(lambda: values(path), tmp_path, FILE=str(path), epsg=UTM)
    placed = write_raster("placed_at_once.tif", dn, transform=TRANSFORM @ Affine.scale(2), names=NAMES)
    np.testing.assert_array_equal(values(done), values(placed))
    with pytest.raises(L4SError) as failure:
        values(path)
    command = re.search(r"or resample it \((.*?)\)", str(failure.value))
    assert command
    subprocess.run(shlex.split(command[1].replace("FILE", str(path))), cwd=tmp_path, check=True)
    np.testing.assert_array_equal(
        values(tmp_path / "resampled.tif", bands=NAMES), dn.repeat(2, axis=1).repeat(2, axis=2)
    )


def test_a_dem_in_local_coordinates(write_raster, tmp_path: Path) -> None:
    path = write_raster("scene.tif", scene(), names=NAMES)
    local = 'LOCAL_CS["unnamed",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
    dem = write_raster("dem.tif", hillside(), crs=local)
    done = follow(lambda: values(path, dem=dem), tmp_path, FILE=str(dem), epsg=UTM)
    with open_stack(Inputs(path, dem=done)) as stack:
        np.testing.assert_allclose(stack.read_raw(("DEM",), stack.grid.whole)[0], hillside())


@pytest.mark.parametrize("stated", ["unit", "CRS"])
def test_a_dem_in_feet(write_raster, tmp_path: Path, stated: str) -> None:
    path = write_raster("scene.tif", scene(), names=NAMES)
    crs = UTM if stated == "unit" else f"{UTM}+6360"
    feet = hillside() / np.float32(0.3048)
    feet[:, 50:] = -9999
    dem = write_raster("dem.tif", feet, crs=crs, nodata=-9999)
    if stated == "unit":
        with rasterio.open(dem, "r+") as dataset:
            dataset.units = ("ft",)
    done = follow(lambda: values(path, dem=dem), tmp_path, FILE=str(dem), epsg=UTM)
    with open_stack(Inputs(path, dem=done)) as stack:
        got = stack.read_raw(("DEM",), stack.grid.whole)[0]
    np.testing.assert_allclose(got[:, :49], hillside()[:, :49], rtol=1e-5)
    assert np.isnan(got[:, 51:]).all()


def test_a_dem_in_centimetres(write_raster, tmp_path: Path) -> None:
    path = write_raster("scene.tif", scene(), names=NAMES)
    dem = write_raster("dem.tif", (hillside() * 100).astype(np.int32))
    done = follow(lambda: values(path, dem=dem), tmp_path, FILE=str(dem))
    with open_stack(Inputs(path, dem=done)) as stack:
        np.testing.assert_allclose(stack.read_raw(("DEM",), stack.grid.whole)[0], hillside(), atol=0.011)


@pytest.mark.parametrize("kind", ["percent", "radians", "rise over run"])
def test_a_slope_in_other_units(write_raster, tmp_path: Path, kind: str) -> None:
    degrees = np.full((60, 60), 38.0) * RNG.uniform(0.99, 1.01, (60, 60))
    rise = np.tan(np.deg2rad(degrees))
    stated = {"percent": 100 * rise, "radians": np.deg2rad(degrees), "rise over run": rise}[kind]
    path = write_raster("scene.tif", scene(), names=NAMES)
    dem = write_raster("dem.tif", (500 + 10 * np.tan(np.deg2rad(38)) * np.mgrid[:60, :60][1]).astype(np.float32))
    slope = write_raster("slope.tif", stated.astype(np.float32))
    done = follow(lambda: values(path, dem=dem, slope=slope), tmp_path, FILE=str(slope))
    with open_stack(Inputs(path, dem=dem, slope=done)) as stack:
        np.testing.assert_allclose(stack.read_raw(("slope",), stack.grid.whole)[0], degrees, rtol=1e-4)


def test_hdf5_that_is_no_patch(tmp_path: Path) -> None:
    """Its rasters are given by name; they have neither CRS nor position, which the next messages help with."""
    dn = scene()
    path = tmp_path / "scene.h5"
    with h5py.File(path, "w") as file:
        for name, pixels in zip(("red", "green", "blue"), dn, strict=True):
            file[name] = pixels
    with pytest.raises(L4SError, match=r'no key .img. but blue, green, red; .* as HDF5:"FILE"://NAME'):
        open_scene(path)
    if lacking_driver(f"HDF5:{path}://red"):
        pytest.skip("this GDAL has no driver for HDF5")
    (x, y), (right, bottom) = TRANSFORM @ (0, 0), TRANSFORM @ (60, 60)
    corners = {"WEST": f"{x}", "NORTH": f"{y}", "EAST": f"{right}", "SOUTH": f"{bottom}"}
    files = {}
    for name, band in zip(("red", "green", "blue"), NAMES, strict=True):
        here = f'HDF5:"{path}"://{name}'
        done = follow(lambda here=here: open_scene({"B4": here}), tmp_path, FILE=shlex.quote(here), epsg=UTM)
        done = done.rename(tmp_path / f"{name}_utm.tif")
        done = follow(lambda done=done: open_scene({"B4": done}), tmp_path, FILE=str(done), **corners)
        files[band] = done.rename(tmp_path / f"{band}.tif")
    np.testing.assert_array_equal(values(files), dn)


def test_a_raster_of_several_bands_for_one(write_raster, tmp_path: Path) -> None:
    dn = scene()
    path = write_raster("scene.tif", dn, names=NAMES)
    done = follow(lambda: open_scene({"B4": path}), tmp_path, FILE=str(path))
    with open_stack(Inputs({"B4": done})) as stack:
        np.testing.assert_array_equal(stack.read_raw(("B4",), stack.grid.whole)[0], dn[0])
    dem = write_raster("dem.tif", np.stack([hillside(), hillside()]))
    done = follow(lambda: values(path, dem=dem), tmp_path, FILE=str(dem))
    with open_stack(Inputs(path, dem=done)) as stack:
        np.testing.assert_array_equal(stack.read_raw(("DEM",), stack.grid.whole)[0], hillside())


def test_bands_that_a_bundle_lacks(write_raster, red_bundle: Path, tmp_path: Path) -> None:
    dn = scene()
    path = write_raster("scene.tif", dn[:2], names=NAMES[:2])
    files = {band: write_raster(f"{band}.tif", pixels) for band, pixels in zip(NAMES, dn, strict=True)}
    how = ["--bundle", str(red_bundle), "--out", str(tmp_path / "slides.gpkg")]
    lacking = CliRunner().invoke(main, [str(path), *how])
    hint = re.search(r"in place of the scene, ((?:--band \w+=FILE ?)+)\)", lacking.output)
    assert hint, lacking.output
    options = re.sub(r"(\w+)=FILE", lambda match: f"{match[1]}={files[match[1]]}", hint[1]).split()
    done = CliRunner().invoke(main, [*options, *how])
    assert done.exit_code == 0, done.output


def test_bands_in_different_crs(write_raster, tmp_path: Path) -> None:
    dn = scene()
    red = write_raster("red.tif", dn[0])
    green = tmp_path / "green.tif"
    from rasterio.shutil import copy
    from rasterio.vrt import WarpedVRT

    with rasterio.open(write_raster("green_utm.tif", dn[1])) as source, WarpedVRT(source, crs="EPSG:4326") as warped:
        copy(warped, green, driver="GTiff")
    done = follow(lambda: open_scene({"B4": red, "B3": green}), tmp_path, FILE=str(green), epsg=UTM)
    (x, y), (right, bottom) = TRANSFORM @ (0, 0), TRANSFORM @ (60, 60)
    corners = {"LEFT": f"{x}", "BOTTOM": f"{bottom}", "RIGHT": f"{right}", "TOP": f"{y}"}
    done = follow(lambda: open_scene({"B4": red, "B3": done}), tmp_path, FILE=str(done), **corners)
    assert set(open_scene({"B4": red, "B3": done}).bands) == {"B4", "B3"}


def test_tiles_that_do_not_fit(write_raster, tmp_path: Path) -> None:
    dn = scene()
    write_raster("tiles/a.tif", dn[:, :, :30])
    write_raster("tiles/b.tif", dn[:, :, 30:].astype(np.int16), transform=TRANSFORM @ Affine.translation(30, 0))
    tiles = [str(tmp_path / "tiles" / name) for name in ("a.tif", "b.tif")]
    done = follow(lambda: open_scene(str(tmp_path / "tiles" / "*.tif"), NAMES), tmp_path, TILES=" ".join(tiles))
    np.testing.assert_array_equal(values(done, bands=NAMES), dn)


@pytest.mark.parametrize("use", ["aoi", "mask"])
def test_coordinates_of_utm_in_geojson_without_crs(write_raster, tmp_path: Path, use: str) -> None:
    import json

    path = write_raster("scene.tif", scene(), names=NAMES)
    left, bottom, right, top = 300_100, 3_099_600, 300_300, 3_099_900
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {}, "geometry": geometry}
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with pytest.raises(L4SError, match="says that these are degrees, as GeoJSON without crs does"):
        values(path, **{use: area})
    done = follow(lambda: values(path, **{use: area}), tmp_path, FILE=str(area), epsg=UTM)
    with open_stack(Inputs(path, **{use: done})) as stack:
        inside = (stack.area if use == "aoi" else stack.masks[0]).read(stack.grid.whole)
    assert inside.sum() == 20 * 30
    assert inside[10:40, 10:30].all()


def test_polygons_without_crs(write_raster, tmp_path: Path) -> None:
    path = write_raster("scene.tif", scene(), names=NAMES)
    area = tmp_path / "area.shp"
    gpd.GeoDataFrame(geometry=[shapely.box(300_100, 3_099_600, 300_300, 3_099_900)]).to_file(area)
    done = follow(lambda: values(path, aoi=area), tmp_path, FILE=str(area), epsg=UTM)
    with open_stack(Inputs(path, aoi=done)) as stack:
        assert stack.area is not None
        assert stack.area.read(stack.grid.whole).sum() == 20 * 30

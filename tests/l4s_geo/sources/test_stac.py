"""STAC items of three catalogues, read from files and from a local HTTP server that misbehaves on request."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from l4s_geo.bands import scale_of
from l4s_geo.errors import BandError, SceneError
from l4s_geo.grid import Window
from l4s_geo.sources.geotiff import open_band_files
from l4s_geo.sources.http import http_options
from l4s_geo.sources.stac import is_stac, open_stac
from l4s_geo.stack.stack import Stack
from stac_items import NAMES, SIZE, copernicus, earth_search, item_of, planetary_computer, write_item

SIDE = {10: 192, 20: 96, 60: 32}
CANONICAL = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B11", "B12"]


def write_cog(path: Path, seed: int, resolution: int, base: int = 0) -> None:
    """Write a small Cloud Optimized GeoTIFF with noise, so that it cannot be compressed to nothing."""
    side = SIDE[resolution]
    values = np.random.default_rng(seed).integers(base + 1, base + 4000, (side, side), dtype=np.uint16)
    profile = {"crs": "EPSG:32645", "transform": Affine(resolution, 0, 300_000, 0, -resolution, 3_100_000)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="COG", dtype="uint16", count=1, height=side, width=side, nodata=0, blocksize=128, **profile
    ) as file:
        file.write(values, 1)


def write_bands(folder: Path, base: int = 0) -> dict[str, Path]:
    """Write all bands of a Level-2A scene; return the files of the ones that are used, by canonical name."""
    files = {}
    for seed, name in enumerate(NAMES):
        path = folder / f"{name}.tif"
        write_cog(path, seed, SIZE.get(name, 20), base)
        if name != "B8A":
            files[f"B{int(name[1:])}"] = path
    write_cog(folder / "SCL.tif", 99, 20)
    return files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("item.json", True),
        ("/data/S2A.GeoJSON", True),
        ("https://host/collections/sentinel-2-l2a/items/S2A_39QTA_20230628_0_L2A", True),
        ("https://host/items/S2A.SAFE?sig=a.tif", True),
        ("http://host/item.json?x=1", True),
        ("https://host/scene.tif", False),
        ("https://host/scene.TIFF?sig=1", False),
        ("/vsicurl/https://host/item.json", False),
        ("scene.tif", False),
        ("folder", False),
        ("s3://bucket/item", False),
    ],
)
def test_items_are_told_by_their_name(text, expected):
    assert is_stac(text) is expected
    assert is_stac(Path("item.json"))


@pytest.mark.parametrize("build", [earth_search, planetary_computer, copernicus])
def test_the_stack_read_over_http_is_that_of_the_files(server, tmp_path, build):
    files = write_bands(tmp_path, base=1000)
    write_item(tmp_path / "item.json", build())
    scene = open_stac(f"{server.url}/item.json")
    assert set(scene.bands) == {*CANONICAL, "B8A"}
    assert scene.units == "dn"
    assert scene.grid.shape == (192, 192)
    assert scene.classes is not None
    assert scene.classes.path == f"/vsicurl/{server.url}/SCL.tif"
    assert all(ref.path.startswith(f"/vsicurl/{server.url}/B") for ref in scene.bands.values())
    offset = 0 if build is earth_search else -1000
    assert {(ref.index, ref.scale, ref.offset) for ref in scene.bands.values()} == {(1, 1.0, offset)}

    with Stack(open_band_files(files), units="dn") as plain:
        window = plain.grid.whole
        expected = plain.read(CANONICAL, window)
    with rasterio.Env(**http_options()), Stack(scene) as remote:
        values = remote.read(CANONICAL, window)
    if offset:
        per_dn = 1 / scale_of(CANONICAL)[:, None, None]
        np.testing.assert_allclose(values, expected + offset * per_dn, rtol=1e-5, atol=1e-5)
        with Stack(open_stac(tmp_path / "item.json")) as same:
            expected = same.read(CANONICAL, window)
    np.testing.assert_array_equal(values, expected)


def test_what_the_item_says_of_the_product_is_kept(tmp_path):
    write_bands(tmp_path)
    said = {}
    for build in (earth_search, planetary_computer, copernicus):
        found = open_stac(write_item(tmp_path / "item.json", build())).acquisition
        said[build] = found.product
        assert (found.level, found.baseline) == ("L2A", "05.09")
        assert found.acquired == "2023-06-28T06:59:12.345000Z"
    assert said[earth_search] == said[copernicus] == "S2A_MSIL2A_20230628T065631_N0509_R063_T39QTA_20230628T101500"
    assert open_stac(tmp_path / "item.json").name == copernicus()["id"]


@pytest.mark.parametrize(
    ("item", "offset", "units"),
    [
        (earth_search(True), 0.0, "dn"),
        (earth_search(False), -1000.0, "dn"),
        (earth_search(None), -1000.0, "dn"),
        (planetary_computer("02.12"), 0.0, "dn"),
        (planetary_computer("04.00"), -1000.0, "dn"),
        (planetary_computer(None), 0.0, None),
        (copernicus(), -1000.0, "dn"),
    ],
)
def test_the_offset_is_taken_off_exactly_once(tmp_path, item, offset, units):
    write_bands(tmp_path)
    scene = open_stac(write_item(tmp_path / "item.json", item))
    assert {(ref.scale, ref.offset) for ref in scene.bands.values()} == {(1.0, offset)}
    assert scene.units == units


def test_the_baseline_is_read_from_the_products_name_if_nowhere_else(tmp_path):
    write_bands(tmp_path)
    item = planetary_computer(None)
    item["properties"]["s2:product_uri"] = "S2A_MSIL2A_20230628T065631_N0400_R063_T39QTA_20230628T101500.SAFE"
    scene = open_stac(write_item(tmp_path / "item.json", item))
    assert scene.acquisition.baseline == "04.00"
    assert scene.bands["B2"].offset == -1000


def test_other_scales_become_digital_numbers(tmp_path):
    for name in ("a.tif", "b.tif"):
        write_cog(tmp_path / name, 1, 10)
    assets = {
        "first": {"href": "a.tif", "bands": [{"eo:common_name": "red", "raster:scale": 2e-05, "raster:offset": -0.2}]},
        "second": {"href": "b.tif", "eo:bands": [{"common_name": "swir16"}], "raster:bands": [{"scale": 1}]},
    }
    scene = open_stac(write_item(tmp_path / "item.json", item_of("x", "c", {}, assets)))
    assert {b: (r.scale, r.offset) for b, r in scene.bands.items()} == {"B4": (0.2, -2000.0), "B11": (10000.0, 0.0)}
    assert scene.units == "dn"


def test_jpeg_2000_is_the_second_choice(tmp_path):
    write_bands(tmp_path)
    item = earth_search()
    item["assets"]["blue-jp2"]["href"] = "B02.jp2"
    (tmp_path / "B02.tif").rename(tmp_path / "B02.jp2")
    path = write_item(tmp_path / "item.json", item)
    with pytest.raises(SceneError, match=r"band B2 .*B02\.tif does not exist"):
        open_stac(path)
    del item["assets"]["blue"]
    assert open_stac(write_item(path, item)).bands["B2"].path == str(tmp_path / "B02.jp2")


def test_8a_and_composites_are_no_band_of_ours(tmp_path):
    assets = earth_search()["assets"]
    only = item_of("x", "c", {}, {key: assets[key] for key in ("nir08", "visual")})
    with pytest.raises(BandError, match=r"no asset that is a single band .*its assets: nir08, visual"):
        open_stac(write_item(tmp_path / "item.json", only))


def test_s3_addresses_are_read_from_the_endpoint_that_is_set(server, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_S3_ENDPOINT", server.url.removeprefix("http://"))
    for name, value in (("AWS_HTTPS", "NO"), ("AWS_VIRTUAL_HOSTING", "FALSE"), ("AWS_NO_SIGN_REQUEST", "YES")):
        monkeypatch.setenv(name, value)
    write_cog(tmp_path / "eodata" / "S2" / "B04_10m.tif", 1, 10)
    assets = {band: {"href": f"s3://eodata/S2/{band}.tif"} for band in ("B03_10m", "B04_10m")}
    path = write_item(tmp_path / "item.json", item_of("x", "c", {}, assets))
    with pytest.raises(SceneError, match=r"Asset B03_10m .* at /vsis3/eodata/S2/B03_10m\.tif .*AWS_S3_ENDPOINT"):
        open_stac(path)
    del assets["B03_10m"]
    scene = open_stac(write_item(path, item_of("x", "c", {}, assets)))
    assert scene.bands["B4"].path == "/vsis3/eodata/S2/B04_10m.tif"


@pytest.mark.parametrize(
    ("href", "remote", "local"),
    [
        ("/vsizip/etc/x.zip/b.tif", False, True),
        ("file:///etc/b.tif", False, True),
        ("ftp://host/b.tif", False, False),
        ("HDF5:/etc/x.h5://b", False, False),
        ("gs://bucket/b.tif", False, False),
        ("//[bad/b.tif", False, False),
    ],
)
def test_an_item_from_the_web_reaches_no_other_file_system(server, tmp_path, href, remote, local):
    item = item_of("x", "c", {}, {"red": {"href": href}})
    path = write_item(tmp_path / "item.json", item)
    refused = r"Asset red of the STAC item .* refers to .*; expected an image at an http\(s\) or s3 address"
    for address, allowed in ((f"{server.url}/item.json", remote), (path, local)):
        with pytest.raises(SceneError) as caught:
            open_stac(address)
        assert bool(re.search(refused, str(caught.value))) is not allowed


def test_file_addresses_in_a_local_item_are_paths(tmp_path):
    write_cog(tmp_path / "a b.tif", 1, 10)
    item = item_of("x", "c", {}, {"red": {"href": (tmp_path / "a b.tif").as_uri()}})
    assert open_stac(write_item(tmp_path / "item.json", item)).bands["B4"].path == str(tmp_path / "a b.tif")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a STAC item"),
        ('{"type": "FeatureCollection", "features": []}', "'FeatureCollection'.*one item"),
        ('{"type": "Feature", "properties": {}}', "is not a STAC item"),
        ('{"type": "Feature", "properties": {"platform": "landsat-8"}, "assets": {}}', "landsat-8; expected a Sent"),
        ('{"type": "Feature", "properties": {}, "assets": {"red": 1, "B4": {"href": 2, "roles": [{}]}}}', "no asset"),
        (" " * (2**24 + 1), "larger than 16 MiB"),
    ],
)
def test_documents_that_are_no_item_are_refused_from_file_and_web(server, tmp_path, content, message):
    path = tmp_path / "item.json"
    path.write_text(content)
    for address in (path, f"{server.url}/item.json?sig=secret"):
        with pytest.raises(SceneError, match=message) as caught:
            open_stac(address)
        assert "secret" not in str(caught.value)


def test_a_missing_item_is_reported(server, tmp_path):
    with pytest.raises(SceneError, match=r"cannot be read \(No such file"):
        open_stac(tmp_path / "none.json")
    with pytest.raises(SceneError, match=r"HTTP status 404 Not Found, attempt 1 of 3"):
        open_stac(f"{server.url}/none.json")


@pytest.mark.parametrize("fault", ["503", "429", "close", "reset", "cut", "hang"])
def test_an_item_is_asked_for_again_after_faults_that_may_pass(server, tmp_path, fault):
    write_cog(tmp_path / "a.tif", 1, 10)
    write_item(tmp_path / "item.json", item_of("x", "c", {}, {"red": {"href": "a.tif"}}))
    server.faults["item.json"] = (fault, 1)
    assert list(open_stac(f"{server.url}/item.json").bands) == ["B4"]
    assert server.requests["item.json"] == 2


@pytest.mark.parametrize("fault", ["503", "reset", "cut", "hang"])
def test_an_item_that_never_comes_is_reported(server, tmp_path, fault):
    write_item(tmp_path / "item.json", earth_search())
    server.faults["item.json"] = (fault, 99)
    with pytest.raises(SceneError, match=r"cannot be fetched \(.+, attempt 3 of 3\); check"):
        open_stac(f"{server.url}/item.json")
    assert server.requests["item.json"] == 3


def test_a_redirect_leads_to_no_file(server, tmp_path):
    write_item(tmp_path / "item.json", earth_search())
    server.faults["item.json"] = ("302", 9)
    server.headers["item.json"] = {"Location": "file:///etc/hostname"}
    with pytest.raises(SceneError, match="cannot be fetched"):
        open_stac(f"{server.url}/item.json")


@pytest.mark.parametrize("fault", ["503", "close", "reset", "hang"])
def test_an_asset_is_asked_for_again_after_faults_that_may_pass(server, tmp_path, fault):
    write_bands(tmp_path)
    write_item(tmp_path / "item.json", planetary_computer())
    server.faults["B03.tif"] = (fault, 1)
    assert set(open_stac(f"{server.url}/item.json").bands) == {*CANONICAL, "B8A"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("404", "404"),
        ("503", "503"),
        ("403", "403"),
        ("reset", "reset by peer"),
        ("close", "Empty reply"),
        ("hang", ""),
    ],
)
def test_an_asset_that_cannot_be_had_is_named_with_its_address(server, tmp_path, fault, reason):
    write_bands(tmp_path)
    write_item(tmp_path / "item.json", planetary_computer(signature="?st=2023&sig=secret"))
    server.faults["B11.tif"] = (fault, 99)
    expected = (
        rf"Asset B11 of the STAC item S2A_MSIL2A_\w+ cannot be opened at {server.url}/B11\.tif \(.*{reason}.*; exp"
    )
    with pytest.raises(SceneError, match=expected) as caught:
        open_stac(f"{server.url}/item.json")
    assert "secret" not in str(caught.value)


def test_a_connection_that_always_breaks_within_a_file_is_reported(server, tmp_path):
    write_bands(tmp_path)
    write_item(tmp_path / "item.json", planetary_computer())
    scene = open_stac(f"{server.url}/item.json")
    server.faults["B04.tif"] = ("cut", 10**6)
    with rasterio.Env(**http_options()), pytest.raises(SceneError, match=r"B04\.tif"), Stack(scene) as stack:
        stack.read(["B4"], stack.grid.whole)


def test_a_file_can_be_read_again_after_its_connection_broke(server, tmp_path):
    files = write_bands(tmp_path)
    write_item(tmp_path / "item.json", earth_search())
    scene = open_stac(f"{server.url}/item.json")
    with Stack(open_band_files({"B4": files["B4"]}), units="dn") as plain:
        expected = plain.read(["B4"], plain.grid.whole)
    with rasterio.Env(**http_options()):
        server.faults["B04.tif"] = ("cut", 10**6)
        with Stack(scene) as stack, pytest.raises(SceneError):
            stack.read(["B4"], stack.grid.whole)
        server.faults.clear()
        with Stack(scene) as stack:
            np.testing.assert_array_equal(stack.read(["B4"], stack.grid.whole), expected)


def test_half_a_jpeg_2000_file_is_an_error_and_not_an_image(server, tmp_path):
    write_cog(tmp_path / "B04.tif", 1, 10)
    with rasterio.open(tmp_path / "B04.tif") as source:
        tiled = {"driver": "JP2OpenJPEG", "quality": 100, "reversible": True, "blockxsize": 64, "blockysize": 64}
        profile = {key: source.profile[key] for key in ("dtype", "count", "height", "width", "crs", "transform")}
        with rasterio.open(tmp_path / "B04.jp2", "w", **profile, **tiled) as file:
            file.write(source.read())
    item = item_of("x", "c", {"processing:version": "02.12"}, {"B04_10m": {"href": "B04.jp2", "type": "image/jp2"}})
    write_item(tmp_path / "item.json", item)
    scene = open_stac(f"{server.url}/item.json")
    with rasterio.Env(**http_options()):
        with Stack(scene) as stack:
            assert np.isfinite(stack.read(["B4"], stack.grid.whole)).all()
        with Stack(scene) as stack:
            server.faults["B04.jp2"] = ("cut", 10**6)
            with pytest.raises(SceneError, match=r"B04\.jp2"):
                stack.read(["B4"], stack.grid.whole)


@pytest.mark.parametrize("fault", ["cut", "close", "reset", "503", "hang"])
def test_a_connection_that_breaks_within_a_file_is_made_again(server, tmp_path, fault):
    files = write_bands(tmp_path)
    write_item(tmp_path / "item.json", earth_search())
    scene = open_stac(f"{server.url}/item.json")
    with Stack(open_band_files({"B4": files["B4"]}), units="dn") as plain:
        expected = plain.read(["B4"], plain.grid.whole)
    with rasterio.Env(**http_options()), Stack(scene) as stack:
        stack.read(["B4"], Window(0, 0, 1, 1))
        server.requests.clear()
        server.faults["B04.tif"] = (fault, 2)
        np.testing.assert_array_equal(stack.read(["B4"], stack.grid.whole), expected)
        assert server.requests["B04.tif"] > 2

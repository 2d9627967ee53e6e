"""What the public APIs answer, as their documentation has it, and how their images are reached."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import rasterio
import shapely

from l4s_geo.errors import EventError, SceneError, TerrainError
from l4s_geo.events import apis, scene_search, stac_search
from l4s_geo.events.apis import APIS, check_credentials
from l4s_geo.events.candidate import candidate_of
from l4s_geo.events.scene_search import Settings, search_scenes
from l4s_geo.grid import Grid, Window
from l4s_geo.sources import http, signing
from l4s_geo.sources.stac import band_paths, elevation_file, is_item, open_stac
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.open import gdal_settings
from l4s_geo.stack.stack import Stack
from loopback import QUICK, Server
from stac_items import item_of, write_item

FIXTURES = Path(__file__).with_name("fixtures")
AREA = shapely.box(141.8, 42.6, 141.95, 42.9)
EVENT = date(2018, 9, 6)
SCL = {
    "earth-search": "/vsicurl/https://sentinel-cogs.s3.us-west-2.amazonaws.com/",
    "planetary-computer": "/vsicurl/https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/",
    "cdse": "/vsis3/eodata/Sentinel-2/MSI/",
}


class Documented:
    """Answers as an API does by its documentation."""

    def __init__(self, name: str) -> None:
        self.answers = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
        self.asked: list[str] = []

    def __call__(self, api: str, address: str) -> str:
        self.asked.append(address)
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        if not parts.path.endswith("/search"):
            return json.dumps(self.answers["landing"])
        kind = "elevation" if "dem" in query["collections"][0] else "scenes"
        return json.dumps(self.answers[kind][1 if {"token", "next"} & set(query) else 0])


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Documented]:
    documented = Documented(request.param)
    monkeypatch.setattr(stac_search, "_answer", documented)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_S3_ENDPOINT", "eodata.dataspace.copernicus.eu")
    return request.param, documented


def test_scenes_and_elevations_of_each_api_are_understood(api, monkeypatch: pytest.MonkeyPatch):
    name, documented = api
    read: list[str] = []

    def clear(path: str, ground: Any) -> tuple[Any, Any]:
        read.append(path)
        return ground.inside, ground.inside

    monkeypatch.setattr(scene_search, "read_classes", clear)
    found = search_scenes(AREA, EVENT, EVENT, Settings(api=name), ("after", "dem"))
    assert [(choice.tile, str(choice.date)) for choice in found.scenes] == [
        ("54TWN", "2018-09-10"),
        ("54TWN", "2018-09-15"),
    ]
    assert len(found.chosen("after")) == 1
    assert all(path.startswith(SCL[name]) and "SCL" in path for path in read)
    assert found.scenes[0].scene.startswith(f"{APIS[name].url}/collections/sentinel-2-l2a/items/S2B_")
    assert found.dem == (
        f"{APIS[name].url}/collections/{APIS[name].elevation}/items/Copernicus_DSM_COG_10_N42_00_E141_00_DEM",
    )
    assert is_item(found.dem[0])
    asked = parse_qs(urlsplit(documented.asked[1]).query)
    assert asked["datetime"] == ["2018-09-07T00:00:00Z/2018-11-05T23:59:59Z"]
    assert ("query" in asked) == (name != "cdse")
    if name == "earth-search":  # the same picture of two baselines
        assert found.scenes[0].name == "S2B_54TWN_20180910_1_L2A"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("earth-search", "/vsicurl/https://copernicus-dem-30m.s3.amazonaws.com/Copernicus_DSM_COG_10_N42"),
        ("planetary-computer", "/vsicurl/https://elevationeuwest.blob.core.windows.net/copernicus-dem/COP30_hh/Coper"),
        ("cdse", "/vsis3/eodata/auxdata/CopDEM_COG/copernicus-dem-30m/Copernicus_DSM_COG_10_N42"),
    ],
)
def test_elevations_are_read_from_the_file_of_their_item(name: str, expected: str, tmp_path: Path):
    item = Documented(name).answers["elevation"][0]["features"][0]
    assert elevation_file(write_item(tmp_path / "dem.json", item)).startswith(expected)


def test_an_item_without_one_file_of_elevations_is_refused(tmp_path: Path):
    item = item_of(
        "x", "c", {}, {"a": {"href": "a.tif", "type": "image/tiff"}, "b": {"href": "b.tif", "type": "image/tiff"}}
    )
    with pytest.raises(SceneError, match=r"has 2 GeoTIFFs that may be elevations \(its assets: a, b\)"):
        elevation_file(write_item(tmp_path / "dem.json", item))


def test_an_item_that_says_too_little_is_no_candidate():
    assert candidate_of({"id": "x", "properties": {}, "geometry": None, "assets": {}}, "https://x.org") is None
    assert candidate_of({"id": "x"}, "https://x.org") is None


def test_addresses_of_the_planetary_computer_are_signed_by_its_package(server: Server, monkeypatch: pytest.MonkeyPatch):
    import planetary_computer
    from planetary_computer.settings import Settings as Own

    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    folder = server.root / "sentinel2l2a01"
    folder.mkdir()
    (folder / "sentinel2-l2").write_text(json.dumps({"msft:expiry": until, "token": "st=1&se=2&sp=rl&sig=SECRET"}))
    monkeypatch.setattr(Own.get(), "sas_url", server.url)
    planetary_computer.sas.TOKEN_CACHE.clear()
    path = "/vsicurl/https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/54/SCL.tif"
    assert signing.signed(path) == f"{path}?st=1&se=2&sp=rl&sig=SECRET"
    assert signing.signed("/vsicurl/https://example.org/SCL.tif") == "/vsicurl/https://example.org/SCL.tif"
    assert signing.signed("scene.tif") == "scene.tif"
    planetary_computer.sas.TOKEN_CACHE.clear()
    monkeypatch.setattr(Own.get(), "sas_url", f"{server.url}/nowhere")
    with pytest.raises(TerrainError, match=r"could not be signed \(HTTPError\); check the connection") as caught:
        signing.signed(path, TerrainError)
    assert "SECRET" not in str(caught.value)


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "planetary_computer", None)
    with pytest.raises(SceneError, match=r"needs the extra planetary \(pip install 'l4s-geo\[planetary\]'\)"):
        signing.signed("https://elevationeuwest.blob.core.windows.net/copernicus-dem/x.tif")
    monkeypatch.setattr(apis, "find_spec", lambda name: None)
    with pytest.raises(EventError, match="install the extra planetary"):
        search_scenes(AREA, EVENT, EVENT, Settings(api="planetary-computer"))


def test_a_signature_that_expires_while_a_scene_is_read_is_renewed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    values = np.random.default_rng(3).integers(1, 3000, (512, 512), dtype=np.uint16)
    grid = rasterio.Affine(10, 0, 300_000, 0, -10, 3_100_000)
    options = {"crs": "EPSG:32645", "transform": grid, "tiled": True, "blockxsize": 64, "blockysize": 64}
    for band in ("B02", "B03", "B04"):
        with rasterio.open(
            server.root / f"{band}.tif", "w", driver="GTiff", dtype="uint16", count=1, height=512, width=512, **options
        ) as file:
            file.write(values, 1)
    assets = {band: {"href": f"{server.url}/{band}.tif"} for band in ("B02", "B03", "B04")}
    item = write_item(tmp_path / "item.json", item_of("x", "c", {}, assets))
    server.signature = "sig=1"

    def sign(path: str, error: type[Exception] = SceneError) -> str:
        return f"{path}?{server.signature}" if server.url in path else path

    monkeypatch.setattr("l4s_geo.sources.rasters.signed", sign)
    scene = open_stac(item)
    assert "sig=" not in " ".join(ref.path for ref in scene.bands.values())
    bands = ("B2", "B3", "B4")
    with Stack(scene, None, "dn") as stack:
        stack.read(bands, Window(0, 0, 64, 64))
        server.signature = "sig=2"  # the first is good for nothing from here on
        there = stack.read(bands, Window(384, 384, 64, 64))
    with Stack(open_stac(item), None, "dn") as fresh:
        np.testing.assert_array_equal(there, fresh.read(bands, Window(384, 384, 64, 64)))
    assert {"sig=1", "sig=2"} <= set(server.queries)


@pytest.mark.parametrize("kind", ["signature", "connection", "refusal"])
def test_elevations_are_read_on_after_a_signature_expires_or_a_connection_breaks(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr(http, "HTTP", QUICK)
    rows = np.mgrid[:1200, :1200][0]
    values = (500 + 3.0 * rows + np.random.default_rng(4).normal(0, 2, rows.shape)).astype(np.float32)
    values[600:640, 600:640] = -32768  # a hole that no tag states
    place = rasterio.Affine(10, 0, 300_000, 0, -10, 3_100_000)
    options = {"crs": "EPSG:32645", "transform": place, "tiled": True, "blockxsize": 64, "blockysize": 64}
    with rasterio.open(
        server.root / "dem.tif", "w", driver="GTiff", dtype="float32", count=1, height=1200, width=1200, **options
    ) as file:
        file.write(values, 1)
    server.signature = "sig=1"
    monkeypatch.setattr(
        "l4s_geo.sources.rasters.signed",
        lambda path, error=SceneError: f"{path}?{server.signature}" if server.url in path else path,
    )
    grid = Grid(rasterio.crs.CRS.from_string("EPSG:32645"), place, 1200, 1200)
    window = Window(560, 560, 128, 128)
    with gdal_settings(1), DEM(server.root / "dem.tif", grid) as local:
        expected = local.read(window)
    with gdal_settings(1), DEM(f"{server.url}/dem.tif", grid) as dem:
        if kind == "signature":
            server.signature = "sig=2"
        else:
            server.faults["dem.tif"] = ("cut", server.requests["dem.tif"] + 1)
        if kind == "refusal":
            server.faults["dem.tif"] = ("403", 10_000)
            with pytest.raises(TerrainError, match=r"DEM http://127\S+/dem\.tif") as caught:
                dem.read(window)
            assert "sig=" not in str(caught.value)
            return
        for got, wanted in zip(dem.read(window), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_credentials_may_stand_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_NO_SIGN_REQUEST"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "credentials").write_text("[default]\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    check_credentials("/vsis3/bucket/x.tif")
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    check_credentials("/vsis3/bucket/x.tif")
    check_credentials("/vsicurl/https://example.org/x.tif")


def test_the_help_of_commands_needs_no_client_of_stac():
    code = "import sys, l4s_geo.cli.event_search, l4s_geo.cli.export; print([m for m in sys.modules if 'pystac' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_bands_of_an_item_are_those_that_its_scene_has():
    item = Documented("cdse").answers["scenes"][0]["features"][0]
    assert set(band_paths(item, APIS["cdse"].url)) == {"B4", "SCL"}
    assert band_paths(item, APIS["cdse"].url)["B4"].endswith("_B04_10m.jp2")


def test_elevations_of_an_item_that_is_none_end_in_the_error_of_terrain(tmp_path: Path):
    (tmp_path / "dem.json").write_text("{}")
    with pytest.raises(TerrainError, match=r"dem\.json is not a STAC item"):
        DEM(tmp_path / "dem.json", None)

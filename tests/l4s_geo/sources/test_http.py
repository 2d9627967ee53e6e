"""How patient reads over HTTP are, with hosts that ask for patience and with hosts that abuse it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio

from l4s_geo.errors import SceneError
from l4s_geo.grid import Window
from l4s_geo.progress import Silent, heard
from l4s_geo.sources import http
from l4s_geo.sources.geotiff import open_band_files
from l4s_geo.sources.http import fetch, http_options
from l4s_geo.sources.rasters import opened
from l4s_geo.sources.stac import open_stac
from l4s_geo.stack.stack import Stack
from loopback import QUICK, Server, serving
from stac_items import item_of, write_item

Waits = Callable[..., list[float]]


@pytest.fixture
def waits(monkeypatch) -> Waits:
    """Return a function that makes waiting take no time, and returns the list of the seconds that were waited.

    `after` is called at each wait.
    """

    def begin(after: Callable[[], object] = lambda: None) -> list[float]:
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            if seconds > 0:
                waited.append(seconds)
                after()

        monkeypatch.setattr(http.time, "sleep", sleep)
        return waited

    return begin


@pytest.fixture
def red(server: Server, write_raster) -> str:
    """The address of a band of 300 × 300 pixels."""
    values = np.random.default_rng(0).integers(300, 3000, (300, 300)).astype(np.uint16)
    write_raster("red.tif", values, tiled=True, blockxsize=128, blockysize=128)
    return f"{server.url}/red.tif"


@pytest.mark.parametrize("code", ["429", "503"])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_host_that_asks_for_a_wait_gets_it(server, tmp_path, waits, caplog, code, form):
    (tmp_path / "a.json").write_text("{}")
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=4), usegmt=True)
    server.faults["a.json"] = (code, 1)
    server.headers["a.json"] = {"Retry-After": "4" if form == "seconds" else until}
    waited = waits()
    with caplog.at_level(logging.WARNING):
        assert fetch(f"{server.url}/a.json?sig=SECRET")[0] == b"{}"
    asked = max(waited)
    assert asked == 4 if form == "seconds" else 0 < asked <= 4
    assert f"Waiting {asked:.0f} s, as the host of {server.url}/a.json asks for" in caplog.messages


def test_a_host_that_asks_for_more_than_is_waited_has_refused(server, tmp_path, waits):
    (tmp_path / "a.json").write_text("{}")
    server.faults["a.json"] = ("503", 9)
    server.headers["a.json"] = {"Retry-After": "99999"}
    waited = waits()
    with pytest.raises(SceneError, match=r"HTTP status 503 .*, with the request to wait 99999 s, attempt 1 of 3"):
        fetch(f"{server.url}/a.json")
    assert waited == []
    assert server.requests["a.json"] == 1


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e9", "Wed, 99 Nov 2026 00:00:00 GMT", "0"])
def test_a_request_that_says_nothing_changes_nothing(server, tmp_path, waits, value):
    (tmp_path / "a.json").write_text("{}")
    server.faults["a.json"] = ("503", 2)
    server.headers["a.json"] = {"Retry-After": value}
    waited = waits()
    assert fetch(f"{server.url}/a.json")[0] == b"{}"
    assert waited == [QUICK.delay, 2 * QUICK.delay]


@pytest.mark.parametrize("fault", ["drip", "drip header", "hang"])
def test_a_document_that_drips_is_given_up(server, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(http, "HTTP", replace(QUICK, retries=1, item=1, stalled=5))
    (tmp_path / "a.json").write_text(" " * 10_000)
    server.faults["a.json"] = (fault, 9)
    with pytest.raises(SceneError, match=r"not complete after 1 s, attempt 2 of 2"):
        fetch(f"{server.url}/a.json")


@pytest.mark.parametrize("code", ["429", "503"])
def test_a_raster_is_opened_after_the_wait_that_its_host_asks_for(server, red, waits, caplog, code):
    server.faults["red.tif"] = (code, 10**6)
    server.headers["red.tif"] = {"Retry-After": "4"}
    waited = waits(server.faults.clear)
    with rasterio.Env(**http_options()), opened(red, "scene") as dataset:
        assert dataset.shape == (300, 300)
    assert waited == [4]
    assert f"Waiting 4 s, as the host of {red} asks for" in caplog.messages


def test_a_raster_whose_host_always_asks_for_a_wait_is_given_up(server, red, waits):
    server.faults["red.tif"] = ("503", 10**6)
    server.headers["red.tif"] = {"Retry-After": "4"}
    waited = waits()
    with rasterio.Env(**http_options()), pytest.raises(SceneError, match="503"), opened(red, "scene"):
        pass
    assert waited == [4] * QUICK.retries
    server.headers["red.tif"] = {"Retry-After": "99999"}
    with rasterio.Env(**http_options()), pytest.raises(SceneError, match="503"), opened(red, "scene"):
        pass
    assert waited == [4] * QUICK.retries


def test_pixels_are_read_after_the_wait_that_their_host_asks_for(server, red, tmp_path, waits):
    with Stack(open_band_files({"B4": tmp_path / "red.tif"}), units="dn") as plain:
        expected = plain.read(["B4"], plain.grid.whole)
    with rasterio.Env(**http_options()), Stack(open_band_files({"B4": red}), units="dn") as stack:
        server.faults["red.tif"] = ("503", 10**6)
        server.headers["red.tif"] = {"Retry-After": "4"}
        waited = waits(server.faults.clear)
        np.testing.assert_array_equal(stack.read(["B4"], stack.grid.whole), expected)
        assert 4 in waited


def test_a_file_that_fails_for_too_long_is_not_tried_again(server, red, monkeypatch):
    with rasterio.Env(**http_options()), Stack(open_band_files({"B4": red}), units="dn") as stack:
        stack.read(["B4"], Window(0, 0, 1, 1))
        monkeypatch.setattr(http, "HTTP", replace(QUICK, retries=10**6, read=0))
        server.faults["red.tif"] = ("500", 10**6)
        with pytest.raises(SceneError, match=r"red\.tif cannot be read over the network"):
            stack.read(["B4"], stack.grid.whole)


def test_gdal_keeps_to_the_limits():
    options = http_options()
    limits = http.HTTP
    assert options["GDAL_HTTP_TIMEOUT"] == str(limits.request)
    assert options["GDAL_HTTP_LOW_SPEED_LIMIT"] == str(limits.slowest)
    assert options["GDAL_HTTP_LOW_SPEED_TIME"] == str(limits.stalled)
    assert options["GDAL_VRT_ENABLE_PYTHON"] == "NO"


def test_a_password_goes_to_its_host_alone(server, tmp_path, write_raster):
    write_raster("B04.tif", np.full((8, 8), 900, np.uint16))
    write_item(tmp_path / "item.json", item_of("x", "c", {}, {"red": {"href": "B04.tif"}}))
    server.password = "me:p@ss word"
    address = server.url.replace("//", "//me:p%40ss%20word@")
    scene = open_stac(f"{address}/item.json")
    with opened(scene.bands["B4"].path, "scene") as dataset:
        assert (dataset.read(1) == 900).all()
    with pytest.raises(SceneError, match="HTTP status 401") as caught:
        fetch(f"{server.url}/item.json")
    assert "word" not in str(caught.value)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.json").write_text("{}")
    with serving(tmp_path / "other") as other:
        server.faults["item.json"] = ("302", 10**6)
        server.headers["item.json"] = {"Location": f"{other.url}/a.json"}
        raw, base = fetch(f"{address}/item.json")
        assert (raw, base) == (b"{}", f"{other.url}/a.json")
        assert other.passwords == [None]


def test_what_is_waited_for_is_heard():
    lines: list[str] = []

    class Ears(Silent):
        def say(self, text: str) -> None:
            lines.append(text)

    with heard(Ears()):
        logging.getLogger(http.__name__).warning("Waiting %d s", 5)
    logging.getLogger(http.__name__).warning("Waiting %d s", 6)
    assert lines == ["Waiting 5 s"]


def test_an_address_with_a_blank_or_of_another_protocol_is_refused(tmp_path: Path):
    for given in ("https://host/a b.tif?sig=SECRET", "gopher://host/a.tif?sig=SECRET"):
        with pytest.raises(
            SceneError, match=r"cannot be read \(.*\); expected the path of a file, or an add"
        ) as caught:
            open_band_files({"B4": given})
        assert "SECRET" not in str(caught.value)

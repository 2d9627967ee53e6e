"""Searches of a STAC API on this machine, over COGs that a server hands out by ranges."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely

from l4s_geo.errors import EventError
from l4s_geo.events import scene_search
from l4s_geo.events.event_file import new_event, read_event
from l4s_geo.events.ground import ground_of, read_classes
from l4s_geo.events.scene_search import Settings, search, search_scenes
from l4s_geo.progress import Silent
from l4s_geo.sources import http
from l4s_geo.stack.dem import DEM
from loopback import QUICK, Server
from searched_scenes import METRES, add_elevation, add_scene, degrees, write_cog
from stac_api import stac_api

EVENT = date(2018, 9, 6)
AREA = shapely.box(*degrees(0.2, 0.2, 0.8, 0.8))
SCENES = "sentinel-2-l2a"


@contextmanager
def serving(tmp_path: Path, items: list[dict[str, Any]], dem: list[dict[str, Any]] | None = None) -> Iterator[Any]:
    with stac_api(tmp_path / "catalogue", {SCENES: items, "cop-dem-glo-30": dem or []}) as (url, faulty):
        yield url, faulty


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HTTP", QUICK)


def found(url: str, area: shapely.Geometry = AREA, wanted=("before", "after"), **settings: Any):
    return search_scenes(area, EVENT, EVENT, Settings(api=url, **settings), wanted)


def names(choices) -> list[str]:
    return [choice.name.split("_")[2] for choice in choices]


def test_a_search_takes_the_clearest_scenes_of_the_area_and_writes_them_into_the_file(server: Server, tmp_path: Path):
    root = server.root
    items = [
        add_scene(root, server.url, "2018-09-02", cloudy=0.3),
        add_scene(root, server.url, "2018-08-08"),
        add_scene(root, server.url, "2018-09-12", cloudy=0.9),
        add_scene(root, server.url, "2018-09-17", cloudy=0.1),
        add_scene(root, server.url, "2018-09-06"),  # the day of the event
        add_scene(root, server.url, "2018-12-20"),  # later than searched
    ]
    event = tmp_path / "iburi.yaml"
    new_event(event, area=[round(side, 4) for side in AREA.bounds], date="2018-09-06", trigger="earthquake")
    event.write_text(event.read_text().replace("trigger: earthquake", "trigger: earthquake  # M 6.6"))
    with serving(tmp_path, items, [add_elevation(root, server.url)]) as (url, _):
        result = search(event, api=url)
    read = read_event(event)
    assert names(result.chosen("before")) == ["20180808"]
    assert names(result.chosen("after")) == ["20180917"]
    assert read.before[0].facts == {"date": "2018-08-08", "tile": "54TWN", "clear": 1.0, "by": "SCL"}
    assert read.after[0].source.endswith("S2A_54TWN_20180917_0_L2A.json")
    assert read.dem[0].endswith("Copernicus_DSM_COG_10_N42_00_E141_00_DEM.json")
    assert "# M 6.6" in event.read_text()


def test_the_clear_share_is_that_of_the_area_and_not_of_the_scene(server: Server, tmp_path: Path):
    # West half under cloud: the west of the area sees nothing, its east everything.
    items = [add_scene(server.root, server.url, "2018-09-12", cloudy=0.5)]
    with serving(tmp_path, items) as (url, _):
        east = found(url, shapely.box(*degrees(0.6, 0.2, 0.9, 0.8)), ["after"]).scenes[0]
        both = found(url, shapely.box(*degrees(0.3, 0.2, 0.7, 0.8)), ["after"]).scenes[0]
        with pytest.raises(EventError, match=r"^All 1 scenes of tile 54TWN after .* shows 0% of it"):
            found(url, shapely.box(*degrees(0.1, 0.2, 0.4, 0.8)), ["after"])
    assert east.clear == 1
    assert both.clear == pytest.approx(0.5, abs=0.02)


def test_only_the_part_of_a_classification_over_the_area_is_read_and_coarsely(server: Server, tmp_path: Path):
    side = 4000
    values = np.random.default_rng(1).integers(4, 8, (side, side), dtype=np.uint8)
    write_cog(server.root / "SCL.tif", values, 20)
    size = (server.root / "SCL.tif").stat().st_size
    sent = count_bytes(server)
    west, south, *_ = degrees()
    area = shapely.box(west, south, west + 0.2, south + 0.1)
    read_classes(f"/vsicurl/{server.url}/SCL.tif", ground_of(area))
    assert 0 < sent() < size / 20


def count_bytes(server: Server):
    """Count what the server sends from here on, by the ranges asked for."""
    before = len(server.ranges)
    return lambda: sum(last - first + 1 for first, last in server.ranges[before:])


def test_what_was_read_coarsely_agrees_with_the_whole_classification(server: Server):
    rng = np.random.default_rng(2)
    values = np.kron(rng.integers(0, 12, (24, 24)), np.ones((16, 16))).astype(np.uint8)
    write_cog(server.root / "SCL.tif", values, 20)
    ground = ground_of(shapely.box(*degrees(0.1, 0.1, 0.9, 0.9)))
    seen, clear = read_classes(str(server.root / "SCL.tif"), ground)
    cut = values[38:346, 38:346]
    masked = np.isin(cut, (0, 1, 3, 8, 9, 10, 11))
    assert ground.share(seen) == pytest.approx((cut > 0).mean(), abs=0.02)
    assert ground.share(clear) == pytest.approx((~masked).mean(), abs=0.02)


def test_before_scenes_of_the_same_season_are_preferred(server: Server, tmp_path: Path):
    items = [
        add_scene(server.root, server.url, "2018-03-01"),
        add_scene(server.root, server.url, "2017-09-20", cloudy=0.25),  # 6 % of the area
        add_scene(server.root, server.url, "2018-09-12"),
    ]
    with serving(tmp_path, items) as (url, _):
        best = found(url, most=1)
    assert names(best.chosen("before")) == ["20170920"]


def test_scenes_are_added_while_they_show_ground_that_the_others_do_not(server: Server, tmp_path: Path):
    items = [
        add_scene(server.root, server.url, "2018-09-12", cloudy=0.5),
        add_scene(server.root, server.url, "2018-09-17", cloudy=0.55),
        add_scene(server.root, server.url, "2018-09-22", at=(-0.5 * METRES, 0)),
    ]
    with serving(tmp_path, items) as (url, _):
        both = found(url, wanted=["after"])
    # The second shows nothing that the first does not; the third shows the west.
    assert sorted(names(both.chosen("after"))) == ["20180912", "20180922"]


def test_an_area_in_two_tiles_gets_scenes_of_both(server: Server, tmp_path: Path):
    items = [
        add_scene(server.root, server.url, "2018-09-12", tile="54TWN"),
        add_scene(server.root, server.url, "2018-09-12", tile="54TXN", at=(METRES, 0)),
        add_scene(server.root, server.url, "2018-09-12", tile="54TXM", at=(METRES, -0.85 * METRES)),
    ]
    west, south, _, _ = degrees(0.5, 0.3)
    _, _, east, north = degrees(0, 0, 1.5, 0.8)
    with serving(tmp_path, items) as (url, _):
        two = found(url, shapely.box(west, south, east, north), ["after"])
    assert sorted(choice.tile for choice in two.chosen("after")) == ["54TWN", "54TXN"]


def test_a_picture_under_two_names_is_taken_once(server: Server, tmp_path: Path):
    items = [
        add_scene(server.root, server.url, "2018-09-12", number=0, baseline="02.08"),
        add_scene(server.root, server.url, "2018-09-12", number=1, baseline="05.00"),
    ]
    with serving(tmp_path, items) as (url, _):
        assert [choice.name for choice in found(url, wanted=["after"]).scenes] == ["S2A_54TWN_20180912_1_L2A"]


def test_without_a_classification_the_cloud_cover_counts_and_it_is_said(server: Server, tmp_path: Path):
    items = [add_scene(server.root, server.url, "2018-09-12", cover=20, classes=False)]
    with serving(tmp_path, items) as (url, _):
        result = found(url, wanted=["after"])
    assert (result.scenes[0].clear, result.scenes[0].by) == (pytest.approx(0.8), "eo:cloud_cover")
    assert "1 of 1 scenes of tile 54TWN are ranked by the cloud cover of the whole scene" in result.notes[0]


def test_a_classification_that_cannot_be_read_is_said_and_the_cloud_cover_counts(server: Server, tmp_path: Path):
    items = [add_scene(server.root, server.url, "2018-09-12", cover=20)]
    server.faults["SCL.tif"] = ("403", 1000)
    with serving(tmp_path, items) as (url, _):
        result = found(url, wanted=["after"])
    assert result.scenes[0].by == "eo:cloud_cover"
    assert "SCL.tif" in result.notes[0]


def test_all_pages_are_read(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from l4s_geo.events import stac_search

    monkeypatch.setattr(stac_search, "_PAGE", 2)
    items = [add_scene(server.root, server.url, f"2018-09-{day}", cloudy=0.5) for day in (10, 12, 14, 16, 18)]
    items[-1] = add_scene(server.root, server.url, "2018-09-19")
    with serving(tmp_path, items) as (url, faulty):
        result = found(url, wanted=["after"])
    assert len(result.scenes) == 5
    assert names(result.chosen("after")) == ["20180919"]
    assert (
        len([request for request in faulty.requests if request.startswith("/search")]) >= 2
    )  # its second page is longer


@pytest.mark.parametrize("fault", ["429", "503", "cut"])
def test_a_refusal_that_may_pass_is_waited_for(server: Server, tmp_path: Path, fault: str):
    with serving(tmp_path, [add_scene(server.root, server.url, "2018-09-12")]) as (url, faulty):
        faulty.faults["/search"] = (fault, 1)
        faulty.headers = {"retry-after": "1"} if fault == "429" else {}
        assert names(found(url, wanted=["after"]).chosen("after")) == ["20180912"]
    assert len([request for request in faulty.requests if request.startswith("/search")]) == 2


@pytest.mark.parametrize(
    ("fault", "headers", "message"),
    [
        ("429", {"retry-after": "600"}, r"/search\S* cannot be fetched \(HTTP status 429 .* wait 600 s, attempt 1"),
        ("403", {}, r"cannot be fetched \(HTTP status 403 Forbidden, attempt 1 of 3\); check the address"),
        ("cut", {}, r"cannot be fetched \(.*attempt 3 of 3\)"),
        ("html", {}, r"answers with something that is not JSON \('<!doctype html><title>Sign in"),
        ("hang", {}, r"cannot be fetched \((timed out|not complete after 1 s|.*time)"),
    ],
)
def test_an_api_that_fails_ends_the_search_with_one_sentence(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, headers: dict[str, str], message: str
):
    monkeypatch.setattr(http, "HTTP", http.HttpLimits(retries=2, delay=0.02, connect=1, stalled=1, item=1, asked=5))
    event = tmp_path / "iburi.yaml"
    new_event(event, area=[round(side, 4) for side in AREA.bounds], date="2018-09-06", trigger="earthquake")
    before = event.read_text()
    with serving(tmp_path, [add_scene(server.root, server.url, "2018-09-12")]) as (url, faulty):
        faulty.faults["/search"] = (fault, 100)
        faulty.headers = headers
        with pytest.raises(EventError, match=message) as caught:
            search(event, api=url)
    assert "?" not in str(caught.value)
    assert event.read_text() == before


def test_a_server_that_is_down_is_named(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EventError, match=rf"^http://127\.0\.0\.1:{port}.* cannot be fetched \(.*refused"):
        found(f"http://127.0.0.1:{port}")


def test_an_address_that_is_no_stac_api_is_named(server: Server):
    (server.root / "index.json").write_text('{"type": "Feature"}')
    with pytest.raises(EventError, match=r"^The address http://127.*index.json does not answer as a STAC API does"):
        found(f"{server.url}/index.json")


def test_no_scene_found_says_where_and_when_was_looked(server: Server, tmp_path: Path):
    with serving(tmp_path, [add_scene(server.root, server.url, "2018-08-08")]) as (url, _):
        with pytest.raises(EventError, match=r"^No scene of the area in the 60 days after 2018-09-06 is in the coll"):
            found(url)
        result = found(url, wanted=["before"])
    assert names(result.chosen("before")) == ["20180808"]


def test_all_scenes_cloudy_names_the_clearest(server: Server, tmp_path: Path):
    items = [add_scene(server.root, server.url, f"2018-09-{day}", cloudy=1, cover=60) for day in (12, 17)]
    with serving(tmp_path, items) as (url, _), pytest.raises(EventError, match=r"^All 2 scenes .* the clearest, S2A_"):
        found(url, wanted=["after"])


def test_cloudier_scenes_than_asked_for_are_left_aside(server: Server, tmp_path: Path):
    items = [
        add_scene(server.root, server.url, "2018-09-12", cover=70),
        add_scene(server.root, server.url, "2018-09-17"),
    ]
    with serving(tmp_path, items) as (url, _):
        assert names(found(url, wanted=["after"], cloud=50).scenes) == ["20180917"]


def test_what_an_api_answers_beyond_what_was_asked_for_is_left_aside(server: Server, monkeypatch: pytest.MonkeyPatch):
    items = [
        add_scene(server.root, server.url, "2018-09-12"),
        add_scene(server.root, server.url, "2018-09-06"),  # the day of the event
        add_scene(server.root, server.url, "2019-09-12"),  # too late
        add_scene(server.root, server.url, "2018-09-17", cover=95),  # too cloudy
        add_scene(server.root, server.url, "2018-09-22", at=(3 * METRES, 0)),  # elsewhere
    ]
    monkeypatch.setattr(scene_search, "search_items", lambda *asked: items)
    assert names(found(server.url, wanted=["after"]).scenes) == ["20180912"]


def test_scenes_of_the_user_stay(server: Server, tmp_path: Path):
    event = tmp_path / "iburi.yaml"
    area = [round(side, 4) for side in AREA.bounds]
    new_event(event, area=area, date="2018-09-06", trigger="earthquake", before=["mine.tif"], dem=["mine_dem.tif"])
    with serving(tmp_path, [add_scene(server.root, server.url, "2018-09-12")]) as (url, _):
        search(event, api=url)
        read = read_event(event)
        assert read.before[0].source == str(tmp_path / "mine.tif")
        assert read.dem == (str(tmp_path / "mine_dem.tif"),)
        with pytest.raises(EventError, match=r"expected something to search for.*--replace"):
            search(event, api=url)


def test_credentials_that_are_missing_are_named(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_NO_SIGN_REQUEST", "AWS_S3_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    item = add_scene(server.root, server.url, "2018-09-12")
    item["assets"]["scl"]["href"] = "s3://eodata/Sentinel-2/MSI/SCL_20m.jp2"
    with serving(tmp_path, [item]) as (url, _), pytest.raises(EventError) as caught:
        found(url, wanted=["after"])
    assert "bucket eodata in S3, and the environment has no AWS_ACCESS_KEY_ID and no AWS_S3_ENDPOINT" in str(
        caught.value
    )
    assert "eodata-s3keysmanager.dataspace.copernicus.eu" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_no_signature_reaches_the_event_file(server: Server, tmp_path: Path):
    item = add_scene(server.root, server.url, "2018-09-12")
    item["assets"]["scl"]["href"] += "?sig=SECRET"
    event = tmp_path / "iburi.yaml"
    new_event(event, area=[round(side, 4) for side in AREA.bounds], date="2018-09-06", trigger="earthquake")
    with serving(tmp_path, [item, add_scene(server.root, server.url, "2018-08-08")]) as (url, _):
        search(event, api=url, download=tmp_path / "kept")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "catalogue" not in path.parts]
    assert not [path for path in written if b"SECRET" in path.read_bytes()]
    assert "sig=SECRET" in server.queries


def test_no_password_of_an_api_is_stored_or_said(server: Server, tmp_path: Path):
    class Ear(Silent):
        said = ""

        def say(self, text: str) -> None:
            self.said += text

    event, ear = tmp_path / "iburi.yaml", Ear()
    new_event(event, area=[round(side, 4) for side in AREA.bounds], date="2018-09-06", trigger="earthquake")
    with serving(tmp_path, [add_scene(server.root, server.url, "2018-09-12")]) as (url, faulty):
        address = url.replace("://", "://somebody:hunter2@")
        result = search(event, api=address, reporter=ear)
        faulty.faults["/search"] = ("403", 9)
        with pytest.raises(EventError) as caught:
            search(event, api=address, replace=True)
    assert len(result.chosen("after")) == 1
    assert "hunter2" not in event.read_text() + ear.said + str(caught.value) + str(result)


@pytest.mark.parametrize(
    ("area", "days"),
    [(shapely.Polygon(), (EVENT, EVENT)), (shapely.Point(1, 1), (EVENT, EVENT)), (AREA, (EVENT, date(2018, 9, 5)))],
)
def test_an_area_without_ground_and_days_in_the_wrong_order_are_refused(
    area: shapely.Geometry, days: tuple[date, date]
):
    with pytest.raises(EventError, match=r"^The area is \w+ and the days are 2018"):
        search_scenes(area, *days)


def test_a_download_keeps_the_part_of_the_area_with_the_same_values(server: Server, tmp_path: Path):
    from l4s_geo.sources.stac import open_stac

    bands = ("B02", "B04", "B11")
    items = [
        add_scene(server.root, server.url, "2018-09-12", bands=bands),
        add_scene(server.root, server.url, "2018-08-08", bands=bands),
    ]
    area = shapely.box(*degrees(0.4, 0.4, 0.6, 0.6))
    event = tmp_path / "iburi.yaml"
    new_event(event, area=[round(side, 4) for side in area.bounds], date="2018-09-06", trigger="earthquake")
    with serving(tmp_path, items, [add_elevation(server.root, server.url)]) as (url, _):
        search(event, api=url, download=tmp_path / "kept")
    read = read_event(event)
    assert "scene: kept/" in event.read_text()
    scene = open_stac(read.after[0].source)
    assert set(scene.bands) == {"B2", "B4", "B11"}
    # A fifth of 768 pixels and what its box in degrees has more, 128 on each side, cut at borders of 60 m.
    assert all(154 + 256 <= side <= 432 and side % 6 == 0 for side in scene.grid.shape)
    for name, ref in scene.bands.items():
        source = server.root / "S2A_54TWN_20180912_0_L2A" / f"B{int(name[1:]):02d}.tif"
        with rasterio.open(ref.path) as copy, rasterio.open(source) as whole:
            window = whole.window(*copy.bounds)
            assert copy.res == whole.res
            np.testing.assert_array_equal(copy.read(1), whole.read(1, window=window))
    dem = DEM(read.dem, scene.grid)
    assert dem.covered == 1


def test_elevations_are_read_from_items_as_from_their_files(server: Server, tmp_path: Path):
    item = add_elevation(server.root, server.url)
    with serving(tmp_path, [], [item]) as (url, _):
        from l4s_geo.grid import Grid, Window

        result = search_scenes(AREA, EVENT, EVENT, Settings(api=url), ["dem"])
        grid = Grid(
            rasterio.crs.CRS.from_string("EPSG:32654"), rasterio.Affine(10, 0, 561_000, 0, -10, 4_739_000), 64, 64
        )
        with DEM(result.dem, grid) as remote, DEM(server.root / f"{item['id']}.tif", grid) as local:
            for one, other in zip(remote.read(Window(0, 0, 64, 64)), local.read(Window(0, 0, 64, 64)), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api": "earthsearch"}, "There is no STAC API 'earthsearch'; did you mean earth-search?"),
        ({"api": "ftp://x"}, "expected earth-search, planetary-computer, cdse, or an http"),
        ({"before_days": 0}, "The search is to go 0 days before the event; expected 1 to 3660"),
        ({"cloud": 101}, "The cloud cover 101 is no percentage"),
        ({"most": 0}, "A search for 0 scenes of a tile finds nothing"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(EventError) as caught:
        search_scenes(AREA, EVENT, EVENT, Settings(**settings))
    assert message in str(caught.value)


def test_an_api_that_leads_to_this_machine_is_not_followed(monkeypatch: pytest.MonkeyPatch):
    from l4s_geo.events import stac_search

    monkeypatch.setattr(http, "is_inner", lambda url: "127.0.0.1" in url)
    with pytest.raises(EventError, match=r"is not to be followed: it leads from the web to 127\.0\.0\.1"):
        stac_search._answer("https://example.org/v1", "http://127.0.0.1:8000/search")


def test_an_api_that_repeats_itself_is_left(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from l4s_geo.events import stac_search

    with serving(tmp_path, [add_scene(server.root, server.url, "2018-09-12")]) as (url, _):
        answer = stac_search._answer

        def again(api: str, asked: str) -> str:
            if "/search" not in asked:
                return answer(api, asked)
            page = json.loads(answer(api, f"{url}/search?collections={SCENES}"))
            return json.dumps({**page, "links": [{"rel": "next", "href": f"{url}/search?token=more"}]})

        monkeypatch.setattr(stac_search, "_answer", again)
        with pytest.raises(EventError, match="answers with the same page again and again"):
            found(url, wanted=["after"])

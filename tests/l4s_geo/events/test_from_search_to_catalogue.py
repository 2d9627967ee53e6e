"""An event from its file to a catalogue: searched, mapped over the network, described, exported."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pystac
import pytest
import rasterio
import shapely

import l4s_geo
from l4s_geo import events
from l4s_geo.events.event_file import new_event
from l4s_geo.sources import http
from loopback import QUICK, Server
from searched_scenes import add_elevation, add_scene, degrees
from stac_api import stac_api

BANDS = ("B02", "B03", "B04")


def brighten(root: Path, scene: str) -> None:
    """Give a scene a bright square of 30 × 30 pixels, which the bundle takes for a landslide, in the middle."""
    for band in BANDS:
        path = root / scene / f"{band}.tif"
        with rasterio.open(path) as file:
            values, profile = file.read(1), file.profile
        values[:] = 900
        values[360:390, 360:390] = 3000
        path.unlink()
        with rasterio.open(path, "w", **{**profile, "driver": "GTiff"}) as file:
            file.write(values, 1)


@pytest.mark.parametrize("kept", [False, True], ids=["over the network", "downloaded"])
def test_what_was_searched_is_mapped_described_and_exported(
    server: Server, tmp_path: Path, red_bundle: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
):
    monkeypatch.setattr(http, "HTTP", QUICK)
    item = add_scene(server.root, server.url, "2018-09-17", bands=BANDS)
    brighten(server.root, item["id"])
    event = tmp_path / "iburi.yaml"
    area = [round(side, 4) for side in shapely.box(*degrees(0.35, 0.35, 0.65, 0.65)).bounds]
    new_event(event, area=area, date="2018-09-06", trigger="earthquake", bundle=str(red_bundle), before=[])
    collections = {"sentinel-2-l2a": [item], "cop-dem-glo-30": [add_elevation(server.root, server.url)]}
    with stac_api(tmp_path / "catalogue", collections) as (url, _):
        found = events.search(event, api=url, download=tmp_path / "kept" if kept else None)
        if kept:
            server.faults = dict.fromkeys((f"{band}.tif" for band in BANDS), ("403", 10_000))
        ran = l4s_geo.map_event(event)
    assert "no scene of the area in the 365 days before" in " ".join(found.notes)
    assert not ran.failed
    landslides = gpd.read_file(ran.merged)
    assert landslides["area_m2"].sum() == pytest.approx(90_000, rel=0.2)
    assert np.isfinite(landslides["slope_mean_deg"]).all()
    collection = pystac.Collection.from_file(str(events.describe(event)))
    assert collection.validate()
    assert {"iburi-gpkg", "units-54TWN-2018-09-17-gpkg"} <= {item.id for item in collection.get_items()}
    assert all(item.validate() for item in collection.get_items())
    events.export(ran.merged, out=tmp_path / "coolr.gpkg", schema="coolr")
    exported = gpd.read_file(tmp_path / "coolr.gpkg", layer="points")
    assert set(exported["event_date"]) == {"2018-09-06"}
    assert set(exported["landslide_trigger"]) == {"earthquake"}
    assert set(exported["event_title"]) == {"iburi"}

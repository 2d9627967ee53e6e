"""What a user says of the event becomes attributes."""

from __future__ import annotations

from pathlib import Path

import pyogrio
import pytest

from l4s_geo import map_scene
from l4s_geo.errors import OutputError
from l4s_geo.inventory.event import Event
from l4s_geo.inventory.table import EVENT_COLUMNS, EVENT_DTYPES

SCENE = Path(__file__).parents[3] / "sample_scenes" / "valley.tif"


@pytest.mark.parametrize("day", ["", "2018-09-06", "2018-09-05/2018-09-06"])
def test_a_day_or_two(day):
    assert Event(event_date=day).columns() == {"event": "", "event_date": day, "trigger": ""}
    assert list(Event().columns()) == [column.name for column in EVENT_COLUMNS][:3]


@pytest.mark.parametrize("day", ["2018", "6.9.2018", "2018-09-31", "20180906", "2018-09-06/2018-09-05", "a/b/c", "/"])
def test_what_is_no_date(day):
    with pytest.raises(OutputError, match="is no date"):
        Event(event_date=day)


def test_what_cannot_be_an_attribute():
    with pytest.raises(OutputError, match=r"event .* cannot be an attribute"):
        Event(event="two\nlines")
    with pytest.raises(OutputError, match=r"trigger .* cannot be an attribute"):
        Event(trigger="x" * 201)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".parquet", ".shp"])
def test_every_format_holds_them(tmp_path, suffix):
    out = tmp_path / f"o{suffix}"
    told = {"event": "Iburi", "event_date": "2018-09-06", "trigger": "earthquake"}
    frame = map_scene(SCENE, out=out, aoi="421000,3086500,423500,3089000", **told)
    assert len(frame) > 0
    assert {name: set(frame[name]) for name in told} == {name: {value} for name, value in told.items()}
    if suffix == ".parquet":
        return
    read = pyogrio.read_dataframe(out)
    short = {"event_date": "event_day"} if suffix == ".shp" else {}
    found = {name: {str(value)[:10] for value in read[short.get(name, name)]} for name in told}
    assert found == {name: {value} for name, value in told.items()}  # a date of GeoJSON is read as one


def test_without_an_event_there_is_no_such_column():
    frame = map_scene(SCENE, aoi="421000,3086500,423500,3089000")
    assert not set(EVENT_DTYPES) & set(frame.columns)

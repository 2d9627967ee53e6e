"""The event file: what it says is read and checked, and what is written into it leaves the rest alone."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
import yaml

from l4s_geo import defaults, map_scene
from l4s_geo.errors import EventError, OutputError
from l4s_geo.events.area import area_of
from l4s_geo.events.event_file import (
    OPTIONS,
    Event,
    EventScene,
    change_event,
    new_event,
    read_event,
)

WHOLE = """\
# An event.
name: iburi
area: [141.8, 42.6, 142.2, 42.9]   # around Atsuma
date: [2018-09-05, 2018-09-07]
trigger: earthquake
type: shallow landslide
scenes:
  before:
    - before/*.SAFE     # by hand
  after:
    - {scene: after/a.tif, date: 2018-09-15, clear: 0.93}
    - https://example.org/items/S2B_54TWN
search: {api: https://example.org/stac, cloud: 40}
dem: [north.tif, /data/south.tif]
bundle: rgb-fast
options:
  min-area: 1000
  tta: flips
  crf: off
  mask: water.gpkg
  probability: true
out: results
"""
LEAST = "name: iburi\narea: [141.8, 42.6, 142.2, 42.9]\ndate: 2018-09-06\ntrigger: earthquake\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "iburi.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_that_a_file_says_is_read(tmp_path):
    event = read_event(written(tmp_path, WHOLE))
    assert event == Event(
        path=tmp_path / "iburi.yaml",
        name="iburi",
        area=(141.8, 42.6, 142.2, 42.9),
        first=date(2018, 9, 5),
        last=date(2018, 9, 7),
        trigger="earthquake",
        type="shallow landslide",
        before=(EventScene(f"{tmp_path}/before/*.SAFE"),),
        after=(
            EventScene(f"{tmp_path}/after/a.tif", {"date": "2018-09-15", "clear": 0.93}),
            EventScene("https://example.org/items/S2B_54TWN"),
        ),
        search={"api": "https://example.org/stac", "cloud": 40.0},
        dem=(f"{tmp_path}/north.tif", "/data/south.tif"),
        bundle="rgb-fast",
        options={
            "min_area": 1000.0,
            "tta": "flips",
            "crf": "off",
            "mask": f"{tmp_path}/water.gpkg",
            "probability": True,
        },
        out=tmp_path / "results",
    )


def test_what_is_left_out_has_defaults(tmp_path):
    event = read_event(written(tmp_path, LEAST))
    assert (event.before, event.after, event.dem, event.options, event.type) == ((), (), (), {}, "")
    assert event.bundle == defaults.BUNDLE
    assert event.out == tmp_path / "iburi"
    assert event.days == "2018-09-06"


def test_the_days_between_an_event_and_a_scene(tmp_path):
    event = read_event(written(tmp_path, WHOLE))
    days = (date(2018, 9, 1), date(2018, 9, 5), date(2018, 9, 7), date(2018, 9, 17))
    assert [event.away(day) for day in days] == [4, 0, 0, 10]
    assert event.days == "2018-09-05/2018-09-07"


def test_a_path_of_a_bundle_counts_from_the_file_and_a_name_is_a_name(tmp_path):
    (tmp_path / "mine").mkdir()
    assert read_event(written(tmp_path, LEAST + "bundle: mine\n")).bundle == str(tmp_path / "mine")
    assert read_event(written(tmp_path, LEAST + "bundle: rgb\n")).bundle == "rgb"


TOMORROW = (datetime.now(UTC) + timedelta(days=3)).date()
BOX = "[141.8, 42.6, 142.2, 42.9]"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: iburi", "nmae: iburi", "the unknown key 'nmae'; did you mean name?"),
        ("name: iburi", "name: iburi\nqqqq: 3", "the unknown key 'qqqq'; the keys are name, area"),
        ("name: iburi\n", "", "has no name"),
        ("trigger: earthquake\n", "", "has no trigger"),
        ("trigger: earthquake\n", "trigger:\n", "has no trigger"),
        ("trigger: earthquake", "trigger: [a, b]", "trigger is ['a', 'b']; expected one line of text"),
        ("name: iburi", "name: a/b", "name is 'a/b'; expected a name that files can have"),
        ("name: iburi", "name: .b", "expected a name that files can have"),
        ("date: 2018-09-06", "date: 2018-13-06", "date is '2018-13-06'; expected a day of the calendar"),
        ("date: 2018-09-06", "date: 2018-9-6", "date is '2018-9-6'; expected a day"),
        ("date: 2018-09-06", "date: 20180906", "date is 20180906; expected a day"),
        ("date: 2018-09-06", "date: 2018-09-06T03:00:00Z", "expected a day"),
        ("date: 2018-09-06", "date: [2018-09-06, 2018-09-05]", "ends on 2018-09-05 and begins on 2018-09-06"),
        ("date: 2018-09-06", "date: []", "has 0 days"),
        ("date: 2018-09-06", f"date: {TOMORROW}", f"is {TOMORROW}, which is still to come"),
        (BOX, "[142.2, 42.6, 141.8, 42.9]", "crosses the date line, or west and east are mixed up"),
        (BOX, "[141.8, 42.9, 142.2, 42.6]", "holds no ground"),
        (BOX, "[141.8, 42.6, 141.8, 42.9]", "holds no ground"),
        (BOX, "[141.8, 42.6, 142.2]", "expected [west, south, east, north]"),
        (BOX, "[500000, 4700000, 510000, 4710000]", "longitudes from -180 to 180"),
        (BOX, "[141.8, 42.6, .nan, 42.9]", "expected a number"),
        (BOX, "[-20, -35, 52, 37]", "million km², more than a continent"),
        ("trigger:", "scenes: {befor: []}\ntrigger:", "scenes has the unknown key 'befor'; did you mean before?"),
        ("trigger:", "scenes: {after: [{date: 2018-09-15}]}\ntrigger:", "without scene"),
        ("trigger:", "scenes: {after: {scene: a}}\ntrigger:", "expected a list"),
        ("trigger:", "scenes: {after: [{scene: a, tyle: 54TWN}]}\ntrigger:", "key 'tyle'; did you mean tile?"),
        ("trigger:", "scenes: {after: [{scene: a, tile: ../../54TWN}]}\ntrigger:", "expected a tile of Sentinel-2"),
        ("trigger:", "scenes: {after: [{scene: a, tile: 5}]}\ntrigger:", "tile is 5; expected a tile of Sentinel-2"),
        ("trigger:", "scenes: {after: [{scene: a, date: tomorrow}]}\ntrigger:", "date is 'tomorrow'; expected a day"),
        ("trigger:", "scenes: {after: [{scene: a, date: 2018-02-30}]}\ntrigger:", "date is '2018-02-30'; expected a"),
        ("trigger:", "scenes: {after: [{scene: a, clear: lots}]}\ntrigger:", "clear is 'lots'; expected a number"),
        ("trigger:", "scenes: {after: [{scene: a, bbox: [1, 2]}]}\ntrigger:", "bbox has 2 numbers; expected west"),
        (BOX, f"[1{'0' * 400}, 42.6, 142.2, 42.9]", "expected a number"),
        ("trigger:", f"options: {{overlap: 1{'0' * 40}}}\ntrigger:", "expected a whole number"),
        ("trigger:", "type: a\x00b\ntrigger:", "special characters are not allowed"),
        ("trigger:", "scenes: {after: [3]}\ntrigger:", "scenes: after is 3; expected one line of text"),
        (
            "trigger:",
            "options: {min_area: 3}\ntrigger:",
            "options has the unknown key 'min_area'; did you mean min-area?",
        ),
        ("trigger:", "options: {min-area: big}\ntrigger:", "options: min-area is 'big'; expected a number"),
        ("trigger:", "options: {overlap: 1.5}\ntrigger:", "options: overlap is 1.5; expected a whole number"),
        ("trigger:", "options: {probability: p.tif}\ntrigger:", "options: probability is 'p.tif'; expected true or"),
        ("trigger:", "options: {dem: a}\ntrigger:", "options has the unknown key 'dem'"),
        ("trigger:", "search: {clouds: 3}\ntrigger:", "search has the unknown key 'clouds'; did you mean cloud?"),
        ("trigger:", "name: again\ntrigger:", "has a key twice"),
        ("trigger:", "type: &a x\nbundle: *a\ntrigger:", "refers to another part of the file"),
        ("trigger:", "type: !!python/name:os.system\ntrigger:", "names a type"),
        ("trigger:", "type: [\ntrigger:", "is not YAML"),
        ("trigger:", "dem: " + "[" * 5000 + "\ntrigger:", "nested too deeply"),
        (LEAST, "", "expected keys with values"),
        (LEAST, "- 1", "expected keys with values"),
        (LEAST, LEAST + "---\nname: b\n", "is not YAML"),
        (LEAST, "# " + "x" * (1 << 20), "is larger than 1 MiB"),
    ],
)
def test_what_cannot_be_is_one_sentence_that_names_file_and_key(tmp_path, old, new, said):
    assert old in LEAST
    path = written(tmp_path, LEAST.replace(old, new, 1))
    with pytest.raises(EventError) as caught:
        read_event(path)
    message = str(caught.value)
    assert said in message
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith((".", "?"))


def test_what_is_known_of_a_scene_is_read(tmp_path):
    known = "{scene: a.tif, date: 2018-09-15T01:26:51Z, tile: T1CCV, clear: 1, cloud: 3.5, by: SCL, bbox: [1, 2, 3, 4]}"
    (scene,) = read_event(written(tmp_path, f"{LEAST}scenes: {{after: [{known}]}}\n")).after
    assert scene.source == str(tmp_path / "a.tif")
    found = {"date": "2018-09-15", "tile": "01CCV", "clear": 1.0, "cloud": 3.5, "by": "SCL"}
    assert scene.facts == {**found, "bbox": [1.0, 2.0, 3.0, 4.0]}
    (scene,) = read_event(written(tmp_path, f"{LEAST}scenes: {{after: [{{scene: a.tif, tile: ''}}]}}\n")).after
    assert scene.facts == {"tile": ""}  # a search that found none


def test_references_cannot_grow_into_gigabytes(tmp_path):
    lines = ['a0: &a0 ["x"]', *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]
    with pytest.raises(EventError, match="refers to another part"):
        read_event(written(tmp_path, LEAST + "\n".join(lines)))


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(EventError, match=r"No such file.*l4s event new"):
        read_event(tmp_path / "none.yaml")
    (tmp_path / "raw.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(EventError, match="is not UTF-8"):
        read_event(tmp_path / "raw.yaml")
    with pytest.raises(EventError, match="cannot be read"):
        read_event(tmp_path)


def test_options_are_those_of_mapping_but_what_an_event_decides_itself():
    decided = {"scene", "before", "dem", "aoi", "out", "bundle", "resume", "patch", "reporter"}
    decided |= {"event", "event_date", "trigger"}
    assert {name.replace("-", "_") for name in OPTIONS} == set(inspect.signature(map_scene).parameters) - decided


def test_a_new_file_says_what_was_given_and_is_read_by_another_library(tmp_path):
    path = tmp_path / "iburi.yaml"
    event = new_event(
        path,
        area="141.8,42.6,142.2,42.9",
        date="2018-09-06",
        trigger='a "quake": # 6.6 true',
        after=["after/*.SAFE"],
        dem=["dem.tif"],
    )
    assert read_event(path) == event
    assert event.trigger == 'a "quake": # 6.6 true'
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert raw["scenes"] == {"before": [], "after": ["after/*.SAFE"]}
    assert raw["area"] == [141.8, 42.6, 142.2, 42.9]
    assert raw["date"] == date(2018, 9, 6)


@pytest.mark.parametrize("text", ["true", "null", "3", "no", "it's: a # b", "2018", "a\\b", "Erdrutsch ü 地滑り"])
def test_any_text_comes_back_as_it_was(tmp_path, text):
    event = new_event(tmp_path / "e.yaml", area=(1, 2, 3, 4), date=["2018-09-06", "2018-09-07"], trigger=text)
    assert event.trigger == text
    assert read_event(tmp_path / "e.yaml").trigger == text


def test_a_new_file_replaces_none_and_leaves_nothing_that_cannot_be(tmp_path):
    path = written(tmp_path, LEAST)
    with pytest.raises(EventError, match="exists already"):
        new_event(path, area=(1, 2, 3, 4), date="2018-09-06", trigger="x")
    assert path.read_text() == LEAST
    with pytest.raises(EventError, match="suffix"):
        new_event(tmp_path / "e.txt", area=(1, 2, 3, 4), date="2018-09-06", trigger="x")
    with pytest.raises(EventError, match="expected a day"):
        new_event(tmp_path / "e.yaml", area=(1, 2, 3, 4), date="yesterday", trigger="x")
    with pytest.raises(EventError, match="does not exist; create it"):
        new_event(tmp_path / "none" / "e.yaml", area=(1, 2, 3, 4), date="2018-09-06", trigger="x")
    assert not (tmp_path / "e.yaml").exists()


def test_changes_keep_comments_and_order(tmp_path):
    path = written(tmp_path, WHOLE)
    scenes = [{"scene": "after/a.tif", "date": date(2018, 9, 15), "clear": 0.5}, {"scene": "b.tif", "clear": 0.25}]
    event = change_event(path, {"scenes": {"after": scenes}, "dem": ["one.tif"]})
    assert event == read_event(path)
    assert event.after[1] == EventScene(f"{tmp_path}/b.tif", {"clear": 0.25})
    before, after = WHOLE.splitlines(), path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in before if line in after]
    assert [line for line in after if line in kept] == kept
    assert len(kept) == len(before) - 3  # two entries and the DEM
    assert "    - {scene: after/a.tif, date: 2018-09-15, clear: 0.5}" in after


def test_a_change_that_cannot_be_changes_nothing(tmp_path):
    path = written(tmp_path, WHOLE)
    with pytest.raises(EventError, match="unknown key"):
        change_event(path, {"scenes": {"later": []}})
    assert path.read_text(encoding="utf-8") == WHOLE
    assert [p.name for p in tmp_path.iterdir()] == ["iburi.yaml"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    def full(self, *args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match=r"cannot be written.*No space left"):
        new_event(tmp_path / "e.yaml", area=(1, 2, 3, 4), date="2018-09-06", trigger="x")
    assert not list(tmp_path.iterdir())


def test_an_area_of_a_file_is_the_union_of_its_polygons(tmp_path):
    shapes = [shapely.box(141.8, 42.6, 142.0, 42.9), shapely.box(141.9, 42.6, 142.2, 42.9)]
    frame = gpd.GeoDataFrame(geometry=shapes, crs=4326).to_crs(32654)
    frame.to_file(tmp_path / "area.gpkg", layer="area")
    event = read_event(written(tmp_path, LEAST.replace(BOX, "area.gpkg")))
    found = area_of(event)
    assert found.symmetric_difference(shapely.box(141.8, 42.6, 142.2, 42.9)).area < 1e-4
    assert area_of(read_event(written(tmp_path, LEAST))) == shapely.box(141.8, 42.6, 142.2, 42.9)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (shapely.MultiPolygon([shapely.box(-180, 0, -179, 1), shapely.box(179, 0, 180, 1)]), "crosses the date line"),
        (shapely.box(179, 0, 181, 1), "crosses the date line"),
        (shapely.box(-20, -35, 52, 37), "more than a continent"),
    ],
)
def test_an_area_of_a_file_is_checked(tmp_path, shape, said):
    gpd.GeoDataFrame(geometry=[shape], crs=4326).to_file(tmp_path / "area.gpkg", layer="area")
    with pytest.raises(EventError, match=said):
        area_of(read_event(written(tmp_path, LEAST.replace(BOX, "area.gpkg"))))


def test_an_area_without_polygons_is_refused(tmp_path):
    gpd.GeoDataFrame({"a": []}, geometry=[], crs=4326).to_file(tmp_path / "area.gpkg", layer="area")
    with pytest.raises(EventError, match="holds no"):
        area_of(read_event(written(tmp_path, LEAST.replace(BOX, "area.gpkg"))))
    with pytest.raises(EventError, match="does not exist"):
        area_of(read_event(written(tmp_path, LEAST.replace(BOX, "none.gpkg"))))

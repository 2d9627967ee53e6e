"""Running an event: each unit once, whatever happens, and one inventory of all."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pystac
import pytest
import rasterio
import shapely
from pandas.testing import assert_frame_equal

import l4s_geo
from event_scenes import BODIES, LEFT, TOP, write_event, write_scene, write_three
from l4s_geo.errors import BundleError, DeviceError, EventError, L4SError, OutputError
from l4s_geo.events import describe, job_table, process, work
from l4s_geo.events.job_table import JobTable
from l4s_geo.events.run import Ran, event_status, map_event, map_scenes, parse_shard
from l4s_geo.inventory.facts import read_facts
from l4s_geo.output.claim import claimed
from l4s_geo.progress import Silent
from support import largest_file

NAMES = ["54TWN-2018-09-15", "54TWN-2018-09-20", "54TWP-2018-09-15"]
L4S = [sys.executable, "-m", "l4s_geo.cli.main"]


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def event(tmp_path, red_bundle) -> Path:
    write_three(tmp_path)
    return write_event(tmp_path, red_bundle)


def merged_of(ran: Ran) -> gpd.GeoDataFrame:
    return gpd.read_file(ran.merged, layer="landslides")


def same(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> None:
    """Two inventories are the same, byte for byte, but for when they were made."""
    assert shapely.to_wkb(one.geometry.to_numpy()).tolist() == shapely.to_wkb(other.geometry.to_numpy()).tolist()
    columns = [name for name in one.columns if name not in ("created", "geometry")]
    assert_frame_equal(one[columns], other[columns], check_exact=True)


def again(event: Path, monkeypatch, **options) -> tuple[Ran, list[str]]:
    """Run an event again; return what came of it and the units that were mapped."""
    mapped = []
    real = work.run_unit
    monkeypatch.setattr(work, "run_unit", lambda unit, *rest: [mapped.append(unit.name), real(unit, *rest)][1])
    ran = map_event(event, **options)
    monkeypatch.setattr(work, "run_unit", real)
    return ran, mapped


def test_an_event_becomes_one_inventory(event):
    ran = map_event(event)
    assert not ran.failed
    assert [job.name for job in ran.jobs] == NAMES
    merged = merged_of(ran)
    expected = sorted(
        (shapely.box(x, y - 10 * rows, x + 10 * cols, y) for x, y, cols, rows in BODIES), key=lambda b: -b.bounds[3]
    )
    assert all(one.equals(other) for one, other in zip(merged.geometry, expected, strict=True))
    assert merged.n_seen.tolist() == [2, 3, 1]
    assert merged.n_found.tolist() == [2, 3, 1]
    assert (merged.event == "quake").all()
    assert (merged.trigger == "earthquake").all()
    assert merged.observed.tolist() == ["2018-09-15"] * 3  # the nearer day
    assert merged.area_m2.sum() == ran.area_m2 == sum(100 * cols * rows for *_, cols, rows in BODIES)
    facts = read_facts(ran.merged)
    assert facts["trigger"] == "earthquake"
    assert list(facts["units"]) == NAMES
    assert facts["missing"] == []
    assert all(facts["units"][name]["unit"] == name for name in NAMES)
    assert not list(event.parent.rglob(".*"))


def test_a_unit_is_what_a_single_run_gives(event, tmp_path, red_bundle):
    ran = map_event(event)
    for job in ran.jobs:
        single = tmp_path / "single.gpkg"
        l4s_geo.map_scene(job.unit.after[0], bundle=red_bundle, out=single)
        same(gpd.read_file(job.unit.out, layer="landslides"), gpd.read_file(single, layer="landslides"))


def test_seen_ground_is_where_the_scene_has_data(tmp_path, red_bundle):
    hidden = ((LEFT + 500, TOP - 300, 40, 50), (LEFT + 900, TOP - 800, 10, 10))
    path = write_scene(tmp_path / "after" / "S2A_54TWN_20180915.tif", hidden=hidden, shape=(600, 620))
    ran = map_event(write_event(tmp_path, red_bundle))
    seen = gpd.read_file(ran.jobs[0].unit.outputs["seen"])
    from rasterio.features import rasterize

    with rasterio.open(path) as dataset:
        valid = dataset.read(1) > 0
        drawn = rasterize(seen.geometry, valid.shape, transform=dataset.transform, dtype="uint8") > 0
    assert (drawn == valid).all()
    assert seen.area.sum() == 100 * valid.sum()
    assert ran.jobs[0].result["valid_m2"] == 100 * valid.sum()


def test_a_second_run_maps_nothing_and_gives_the_same(event, monkeypatch):
    first = map_event(event)
    stamp = first.merged.stat().st_mtime_ns
    ran, mapped = again(event, monkeypatch)
    assert mapped == []
    assert ran.landslides == first.landslides == 3
    assert ran.area_m2 == first.area_m2
    assert ran.merged.stat().st_mtime_ns == stamp
    assert [job.attempts for job in ran.jobs] == [1, 1, 1]


def test_what_is_done_is_known_by_content_and_not_by_name(event, monkeypatch, tmp_path):
    map_event(event)
    scene = tmp_path / "after" / "S2A_54TWN_20180915.tif"
    os.utime(scene)  # touched
    assert again(event, monkeypatch)[1] == []
    shutil.copy(scene, tmp_path / "copy.tif")
    scene.unlink()
    (tmp_path / "copy.tif").rename(
        tmp_path / "after" / "S2A_MSIL2A_54TWN_20180915.tif"
    )  # another name, the same pixels
    assert again(event, monkeypatch)[1] == []
    write_scene(tmp_path / "after" / "S2A_MSIL2A_54TWN_20180915.tif", seed=99)
    ran, mapped = again(event, monkeypatch)
    assert mapped == [NAMES[0]]
    assert [job.attempts for job in ran.jobs] == [2, 1, 1]


def test_other_options_are_other_content_but_a_device_is_not(event, monkeypatch):
    map_event(event)
    text = event.read_text()
    event.write_text(text + "options: {device: cpu, batch: 2}\n")
    assert again(event, monkeypatch)[1] == []
    event.write_text(text + "options: {min-area: 15000}\n")
    ran, mapped = again(event, monkeypatch)
    assert mapped == NAMES
    assert ran.landslides == 2


def test_what_a_file_says_of_the_event_is_merged_anew_and_nothing_is_mapped_for_it(event, monkeypatch):
    map_event(event)
    event.write_text(event.read_text().replace("trigger: earthquake", "trigger: heavy rain\ntype: debris flow"))
    ran, mapped = again(event, monkeypatch)
    assert mapped == []
    merged = merged_of(ran)
    assert (merged.trigger == "heavy rain").all()
    assert (merged.event_type == "debris flow").all()
    assert "earthquake" not in str(read_facts(ran.merged))


def test_a_unit_that_somebody_corrected_is_merged_as_it_is_now(event, monkeypatch):
    ran = map_event(event)
    path = ran.jobs[2].unit.out
    frame = gpd.read_file(path, layer="landslides")
    frame = frame[frame.n_pixels != 100]
    frame.to_file(path, layer="landslides", driver="GPKG", mode="w")
    ran, mapped = again(event, monkeypatch)
    assert mapped == []
    assert ran.landslides == 2


def test_two_events_that_share_a_folder_do_not_take_one_anothers_results(event, monkeypatch):
    event.write_text(event.read_text() + "out: results\n")
    before = merged_of(map_event(event))
    other = event.with_name("other.yaml")
    other.write_text(event.read_text().replace("name: quake", "name: other") + "options: {min-area: 15000}\n")
    assert map_event(other).landslides == 2
    ran, mapped = again(event, monkeypatch)
    assert mapped == NAMES
    same(merged_of(ran), before)


def test_a_result_that_is_gone_is_made_again(event, monkeypatch):
    first = map_event(event)
    before = merged_of(first)
    Path(first.jobs[1].unit.outputs["seen"]).unlink()
    first.merged.unlink()
    ran, mapped = again(event, monkeypatch)
    assert mapped == [NAMES[1]]
    same(merged_of(ran), before)


def test_without_its_table_whole_units_are_found_again(event, monkeypatch):
    first = map_event(event)
    before = merged_of(first)
    next(event.parent.glob("*.jobs.sqlite")).unlink()
    ran, mapped = again(event, monkeypatch)
    assert mapped == []
    assert [job.result for job in ran.jobs] == [job.result for job in first.jobs]
    same(merged_of(ran), before)


def test_scenes_that_the_event_has_no_more_are_merged_no_more(event, tmp_path):
    map_event(event)
    (tmp_path / "after" / "S2A_54TWP_20180915.tif").unlink()
    ran = map_event(event)
    assert [job.name for job in ran.jobs] == NAMES[:2]
    assert ran.landslides == 2


def test_only_what_the_event_has_now_is_described_and_of_the_day_of_its_scenes(event, tmp_path):
    event.write_text(event.read_text() + "options: {probability: true}\n")
    map_event(event)
    (tmp_path / "after" / "S2A_54TWN_20180915.tif").unlink()
    map_event(event)
    items = {item.id: item for item in pystac.Collection.from_file(str(describe(event))).get_items()}
    kinds = ("{}-gpkg", "{}-probability-tif")
    assert set(items) == {"quake-gpkg", *(f"units-{kind.format(name)}" for name in NAMES[1:] for kind in kinds)}
    days = {"units-54TWN-2018-09-20-gpkg": "2018-09-20", "units-54TWP-2018-09-15-probability-tif": "2018-09-15"}
    for name, day in days.items():
        assert items[name].datetime.date().isoformat() == day
    whole = items["quake-gpkg"]
    assert whole.datetime is None
    assert whole.common_metadata.start_datetime.date().isoformat() == "2018-09-15"
    assert whole.common_metadata.end_datetime.date().isoformat() == "2018-09-20"
    assert whole.validate()
    assert whole.get_collection().extent.temporal.intervals[0][1].date().isoformat() == "2018-09-20"


def test_a_unit_that_fails_stops_no_other_and_is_tried_again_when_asked(event, monkeypatch, tmp_path):
    scene = tmp_path / "after" / "S2A_54TWN_20180915.tif"
    whole = scene.read_bytes()
    scene.write_bytes(whole[:500])
    heard = Heard()
    ran = map_event(event, reporter=heard)
    assert [job.state for job in ran.jobs] == ["failed", "done", "done"]
    (failed,) = ran.failed
    assert "54TWN_20180915" in failed.error
    assert any(failed.error in line and "failed:" in line for line in heard.lines)
    assert ran.landslides == 3
    assert read_facts(ran.merged)["missing"] == [NAMES[0]]
    # It is not tried again by itself, but told.
    heard = Heard()
    ran, mapped = again(event, monkeypatch, reporter=heard)
    assert mapped == []
    assert [job.attempts for job in ran.jobs] == [1, 1, 1]
    assert any("failed before, and --retry tries it again" in line for line in heard.lines)
    ran, _ = again(event, monkeypatch, retry=True)
    assert [job.attempts for job in ran.jobs] == [2, 1, 1]
    # A file that was mended is another content.
    scene.write_bytes(whole)
    ran, mapped = again(event, monkeypatch)
    assert mapped == [NAMES[0]]
    assert not ran.failed
    assert read_facts(ran.merged)["missing"] == []


def test_a_bug_in_a_unit_stops_no_other(event, monkeypatch):
    real = work.run_unit

    def run_unit(unit, *rest):
        if unit.name == NAMES[0]:
            raise ZeroDivisionError("of all things")
        return real(unit, *rest)

    monkeypatch.setattr(work, "run_unit", run_unit)
    heard = Heard()
    ran = map_event(event, reporter=heard)
    assert [job.state for job in ran.jobs] == ["failed", "done", "done"]
    assert "which is a bug (ZeroDivisionError: of all things)" in ran.jobs[0].error
    assert any("Traceback" in line for line in heard.lines)


def test_when_all_fail_there_is_nothing_to_merge(event, tmp_path):
    for scene in (tmp_path / "after").iterdir():
        scene.write_bytes(b"no raster")
    ran = map_event(event)
    assert len(ran.failed) == 3
    assert ran.merged is None


def test_scenes_that_are_all_cloud_fail_with_that_reason(tmp_path, red_bundle):
    cloudy = tmp_path / "cloud.tif"
    with rasterio.open(write_scene(tmp_path / "any.tif")) as dataset:
        profile = {**dataset.profile, "count": 1, "nodata": None}
    with rasterio.open(cloudy, "w", **profile) as dataset:
        dataset.write(np.ones((1, 200, 220), np.uint16))
    write_scene(tmp_path / "after" / "S2A_54TWN_20180915.tif")
    ran = map_event(write_event(tmp_path, red_bundle, f"scenes: {{after: after}}\noptions: {{mask: {cloudy}}}"))
    assert "No pixel of the scene" in ran.failed[0].error
    assert ran.merged is None


def test_a_disk_that_is_full_in_the_third_unit_leaves_two_and_the_rest_goes_on_later(event, tmp_path):
    write_scene(tmp_path / "after" / "S2A_54TWP_20180915.tif", LEFT + 1800, shape=(700, 700))
    with largest_file(1_000_000):
        ran = map_event(event)
    assert [job.state for job in ran.jobs] == ["done", "done", "failed"]
    assert "free some space" in ran.failed[0].error
    assert merged_of(ran).units.str.contains("TWP").sum() == 0
    ran = map_event(event, retry=True)
    assert not ran.failed
    assert ran.landslides == 3


def test_options_that_no_unit_can_have_are_refused_before_any_is_mapped(event, monkeypatch):
    text = event.read_text()
    for options, kind in (
        ("{threshold: 5}", L4SError),
        ("{overlap: 500}", L4SError),
        ("{crf: maybe}", L4SError),
        ("{units: metres}", L4SError),
        ("{device: abacus}", DeviceError),
        ("{connectivity: 6}", L4SError),
    ):
        event.write_text(f"{text}options: {options}\n")
        with pytest.raises(kind):
            map_event(event)
    event.write_text(text.replace("bundle: ", "bundle: none-of-that-name # "))
    with pytest.raises(BundleError):
        map_event(event)
    with JobTable(event.with_name("quake.jobs.sqlite"), read_only=True) as table:
        assert {job.state for job in table.jobs()} == {"open"}


def test_rasters_lie_beside_each_unit(event):
    event.write_text(event.read_text() + "options: {probability: true, change: true}\n")
    ran = map_event(event)
    for job in ran.jobs:
        with rasterio.open(job.unit.outputs["probability"]) as dataset:
            assert np.isfinite(dataset.read(1)).all()
        assert "change" not in job.unit.outputs  # there is no earlier scene


def test_earlier_scenes_let_only_new_landslides_be_mapped(tmp_path, red_bundle):
    from support import add_newness

    bundle = add_newness(red_bundle, tmp_path / "red-new")
    write_three(tmp_path, fields=True)
    write_scene(tmp_path / "before" / "S2A_54TWN_20180801.tif", bodies=BODIES[:1], seed=11, fields=True)
    ran = map_event(write_event(tmp_path, bundle, "scenes: {before: before, after: after}"))
    assert not ran.failed
    merged = merged_of(ran)
    assert {"is_new", "p_new"} <= set(merged.columns)
    # The old body is not mapped where the earlier scene shows it.
    assert not merged.geometry.intersects(shapely.Point(BODIES[0][0] + 50, BODIES[0][1] - 50)).any()


KILLED = """
import os, signal, sys, time
from l4s_geo import pipeline
from l4s_geo.events.run import map_event
real = pipeline._write
def write(run, *rest):
    if "54TWN_20180920" in run.stack.scene.name:
        open(sys.argv[2], "w").close()
        time.sleep(600)
    return real(run, *rest)
pipeline._write = write
map_event(sys.argv[1])
"""


def test_a_run_that_is_killed_goes_on_where_it_was(event, tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    process_ = subprocess.Popen([sys.executable, "-c", KILLED, str(event), str(mark)])
    wait_for(mark.exists)
    states = {job.name: job.state for job in event_status(event)}
    assert states == dict(zip(NAMES, ["done", "running", "open"], strict=True))
    os.kill(process_.pid, signal.SIGKILL)
    process_.wait()
    assert [job.state for job in event_status(event)] == ["done", "stopped", "open"]
    heard = Heard()
    ran, mapped = again(event, monkeypatch, reporter=heard)
    assert mapped == NAMES[1:]
    assert [job.attempts for job in ran.jobs] == [1, 2, 1]
    assert f"{NAMES[1]}: Resuming: what an earlier run has finished is not repeated" in heard.lines
    undisturbed = merged_of(ran)
    shutil.rmtree(tmp_path / "quake")
    event.with_name("quake.jobs.sqlite").unlink()
    same(merged_of(map_event(event)), undisturbed)


def test_a_unit_that_was_whole_when_its_process_was_killed_is_not_mapped_again(event, monkeypatch):
    ran = map_event(event)
    table = event.with_name("quake.jobs.sqlite")
    with sqlite3.connect(table) as database:
        database.execute("UPDATE job SET state = 'running', result = '{}' WHERE name = ?", (NAMES[0],))
    out = Path(ran.jobs[0].unit.out)  # what it has left when it was killed
    for name in (f".{out.name}.l4s-parts", f".{out.name}.l4s-staged"):
        (out.parent / name).mkdir()
        (out.parent / name / "part").write_bytes(b"some")
    (out.parent / f".{out.name}.l4s-lock").write_text("4194304 elsewhere\n")
    second, mapped = again(event, monkeypatch)
    assert mapped == []
    assert second.jobs[0].result == ran.jobs[0].result
    assert not list(event.parent.rglob(".*"))


def test_a_unit_that_kills_its_processes_counts_as_failed_in_the_end(event, monkeypatch):
    map_event(event)
    (event.parent / "quake" / "units" / f"{NAMES[0]}.gpkg").unlink()
    with sqlite3.connect(event.with_name("quake.jobs.sqlite")) as database:
        database.execute("UPDATE job SET state = 'running', deaths = 4 WHERE name = ?", (NAMES[0],))
    ran, mapped = again(event, monkeypatch)
    assert mapped == []
    assert "died 5 times without a word" in ran.failed[0].error
    ran, mapped = again(event, monkeypatch, retry=True)
    assert mapped == [NAMES[0]]
    assert not ran.failed


def wait_for(what, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def test_two_runs_at_once_share_the_work(event, tmp_path):
    runs = [subprocess.Popen([*L4S, "event", "run", str(event), "-q"], stderr=subprocess.PIPE) for _ in range(2)]
    assert [(run.communicate()[1], run.returncode) for run in runs] == [(b"", 0)] * 2
    ran = map_event(event)
    assert [job.attempts for job in ran.jobs] == [1, 1, 1]
    both = merged_of(ran)
    shutil.rmtree(tmp_path / "quake")
    event.with_name("quake.jobs.sqlite").unlink()
    same(merged_of(map_event(event)), both)


def test_workers_give_what_one_process_gives(event, tmp_path):
    one = merged_of(map_event(event))
    shutil.rmtree(tmp_path / "quake")
    event.with_name("quake.jobs.sqlite").unlink()
    heard = Heard()
    ran = map_event(event, workers=3, reporter=heard)
    assert not ran.failed
    assert len({job.owner for job in ran.jobs}) > 1
    assert str(os.getpid()) not in {job.owner.split()[1] for job in ran.jobs}
    assert sum(line.startswith("Unit ") for line in heard.lines) == 3
    same(merged_of(ran), one)


DYING = """
import os, signal
from l4s_geo.events import process, work
real = work.run_unit
def run_unit(unit, *rest):
    result = real(unit, *rest)
    if unit.name == "54TWN-2018-09-20":
        os.kill(os.getpid(), signal.SIGKILL)
    return result
work.run_unit = run_unit
os._exit(process.main())
"""


def test_a_worker_that_is_killed_leaves_its_unit_to_others(event, monkeypatch):
    monkeypatch.setattr(process, "_PROGRAM", ("-c", DYING))
    heard = Heard()
    ran = map_event(event, workers=2, reporter=heard)
    assert not ran.failed
    assert ran.landslides == 3
    assert any("a worker died (signal 9" in line for line in heard.lines)


def test_shards_are_merged_by_a_run_of_all(event, monkeypatch):
    parts = [map_event(event, shard=f"{number}/2") for number in (1, 2)]
    assert [[job.name for job in part.jobs] for part in parts] == [[NAMES[0], NAMES[2]], [NAMES[1]]]
    assert [part.merged for part in parts] == [None, None]
    assert [job.state for job in event_status(event)] == ["done"] * 3
    ran, mapped = again(event, monkeypatch)
    assert mapped == []
    assert ran.landslides == 3
    assert [job.attempts for job in ran.jobs] == [1, 1, 1]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(EventError, match="expected I/N"):
        parse_shard(text)


def test_a_table_that_is_none_is_left_alone(event):
    table = event.with_name("quake.jobs.sqlite")
    table.write_bytes(b"my own notes, and quite a lot of them" * 10)
    before = table.read_bytes()
    with pytest.raises(EventError, match="is no job table"):
        map_event(event)
    assert table.read_bytes() == before
    table.unlink()
    with sqlite3.connect(table) as database:
        database.execute("CREATE TABLE mine (x)")
    with pytest.raises(EventError, match="is no job table of l4s"):
        map_event(event)
    table.unlink()
    map_event(event)
    with sqlite3.connect(table) as database:
        database.execute("PRAGMA user_version = 7")
    with pytest.raises(EventError, match="has the format 7; expected 1"):
        map_event(event)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE job SET unit = 'x'",
        "UPDATE job SET unit = '{}'",
        "UPDATE job SET result = '[]'",
        "UPDATE job SET state = 'x'",
        "UPDATE job SET error = CAST(x'ff41' AS TEXT)",
        "DROP TABLE job",
    ],
)
def test_a_table_that_says_what_cannot_be_is_damaged(event, tmp_path, monkeypatch, damage):
    map_event(event)
    table = event.with_name("quake.jobs.sqlite")
    with sqlite3.connect(table) as database:
        database.execute(damage)
    with pytest.raises(EventError, match=r"is damaged \(.*\); move it elsewhere, and run again"):
        event_status(event)
    table.rename(tmp_path / "elsewhere")  # the remedy
    ran, mapped = again(event, monkeypatch)
    assert mapped == []
    assert ran.landslides == 3


@pytest.mark.parametrize(
    "forgotten",
    ["UPDATE known SET facts = 'x'", "UPDATE known SET facts = '{\"a\": 1}'", "UPDATE note SET value = '[]'"],
)
def test_what_a_table_remembers_wrongly_is_found_out_again(event, monkeypatch, forgotten):
    map_event(event)
    with sqlite3.connect(event.with_name("quake.jobs.sqlite")) as database:
        database.execute(forgotten)
    ran, mapped = again(event, monkeypatch)
    assert (mapped, ran.landslides) == ([], 3)


def test_a_table_with_an_index_that_does_not_fit_is_damaged(event):
    map_event(event)
    table = event.with_name("quake.jobs.sqlite")
    with sqlite3.connect(table) as database:
        page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_job_1'").fetchone()[
            0
        ]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    raw = bytearray(table.read_bytes())
    at = raw.index(b"54TWP-2018-09-15", (page - 1) * size, page * size)
    raw[at : at + 5] = b"54TWQ"
    table.write_bytes(bytes(raw))
    with pytest.raises(EventError, match="is damaged"):
        event_status(event)


def test_a_table_that_another_program_has_locked_is_waited_for_and_then_named(event, monkeypatch):
    map_event(event)
    monkeypatch.setattr(job_table, "_PATIENCE_S", 0.2)
    other = sqlite3.connect(event.with_name("quake.jobs.sqlite"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OutputError, match="has been locked by another program"):
        map_event(event)
    assert {job.state for job in event_status(event)} == {"done"}  # which only reads
    other.execute("ROLLBACK")
    other.close()
    assert map_event(event).landslides == 3


def test_status_where_nothing_can_be_written(event, monkeypatch):
    map_event(event)
    monkeypatch.setattr(job_table.os, "access", lambda *_: False)
    assert {job.state for job in event_status(event)} == {"done"}
    with JobTable(event.with_name("quake.jobs.sqlite"), read_only=True) as table, pytest.raises(OutputError):
        table.keep_note("a", "b")
    assert {path.name for path in event.parent.glob("quake.jobs*")} == {"quake.jobs.sqlite"}


def test_status_while_the_first_run_makes_the_table(event):
    event.with_name("quake.jobs.sqlite").touch()
    with pytest.raises(EventError, match="nothing of the event was run yet"):
        event_status(event)
    assert map_event(event).landslides == 3


def test_status_before_any_run(event):
    with pytest.raises(EventError, match="does not exist; nothing of the event was run yet"):
        event_status(event)


def test_a_folder_that_cannot_be_made_is_named(event, tmp_path):
    (tmp_path / "quake").write_text("a file")
    with pytest.raises(OutputError, match="cannot be made"):
        map_event(event)


def test_a_unit_that_another_process_maps_is_waited_for(event):
    out = event.parent / "quake" / "units"
    out.mkdir(parents=True)
    with JobTable(event.with_name("quake.jobs.sqlite")):
        pass
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from l4s_geo.output.claim import claimed\nfrom pathlib import Path\nimport time\n"
            f"with claimed(Path({str(out / NAMES[0])!r})):\n    print('held', flush=True)\n    time.sleep(8)\n",
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"held\n"
    ran = map_event(event)
    assert holder.wait() == 0
    assert not ran.failed
    with claimed(out / NAMES[0]):
        pass


def test_scenes_without_an_event_file(event, tmp_path, red_bundle, monkeypatch):
    ran = map_scenes([tmp_path / "after"], out_dir=tmp_path / "results", bundle=red_bundle)
    assert ran.merged == tmp_path / "results" / "inventory.gpkg"
    merged = merged_of(ran)
    assert merged.n_found.tolist() == [2, 3, 1]
    assert (merged.event == "").all()
    assert (
        shapely.to_wkb(merged.geometry.to_numpy()).tolist()
        == shapely.to_wkb(merged_of(map_event(event)).geometry.to_numpy()).tolist()
    )
    monkeypatch.setattr(work, "run_unit", None)
    assert (
        map_scenes(str(tmp_path / "after" / "*.tif"), out_dir=tmp_path / "results", bundle=red_bundle).landslides == 3
    )
    with pytest.raises(EventError, match="Band files by name are one scene"):
        map_scenes({"B4": "a.tif"}, out_dir=tmp_path / "results")


def test_a_page_about_the_event(event, tmp_path):
    map_event(event, report=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "earthquake" in page
    with pytest.raises(OutputError, match="suffix"):
        map_event(event, report=tmp_path / "page.txt")


STOPPED = """
import os, sys, time
from l4s_geo import pipeline
from l4s_geo.events import process
real = pipeline._write
def write(run, *rest):
    if "54TWN_20180920" in run.stack.scene.name:
        open(os.environ["MARK"], "w").close()
        time.sleep(600)
    return real(run, *rest)
pipeline._write = write
os._exit(process.main())
"""
WITH_WORKERS = """
import sys
from l4s_geo.events import process
from l4s_geo.events.run import map_event
process._PROGRAM = ("-c", sys.argv[2])
map_event(sys.argv[1], workers=2)
"""


def test_workers_end_with_the_process_that_started_them_and_their_units_go_on(event, tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    environment = {**os.environ, "MARK": str(mark)}
    first = subprocess.Popen([sys.executable, "-c", WITH_WORKERS, str(event), STOPPED], env=environment)
    wait_for(mark.exists)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: "running" not in {job.state for job in event_status(event)})
    states = {job.name: (job.state, job.deaths) for job in event_status(event)}
    assert states[NAMES[1]] == ("open", 0)
    ran, mapped = again(event, monkeypatch)
    assert NAMES[1] in mapped
    assert not ran.failed

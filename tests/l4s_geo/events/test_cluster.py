"""Events on a Dask cluster of processes: what one process gives, whatever becomes of a worker."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner
from pandas.testing import assert_frame_equal

from dask_cluster import Cluster, cluster
from event_scenes import write_event, write_three
from l4s_geo.cli.main import main
from l4s_geo.cli.map import main as map_main
from l4s_geo.errors import EventError
from l4s_geo.events import cluster as events_cluster
from l4s_geo.events.job_table import JobTable, cluster_claim
from l4s_geo.events.run import Ran, event_status, map_event
from l4s_geo.output.claim import claimed
from l4s_geo.progress import Silent

pytest.importorskip("distributed", reason="the extra dask is not installed")

NAMES = ["54TWN-2018-09-15", "54TWN-2018-09-20", "54TWP-2018-09-15"]

HELD = """
import os, time
from l4s_geo import pipeline
def write(run, *rest, real=pipeline._write):
    mark = os.environ["MARK"]
    if "54TWN_20180920" in run.stack.scene.name and not os.path.exists(mark):
        with open(mark, "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)
    return real(run, *rest)
pipeline._write = write
"""
"""Holds the second unit when it is nearly done, the first time."""

OTHER_VERSION = """
from distributed import versions
def version(name, real=versions._version_cached):
    return "0.0.1" if name == {name!r} else real(name)
versions._version_cached = version
"""
BLIND = """
import os
def exists(path, real=os.path.exists):
    return not str(path).endswith({end!r}) and real(path)
os.path.exists = exists
"""


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, done: int, total: int) -> None:
        self.steps.append((done, total))


@pytest.fixture
def event(tmp_path, red_bundle) -> Path:
    write_three(tmp_path)
    return write_event(tmp_path, red_bundle)


@pytest.fixture
def hasty(monkeypatch) -> None:
    monkeypatch.setattr(events_cluster, "_PATIENCE_S", 3.0)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A scheduler with two workers, which the tests leave as it is."""
    with cluster(tmp_path_factory.mktemp("dask"), 2) as running:
        yield running


@pytest.fixture
def bare(tmp_path):
    """A scheduler without workers."""
    with cluster(tmp_path / "dask") as running:
        yield running


def merged_of(ran: Ran) -> gpd.GeoDataFrame:
    return gpd.read_file(ran.merged, layer="landslides")


def same(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> None:
    """Two inventories are the same, byte for byte, but for when they were made."""
    assert shapely.to_wkb(one.geometry.to_numpy()).tolist() == shapely.to_wkb(other.geometry.to_numpy()).tolist()
    columns = [name for name in one.columns if name not in ("created", "geometry")]
    assert_frame_equal(one[columns], other[columns], check_exact=True)


def test_a_worker_that_is_killed_loses_nothing_and_all_is_as_of_one_process(event, tmp_path, red_bundle):
    alone = tmp_path / "alone"
    write_three(alone)
    expected = map_event(write_event(alone, red_bundle))
    mark, heard, killed = tmp_path / "mark", Heard(), []

    def kill() -> None:
        while not killed:
            if mark.exists() and (text := mark.read_text()):
                states = {job.name: job.state for job in event_status(event)}
                killed.extend([int(text), states[NAMES[1]]])
                os.kill(int(text), signal.SIGKILL)
            stop.wait(0.1)

    stop, killer = threading.Event(), threading.Thread(target=kill)
    with cluster(tmp_path / "dask") as running:
        for _ in range(3):
            running.start_worker(preload=HELD, env={"MARK": str(mark)})
        running.wait(3)
        killer.start()
        ran = map_event(event, scheduler=str(running.file), reporter=heard)
        killer.join()
        pids = {str(worker.pid) for worker in running.workers}
        assert killed[0] in {worker.pid for worker in running.workers if worker.poll() == -signal.SIGKILL}
    assert killed[1] == "running"  # its worker is no process that holds a lock which the table knows of
    assert not ran.failed
    assert [job.attempts for job in ran.jobs] == [1, 2, 1]
    assert {job.owner.split()[1] for job in ran.jobs} <= pids - {str(killed[0])}
    assert any(f"{NAMES[1]} is done again" in line for line in heard.lines)
    assert f"{NAMES[1]}: Resuming: what an earlier run has finished is not repeated" in heard.lines
    assert heard.steps[-1] == (3, 3)
    same(merged_of(ran), merged_of(expected))
    for job, other in zip(ran.jobs, expected.jobs, strict=True):
        same(*(gpd.read_file(one.unit.out, layer="landslides") for one in (job, other)))
        assert job.result == other.result
        assert job.key == other.key
    assert not list((tmp_path / "quake").rglob(".*"))


def test_a_second_run_sends_nothing_out_and_a_unit_that_fails_stops_no_other(event, two, tmp_path, monkeypatch):
    scene = tmp_path / "after" / "S2A_54TWN_20180915.tif"
    whole = scene.read_bytes()
    scene.write_bytes(whole[:500])
    ran = map_event(event, scheduler=two.address)
    assert [job.state for job in ran.jobs] == ["failed", "done", "done"]
    assert "54TWN_20180915" in ran.failed[0].error
    heard = Heard()
    again = map_event(event, scheduler=two.address, reporter=heard)
    assert any("failed before, and --retry tries it again" in line for line in heard.lines)
    assert [job.attempts for job in again.jobs] == [1, 1, 1]
    scene.write_bytes(whole)
    ran = map_event(event, scheduler=two.address)
    assert [(job.state, job.attempts) for job in ran.jobs] == [("done", 2), ("done", 1), ("done", 1)]
    monkeypatch.setattr(events_cluster, "_check_workers", None)  # nobody is asked
    assert map_event(event, scheduler=two.address).landslides == 3
    assert map_event(event).landslides == 3  # nor does a run of this machine map anything
    assert [job.attempts for job in event_status(event)] == [2, 1, 1]


def test_by_commands(event, two, tmp_path, red_bundle):
    ran = CliRunner().invoke(main, ["event", "run", str(event), "--scheduler", two.address])
    assert ran.exit_code == 0, ran.output
    assert "2 workers" in ran.output
    out = tmp_path / "results"
    options = ["--bundle", str(red_bundle), "--out-dir", str(out), "--scheduler", two.address]
    ran = CliRunner().invoke(map_main, [str(tmp_path / "after"), *options])
    assert ran.exit_code == 0, ran.output
    assert len(gpd.read_file(out / "inventory.gpkg", layer="landslides")) == 3
    for other in (["--workers", "2"], ["--shard", "1/2"]):
        ran = CliRunner().invoke(main, ["event", "run", str(event), "--scheduler", two.address, *other])
        assert (ran.exit_code, ran.output.count("\n")) == (2, 1)
        assert f"Both --scheduler and {other[0]} are given" in ran.output
    ran = CliRunner().invoke(map_main, ["a.tif", "--out", "b.gpkg", "--scheduler", two.address])
    assert "--scheduler is for many scenes" in ran.output


def test_a_scheduler_that_is_not_there_is_told_in_time(event, tmp_path, hasty):
    with socket.socket() as other:  # something that listens, and is no scheduler
        other.bind(("127.0.0.1", 0))
        other.listen()
        silent = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        for address in ("tcp://127.0.0.1:9", silent, "pigeon://127.0.0.1:9"):
            with pytest.raises(EventError, match="No Dask scheduler answers at"):
                map_event(event, scheduler=address)
    with pytest.raises(EventError, match="neither an address nor a file"):
        map_event(event, scheduler=str(tmp_path / "none.json"))
    for text in ("no json", "[]", '{"address": 7}', '{"address": "../x"}'):
        (tmp_path / "scheduler.json").write_text(text)
        with pytest.raises(EventError, match="does not say where a scheduler is"):
            map_event(event, scheduler=str(tmp_path / "scheduler.json"))
    assert [job.state for job in event_status(event)] == ["open"] * 3
    assert not [path for path in (tmp_path / "quake").rglob("*") if path.is_file()]


def test_without_dask_the_extra_is_named(event, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EventError, match=r"pip install 'l4s-geo\[dask\]'"):
        map_event(event, scheduler="tcp://127.0.0.1:9")


def test_a_scheduler_of_another_version_is_refused(event, tmp_path):
    running = Cluster(tmp_path)
    try:
        running.start_scheduler(OTHER_VERSION.format(name="distributed"))
        with pytest.raises(EventError, match=r"The scheduler .* runs distributed 0\.0\.1, and this process 2"):
            map_event(event, scheduler=running.address)
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("preload", "threads", "expected"),
    [
        (OTHER_VERSION.format(name="dask"), 1, r"The worker tcp.* runs dask 0\.0\.1, and this process"),
        (OTHER_VERSION.format(name="l4s-geo"), 1, r"The worker tcp.* has l4s-geo 0\.0\.1, and this is"),
        (BLIND.format(end=".l4s-mark"), 1, r"The worker tcp.* does not see .*\.l4s-mark; expected all workers to have"),
        (BLIND.format(end="54TWN_20180920.tif"), 1, r"The worker tcp.* does not see .*54TWN_20180920\.tif"),
        ("", 4, r"The worker tcp.* would map 4 units at once; expected one, so start it with one thread"),
    ],
)
def test_workers_that_cannot_be_used_are_named_before_anything_is_mapped(event, bare, preload, threads, expected):
    bare.start_worker(preload=preload, threads=threads)
    bare.wait(1)
    with pytest.raises(EventError, match=expected):
        map_event(event, scheduler=bare.address)
    assert [(job.state, job.attempts) for job in event_status(event)] == [("open", 0)] * 3
    assert not [path for path in (event.parent / "quake").rglob("*") if path.is_file()]


def test_a_worker_that_comes_later_is_checked_as_well(event, bare):
    def start() -> None:
        bare.start_worker(threads=3)

    late = threading.Timer(2.0, start)
    late.start()
    heard = Heard()
    with pytest.raises(EventError, match="would map 3 units at once"):
        map_event(event, scheduler=bare.address, reporter=heard)
    late.join()
    assert any("has no worker yet" in line for line in heard.lines)


def test_units_go_to_the_workers_that_announce_a_gpu(event, bare):
    bare.start_worker("--resources", "GPU=1", threads=2)
    bare.start_worker(threads=2)
    bare.wait(2)
    heard = Heard()
    ran = map_event(event, scheduler=bare.address, reporter=heard)
    assert not ran.failed
    assert {job.owner.split()[1] for job in ran.jobs} == {str(bare.workers[0].pid)}
    assert any("1 with a GPU" in line for line in heard.lines)


def test_a_unit_that_kills_its_workers_fails_alone(event, bare, tmp_path):
    deadly = HELD.replace("time.sleep(600)", "os._exit(9)").replace("not os.path.exists(mark)", "True")
    for _ in range(5):
        bare.start_worker(preload=deadly, env={"MARK": str(tmp_path / "mark")})
    bare.wait(5)
    ran = map_event(event, scheduler=bare.address)
    assert [job.state for job in ran.jobs] == ["done", "failed", "done"]
    assert "4 workers in a row died of it" in ran.failed[0].error
    assert ran.jobs[1].attempts == 4


def test_a_scheduler_that_is_lost_leaves_what_is_done(event, bare, tmp_path, hasty):
    mark = tmp_path / "mark"
    bare.start_worker(preload=HELD, env={"MARK": str(mark)})
    bare.wait(1)

    def lose() -> None:
        while not (mark.exists() and mark.read_text()):
            stop.wait(0.1)
        bare.scheduler.kill()

    stop, loser = threading.Event(), threading.Thread(target=lose)
    loser.start()
    with pytest.raises(EventError, match="The Dask scheduler is gone; start it again"):
        map_event(event, scheduler=bare.address)
    loser.join()
    bare.stop()
    assert [(job.state, job.attempts) for job in event_status(event)] == [("done", 1), ("open", 1), ("open", 0)]
    ran = map_event(event)
    assert [(job.state, job.attempts) for job in ran.jobs] == [("done", 1), ("done", 2), ("done", 1)]
    assert ran.landslides == 3


def test_what_workers_of_other_machines_are_at_is_running_and_not_stopped(event):
    map_event(event)
    table = event.with_name("quake.jobs.sqlite").absolute()
    with JobTable(table) as jobs:
        jobs.take(NAMES[0], {"state": "running", "owner": "node17 4711"})
    assert [job.state for job in event_status(event)] == ["stopped", "done", "done"]
    with claimed(cluster_claim(table)):
        assert [job.state for job in event_status(event)] == ["running", "done", "done"]


def test_two_runs_on_a_cluster_do_not_take_the_same_units(event, two):
    map_event(event, shard="1/2")
    with (
        claimed(cluster_claim(event.with_name("quake.jobs.sqlite").absolute())),
        pytest.raises(EventError, match=r"Another run has the event of .* on a cluster"),
    ):
        map_event(event, scheduler=two.address)


def test_a_unit_that_another_process_is_at_is_asked_for_again(event, two, monkeypatch):
    monkeypatch.setattr(events_cluster, "_PAUSE_S", 0.5)
    place = event.parent / "quake" / "units" / NAMES[0]
    place.parent.mkdir(parents=True)
    held = threading.Event()

    def hold() -> None:
        with claimed(place):
            held.set()
            release.wait(60)

    release, holder = threading.Event(), threading.Thread(target=hold)
    holder.start()
    held.wait()
    heard = Heard()
    heard.progress = lambda done, total: release.set() if done == 2 else None  # type: ignore[method-assign]
    ran = map_event(event, scheduler=two.address, reporter=heard)
    holder.join()
    assert [(job.state, job.attempts) for job in ran.jobs] == [("done", 1)] * 3

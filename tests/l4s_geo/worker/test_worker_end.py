"""How a worker ends: its stdin ends, it is killed, its driver dies, its request crashes; nothing is ever left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def wait_until(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_end_of_stdin_when_idle(worker):
    assert worker.close() < 1
    assert worker.process.returncode == 0


def test_half_a_line_is_not_a_request(start):
    driver = start()
    driver.until("hello")
    driver.write(b'{"id": 1, "method": "environment"}')
    assert driver.close() < 1
    assert driver.process.returncode == 0


@pytest.mark.parametrize("moment", ["open", "map", "write"])
@pytest.mark.parametrize("method", ["map", "stack"])
def test_end_of_stdin_cancels_within_a_second_and_leaves_nothing(
    worker, large_scene, tmp_path, method, moment, red_bundle
):
    old = tmp_path / f"out{'.gpkg' if method == 'map' else '.tif'}"
    old.write_bytes(b"what was there before")
    more = {"bundle": str(red_bundle)} if method == "map" else {}
    worker.ask(method, scene=str(large_scene), out=str(old), **more)
    worker.until("progress", stage=moment)
    assert worker.close() < 1

    assert worker.process.returncode == 1
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_bytes() == b"what was there before"


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_termination_is_a_cancel(worker, large_scene, tmp_path, red_bundle):
    worker.ask("map", scene=str(large_scene), bundle=str(red_bundle), out=str(tmp_path / "o.gpkg"))
    worker.until("progress", stage="map")
    worker.process.send_signal(signal.SIGTERM)

    assert worker.process.wait(5) == 1
    assert list(tmp_path.iterdir()) == []


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(number) for number in text.split()]


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc")


@needs_proc
def test_a_killed_worker_leaves_nothing(worker, large_scene, tmp_path, red_bundle):
    worker.ask("map", scene=str(large_scene), bundle=str(red_bundle), out=str(tmp_path / "o.gpkg"))
    worker.until("progress", stage="map")
    (task,) = children(worker.process.pid)
    worker.process.kill()

    wait_until(lambda: not alive(task))
    assert list(tmp_path.iterdir()) == []


@needs_proc
def test_a_killed_driver_leaves_nothing(large_scene, tmp_path, red_bundle):
    """The driver is killed, so nobody tells the worker anything: its stdin just ends."""
    params = {"scene": str(large_scene), "bundle": str(red_bundle), "out": str(tmp_path / "o.gpkg")}
    line = json.dumps({"id": 1, "method": "map", "params": params}).encode() + b"\n"
    script = (
        "import subprocess, sys\n"
        "worker = subprocess.Popen([sys.executable, '-I', '-m', 'l4s_geo.worker'], stdin=subprocess.PIPE,"
        " stdout=subprocess.PIPE)\n"
        f"worker.stdin.write({line!r}); worker.stdin.flush()\n"
        "while b'\"map\"' not in worker.stdout.readline(): pass\n"
        "print(worker.pid, flush=True)\n"
        "worker.stdout.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as driver:
        worker = int(driver.stdout.readline())
        (task,) = children(worker)
        driver.kill()

    wait_until(lambda: not alive(worker) and not alive(task))
    assert list(tmp_path.iterdir()) == []


@needs_proc
def test_a_crash_is_an_error_and_the_worker_goes_on(worker, large_scene, tmp_path, scene, red_bundle):
    worker.ask("map", scene=str(large_scene), bundle=str(red_bundle), out=str(tmp_path / "o.gpkg"))
    worker.until("progress", stage="map")
    os.kill(children(worker.process.pid)[0], signal.SIGKILL)
    error = worker.answer()

    assert error["kind"] == "Crash"
    assert "SIGKILL" in error["message"]
    assert list(tmp_path.iterdir()) == [scene.parent]
    worker.ask("check", scene=str(scene), id=2)
    assert worker.answer(2)["type"] == "result"


def test_workers_run_at_once(start, large_scene, tmp_path, red_bundle):
    drivers = [start() for _ in range(2)]
    for number, driver in enumerate(drivers):
        driver.ask("map", scene=str(large_scene), bundle=str(red_bundle), out=str(tmp_path / f"{number}.gpkg"))
    for driver in drivers:
        driver.until("progress", stage="map")
    drivers[0].close()
    answer = drivers[1].answer()

    assert answer["type"] == "result"
    assert [p.name for p in tmp_path.iterdir()] == ["1.gpkg"]


def test_a_reader_that_goes_away_ends_the_run(large_scene, tmp_path, red_bundle):
    worker = subprocess.Popen(
        [sys.executable, "-I", "-m", "l4s_geo.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    params = {"scene": str(large_scene), "bundle": str(red_bundle), "out": str(tmp_path / "o.gpkg")}
    worker.stdin.write(json.dumps({"id": 1, "method": "map", "params": params}).encode() + b"\n")
    worker.stdin.flush()
    worker.stdout.readline()
    worker.stdout.close()
    closer = threading.Timer(20, worker.kill)
    closer.start()
    assert worker.wait() == 1
    closer.cancel()
    worker.stdin.close()
    assert list(tmp_path.iterdir()) == []

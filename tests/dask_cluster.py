"""A Dask cluster of processes of this machine, as users start one: a scheduler, and workers that may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Cluster", "cluster"]

_WAIT_S = 120.0
Environment = dict[str, str] | None


@dataclass
class Cluster:
    """A cluster that runs."""

    folder: Path
    address: str = ""
    file: Path = Path()
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_scheduler(self, preload: str = "") -> None:
        """Start a scheduler, which may run a program first."""
        self.file = self.folder / "scheduler.json"
        options = ["--scheduler-file", str(self.file), "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = self._start("dask_scheduler", [*options, "--no-show"], preload)
        until = time.monotonic() + _WAIT_S
        while not self.address:
            assert time.monotonic() < until, "the scheduler does not start"
            time.sleep(0.1)
            try:
                self.address = json.loads(self.file.read_text())["address"]
            except (OSError, ValueError):
                continue

    def start_worker(self, *options: str, preload: str = "", threads: int = 1, env: Environment = None) -> None:
        """Start a worker, which may run a program first."""
        place = self.folder / f"worker{len(self.workers)}"
        given = [self.address, "--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        given += ["--local-directory", str(place), "--death-timeout", "60", *options]
        self.workers.append(self._start("dask_worker", given, preload, env))

    def wait(self, count: int) -> None:
        """Wait until so many workers are there."""
        from distributed import Client

        with Client(self.address, set_as_default=False, timeout=_WAIT_S) as client:
            client.wait_for_workers(count, timeout=_WAIT_S)

    def stop(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            if process and process.poll() is None:
                process.kill()
        for process in (*self.workers, self.scheduler):
            if process:
                process.wait()

    def _start(
        self, program: str, options: Sequence[str], preload: str, env: Environment = None
    ) -> subprocess.Popen[bytes]:
        if preload:
            path = self.folder / f"preload{len(list(self.folder.iterdir()))}.py"
            path.write_text(preload, encoding="utf-8")
            options = [*options, "--preload", str(path)]
        log = (self.folder / f"{program}{len(self.workers)}.log").open("wb")
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *options],
            stdout=log,
            stderr=log,
            env={**os.environ, "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "0", **(env or {})},
        )


@contextmanager
def cluster(folder: Path, workers: int = 0) -> Iterator[Cluster]:
    """Start a scheduler and workers, and end them."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Cluster(folder)
    try:
        running.start_scheduler()
        for _ in range(workers):
            running.start_worker()
        if workers:
            running.wait(workers)
        yield running
    finally:
        running.stop()

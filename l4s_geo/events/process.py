"""Further processes of this machine that map units of a job table: ``python -m l4s_geo.events.process``.

The first process starts them, and writes on stdin, as one line of JSON, which table and units they work on; when their
stdin ends, nobody waits for them any more, and they exit. On stdout they write what is to be said, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from l4s_geo.address import shown
from l4s_geo.assumptions import Assumptions
from l4s_geo.chatter import without_chatter
from l4s_geo.errors import L4SError
from l4s_geo.progress import Silent

__all__ = ["main", "work_in_processes"]


_PATIENCE_S = 10.0
"""What a process may take to note that its unit was stopped."""
_PROGRAM = ("-m", "l4s_geo.events.process")


def work_in_processes(
    table: Path, names: Sequence[str], retry: bool, workers: int, hear: Callable[[str], None]
) -> list[str]:
    """Map units in so many processes, and wait for all of them.

    Args:
        table: the job table, in which the units are.
        names: the units, in the order of work.
        retry: whether to try again what has failed.
        workers: the number of processes.
        hear: is told what happens, a sentence at a time, by any thread.

    Returns:
        Why processes ended that could not go on; none if all did what there was to do. What became of the units, the
        table says.
    """
    running = [_start(table, names, retry, share) for share in _shares(workers)]
    told: list[str] = []
    threads = [threading.Thread(target=_follow, args=(process, hear, told)) for process in running]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        for process in running:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    died = [f"a worker died ({_cause(process.returncode)})" for process in running if process.returncode not in (0, 2)]
    return [*told, *died]


def main() -> int:
    """Do what stdin says; the exit status is 0, or 2 if something kept the process from going on."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process, which then ends this one
    threading.Thread(target=_exit_with_parent, args=(Path(request["table"]),), daemon=True).start()
    if (share := request["cpus"]) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, share)
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no message

    def send(**message: str) -> None:
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    from l4s_geo.events.job_table import JobTable
    from l4s_geo.events.work import Worker, line_of

    try:
        with without_chatter(), JobTable(Path(request["table"])) as table:
            for job, outcome in Worker(table, _Speaking(send), request["retry"]).work(request["names"]):
                if outcome in ("mapped", "failed"):
                    send(say=line_of(job, outcome))
    except L4SError as error:
        send(error=str(error))
        return 2
    return 0


class _Speaking(Silent):
    """Passes on what every user should see."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send

    def say(self, text: str) -> None:
        """Pass on a line."""
        self._send(say=text)

    def assumes(self, assumptions: Assumptions) -> None:
        """Pass on what is taken for granted, in one piece."""
        self._send(say="\n".join(assumptions.lines()))


def _start(table: Path, names: Sequence[str], retry: bool, share: Sequence[int]) -> subprocess.Popen[bytes]:
    options = ["-I"] if sys.flags.isolated else []
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, *options, *_PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    order = {"table": str(table), "names": list(names), "retry": retry, "cpus": list(share)}
    if process.stdin:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    return process


def _follow(process: subprocess.Popen[bytes], hear: Callable[[str], None], told: list[str]) -> None:
    for line in process.stdout or ():
        message = json.loads(line)
        if "error" in message:
            told.append(message["error"])
        else:
            hear(shown(message["say"]))
    process.wait()


def _shares(workers: int) -> list[list[int]]:
    """Share the processors out among workers: as many to each, if there are enough; none in particular otherwise."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if workers > len(cpus):
        return [[] for _ in range(workers)]
    return [cpus[place::workers] for place in range(workers)]


def _exit_with_parent(table: Path) -> None:
    """Wait for the end of stdin; then nobody waits for this process any more, whose unit another will go on with."""
    from l4s_geo.events.job_table import JobTable

    while sys.stdin.buffer.read(4096):
        pass
    try:
        with JobTable(table) as jobs:
            jobs.release_own()
    finally:
        os._exit(1)


def _cause(status: int) -> str:
    if status < 0:
        return f"signal {-status}" + (", as happens when the memory is used up" if status == -9 else "")
    return f"exit status {status}; its last lines on stderr say why"


if __name__ == "__main__":
    # An ordinary exit would wait for the thread that watches stdin.
    status = main()
    sys.stdout.flush()
    os._exit(status)

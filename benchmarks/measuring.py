"""Measures a piece of work in a process of its own: seconds, and the peak of its memory."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

__all__ = ["Measured", "measure", "table"]


@dataclass(frozen=True)
class Measured:
    """What a piece of work took."""

    seconds: float
    cpu_seconds: float
    """Of all threads: what other programs on the machine hardly change."""
    peak_gib: float
    """Highest resident memory of its process."""
    result: Any = None


def measure(work: Callable[..., Any], *arguments: Any) -> Measured:
    """Run a module-level function in a fresh process and measure it."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, work, arguments))
    process.start()
    sender.close()
    try:
        outcome = receiver.recv()
    except EOFError:
        raise RuntimeError(f"{work.__name__} died with exit code {process.exitcode}") from None
    process.join()
    if isinstance(outcome, BaseException):
        raise outcome
    return Measured(*outcome)


def table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Print rows as a Markdown table."""
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(f'{v:.2f}' if isinstance(v, float) else str(v) for v in row)} |")
    sys.stdout.flush()


def _run(sender: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        started, before = perf_counter(), process_time()
        result = work(*arguments)
        seconds, cpu = perf_counter() - started, process_time() - before
        # Not getrusage: its peak includes that of the parent, from before the process replaced itself.
        status = Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 2**20
        sender.send((seconds, cpu, peak, result))
    except BaseException as error:
        sender.send(error)

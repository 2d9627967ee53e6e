"""How a run goes: who hears of it, and the seconds that it spends in each of its stages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol

from l4s_geo.assumptions import Assumptions

__all__ = ["Reporter", "Silent", "Stopwatch", "heard", "stages_line"]


class Stopwatch:
    """Adds up seconds by name, from any thread; stages that overlap in time each count in full."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}
        """Seconds of each stage, in the order in which the stages ended first."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the ``with`` block."""
        started = perf_counter()
        try:
            yield
        finally:
            took = perf_counter() - started
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + took


def stages_line(stages: Mapping[str, float]) -> str:
    """Word the seconds of each stage for a log."""
    return "Seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items())


class Reporter(Protocol):
    """Something that hears how a run goes: the command line shows it, Python by default ignores it."""

    def say(self, text: str) -> None:
        """Take a line that every user should see."""

    def detail(self, text: str) -> None:
        """Take a line for those who asked for more."""

    def assumes(self, assumptions: Assumptions) -> None:
        """Take what the run takes for granted of its scene; every user should see it."""

    def progress(self, done: int, total: int) -> None:
        """Take how many windows of a map, or strips of a stack, are done, and how many there are in all."""

    def took(self, stages: Mapping[str, float]) -> None:
        """Take the seconds of each stage, at the end; stages of the mapping itself overlap."""


@contextmanager
def heard(reporter: Reporter) -> Iterator[None]:
    """Let a reporter hear inside the ``with`` block what this package warns of by Python's logging: long waits."""
    log, ear = logging.getLogger("l4s_geo"), _Ear(reporter)
    log.addHandler(ear)
    try:
        yield
    finally:
        log.removeHandler(ear)


class _Ear(logging.Handler):
    """Passes what is logged on to a reporter."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.say(record.getMessage())


class Silent:
    """A reporter that ignores everything."""

    def say(self, text: str) -> None:
        """Ignore a line."""

    def detail(self, text: str) -> None:
        """Ignore a line."""

    def assumes(self, assumptions: Assumptions) -> None:
        """Ignore assumptions."""

    def progress(self, done: int, total: int) -> None:
        """Ignore progress."""

    def took(self, stages: Mapping[str, float]) -> None:
        """Ignore seconds."""
